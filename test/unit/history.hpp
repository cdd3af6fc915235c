// SPDX-License-Identifier: PostgreSQL
// Random rulebooks and case files, made of bytes: from a fuzzer or from a seeded generator. A history is a list of news;
// each carries its own time, so that it may arrive at any moment.
#pragma once

#include "case_builder.hpp"

namespace story {

/// Choices, taken from bytes; when they run out, every choice is the first one.
class Choices {
public:
    Choices(const std::uint8_t *data, std::size_t size) : data_(data), end_(data + size) {}
    int below(int count) { return data_ == end_ ? 0 : *data_++ % count; }
    bool one_in(int count) { return below(count) == count - 1; }
    template <class T> T any_of(std::initializer_list<T> values) {
        return values.begin()[below(static_cast<int>(values.size()))];
    }
    /// A coarse grid, so that news meet at one instant, and now and then a microsecond beside it.
    Time moment(int days = 12) {
        Time const at = day(below(days), below(3) * 8);
        return one_in(4) ? at + below(3) - 1 : at;
    }

private:
    const std::uint8_t *data_, *end_;
};

/// One piece of news: what it says of its row, everything else unknown.
struct NewsItem {
    enum class Kind : std::uint8_t { transaction, dispute, customer, click, event } kind = Kind::transaction;
    TransactionState transaction;
    DisputeState dispute;
    CustomerState customer;
    Click click;
    Event event;
};

struct History {
    std::vector<NewsItem> news;
    std::vector<Override> overrides; ///< known from the beginning
};

// Rulebook ---------------------------------------------------------------------------------------------------------

inline void choose_policies(Choices &choose, Program &p) {
    auto const policy = [&choose] {
        return choose.any_of({LaterTouch::keep, LaterTouch::this_order, LaterTouch::move, LaterTouch::nobody});
    };
    p.later_coupon = policy();
    p.later_click = policy();
    p.first_click = choose.one_in(4);
    p.window_end =
        choose.any_of({WindowEnd::instant_exclusive, WindowEnd::instant_inclusive, WindowEnd::end_of_day});
    p.click_window = choose.any_of({3, 1, 30}) * kDay;
    p.lead_window = choose.any_of({90, 5, 0}) * kDay;
    p.ownership_window = choose.any_of({90, 4, 8}) * kDay;
    p.bind_at_registration = choose.one_in(4);
    p.bind_number_one_only = choose.one_in(4);
    p.ownership_rebind = !choose.one_in(4);
    p.ownership_kind = choose.any_of(
        {OwnershipKind::fixed, OwnershipKind::rolling, OwnershipKind::lifetime, OwnershipKind::per_account});
    p.ownership_restart_rule = choose.any_of({0, usual_rule});
    p.cooling_off = choose.any_of({2, 0, 5}) * kDay;
    p.ladder_counts_orders = choose.one_in(4);
    p.plan_by_customer = choose.one_in(4);
    p.reverse_on_dispute_opened = choose.one_in(3);
    p.reverse_success_bonus = choose.one_in(3);
    p.success_bonus_reasons = {"bonus"};
    p.zero_amount_counts = choose.one_in(4);
    p.upgrade_counts = choose.any_of({UpgradeCounts::delta, UpgradeCounts::new_purchase, UpgradeCounts::none});
    if (choose.one_in(5)) p.commission_from = day(3);
    if (choose.one_in(5))
        p.precedence = {Method::coupon, Method::click, Method::override_, Method::ownership, Method::declared};
}

inline void choose_rules(Choices &choose, Story &s) {
    PlanRule &usual = s.book.plans[{program_no, "plan"}].back().rules.front();
    usual.take_back = choose.any_of({TakeBack::recompute, TakeBack::proportional});
    usual.rounding = choose.any_of({Rounding::half_up, Rounding::half_even, Rounding::down, Rounding::up});
    usual.group = "share";
    if (choose.one_in(3)) usual.monthly_cap = money("12.50");
    if (choose.one_in(3)) {
        Ladder &ladder = s.book.ladders[1];
        ladder.no = ladder.program_no = 1;
        ladder.retroactive = choose.one_in(2);
        ladder.bands = {{1, 1, money("0.1"), {}, "low"}, {2, 3, money("0.2"), {}, "high"}};
        s.only_rule(usual_rule, [](const RuleInput &in) { return in.net * in.band_rate.value_or(Decimal{}); })
            .ladder_no = 1;
    }
    if (choose.one_in(2))
        s.rule(11, [](const RuleInput &) { return money("7.77"); },
               [](const RuleInput &in) { return in.purchase_number == 1; })
            .take_back = choose.any_of({TakeBack::recompute, TakeBack::proportional});
    if (choose.one_in(3))
        s.rule(12, [](const RuleInput &in) { return in.gross * money("0.333"); }).group = "share";
    if (choose.one_in(3)) s.rule(13, [](const RuleInput &in) { return in.net * money("0.05"); }).level = 1;
    if (choose.one_in(3)) s.rule(14, [](const RuleInput &) { return money("2"); }).transaction_types = {"registration"};
    if (choose.one_in(3)) s.affiliate(alice).uplines.push_back({carol, 1, kBeginning, kForever});
    s.positions_before = choose.below(4);
    s.used_before = Decimal::from_int(choose.below(15));
    for (const PlanRule &rule : s.book.plans[{program_no, "plan"}].back().rules)
        s.program().has_second_stage = s.program().has_second_stage || rule.second_stage();
}

inline void choose_affiliates(Choices &choose, Story &s) {
    s.coupon("A", alice);
    s.coupon("B", bob);
    s.coupon("HOUSE", nobody);
    s.book.fx_rates[{"EUR", "USD"}] = {{day(2), money("1.1"), "bank"}, {day(6), money("1.2345"), "bank"}};
    if (choose.one_in(3))
        s.affiliate(alice).changes.push_back(
            {choose.moment(), choose.any_of({AffiliateStatus::suspended, AffiliateStatus::terminated,
                                             AffiliateStatus::pending})});
    if (choose.one_in(4)) {
        Agreement &item = s.agreement(alice, day(choose.below(6)));
        item.windows.ownership = choose.below(6) * kDay;
        item.termination_tail = choose.below(6) * kDay;
    }
    if (choose.one_in(8)) s.affiliate(bob).own_customers = {"customer"};
    if (choose.one_in(6))
        s.affiliate(alice).suspension.push_back({program_no, choose.one_in(2), day(9), day(choose.below(9))});
}

// Facts ------------------------------------------------------------------------------------------------------------

class HistoryMaker {
public:
    explicit HistoryMaker(Choices &choose) : choose_(choose) {}

