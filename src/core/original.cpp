// SPDX-License-Identifier: PostgreSQL
// Resets and upgrades belong to the owner of their original (SEMANTICS W12a).
#include <algorithm>
#include <string_view>
#include <tuple>

#include "core/decision.hpp"
#include "core/fold.hpp"

namespace affiliate::core {

namespace {

/// Whether the sale belongs to the account, or to any account of the challenge, that is named.
bool is_of_account(const Sale &sale, const OriginalKeys &keys, const std::vector<Account> &accounts) noexcept {
    if (sale.account_id.empty()) return false;
    if (!keys.account_id.empty()) return sale.account_id == keys.account_id;
    return std::any_of(accounts.begin(), accounts.end(), [&](const Account &account) {
        return account.challenge_id == keys.challenge_id && account.account_id == sale.account_id;
    });
}

bool goes_before(const Sale &a, const Sale &b) noexcept {
    auto const key = [](const Sale &sale) {
        SaleKind const kind = sale.row->sale_kind;
        bool const is_special = kind == SaleKind::reset || kind == SaleKind::upgrade;
        return std::tuple(!sale.completed_at, is_special, sale.completed_at.value_or(kForever),
                          std::string_view(sale.row->transaction_id));
    };
    return key(a) < key(b);
}

} // namespace

bool names_original(const Sale &line) noexcept {
    return !line.original_transaction_id.empty() || !line.original_account_id.empty() || !line.original_challenge_id.empty();
}

const Sale *original_of(const Sale &line, const std::vector<Order> &orders, const std::vector<Account> &accounts) noexcept {
    return original_by({line.original_transaction_id, line.original_account_id, line.original_challenge_id}, orders,
                       accounts, &line);
}

const Sale *original_by(const OriginalKeys &keys, const std::vector<Order> &orders, const std::vector<Account> &accounts,
                        const Sale *except) noexcept {
    const Sale *found = nullptr;
    for (const Order &order : orders)
        for (const Sale *other : order.lines) {
            if (other == except) continue;
            if (!keys.transaction_id.empty()) {
                if (other->row->transaction_id == keys.transaction_id) return other;
            } else if (other->row->effect == Effect::sale && is_of_account(*other, keys, accounts) &&
                       (found == nullptr || goes_before(*other, *found))) {
                found = other;
            }
        }
    return found;
}

/// One whose original is unknown is decided like a sale when late_grace is over; until then it waits, unless it is
/// decided whatever the original says.
bool Fold::decided_like_a_sale(Order &order) {
    const Sale &line = *order.lines.front();
    if (!names_original(line) || original_of(line, result_.orders, file_.accounts) != nullptr) return false;
    return !order.completed_at || now_ >= recorded_by(order);
}

void Fold::decide_special(Order &order) {
    Decision &decision = order.decision;
    decided_.insert(&order);
    if (const Override *item = override_for(order))
        decision.candidates.push_back(override_candidate(*item, order.ordered_at));
    if (order.is_upgrade)
        if (const Sale *original = original_of(*order.lines.front(), result_.orders, file_.accounts))
            decision.purchase_number = source_of(*original).decision.purchase_number;
    bool const is_overridden = touches_.first_eligible(decision.candidates, Method::override_) == 0;
    if (!is_overridden) decide_by_original(decision, order);
    else if (!decide_by_nobody(decision, 0)) win(decision, 0, &order);
    collect_touches(order, decision.candidates); // none of them competes, all of them are stored (W1)
    if (const ConversionRow *row = kept(order)) {
        keep(decision, *row);
        decision.waits_until.reset();
    } else if (decision.waits_until) {
        wait(decision, *decision.waits_until);
    }
}

void Fold::decide_by_original(Decision &decision, const Order &order) {
    const Sale &line = *order.lines.front();
    const Sale *const original = original_of(line, result_.orders, file_.accounts);
    std::optional<Claim> claim;
    if (original != nullptr) {
        claim = claim_of_original(decision, *original);
    } else if (names_original(line)) {
        decision.waits_until = recorded_by(order);
    } else {
        review("original_missing", line.row->transaction_id, name(line.row->sale_kind));
        if (const Ownership *owner = result_.owner_at(account_key(order), order.ordered_at))
            claim = Claim{ownership_candidate(*owner, order.ordered_at), owner->ends_at};
    }
    if (!claim) return;
    Candidate &candidate = claim->candidate;
    const Affiliate *const affiliate = rulebook_.affiliate(candidate.affiliate_no);
    const char *why = nullptr;
    if (order.ordered_at >= claim->ends_at) why = "window_expired";
    else if (affiliate != nullptr)
        why = touches_.ineligible(*affiliate, Method::ownership, candidate.at, order.ordered_at);
    Time const since = candidate.at;
    if (why != nullptr) candidate.code = why;
    decision.candidates.push_back(std::move(candidate));
    if (why != nullptr) {
        nobody(decision, why);
        return;
    }
    win(decision, static_cast<int>(decision.candidates.size()) - 1, &order);
    decision.customer_since = since;
}

/// The order of the original, decided.
const Order &Fold::source_of(const Sale &original) {
    auto const source = std::find_if(result_.orders.begin(), result_.orders.end(), [&](const Order &other) {
        return std::find(other.lines.begin(), other.lines.end(), &original) != other.lines.end();
    });
    if (decided_.count(&*source) == 0) decide_special(*source);
    return *source;
}

std::optional<Fold::Claim> Fold::claim_of_original(Decision &decision, const Sale &original) {
    const Order &source = source_of(original);
    if (original.is_void || source.decision.affiliate_no == 0) {
        nobody(decision, original.is_void ? "original_void" : "original_unattributed");
        return std::nullopt;
    }
    Claim claim;
    Candidate &candidate = claim.candidate;
    candidate.method = Method::ownership;
    candidate.affiliate_no = source.decision.affiliate_no;
    candidate.at = original.ordered_at;
    candidate.ref = original.row->transaction_id;
    if (const Candidate *won = source.decision.won()) {
        candidate.campaign_no = won->campaign_no;
        candidate.traffic_source = won->traffic_source;
    }
    Time runs_from = original.completed_at.value_or(original.ordered_at);
    int band = 0;
    if (const Ownership *owner = result_.owner_at(account_key(source), original.ordered_at);
        owner != nullptr && owner->affiliate_no == candidate.affiliate_no) {
        runs_from = std::max(runs_from, owner->runs_from);
        band = owner->band;
    } else {
        band = band_when_begun(account_key(source), candidate.affiliate_no, original.ordered_at, candidate.ref);
    }
    claim.ends_at = ownership_end(runs_from, candidate, original.ordered_at, band);
    return claim;
}

} // namespace affiliate::core
