// SPDX-License-Identifier: PostgreSQL
// When a commission may be paid: holds by time and event, suspension, disputes (SEMANTICS W3, M3).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

/// A sale of alice on day 1, completed at noon.
struct Sold : Story {
    Sold() {
        click("c", alice, day(0));
        sale("s", day(1), "100").completed(day(1, 12));
    }
    PlanRule &usual() { return book.plans[{program_no, "plan"}].back().rules.front(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(hold)

BOOST_AUTO_TEST_CASE(w8_a_hold_runs_from_completion_to_the_microsecond) {
    for (Duration const hold : {Duration{0}, Duration{1}, 14 * kDay}) {
        Sold s;
        s.usual().hold = hold;
        s.settle();
        BOOST_TEST(s.line("s").eligible_at == day(1, 12) + hold);
        BOOST_TEST(s.line("s").hold_reason == "");
    }
}

BOOST_AUTO_TEST_CASE(l1_a_hold_until_an_event_waits_for_it) {
    Sold s;
    s.usual().hold_kind = HoldKind::event;
    s.usual().hold_until_type = "activation";
    s.settle();
    BOOST_TEST(s.line("s").eligible_at == kForever);
    BOOST_TEST(s.line("s").hold_reason == "event");
    s.sale("early", day(1, 12), "10").type("activation"); // not after it
    s.settle();
    BOOST_TEST(s.line("s").eligible_at == kForever);
    s.sale("late", day(9), "10").type("activation");
    s.settle();
    BOOST_TEST(s.line("s").eligible_at == day(9));
    BOOST_TEST(s.line("s").hold_reason == "");
}

BOOST_AUTO_TEST_CASE(l1_the_earlier_of_time_and_event) {
    for (int const event : {4, 20}) {
        Sold s;
        s.usual().hold_kind = HoldKind::earlier;
        s.usual().hold = 10 * kDay;
        s.usual().hold_until_type = "activation";
        s.sale("a", day(event), "10").type("activation");
        s.settle();
        BOOST_TEST(s.line("s").eligible_at == std::min(day(event), day(11, 12)));
    }
}

BOOST_AUTO_TEST_CASE(w11_a_hold_until_kyc_ends_when_the_customer_passed_but_not_before_the_sale) {
    for (Time const passed : {day(0, 12), day(7)}) {
        Sold s;
        s.usual().hold_kind = HoldKind::event;
        s.usual().hold_until_kyc = "passed";
        s.customer(day(0)).kyc_status = "open";
        s.customer_update(passed).kyc_status = "passed";
        s.settle();
        BOOST_TEST(s.line("s").eligible_at == std::max(passed, day(1, 12)));
    }
}

BOOST_AUTO_TEST_CASE(m3_an_open_dispute_holds_the_whole_line_until_it_is_decided) {
    for (auto const outcome : {DisputeState::Outcome::won, DisputeState::Outcome::lost}) {
        Sold s;
        s.dispute("d", "s", day(5), "40");
        s.settle();
        BOOST_TEST(s.line("s").hold_reason == "dispute");
        BOOST_TEST(s.line("s").eligible_at == kForever);
        BOOST_TEST(s.net("s") == money("10"));
        s.dispute_closed("d", day(30), outcome);
        s.settle();
        BOOST_TEST(s.line("s").hold_reason == "");
        BOOST_TEST(s.net("s") == money(outcome == DisputeState::Outcome::won ? "10" : "6"));
    }
}

BOOST_AUTO_TEST_CASE(m3_where_the_program_reverses_on_opening_nothing_is_held) {
    Sold s;
    s.program().reverse_on_dispute_opened = true;
    s.dispute("d", "s", day(5), "40");
    s.settle();
    BOOST_TEST(s.line("s").hold_reason == "");
    BOOST_TEST(s.net("s") == money("6"));
    BOOST_TEST(s.conversion("s").charged_back == money("0")); // not lost yet
    s.dispute_closed("d", day(30), DisputeState::Outcome::won);
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_CASE(w3_a_suspended_affiliate_accrues_on_hold_from_the_instant_of_its_suspension) {
    for (int const delta : {-1, 0, 1}) {
        Sold s;
        s.affiliate(alice).changes.push_back({day(1) + delta, AffiliateStatus::suspended});
        s.settle();
        BOOST_TEST(s.line("s").accrued == money("10"));
        BOOST_TEST((s.line("s").hold_reason == "suspended") == (delta <= 0));
    }
}

BOOST_AUTO_TEST_CASE(w3_what_was_suspended_is_released_or_forfeited_up_to_an_order) {
    for (bool const forfeit : {true, false})
        for (int const delta : {-1, 0}) {
            Sold s;
            s.affiliate(alice).changes.push_back({day(0, 12), AffiliateStatus::suspended});
            s.affiliate(alice).suspension.push_back({program_no, forfeit, day(30), day(1) + delta});
            s.settle();
            bool const is_decided = delta == 0;
            BOOST_TEST(s.line("s").accrued == money("10"));
            BOOST_TEST(s.net("s") == money(is_decided && forfeit ? "0" : "10"));
            BOOST_TEST(s.line("s").hold_reason == (is_decided ? (forfeit ? "forfeited" : "") : "suspended"));
        }
}

/// L1: an activation that never was ends no hold.
BOOST_AUTO_TEST_CASE(l1_a_void_or_test_activation_ends_no_hold) {
    for (bool const is_test : {true, false}) {
        Sold s;
        s.usual().hold_kind = HoldKind::event;
        s.usual().hold_until_type = "activation";
        s.sale("a", day(9), "10").type("activation").state().is_test = is_test;
        if (!is_test) s.refund("r", "a", day(10));
        s.settle();
        BOOST_TEST(s.line("s").eligible_at == kForever);
        BOOST_TEST(s.line("s").hold_reason == "event");
    }
}

BOOST_AUTO_TEST_SUITE_END()
