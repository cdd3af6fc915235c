// SPDX-License-Identifier: PostgreSQL
// From reports to sales: times, sub-states, amounts (SEMANTICS W8, W11, M1-M4).
#include <boost/test/unit_test.hpp>

#include "sold.hpp"

using namespace story;

BOOST_AUTO_TEST_SUITE(news)

/// M1, M3: the first report of a dispute that was closed says so at closed_at; without opened_at the opening must not
/// be dated on arrival, after the loss, which then is undone.
BOOST_AUTO_TEST_CASE(m3_a_lost_dispute_without_opened_at_is_lost) {
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

/// M1: a report with completed_at and refunded_amount = 0 happened at completed_at; dated on its arrival it undoes a
/// refund that was dated between (a history that is loaded late).
BOOST_AUTO_TEST_CASE(m1_an_initial_zero_refund_does_not_undo_a_dated_refund) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").refunded("0").arrived(day(50));
    s.update("s", day(50, 1)).status(Status::refunded).refunded("100").refunded_at(day(10));
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
}

/// M1, W8: the date of a refund row is the time of that news: refunded_at, not the ordered_at it shares with its sale;
/// else every such refund is a void.
BOOST_AUTO_TEST_CASE(m1_a_refund_row_with_ordered_at_happened_at_refunded_at) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.bare("r", day(30)).effect(Effect::refund).type("refund").original("s").ordered(day(1)).refunded_at(day(30));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(s.conversion("s").refunded == money("100"));
}

