// SPDX-License-Identifier: PostgreSQL
// A Calendar for tests: a fixed offset from UTC, and on request daylight saving by one simple rule: one hour more from
// the last Sunday of March, 01:00 UTC, to the last Sunday of October, 01:00 UTC.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace story {

using namespace affiliate::core;

/// A date of the civil (proleptic Gregorian) calendar.
struct Date {
    std::int64_t year = 2000, month = 1, day = 1;
};

/// Days since 2000-01-01; the year is counted from March so that the leap day is its last.
inline std::int64_t days_of(Date date) {
    std::int64_t const year = date.month <= 2 ? date.year - 1 : date.year;
    std::int64_t const era = (year >= 0 ? year : year - 399) / 400, year_of_era = year - era * 400;
    std::int64_t const day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 730425;
}

inline std::int64_t month_length(std::int64_t year, std::int64_t month) {
    return (month == 12 ? days_of({year + 1, 1, 1}) : days_of({year, month + 1, 1})) - days_of({year, month, 1});
}

inline Date date_of(std::int64_t days) {
    Date date{2000 + days / 366, 1, 1};
    while (days_of({date.year + 1, 1, 1}) <= days) ++date.year;
    while (days_of({date.year, 1, 1}) > days) --date.year;
    days -= days_of(date);
    while (days >= month_length(date.year, date.month)) days -= month_length(date.year, date.month++);
    date.day = 1 + days;
    return date;
}

class ZoneCalendar : public Calendar {
public:
    explicit ZoneCalendar(Duration offset = 0, bool has_daylight_saving = false)
        : offset_(offset), has_daylight_saving_(has_daylight_saving) {}

    Time next_day(Time at) const override { return midnight(local_day(at) + 1); }
    Time month_start(Time at) const override {
        Date date = date_of(local_day(at));
        date.day = 1;
        return midnight(days_of(date));
    }
    Time next_month(Time at) const override {
        Date const date = date_of(local_day(at));
        return midnight(days_of({date.year, date.month, month_length(date.year, date.month)}) + 1);
    }
    int months_between(Time from, Time to) const override {
        if (to <= from) return 0;
        Date const a = date_of(local_day(from)), b = date_of(local_day(to));
        auto months = static_cast<int>((b.year - a.year) * 12 + b.month - a.month);
        std::int64_t const due = std::min(a.day, month_length(b.year, b.month));
        if (b.day < due || (b.day == due && time_of_day(to) < time_of_day(from))) --months;
        return months;
    }

private:
    static std::int64_t floor_day(Time at) { return at / kDay - (at % kDay < 0 ? 1 : 0); }
    static Time last_sunday(std::int64_t year, std::int64_t month) {
        std::int64_t const last = days_of({year, month, month_length(year, month)});
        return (last - ((last + 6) % 7 + 7) % 7) * kDay + kHour; // 2000-01-01 was a Saturday
    }
    Time local(Time at) const {
        std::int64_t const year = date_of(floor_day(at)).year;
        bool const is_summer = has_daylight_saving_ && at >= last_sunday(year, 3) && at < last_sunday(year, 10);
        return at + offset_ + (is_summer ? kHour : 0);
    }
    std::int64_t local_day(Time at) const { return floor_day(local(at)); }
    Time time_of_day(Time at) const { return local(at) - local_day(at) * kDay; }
    /// The clocks are never changed at midnight in the zones of the tests.
    Time midnight(std::int64_t day) const {
        Time const winter = day * kDay - offset_;
        return local(winter) == day * kDay ? winter : winter - kHour;
    }

    Duration offset_;
    bool has_daylight_saving_;
};

} // namespace story
