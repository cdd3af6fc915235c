// SPDX-License-Identifier: PostgreSQL
// What rules see and what they give: rounding, groups, take-backs, uplines, currency, special sales
// (SEMANTICS M4, M5, M8, M9, M11).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

/// A sale of alice on day 1 over `amount`, settled.
struct Sold : Story {
    explicit Sold(const char *amount = "100") {
        click("c", alice, day(0));
        sale("s", day(1), amount);
    }
    PlanRule &usual() { return book.plans[{program_no, "plan"}].back().rules.front(); }
};

std::function<std::optional<Decimal>(const RuleInput &)> fixed(const char *amount) {
    return [amount](const RuleInput &) { return money(amount); };
}

} // namespace

BOOST_AUTO_TEST_SUITE(rule)

/// M8: a zero amount sale is lifecycle only unless set; a rule with a fixed amount must not pay for a giveaway.
BOOST_AUTO_TEST_CASE(m8_a_giveaway_earns_nothing) {
    Story s;
    s.only_rule(11, fifty);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "0");
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").code != "");
}

/// M8: upgrade_counts = none: upgrades earn nothing (the setting is read by nobody).
BOOST_AUTO_TEST_CASE(m8_upgrades_earn_nothing_where_the_program_says_so) {
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
BOOST_AUTO_TEST_CASE(m9_the_rate_follows_an_earlier_completed_at_that_arrives_late) {
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

/// M6, M5: the own line of a void shows what it would have earned, conditions see the sale with nothing taken back: it
/// would have been purchase 1.
BOOST_AUTO_TEST_CASE(m6_a_void_line_shows_what_it_would_have_earned) {
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

/// M11: a registration before go-live earns nothing and says so.
BOOST_AUTO_TEST_CASE(m11_a_registration_that_earns_nothing_has_a_code) {
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.program().commission_from = day(5);
    s.click("c1", alice, day(0));
    s.customer(day(1));
    s.settle(day(9));
    BOOST_TEST(s.registration().code == "before_go_live");
}

BOOST_AUTO_TEST_CASE(m5_rounding_modes) {
    struct Example {
        const char *amount;
        Rounding rounding;
        int scale;
        const char *result;
    };
    for (const Example &x : {Example{"10.50", Rounding::half_up, 1, "1.1"}, Example{"10.50", Rounding::half_even, 1, "1.0"},
                             Example{"11.50", Rounding::half_even, 1, "1.2"}, Example{"10.99", Rounding::down, 1, "1.0"},
                             Example{"10.01", Rounding::up, 1, "1.1"}, Example{"10.00", Rounding::up, 1, "1.0"},
                             Example{"14.99", Rounding::half_up, 0, "1"}, Example{"15", Rounding::half_up, 0, "2"}}) {
        Sold s(x.amount);
        s.usual().rounding = x.rounding;
        s.usual().scale = x.scale;
        s.settle();
        BOOST_TEST(s.net("s") == money(x.result));
    }
}

BOOST_AUTO_TEST_CASE(m5_after_partial_refunds_the_net_is_the_amount_of_the_rest) {
    Sold s("99.99");
    s.settle();
    BOOST_TEST(s.net("s") == money("10.00"));
    s.refund("r1", "s", day(9), "33.33");
    s.settle();
    BOOST_TEST(s.net("s") == money("6.67"));
    s.refund("r2", "s", day(10), "33.33");
    s.settle();
    BOOST_TEST(s.net("s") == money("3.33"));
    s.refund("r3", "s", day(11), "33.33");
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.line("s").accrued == money("10"));
}

BOOST_AUTO_TEST_CASE(m5_take_backs_recompute_proportional_or_keep) {
    for (TakeBack const mode : {TakeBack::recompute, TakeBack::proportional, TakeBack::keep}) {
        Sold s;
        s.only_rule(11, fifty).take_back = mode;
        s.refund("r", "s", day(9), "25");
        s.settle();
        BOOST_TEST(s.net("s") == money(mode == TakeBack::proportional ? "37.5" : "50"));
        s.refund("r2", "s", day(10), "75");
        s.settle();
        BOOST_TEST(s.net("s") == money(mode == TakeBack::keep ? "50" : "0"));
    }
}

BOOST_AUTO_TEST_CASE(m6_a_void_takes_everything_also_where_the_rule_keeps) {
    Sold s;
    s.only_rule(11, fifty).take_back = TakeBack::keep;
    s.refund("r", "s", day(2));
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.line("s").is_void);
}

BOOST_AUTO_TEST_CASE(m5_the_net_never_exceeds_what_was_accrued_nor_falls_below_zero) {
    Sold s;
    s.only_rule(11, [](const RuleInput &in) { return money("50") + in.refunded; }); // grows with the refund
    s.refund("r", "s", day(9), "25");
    s.settle();
    BOOST_TEST(s.line("s").accrued == money("50"));
    BOOST_TEST(s.net("s") == money("50"));
    Sold negative;
    negative.only_rule(11, [](const RuleInput &in) { return in.net - money("80"); });
    negative.refund("r", "s", day(9), "50");
    negative.settle();
    BOOST_TEST(negative.line("s").accrued == money("20"));
    BOOST_TEST(negative.net("s") == money("0"));
}

BOOST_AUTO_TEST_CASE(m5_an_amount_that_is_null_gives_nothing) {
    Sold s;
    s.only_rule(11, [](const RuleInput &) { return std::optional<Decimal>(); });
    s.settle();
    BOOST_TEST(s.file.commissions.empty());
    BOOST_TEST(s.conversion("s").code == "out_of_scope");
}

BOOST_AUTO_TEST_CASE(m5_of_a_group_the_first_that_matches_is_the_only_one) {
    Sold s;
    s.no_rules();
    s.rule(11, fixed("1"), [](const RuleInput &in) { return in.gross > money("500"); }).group = "g";
    s.rule(12, fixed("2")).group = "g";
    s.rule(13, fixed("4")).group = "g";
    s.rule(14, fixed("8"));
    s.rule(15, fixed("16")).group = "h";
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("26"));
}

