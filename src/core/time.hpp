// SPDX-License-Identifier: PostgreSQL
// Instants and spans of the core: microseconds, as PostgreSQL's timestamptz counts them (epoch 2000-01-01 UTC).
// The core has no clock and no time zone database; both come in as values or through Calendar.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace affiliate::core {

using Time = std::int64_t;     ///< microseconds since 2000-01-01 00:00 UTC
using Duration = std::int64_t; ///< microseconds

inline constexpr Time kForever = std::numeric_limits<Time>::max();
inline constexpr Time kBeginning = std::numeric_limits<Time>::min();
inline constexpr Duration kHour = 3'600'000'000LL;
inline constexpr Duration kDay = 24 * kHour;

/// `at + span`, where forever and the beginning stay what they are and overflow ends in forever.
constexpr Time later(Time at, Duration span) noexcept {
    Time sum = 0;
    if (at == kForever || at == kBeginning) return at;
    return __builtin_add_overflow(at, span, &sum) ? kForever : sum;
}

/// Whole 24 hour days from `from` to `to`, 0 where `to` is not later; nullopt from the beginning of time.
constexpr std::optional<std::int64_t> days_between(Time from, Time to) noexcept {
    if (from == kBeginning) return std::nullopt;
    return to > from ? (to - from) / kDay : 0;
}

/// Where a window ends (W6).
enum class WindowEnd : std::uint8_t { instant_exclusive, instant_inclusive, end_of_day };

/// Days and months in the time zone of one program.
class Calendar {
public:
    virtual ~Calendar() = default;
    /// First instant of the day after the one that holds `at`.
    virtual Time next_day(Time at) const = 0;
    /// First instant of the month that holds `at`.
    virtual Time month_start(Time at) const = 0;
    /// First instant of the month after the one that holds `at`.
    virtual Time next_month(Time at) const = 0;
    /// Whole calendar months from `from` to `to`: the 31st plus one month is the last day of the next month.
    virtual int months_between(Time from, Time to) const = 0;
};

/// The first instant that is no longer inside a window of `length` that begins at `anchor`.
inline Time window_end(Time anchor, Duration length, WindowEnd end, const Calendar &calendar) {
    Time const instant = later(anchor, length);
    if (instant == kForever || instant == kBeginning) return instant;
    switch (end) {
    case WindowEnd::instant_exclusive: return instant;
    case WindowEnd::instant_inclusive: return later(instant, 1);
    case WindowEnd::end_of_day: return calendar.next_day(instant);
    }
    return instant;
}

} // namespace affiliate::core
