// SPDX-License-Identifier: PostgreSQL
// How an ownership begins, lasts, moves and ends, and how purchases are numbered (SEMANTICS W5, W7, W9, W12a).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

/// alice's customer since day 1; bob's touch comes on day 5, an order on day 6.
struct Owned : Story {
    Owned() {
        coupon("B", bob);
        click("c1", alice, day(0));
        sale("a", day(1), "100");
    }
    Report second(const char *coupon) {
        Report report = sale("b", day(6), "100");
        if (coupon != nullptr) report.coupons({coupon});
        return report;
    }
};

constexpr LaterTouch policies[] = {LaterTouch::keep, LaterTouch::this_order, LaterTouch::move, LaterTouch::nobody};

} // namespace

BOOST_AUTO_TEST_SUITE(ownership)

/// W9: the number of a stated line that is void now is free at once, not only after the void was posted.
BOOST_AUTO_TEST_CASE(w9_the_number_of_a_stated_line_that_becomes_void_is_free_at_once) {
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

/// M6: a void line keeps the number it would have had, whatever later lines are stated with.
BOOST_AUTO_TEST_CASE(m6_a_void_line_does_not_change_when_a_later_one_is_stated) {
    Story s;
    s.only_rule(11, fifty, [](const RuleInput &in) { return in.purchase_number == 1; });
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100");
    s.refund("r", "a", day(1, 1));
    s.sale("b", day(2), "100");
    s.settle(day(3));
    BOOST_TEST(s.line("a").is_void);
    BOOST_TEST(s.conversion("b").purchase_number == 1);
    s.pay("b", day(3));
    BOOST_TEST(is_empty(s.settle(day(3))));
    BOOST_TEST(s.line("a").accrued == money("50"));
}

/// W9: a number held by an upgrade is not taken: its original keeps it.
BOOST_AUTO_TEST_CASE(w9_a_stated_upgrade_does_not_take_the_number_of_its_original) {
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

/// W5 move: a click moves the ownership at the touch, purchase or not.
BOOST_AUTO_TEST_CASE(w5_a_click_moves_the_ownership_without_a_purchase) {
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

BOOST_AUTO_TEST_CASE(w5_every_policy_for_a_later_click) {
    for (LaterTouch const policy : policies) {
        Owned s;
        s.program().later_click = policy;
        s.click("c2", bob, day(5));
        s.second(nullptr);
        s.sale("late", day(20), "100"); // outside the click window
        s.settle();
        bool const moves = policy == LaterTouch::move;
        int const b = policy == LaterTouch::keep ? alice : policy == LaterTouch::nobody ? nobody : bob;
        BOOST_TEST(s.owner("b") == b);
        BOOST_TEST(s.owner("late") == (moves ? bob : alice));
        BOOST_TEST(s.conversion("b").is_conflict);
        if (policy == LaterTouch::nobody) BOOST_TEST(s.conversion("b").code == "later_click");
    }
}

BOOST_AUTO_TEST_CASE(w5_every_policy_for_a_later_coupon) {
    for (LaterTouch const policy : policies) {
        Owned s;
        s.program().later_coupon = policy;
        s.program().later_click = LaterTouch::this_order; // must not matter
        s.click("c2", carol, day(5));
        s.second("B");
        s.sale("late", day(20), "100");
        s.settle();
        int const b = policy == LaterTouch::keep ? alice : policy == LaterTouch::nobody ? nobody : bob;
        BOOST_TEST(s.owner("b") == b);
        BOOST_TEST(s.owner("late") == (policy == LaterTouch::move ? bob : alice));
        if (policy == LaterTouch::nobody) BOOST_TEST(s.conversion("b").code == "later_coupon");
    }
}

BOOST_AUTO_TEST_CASE(w5_a_coupon_moves_only_with_a_completed_order_that_is_not_void) {
    for (bool const is_void : {true, false}) {
        Owned s;
        s.program().later_coupon = LaterTouch::move;
        s.second("B");
        if (is_void) s.refund("r", "b", day(7));
        s.sale("late", day(20), "100");
        s.settle();
        BOOST_TEST(s.owner("late") == (is_void ? alice : bob));
    }
}

BOOST_AUTO_TEST_CASE(w5_a_moved_ownership_has_a_full_new_length_from_the_touch) {
    Owned s;
    s.program().later_click = LaterTouch::move;
    s.click("c2", bob, day(5, 3));
    s.settle();
    BOOST_REQUIRE(s.file.ownerships.size() == 2U);
    BOOST_TEST(s.file.ownerships[1].ends_at == day(95, 3));
    BOOST_TEST(s.file.ownerships[1].is_latest);
    BOOST_TEST(!s.file.ownerships[0].is_latest);
}

BOOST_AUTO_TEST_CASE(w5_a_touch_before_the_ownership_began_is_not_later) {
    for (int const delta : {-1, 0, 1}) {
        Owned s;
        s.program().later_click = LaterTouch::this_order;
        s.program().first_click = true; // so that alice wins the binding order
        s.program().click_window = 30 * kDay;
        s.clicks[0].clicked_at = day(0) - 28 * kDay;
        s.click("c2", bob, day(1) + delta);
        s.sale("b", day(3), "100"); // c1 is out of its window by now
        s.settle();
        BOOST_TEST(s.owner("a") == alice);
        BOOST_TEST(s.owner("b") == (delta > 0 ? bob : alice));
    }
}

BOOST_AUTO_TEST_CASE(w7_covers_from_ordered_at_and_runs_from_completed_at) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").completed(day(3));
    s.settle();
    BOOST_TEST(s.file.ownerships.at(0).begins_at == day(1));
    BOOST_TEST(s.file.ownerships.at(0).runs_from == day(3));
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(93));
}

BOOST_AUTO_TEST_CASE(w7_kinds_of_ownership) {
    for (OwnershipKind const kind : {OwnershipKind::fixed, OwnershipKind::rolling, OwnershipKind::lifetime}) {
        Owned s;
        s.program().ownership_kind = kind;
        s.sale("b", day(80), "100").completed(day(82));
        s.settle();
        BOOST_TEST(s.file.ownerships.at(0).ends_at == (kind == OwnershipKind::fixed     ? day(91)
                                                       : kind == OwnershipKind::rolling ? day(172)
                                                                                        : kForever));
    }
}

BOOST_AUTO_TEST_CASE(w7_rolling_restarts_only_with_payments_of_its_rule_that_are_not_void) {
    for (int turn = 0; turn < 3; ++turn) {
        Owned s;
        s.program().ownership_kind = OwnershipKind::rolling;
        s.program().ownership_restart_rule = 11;
        s.rule(11, fifty, [](const RuleInput &in) { return in.gross >= money("50"); });
        s.sale("b", day(80), turn == 0 ? "49" : "50");
        if (turn == 2) s.refund("r", "b", day(81));
        s.settle();
        BOOST_TEST(s.file.ownerships.at(0).ends_at == (turn == 1 ? day(170) : day(91)));
    }
}

/// W7: the rule that restarts sees the payment as it sees it for its money: what was before, the rate, live inputs.
BOOST_AUTO_TEST_CASE(w7_the_restart_rule_sees_all_inputs) {
    for (int turn = 0; turn < 4; ++turn) {
        Owned s;
        s.program().ownership_kind = OwnershipKind::rolling;
        s.program().ownership_restart_rule = 11;
        s.customer(day(0)).kyc_status = "new";
        s.customer_update(day(85)).kyc_status = "passed";
        s.rule(11, fifty, [turn](const RuleInput &in) {
             if (turn == 0) return in.days_since_first_purchase.value_or(-1) == 79;
             if (turn == 1) return in.days_since_signup.value_or(-1) == 80;
             if (turn == 2) return in.gross == money("110") && in.fx_rate == money("1.1");
             return in.kyc_status == "passed";
         }).live_kyc = true;
        s.book.fx_rates[{"EUR", "USD"}] = {{day(80), money("1.1"), "bank"}};
        Report b = s.sale("b", day(80), "100");
        if (turn == 2) b.currency("EUR");
        s.settle();
        BOOST_TEST(s.file.ownerships.at(0).ends_at == day(170));
    }
}

/// M9: a payment without a rate waits; until there is one it restarts nothing.
BOOST_AUTO_TEST_CASE(w7_a_payment_without_rate_restarts_nothing) {
    Owned s;
    s.program().ownership_kind = OwnershipKind::rolling;
    s.program().ownership_restart_rule = usual_rule;
    s.sale("b", day(80), "100").currency("EUR");
    s.settle();
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(91));
}