    History make() {
        customer();
        int const clicks = choose_.below(3);
        for (int i = 0; i < clicks; ++i) click("c" + std::to_string(i));
        int const sales = 1 + choose_.below(4);
        for (int i = 0; i < sales; ++i) sale("s" + std::to_string(i), i);
        if (choose_.one_in(4)) follower("x", "", Effect::refund);
        int const events = choose_.below(4);
        for (int i = 0; i < events; ++i) event("e" + std::to_string(i));
        if (choose_.one_in(4)) {
            Override item;
            item.no = 1;
            item.affiliate_no = choose_.any_of({nobody, bob});
            item.from = choose_.moment();
            item.claw_back = choose_.one_in(2);
            if (choose_.one_in(2)) item.transaction_id = "s0";
            history_.overrides.push_back(item);
        }
        return std::move(history_);
    }

private:
    const char *amount() { return choose_.any_of({"100", "33.33", "10", "0.01", "250.5", "0"}); }

    NewsItem &add(NewsItem::Kind kind) {
        history_.news.emplace_back();
        history_.news.back().kind = kind;
        return history_.news.back();
    }

    void customer() {
        int const states = choose_.below(3);
        Time const signup = choose_.moment(4);
        for (int i = 0; i < states; ++i) {
            CustomerState &state = add(NewsItem::Kind::customer).customer;
            state.customer_id = "customer";
            state.signup_at = signup;
            state.modified_at = later(signup, i == 0 ? 0 : choose_.below(8) * kDay + i);
            state.country = i == 0 ? "DE" : "FR";
            state.kyc_status = i == 0 ? "open" : "passed";
            state.declared_affiliate = choose_.any_of({"alice", "bob", "whoever"});
        }
    }

    void click(const std::string &id) {
        Click &item = add(NewsItem::Kind::click).click;
        item.click_id = id;
        item.affiliate_no = choose_.any_of({alice, bob, carol, 99});
        item.clicked_at = choose_.moment(8);
    }

