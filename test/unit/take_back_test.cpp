// SPDX-License-Identifier: PostgreSQL
// What was taken back from one sale: amounts, disputes, void or reversal (SEMANTICS M2-M4, M6).
#include "core/take_back.hpp"

#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

using Turn = DisputeNews;

/// A sale of 100, completed on day 0, and what happened to it.
struct Hundred : TakeBacks {
    Program program;
    Hundred() { gross = money("100"); }
    Result result() const { return resolve(day(0), program); }
};

std::optional<Decimal> all() { return std::nullopt; }

} // namespace

BOOST_AUTO_TEST_SUITE(take_back)

BOOST_AUTO_TEST_CASE(m4_nothing_taken_back_is_all_zero) {
    TakeBacks::Result const r = Hundred().result();
    BOOST_TEST((r.taken.is_zero() && r.refunded.is_zero() && r.charged_back.is_zero() && !r.is_void && !r.excess));
}

BOOST_AUTO_TEST_CASE(m6_cooling_off_ends_exactly_at_completion_plus_48_hours) {
    for (int const delta : {-1, 0, 1}) {
        Hundred sale;
        sale.refund("r", day(2) + delta, false, all(), false);
        BOOST_TEST(sale.result().is_void == (delta < 0));
        BOOST_TEST(sale.result().taken == money("100"));
        BOOST_TEST(sale.result().taken_whole_at.has_value() == (delta >= 0));
    }
}

BOOST_AUTO_TEST_CASE(m6_cooling_off_of_zero_never_voids) {
    Hundred sale;
    sale.program.cooling_off = 0;
    sale.cumulative(day(0), all(), false);
    BOOST_TEST(!sale.result().is_void);
}

BOOST_AUTO_TEST_CASE(m6_the_refund_that_completes_the_take_back_decides) {
    for (int const delta : {-1, 0}) {
        Hundred sale;
        sale.refund("r1", day(1), false, money("60"), false);
        sale.refund("r2", day(2) + delta, false, money("40"), false);
        BOOST_TEST(sale.result().is_void == (delta < 0));
    }
}

BOOST_AUTO_TEST_CASE(m6_a_failed_refund_undoes_the_void_and_the_last_stretch_decides) {
    Hundred sale;
    sale.cumulative(day(1), money("100"), false);
    BOOST_TEST(sale.result().is_void);
    sale.cumulative(day(1, 12), money("0"), false);
    BOOST_TEST(!sale.result().is_void);
    BOOST_TEST(sale.result().taken.is_zero());
    sale.cumulative(day(3), money("100"), false);
    BOOST_TEST(!sale.result().is_void);
    BOOST_TEST((sale.result().taken_whole_at == day(3)));
}

BOOST_AUTO_TEST_CASE(m6_a_corrected_amount_reopens_the_question) {
    Hundred sale; // the latest amount decides: 100 was 120 when it was refunded
    sale.cumulative(day(1), money("100"), false);
    sale.gross = money("120");
    BOOST_TEST(!sale.result().is_void);
    BOOST_TEST(sale.result().taken == money("100"));
}

BOOST_AUTO_TEST_CASE(m6_a_chargeback_is_never_a_void) {
    Hundred sale;
    sale.dispute("d", day(1), Turn::lost, all());
    BOOST_TEST(!sale.result().is_void);
    BOOST_TEST(sale.result().charged_back == money("100"));
    BOOST_TEST((sale.result().taken_whole_at == day(1)));
}

BOOST_AUTO_TEST_CASE(m6_a_dispute_lost_before_the_refund_prevents_the_void) {
    for (int const delta : {-1, 1}) {
        Hundred sale;
        sale.refund("r", day(1), false, money("100"), false);
        sale.dispute("d", day(1) + delta, Turn::lost, money("10"));
        BOOST_TEST(sale.result().is_void == (delta > 0));
        BOOST_TEST(sale.result().charged_back_count == 1);
        BOOST_TEST(sale.result().taken == money("100"));
    }
}

