// SPDX-License-Identifier: PostgreSQL
// The second stage: positions on ladders, room under caps (SEMANTICS M7).
#include "core/ladder.hpp"

#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

LadderEvent counts(Time at, const char *id, int count = 1) { return {at, id, count}; }

LadderLine line_at(Time at, const char *id, int pinned = 0) { return {at, id, pinned != 0, pinned}; }

std::vector<int> positions(const std::vector<LadderLine> &lines) {
    std::vector<int> result;
    for (const LadderLine &line : lines) result.push_back(line.position);
    return result;
}

CapLine earned(Time at, const char *id, const char *accrued, const char *net = nullptr, std::optional<Time> back = {}) {
    CapLine line;
    line.at = at;
    line.transaction_id = id;
    line.accrued = money(accrued);
    line.net = money(net == nullptr ? accrued : net);
    line.taken_back_at = back;
    return line;
}

std::string rooms(const std::vector<CapLine> &lines) {
    std::string result;
    for (const CapLine &line : lines) result += line.room.normalized().to_string() + " ";
    return result;
}

using Places = std::vector<int>;

/// A ladder of 10 % from the first and 20 % from the third.
Ladder &two_bands(Story &s) {
    Ladder &ladder = s.book.ladders[1];
    ladder.no = 1;
    ladder.program_no = program_no;
    ladder.bands = {{1, 1, money("0.1"), {}, "low"}, {2, 3, money("0.2"), {}, "high"}};
    s.program().has_second_stage = true;
    s.only_rule(usual_rule, [](const RuleInput &in) { return in.net * *in.band_rate; }).ladder_no = 1;
    return ladder;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ladder)

/// W9, M6: with ladders that count orders an order whose first line is void counts by its others.
BOOST_AUTO_TEST_CASE(w9_an_order_whose_first_line_is_void_still_counts_once) {
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

/// M7, M9: no amount is needed to count a purchase; one that waits for a rate has its number and its place.
BOOST_AUTO_TEST_CASE(m7_a_purchase_that_waits_for_a_rate_counts) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.reports[0].currency = "EUR";
    s.settle();
    BOOST_TEST(s.conversion("s").code == "fx_missing");
    BOOST_TEST(s.conversion("s").purchase_number == 1);
    BOOST_TEST(s.conversion("s").ladder_counts);
}

BOOST_AUTO_TEST_CASE(m7_marginal_positions_follow_time_and_id) {
    std::vector<LadderLine> lines{line_at(day(2), "b"), line_at(day(2), "a"), line_at(day(1), "z")};
    int const total = rank(lines, {counts(day(2), "a"), counts(day(2), "b"), counts(day(1), "z")}, false, false);
    BOOST_TEST(total == 3);
    BOOST_TEST(positions(lines) == (Places{1, 2, 3}), boost::test_tools::per_element());
    BOOST_TEST((lines[1].transaction_id == "a"));
}

