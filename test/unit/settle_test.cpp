// SPDX-License-Identifier: PostgreSQL
// From targets to entries: settling twice, stated lines, claw back and goodwill, void and reversal (SEMANTICS W10, W14,
// M5, M6).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

using Kinds = std::vector<std::string>;

/// The entries of all commissions of a sale, in order.
Kinds entries_of(const Story &s, const std::string &id) {
    Kinds result;
    for (const auto &[key, entries] : s.ledger.entries)
        if (std::get<0>(key) == id)
            for (const Entry &entry : entries)
                result.push_back(std::string(entry.kind) + " " + entry.amount.normalized().to_string());
    return result;
}

struct Sold : Story {
    Sold() {
        click("c", alice, day(0));
        sale("s", day(1), "100");
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(settle)

/// W10: rules are pinned per conversion, but a header that was emptied before (the sale moved from alice to bob) is no
/// choice: after bob was paid, settling again must not bring alice's commission back.
BOOST_AUTO_TEST_CASE(w10_a_withdrawn_commission_stays_withdrawn_after_the_line_was_stated) {
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
BOOST_AUTO_TEST_CASE(w14_claw_back_twice_is_once) {
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

/// W10: the owner of a registration that was paid is pinned.
BOOST_AUTO_TEST_CASE(w10_the_owner_of_a_stated_registration_is_pinned) {
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

BOOST_AUTO_TEST_CASE(m5_settling_twice_is_once) {
    Sold s;
    BOOST_TEST(!is_empty(s.settle()));
    BOOST_TEST(is_empty(s.settle()));
    s.refund("r", "s", day(9), "40");
    BOOST_TEST(!is_empty(s.settle()));
    BOOST_TEST(is_empty(s.settle()));
}

BOOST_AUTO_TEST_CASE(m6_void_or_reversal_to_the_microsecond) {
    for (int const delta : {-1, 0, 1}) {
        Sold s;
        s.settle();
        s.refund("r", "s", day(3) + delta);
        s.settle();
        bool const is_void = delta < 0;
        BOOST_TEST(s.conversion("s").state == (is_void ? ConversionState::void_ : ConversionState::counted));
        BOOST_TEST(entries_of(s, "s") == (Kinds{"accrual 10", is_void ? "void -10" : "reversal -10"}),
                   boost::test_tools::per_element());
        BOOST_TEST(s.conversion("s").quantity == (is_void ? 0 : 1));
        BOOST_TEST(s.conversion("s").purchase_number == (is_void ? 0 : 1));
        BOOST_TEST(s.file.ownerships.size() == (is_void ? 0U : 1U));
    }
}

/// Reports by event date ask on which day something happened, not when it was settled: a sale that was refunded before it
/// was settled at all (queued, or imported with its end) stands on its own day, and a refund on its own, whatever else was
/// reported later.
BOOST_AUTO_TEST_CASE(m5_each_entry_is_effective_when_its_cause_happened) {
    for (bool const is_settled_between : {true, false}) {
        Sold s;
        s.update("s", day(20)).product("p2");
        if (is_settled_between) s.settle();
        s.refund("r", "s", day(9), "40");
        s.settle();
        for (const auto &[key, entries] : s.ledger.entries) {
            BOOST_REQUIRE(entries.size() == 2U);
            BOOST_TEST(entries[0].effective_at == day(1));
            BOOST_TEST(entries[1].effective_at == day(9));
        }
        const std::vector<ConversionEntry> &counts = s.ledger.conversion_entries.at({"s", Subject::transaction});
        BOOST_REQUIRE(counts.size() == 2U);
        BOOST_TEST(counts[0].gross == money("100"));
        BOOST_TEST(counts[0].refunded == money("0"));
        BOOST_TEST(counts[0].effective_at == day(1));
        BOOST_TEST(counts[1].quantity == 0);
        BOOST_TEST(counts[1].refunded == money("40"));
        BOOST_TEST(counts[1].effective_at == day(9));
    }
}

/// Likewise a sale that goes to somebody else: on each day nothing is left of it with the one who had it.
BOOST_AUTO_TEST_CASE(w10_a_change_of_owner_moves_each_entry_on_its_own_day) {
    Sold s;
    s.refund("r", "s", day(9), "40");
    s.settle();
    s.reassign(bob);
    s.settle();
    BOOST_TEST(owed_to(s, bob) == money("6"));
    for (Time const at : {day(1), day(9)}) {
        Decimal earned, gross, refunded;
        for (const auto &[key, entries] : s.ledger.entries)
            if (std::get<3>(key) == alice)
                for (const Entry &entry : entries)
                    if (entry.effective_at == at) earned += entry.amount;
        for (const ConversionEntry &entry : s.ledger.conversion_entries.at({"s", Subject::transaction}))
            if (entry.affiliate_no == alice && entry.effective_at == at) {
                gross += entry.gross;
                refunded += entry.refunded;
            }
        BOOST_TEST(earned == money("0"));
        BOOST_TEST(gross == money("0"));
        BOOST_TEST(refunded == money("0"));
    }
}

BOOST_AUTO_TEST_CASE(m6_a_failed_refund_undoes_the_void) {
    Sold s;
    s.refund("r", "s", day(2));
    s.settle();
    s.update("r", day(9)).status(Status::failed).status_at(day(9));
    s.settle();
    BOOST_TEST(s.conversion("s").purchase_number == 1);
    BOOST_TEST(entries_of(s, "s") == (Kinds{"accrual 10", "void -10", "reinstatement 10"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m6_a_chargeback_after_a_void_only_counts) {
    Sold s;
    s.refund("r", "s", day(2));
    s.chargeback("k", "s", day(20));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::void_);
    BOOST_TEST(s.conversion("s").charged_back_count == 1);
    BOOST_TEST(s.conversion("s").charged_back == money("0"));
}

BOOST_AUTO_TEST_CASE(m6_a_won_dispute_reinstates_exactly_what_was_taken_once) {
    Sold s;
    s.refund("r", "s", day(9), "25");
    s.settle();
    s.dispute("d", "s", day(10));
    s.dispute_closed("d", day(11), DisputeState::Outcome::lost);
    s.settle();
    s.dispute_closed("d", day(12), DisputeState::Outcome::won);
    s.settle();
    s.settle();
    BOOST_TEST(entries_of(s, "s") == (Kinds{"accrual 10", "reversal -2.5", "reversal -7.5", "reinstatement 7.5"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m5_corrected_content_moves_accrued_by_a_signed_adjustment) {
    Sold s;
    s.settle();
    s.update("s", day(5)).amount("80").status_at(day(5));
    s.settle();
    s.update("s", day(6)).amount("120").status_at(day(6));
    s.settle();
    BOOST_TEST(entries_of(s, "s") == (Kinds{"accrual 10", "adjustment -2", "adjustment 4"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(m5_a_paid_line_never_falls_below_what_was_paid) {
    Sold s;
    s.settle();
    s.pay("s", day(3));
    s.update("s", day(5)).amount("60").status_at(day(5));
    s.settle();
    BOOST_TEST(s.line("s").accrued == money("10"));
    BOOST_TEST(s.line("s").reversed == money("4"));
    BOOST_TEST(s.line("s").paid == money("10"));
    s.update("s", day(6)).amount("150").status_at(day(6));
    s.settle();
    BOOST_TEST(s.line("s").accrued == money("15"));
    BOOST_TEST(s.line("s").reversed == money("0"));
}

BOOST_AUTO_TEST_CASE(m6_what_is_taken_back_after_payment_is_a_negative_entry) {
    Sold s;
    s.settle();
    s.pay("s", day(3));
    s.chargeback("k", "s", day(60));
    s.settle();
    BOOST_TEST(s.ledger.sum(key_of(s.line("s"))) == money("-10"));
    BOOST_TEST(s.net("s") == money("0"));
}

BOOST_AUTO_TEST_CASE(m6_a_void_of_a_stated_line_is_a_reversal_of_it) {
    Sold s;
    s.settle();
    s.pay("s", day(1, 1));
    s.refund("r", "s", day(2));
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::void_);
    BOOST_TEST(!s.line("s").is_void);
    BOOST_TEST(s.net("s") == money("0"));
}

BOOST_AUTO_TEST_CASE(w10_a_late_sale_re_decides_what_is_not_stated) {
    for (bool const stated : {true, false}) {
        Story s;
        s.click("c2", bob, day(5));
        s.sale("b", day(6), "100");
        s.settle(day(7));
        if (stated) s.pay("b", day(7));
        s.click("c1", alice, day(0)).recorded_at = day(0);
        s.sale("a", day(1), "100").arrived(day(8)); // alice's customer since day 1
        s.settle(day(9));
        BOOST_TEST(s.owner("a") == alice);
        BOOST_TEST(s.owner("b") == (stated ? bob : alice));
        BOOST_TEST(owed_to(s, bob) == money(stated ? "10" : "0"));
    }
}

BOOST_AUTO_TEST_CASE(w10_the_rules_of_a_stated_line_are_pinned) {
    for (bool const stated : {true, false}) {
        Sold s;
        s.settle();
        if (stated) s.pay("s", day(2));
        s.plan_changes(day(1)); // written later, valid before the sale
        s.rule(11, fifty);
        s.settle();
        BOOST_TEST(s.line("s", usual_rule).accrued - s.line("s", usual_rule).reversed == money(stated ? "10" : "0"));
        BOOST_TEST(owed_to(s, alice) == money(stated ? "10" : "50"));
    }
}

BOOST_AUTO_TEST_CASE(w10_each_change_of_owner_is_two_entries) {
    Sold s;
    s.settle(day(1));
    s.click("c2", bob, day(0, 12)).recorded_at = day(1, 2);
    Outcome const outcome = s.settle(day(2));
    BOOST_REQUIRE(outcome.conversions.size() == 1U);
    BOOST_REQUIRE(outcome.conversions[0].entries.size() == 2U);
    BOOST_TEST(outcome.conversions[0].entries[0].affiliate_no == alice);
    BOOST_TEST(outcome.conversions[0].entries[0].quantity == -1);
    BOOST_TEST(outcome.conversions[0].entries[1].affiliate_no == bob);
    BOOST_TEST(outcome.conversions[0].entries[1].cause == "reattributed");
}

BOOST_AUTO_TEST_CASE(w14_claw_back_or_goodwill) {
    for (bool const claw_back : {true, false}) {
        Sold s;
        s.settle(day(2));
        s.pay("s", day(2));
        s.reassign(bob).claw_back = claw_back;
        s.settle(day(3));
        BOOST_TEST(owed_to(s, alice) == money(claw_back ? "0" : "10"));
        BOOST_TEST(owed_to(s, bob) == money(claw_back ? "10" : "0"));
        BOOST_TEST(s.line("s", 0, alice).paid == money("10"));
        BOOST_TEST(is_empty(s.settle(day(3))));
    }
}

BOOST_AUTO_TEST_CASE(w14_since_a_date_for_unpaid_lines) {
    Sold s;
    s.sale("t", day(5), "100");
    s.settle(day(6));
    s.pay("s", day(6));
    s.reassign(bob, day(5));
    s.settle(day(7));
    BOOST_TEST(s.owner("s") == alice);
    BOOST_TEST(s.owner("t") == bob);
}

BOOST_AUTO_TEST_CASE(w14_claw_back_takes_the_upline_with_it) {
    Sold s;
    s.rule(11, [](const RuleInput &) { return money("3"); }).level = 1;
    s.affiliate(alice).uplines = {{carol, 1, kBeginning, kForever}};
    s.settle(day(2));
    s.pay("s", day(2));
    s.reassign(bob);
    s.settle(day(3));
    BOOST_TEST(owed_to(s, carol) == money("0"));
    BOOST_TEST(is_empty(s.settle(day(3))));
}

/// Settle twice = once: the unknown click of an order is among its candidates whether the line is stated or not.
BOOST_AUTO_TEST_CASE(w14_a_claw_back_of_an_order_with_an_unknown_click_settles_once) {
    Story s;
    s.coupon("A", alice);
    s.sale("s", day(1), "100").coupons({"A"}).click("unknown");
    s.settle(day(3));
    s.pay("s", day(40));
    s.reassign(nobody);
    s.settle(day(41));
    BOOST_TEST(is_empty(s.settle(day(41))));
}

/// M5, W10: a rule of a group that no longer matches leaves no choice behind: after the other one is paid it must not
/// come back.
BOOST_AUTO_TEST_CASE(w10_a_withdrawn_capped_rule_does_not_come_back_beside_the_paid_one) {
    Story s;
    s.no_rules();
    PlanRule &large = s.rule(1, [](const RuleInput &) { return money("20"); },
                             [](const RuleInput &in) { return in.net >= money("100"); });
    large.group = "g";
    large.monthly_cap = money("1000");
    s.rule(2, [](const RuleInput &in) { return in.net * money("0.05"); }).group = "g";
    s.program().has_second_stage = true;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("20"));
    s.update("s", day(3)).amount("90");
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("4.5"));
    BOOST_TEST(!s.line("s", 1).cap_room);
    BOOST_TEST(!s.line("s", 1).uncapped_accrued);
    for (CommissionRow &row : s.file.commissions)
        if (row.rule_no == 2) story::pay(s.file, s.ledger, row, day(9));
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("4.5"));
}

/// M7: a line that moved to another affiliate takes no room under the cap of the first; when it comes back it gets in
/// line again.
BOOST_AUTO_TEST_CASE(m7_a_line_that_moves_away_gives_up_its_room) {
    Story s;
    s.book.plans[{program_no, "plan"}].back().rules.front().monthly_cap = money("25");
    s.program().has_second_stage = true;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.line("s", 0, alice).cap_room.has_value());
    s.reassign(bob);
    Outcome const outcome = s.settle();
    BOOST_TEST(!s.line("s", 0, alice).cap_room);
    BOOST_TEST(!s.line("s", 0, alice).uncapped_accrued);
    BOOST_TEST(!s.line("s", 0, alice).is_provisional);
    BOOST_TEST(s.line("s", 0, bob).cap_room.has_value());
    BOOST_TEST(outcome.stage_affiliates.size() == 2U);
    s.reassign(alice);
    s.settle();
    BOOST_TEST(s.line("s", 0, alice).cap_room.has_value());
    BOOST_TEST(s.line("s", 0, alice).is_provisional);
}

/// M3: payouts and credits are no revenue.
BOOST_AUTO_TEST_CASE(m3_payouts_and_credits_do_not_count) {
    for (Effect const effect : {Effect::cost, Effect::credit}) {
        Story s;
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100");
        s.sale("x", day(2), "500").effect(effect).type("payout");
        s.settle();
        BOOST_TEST(s.conversion("s").quantity == 1);
        BOOST_TEST(s.conversion("x").quantity == 0);
        BOOST_TEST(s.conversion("x").gross == money("0"));
    }
}

/// I14: what a line was stated with stays, whatever is set later.
BOOST_AUTO_TEST_CASE(i14_a_stated_line_keeps_plan_and_rate) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    int const plan_no = s.conversion("s").plan_no;
    BOOST_TEST(plan_no != 0);
    s.pay("s", day(5));
    s.program().commission_from = day(100);
    s.settle();
    BOOST_TEST(s.conversion("s").plan_no == plan_no);
    s.program().commission_from = kBeginning;
    s.update("s", day(9)).amount("0");
    s.settle();
    BOOST_TEST(s.conversion("s").plan_no == plan_no);
}

/// M1: a word that comes again without a time of its own is taken as sent again, and reviewed; with a time it is news.
BOOST_AUTO_TEST_CASE(m1_a_second_refund_after_a_failed_one) {
    for (bool const is_timed : {true, false}) {
        Story s;
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100");
        int at = 10;
        for (Status const status : {Status::refunded, Status::refund_failed, Status::refunded}) {
            Report report = s.update("s", day(++at)).status(status);
            if (is_timed) report.status_at(day(at));
        }
        Outcome const outcome = s.settle();
        BOOST_TEST(s.net("s") == money(is_timed ? "0" : "10"));
        BOOST_TEST(reviews_of(outcome, "s") == (is_timed ? 0U : 1U));
    }
}

BOOST_AUTO_TEST_SUITE_END()