BOOST_AUTO_TEST_CASE(m6_a_dispute_won_again_does_not_prevent_the_void) {
    Hundred sale;
    sale.dispute("d", day(0, 5), Turn::lost, money("10"));
    sale.refund("r", day(1), false, money("100"), false);
    sale.dispute("d", day(9), Turn::won, {});
    BOOST_TEST(sale.result().is_void);
    BOOST_TEST(sale.result().charged_back_count == 0);
}

BOOST_AUTO_TEST_CASE(m6_a_void_needs_net_zero_after_adjustments) {
    Hundred sale;
    sale.refund("r", day(1), false, money("100"), false);
    sale.adjustment("a", day(5), money("30"));
    BOOST_TEST(!sale.result().is_void);
    BOOST_TEST(sale.result().taken == money("70"));
    BOOST_TEST(!sale.result().taken_whole_at);
}

BOOST_AUTO_TEST_CASE(m6_a_success_bonus_keeps_the_commission) {
    Hundred sale;
    sale.refund("r", day(1), false, money("100"), true);
    BOOST_TEST(sale.result().taken.is_zero());
    BOOST_TEST(!sale.result().is_void);
    sale.refund("r2", day(2), false, money("30"), false);
    BOOST_TEST(sale.result().taken == money("30"));
}

BOOST_AUTO_TEST_CASE(m4_cumulative_and_refunds_by_id_count_once) {
    Hundred sale;
    sale.cumulative(day(3), money("50"), false);
    sale.refund("r1", day(3), false, money("30"), false);
    sale.refund("r2", day(4), false, money("20"), false);
    BOOST_TEST(sale.result().refunded == money("50"));
    BOOST_TEST(!sale.result().mismatch);
    sale.refund("r3", day(5), false, money("15"), false);
    BOOST_TEST(sale.result().refunded == money("65"));
    BOOST_TEST(sale.result().mismatch);
}

BOOST_AUTO_TEST_CASE(m4_success_bonuses_are_taken_out_of_the_cumulative_refund) {
    Hundred sale;
    sale.cumulative(day(3), money("70"), false);
    sale.refund("bonus", day(3), false, money("40"), true);
    BOOST_TEST(sale.result().refunded == money("30"));
}

BOOST_AUTO_TEST_CASE(m4_the_cumulative_refund_may_fall) {
    Hundred sale;
    sale.cumulative(day(4), money("80"), false);
    sale.cumulative(day(5), money("20"), false);
    BOOST_TEST(sale.result().refunded == money("20"));
}

BOOST_AUTO_TEST_CASE(m4_the_excess_is_cut_and_reported) {
    Hundred sale;
    sale.refund("r", day(3), false, money("70"), false);
    sale.dispute("d", day(4), Turn::lost, money("70"));
    TakeBacks::Result const r = sale.result();
    BOOST_TEST(r.taken == money("100"));
    BOOST_TEST(r.refunded == money("70"));
    BOOST_TEST(r.charged_back == money("30"));
    BOOST_TEST(r.excess);
}

BOOST_AUTO_TEST_CASE(m4_null_means_everything_left_at_its_own_time_whatever_arrives_first) {
    for (bool const refund_first : {true, false}) {
        Hundred sale;
        auto const partial = [&] { sale.refund("r1", day(3), false, money("30"), false); };
        if (refund_first) partial();
        sale.refund("r2", day(4), false, all(), false);
        if (!refund_first) partial();
        BOOST_TEST(sale.result().refunded == money("100"));
        BOOST_TEST(!sale.result().excess);
    }
    Hundred sale; // a refund dated after it finds nothing left
    sale.refund("r2", day(4), false, all(), false);
    sale.refund("r3", day(5), false, all(), false);
    BOOST_TEST(sale.result().refunded == money("100"));
    BOOST_TEST(!sale.result().excess);
}

