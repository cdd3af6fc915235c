// SPDX-License-Identifier: PostgreSQL
// Windows to the microsecond: clicks, leads, ownership, their ends and their levels (SEMANTICS W6).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"
#include "zone_calendar.hpp"

using namespace story;

namespace {

constexpr WindowEnd exclusive = WindowEnd::instant_exclusive, inclusive = WindowEnd::instant_inclusive,
                    whole_day = WindowEnd::end_of_day;

/// The last instant of a touch at 10:00 with a window of 3 days that ends as `end`.
Time last_instant(WindowEnd end) {
    switch (end) {
    case WindowEnd::instant_exclusive: return day(3, 10) - 1;
    case WindowEnd::instant_inclusive: return day(3, 10);
    case WindowEnd::end_of_day: return day(4) - 1;
    }
    return 0;
}

struct Berlin : ZoneCalendar {
    Berlin() : ZoneCalendar(kHour, true) {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(window)

/// W8: agreements go by ordered_at, also for the window a touch has.
BOOST_AUTO_TEST_CASE(w8_the_agreement_of_ordered_at_decides_the_length_of_ownership) {
    Story s;
    s.agreement(alice, kBeginning, day(1)).windows.ownership = 10 * kDay;
    s.agreement(alice, day(1)).windows.ownership = 20 * kDay;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_REQUIRE(s.file.ownerships.size() == 1U);
    BOOST_TEST(s.file.ownerships[0].ends_at == day(21));
}

BOOST_AUTO_TEST_CASE(w6_the_last_microsecond_of_a_click_window) {
    for (WindowEnd const end : {exclusive, inclusive, whole_day})
        for (int const delta : {-1, 0, 1}) {
            Story s;
            s.program().window_end = end;
            s.click("c", alice, day(0, 10));
            s.sale("s", last_instant(end) + delta, "100");
            s.settle();
            BOOST_TEST((s.owner("s") == alice) == (delta <= 0));
            if (delta > 0) BOOST_TEST(s.conversion("s").code == "window_expired");
        }
}

BOOST_AUTO_TEST_CASE(w6_the_last_microsecond_of_a_lead_window) {
    for (WindowEnd const end : {exclusive, inclusive, whole_day})
        for (int const delta : {-1, 0, 1}) {
            Story s;
            s.program().window_end = end;
            s.program().lead_window = 3 * kDay;
            s.program().click_window = kDay;
            s.click("c", alice, day(0));
            s.customer(day(0, 10));
            s.sale("s", last_instant(end) + delta, "100");
            s.settle();
            BOOST_TEST((s.conversion("s").method == Method::lead) == (delta <= 0));
        }
}

BOOST_AUTO_TEST_CASE(w6_the_last_microsecond_of_an_ownership) {
    for (WindowEnd const end : {exclusive, inclusive, whole_day})
        for (int const delta : {-1, 0, 1}) {
            Story s;
            s.program().window_end = end;
            s.program().ownership_window = 3 * kDay;
            s.program().click_window = kHour;
            s.click("c", alice, day(0, 10));
            s.sale("a", day(0, 10), "100");
            s.sale("b", last_instant(end) + delta, "100");
            s.settle();
            BOOST_TEST((s.owner("b") == alice) == (delta <= 0));
        }
}

BOOST_AUTO_TEST_CASE(w6_a_click_at_the_instant_of_the_order_counts_and_later_does_not) {
    for (int const delta : {-1, 0, 1}) {
        Story s;
        s.click("c", alice, day(1) + delta);
        s.sale("s", day(1), "100");
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta <= 0));
    }
}

BOOST_AUTO_TEST_CASE(w6_a_lead_window_of_zero_is_strictly_click_to_purchase) {
    Story s;
    s.program().lead_window = 0;
    s.click("c", alice, day(0));
    s.customer(day(1));
    s.sale("s", day(5), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == nobody);
}

BOOST_AUTO_TEST_CASE(w6_a_click_opens_a_lead_only_inside_its_window) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.click("c", alice, day(0));
        s.customer(day(3) + delta);
        s.sale("s", day(20), "100");
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta < 0));
    }
}

