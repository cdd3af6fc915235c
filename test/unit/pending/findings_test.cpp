// SPDX-License-Identifier: PostgreSQL
// Disagreements between the kernel and SEMANTICS.md, one minimal history each. Not compiled by default: a case moves to
// the test of its topic once the kernel agrees.
#include <boost/test/unit_test.hpp>

#include "../case_builder.hpp"

using namespace story;

BOOST_AUTO_TEST_SUITE(pending)

/// M1, M2: a pending report happened at its status_at, whether or not the row knew completed_at when it arrived.
BOOST_AUTO_TEST_CASE(f28_m2_a_pending_report_has_its_own_time_in_either_order_of_arrival) {
    for (bool const pending_first : {true, false}) {
        Story s;
        s.click("c", alice, day(0));
        auto const pending = [](Report report) { report.status(Status::pending).amount("80").status_at(day(3)); };
        auto const completed = [](Report report) {
            report.status(Status::completed).amount("100").completed(day(1)).status_at(day(1));
        };
        Report first = s.bare("s", day(10)).ordered(day(1));
        pending_first ? pending(first) : completed(first);
        Report second = s.update("s", day(11));
        pending_first ? completed(second) : pending(second);
        s.settle();
        BOOST_TEST(s.conversion("s").gross == money("80"));
    }
}

/// M1, promise 3: an UPDATE that says something else carries refunded_amount along; that is no news of the refund and
/// must not be dated by the new status_at. Here the refund failed on day 5, and the dispute was won on day 6.
BOOST_AUTO_TEST_CASE(f29_m1_a_refund_that_is_carried_along_is_no_news) {
    for (bool const failure_first : {true, false}) {
        Story s;
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100");
        s.update("s", day(20)).status(Status::refunded).refunded("100").status_at(day(4));
        if (failure_first) s.update("s", day(21)).status(Status::refund_failed).refunded("0").status_at(day(5));
        s.update("s", day(22)).status(Status::dispute_won).status_at(day(6));
        if (!failure_first) s.update("s", day(23)).status(Status::refund_failed).refunded("0").status_at(day(5));
        s.settle();
        BOOST_TEST(s.conversion("s").refunded == money("0"));
        BOOST_TEST(s.net("s") == money("10"));
    }
}

/// W12, W8: a refund without reference is placed at its own time, the earliest of its reports, in either order.
BOOST_AUTO_TEST_CASE(f30_w12_a_corrected_refund_without_reference_is_placed_at_one_time) {
    for (bool const earlier_first : {true, false}) {
        Story s;
        s.click("c", alice, day(0));
        s.sale("a", day(1), "100");
        s.sale("b", day(8), "100"); // not there yet on day 6
        auto const on_ten = [](Report r) { r.amount("10").completed(day(10)).status_at(day(10)); };
        auto const on_six = [](Report r) { r.amount("20").status_at(day(6)); };
        Report first = s.bare("r", day(20)).effect(Effect::refund).type("refund");
        earlier_first ? on_six(first) : on_ten(first);
        Report second = s.update("r", day(20, 1));
        earlier_first ? on_ten(second) : on_six(second);
        s.settle();
        BOOST_TEST(s.conversion("a").refunded == money("10"));
    }
}

/// W10, promise 3: the code and the stored candidates do not go by the order in which the clicks were read.
BOOST_AUTO_TEST_CASE(f31_w1_the_order_in_which_clicks_were_read_does_not_matter) {
    std::string codes[2], candidates[2];
    for (std::size_t const turn : {0U, 1U}) {
        Story s;
        s.click("c1", alice, day(0));
        s.click("c2", bob, day(30));
        s.sale("s", day(20), "100");
        s.assemble();
        if (turn == 1) std::swap(s.file.clicks[0], s.file.clicks[1]);
        Settled const settled = decide(s.file, s.book, s, s, the_end);
        codes[turn] = settled.conversions.at(0).row.code;
        candidates[turn] = settled.conversions.at(0).row.candidates;
    }
    BOOST_TEST(codes[0] == codes[1]);
    BOOST_TEST(candidates[0] == candidates[1]);
}

/// Settle twice = once: the unknown click of an order is among its candidates whether the line is stated or not.
BOOST_AUTO_TEST_CASE(f32_w14_a_claw_back_of_an_order_with_an_unknown_click_settles_once) {
    Story s;
    s.coupon("A", alice);
    s.sale("s", day(1), "100").coupons({"A"}).click("unknown");
    s.settle(day(3));
    s.pay("s", day(40));
    s.reassign(nobody);
    s.settle(day(41));
    BOOST_TEST(is_empty(s.settle(day(41))));
}

/// M1, M3, M4: (kind, external id) names a subject: two chargeback transactions are two chargebacks, not one whose
/// amount was corrected.
BOOST_AUTO_TEST_CASE(f33_m4_two_chargeback_transactions_add_up) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.chargeback("k1", "s", day(10), "30");
    s.chargeback("k2", "s", day(11), "40");
    s.settle();
    BOOST_TEST(s.conversion("s").charged_back == money("70"));
}

/// M11, W1: a coupon that has expired names its affiliate and says why nobody earned, as an expired click does.
BOOST_AUTO_TEST_CASE(f34_m11_an_expired_coupon_is_not_organic) {
    Story s;
    s.coupon("A", alice).until = day(1);
    s.sale("s", day(1), "100").coupons({"A"});
    s.settle();
    BOOST_TEST(s.conversion("s").code == "coupon_expired");
}

BOOST_AUTO_TEST_SUITE_END()
