// SPDX-License-Identifier: PostgreSQL
#include <string>

#include "core/error.hpp"
#include "pg/calendar.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

class ZoneCalendar : public core::Calendar {
public:
    explicit ZoneCalendar(pg_tz *zone) : zone_(zone) {}

    core::Time next_day(core::Time at) const override {
        pg_tm local = local_time(at);
        ++local.tm_mday; // DetermineTimeZoneOffset and tm2timestamp go by the Julian day, which may overflow the month
        return midnight(local);
    }
    core::Time month_start(core::Time at) const override {
        pg_tm local = local_time(at);
        local.tm_mday = 1;
        return midnight(local);
    }
    core::Time next_month(core::Time at) const override {
        pg_tm local = local_time(at);
        local.tm_mday = 1;
        if (++local.tm_mon > 12) {
            local.tm_mon = 1;
            ++local.tm_year;
        }
        return midnight(local);
    }
    int months_between(core::Time from, core::Time to) const override {
        if (to <= from) return 0;
        pg_tm const a = local_time(from), b = local_time(to);
        int months = (b.tm_year - a.tm_year) * 12 + b.tm_mon - a.tm_mon;
        int const last = day_tab[isleap(b.tm_year)][b.tm_mon - 1];
        int const due = a.tm_mday < last ? a.tm_mday : last;
        auto const clock = [](const pg_tm &t) { return (t.tm_hour * 60 + t.tm_min) * 60 + t.tm_sec; };
        if (b.tm_mday < due || (b.tm_mday == due && clock(b) < clock(a))) --months;
        return months;
    }

private:
    pg_tm local_time(core::Time at) const {
        pg_tm local{};
        fsec_t fraction = 0;
        int offset = 0;
        pg_tz *const zone = zone_;
        if (call([&] { return timestamp2tm(at, &offset, &local, &fraction, nullptr, zone); }) != 0)
            throw core::Error("22008", "timestamp out of range");
        return local;
    }
    core::Time midnight(pg_tm local) const {
        local.tm_hour = local.tm_min = local.tm_sec = 0;
        j2date(date2j(local.tm_year, local.tm_mon, local.tm_mday), &local.tm_year, &local.tm_mon, &local.tm_mday);
        pg_tz *const zone = zone_;
        int offset = call([&local, zone] { return DetermineTimeZoneOffset(&local, zone); });
        Timestamp result = 0;
        if (tm2timestamp(&local, 0, &offset, &result) != 0) throw core::Error("22008", "timestamp out of range");
        return result;
    }

    pg_tz *zone_;
};

} // namespace

std::shared_ptr<const core::Calendar> make_calendar(const std::string &time_zone) {
    const char *const name = time_zone.c_str();
    pg_tz *const zone = call([name] { return pg_tzset(name); });
    if (zone == nullptr)
        throw core::Error("22023", "time zone \"" + time_zone + "\" is not recognized", {},
                          "The names are those of the view pg_timezone_names.");
    return std::make_shared<ZoneCalendar>(zone);
}

} // namespace affiliate::pg