BOOST_AUTO_TEST_CASE(m4_null_on_a_dispute_means_what_refunds_and_disputes_left) {
    Hundred sale;
    sale.refund("r", day(3), false, money("25"), false);
    sale.dispute("d1", day(4), Turn::lost, money("25"));
    sale.dispute("d2", day(5), Turn::lost, all());
    BOOST_TEST(sale.result().charged_back == money("75"));
    BOOST_TEST(!sale.result().excess);
}

BOOST_AUTO_TEST_CASE(m4_null_later_means_the_last_known_amount_of_that_subject) {
    Hundred sale;
    sale.dispute("d", day(3), Turn::opened, money("60"));
    sale.dispute("d", day(4), Turn::lost, {});
    BOOST_TEST(sale.result().charged_back == money("60"));
    sale.refund("r", day(5), false, money("10"), false);
    sale.refund("r", day(6), true, {}, false);
    sale.refund("r", day(7), false, {}, false);
    BOOST_TEST(sale.result().refunded == money("10"));
}

BOOST_AUTO_TEST_CASE(m4_at_equal_time_the_larger_amount_wins) {
    for (bool const larger_first : {true, false}) {
        Hundred sale;
        sale.refund("r", day(3), false, money(larger_first ? "30" : "20"), false);
        sale.refund("r", day(3), false, money(larger_first ? "20" : "30"), false);
        BOOST_TEST(sale.result().refunded == money("30"));
    }
}

BOOST_AUTO_TEST_CASE(m4_adjustments_are_signed_summed_and_clamped_once) {
    Hundred sale;
    sale.adjustment("a1", day(3), money("-130"));
    sale.adjustment("a2", day(4), money("50"));
    BOOST_TEST(sale.result().taken == money("80"));
    sale.adjustment("a3", day(5), money("500"));
    BOOST_TEST(sale.result().taken.is_zero());
    sale.adjustment("a3", day(6), money("-500"));
    BOOST_TEST(sale.result().taken == money("100"));
    BOOST_TEST(!sale.result().is_void);
}

BOOST_AUTO_TEST_CASE(m3_open_disputes_hold_or_reverse_by_setting) {
    Hundred sale;
    sale.dispute("d", day(3), Turn::opened, money("40"));
    BOOST_TEST(sale.result().dispute_open);
    BOOST_TEST(sale.result().taken.is_zero());
    sale.program.reverse_on_dispute_opened = true;
    BOOST_TEST(sale.result().taken == money("40"));
    BOOST_TEST(sale.result().charged_back.is_zero());
    sale.dispute("d", day(4), Turn::won, {});
    BOOST_TEST(sale.result().taken.is_zero());
    BOOST_TEST(!sale.result().dispute_open);
}

BOOST_AUTO_TEST_CASE(m3_a_won_dispute_reinstates_exactly_what_was_taken) {
    Hundred sale;
    sale.refund("r", day(3), false, money("20"), false);
    sale.dispute("d", day(4), Turn::lost, all());
    BOOST_TEST(sale.result().taken == money("100"));
    sale.dispute("d", day(5), Turn::won, {});
    sale.dispute("d", day(5), Turn::won, {});
    BOOST_TEST(sale.result().taken == money("20"));
    BOOST_TEST(sale.result().charged_back_count == 0);
}

BOOST_AUTO_TEST_CASE(m3_words_form_a_dispute_of_their_own_only_without_rows) {
    Hundred alone;
    alone.dispute_word(day(3), Turn::lost, {});
    BOOST_TEST(alone.result().charged_back == money("100"));

    Hundred beside;
    beside.dispute("d", day(3), Turn::opened, money("40"));
    beside.dispute_word(day(4), Turn::lost, {});
    BOOST_TEST(beside.result().charged_back == money("40"));

    Hundred before; // the row was opened after the word
    before.dispute("d", day(3), Turn::opened, money("40"));
    before.dispute_word(day(3) - 1, Turn::lost, {});
    BOOST_TEST(before.result().charged_back.is_zero());
    BOOST_TEST(before.result().dispute_open);
}