BOOST_AUTO_TEST_CASE(m5_conditions_see_the_sale_with_nothing_taken_back) {
    Sold s;
    s.no_rules();
    s.rule(11, [](const RuleInput &in) { return in.net * money("0.2"); },
           [](const RuleInput &in) { return in.net >= money("100"); })
        .group = "g";
    s.rule(12, [](const RuleInput &in) { return in.net * money("0.1"); }).group = "g";
    s.refund("r", "s", day(9), "50");
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_CASE(w9_first_and_repeat_purchases) {
    Sold s;
    s.no_rules();
    s.rule(11, fixed("20"), [](const RuleInput &in) { return in.purchase_number == 1; });
    s.rule(12, fixed("5"), [](const RuleInput &in) { return in.purchase_number > 1; });
    s.sale("t", day(2), "100");
    s.settle();
    BOOST_TEST(s.net("s") == money("20"));
    BOOST_TEST(s.net("t") == money("5"));
    s.refund("r", "s", day(2, 12)); // void: the second is the first
    s.settle();
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.line("t", 11).accrued == money("20"));
    BOOST_TEST(s.line("t", 12).accrued == money("0"));
}

BOOST_AUTO_TEST_CASE(m5_an_upline_earns_beside_the_owner_and_is_taken_back_with_it) {
    Sold s;
    s.rule(11, [](const RuleInput &in) { return in.net * money("0.03"); }).level = 1;
    s.rule(12, [](const RuleInput &in) { return in.net * money("0.01"); }).level = 2;
    s.affiliate(alice).uplines = {{bob, 1, kBeginning, kForever}, {carol, 2, kBeginning, kForever}};
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("10"));
    BOOST_TEST(owed_to(s, bob) == money("3"));
    BOOST_TEST(owed_to(s, carol) == money("1"));
    s.refund("r", "s", day(9), "50");
    s.settle();
    BOOST_TEST(owed_to(s, bob) == money("1.5"));
    s.chargeback("k", "s", day(10));
    s.settle();
    BOOST_TEST(owed_to(s, alice) == money("0"));
    BOOST_TEST(owed_to(s, bob) == money("0"));
    BOOST_TEST(owed_to(s, carol) == money("0"));
    BOOST_TEST(s.line("s", 11, bob).accrued == money("3"));
}

BOOST_AUTO_TEST_CASE(m6_a_void_takes_the_upline_with_it) {
    Sold s;
    s.rule(11, fixed("3")).level = 1;
    s.affiliate(alice).uplines = {{bob, 1, kBeginning, kForever}};
    s.refund("r", "s", day(1, 12)); // within the cooling-off
    s.settle();
    BOOST_TEST(s.line("s").is_void);
    BOOST_TEST(s.line("s", 11, bob).is_void);
    BOOST_TEST(owed_to(s, alice) == money("0"));
    BOOST_TEST(owed_to(s, bob) == money("0"));
}

