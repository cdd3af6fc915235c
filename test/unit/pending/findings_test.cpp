// SPDX-License-Identifier: PostgreSQL
// Disagreements between the kernel and SEMANTICS.md, one minimal history each. Not compiled by default: a case moves to
// the test of its topic once the kernel agrees.
#include <boost/test/unit_test.hpp>

#include "../case_builder.hpp"

using namespace story;

namespace {

std::size_t reviews_of(const Outcome &outcome, const std::string &subject) {
    return static_cast<std::size_t>(std::count_if(outcome.reviews.begin(), outcome.reviews.end(),
                                                  [&](const Review &review) { return review.subject_id == subject; }));
}

Decimal owed_to(const Story &s, int affiliate_no) {
    Decimal total;
    for (const CommissionRow &row : s.file.commissions)
        if (row.affiliate_no == affiliate_no) total += row.accrued - row.reversed;
    return total;
}

std::optional<Decimal> fifty(const RuleInput &) { return money("50"); }

} // namespace

BOOST_AUTO_TEST_SUITE(pending)

// Money is lost or paid twice
// ------------------------------------------------------------------------------------------

/// M1, M3: the first report of a dispute that was closed says so at closed_at; without opened_at the opening must not
/// be dated on arrival, after the loss, which then is undone.
BOOST_AUTO_TEST_CASE(f01_m3_a_lost_dispute_without_opened_at_is_lost) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    DisputeState &dispute = s.dispute("d", "s", day(10));
    dispute.opened_at.reset();
    dispute.closed_at = day(9);
    dispute.outcome = DisputeState::Outcome::lost;
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").charged_back == money("100"));
}

/// W10: rules are pinned per conversion, but a header that was emptied before (the sale moved from alice to bob) is no
/// choice: after bob was paid, settling again must not bring alice's commission back.
BOOST_AUTO_TEST_CASE(f02_w10_a_withdrawn_commission_stays_withdrawn_after_the_line_was_stated) {
    Story s;
    s.click("c1", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle(day(1, 1));
    s.click("c2", bob, day(0, 12)).recorded_at = day(1, 2);
    s.settle(day(1, 3));
    BOOST_TEST(owed_to(s, alice) == money("0"));
    BOOST_TEST(owed_to(s, bob) == money("10"));
    s.pay("s", day(40));
    BOOST_TEST(is_empty(s.settle(day(41))));
    BOOST_TEST(owed_to(s, alice) == money("0"));
}

/// W14: after a claw back the line belongs to bob; settling again must not pay alice as well.
BOOST_AUTO_TEST_CASE(f03_w14_claw_back_twice_is_once) {
    Story s;
    s.click("c1", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle(day(2));
    s.pay("s", day(40));
    s.reassign(bob);
    s.settle(day(41));
    BOOST_TEST(owed_to(s, bob) == money("10"));
    BOOST_TEST(owed_to(s, alice) == money("0"));
    BOOST_TEST(is_empty(s.settle(day(42))));
    BOOST_TEST(owed_to(s, alice) == money("0"));
}

/// M1: a report with completed_at and refunded_amount = 0 happened at completed_at; dated on its arrival it undoes a
/// refund that was dated between (a history that is loaded late).
BOOST_AUTO_TEST_CASE(f04_m1_an_initial_zero_refund_does_not_undo_a_dated_refund) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").refunded("0").arrived(day(50));
    s.update("s", day(50, 1)).status(Status::refunded).refunded("100").refunded_at(day(10));
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
}

/// M1, W8: the date of a refund row is the time of that news: refunded_at, not the ordered_at it shares with its sale;
/// else every such refund is a void.
BOOST_AUTO_TEST_CASE(f05_m1_a_refund_row_with_ordered_at_happened_at_refunded_at) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.bare("r", day(30)).effect(Effect::refund).type("refund").original("s").ordered(day(1)).refunded_at(day(30));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(s.conversion("s").refunded == money("100"));
}

/// M8: a zero amount sale is lifecycle only unless set; a rule with a fixed amount must not pay for a giveaway.
BOOST_AUTO_TEST_CASE(f06_m8_a_giveaway_earns_nothing) {
    Story s;
    s.only_rule(11, fifty);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "0");
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").code != "");
}

/// M8: upgrade_counts = none: upgrades earn nothing (the setting is read by nobody).
BOOST_AUTO_TEST_CASE(f07_m8_upgrades_earn_nothing_where_the_program_says_so) {
    Story s;
    s.program().upgrade_counts = UpgradeCounts::none;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.sale("u", day(3), "50").kind(SaleKind::upgrade).original("s");
    s.settle();
    BOOST_TEST(s.net("u") == money("0"));
}

/// W10, M9: until a line is stated everything is decided over the whole case file: the rate is that of completed_at,
/// whichever of two completed reports arrived first.
BOOST_AUTO_TEST_CASE(f08_m9_the_rate_follows_an_earlier_completed_at_that_arrives_late) {
    Story s;
    s.book.fx_rates[{"EUR", "USD"}] = {{day(0), money("2"), "bank"}, {day(5), money("3"), "bank"}};
    s.click("c", alice, day(0));
    s.sale("s", day(6), "100").currency("EUR").ordered(day(1));
    s.settle();
    BOOST_TEST(s.net("s") == money("30"));
    s.update("s", day(7)).completed(day(4));
    s.settle();
    BOOST_TEST(s.net("s") == money("20"));
}