BOOST_AUTO_TEST_CASE(m2_a_failure_after_completion_is_undone_only_by_reinstated) {
    Hundred sale;
    sale.failed(day(3));
    BOOST_TEST(sale.result().taken == money("100"));
    BOOST_TEST(!sale.result().is_void);
    sale.reinstated(day(4));
    BOOST_TEST(sale.result().taken.is_zero());
}

BOOST_AUTO_TEST_CASE(m2_a_failure_up_to_completion_is_overcome_by_it) {
    for (int const delta : {-1, 0, 1}) {
        Hundred sale;
        sale.failed(day(0) + delta);
        BOOST_TEST(sale.result().taken.is_zero() == (delta <= 0));
        BOOST_TEST(sale.result().is_void == (delta > 0)); // judged like a refund
    }
}

BOOST_AUTO_TEST_CASE(m2_at_one_instant_lost_follows_opened_and_won_follows_lost) {
    Hundred sale;
    sale.dispute("d", day(3), Turn::won, {});
    sale.dispute("d", day(3), Turn::lost, {});
    sale.dispute("d", day(3), Turn::opened, money("50"));
    BOOST_TEST(sale.result().taken.is_zero());
    BOOST_TEST(!sale.result().dispute_open);
}

BOOST_AUTO_TEST_CASE(w12_open_means_not_wholly_taken_back_by_earlier_news) {
    Hundred sale;
    sale.refund("r", day(3), false, money("99.99"), false);
    BOOST_TEST(!sale.whole_before(day(9), "r", day(0)));
    sale.dispute("d", day(4), Turn::lost, money("0.01"));
    BOOST_TEST(!sale.whole_before(day(4), "r", day(0)));
    BOOST_TEST(sale.whole_before(day(4) + 1, "r", day(0)));
}

/// M2: at one instant a subject without id (the word chargeback) comes before the cumulative refund: nulls resolve so.
BOOST_AUTO_TEST_CASE(m2_the_word_chargeback_comes_before_the_cumulative_refund_of_its_instant) {
    TakeBacks sale;
    sale.gross = money("100");
    sale.cumulative(day(1), std::nullopt, false);
    sale.dispute_word(day(1), DisputeNews::lost, {});
    BOOST_TEST(sale.resolve(day(0), Program()).charged_back == money("100"));
}

/// M1: a chargeback transaction names its own dispute.
BOOST_AUTO_TEST_CASE(m3_two_chargeback_transactions_are_two_disputes) {
    Hundred sale;
    sale.chargeback("cb1", day(3), Turn::lost, money("40"));
    sale.chargeback("cb2", day(4), Turn::lost, money("30"));
    BOOST_TEST(sale.result().charged_back == money("70"));
    sale.chargeback("cb1", day(9), Turn::won, {});
    BOOST_TEST(sale.result().charged_back == money("30"));
    sale.dispute_word(day(10), Turn::won, {}); // a word settles those there are, it is no third one
    BOOST_TEST(sale.result().charged_back.is_zero());
    BOOST_TEST(sale.result().charged_back_count == 0);
}

BOOST_AUTO_TEST_CASE(m3_the_word_of_a_sale_and_its_chargeback_transaction_count_once) {
    Hundred sale;
    sale.dispute_word(day(4), Turn::lost, {});
    sale.chargeback("cb", day(4), Turn::lost, money("40"));
    BOOST_TEST(sale.result().charged_back == money("40"));
}

BOOST_AUTO_TEST_CASE(m3_beside_dispute_rows_chargeback_transactions_are_words) {
    Hundred sale;
    sale.dispute("d", day(3), Turn::opened, money("40"));
    sale.chargeback("cb", day(4), Turn::lost, money("40"));
    BOOST_TEST(sale.result().charged_back == money("40"));
    BOOST_TEST(!sale.result().dispute_open);
}