    void event(const std::string &id) {
        Event &item = add(NewsItem::Kind::event).event;
        item.event_id = id;
        item.kind = choose_.any_of({EventKind::funded, EventKind::evaluation_passed, EventKind::chargeback_filed,
                                    EventKind::reset_purchased});
        if (choose_.one_in(8)) item.kind.reset();
        item.occurred_at = choose_.moment();
        item.transaction_id = choose_.any_of({"s0", "", "s1", "never"});
        item.account_id = choose_.any_of({"", "acc1", "acc2"});
        if (choose_.one_in(4)) item.original_account_id = "acc1";
    }

    /// A report of a transaction, dated by status_at, which is another one for each report of one row.
    TransactionState &report(const std::string &id, Status status, Time at) {
        TransactionState &state = add(NewsItem::Kind::transaction).transaction;
        state.transaction_id = id;
        state.status = status;
        state.status_at = at + 10 * ++reports_;
        return state;
    }

    void sale(const std::string &id, int number) {
        Time const ordered = choose_.moment(8), completed = ordered + choose_.any_of<Time>({0, 8, 72}) * kHour;
        bool const is_ordered = choose_.one_in(2);
        SaleKind const kind = number == 0 ? SaleKind::purchase
                                          : choose_.any_of({SaleKind::purchase, SaleKind::purchase, SaleKind::reset,
                                                            SaleKind::upgrade});
        const char *const currency = choose_.one_in(5) ? "EUR" : "USD";
        std::string const order = choose_.one_in(4) ? "together" : "", account = choose_.any_of({"", "acc1", "acc2"});
        std::vector<std::string> codes;
        if (choose_.one_in(3)) codes = {choose_.any_of({"a", "B", "HOUSE", "nothing"})};
        std::string const click_id = choose_.one_in(4) ? choose_.any_of({"c0", "unknown"}) : "";
        std::string const declared = choose_.one_in(4) ? choose_.any_of({"carol", "nobody we know"}) : "";
        std::string const original =
            number > 0 && choose_.one_in(2) ? "s" + std::to_string(choose_.below(number)) : "";
        auto const keyed = [&](TransactionState &state) -> TransactionState & {
            if (is_ordered) state.ordered_at = ordered;
            state.type = "challenge";
            state.sale_kind = kind;
            state.currency = currency;
            state.order_id = order;
            state.account_id = account;
            state.coupon_codes = codes;
            state.click_id = click_id;
            state.declared_affiliate = declared;
            if (kind != SaleKind::purchase) state.original_transaction_id = original;
            return state;
        };
        TransactionState &first = keyed(report(id, Status::completed, completed));
        first.completed_at = completed;
        contents(first);
        int const more = choose_.below(4);
        for (int i = 0; i < more; ++i) {
            TransactionState &state = keyed(later_report(id));
            bool const is_other = state.status == Status::pending || state.status == Status::failed ||
                                  state.status == Status::cancelled;
            if (!is_other) state.completed_at = completed;
        }
        int const followers = choose_.below(3);
        for (int i = 0; i < followers; ++i)
            follower(id + "f" + std::to_string(i), id,
                     choose_.any_of({Effect::refund, Effect::chargeback, Effect::correction}), currency);
        if (choose_.one_in(3)) dispute(id);
    }

    void contents(TransactionState &state) {
        state.amount = money(amount());
        if (choose_.one_in(4)) state.tax = Decimal::divide(*state.amount, money("5"));
        else state.tax = money("0");
        state.product_id = choose_.any_of({"p", "q"});
    }

    TransactionState &later_report(const std::string &id) {
        TransactionState &state =
            report(id,
                   choose_.any_of({Status::completed, Status::refunded, Status::refund_failed, Status::failed,
                                   Status::reinstated, Status::disputed, Status::chargeback, Status::dispute_won,
                                   Status::pending, Status::cancelled}),
                   choose_.moment());
        bool const is_content = state.status == Status::completed || state.status == Status::pending;
        if (is_content || state.status == Status::reinstated) contents(state);
        if (state.status == Status::refunded) {
            state.refunded_at = state.status_at;
            state.refunded_amount = money(amount());
            state.refund_reason = choose_.one_in(4) ? "bonus" : "other";
        }
        if (state.status == Status::refund_failed) state.refunded_amount = money("0");
        return state;
    }