/// The clocks go forward on Sunday, 31 March 2024 (day 90): the day has 23 hours.
BOOST_AUTO_TEST_CASE(w6_end_of_day_in_spring_is_midnight_of_the_zone) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.program().calendar = std::make_shared<Berlin>();
        s.program().window_end = whole_day;
        s.program().click_window = kDay;
        s.click("c", alice, day(88, 23) + kHour / 2); // Saturday, 00:30 in the zone
        s.sale("s", day(90, 22) + delta, "100");      // midnight after Sunday
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta < 0));
    }
}

/// The clocks go back on Sunday, 27 October 2024 (day 300): the day has 25 hours.
BOOST_AUTO_TEST_CASE(w6_end_of_day_in_autumn_is_midnight_of_the_zone) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.program().calendar = std::make_shared<Berlin>();
        s.program().window_end = whole_day;
        s.program().click_window = kDay;
        s.click("c", alice, day(298, 23)); // Saturday, 01:00 in the zone
        s.sale("s", day(300, 23) + delta, "100");
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta < 0));
    }
}

BOOST_AUTO_TEST_CASE(w6_months_of_the_zone_with_daylight_saving) {
    Berlin const berlin;
    Time const march = days_of({2024, 3, 1}) * kDay - kHour, april = days_of({2024, 4, 1}) * kDay - 2 * kHour;
    BOOST_TEST(berlin.month_start(april - 1) == march);
    BOOST_TEST(berlin.month_start(april) == april);
    BOOST_TEST(berlin.next_month(march) == april);
    BOOST_TEST(april - march == 31 * kDay - kHour);
    BOOST_TEST(berlin.months_between(march, april - 1) == 0);
    BOOST_TEST(berlin.months_between(march, april) == 1);
}

BOOST_AUTO_TEST_CASE(w6_the_31st_plus_a_month_is_the_last_day_of_the_next) {
    ZoneCalendar const utc;
    Time const january = days_of({2024, 1, 31}) * kDay, february = days_of({2024, 2, 29}) * kDay;
    BOOST_TEST(utc.months_between(january, february - 1) == 0);
    BOOST_TEST(utc.months_between(january, february) == 1);
}

BOOST_AUTO_TEST_CASE(w6_the_most_specific_window_wins) {
    for (int level = 0; level < 4; ++level) {
        Story s;
        s.program().click_window = 1 * kDay;
        if (level >= 1) s.book.traffic_sources[{program_no, "ads"}].click = 2 * kDay;
        if (level >= 2) s.book.campaigns[7].windows.click = 3 * kDay;
        if (level >= 3) s.agreement(alice).windows.click = 4 * kDay;
        Click &click = s.click("c", alice, day(0));
        click.traffic_source = "ads";
        click.campaign_no = 7;
        s.sale("in", day(level + 1) - 1, "100");
        s.settle();
        BOOST_TEST(s.owner("in") == alice);
        s.reports.clear();
        s.file.conversions.clear();
        s.file.commissions.clear();
        s.file.ownerships.clear();
        s.sale("out", day(level + 1), "100");
        s.settle();
        BOOST_TEST(s.owner("out") == nobody);
    }
}

BOOST_AUTO_TEST_CASE(w6_a_level_that_says_nothing_of_a_window_is_skipped) {
    Story s;
    s.agreement(alice).windows.ownership = 10 * kDay; // nothing of clicks
    s.program().click_window = 5 * kDay;
    s.click("c", alice, day(0));
    s.sale("s", day(4), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == alice);
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(14));
}

BOOST_AUTO_TEST_CASE(w6_spans_that_leave_the_calendar_end_never) {
    BOOST_TEST(later(kForever - 1, kDay) == kForever);
    BOOST_TEST(later(kBeginning, kDay) == kBeginning);
    BOOST_TEST(later(kForever, -kDay) == kForever);
    ZoneCalendar const utc;
    BOOST_TEST(window_end(kForever, kDay, whole_day, utc) == kForever);
    BOOST_TEST(window_end(day(0), kForever, whole_day, utc) == kForever);
}

BOOST_AUTO_TEST_SUITE_END()