/// M3: a word settles what is open then; a dispute that was won stays won.
BOOST_AUTO_TEST_CASE(m3_a_word_does_not_lose_a_dispute_that_was_won) {
    Hundred sale;
    sale.dispute("d1", day(3), Turn::opened, money("40"));
    sale.dispute("d1", day(5), Turn::won, {});
    sale.dispute("d2", day(6), Turn::opened, money("30"));
    sale.dispute_word(day(7), Turn::lost, {});
    BOOST_TEST(sale.result().charged_back == money("30"));
    sale.dispute_word(day(9), Turn::won, {});
    BOOST_TEST(sale.result().charged_back.is_zero());
    sale.dispute_word(day(10), Turn::lost, {});
    BOOST_TEST(sale.result().charged_back.is_zero());
}

/// M4: a failure takes the cumulative refund back, though the row still shows its amount; the next one is a new one.
BOOST_AUTO_TEST_CASE(m4_a_failed_cumulative_refund_is_nothing_and_the_next_null_is_everything) {
    for (bool const backwards : {false, true}) {
        Hundred sale;
        auto const refunded = [&] { sale.cumulative(day(3), money("70"), false); };
        if (!backwards) refunded();
        sale.cumulative_failed(day(4), money("70"));
        if (backwards) refunded();
        BOOST_TEST(sale.result().refunded.is_zero());
        sale.cumulative(day(5), all(), false);
        BOOST_TEST(sale.result().refunded == money("100"));
    }
    Hundred sale;
    sale.cumulative(day(3), all(), false);
    sale.cumulative_failed(day(4), {});
    BOOST_TEST(sale.result().refunded.is_zero());
    sale.cumulative(day(5), all(), false);
    BOOST_TEST(sale.result().refunded == money("100"));
    sale.cumulative(day(6), money("60"), false);
    sale.cumulative_failed(day(7), money("25")); // what is left is said
    BOOST_TEST(sale.result().refunded == money("25"));
}

/// M7: a take-back counts from when it was taken, not from the newest news.
BOOST_AUTO_TEST_CASE(m7_a_take_back_is_dated_by_the_news_that_took_it) {
    Hundred sale;
    sale.refund("r", day(3), false, money("40"), false);
    sale.dispute("d", day(9), Turn::opened, money("10"));
    sale.dispute("d", day(12), Turn::won, {});
    BOOST_TEST((sale.result().taken_at == day(3)));
    BOOST_TEST((sale.result().latest_at == day(12)));
    sale.refund("r2", day(15), false, money("60"), false);
    BOOST_TEST((sale.result().taken_at == day(15)));
    BOOST_TEST((sale.result().taken_whole_at == day(15)));
    sale.adjustment("a", day(20), money("5"));
    BOOST_TEST(!sale.result().taken_whole_at);
    BOOST_TEST((sale.result().taken_at == day(15)));
}

/// M4: the success bonus in a cumulative figure is the increase that came with the mark, also where the mark is late.
BOOST_AUTO_TEST_CASE(m4_a_success_bonus_swallows_no_earlier_refund) {
    Hundred sale;
    sale.cumulative(day(3), money("30"), false);
    sale.cumulative(day(9), money("100"), true);
    BOOST_TEST(sale.result().refunded == money("30"));
    Hundred late;
    late.cumulative(day(3), money("30"), false);
    late.cumulative(day(9), money("100"), false);
    BOOST_TEST(late.result().refunded == money("100"));
    late.cumulative(day(10), money("100"), true);
    BOOST_TEST(late.result().refunded == money("30"));
    late.cumulative(day(11), money("100"), false); // the mark was a mistake
    BOOST_TEST(late.result().refunded == money("100"));
}

/// M5: the size of the latest refund in force.
BOOST_AUTO_TEST_CASE(m5_the_new_size_comes_from_the_latest_refund_in_force) {
    Hundred sale;
    sale.refund("r1", day(3), false, money("10"), false, money("50000"));
    sale.refund("r2", day(4), false, money("10"), false, money("25000"));
    BOOST_TEST(sale.result().new_size.value() == money("25000"));
    sale.refund("r2", day(5), true, {}, false);
    BOOST_TEST(sale.result().new_size.value() == money("50000"));
}

BOOST_AUTO_TEST_SUITE_END()
