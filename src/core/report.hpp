// SPDX-License-Identifier: PostgreSQL
// The states of one row as reports: when each happened, and what the row's own reports say of its content, inputs and
// completion (SEMANTICS M1, M2, W8, W11).
#pragma once

#include "core/news.hpp"

namespace affiliate::core {

using States = std::vector<const TransactionState *>;

/// Whether two states give the same times.
bool same_times(const TransactionState &a, const TransactionState &b) noexcept;
/// Whether a report says, by its status or a completed_at, that the sale was completed (M2).
bool follows_completion(const TransactionState &state) noexcept;
bool is_refund_word(const TransactionState &state) noexcept;

/// One state with what the chain of arrivals says about its times.
struct Dated {
    using Column = std::optional<Time> TransactionState::*;

    const TransactionState *state;
    const TransactionState *before = nullptr; ///< the state that arrived before it
    bool on_arrival = false; ///< it changed something but none of the time columns: it happened when it arrived (M1)

    /// The first of the columns that this report changed, else the first that it has, else its arrival (M1).
    Time at(std::initializer_list<Column> columns) const { return on_arrival ? state->recorded_at : dated_by(columns); }
    Time dated_by(std::initializer_list<Column> columns) const {
        if (before != nullptr)
            for (Column const column : columns)
                if (state->*column && state->*column != before->*column) return *(state->*column);
        for (Column const column : columns)
            if (state->*column) return *(state->*column);
        return state->recorded_at;
    }
    /// When a status word was given; a refund's date only where it came with it.
    Time word_at() const;
    /// When the row was as it says.
    Time reported_at() const;
    /// When its content was so. Only pending, completed and reinstated reports correct content; any other is a
    /// completed report at its completed_at, whenever it came (M2).
    Time content_at(Time ordered_at) const;
    /// When what it names was known: what a refund or a dispute names is as old as that news, not as the sale (W11).
    Time input_at() const;
};

std::vector<Dated> dated(const States &states);

/// Whether state i says and dates something as an earlier state did: carried along, or a report that was sent again,
/// which keeps its time.
template <class Same> bool seen_before(const std::vector<Dated> &chain, std::size_t i, Same same) {
    for (std::size_t j = 0; j < i; ++j)
        if (same(*chain[j].state, *chain[i].state) && same_times(*chain[j].state, *chain[i].state)) return true;
    return false;
}

/// ordered_at where given, else the earliest date of any report (W8); completion at the earliest completed report (M2).
void read_times(Sale &sale, const std::vector<Dated> &chain);
void read_content(Sale &sale, const std::vector<Dated> &chain, std::vector<Review> &reviews);
void read_inputs(Sale &sale, const std::vector<Dated> &chain);

template <class T> void keep_first(T &field, const T &value) {
    if (field.empty()) field = value;
}

/// The first time that is known.
inline Time first_of(std::initializer_list<std::optional<Time>> times, Time fallback) {
    for (const std::optional<Time> &time : times)
        if (time) return *time;
    return fallback;
}

} // namespace affiliate::core
