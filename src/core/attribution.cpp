// SPDX-License-Identifier: PostgreSQL
#include "core/attribution.hpp"

#include <algorithm>
#include <string_view>

#include "core/decision.hpp"
#include "core/fold.hpp"

namespace affiliate::core {

const Ownership *Attribution::owner_at(const std::string &account_id, Time at) const noexcept {
    const Ownership *found = nullptr;
    for (const Ownership &ownership : ownerships)
        if (ownership.account_id == account_id && ownership.covers_from <= at &&
            (found == nullptr || ownership.covers_from >= found->covers_from))
            found = &ownership;
    return found != nullptr && at < found->ends_at ? found : nullptr;
}

Fold::Fold(const CaseFile &file, const Rulebook &rulebook, const News &news, Positions &positions, Time now,
           RestartTest &restart)
    : file_(file), program_(*file.program), rulebook_(rulebook), positions_(positions), now_(now), restart_(restart),
      touches_(file, rulebook) {
    result_.orders = orders_of(news, program_);
    for (const ConversionRow &row : file.conversions)
        if (row.stated_at && row.subject == Subject::registration) stated_registration_ = &row;
        else if (row.stated_at && row.subject == Subject::transaction) stated_lines_[row.transaction_id] = &row;
    for (const Order &order : result_.orders)
        for (const Sale *line : order.lines)
            if (const ConversionRow *row = stated(*line); row != nullptr && holds_number(*line, *row))
                taken_.insert(row->purchase_number);
}

Attribution Fold::run() {
    result_.signup_at = signup_at(file_, kForever - 1);
    find_binding();
    register_customer();
    for (Order &order : result_.orders)
        if (order.completed_at) assign_number(order);
    for (Order &order : result_.orders) {
        move_clicks(account_key(order), order.ordered_at, recorded_by(order));
        if (!order.is_special || decided_like_a_sale(order)) {
            decide(order);
            if (order.completed_at && !order.is_void && !order.is_special) follow(order);
        }
        if (order.has_number) ++number_;
    }
    for (Order &order : result_.orders)
        if (decided_.count(&order) == 0) decide_special(order);
    for (Order &order : result_.orders) note_conflict(order.decision);
    move_remaining_clicks();
    for (const Event &event : file_.events) decide_event(event);
    review_declarations();
    return std::move(result_);
}

// Stated lines and operators -------------------------------------------------------------------------------------------

const ConversionRow *Fold::stated(const Sale &line) const {
    auto const it = stated_lines_.find(line.row->transaction_id);
    return it == stated_lines_.end() ? nullptr : it->second;
}

const ConversionRow *Fold::stated(const Order &order) const {
    for (const Sale *line : order.lines)
        if (const ConversionRow *row = stated(*line)) return row;
    return nullptr;
}

/// Neither void nor an upgrade: its number is taken (W9).
bool Fold::holds_number(const Sale &line, const ConversionRow &row) const {
    return row.purchase_number > 0 && !line.is_void && !is_upgrade(line, program_);
}

/// A stated line stands unless an operator takes it back: the override decided, and for somebody else. What was stated
/// because of it, it does not change; but a line that was taken back is open until the new owner's is stated (W14).
bool Fold::stands(const ConversionRow &row, const Override *item, const Decision &decision) const {
    if (item == nullptr || !item->claw_back) return true;
    bool const is_overridden =
        std::any_of(decision.candidates.begin(), decision.candidates.end(), [](const Candidate &candidate) {
            std::string_view const code = candidate.code;
            return candidate.method == Method::override_ && (code == "won" || code == "self_referral");
        });
    if (is_overridden && decision.affiliate_no != row.affiliate_no) return false;
    bool of_owner = false, of_other = false;
    for (const CommissionRow &commission : file_.commissions_of(row.transaction_id, row.subject)) {
        if (!commission.stated_at || commission.level != 0) continue;
        (commission.affiliate_no == row.affiliate_no ? of_owner : of_other) = true;
    }
    return of_owner || !of_other;
}

const ConversionRow *Fold::kept(const Order &order) const {
    const ConversionRow *const row = stated(order);
    return row != nullptr && stands(*row, override_for(order), order.decision) ? row : nullptr;
}

/// The order or registration has the owner of a stated line, whatever was decided now.
void Fold::keep(Decision &decision, const ConversionRow &row) {
    decision.is_stated = true;
    if (decision.affiliate_no != row.affiliate_no) decision.winner = -1;
    decision.affiliate_no = row.affiliate_no;
    decision.method = row.method;
    decision.code = row.affiliate_no == 0 ? row.code : std::string(); // why nobody; the rest is the line's own
}

const Override *Fold::override_for(const Order &order) const {
    const Override *found = nullptr;
    for (const Override &item : file_.overrides) {
        bool const names_it =
            item.transaction_id.empty() ||
            std::any_of(order.lines.begin(), order.lines.end(),
                        [&](const Sale *line) { return line->row->transaction_id == item.transaction_id; });
        if (names_it && item.from <= order.ordered_at && order.ordered_at < item.until &&
            (found == nullptr || item.no > found->no))
            found = &item;
    }
    return found;
}

/// Of the overrides of all the customer does; one of an order leaves everything else alone.
const Override *Fold::override_of_customer(Time at) const {
    const Override *found = nullptr;
    for (const Override &item : file_.overrides)
        if (item.transaction_id.empty() && item.from <= at && at < item.until &&
            (found == nullptr || item.no > found->no))
            found = &item;
    return found;
}

Candidate Fold::override_candidate(const Override &item, Time at) const {
    Candidate candidate;
    candidate.method = Method::override_;
    candidate.affiliate_no = item.affiliate_no;
    candidate.at = item.from;
    candidate.ref = std::to_string(item.no);
    if (const Affiliate *affiliate = rulebook_.affiliate(item.affiliate_no))
        if (const char *why = touches_.ineligible(*affiliate, Method::override_, at, at)) candidate.code = why;
    return candidate;
}

// Ownership ------------------------------------------------------------------------------------------------------------

std::string Fold::account_key(const Order &order) const {
    return program_.ownership_kind == OwnershipKind::per_account ? order.lines.front()->account_id : std::string();
}

/// The band of the affiliate's last month that was locked when the ownership began, where bands say how long it lasts.
/// It is pinned then: the month may still get a late line (W6).
int Fold::band_when_begun(const std::string &account, int affiliate_no, Time begins_at, const std::string &cause) const {
    const Ladder *const ladder = rulebook_.ladder(program_.window_ladder);
    if (ladder == nullptr) return 0;
    for (const PostedOwnership &row : file_.ownerships)
        if (row.band != 0 && row.account_id == account && row.affiliate_no == affiliate_no &&
            row.begins_at == begins_at && row.cause == cause)
            return row.band;
    Time month = program_.calendar->month_start(begins_at);
    do month = program_.calendar->month_start(month - 1);
    while (later(program_.calendar->next_month(month), rulebook_.longest_hold) > begins_at);
    int const counted = positions_.counted(program_.no, affiliate_no, ladder->no, month);
    const Band *const band = ladder->band_at(std::max(counted, 1));
    return band == nullptr ? 0 : band->band;
}

Time Fold::ownership_end(Time from, const Candidate &touch, Time at, int band) const {
    if (program_.ownership_kind == OwnershipKind::lifetime) return kForever;
    Rulebook::Resolved const windows = touches_.windows(touch, at);
    Duration length = windows.ownership;
    if (const Ladder *ladder = rulebook_.ladder(program_.window_ladder); ladder != nullptr && windows.is_program_ownership)
        for (const Band &item : ladder->bands)
            if (item.band == band) length = item.ownership_window.value_or(length);
    return window_end(from, length, program_.window_end, *program_.calendar);
}

void Fold::own(const std::string &account, const Candidate &touch, Time covers_from, Time runs_from, std::string cause) {
    Ownership ownership;
    ownership.account_id = account;
    ownership.affiliate_no = touch.affiliate_no;
    ownership.covers_from = covers_from;
    ownership.runs_from = runs_from;
    ownership.band = band_when_begun(account, touch.affiliate_no, covers_from, cause);
    ownership.ends_at = ownership_end(runs_from, touch, covers_from, ownership.band);
    ownership.cause = std::move(cause);
    ownership.campaign_no = touch.campaign_no;
    ownership.traffic_source = touch.traffic_source;
    auto const at = std::find_if(result_.ownerships.begin(), result_.ownerships.end(),
                                 [&](const Ownership &other) { return other.covers_from > covers_from; });
    result_.ownerships.insert(at, std::move(ownership));
}

/// A click of another affiliate moves the ownership at the click, purchase or not (W5); every account has its own.
void Fold::move_clicks(const std::string &account, Time up_to, Time recorded_until) {
    if (program_.later_click != LaterTouch::move) return;
    std::vector<const Click *> clicks;
    for (const Click &click : file_.clicks)
        if (click.affiliate_no != 0 && !click.is_test && !click.wrong_program && click.clicked_at <= up_to &&
            click.recorded_at <= recorded_until && moved_.count({account, click.click_id}) == 0)
            clicks.push_back(&click);
    std::sort(clicks.begin(), clicks.end(), [](const Click *a, const Click *b) {
        return a->clicked_at != b->clicked_at ? a->clicked_at < b->clicked_at : a->click_id < b->click_id;
    });
    for (const Click *click : clicks) {
        const Ownership *const owner = result_.owner_at(account, click->clicked_at);
        const Affiliate *const affiliate = rulebook_.affiliate(click->affiliate_no);
        if (owner == nullptr || owner->affiliate_no == click->affiliate_no || owner->covers_from >= click->clicked_at ||
            affiliate == nullptr ||
            touches_.ineligible(*affiliate, Method::click, click->clicked_at, click->clicked_at) != nullptr ||
            self(click->affiliate_no, nullptr))
            continue;
        moved_.insert({account, click->click_id});
        Candidate touch;
        touch.affiliate_no = click->affiliate_no;
        touch.at = click->clicked_at;
        touch.campaign_no = click->campaign_no;
        touch.traffic_source = click->traffic_source;
        own(account, touch, click->clicked_at, click->clicked_at, click->click_id);
    }
}

/// Purchase or not: the clicks after the last order move the ownership too.
void Fold::move_remaining_clicks() {
    std::set<std::string> accounts;
    for (const Ownership &ownership : result_.ownerships) accounts.insert(ownership.account_id);
    for (const std::string &account : accounts) move_clicks(account, kForever - 1, kForever);
}

/// What a completed, not void order does to ownership (W5, W7).
void Fold::follow(Order &order) {
    const Decision &decision = order.decision;
    if (decision.affiliate_no == 0 || !order.has_number) return;
    std::string const account = account_key(order);
    if (program_.ownership_kind == OwnershipKind::per_account && account.empty()) return;
    Ownership *latest = nullptr;
    for (Ownership &ownership : result_.ownerships)
        if (ownership.account_id == account) latest = &ownership;
    bool const begins = latest == nullptr ? !program_.bind_number_one_only || decision.purchase_number == 1
                                          : order.ordered_at >= latest->ends_at && program_.ownership_rebind;
    if (moves_ || begins) {
        Candidate touch;
        touch.affiliate_no = decision.affiliate_no;
        touch.at = order.ordered_at;
        if (const Candidate *won = decision.won()) touch = *won;
        // A moved ownership has a full new length from the touch.
        own(account, touch, order.ordered_at, moves_ ? order.ordered_at : *order.completed_at,
            order.lines.front()->row->transaction_id);
        order.decision.customer_since = order.ordered_at;
    } else if (latest != nullptr && order.ordered_at < latest->ends_at) {
        lengthen(*latest, order);
    }
}

/// A payment of its owner restarts a rolling ownership (W7).
void Fold::lengthen(Ownership &ownership, const Order &order) {
    if (program_.ownership_kind != OwnershipKind::rolling || order.decision.affiliate_no != ownership.affiliate_no ||
        ownership.covers_from > order.ordered_at || *order.completed_at <= ownership.runs_from)
        return;
    if (program_.ownership_restart_rule != 0 && !restart_.restarts(result_, order)) return;
    Candidate owner;
    owner.affiliate_no = ownership.affiliate_no;
    owner.at = ownership.covers_from;
    owner.campaign_no = ownership.campaign_no;
    owner.traffic_source = ownership.traffic_source;
    ownership.runs_from = *order.completed_at;
    ownership.ends_at = ownership_end(ownership.runs_from, owner, ownership.covers_from, ownership.band);
}

// The registration -----------------------------------------------------------------------------------------------------

/// The registration as a conversion, and as the beginning of ownership where the program binds there (W7).
void Fold::register_customer() {
    if (!result_.signup_at) return;
    Time const signed_up = *result_.signup_at;
    Decision decision;
    const Override *const item = override_of_customer(signed_up);
    if (item != nullptr) decision.candidates.push_back(override_candidate(*item, signed_up));
    touches_.at_registration(signed_up, touches_.registration_recorded_by(), decision.candidates);
    decide_registration(decision);
    if (stated_registration_ != nullptr && stands(*stated_registration_, item, decision))
        keep(decision, *stated_registration_);
    else wait_for_registration_click(decision, signed_up);
    if (program_.bind_at_registration && decision.affiliate_no != 0) {
        Candidate owner;
        owner.affiliate_no = decision.affiliate_no;
        owner.at = signed_up;
        if (const Candidate *won = decision.won()) owner = *won;
        own({}, owner, signed_up, signed_up, "registration");
    }
    note_conflict(decision);
    result_.registration = std::move(decision);
}

void Fold::decide_registration(Decision &decision) {
    for (Method const method : program_.precedence) {
        if (method == Method::ownership || method == Method::lead) continue;
        int const best = touches_.first_eligible(decision.candidates, method);
        if (best < 0) continue;
        if (!decide_by_nobody(decision, best)) win(decision, best, nullptr);
        return;
    }
}

/// W2: the signup where the program binds there, else when the first order that has a number was completed.
void Fold::find_binding() {
    if (program_.bind_at_registration) binding_at_ = result_.signup_at;
    for (const Order &order : result_.orders)
        if (!binding_at_ && order.has_number) binding_at_ = order.completed_at;
}

/// W2: a declared id that was changed after it had bound the customer moves nothing, but somebody should look.
void Fold::review_declarations() {
    if (!binding_at_) return;
    const CustomerState *const counts = customer_at(file_, &CustomerState::declared_affiliate, *binding_at_);
    for (const CustomerState &state : file_.customer)
        if (counts != nullptr && !state.declared_affiliate.empty() &&
            state.declared_affiliate != counts->declared_affiliate && state.held_from > counts->held_from)
            review("declared_changed", file_.customer_id, state.declared_affiliate);
}

// Orders ---------------------------------------------------------------------------------------------------------------

void Fold::assign_number(Order &order) {
    for (const Sale *line : order.lines)
        if (const ConversionRow *row = stated(*line); row != nullptr && holds_number(*line, *row)) {
            order.decision.purchase_number = row->purchase_number;
            passed_.insert(row->purchase_number);
            return;
        }
    if (const ConversionRow *row = stated(order); row != nullptr && order.is_upgrade) {
        order.decision.purchase_number = row->purchase_number;
        return;
    }
    auto const next_beside = [this](const std::set<int> &held) {
        int next = next_number_ + 1;
        while (held.count(next) != 0) ++next;
        return next;
    };
    // whatever later lines were stated with since
    if (order.is_void && !order.is_upgrade) order.decision.would_be_number = next_beside(passed_);
    if (order.has_number) order.decision.purchase_number = next_number_ = next_beside(taken_);
}

Time Fold::recorded_by(const Order &order) const {
    return order.completed_at ? later(order.first_completed_recorded_at, program_.late_grace) : kForever;
}

Attribution attribute(const CaseFile &file, const Rulebook &rulebook, const News &news, Positions &positions, Time now,
                      RestartTest &restart) {
    return Fold(file, rulebook, news, positions, now, restart).run();
}

} // namespace affiliate::core
