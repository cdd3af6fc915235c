// SPDX-License-Identifier: PostgreSQL
#include "core/news.hpp"

#include <algorithm>

#include "core/take_back.hpp"

namespace affiliate::core {

namespace {

using States = std::vector<const TransactionState *>;

bool same_times(const TransactionState &a, const TransactionState &b) {
    return a.completed_at == b.completed_at && a.refunded_at == b.refunded_at && a.status_at == b.status_at;
}

/// What a content report says, without its times.
bool same_content(const TransactionState &a, const TransactionState &b) {
    return a.status == b.status && a.amount == b.amount && a.tax == b.tax && a.wallet_credit == b.wallet_credit &&
           a.account_size == b.account_size && a.list_price == b.list_price && a.discount == b.discount &&
           a.fee == b.fee && a.collected == b.collected && a.product_id == b.product_id &&
           a.challenge_type == b.challenge_type && a.phase == b.phase && a.metadata == b.metadata;
}

bool follows_completion(const TransactionState &state) {
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

Time first_of(std::initializer_list<std::optional<Time>> times, Time fallback) {
    for (const std::optional<Time> &time : times)
        if (time) return *time;
    return fallback;
}

/// One state with what the chain of arrivals says about its times.
struct Dated {
    const TransactionState *state;
    bool on_arrival = false; ///< it changed something but none of the time columns: it happened when it arrived (M1)

    Time at(std::optional<Time> own) const {
        if (on_arrival) return state->recorded_at;
        return own ? *own : state->recorded_at;
    }
    Time content_at() const {
        if (on_arrival) return state->recorded_at;
        if (state->status == Status::completed || state->status == Status::reinstated)
            return first_of({state->status_at, state->completed_at, state->ordered_at}, state->recorded_at);
        if (state->status == Status::pending && state->status_at) return *state->status_at;
        if (follows_completion(*state)) return first_of({state->completed_at, state->ordered_at}, state->recorded_at);
        return first_of({state->status_at, state->ordered_at}, state->recorded_at);
    }
};

std::vector<Dated> dated(const States &states) {
    std::vector<Dated> result;
    result.reserve(states.size());
    for (std::size_t i = 0; i < states.size(); ++i)
        result.push_back({states[i], i > 0 && same_times(*states[i - 1], *states[i])});
    return result;
}

/// Whether state i says and dates something as an earlier state did: carried along, or a report that was sent again,
/// which keeps its time.
template <class Same> bool seen_before(const std::vector<Dated> &chain, std::size_t i, Same same) {
    for (std::size_t j = 0; j < i; ++j)
        if (same(*chain[j].state, *chain[i].state) && same_times(*chain[j].state, *chain[i].state)) return true;
    return false;
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

void read_content(Sale &sale, const std::vector<Dated> &chain) {
    std::vector<std::pair<Time, const TransactionState *>> reports;
    for (std::size_t i = 0; i < chain.size(); ++i)
        if (reports_content(*chain[i].state) && !(chain.size() > 1 && seen_before(chain, i, same_content)))
            reports.emplace_back(chain[i].content_at(), chain[i].state);
    if (reports.size() > 1)
        std::stable_sort(reports.begin(), reports.end(), [](const auto &a, const auto &b) {
            if (a.first != b.first) return a.first < b.first;
            if (int const x = content_rank(*a.second), y = content_rank(*b.second); x != y) return x < y;
            return content_less(*a.second, *b.second);
        });
    for (const auto &[at, state] : reports) {
        keep_latest(sale.gross, state->amount);
        keep_latest(sale.tax, state->tax);
        keep_latest(sale.wallet_credit, state->wallet_credit);
        keep_latest(sale.account_size, state->account_size);
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

template <class T> void keep_first(T &field, const T &value) {
    if (field.empty()) field = value;
}

void read_inputs(Sale &sale, const std::vector<Dated> &chain) {
    std::vector<const Dated *> order;
    order.reserve(chain.size());
    for (const Dated &item : chain) order.push_back(&item);
    if (order.size() > 1)
        std::stable_sort(order.begin(), order.end(), [](const Dated *a, const Dated *b) {
            Time const x = a->content_at(), y = b->content_at();
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
        sale.is_test = sale.is_test || state.is_test;
    }
    if (sale.order_key.empty()) sale.order_key = sale.row->transaction_id;
}

/// ordered_at where given, else the earliest date of any report (W8); completion at the earliest completed report (M2).
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

bool is_bonus(const Program &program, const std::string &reason) {
    return !program.reverse_success_bonus && !reason.empty() &&
           std::find(program.success_bonus_reasons.begin(), program.success_bonus_reasons.end(), reason) !=
               program.success_bonus_reasons.end();
}

/// The take-back news in the sale's own row: cumulative refund, failure and reinstatement, dispute words.
void read_own_take_backs(TakeBacks &take_backs, const std::vector<Dated> &chain, const Program &program) {
    auto const same_refund = [](const TransactionState &a, const TransactionState &b) {
        return a.refunded_amount == b.refunded_amount && a.status == b.status && a.refund_reason == b.refund_reason;
    };
    auto const same_status = [](const TransactionState &a, const TransactionState &b) { return a.status == b.status; };
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const TransactionState &state = *chain[i].state;
        bool const refund_word = state.status == Status::refunded || state.status == Status::refund_failed;
        // Carried along by a report of something else.
        bool const is_carried = !refund_word && i > 0 &&
                                chain[i - 1].state->refunded_amount == state.refunded_amount &&
                                chain[i - 1].state->refunded_at == state.refunded_at;
        if ((refund_word || state.refunded_amount) && !is_carried && !seen_before(chain, i, same_refund)) {
            std::optional<Time> const own = state.status == Status::refund_failed
                                                ? (state.status_at ? state.status_at : state.refunded_at)
                                                : (state.refunded_at ? state.refunded_at : state.status_at);
            std::optional<Decimal> amount = state.refunded_amount;
            if (!amount && state.status == Status::refund_failed) amount = Decimal{};
            // A zero beside another status is no news of a refund: it is as old as the report.
            bool const is_nothing = !refund_word && !own && amount->is_zero();
            take_backs.cumulative(is_nothing ? chain[i].content_at() : chain[i].at(own), amount ? std::optional(amount->abs()) : std::nullopt,
                                  is_bonus(program, state.refund_reason));
        }
        if (seen_before(chain, i, same_status)) continue;
        Time const at = chain[i].at(state.status_at);
        switch (state.status) {
        case Status::failed:
        case Status::cancelled: take_backs.failed(at); break;
        case Status::reinstated: take_backs.reinstated(at); break;
        case Status::disputed: take_backs.dispute_word(at, DisputeNews::opened, {}); break;
        case Status::chargeback: take_backs.dispute_word(at, DisputeNews::lost, {}); break;
        case Status::dispute_won: take_backs.dispute_word(at, DisputeNews::won, {}); break;
        default: break;
        }
    }
}

/// The date of a refund, chargeback or adjustment row: the time of that news, before that of the sale it may repeat (W8).
/// An UPDATE that dates itself by status_at happened then.
Time news_date(const TransactionState &state, const TransactionState *before = nullptr) {
    if (before != nullptr && state.status_at && state.status_at != before->status_at) return *state.status_at;
    return first_of({state.refunded_at, state.completed_at, state.status_at, state.ordered_at}, state.recorded_at);
}

/// A refund, chargeback or correction row: news about another transaction, dated by its own date (W8).
struct Follower {
    States states;
    std::string original, account, currency, id;
    Time at = 0, recorded_at = 0;

    const TransactionState &row() const { return *states.back(); }
};

Follower follower(States states) {
    Follower result;
    result.states = std::move(states);
    result.id = result.row().transaction_id;
    result.currency = result.row().currency;
    std::optional<Time> at;
    result.recorded_at = result.states.front()->recorded_at;
    const TransactionState *before = nullptr;
    for (const TransactionState *state : result.states) {
        keep_first(result.original, state->original_transaction_id);
        keep_first(result.account, state->original_account_id);
        keep_first(result.account, state->account_id);
        if (follows_completion(*state)) {
            bool const is_failure = state->status == Status::failed || state->status == Status::cancelled ||
                                    state->status == Status::refund_failed;
            Time const own = news_date(*state, is_failure ? nullptr : before);
            if (!at || own < *at) at = own;
        }
        before = state;
    }
    result.at = at.value_or(result.recorded_at);
    return result;
}

void add_to(const Follower &follower, TakeBacks &take_backs, const Program &program) {
    std::vector<Dated> const chain = dated(follower.states);
    auto const same = [](const TransactionState &a, const TransactionState &b) {
        return a.status == b.status && a.amount == b.amount;
    };
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const TransactionState &state = *chain[i].state;
        if (state.status == Status::pending && !state.completed_at) continue;
        if (seen_before(chain, i, same)) continue;
        bool const failed = state.status == Status::failed || state.status == Status::cancelled ||
                            state.status == Status::refund_failed;
        Time const at = failed ? chain[i].at(state.status_at)
                               : (chain[i].on_arrival ? state.recorded_at
                                                      : news_date(state, i > 0 ? chain[i - 1].state : nullptr));
        switch (state.effect) {
        case Effect::refund:
            take_backs.refund(follower.id, at, failed, state.amount ? std::optional(state.amount->abs()) : std::nullopt,
                              is_bonus(program, state.refund_reason));
            break;
        case Effect::chargeback:
            take_backs.dispute_word(at, failed ? DisputeNews::won : DisputeNews::lost,
                                    state.amount ? std::optional(state.amount->abs()) : std::nullopt);
            break;
        default: take_backs.adjustment(follower.id, at, failed ? Decimal{} : state.amount.value_or(Decimal{})); break;
        }
    }
}

void add_to(const std::vector<const DisputeState *> &states, TakeBacks &take_backs) {
    for (std::size_t i = 0; i < states.size(); ++i) {
        const DisputeState &state = *states[i];
        const DisputeState *const before = i > 0 ? states[i - 1] : nullptr;
        bool const on_arrival = before != nullptr && before->opened_at == state.opened_at &&
                                before->closed_at == state.closed_at;
        auto const at = [&](std::optional<Time> own) {
            return on_arrival || !own ? state.recorded_at : *own;
        };
        std::optional<Decimal> const amount = state.amount ? std::optional(state.amount->abs()) : std::nullopt;
        // Without opened_at, a dispute that is closed already was opened at some time before.
        bool const opening_is_dated = state.opened_at || state.outcome == DisputeState::Outcome::open;
        if (opening_is_dated &&
            (before == nullptr || before->opened_at != state.opened_at || before->amount != state.amount))
            take_backs.dispute(state.dispute_id, state.opened_at ? *state.opened_at : state.recorded_at,
                               DisputeNews::opened, amount);
        if (state.outcome == DisputeState::Outcome::open) continue;
        if (before != nullptr && before->outcome == state.outcome && before->closed_at == state.closed_at &&
            before->lost_amount == state.lost_amount && before->amount == state.amount)
            continue;
        bool const won = state.outcome == DisputeState::Outcome::won;
        bool const partial = state.outcome == DisputeState::Outcome::partial;
        take_backs.dispute(state.dispute_id, at(state.closed_at), won ? DisputeNews::won : DisputeNews::lost,
                           partial && state.lost_amount ? std::optional(state.lost_amount->abs()) : amount);
    }
}

struct Draft {
    Sale sale;
    States states;
    TakeBacks take_backs;
};

/// The only sale that a refund without reference can mean, or nothing (W12).
Draft *only_open_sale(std::vector<Draft> &drafts, const Follower &refund) {
    Draft *found = nullptr;
    for (Draft &draft : drafts) {
        const Sale &sale = draft.sale;
        if (sale.row->currency != refund.currency || !sale.completed_at || *sale.completed_at > refund.at) continue;
        if (sale.row->effect != Effect::sale || (!refund.account.empty() && sale.account_id != refund.account)) continue;
        if (draft.take_backs.whole_before(refund.at, refund.id, *sale.completed_at)) continue;
        if (found != nullptr) return nullptr;
        found = &draft;
    }
    return found;
}

void place_refunds_without_reference(const CaseFile &file, std::vector<Draft> &drafts, std::vector<Follower> &refunds,
                                     Time now, News &news) {
    std::sort(refunds.begin(), refunds.end(), [](const Follower &a, const Follower &b) {
        return a.at != b.at ? a.at < b.at : a.id < b.id;
    });
    for (const Follower &refund : refunds) {
        Draft *target = nullptr;
        auto const pinned = std::find_if(file.refund_matches.begin(), file.refund_matches.end(),
                                         [&](const RefundMatch &match) { return match.transaction_id == refund.id; });
        if (pinned != file.refund_matches.end()) {
            for (Draft &draft : drafts)
                if (draft.sale.row->transaction_id == pinned->matched_transaction_id) target = &draft;
        } else {
            target = only_open_sale(drafts, refund);
            Time const pinned_from = later(refund.recorded_at, file.program->late_grace);
            if (now < pinned_from) news.wake_at = std::min(news.wake_at.value_or(kForever), pinned_from);
            else news.new_matches.push_back({refund.id, target == nullptr ? std::string() : target->sale.row->transaction_id});
        }
        news.placed.push_back({refund.id, target == nullptr ? std::string() : target->sale.row->transaction_id, false,
                               pinned == file.refund_matches.end() && now < later(refund.recorded_at, file.program->late_grace)});
        if (target == nullptr) {
            news.reviews.push_back({"refund_without_sale", refund.id, "no single open sale to take back"});
            continue;
        }
        add_to(refund, target->take_backs, *file.program);
    }
}

void finish(Draft &draft, const Program &program, News &news) {
    Sale &sale = draft.sale;
    if (!sale.completed_at) return; // failed or cancelled before completion: nothing to take back
    TakeBacks::Result const result = draft.take_backs.resolve(*sale.completed_at, program);
    sale.refunded = result.refunded;
    sale.charged_back = result.charged_back;
    sale.taken = result.taken;
    sale.charged_back_count = result.charged_back_count;
    sale.dispute_open = result.dispute_open;
    sale.is_void = result.is_void;
    sale.taken_whole_at = result.taken_whole_at;
    sale.latest_news_at = std::max(sale.latest_news_at, result.latest_at);
    if (result.mismatch)
        news.reviews.push_back({"refund_mismatch", sale.row->transaction_id,
                                "the cumulative refund and the sum of the refunds differ"});
    if (result.excess)
        news.reviews.push_back({"refund_above_sale", sale.row->transaction_id, "more was taken back than was paid"});
}

} // namespace

Decimal Sale::net() const {
    Decimal const all = base();
    if (taken.is_zero() || gross.is_zero()) return all;
    if (taken == gross) return {};
    return Decimal::divide(all * (gross - taken), gross);
}

News read_news(const CaseFile &file, Time now) {
    News news;
    std::vector<Draft> drafts;
    std::vector<Follower> followers, without_reference;
    const std::vector<TransactionState> &all = file.transactions;
    for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
        States states;
        while (end < all.size() && all[end].transaction_id == all[begin].transaction_id) states.push_back(&all[end++]);
        const TransactionState &row = *states.back();
        bool const follows = row.effect == Effect::refund || row.effect == Effect::chargeback ||
                             row.effect == Effect::correction;
        if (follows) {
            followers.push_back(follower(std::move(states)));
            continue;
        }
        Draft draft;
        draft.sale.row = &row;
        std::vector<Dated> const chain = dated(states);
        read_times(draft.sale, chain);
        read_content(draft.sale, chain);
        read_inputs(draft.sale, chain);
        draft.take_backs.gross = draft.sale.gross;
        read_own_take_backs(draft.take_backs, chain, *file.program);
        draft.states = std::move(states);
        drafts.push_back(std::move(draft));
    }

    auto const find = [&drafts](const std::string &id) -> Draft * {
        for (Draft &draft : drafts)
            if (draft.sale.row->transaction_id == id) return &draft;
        return nullptr;
    };
    for (std::size_t begin = 0, end = 0; begin < file.disputes.size(); begin = end) {
        std::vector<const DisputeState *> states;
        while (end < file.disputes.size() && file.disputes[end].dispute_id == file.disputes[begin].dispute_id)
            states.push_back(&file.disputes[end++]);
        if (Draft *draft = find(states.back()->transaction_id)) add_to(states, draft->take_backs);
    }
    for (Follower &item : followers) {
        if (item.original.empty()) {
            // An adjustment without any original concerns no sale.
            if (item.row().effect == Effect::refund || item.row().effect == Effect::chargeback || !item.account.empty())
                without_reference.push_back(std::move(item));
            else news.reviews.push_back({"adjustment_without_sale", item.id, "it names no original"});
            continue;
        }
        Draft *const draft = find(item.original);
        news.placed.push_back({item.id, draft == nullptr ? std::string() : item.original});
        if (draft != nullptr) add_to(item, draft->take_backs, *file.program);
        else news.reviews.push_back({"refund_without_sale", item.id, "the transaction it refers to is unknown"});
    }
    if (!without_reference.empty())
        place_refunds_without_reference(file, drafts, without_reference, now, news);

    news.sales.reserve(drafts.size());
    for (Draft &draft : drafts) {
        finish(draft, *file.program, news);
        news.sales.push_back(std::move(draft.sale));
    }
    return news;
}

} // namespace affiliate::core