    void follower(const std::string &id, const std::string &original, Effect effect, const char *currency = "USD") {
        bool const has_amount = effect == Effect::correction || !choose_.one_in(3);
        auto const keyed = [&](TransactionState &state) {
            state.type = "follower";
            state.effect = effect;
            state.currency = currency;
            state.original_transaction_id = original;
            if (effect == Effect::correction) state.amount = money(choose_.any_of({"-10", "5", "-250"}));
            else if (has_amount) state.amount = money(amount());
        };
        Time const at = choose_.moment();
        TransactionState &first = report(id, Status::completed, at);
        first.completed_at = first.status_at;
        keyed(first);
        if (choose_.one_in(3)) keyed(report(id, choose_.any_of({Status::failed, Status::completed}), choose_.moment()));
    }

    void dispute(const std::string &sale) {
        DisputeState &opened = add(NewsItem::Kind::dispute).dispute;
        opened.dispute_id = sale + "d";
        opened.transaction_id = sale;
        opened.opened_at = choose_.moment();
        if (!choose_.one_in(2)) opened.amount = money(amount());
        if (choose_.one_in(3)) return;
        DisputeState closed;
        closed.dispute_id = opened.dispute_id;
        closed.transaction_id = sale;
        closed.closed_at = *opened.opened_at + choose_.below(5) * kDay;
        closed.outcome = choose_.any_of({DisputeState::Outcome::lost, DisputeState::Outcome::won});
        add(NewsItem::Kind::dispute).dispute = closed;
    }

    Choices &choose_;
    History history_;
    int reports_ = 0;
};

// Arrival ----------------------------------------------------------------------------------------------------------

template <class T> void known(T &field, const T &value) {
    if (!(value == T{})) field = value;
}

/// What an UPDATE of the row with this news leaves: columns that it does not know stay as they were.
inline TransactionState merged(const TransactionState *before, const TransactionState &news) {
    TransactionState row = before == nullptr ? TransactionState{} : *before;
    if (before != nullptr) ++row.version;
    row.transaction_id = news.transaction_id;
    row.status = news.status;
    row.effect = news.effect;
    row.sale_kind = news.sale_kind;
    for (auto member : {&TransactionState::type, &TransactionState::currency, &TransactionState::order_id,
                        &TransactionState::account_id, &TransactionState::original_transaction_id,
                        &TransactionState::product_id, &TransactionState::refund_reason, &TransactionState::click_id,
                        &TransactionState::declared_affiliate})
        known(row.*member, news.*member);
    for (auto member : {&TransactionState::amount, &TransactionState::tax, &TransactionState::refunded_amount})
        known(row.*member, news.*member);
    for (auto member : {&TransactionState::ordered_at, &TransactionState::completed_at, &TransactionState::refunded_at,
                        &TransactionState::status_at})
        known(row.*member, news.*member);
    known(row.coupon_codes, news.coupon_codes);
    return row;
}

inline DisputeState merged(const DisputeState *before, const DisputeState &news) {
    DisputeState row = before == nullptr ? news : *before;
    if (before != nullptr) ++row.version;
    known(row.opened_at, news.opened_at);
    known(row.closed_at, news.closed_at);
    known(row.amount, news.amount);
    known(row.outcome, news.outcome);
    return row;
}

/// One piece of news reaches the database.
inline void arrive(Story &s, const NewsItem &news, Time at) {
    switch (news.kind) {
    case NewsItem::Kind::transaction: {
        const TransactionState *before = nullptr;
        for (const TransactionState &other : s.reports)
            if (other.transaction_id == news.transaction.transaction_id) before = &other;
        s.reports.push_back(merged(before, news.transaction));
        s.reports.back().recorded_at = at;
        break;
    }
    case NewsItem::Kind::dispute: {
        const DisputeState *before = nullptr;
        for (const DisputeState &other : s.disputes)
            if (other.dispute_id == news.dispute.dispute_id) before = &other;
        s.disputes.push_back(merged(before, news.dispute));
        s.disputes.back().recorded_at = at;
        break;
    }
    case NewsItem::Kind::customer: {
        int const version = static_cast<int>(s.customers.size());
        s.customers.push_back(news.customer);
        s.customers.back().version = version;
        s.customers.back().recorded_at = at;
        break;
    }
    case NewsItem::Kind::event:
        s.events.push_back(news.event);
        s.events.back().recorded_at = at;
        break;
    case NewsItem::Kind::click:
        s.clicks.push_back(news.click);
        s.clicks.back().recorded_at = at;
        break;
    }
}

} // namespace story
