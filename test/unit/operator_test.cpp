// SPDX-License-Identifier: PostgreSQL
// What operators and policies may do to lines that were stated, and overrides of registrations (SEMANTICS W10, W14).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

auto share(const char *part) {
    return [part](const RuleInput &in) { return std::optional(in.net * money(part)); };
}

/// From now on the plan pays another share, for the past too.
void plan_pays(Story &s, int rule_no, const char *part) {
    s.plan_changes(kBeginning);
    s.rule(rule_no, share(part));
}

/// alice's sale, paid.
struct Paid : Story {
    Paid() {
        click("c", alice, day(0));
        sale("s", day(1), "100");
    }
    void pay_it() {
        settle(day(2));
        story::Story::pay("s", day(2));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(operators)

/// W10: an override takes back only what it changes; a line that was stated because of it stands.
BOOST_AUTO_TEST_CASE(w10_a_line_stated_because_of_an_override_is_pinned) {
    Story s;
    s.reassign(bob);
    s.sale("s", day(1), "100");
    s.settle(day(1));
    s.pay("s", day(2));
    plan_pays(s, 11, "0.05");
    s.settle(day(3));
    BOOST_TEST(owed_to(s, bob) == money("10"));
}

/// An override that does not decide takes back nothing, whatever else would be decided now.
BOOST_AUTO_TEST_CASE(w10_an_override_that_does_not_decide_leaves_a_paid_line) {
    for (bool const is_eligible : {true, false}) {
        Paid s;
        s.pay_it();
        s.clicks.clear();
        s.click("c", carol, day(0));
        if (is_eligible) s.program().precedence = {Method::click, Method::override_};
        else s.affiliate(bob).initial = AffiliateStatus::pending;
        s.reassign(bob);
        plan_pays(s, 11, "0.05");
        s.settle(day(3));
        BOOST_TEST(s.owner("s") == alice);
        BOOST_TEST(owed_to(s, alice) == money("10"));
        BOOST_TEST(owed_to(s, carol) == money("0"));
    }
}

/// What the operator gave to another one is pinned when that one was paid, not before.
BOOST_AUTO_TEST_CASE(w14_a_line_that_was_clawed_back_is_open_until_it_is_stated_again) {
    Paid s;
    s.pay_it();
    s.reassign(bob);
    s.settle(day(3));
    BOOST_TEST(owed_to(s, alice) == money("0"));
    BOOST_TEST(owed_to(s, bob) == money("10"));
    plan_pays(s, 11, "0.05");
    s.settle(day(4));
    BOOST_TEST(owed_to(s, bob) == money("5"));
    for (CommissionRow &row : s.file.commissions)
        if (row.affiliate_no == bob && !row.accrued.is_zero()) pay(s.file, s.ledger, row, day(5));
    plan_pays(s, 12, "0.01");
    s.settle(day(6));
    BOOST_TEST(owed_to(s, bob) == money("5"));
    BOOST_TEST(owed_to(s, alice) == money("0"));
}

/// W14: commission_from is for lines that are not stated.
BOOST_AUTO_TEST_CASE(w14_commission_from_takes_nothing_that_is_paid) {
    Paid s;
    s.pay_it();
    s.program().commission_from = day(5);
    s.settle(day(3));
    BOOST_TEST(s.net("s") == money("10"));
    BOOST_TEST(s.conversion("s").code == "");
}

BOOST_AUTO_TEST_CASE(w10_upgrade_counts_takes_nothing_that_is_paid) {
    Paid s;
    s.sale("u", day(1, 1), "50").kind(SaleKind::upgrade).original("s");
    s.settle(day(2));
    s.pay("u", day(2));
    s.program().upgrade_counts = UpgradeCounts::none;
    s.settle(day(3));
    BOOST_TEST(s.net("u") == money("5"));
    BOOST_TEST(s.conversion("u").code == "");
}

BOOST_AUTO_TEST_CASE(w10_zero_amount_counts_takes_nothing_that_is_paid) {
    Story s;
    s.program().zero_amount_counts = true;
    s.only_rule(11, fifty);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "0");
    s.settle(day(2));
    s.pay("s", day(2));
    s.program().zero_amount_counts = false;
    s.settle(day(3));
    BOOST_TEST(s.net("s") == money("50"));
    BOOST_TEST(is_empty(s.settle(day(3))));
}

/// M8: content that is corrected to nothing is no policy: nothing was sold.
BOOST_AUTO_TEST_CASE(m8_a_paid_sale_that_is_corrected_to_zero_earns_nothing) {
    Paid s;
    s.only_rule(11, fifty);
    s.pay_it();
    s.update("s", day(3)).amount("0").status_at(day(3));
    s.settle(day(3));
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(is_empty(s.settle(day(3))));
}

/// The same beside a policy that would give another reason by now: it stays nothing, however often it is settled.
BOOST_AUTO_TEST_CASE(m8_a_paid_sale_corrected_to_zero_stays_nothing_before_go_live) {
    Paid s;
    s.only_rule(11, fifty);
    s.pay_it();
    s.program().commission_from = day(2);
    s.settle(day(2));
    BOOST_TEST(s.net("s") == money("50"));
    s.update("s", day(3)).amount("0").status_at(day(3));
    s.settle(day(3));
    BOOST_TEST(s.net("s") == money("0"));
    BOOST_TEST(s.conversion("s").code == "zero_amount");
    BOOST_TEST(is_empty(s.settle(day(3))));
}

/// W10: what an upline was paid stands where the tree of uplines changes afterwards.
BOOST_AUTO_TEST_CASE(w10_a_backdated_change_of_uplines_takes_nothing_that_is_paid) {
    Paid s;
    s.rule(13, share("0.05")).level = 1;
    s.affiliate(alice).uplines = {{carol, 1, kBeginning, kForever}};
    s.pay_it();
    s.affiliate(alice).uplines = {{bob, 1, kBeginning, kForever}};
    s.settle(day(3));
    BOOST_TEST(owed_to(s, carol) == money("5"));
    BOOST_TEST(owed_to(s, bob) == money("0"));
}

BOOST_AUTO_TEST_CASE(w14_a_claw_back_takes_back_from_the_uplines_too) {
    for (bool const owner_earns : {true, false}) {
        Paid s;
        if (!owner_earns) s.no_rules();
        s.rule(13, share("0.05")).level = 1;
        s.affiliate(alice).uplines = {{carol, 1, kBeginning, kForever}};
        s.pay_it();
        s.reassign(bob);
        for (int again = 0; again < 3; ++again) {
            s.settle(day(3));
            BOOST_TEST(owed_to(s, carol) == money("0"));
        }
    }
}

/// W14: an override of all the customer does counts for the registration, if it was in force at the signup.
BOOST_AUTO_TEST_CASE(w14_an_override_reaches_the_registration) {
    for (int const from : {-1, 0, 1}) {
        Story s;
        s.only_rule(11, fifty).transaction_types = {"registration"};
        s.click("c", alice, day(0));
        s.customer(day(1));
        s.reassign(bob, day(1) + from);
        s.settle();
        BOOST_TEST(s.registration().affiliate_no == (from > 0 ? alice : bob));
    }
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.click("c", alice, day(0));
    s.customer(day(1));
    s.reassign(nobody);
    s.settle();
    BOOST_TEST(s.registration().affiliate_no == nobody);
    BOOST_TEST(s.registration().code == "nobody_by_override");
}

BOOST_AUTO_TEST_CASE(w14_an_override_of_one_order_leaves_the_registration) {
    Story s;
    s.click("c", alice, day(0));
    s.customer(day(1));
    s.reassign(bob).transaction_id = "s";
    s.settle();
    BOOST_TEST(s.registration().affiliate_no == alice);
}

BOOST_AUTO_TEST_CASE(w14_an_override_binds_at_registration) {
    Story s;
    s.program().bind_at_registration = true;
    s.click("c", alice, day(0));
    s.customer(day(1));
    s.reassign(bob);
    s.settle();
    BOOST_REQUIRE(s.file.ownerships.size() == 1U);
    BOOST_TEST(s.file.ownerships[0].affiliate_no == bob);
}

BOOST_AUTO_TEST_CASE(w14_a_paid_registration_is_clawed_back_or_left) {
    for (bool const claw_back : {true, false}) {
        Story s;
        s.only_rule(11, fifty).transaction_types = {"registration"};
        s.click("c", alice, day(0));
        s.customer(day(1));
        s.settle(day(2));
        s.pay("", day(2));
        s.reassign(bob).claw_back = claw_back;
        s.settle(day(3));
        BOOST_TEST(owed_to(s, alice) == money(claw_back ? "0" : "50"));
        BOOST_TEST(owed_to(s, bob) == money(claw_back ? "50" : "0"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
