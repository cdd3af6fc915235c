// SPDX-License-Identifier: PostgreSQL
#include "core/news.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/report.hpp"
#include "core/take_back.hpp"

namespace affiliate::core {

namespace {

bool is_one_of(const std::vector<std::string> &words, const std::string &word) {
    return !word.empty() && std::find(words.begin(), words.end(), word) != words.end();
}

bool is_bonus(const Program &program, const std::string &reason) {
    return !program.reverse_success_bonus && is_one_of(program.success_bonus_reasons, reason);
}

/// Whether a time is a date without a time of day, as the program's time zone sees it.
bool is_midnight(Time at, const Program &program) {
    return program.calendar != nullptr && at != kBeginning && program.calendar->next_day(at - 1) == at;
}

/// Reads the news in the sale's own row, which have no id of their own (M1, M2).
class OwnNews {
public:
    OwnNews(TakeBacks &take_backs, const std::vector<Dated> &chain, const Program &program)
        : take_backs_(take_backs), chain_(chain), program_(program) {}

    void read(const std::string &transaction_id, std::vector<Review> &reviews) {
        for (std::size_t i = 0; i < chain_.size(); ++i) {
            read_refund(i);
            read_word(i);
        }
        if (is_stale_)
            reviews.push_back({"stale_update", transaction_id,
                               "an older cumulative refund came after a newer one and changed nothing"});
        if (is_repeated_)
            reviews.push_back({"repeated_news", transaction_id,
                               "the same news came again without a time of its own: once or twice?"});
    }

private:
    /// Whether news that was seen before, but not in the state just before, may be a second event: its date has no time
    /// of day, or it came without a date of its own.
    template <class Same> void note_repetition(std::size_t i, Time at, Same same) {
        if (!chain_[i].on_arrival && !is_midnight(at, program_)) return;
        if (!same(*chain_[i].before, *chain_[i].state)) is_repeated_ = true;
    }

    /// The cumulative refund, or its failure.
    void read_refund(std::size_t i) {
        const Dated &report = chain_[i];
        const TransactionState &state = *report.state;
        bool const failed = state.status == Status::refund_failed;
        if (!is_refund_word(state) && !state.refunded_amount) return;
        // Carried along by a report of something else.
        if (!is_refund_word(state) && i > 0 && report.before->refunded_amount == state.refunded_amount &&
            report.before->refunded_at == state.refunded_at && report.before->refund_reason == state.refund_reason)
            return;
        auto const same = [](const TransactionState &a, const TransactionState &b) {
            return a.refunded_amount == b.refunded_amount && a.status == b.status && a.refund_reason == b.refund_reason;
        };
        Time at = failed ? report.at({&TransactionState::status_at, &TransactionState::refunded_at})
                         : report.at({&TransactionState::refunded_at, &TransactionState::status_at});
        if (seen_before(chain_, i, same)) return note_repetition(i, at, same);
        std::optional<Decimal> const amount = state.refunded_amount ? std::optional(state.refunded_amount->abs()) : std::nullopt;
        // A zero beside another status is no news of a refund: it is as old as the report.
        if (!is_refund_word(state) && !state.refunded_at && !state.status_at && amount->is_zero()) at = report.reported_at();
        if (at < newest_refund_) is_stale_ = true;
        newest_refund_ = std::max(newest_refund_, at);
        if (failed) return take_backs_.cumulative_failed(at, amount);
        bool const has_new_size = is_refund_word(state) && i > 0 && state.account_size != report.before->account_size;
        take_backs_.cumulative(at, amount, is_bonus(program_, state.refund_reason),
                               has_new_size ? state.account_size : std::nullopt);
    }

    /// Failure and reinstatement, dispute words.
    void read_word(std::size_t i) {
        const TransactionState &state = *chain_[i].state;
        auto const same = [](const TransactionState &a, const TransactionState &b) { return a.status == b.status; };
        Time const at = chain_[i].word_at();
        if (seen_before(chain_, i, same)) {
            if (state.status != Status::pending && state.status != Status::completed && !is_refund_word(state))
                note_repetition(i, at, same);
            return;
        }
        switch (state.status) {
        case Status::failed:
        case Status::cancelled: take_backs_.failed(at); break;
        case Status::reinstated: take_backs_.reinstated(at); break;
        case Status::disputed: take_backs_.dispute_word(at, DisputeNews::opened, {}); break;
        case Status::chargeback: take_backs_.dispute_word(at, DisputeNews::lost, {}); break;
        case Status::dispute_won: take_backs_.dispute_word(at, DisputeNews::won, {}); break;
        default: break;
        }
    }