BOOST_AUTO_TEST_CASE(m5_an_upline_is_that_of_ordered_at) {
    for (int const delta : {-1, 0}) {
        Sold s;
        s.rule(11, fixed("3")).level = 1;
        s.affiliate(alice).uplines = {{bob, 1, kBeginning, day(1) + 1 + delta}, {carol, 1, day(1) + 1 + delta, kForever}};
        s.settle();
        BOOST_TEST(owed_to(s, bob) == money(delta == 0 ? "3" : "0"));
        BOOST_TEST(owed_to(s, carol) == money(delta == 0 ? "0" : "3"));
    }
}

BOOST_AUTO_TEST_CASE(w3_an_upline_that_is_pending_or_terminated_earns_nothing) {
    for (AffiliateStatus const status : {AffiliateStatus::pending, AffiliateStatus::terminated}) {
        Sold s;
        s.rule(11, fixed("3")).level = 1;
        s.affiliate(bob).initial = status;
        s.affiliate(alice).uplines = {{bob, 1, kBeginning, kForever}};
        s.settle();
        BOOST_TEST(owed_to(s, bob) == money("0"));
        BOOST_TEST(owed_to(s, alice) == money("10"));
    }
}

BOOST_AUTO_TEST_CASE(m9_without_a_rate_the_conversion_waits) {
    Sold s;
    s.update("s", day(1)).currency("EUR");
    s.reports[0].currency = "EUR";
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::waiting);
    BOOST_TEST(s.conversion("s").code == "fx_missing");
    BOOST_TEST(s.file.commissions.empty());
    s.book.fx_rates[{"EUR", "USD"}] = {{day(1) + 1, money("1.5"), "bank"}}; // a microsecond too late
    s.settle();
    BOOST_TEST(s.conversion("s").code == "fx_missing");
    s.book.fx_rates[{"EUR", "USD"}] = {{day(1), money("1.1"), "bank"}};
    s.settle();
    BOOST_TEST(s.net("s") == money("11"));
    BOOST_TEST(s.conversion("s").fx_source == "bank");
}