BOOST_AUTO_TEST_CASE(m7_a_reversal_counts_from_its_own_time_and_leaves_earlier_positions) {
    std::vector<LadderLine> lines{line_at(day(1), "a"), line_at(day(2), "b"), line_at(day(4), "c")};
    rank(lines, {counts(day(1), "a"), counts(day(2), "b"), counts(day(3), "a", -1), counts(day(4), "c")}, false, false);
    BOOST_TEST(positions(lines) == (Places{1, 2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m7_retroactive_lines_all_have_the_total_of_the_window) {
    std::vector<LadderLine> lines{line_at(day(1), "a"), line_at(day(2), "b"), line_at(day(3), "c")};
    int const total = rank(
        lines, {counts(day(1), "a"), counts(day(2), "b"), counts(day(3), "c"), counts(day(9), "b", -1)}, true, false);
    BOOST_TEST(total == 2);
    BOOST_TEST(positions(lines) == (Places{2, 2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m7_a_position_is_never_below_one) {
    for (bool const retroactive : {true, false}) {
        std::vector<LadderLine> lines{line_at(day(5), "a")};
        rank(lines, {counts(day(1), "x", -1), counts(day(2), "y", -1), counts(day(5), "a")}, retroactive, false);
        BOOST_TEST(lines[0].position == 1);
    }
}

BOOST_AUTO_TEST_CASE(m7_pinned_lines_keep_their_position) {
    std::vector<LadderLine> lines{line_at(day(1), "a", 7), line_at(day(2), "b"), line_at(day(3), "c", 2)};
    rank(lines, {counts(day(1), "a"), counts(day(2), "b"), counts(day(3), "c")}, false, false);
    BOOST_TEST(positions(lines) == (Places{7, 2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m7_after_the_lock_later_facts_take_the_next_positions) {
    std::vector<LadderLine> lines{line_at(day(2), "a", 1), line_at(day(4), "b", 2), line_at(day(1), "late"),
                                  line_at(day(3), "later")};
    rank(lines, {counts(day(2), "a"), counts(day(4), "b"), counts(day(1), "late"), counts(day(3), "later")}, false,
         true);
    BOOST_TEST(positions(lines) == (Places{3, 1, 4, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m7_a_line_that_does_not_count_stands_where_the_next_would) {
    std::vector<LadderLine> lines{line_at(day(1), "a"), line_at(day(2), "renewal"), line_at(day(3), "b")};
    rank(lines, {counts(day(1), "a"), counts(day(3), "b")}, false, false);
    BOOST_TEST(positions(lines) == (Places{1, 2, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m7_the_band_of_a_position) {
    Ladder ladder;
    ladder.bands = {{1, 2, {}, {}, "a"}, {2, 5, {}, {}, "b"}};
    BOOST_TEST(ladder.band_at(1) == nullptr);
    BOOST_TEST(ladder.band_at(2)->band == 1);
    BOOST_TEST(ladder.band_at(4)->band == 1);
    BOOST_TEST(ladder.band_at(5)->band == 2);
    BOOST_TEST(ladder.band_at(5000)->band == 2);
}

BOOST_AUTO_TEST_CASE(m7_a_cap_is_filled_in_order_and_never_exceeded) {
    std::vector<CapLine> lines{earned(day(3), "c", "30"), earned(day(1), "a", "60"), earned(day(2), "b", "30.5")};
    BOOST_TEST(fill_cap(lines, money("100"), false) == money("100"));
    BOOST_TEST(rooms(lines) == "100 40 9.5 ");
}

BOOST_AUTO_TEST_CASE(m7_a_void_gives_its_room_back_in_place) {
    std::vector<CapLine> lines{earned(day(1), "a", "0"), earned(day(2), "b", "80"), earned(day(3), "c", "80")};
    BOOST_TEST(fill_cap(lines, money("100"), false) == money("100"));
    BOOST_TEST(rooms(lines) == "100 100 20 ");
}

BOOST_AUTO_TEST_CASE(m7_a_reversal_gives_room_back_to_lines_after_it) {
    std::vector<CapLine> lines{earned(day(1), "a", "100", "0", day(5)), earned(day(4), "b", "50"),
                               earned(day(5), "c", "50"), earned(day(6), "d", "50")};
    BOOST_TEST(fill_cap(lines, money("100"), false) == money("50"));
    BOOST_TEST(rooms(lines) == "100 0 0 100 ");
}

BOOST_AUTO_TEST_CASE(m7_what_was_above_the_room_comes_back_only_below_it) {
    std::vector<CapLine> lines{earned(day(1), "a", "150", "120", day(2)), earned(day(3), "b", "50")};
    BOOST_TEST(fill_cap(lines, money("100"), false) == money("100"));
    BOOST_TEST(rooms(lines) == "100 0 ");
}

BOOST_AUTO_TEST_CASE(m7_pinned_rooms_stand_and_come_first_after_the_lock) {
    CapLine pinned = earned(day(9), "p", "70");
    pinned.is_pinned = true;
    pinned.room = money("70");
    std::vector<CapLine> lines{earned(day(1), "late", "60"), pinned};
    fill_cap(lines, money("100"), true);
    BOOST_TEST(rooms(lines) == "70 30 ");
    std::vector<CapLine> open{earned(day(1), "late", "60"), pinned};
    fill_cap(open, money("100"), false);
    BOOST_TEST(rooms(open) == "100 70 ");
}

BOOST_AUTO_TEST_CASE(m7_a_first_posting_takes_the_next_position_and_a_settled_one_keeps_it) {
    Story s;
    two_bands(s);
    s.positions_before = 2;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    Outcome const outcome = s.settle();
    BOOST_TEST(s.line("s").ladder_position == 3);
    BOOST_TEST(s.net("s") == money("20"));
    BOOST_TEST(s.line("s").is_provisional);
    BOOST_TEST(outcome.stage_affiliates == (Places{alice}), boost::test_tools::per_element());
    s.positions_before = 0;
    BOOST_TEST(is_empty(s.settle()));
}

BOOST_AUTO_TEST_CASE(m7_the_stage_moves_a_line_by_an_adjustment) {
    Story s;
    two_bands(s);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.refund("r", "s", day(9), "50");
    s.settle();
    BOOST_TEST(s.net("s") == money("5"));
    s.file.commissions.at(0).ladder_position = 3; // ranked anew
    Outcome const outcome = s.settle();
    BOOST_TEST(s.line("s").accrued == money("20"));
    BOOST_TEST(s.line("s").reversed == money("10"));
    BOOST_REQUIRE(outcome.commissions.size() == 1U);
    BOOST_TEST(outcome.commissions[0].entries.at(0).kind == "adjustment");
    BOOST_TEST(outcome.commissions[0].entries.at(0).amount == money("10"));
}

BOOST_AUTO_TEST_CASE(m7_counted_are_attributed_first_purchases_with_an_amount) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("free", day(1), "0");
    s.sale("a", day(1, 1), "100");
    s.sale("b", day(2), "100");
    s.settle();
    BOOST_TEST(!s.conversion("free").ladder_counts);
    BOOST_TEST(s.conversion("a").ladder_counts);
}

BOOST_AUTO_TEST_CASE(m7_a_cap_limits_accrued_and_net) {
    Story s;
    s.book.plans[{program_no, "plan"}].back().rules.front().monthly_cap = money("100");
    s.program().has_second_stage = true;
    s.used_before = money("94");
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.line("s").accrued == money("6"));
    s.refund("r", "s", day(9), "30");
    s.settle();
    BOOST_TEST(s.net("s") == money("6")); // min(room, 7)
    s.refund("r2", "s", day(10), "30");
    s.settle();
    BOOST_TEST(s.net("s") == money("4"));
    BOOST_TEST(*s.line("s").uncapped_accrued == money("10"));
    BOOST_TEST(*s.line("s").uncapped_net == money("4"));
}

BOOST_AUTO_TEST_CASE(m11_nothing_under_a_full_cap_says_so) {
    Story s;
    s.book.plans[{program_no, "plan"}].back().rules.front().monthly_cap = money("100");
    s.used_before = money("100");
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").code == "capped");
}

/// M7: a ladder whose first band begins above the first position: the stage has to see the line.
BOOST_AUTO_TEST_CASE(m7_a_line_below_the_first_band_waits_for_the_stage) {
    Story s;
    two_bands(s).bands = {{1, 5, {}, money("50"), "only"}};
    s.only_rule(usual_rule, [](const RuleInput &in) { return in.band_amount; }).ladder_no = 1;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_REQUIRE(s.file.commissions.size() == 1U);
    BOOST_TEST(s.line("s").accrued == money("0"));
    BOOST_TEST(s.line("s").is_provisional);
    BOOST_TEST(s.conversion("s").code == "out_of_scope");
    s.file.commissions.at(0).ladder_position = 5;
    s.settle();
    BOOST_TEST(s.net("s") == money("50"));
    BOOST_TEST(s.conversion("s").code == "");
}

/// M7: the same for a condition on the band; a line that only waits is no choice of a rule (W10).
BOOST_AUTO_TEST_CASE(m7_a_condition_on_the_band_waits_for_the_stage) {
    Story s;
    two_bands(s);
    s.only_rule(usual_rule, fifty, [](const RuleInput &in) { return in.band == 2; }).ladder_no = 1;
    s.rule(2, [](const RuleInput &in) { return in.net * money("0.1"); });
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("10"));
    BOOST_TEST(s.line("s", usual_rule).is_provisional);
    BOOST_TEST(s.line("s", usual_rule).ladder_position == 1);
    BOOST_TEST(is_empty(s.settle()));
    for (CommissionRow &row : s.file.commissions) row.ladder_position = row.ladder_no == 0 ? 0 : 3;
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("60"));
    for (CommissionRow &row : s.file.commissions) row.ladder_position = row.ladder_no == 0 ? 0 : 1;
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("10"));
    for (CommissionRow &row : s.file.commissions)
        if (row.rule_no == 2) story::pay(s.file, s.ledger, row, day(9));
    for (CommissionRow &row : s.file.commissions) row.ladder_position = row.ladder_no == 0 ? 0 : 3;
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("10"));
}

/// M7: two rules on one ladder are two lines of one sale: a pinned one stands, and the sale advances the ladder once.
BOOST_AUTO_TEST_CASE(m7_two_rules_on_one_ladder_after_the_lock) {
    std::vector<LadderLine> lines{line_at(day(2), "a", 1), line_at(day(2), "a", 1), line_at(day(1), "late"),
                                  line_at(day(1), "late"), line_at(day(3), "later"), line_at(day(2), "a")};
    for (std::size_t i = 0; i < lines.size(); ++i) lines[i].index = i;
    rank(lines, {counts(day(2), "a"), counts(day(1), "late"), counts(day(3), "later")}, false, true);
    std::vector<int> by_index(lines.size());
    for (const LadderLine &line : lines) by_index[line.index] = line.position;
    BOOST_TEST(by_index == (Places{1, 1, 2, 2, 3, 1}), boost::test_tools::per_element());
}

/// M7: after the lock the next position is that of the metric: what counts without a line, and reversals, are in it;
/// a line that does not count takes no position.
BOOST_AUTO_TEST_CASE(m7_after_the_lock_the_metric_goes_on) {
    std::vector<LadderLine> lines{line_at(day(2), "a", 1), line_at(day(6), "b", 2), line_at(day(1), "renewal"),
                                  line_at(day(3), "late"), line_at(day(8), "later")};
    rank(lines, {counts(day(2), "a"), counts(day(4), "without line"), counts(day(5), "a", -1), counts(day(6), "b"),
                 counts(day(7), "without line 2"), counts(day(3), "late"), counts(day(8), "later")},
         false, true);
    BOOST_TEST(positions(lines) == (Places{4, 1, 4, 2, 5}), boost::test_tools::per_element());
}

/// W9: where orders count, all lines of an order stand where it counts.
BOOST_AUTO_TEST_CASE(w9_the_lines_of_an_order_stand_at_its_position) {
    std::vector<LadderLine> lines{line_at(day(1), "x"), line_at(day(2), "a1"), line_at(day(4), "a2"), line_at(day(3), "b")};
    std::vector<LadderEvent> events{counts(day(1), "x"), counts(day(2), "a1"), counts(day(3), "b")};
    for (LadderLine &line : lines) line.unit = line.transaction_id.substr(0, 1);
    for (LadderEvent &event : events) event.unit = event.transaction_id.substr(0, 1);
    rank(lines, events, false, false);
    BOOST_TEST(positions(lines) == (Places{1, 2, 3, 2}), boost::test_tools::per_element());
}

/// M7, W9: an order leaves the ladder when all its lines are wholly taken back.
BOOST_AUTO_TEST_CASE(w9_an_order_is_reversed_with_its_last_line) {
    Story s;
    s.program().ladder_counts_orders = true;
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100").order("o");
    s.sale("b", day(1), "100").order("o");
    s.refund("r1", "a", day(9));
    s.settle();
    BOOST_TEST(!s.conversion("a").ladder_reversed_at);
    s.refund("r2", "b", day(12));
    s.settle();
    BOOST_TEST((s.conversion("a").ladder_reversed_at == day(12)));
    BOOST_TEST(!s.conversion("b").ladder_reversed_at);
}

/// M4, M7: a whole refund with a positive adjustment is no reversal on the ladder; a bystander's news dates nothing.
BOOST_AUTO_TEST_CASE(m7_reversal_and_take_back_have_times_of_their_own) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.refund("r", "s", day(9));
    s.dispute("d", "s", day(20), "10");
    s.dispute_closed("d", day(25), DisputeState::Outcome::won);
    s.settle();
    BOOST_TEST((s.conversion("s").ladder_reversed_at == day(9)));
    BOOST_TEST((s.conversion("s").taken_back_at == day(9)));
    s.adjustment("a", "s", day(30), "30");
    s.settle();
    BOOST_TEST(!s.conversion("s").ladder_reversed_at);
    BOOST_TEST((s.conversion("s").taken_back_at == day(9)));
}

BOOST_AUTO_TEST_SUITE_END()