/// W7: its band is taken as the first, wherever the affiliate stands.
BOOST_AUTO_TEST_CASE(w7_the_restart_rule_sees_the_first_band) {
    Owned s;
    s.program().ownership_kind = OwnershipKind::rolling;
    s.program().ownership_restart_rule = 11;
    s.positions_before = 7;
    Ladder &ladder = s.book.ladders[1];
    ladder.no = ladder.program_no = 1;
    ladder.bands = {{1, 1, money("0.1"), {}, "low"}, {2, 3, money("0.2"), {}, "high"}};
    s.rule(11, fifty, [](const RuleInput &in) { return in.band == 1 && in.band_label == "low"; }).ladder_no = 1;
    s.sale("b", day(80), "100");
    s.settle();
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(170));
}

/// W5: a click moves the ownership of every account.
BOOST_AUTO_TEST_CASE(w5_a_click_moves_every_account) {
    Story s;
    s.program().ownership_kind = OwnershipKind::per_account;
    s.program().later_click = LaterTouch::move;
    s.click("c1", alice, day(0));
    s.sale("a", day(1), "100").account("A");
    s.sale("b", day(1), "100").account("B");
    s.click("c2", bob, day(5));
    s.sale("a2", day(20), "100").account("A");
    s.sale("b2", day(20), "100").account("B");
    s.settle();
    BOOST_TEST(s.owner("a2") == bob);
    BOOST_TEST(s.owner("b2") == bob);
}