/// W12, M2: a payment that failed before it completed is open.
/// W12: refunds without reference are taken in the order (occurred_at, id): the second of one instant finds nothing
/// open.
/// M2: the order of news ends with the bytes of the content; at equal time, rank and amount arrival must not decide.
BOOST_AUTO_TEST_CASE(m2_equal_time_and_amount_do_not_go_by_arrival) {
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

BOOST_AUTO_TEST_CASE(w8_a_source_with_one_date_only) {
    Story s;
    s.bare("s", day(9), Status::pending).amount("100").status_at(day(2));
    s.update("s", day(9, 1)).status(Status::completed).completed(day(4)).status_at(day(4));
    s.update("s", day(9, 2)).completed(day(3)).status_at(day(5));
    Settled const settled = s.decide();
    BOOST_TEST(sale_of(settled, "s").ordered_at == day(2));
    BOOST_TEST(*sale_of(settled, "s").completed_at == day(3));
}

BOOST_AUTO_TEST_CASE(w8_without_any_date_it_happened_on_arrival) {
    Story s;
    s.bare("s", day(9)).amount("100");
    Settled const settled = s.decide();
    BOOST_TEST(sale_of(settled, "s").ordered_at == day(9));
    BOOST_TEST(*sale_of(settled, "s").completed_at == day(9));
}

BOOST_AUTO_TEST_CASE(m2_a_status_that_follows_completion_completes_at_ordered_at) {
    for (Status const status : {Status::refunded, Status::disputed, Status::chargeback, Status::dispute_won}) {
        Story s;
        s.bare("s", day(9), status).amount("100").ordered(day(1)).status_at(day(8));
        BOOST_TEST(*sale_of(s.decide(), "s").completed_at == day(1));
    }
    for (Status const status : {Status::pending, Status::failed, Status::cancelled}) {
        Story s;
        s.bare("s", day(9), status).amount("100").ordered(day(1)).status_at(day(8));
        BOOST_TEST(!sale_of(s.decide(), "s").completed_at);
    }
}

BOOST_AUTO_TEST_CASE(m10_a_sale_that_is_not_completed_is_pending) {
    Story s;
    s.click("c", alice, day(0));
    s.bare("s", day(1), Status::pending).amount("100").ordered(day(1));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::pending);
    BOOST_TEST(s.conversion("s").code == "not_completed");
    BOOST_TEST(s.file.commissions.empty());
    s.update("s", day(3)).status(Status::completed).completed(day(3));
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_CASE(m2_completed_sent_again_revives_nothing) {
    Sold s;
    s.update("s", day(10)).status(Status::refunded).refunded("100").refunded_at(day(10)).status_at(day(10));
    s.update("s", day(11)).status(Status::completed).status_at(day(1));
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    Sold disputed;
    disputed.update("s", day(10)).status(Status::disputed).status_at(day(10));
    disputed.update("s", day(11)).status(Status::completed).status_at(day(11));
    disputed.settle();
    BOOST_TEST(disputed.line("s").hold_reason == "dispute");
}

BOOST_AUTO_TEST_CASE(m2_a_failure_after_completion_takes_all_and_only_reinstated_gives_it_back) {
    for (Status const status : {Status::failed, Status::cancelled}) {
        Sold s;
        s.update("s", day(10)).status(status).status_at(day(10));
        s.settle();
        BOOST_TEST(s.net("s") == money("0"));
        s.update("s", day(11)).status(Status::pending).status_at(day(11));
        s.update("s", day(12)).status(Status::completed).status_at(day(12));
        s.settle();
        BOOST_TEST(s.net("s") == money("0"));
        s.update("s", day(13)).status(Status::reinstated).status_at(day(13));
        s.settle();
        BOOST_TEST(s.net("s") == money("10"));
    }
}

BOOST_AUTO_TEST_CASE(m2_content_is_read_field_by_field_from_the_latest) {
    Sold s;
    s.update("s", day(5)).amount("120").status_at(day(5));
    s.update("s", day(6)).no_amount().tax("20").status_at(day(6));
    Settled const settled = s.decide();
    BOOST_TEST(sale_of(settled, "s").gross == money("120"));
    BOOST_TEST(sale_of(settled, "s").base() == money("100"));
}

BOOST_AUTO_TEST_CASE(m1_a_correction_of_equal_time_goes_to_the_larger_amount) {
    for (bool const larger_first : {true, false}) {
        Story s;
        s.sale("s", day(1), larger_first ? "120" : "100").status_at(day(1));
        s.update("s", day(5)).amount(larger_first ? "100" : "120").ordered(day(1)).refunded_at(day(4));
        BOOST_TEST(sale_of(s.decide(), "s").gross == money("120"));
    }
}

BOOST_AUTO_TEST_CASE(m1_an_update_that_changes_no_time_happened_on_arrival) {
    Sold s;
    s.update("s", day(30)).status(Status::refunded).refunded("100");
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(*s.conversion("s").taken_back_at == day(30));
}

BOOST_AUTO_TEST_CASE(m1_equal_news_twice_is_once) {
    Sold s;
    s.refund("r", "s", day(9), "30");
    s.update("r", day(10));
    s.update("s", day(11));
    s.settle();
    BOOST_TEST(s.conversion("s").refunded == money("30"));
    BOOST_TEST(s.net("s") == money("7"));
}

BOOST_AUTO_TEST_CASE(m4_take_backs_are_positive_in_either_sign) {
    Sold s;
    s.refund("r", "s", day(9), "-30");
    s.chargeback("k", "s", day(10), "-20");
    s.settle();
    BOOST_TEST(s.conversion("s").refunded == money("30"));
    BOOST_TEST(s.conversion("s").charged_back == money("20"));
}

BOOST_AUTO_TEST_CASE(m4_a_take_back_reduces_the_base_in_proportion) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "120").tax("20").wallet("10");
    s.refund("r", "s", day(9), "60");
    Settled const settled = s.decide();
    BOOST_TEST(sale_of(settled, "s").base() == money("90"));
    BOOST_TEST(sale_of(settled, "s").net() == money("45"));
}

BOOST_AUTO_TEST_CASE(m4_an_excess_and_a_mismatch_open_reviews) {
    Sold s;
    s.refund("r", "s", day(9), "70");
    s.dispute("d", "s", day(10), "70");
    s.dispute_closed("d", day(11), DisputeState::Outcome::lost);
    BOOST_TEST(s.settle().reviews.at(0).kind == "refund_above_sale");
    BOOST_TEST(s.net("s") == money("0"));
    Sold other;
    other.update("s", day(9)).refunded("50").refunded_at(day(9));
    other.refund("r", "s", day(9), "30");
    BOOST_TEST(other.settle().reviews.at(0).kind == "refund_mismatch");
    BOOST_TEST(other.conversion("s").refunded == money("50"));
}

