// SPDX-License-Identifier: PostgreSQL
// Refunds that name no sale: which one they take back, and since when that is pinned (SEMANTICS W12).
#include <boost/test/unit_test.hpp>

#include "sold.hpp"

using namespace story;

BOOST_AUTO_TEST_SUITE(refund_match)

BOOST_AUTO_TEST_CASE(w12_a_sale_that_failed_before_it_completed_is_open_for_a_refund_without_reference) {
    Story s;
    s.click("c", alice, day(0));
    s.bare("s", day(1), Status::failed).amount("100").ordered(day(1)).status_at(day(1, 1));
    s.update("s", day(1, 2)).status(Status::completed).completed(day(1, 2)).status_at(day(1, 2));
    s.refund("r", "", day(10), "40");
    Outcome const outcome = s.settle();
    BOOST_TEST(s.conversion("s").refunded == money("40"));
    BOOST_TEST(reviews_of(outcome, "r") == 0U);
}

BOOST_AUTO_TEST_CASE(w12_of_two_full_refunds_of_one_instant_the_second_goes_to_review) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.refund("r1", "", day(10), "100");
    s.refund("r2", "", day(10), "100");
    Outcome const outcome = s.settle();
    BOOST_TEST(reviews_of(outcome, "r1") == 0U);
    BOOST_TEST(reviews_of(outcome, "r2") == 1U);
    BOOST_TEST(reviews_of(outcome, "s") == 0U);
}

BOOST_AUTO_TEST_CASE(w12_a_refund_without_reference_needs_one_open_sale) {
    Sold s;
    s.sale("t", day(2), "100");
    s.refund("r", "", day(9), "40");
    BOOST_TEST(reviews_of(s.settle(day(9, 1)), "r") == 1U);
    BOOST_TEST(s.conversion("s").refunded.is_zero());
    s.refund("r2", "t", day(8)); // one of the two is closed now, by news before it
    BOOST_TEST(reviews_of(s.settle(day(9, 2)), "r") == 0U);
    BOOST_TEST(s.conversion("s").refunded == money("40"));
}

BOOST_AUTO_TEST_CASE(w12_what_fitted_no_sale_within_late_grace_is_frozen) {
    Sold s;
    s.sale("t", day(2), "100");
    s.refund("r", "", day(9), "40");
    s.settle(day(9, 1));
    s.settle(day(11));
    s.refund("r2", "t", day(8));
    BOOST_TEST(reviews_of(s.settle(day(12)), "r") == 1U);
    BOOST_TEST(s.conversion("s").refunded.is_zero());
}

BOOST_AUTO_TEST_CASE(w12_currency_and_account_narrow_the_search) {
    Sold s;
    s.book.fx_rates[{"EUR", "USD"}] = {{day(0), money("1"), "bank"}};
    s.sale("eur", day(1), "100").currency("EUR");
    s.sale("acc", day(1), "100").account("A1");
    s.refund("r1", "", day(9), "10").currency("EUR");
    s.refund("r2", "", day(9), "20").account("A1");
    s.settle();
    BOOST_TEST(s.conversion("eur").refunded == money("10"));
    BOOST_TEST(s.conversion("acc").refunded == money("20"));
    BOOST_TEST(s.conversion("s").refunded == money("0"));
}

BOOST_AUTO_TEST_CASE(w12_a_match_is_pinned_when_late_grace_is_over) {
    for (int const delta : {-1, 0}) {
        Sold s;
        s.refund("r", "", day(9), "40");
        Outcome const outcome = s.settle(day(10) + delta);
        BOOST_TEST(outcome.refund_matches.size() == (delta < 0 ? 0U : 1U));
        if (delta < 0) BOOST_TEST(*outcome.wake_at == day(10));
        s.sale("late", day(2), "100").arrived(day(11)); // a second one that was open
        BOOST_TEST(reviews_of(s.settle(day(12)), "r") == (delta < 0 ? 1U : 0U));
        BOOST_TEST(s.conversion("s").refunded == money(delta < 0 ? "0" : "40"));
    }
}

BOOST_AUTO_TEST_CASE(w12_a_refund_of_an_unknown_sale_waits_in_plain_sight) {
    Sold s;
    s.refund("r", "t", day(9), "40");
    BOOST_TEST(reviews_of(s.settle(), "r") == 1U);
    s.sale("t", day(2), "100").arrived(day(12));
    BOOST_TEST(reviews_of(s.settle(), "r") == 0U);
    BOOST_TEST(s.conversion("t").refunded == money("40"));
}

BOOST_AUTO_TEST_CASE(w12_a_corrected_refund_without_reference_is_placed_at_one_time) {
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

BOOST_AUTO_TEST_SUITE_END()