/// W10: a policy that would have moved a stated order to another one begins nothing for its owner.
BOOST_AUTO_TEST_CASE(w10_a_stated_order_that_would_move_now_restarts_nothing) {
    Owned s;
    s.second("B");
    s.settle(day(7));
    s.pay("b", day(7));
    s.program().later_coupon = LaterTouch::move;
    s.settle(day(8));
    BOOST_TEST(s.owner("b") == alice);
    BOOST_TEST(s.file.ownerships.size() == 1U);
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(91));
}

BOOST_AUTO_TEST_CASE(w7_per_account) {
    Story s;
    s.program().ownership_kind = OwnershipKind::per_account;
    s.click("c1", alice, day(0));
    s.sale("a", day(1), "100").account("A");
    s.click("c2", bob, day(5));
    s.sale("b", day(6), "100").account("B");
    s.sale("a2", day(20), "100").account("A");
    s.sale("b2", day(20), "100").account("B");
    s.settle();
    BOOST_TEST(s.owner("a2") == alice);
    BOOST_TEST(s.owner("b2") == bob);
    BOOST_TEST(s.file.ownerships.size() == 2U);
}

BOOST_AUTO_TEST_CASE(w7_after_its_end_the_next_purchase_begins_a_new_one_or_never) {
    for (bool const rebind : {true, false}) {
        Owned s;
        s.program().ownership_rebind = rebind;
        s.click("c2", bob, day(99));
        s.sale("b", day(100), "100");
        s.sale("late", day(120), "100");
        s.settle();
        BOOST_TEST(s.owner("b") == bob);
        BOOST_TEST(s.owner("late") == (rebind ? bob : nobody));
    }
}

BOOST_AUTO_TEST_CASE(w7_first_purchase_may_mean_number_one_only) {
    for (bool const only_one : {true, false}) {
        Story s;
        s.program().bind_number_one_only = only_one;
        s.sale("a", day(1), "100"); // organic
        s.click("c", alice, day(5));
        s.sale("b", day(6), "100");
        s.settle();
        BOOST_TEST(s.owner("b") == alice);
        BOOST_TEST(s.file.ownerships.size() == (only_one ? 0U : 1U));
    }
}

BOOST_AUTO_TEST_CASE(w7_binding_at_registration) {
    Story s;
    s.program().bind_at_registration = true;
    s.click("c", alice, day(0));
    s.customer(day(1));
    s.sale("s", day(60), "100");
    s.settle();
    BOOST_TEST(s.file.ownerships.at(0).begins_at == day(1));
    BOOST_TEST(s.conversion("s").method == Method::ownership);
    Story without; // no touch at the registration: as with the first purchase
    without.program().bind_at_registration = true;
    without.customer(day(1));
    without.click("c", bob, day(2));
    without.sale("s", day(3), "100");
    without.settle();
    BOOST_TEST(without.file.ownerships.at(0).affiliate_no == bob);
    BOOST_TEST(without.file.ownerships.at(0).begins_at == day(3));
}