// Settle twice = once, decisions
// -----------------------------------------------------------------------------------------

/// W9: the number of a stated line that is void now is free at once, not only after the void was posted.
BOOST_AUTO_TEST_CASE(f09_w9_the_number_of_a_stated_line_that_becomes_void_is_free_at_once) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100");
    s.sale("b", day(2), "100");
    s.settle(day(2));
    s.pay("a", day(2, 1));
    s.refund("r", "a", day(2, 2));
    s.settle(day(3));
    BOOST_TEST(s.conversion("b").purchase_number == 1);
    BOOST_TEST(is_empty(s.settle(day(3))));
}

/// W9: a number held by an upgrade is not taken: its original keeps it.
BOOST_AUTO_TEST_CASE(f10_w9_a_stated_upgrade_does_not_take_the_number_of_its_original) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.sale("u", day(3), "50").kind(SaleKind::upgrade).original("s");
    s.settle(day(4));
    BOOST_TEST(s.conversion("s").purchase_number == 1);
    s.pay("u", day(4));
    s.settle(day(5));
    BOOST_TEST(s.conversion("s").purchase_number == 1);
}

/// M6, M5: the own line of a void shows what it would have earned, conditions see the sale with nothing taken back: it
/// would have been purchase 1.
BOOST_AUTO_TEST_CASE(f11_m6_a_void_line_shows_what_it_would_have_earned) {
    Story s;
    s.only_rule(11, fifty, [](const RuleInput &in) { return in.purchase_number == 1; });
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle(day(1));
    s.refund("r", "s", day(2));
    s.settle(day(3));
    BOOST_TEST(s.line("s").accrued == money("50"));
    BOOST_TEST(s.line("s").reversed == money("50"));
    BOOST_TEST(s.line("s").is_void);
}

/// W12, M2: a payment that failed before it completed is open.
BOOST_AUTO_TEST_CASE(f12_w12_a_sale_that_failed_before_it_completed_is_open_for_a_refund_without_reference) {
    Story s;
    s.click("c", alice, day(0));
    s.bare("s", day(1), Status::failed).amount("100").ordered(day(1)).status_at(day(1, 1));
    s.update("s", day(1, 2)).status(Status::completed).completed(day(1, 2)).status_at(day(1, 2));
    s.refund("r", "", day(10), "40");
    Outcome const outcome = s.settle();
    BOOST_TEST(s.conversion("s").refunded == money("40"));
    BOOST_TEST(reviews_of(outcome, "r") == 0U);
}