BOOST_AUTO_TEST_CASE(m4_a_failed_refund_by_id_gives_its_part_back) {
    Sold s;
    s.refund("r", "s", day(9), "30");
    s.update("r", day(12)).status(Status::failed).status_at(day(12));
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_CASE(m3_a_partial_loss_takes_its_own_amount) {
    Sold s;
    s.dispute("d", "s", day(5), "80");
    s.dispute_closed("d", day(9), DisputeState::Outcome::partial).lost_amount = money("30");
    s.settle();
    BOOST_TEST(s.conversion("s").charged_back == money("30"));
}

BOOST_AUTO_TEST_CASE(m4_adjustments_are_signed_and_clamped) {
    Sold s;
    s.adjustment("a", "s", day(9), "-30");
    s.settle();
    BOOST_TEST(s.net("s") == money("7"));
    s.adjustment("b", "s", day(10), "500");
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
    s.adjustment("d", "s", day(11), "-5000");
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
}

BOOST_AUTO_TEST_CASE(w11_an_input_has_the_value_of_the_earliest_report_that_knows_it) {
    Story s;
    s.coupon("A", alice);
    s.coupon("B", bob);
    s.sale("s", day(2), "100").status_at(day(2));
    s.update("s", day(9)).coupons({"B"}).status_at(day(5));
    s.update("s", day(9, 1)).coupons({"A"}).status_at(day(4));
    s.settle();
    BOOST_TEST(s.owner("s") == alice);
}

/// W11, M1: what a refund or dispute names is as old as that news, not as the sale it was about.
BOOST_AUTO_TEST_CASE(w11_what_a_refund_names_is_dated_by_the_refund) {
    for (int turn = 0; turn < 3; ++turn) {
        Story s;
        s.coupon("A", alice);
        s.coupon("B", bob);
        Report late = s.bare("s", day(10)).amount("100").ordered(day(1)).completed(day(1)).coupons({"A"});
        if (turn == 0) late.status(Status::refunded).refunded("10").refunded_at(day(9));
        if (turn == 1) late.status(Status::refund_failed).refunded("0").status_at(day(9));
        if (turn == 2) late.status(Status::dispute_won).status_at(day(9));
        s.update("s", day(11)).status(Status::completed).coupons({"B"}).status_at(day(2));
        s.settle();
        BOOST_TEST(s.owner("s") == bob);
    }
}

BOOST_AUTO_TEST_CASE(m6_success_bonus_keeps_the_commission_unless_set) {
    for (bool const reverses : {true, false}) {
        Sold s;
        s.program().success_bonus_reasons = {"payout"};
        s.program().reverse_success_bonus = reverses;
        s.refund("r", "s", day(40)).reason("payout");
        s.settle();
        BOOST_TEST(s.net("s") == money(reverses ? "0" : "10"));
    }
}

/// M1, M2: a pending report happened at its status_at, whether or not the row knew completed_at when it arrived.
BOOST_AUTO_TEST_CASE(m2_a_pending_report_has_its_own_time_in_either_order_of_arrival) {
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
BOOST_AUTO_TEST_CASE(m1_a_refund_that_is_carried_along_is_no_news) {
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
/// M3: what later happens to a chargeback transaction.
BOOST_AUTO_TEST_CASE(m3_the_statuses_of_a_chargeback_transaction) {
    for (Status const status : {Status::dispute_won, Status::reinstated, Status::failed, Status::cancelled}) {
        Sold s;
        s.chargeback("k", "s", day(9), "40");
        s.settle();
        BOOST_TEST(s.net("s") == money("6"));
        s.update("k", day(20)).status(status).status_at(day(20));
        s.settle();
        BOOST_TEST(s.net("s") == money("10"));
        BOOST_TEST(s.conversion("s").charged_back_count == 0);
    }
    Sold s;
    s.chargeback("k", "s", day(9), "40").status(Status::disputed);
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
    BOOST_TEST(s.line("s").hold_reason == "dispute");
}

/// M4: a refund that failed, its amount left in the row.
BOOST_AUTO_TEST_CASE(m4_refund_failed_with_the_amount_left_in_the_row_ends_at_nothing) {
    Sold s;
    s.update("s", day(9)).status(Status::refunded).refunded("70").refunded_at(day(9));
    s.settle();
    BOOST_TEST(s.net("s") == money("3"));
    s.update("s", day(12)).status(Status::refund_failed).status_at(day(12));
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
    s.update("s", day(13)).status(Status::completed).status_at(day(13));
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

/// M2: only pending, completed and reinstated reports say what was sold.
BOOST_AUTO_TEST_CASE(m2_an_amount_of_zero_that_comes_with_a_refund_is_no_giveaway) {
    for (Status const status : {Status::refunded, Status::failed, Status::cancelled, Status::chargeback}) {
        Sold s;
        s.update("s", day(9)).status(status).amount("0");
        s.settle();
        BOOST_TEST(s.conversion("s").code == "");
        BOOST_TEST(s.conversion("s").gross == money("100"));
        BOOST_TEST(s.line("s").accrued == money("10"));
        BOOST_TEST(s.net("s") == money("0"));
    }
    Sold corrected;
    corrected.update("s", day(9)).amount("80");
    corrected.settle();
    BOOST_TEST(corrected.conversion("s").gross == money("80"));
}

/// M1: the time of an UPDATE is that of the time column that it changed.
BOOST_AUTO_TEST_CASE(m1_a_stale_time_column_does_not_date_news) {
    Sold s; // a first refund inside the cooling-off, the rest after it
    s.update("s", day(2)).refunded("40").refunded_at(day(2));
    s.update("s", day(30)).status(Status::refunded).refunded("100").status_at(day(30));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(*s.conversion("s").taken_back_at == day(30));
    Sold row; // and of a refund row
    row.refund("r", "s", day(2), "100").refunded_at(day(2)).status(Status::pending).completed(std::nullopt);
    row.update("r", day(30)).status(Status::completed).completed(day(30));
    row.settle();
    BOOST_TEST(row.conversion("s").state == ConversionState::counted);
}

/// M1: a dispute's amount that is corrected without a time was corrected on arrival, and opens nothing again.
BOOST_AUTO_TEST_CASE(m1_the_corrected_amount_of_a_dispute_happened_on_arrival) {
    Sold s;
    s.program().reverse_on_dispute_opened = true;
    s.dispute("d", "s", day(5), "60");
    DisputeState corrected = s.disputes.back();
    corrected.amount = money("40");
    corrected.recorded_at = day(6);
    corrected.version = 1;
    s.disputes.push_back(corrected);
    s.settle();
    BOOST_TEST(s.net("s") == money("6"));
    s.dispute_closed("d", day(20), DisputeState::Outcome::won);
    DisputeState again = s.disputes.back();
    again.amount = money("50");
    again.recorded_at = day(25);
    again.version = 3;
    s.disputes.push_back(again);
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

/// M4: the mark of a success bonus may come late, in the sale's row and in a refund's.
BOOST_AUTO_TEST_CASE(m4_a_late_mark_of_a_success_bonus_counts) {
    for (bool const own_row : {true, false}) {
        Sold s;
        s.program().success_bonus_reasons = {"success_bonus"};
        if (own_row) s.update("s", day(30)).refunded("100").refunded_at(day(30));
        else s.refund("r", "s", day(30), "100");
        s.settle();
        BOOST_TEST(s.net("s") == money("0"));
        s.update(own_row ? "s" : "r", day(31)).reason("success_bonus");
        s.settle();
        BOOST_TEST(s.net("s") == money("10"));
    }
}

/// M3: chargebacks that a source sends as refunds or adjustments.
BOOST_AUTO_TEST_CASE(m3_a_reason_makes_a_refund_a_chargeback) {
    for (bool const adjustment : {true, false}) {
        Sold s;
        s.program().chargeback_reasons = {"fraud"};
        if (adjustment) s.adjustment("k", "s", day(9), "-40").reason("fraud");
        else s.refund("k", "s", day(9), "40").reason("fraud");
        s.refund("r", "s", day(9), "10").reason("other");
        s.settle();
        BOOST_TEST(s.conversion("s").charged_back == money("40"));
        BOOST_TEST(s.conversion("s").refunded == money("10"));
        BOOST_TEST(s.net("s") == money("5"));
    }
}

/// M4: money of another currency is not the sale's.
BOOST_AUTO_TEST_CASE(m4_a_refund_in_another_currency_is_left_out_and_reviewed) {
    Sold s;
    s.refund("r", "s", day(9), "40").currency("JPY");
    Outcome const outcome = s.settle();
    BOOST_TEST(s.net("s") == money("10"));
    BOOST_REQUIRE(reviews_of(outcome, "r") == 1U);
    BOOST_TEST(outcome.reviews.front().kind == "refund_currency");
}

/// M8: a test takes nothing back from a real sale.
BOOST_AUTO_TEST_CASE(m8_a_test_refund_touches_no_real_sale) {
    for (const char *original : {"s", ""}) {
        Sold s;
        s.refund("r", original, day(9), "40").state().is_test = true;
        Outcome const outcome = s.settle();
        BOOST_TEST(s.net("s") == money("10"));
        BOOST_TEST(reviews_of(outcome, "r") == 0U);
    }
}

/// M1: the same news again, with a date that has no time of day.
BOOST_AUTO_TEST_CASE(m1_repeated_news_of_one_day_is_reviewed) {
    for (Duration const of_day : {Duration{0}, kHour}) {
        Sold s;
        Time const at = day(9) + of_day;
        s.update("s", day(10)).status(Status::chargeback).status_at(at);
        s.update("s", day(11)).status(Status::dispute_won).status_at(day(10, 12));
        BOOST_TEST(reviews_of(s.settle(), "s") == 0U);
        s.update("s", day(12)).status(Status::chargeback).status_at(at);
        Outcome const outcome = s.settle();
        BOOST_TEST(reviews_of(outcome, "s") == (of_day == 0 ? 1U : 0U));
    }
}

/// M2: older news that changes nothing leaves a trace; a duplicate does not.
BOOST_AUTO_TEST_CASE(m2_a_stale_update_is_noted) {
    Sold s;
    s.update("s", day(20)).amount("120").status_at(day(20));
    BOOST_TEST(reviews_of(s.settle(), "s") == 0U);
    s.update("s", day(21)).amount("110").status_at(day(15));
    Outcome const outcome = s.settle();
    BOOST_TEST(s.conversion("s").gross == money("120"));
    BOOST_REQUIRE(reviews_of(outcome, "s") == 1U);
    BOOST_TEST(outcome.reviews.front().kind == "stale_update");
    BOOST_TEST(outcome.reviews.front().severity == "low");
    Sold same;
    same.update("s", day(20)).refunded("10").refunded_at(day(20));
    same.update("s", day(21)).status_at(day(1)); // sent again
    BOOST_TEST(reviews_of(same.settle(), "s") == 0U);
}

/// M5: a refund that made the account smaller; only the amount sees it.
BOOST_AUTO_TEST_CASE(m5_the_new_size_is_seen_by_the_amount_on_the_net_only) {
    for (bool const own_row : {true, false}) {
        Story s;
        s.only_rule(usual_rule, [](const RuleInput &in) { return *in.account_size * money("0.001"); },
                    [](const RuleInput &in) { return *in.account_size == money("100000"); });
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100").size("100000");
        if (own_row) s.update("s", day(9)).status(Status::refunded).refunded("40").refunded_at(day(9)).size("50000");
        else s.refund("r", "s", day(9), "40").size("50000");
        s.settle();
        BOOST_TEST(s.line("s").accrued == money("100"));
        BOOST_TEST(s.net("s") == money("50"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