BOOST_AUTO_TEST_CASE(m9_the_rate_of_a_stated_line_is_pinned) {
    Sold s;
    s.reports[0].currency = "EUR";
    s.book.fx_rates[{"EUR", "USD"}] = {{day(0), money("2"), "bank"}};
    s.settle();
    s.pay("s", day(2));
    s.book.fx_rates[{"EUR", "USD"}] = {{day(0), money("3"), "bank"}};
    BOOST_TEST(is_empty(s.settle()));
    s.refund("r", "s", day(9), "50").currency("EUR");
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_CASE(m4_money_of_a_rule_is_in_the_currency_of_the_program) {
    Sold s;
    s.reports[0].currency = "EUR";
    s.reports[0].tax = money("20");
    s.book.fx_rates[{"EUR", "USD"}] = {{day(0), money("1.5"), "bank"}};
    RuleInput seen;
    s.only_rule(11, [&](const RuleInput &in) { return seen = in, in.net; });
    s.settle();
    BOOST_TEST(seen.gross == money("150"));
    BOOST_TEST(seen.tax == money("30"));
    BOOST_TEST(seen.net == money("120"));
    BOOST_TEST(seen.original_gross == money("100"));
    BOOST_TEST(seen.fx_rate == money("1.5"));
}

BOOST_AUTO_TEST_CASE(m8_zero_amount_counts_where_it_is_set) {
    for (bool const counts : {true, false}) {
        Sold s("0");
        s.program().zero_amount_counts = counts;
        s.only_rule(11, fifty);
        s.settle();
        BOOST_TEST(s.conversion("s").purchase_number == (counts ? 1 : 0));
        BOOST_TEST(s.file.ownerships.size() == (counts ? 1U : 0U));
        BOOST_TEST(s.net("s") == money(counts ? "50" : "0"));
    }
}

BOOST_AUTO_TEST_CASE(m8_upgrades_by_policy) {
    for (UpgradeCounts const policy : {UpgradeCounts::delta, UpgradeCounts::new_purchase, UpgradeCounts::none}) {
        Sold s;
        s.program().upgrade_counts = policy;
        s.sale("u", day(3), "50").kind(SaleKind::upgrade).original("s");
        s.settle();
        BOOST_TEST(s.net("u") == money(policy == UpgradeCounts::none ? "0" : "5"));
        BOOST_TEST(s.conversion("u").purchase_number == (policy == UpgradeCounts::new_purchase ? 2 : 1));
        BOOST_TEST((s.owner("u") == alice));
    }
}

BOOST_AUTO_TEST_CASE(w14_before_go_live_to_the_microsecond) {
    for (int const delta : {-1, 0, 1}) {
        Sold s;
        s.program().commission_from = day(1) + delta;
        s.settle();
        BOOST_TEST((s.conversion("s").code == "before_go_live") == (delta > 0));
        BOOST_TEST(s.conversion("s").purchase_number == 1);
        BOOST_TEST(s.file.ownerships.size() == 1U);
        BOOST_TEST(s.net("s") == money(delta > 0 ? "0" : "10"));
    }
}

BOOST_AUTO_TEST_CASE(w11_a_plan_change_holds_for_orders_from_its_instant) {
    for (int const delta : {-1, 0, 1}) {
        Sold s;
        s.plan_changes(day(1) + delta);
        s.rule(11, fifty);
        s.settle();
        BOOST_TEST(s.net("s") == money(delta <= 0 ? "50" : "10"));
    }
}

BOOST_AUTO_TEST_CASE(w11_or_only_for_customers_referred_after_it) {
    Sold s;
    s.program().plan_by_customer = true;
    s.plan_changes(day(5));
    s.rule(11, fifty);
    s.sale("t", day(6), "100");
    s.settle();
    BOOST_TEST(s.net("t") == money("10"));
}

BOOST_AUTO_TEST_CASE(w11_live_inputs_are_read_again_and_others_are_not) {
    for (bool const live : {true, false}) {
        Sold s;
        s.only_rule(11, fifty, [](const RuleInput &in) { return in.kyc_status == "passed"; }).live_kyc = live;
        s.customer(day(0, 12)).kyc_status = "open";
        s.customer_update(day(9)).kyc_status = "passed";
        s.settle();
        BOOST_TEST(s.net("s") == money(live ? "50" : "0"));
    }
}

BOOST_AUTO_TEST_CASE(m11_why_nothing_was_earned) {
    Sold no_plan;
    no_plan.program().default_plan = "";
    no_plan.settle();
    BOOST_TEST(no_plan.conversion("s").code == "no_plan");
    Sold out_of_scope;
    out_of_scope.only_rule(11, fifty, [](const RuleInput &) { return false; });
    out_of_scope.settle();
    BOOST_TEST(out_of_scope.conversion("s").code == "out_of_scope");
    Sold test;
    test.reports[0].is_test = true;
    test.settle();
    BOOST_TEST(test.conversion("s").code == "test");
    BOOST_TEST(test.file.commissions.empty());
    Story organic;
    organic.sale("s", day(1), "100");
    organic.settle();
    BOOST_TEST(organic.conversion("s").code == "organic");
}

BOOST_AUTO_TEST_CASE(m3_rules_apply_to_sales_or_to_the_types_they_name) {
    Sold s;
    s.no_rules();
    s.rule(11, fixed("1")).transaction_types = {"activation"};
    s.rule(12, fixed("2"));
    s.sale("a", day(2), "10").type("activation");
    s.settle();
    BOOST_TEST(s.net("s") == money("2"));
    BOOST_TEST(s.line("a", 11).accrued == money("1"));
    BOOST_TEST(s.line("a", 12).accrued == money("2"));
}

/// M11: why nothing is earned.
BOOST_AUTO_TEST_CASE(m11_nothing_of_a_matching_rule_says_so) {
    Story s;
    s.only_rule(usual_rule, [](const RuleInput &in) { return in.net * money("0.00001"); });
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.conversion("s").code == "rounds_to_zero");
}

BOOST_AUTO_TEST_CASE(m11_a_later_purchase_under_a_rule_for_first_ones_says_so) {
    Story s;
    s.only_rule(usual_rule, [](const RuleInput &in) { return in.net * money("0.1"); },
                [](const RuleInput &in) { return in.purchase_number == 1 && in.gross > money("50"); });
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100");
    s.sale("b", day(2), "100");
    s.sale("small", day(3), "20");
    s.settle();
    BOOST_TEST(s.conversion("a").code == "");
    BOOST_TEST(s.conversion("b").code == "not_first_purchase");
    BOOST_TEST(s.conversion("small").code == "out_of_scope");
}

BOOST_AUTO_TEST_SUITE_END()
