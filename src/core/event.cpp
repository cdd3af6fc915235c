// SPDX-License-Identifier: PostgreSQL
// Whose an event of a challenge is: of whoever earned the purchase that it hangs on, whatever happened since (SEMANTICS
// L1).
#include "core/decision.hpp"
#include "core/fold.hpp"

namespace affiliate::core {

/// The purchase that the first of the event's keys leads to: its transaction, the original account or challenge of a
/// reset, its own account or challenge.
const Sale *Fold::purchase_of(const Event &event) const {
    const OriginalKeys ways[] = {{event.transaction_id, {}, {}},
                                 {{}, event.original_account_id, {}},
                                 {{}, {}, event.original_challenge_id},
                                 {{}, event.account_id, {}},
                                 {{}, {}, event.challenge_id}};
    for (const OriginalKeys &keys : ways) {
        if (keys.transaction_id.empty() && keys.account_id.empty() && keys.challenge_id.empty()) continue;
        if (const Sale *found = original_by(keys, result_.orders, file_.accounts)) return found;
    }
    return nullptr;
}

void Fold::decide_event(const Event &event) {
    DecidedEvent decided{&event, purchase_of(event), {}};
    if (decided.purchase != nullptr)
        follow_purchase(decided.decision, *decided.purchase);
    else
        decide_without_purchase(decided.decision, event);
    result_.events.push_back(std::move(decided));
}

/// Neither window nor eligibility is asked again: who brought the trader is a fact of the purchase.
void Fold::follow_purchase(Decision &decision, const Sale &purchase) {
    const Decision &source = source_of(purchase).decision;
    decision.waits_until = source.waits_until;
    if (purchase.is_void || source.affiliate_no == 0) {
        nobody(decision, purchase.is_void ? "original_void" : "original_unattributed");
        return;
    }
    Candidate candidate;
    candidate.method = source.method;
    candidate.affiliate_no = source.affiliate_no;
    candidate.at = purchase.ordered_at;
    candidate.ref = purchase.row->transaction_id;
    if (const Candidate *won = source.won()) {
        candidate.campaign_no = won->campaign_no;
        candidate.traffic_source = won->traffic_source;
    }
    decision.candidates.push_back(std::move(candidate));
    take(decision, 0);
}

/// Until the purchase is known: who owns the customer, or whoever an operator says.
void Fold::decide_without_purchase(Decision &decision, const Event &event) {
    Time const at = event.occurred_at;
    if (const Override *item = override_of_customer(at)) decision.candidates.push_back(override_candidate(*item, at));
    std::string const account =
        program_.ownership_kind == OwnershipKind::per_account ? event.account_id : std::string();
    if (const Ownership *owner = result_.owner_at(account, at))
        decision.candidates.push_back(ownership_candidate(*owner, at));
    for (Method const method : program_.precedence) {
        int const best = touches_.first_eligible(decision.candidates, method);
        if (best < 0) continue;
        if (!decide_by_nobody(decision, best)) take(decision, best);
        return;
    }
    bool const names_one = !event.transaction_id.empty() || !event.account_id.empty() || !event.challenge_id.empty() ||
                           !event.original_account_id.empty() || !event.original_challenge_id.empty();
    nobody(decision, names_one ? "original_unknown" : "original_missing");
    explain_nobody(decision);
}

} // namespace affiliate::core