    TakeBacks &take_backs_;
    const std::vector<Dated> &chain_;
    const Program &program_;
    Time newest_refund_ = kBeginning;
    bool is_stale_ = false, is_repeated_ = false;
};

/// The date of a refund, chargeback or adjustment row: the time of that news, before that of the sale it may repeat (W8).
/// An UPDATE happened when the time column says that came with it.
Time news_date(const TransactionState &state, const TransactionState *before = nullptr) {
    if (before != nullptr)
        for (std::optional<Time> TransactionState::*const column :
             {&TransactionState::status_at, &TransactionState::refunded_at, &TransactionState::completed_at})
            if (state.*column && state.*column != before->*column) return *(state.*column);
    return first_of({state.refunded_at, state.completed_at, state.status_at, state.ordered_at}, state.recorded_at);
}

/// A refund, chargeback or correction row: news about another transaction, dated by its own date (W8).
struct Follower {
    States states;
    std::string original, account, currency, id;
    Effect effect = Effect::refund;
    bool is_test = false;
    Time at = 0, recorded_at = 0;

    const TransactionState &row() const { return *states.back(); }
};

Follower follower(States states, const Program &program) {
    Follower result;
    result.states = std::move(states);
    result.id = result.row().transaction_id;
    result.currency = result.row().currency;
    result.effect = result.row().effect;
    std::optional<Time> at;
    result.recorded_at = result.states.front()->recorded_at;
    const TransactionState *before = nullptr;
    for (const TransactionState *state : result.states) {
        if (is_one_of(program.chargeback_reasons, state->refund_reason)) result.effect = Effect::chargeback; // M3
        result.is_test = result.is_test || state->is_test;
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

/// What the status of a chargeback transaction says about its dispute (M3).
DisputeNews dispute_news(Status status) {
    switch (status) {
    case Status::disputed: return DisputeNews::opened;
    case Status::failed:
    case Status::cancelled:
    case Status::refund_failed:
    case Status::dispute_won:
    case Status::reinstated: return DisputeNews::won;
    default: return DisputeNews::lost;
    }
}

void add_to(const Follower &follower, TakeBacks &take_backs, const Program &program) {
    std::vector<Dated> const chain = dated(follower.states);
    auto const same = [](const TransactionState &a, const TransactionState &b) {
        return a.status == b.status && a.amount == b.amount && a.refund_reason == b.refund_reason &&
               a.account_size == b.account_size;
    };
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const TransactionState &state = *chain[i].state;
        if (state.status == Status::pending && !state.completed_at) continue;
        if (seen_before(chain, i, same)) continue;
        bool const failed = state.status == Status::failed || state.status == Status::cancelled ||
                            state.status == Status::refund_failed;
        Time const at = failed ? chain[i].word_at()
                               : (chain[i].on_arrival ? state.recorded_at : news_date(state, chain[i].before));
        std::optional<Decimal> const amount = state.amount ? std::optional(state.amount->abs()) : std::nullopt;
        switch (follower.effect) {
        case Effect::refund:
            take_backs.refund(follower.id, at, failed, amount, is_bonus(program, state.refund_reason), state.account_size);
            break;
        case Effect::chargeback: take_backs.chargeback(follower.id, at, dispute_news(state.status), amount); break;
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
        bool const is_open = state.outcome == DisputeState::Outcome::open;
        // Without opened_at, a dispute that is closed already was opened at some time before. The corrected amount of
        // a closed one comes with its closing.
        bool const opening_is_dated = state.opened_at || is_open;
        if (opening_is_dated && (before == nullptr || before->opened_at != state.opened_at ||
                                 (is_open && before->amount != state.amount)))
            take_backs.dispute(state.dispute_id, at(state.opened_at), DisputeNews::opened, amount);
        if (is_open) continue;
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
        if (sale.is_test != refund.is_test) continue;
        if (sale.row->currency != refund.currency || !sale.completed_at || *sale.completed_at > refund.at) continue;
        if (sale.row->effect != Effect::sale || (!refund.account.empty() && sale.account_id != refund.account)) continue;
        if (draft.take_backs.whole_before(refund.at, refund.id, *sale.completed_at)) continue;
        if (found != nullptr) return nullptr;
        found = &draft;
    }
    return found;
}

/// Adds the news of a row to its sale. A test takes nothing back from a real sale, nor does money of another currency.
void place(const Follower &item, Draft &draft, const Program &program, News &news) {
    if (item.is_test && !draft.sale.is_test) return;
    if (item.currency != draft.sale.row->currency)
        news.reviews.push_back({"refund_currency", item.id, "its currency is not that of the sale: it was left out"});
    else add_to(item, draft.take_backs, program);
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
        if (target != nullptr) place(refund, *target, *file.program, news);
        else if (!refund.is_test)
            news.reviews.push_back({"refund_without_sale", refund.id, "no single open sale to take back"});
    }
}

/// `chargeback_filed` says, without naming a dispute, that one was lost: a word about its sale (M3).
void place_chargeback_events(const CaseFile &file, std::vector<Draft> &drafts, Time now, News &news) {
    for (const Event &event : file.events) {
        if (event.kind != EventKind::chargeback_filed) continue;
        auto const draft = std::find_if(drafts.begin(), drafts.end(), [&](const Draft &item) {
            return item.sale.row->transaction_id == event.transaction_id;
        });
        if (draft != drafts.end()) {
            if (draft->sale.is_test || !event.is_test)
                draft->take_backs.dispute_word(event.occurred_at, DisputeNews::lost, {});
        } else if (Time const due = later(event.recorded_at, file.program->late_grace);
                   now < due && !event.transaction_id.empty()) {
            news.wake_at = std::min(news.wake_at.value_or(kForever), due);
        } else if (!event.is_test) {
            news.reviews.push_back({"chargeback_without_sale", event.event_id,
                                    event.transaction_id.empty() ? "it names no transaction"
                                                                 : "the transaction it names is no sale that is known"});
        }
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
    sale.taken_at = result.taken_at;
    sale.taken_whole_at = result.taken_whole_at;
    sale.new_size = result.new_size;
    sale.latest_take_back_at = std::max(*sale.completed_at, result.latest_at);
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
    drafts.reserve(all.size());
    for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
        States states;
        while (end < all.size() && all[end].transaction_id == all[begin].transaction_id) states.push_back(&all[end++]);
        const TransactionState &row = *states.back();
        bool const follows = row.effect == Effect::refund || row.effect == Effect::chargeback ||
                             row.effect == Effect::correction;
        if (follows) {
            followers.push_back(follower(std::move(states), *file.program));
            continue;
        }
        Draft draft;
        draft.sale.row = &row;
        std::vector<Dated> const chain = dated(states);
        read_times(draft.sale, chain);
        read_content(draft.sale, chain, news.reviews);
        read_inputs(draft.sale, chain);
        draft.take_backs.gross = draft.sale.gross;
        OwnNews(draft.take_backs, chain, *file.program).read(row.transaction_id, news.reviews);
        draft.states = std::move(states);
        drafts.push_back(std::move(draft));
    }

    std::unordered_map<std::string_view, Draft *> by_id;
    if (!file.disputes.empty() || !followers.empty())
        for (Draft &draft : drafts) by_id.try_emplace(draft.sale.row->transaction_id, &draft);
    auto const find = [&by_id](const std::string &id) {
        auto const it = by_id.find(id);
        return it == by_id.end() ? nullptr : it->second;
    };
    for (std::size_t begin = 0, end = 0; begin < file.disputes.size(); begin = end) {
        std::vector<const DisputeState *> states;
        while (end < file.disputes.size() && file.disputes[end].dispute_id == file.disputes[begin].dispute_id)
            states.push_back(&file.disputes[end++]);
        if (Draft *draft = find(states.back()->transaction_id)) add_to(states, draft->take_backs);
    }
    place_chargeback_events(file, drafts, now, news);
    for (Follower &item : followers) {
        if (item.original.empty()) {
            // An adjustment without any original concerns no sale.
            if (item.effect == Effect::refund || item.effect == Effect::chargeback || !item.account.empty())
                without_reference.push_back(std::move(item));
            else news.reviews.push_back({"adjustment_without_sale", item.id, "it names no original"});
            continue;
        }
        Draft *const draft = find(item.original);
        news.placed.push_back({item.id, draft == nullptr ? std::string() : item.original});
        if (draft != nullptr) place(item, *draft, *file.program, news);
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