BOOST_AUTO_TEST_CASE(w7_lines_of_one_order_are_attributed_once_by_all_touches) {
    Story s;
    s.coupon("A", alice);
    s.sale("x", day(1), "100").order("o");
    s.sale("y", day(1), "50").order("o").coupons({"A"});
    s.settle();
    BOOST_TEST(s.owner("x") == alice);
    BOOST_TEST(s.owner("y") == alice);
    BOOST_TEST(s.conversion("x").purchase_number == 1);
    BOOST_TEST(s.conversion("y").purchase_number == 1);
    s.refund("r", "y", day(2)); // void lines still speak
    s.settle();
    BOOST_TEST(s.owner("x") == alice);
}

BOOST_AUTO_TEST_CASE(w9_ties_of_completion_go_by_transaction_id) {
    Story s;
    s.sale("z", day(0), "100").completed(day(3));
    s.sale("b", day(2), "100").completed(day(3));
    s.sale("a", day(3), "100");
    s.settle();
    BOOST_TEST(s.conversion("a").purchase_number == 1);
    BOOST_TEST(s.conversion("b").purchase_number == 2);
    BOOST_TEST(s.conversion("z").purchase_number == 3);
}

BOOST_AUTO_TEST_CASE(w9_the_number_of_a_stated_line_is_taken) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("b", day(2), "100");
    s.settle(day(3));
    s.pay("b", day(3));
    s.sale("a", day(1), "100").arrived(day(4)); // earlier, but later known
    s.settle(day(5));
    BOOST_TEST(s.conversion("b").purchase_number == 1);
    BOOST_TEST(s.conversion("a").purchase_number == 2);
}

BOOST_AUTO_TEST_CASE(w12a_a_reset_goes_to_the_owner_of_its_original) {
    for (int const delta : {-1, 0}) {
        Owned s;
        s.sale("r", day(91) + delta, "20").kind(SaleKind::reset).original("a");
        s.settle();
        BOOST_TEST(s.owner("r") == (delta < 0 ? alice : nobody));
        BOOST_TEST(s.conversion("r").purchase_number == 2);
        BOOST_TEST(s.file.ownerships.size() == 1U);
        if (delta == 0) BOOST_TEST(s.conversion("r").code == "window_expired");
    }
}

BOOST_AUTO_TEST_CASE(w12a_no_owner_where_the_original_is_void) {
    Owned s;
    s.sale("r", day(10), "20").kind(SaleKind::reset).original("a");
    s.refund("x", "a", day(2));
    s.settle();
    BOOST_TEST(s.owner("r") == nobody);
    BOOST_TEST(s.conversion("r").code == "original_void");
}

BOOST_AUTO_TEST_CASE(w12a_without_a_reference_by_the_ownership_and_flagged) {
    Owned s;
    s.sale("r", day(10), "20").kind(SaleKind::reset);
    Outcome const outcome = s.settle();
    BOOST_TEST(s.owner("r") == alice);
    BOOST_TEST(reviews_of(outcome, "r") == 1U);
}

BOOST_AUTO_TEST_CASE(w12a_an_unknown_original_is_awaited_until_late_grace_is_over) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.click("c", bob, day(0));
        s.sale("r", day(1), "20").kind(SaleKind::reset).original("a");
        Outcome const outcome = s.settle(day(2) + delta);
        BOOST_TEST(s.conversion("r").state == (delta < 0 ? ConversionState::waiting : ConversionState::counted));
        if (delta < 0) BOOST_TEST(*outcome.wake_at == day(2));
        else BOOST_TEST(s.owner("r") == bob);
    }
}

/// W6: the band of the last locked month says how long the ownership lasts, and is pinned when it begins.
BOOST_AUTO_TEST_CASE(w6_the_band_of_the_last_locked_month) {
    Story s;
    Ladder &ladder = s.book.ladders[1];
    ladder.no = ladder.program_no = 1;
    ladder.bands = {{1, 1, {}, {}, "low", 30 * kDay}, {2, 3, {}, {}, "high", 60 * kDay}};
    s.program().window_ladder = 1;
    s.positions_before = 3;
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100");
    s.settle(day(2));
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(61));
    s.positions_before = 0; // a late line of the month: pinned
    s.settle(day(3));
    BOOST_TEST(s.file.ownerships.at(0).ends_at == day(61));
    s.program().window_ladder = 0;
    s.settle(day(3));
    BOOST_TEST(s.file.ownerships.at(0).ends_at == later(day(1), s.program().ownership_window));
}

BOOST_AUTO_TEST_SUITE_END()
