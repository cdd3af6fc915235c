// SPDX-License-Identifier: PostgreSQL
#include "core/report.hpp"

#include <algorithm>

namespace affiliate::core {

namespace {

/// What a content report says, without its times.
bool same_content(const TransactionState &a, const TransactionState &b) {
    return a.status == b.status && a.amount == b.amount && a.tax == b.tax && a.wallet_credit == b.wallet_credit &&
           a.account_size == b.account_size && a.list_price == b.list_price && a.discount == b.discount &&
           a.fee == b.fee && a.collected == b.collected && a.product_id == b.product_id &&
           a.challenge_type == b.challenge_type && a.phase == b.phase && a.metadata == b.metadata;
}

bool reports_content(const TransactionState &state) {
    return state.status == Status::pending || follows_completion(state);
}

int content_rank(const TransactionState &state) {
    switch (state.status) {
    case Status::pending: return 0;
    case Status::reinstated: return 3;
    default: return 2;
    }
}

/// The last tie between reports of one instant and rank: amount, then the bytes of the content (M2).
bool content_less(const TransactionState &a, const TransactionState &b) {
    auto const key = [](const TransactionState &s) {
        auto const value = [](const std::optional<Decimal> &d) { return d ? d->normalized().to_string() : std::string(); };
        return std::vector<std::string>{value(s.tax),   value(s.wallet_credit), value(s.account_size), value(s.list_price),
                                        value(s.discount), value(s.fee),        value(s.collected),    s.product_id,
                                        s.challenge_type, s.phase,              s.metadata};
    };
    Decimal const x = a.amount.value_or(Decimal{}), y = b.amount.value_or(Decimal{});
    return x == y ? key(a) < key(b) : x < y;
}

bool input_less(const TransactionState &a, const TransactionState &b) {
    auto const key = [](const TransactionState &s) {
        std::vector<std::string> result{s.order_id,    s.click_id,   s.declared_affiliate, s.campaign_id,
                                        s.payment_fingerprint, s.account_id, s.original_transaction_id,
                                        s.original_account_id, s.original_challenge_id};
        result.insert(result.end(), s.coupon_codes.begin(), s.coupon_codes.end());
        return result;
    };
    return key(a) < key(b);
}

template <class T> void keep_latest(T &field, const T &value) {
    if (!(value == T{})) field = value;
}
void keep_latest(Decimal &field, const std::optional<Decimal> &value) {
    if (value) field = *value;
}

/// The content fields that a state knows, as bits.
unsigned known_fields(const TransactionState &s) {
    unsigned known = 0, bit = 1;
    for (bool const is_known : {s.amount.has_value(), s.tax.has_value(), s.wallet_credit.has_value(),
                                s.account_size.has_value(), s.list_price.has_value(), s.discount.has_value(),
                                s.fee.has_value(), s.collected.has_value(), !s.product_id.empty(),
                                !s.challenge_type.empty(), !s.phase.empty(), !s.metadata.empty()}) {
        if (is_known) known |= bit;
        bit <<= 1;
    }
    return known;
}

using ContentReports = std::vector<std::pair<Time, const Dated *>>;

/// M2: a content report that came after newer ones and says nothing that they leave open.
bool has_stale_report(const ContentReports &reports) {
    unsigned filled = 0;
    for (auto it = reports.rbegin(); it != reports.rend(); ++it) {
        const TransactionState &state = *it->second->state;
        bool const is_content = state.status == Status::pending || state.status == Status::completed ||
                                state.status == Status::reinstated;
        if (is_content && it->second->before != nullptr && !same_content(*it->second->before, state) &&
            it->first < reports.back().first && state.version > reports.back().second->state->version &&
            (known_fields(state) & ~filled) == 0)
            return true;
        filled |= known_fields(state);
    }
    return false;
}

} // namespace

bool same_times(const TransactionState &a, const TransactionState &b) noexcept {
    return a.completed_at == b.completed_at && a.refunded_at == b.refunded_at && a.status_at == b.status_at;
}

bool follows_completion(const TransactionState &state) noexcept {
    switch (state.status) {
    case Status::completed:
    case Status::refunded:
    case Status::refund_failed:
    case Status::disputed:
    case Status::chargeback:
    case Status::dispute_won:
    case Status::reinstated: return true;
    default: return state.completed_at.has_value();
    }
}

bool is_refund_word(const TransactionState &state) noexcept {
    return state.status == Status::refunded || state.status == Status::refund_failed;
}

Time Dated::word_at() const {
    bool const dated_as_refund = before != nullptr && state->status_at == before->status_at && state->refunded_at &&
                                 state->refunded_at != before->refunded_at;
    return dated_as_refund ? *state->refunded_at : at({&TransactionState::status_at});
}

Time Dated::reported_at() const {
    if (on_arrival) return state->recorded_at;
    if (state->status == Status::completed || state->status == Status::reinstated)
        return state->status_at || state->completed_at
                   ? dated_by({&TransactionState::status_at, &TransactionState::completed_at})
                   : first_of({state->ordered_at}, state->recorded_at);
    if (state->status == Status::pending && state->status_at) return *state->status_at;
    if (follows_completion(*state)) return first_of({state->completed_at, state->ordered_at}, state->recorded_at);
    return first_of({state->status_at, state->ordered_at}, state->recorded_at);
}

Time Dated::content_at(Time ordered_at) const {
    switch (state->status) {
    case Status::pending:
    case Status::completed:
    case Status::reinstated: return reported_at();
    default: return state->completed_at.value_or(ordered_at);
    }
}

Time Dated::input_at() const {
    switch (state->status) {
    case Status::refunded: return at({&TransactionState::refunded_at, &TransactionState::status_at});
    case Status::refund_failed: return at({&TransactionState::status_at, &TransactionState::refunded_at});
    case Status::disputed:
    case Status::chargeback:
    case Status::dispute_won: return at({&TransactionState::status_at});
    default: return reported_at();
    }
}

std::vector<Dated> dated(const States &states) {
    std::vector<Dated> result;
    result.reserve(states.size());
    for (std::size_t i = 0; i < states.size(); ++i)
        result.push_back({states[i], i > 0 ? states[i - 1] : nullptr, i > 0 && same_times(*states[i - 1], *states[i])});
    return result;
}
void read_content(Sale &sale, const std::vector<Dated> &chain, std::vector<Review> &reviews) {
    ContentReports reports;
    bool knows_size = false;
    for (std::size_t i = 0; i < chain.size(); ++i)
        if (reports_content(*chain[i].state) && !(chain.size() > 1 && seen_before(chain, i, same_content))) {
            reports.emplace_back(chain[i].content_at(sale.ordered_at), &chain[i]);
            knows_size = knows_size || (!is_refund_word(*chain[i].state) && chain[i].state->account_size);
        }
    if (reports.size() > 1) {
        std::stable_sort(reports.begin(), reports.end(), [](const auto &a, const auto &b) {
            if (a.first != b.first) return a.first < b.first;
            const TransactionState &s = *a.second->state, &t = *b.second->state;
            if (int const x = content_rank(s), y = content_rank(t); x != y) return x < y;
            return content_less(s, t);
        });
        if (has_stale_report(reports))
            reviews.push_back({"stale_update", sale.row->transaction_id,
                               "an older report came after newer ones and changed nothing"});
    }
    for (const auto &[at, report] : reports) {
        const TransactionState *const state = report->state;
        keep_latest(sale.gross, state->amount);
        keep_latest(sale.tax, state->tax);
        keep_latest(sale.wallet_credit, state->wallet_credit);
        // The size in a refund is what the sale was turned into (M5), not what was sold.
        if (!knows_size || !is_refund_word(*state)) keep_latest(sale.account_size, state->account_size);
        keep_latest(sale.list_price, state->list_price);
        keep_latest(sale.discount, state->discount);
        keep_latest(sale.fee, state->fee);
        keep_latest(sale.collected, state->collected);
        keep_latest(sale.product_id, state->product_id);
        keep_latest(sale.challenge_type, state->challenge_type);
        keep_latest(sale.phase, state->phase);
        keep_latest(sale.metadata, state->metadata);
        sale.latest_news_at = std::max(sale.latest_news_at, at);
    }
    sale.gross = sale.gross.abs();
}

void read_inputs(Sale &sale, const std::vector<Dated> &chain) {
    std::vector<const Dated *> order;
    order.reserve(chain.size());
    for (const Dated &item : chain) order.push_back(&item);
    if (order.size() > 1)
        std::stable_sort(order.begin(), order.end(), [](const Dated *a, const Dated *b) {
            Time const x = a->input_at(), y = b->input_at();
            return x != y ? x < y : input_less(*a->state, *b->state);
        });
    for (const Dated *item : order) {
        const TransactionState &state = *item->state;
        keep_first(sale.coupon_codes, state.coupon_codes);
        keep_first(sale.order_key, state.order_id);
        keep_first(sale.click_id, state.click_id);
        keep_first(sale.declared_affiliate, state.declared_affiliate);
        keep_first(sale.campaign_id, state.campaign_id);
        keep_first(sale.payment_fingerprint, state.payment_fingerprint);
        keep_first(sale.account_id, state.account_id);
        keep_first(sale.original_transaction_id, state.original_transaction_id);
        keep_first(sale.original_account_id, state.original_account_id);
        keep_first(sale.original_challenge_id, state.original_challenge_id);
        if (sale.line_no == 0) sale.line_no = state.line_no;
        sale.is_test = sale.is_test || state.is_test;
    }
    if (sale.order_key.empty()) sale.order_key = sale.row->transaction_id;
}

void read_times(Sale &sale, const std::vector<Dated> &chain) {
    std::optional<Time> given, earliest;
    auto const consider = [&earliest](std::optional<Time> time) {
        if (time && (!earliest || *time < *earliest)) earliest = time;
    };
    for (const Dated &item : chain) {
        if (item.state->ordered_at) given = item.state->ordered_at;
        consider(item.state->completed_at);
        consider(item.state->status_at);
        consider(item.state->refunded_at);
        bool const is_dated = item.state->completed_at || item.state->status_at || item.state->refunded_at;
        if (!is_dated) consider(item.state->recorded_at); // it happened on arrival
    }
    sale.ordered_at = given ? *given : *earliest;
    for (const Dated &item : chain) {
        if (!follows_completion(*item.state)) continue;
        Time const at = item.state->completed_at.value_or(sale.ordered_at);
        if (!sale.completed_at || at < *sale.completed_at) sale.completed_at = at;
        if (sale.first_completed_recorded_at == 0 || item.state->recorded_at < sale.first_completed_recorded_at)
            sale.first_completed_recorded_at = item.state->recorded_at;
    }
}

} // namespace affiliate::core