/// W12: refunds without reference are taken in the order (occurred_at, id): the second of one instant finds nothing
/// open.
BOOST_AUTO_TEST_CASE(f13_w12_of_two_full_refunds_of_one_instant_the_second_goes_to_review) {
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

/// W11: null and empty are unknown, also in a later row of the customer.
BOOST_AUTO_TEST_CASE(f14_w11_an_empty_attribute_of_a_later_customer_row_is_unknown) {
    Story s;
    std::string country;
    s.only_rule(11, [&](const RuleInput &in) {
        country = in.customer_country;
        return fifty(in);
    });
    s.click("c", alice, day(0));
    s.customer(day(0)).country = "DE";
    s.customer_update(day(1)).country = "";
    s.sale("s", day(2), "100");
    s.settle();
    BOOST_TEST(country == "DE");
}

/// W11: the coupon of a registration is that of the report with the earliest own time, whichever arrived first.
BOOST_AUTO_TEST_CASE(f15_w11_the_coupon_of_a_registration_goes_by_own_time) {
    Story s;
    s.coupon("A", alice);
    s.coupon("B", bob);
    CustomerState &late = s.customer(day(0));
    late.modified_at = day(2);
    late.coupon_codes = {"B"};
    CustomerState &early = s.customer(day(0));
    early.modified_at = day(1);
    early.coupon_codes = {"A"};
    s.settle();
    BOOST_TEST(s.registration().affiliate_no == alice);
}

/// W10: the owner of a registration that was paid is pinned.
BOOST_AUTO_TEST_CASE(f16_w10_the_owner_of_a_stated_registration_is_pinned) {
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.click("c1", alice, day(0));
    s.customer(day(1));
    s.settle(day(1));
    s.pay("", day(1, 1));
    BOOST_TEST(owed_to(s, alice) == money("50"));
    s.click("c2", bob, day(0, 12)).recorded_at = day(1, 2);
    s.settle(day(2));
    BOOST_TEST(s.registration().affiliate_no == alice);
    BOOST_TEST(owed_to(s, alice) == money("50"));
    BOOST_TEST(owed_to(s, bob) == money("0"));
}

/// W9, M6: with ladders that count orders an order whose first line is void counts by its others.
BOOST_AUTO_TEST_CASE(f17_w9_an_order_whose_first_line_is_void_still_counts_once) {
    Story s;
    s.program().ladder_counts_orders = true;
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100").order("o");
    s.sale("b", day(1), "100").order("o");
    s.refund("r", "a", day(2));
    s.settle();
    BOOST_TEST(!s.conversion("a").ladder_counts);
    BOOST_TEST(s.conversion("b").ladder_counts);
}

/// W5 move: a click moves the ownership at the touch, purchase or not.
BOOST_AUTO_TEST_CASE(f18_w5_a_click_moves_the_ownership_without_a_purchase) {
    Story s;
    s.program().later_click = LaterTouch::move;
    s.click("c1", alice, day(0));
    s.sale("s", day(1), "100");
    s.click("c2", bob, day(5));
    s.settle();
    BOOST_REQUIRE(s.file.ownerships.size() == 2U);
    BOOST_TEST(s.file.ownerships[1].affiliate_no == bob);
    BOOST_TEST(s.file.ownerships[1].begins_at == day(5));
}

/// W2: a later-dated different declared id moves nothing and opens a review.
BOOST_AUTO_TEST_CASE(f19_w2_a_later_different_declared_id_opens_a_review) {
    Story s;
    s.customer(day(0)).declared_affiliate = "alice";
    s.sale("s", day(1), "100");
    s.customer_update(day(3)).declared_affiliate = "bob";
    Outcome const outcome = s.settle();
    BOOST_TEST(s.owner("s") == alice);
    BOOST_TEST(!outcome.reviews.empty());
}

/// W8: agreements go by ordered_at, also for the window a touch has.
BOOST_AUTO_TEST_CASE(f20_w8_the_agreement_of_ordered_at_decides_the_length_of_ownership) {
    Story s;
    s.agreement(alice, kBeginning, day(1)).windows.ownership = 10 * kDay;
    s.agreement(alice, day(1)).windows.ownership = 20 * kDay;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_REQUIRE(s.file.ownerships.size() == 1U);
    BOOST_TEST(s.file.ownerships[0].ends_at == day(21));
}

/// W12: only where the click could change the decision: not where clicks are no part of the precedence.
BOOST_AUTO_TEST_CASE(f22_w12_nothing_waits_for_a_click_that_cannot_win) {
    Story s;
    s.program().precedence = {Method::override_, Method::ownership, Method::coupon};
    s.sale("s", day(1), "100").click("unknown");
    s.settle(day(1, 1));
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
}

/// M2: the order of news ends with the bytes of the content; at equal time, rank and amount arrival must not decide.
BOOST_AUTO_TEST_CASE(f23_m2_equal_time_and_amount_do_not_go_by_arrival) {
    std::string products[2];
    for (int const turn : {0, 1}) {
        Story s;
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100").product(turn == 0 ? "x" : "y");
        s.update("s", day(2)).product(turn == 0 ? "y" : "x").status_at(day(1));
        if (turn == 1) { // the same two reports, the other one first
            s.reports[0].status_at = day(1);
            s.reports[1].status_at.reset();
        }
        products[turn] = s.decide().news.sales.at(0).product_id;
    }
    BOOST_TEST(products[0] == products[1]);
}

/// M11: a registration before go-live earns nothing and says so.
BOOST_AUTO_TEST_CASE(f24_m11_a_registration_that_earns_nothing_has_a_code) {
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.program().commission_from = day(5);
    s.click("c1", alice, day(0));
    s.customer(day(1));
    s.settle(day(9));
    BOOST_TEST(s.registration().code == "before_go_live");
}

/// M2: at one instant a subject without id (the word chargeback) comes before the cumulative refund: nulls resolve so.
BOOST_AUTO_TEST_CASE(f25_m2_the_word_chargeback_comes_before_the_cumulative_refund_of_its_instant) {
    TakeBacks sale;
    sale.gross = money("100");
    sale.cumulative(day(1), std::nullopt, false);
    sale.dispute_word(day(1), DisputeNews::lost, {});
    BOOST_TEST(sale.resolve(day(0), Program()).charged_back == money("100"));
}

/// W2, W6: a lead competes at the first purchase only; a reset has a purchase number (W12a).
BOOST_AUTO_TEST_CASE(f26_w12a_after_a_reset_with_number_one_no_lead_competes) {
    Story s;
    s.click("c", alice, day(0));
    s.customer(day(0, 1));
    s.sale("r", day(10), "50").kind(SaleKind::reset);
    s.sale("s", day(20), "100");
    s.settle();
    BOOST_TEST(s.conversion("r").purchase_number == 1);
    BOOST_TEST(s.conversion("s").purchase_number == 2);
    BOOST_TEST(s.conversion("s").method != Method::lead);
}

/// W12: a registration that names an unknown click waits for it like every conversion.
BOOST_AUTO_TEST_CASE(f27_w12_a_registration_waits_for_its_unknown_click) {
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.customer(day(1)).click_id = "unknown";
    s.settle(day(1, 1));
    BOOST_TEST(s.registration().state == ConversionState::waiting);
}

BOOST_AUTO_TEST_SUITE_END()
