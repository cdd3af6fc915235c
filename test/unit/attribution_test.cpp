// SPDX-License-Identifier: PostgreSQL
// Who wins an order: candidates, eligibility, precedence, late and unknown touches (SEMANTICS W1-W4, W12, W13).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

bool has_review(const Outcome &outcome, const std::string &kind) {
    return std::any_of(outcome.reviews.begin(), outcome.reviews.end(),
                       [&](const Review &review) { return review.kind == kind; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(attribution)

/// W11: null and empty are unknown, also in a later row of the customer.
BOOST_AUTO_TEST_CASE(w11_an_empty_attribute_of_a_later_customer_row_is_unknown) {
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
BOOST_AUTO_TEST_CASE(w11_the_coupon_of_a_registration_goes_by_own_time) {
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

/// W2: a later-dated different declared id moves nothing and opens a review.
BOOST_AUTO_TEST_CASE(w2_a_later_different_declared_id_opens_a_review) {
    Story s;
    s.customer(day(0)).declared_affiliate = "alice";
    s.sale("s", day(1), "100");
    s.customer_update(day(3)).declared_affiliate = "bob";
    Outcome const outcome = s.settle();
    BOOST_TEST(s.owner("s") == alice);
    BOOST_TEST(!outcome.reviews.empty());
}

/// W12: only where the click could change the decision: not where clicks are no part of the precedence.
BOOST_AUTO_TEST_CASE(w12_nothing_waits_for_a_click_that_cannot_win) {
    Story s;
    s.program().precedence = {Method::override_, Method::ownership, Method::coupon};
    s.sale("s", day(1), "100").click("unknown");
    s.settle(day(1, 1));
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
}

/// W2, W6: a lead competes at the first purchase only; a reset has a purchase number (W12a).
BOOST_AUTO_TEST_CASE(w12a_after_a_reset_with_number_one_no_lead_competes) {
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
BOOST_AUTO_TEST_CASE(w12_a_registration_waits_for_its_unknown_click) {
    Story s;
    s.only_rule(11, fifty).transaction_types = {"registration"};
    s.customer(day(1)).click_id = "unknown";
    s.settle(day(1, 1));
    BOOST_TEST(s.registration().state == ConversionState::waiting);
}

BOOST_AUTO_TEST_CASE(w4_the_default_precedence) {
    for (int strongest = 0; strongest < 5; ++strongest) {
        Story s;
        s.coupon("C", carol);
        s.sale("s", day(2), "100").declares("bob");
        if (strongest < 4) s.customer(day(1)); // a lead of the click before it
        if (strongest < 4) s.click("lead", alice, day(0)).recorded_at = day(0);
        if (strongest < 3) s.click("c", bob, day(1, 12));
        if (strongest < 2) s.reports[0].coupon_codes = {"C"};
        if (strongest < 1) s.reassign(alice);
        if (strongest == 3) s.program().click_window = 30 * kHour;
        s.settle();
        static constexpr Method methods[] = {Method::override_, Method::coupon, Method::click, Method::lead,
                                             Method::declared};
        static constexpr int owners[] = {alice, carol, bob, alice, bob};
        BOOST_TEST(s.conversion("s").method == methods[strongest]);
        BOOST_TEST(s.owner("s") == owners[strongest]);
    }
}

BOOST_AUTO_TEST_CASE(w4_the_last_or_the_first_click_ties_by_id) {
    for (bool const first : {true, false}) {
        Story s;
        s.program().first_click = first;
        s.click("b", bob, day(0));
        s.click("a", alice, day(0));
        s.sale("s", day(1), "100");
        s.settle();
        BOOST_TEST(s.owner("s") == (first ? alice : bob));
        s.click("0", carol, day(0) + (first ? -1 : 1));
        s.settle();
        BOOST_TEST(s.owner("s") == carol);
    }
}

BOOST_AUTO_TEST_CASE(w4_a_precedence_of_the_program) {
    Story s;
    s.program().precedence = {Method::click, Method::coupon};
    s.coupon("B", bob);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").coupons({"B"});
    s.settle();
    BOOST_TEST(s.owner("s") == alice);
}

BOOST_AUTO_TEST_CASE(w3_statuses_of_an_affiliate) {
    for (auto const status : {AffiliateStatus::pending, AffiliateStatus::active, AffiliateStatus::suspended,
                              AffiliateStatus::terminated}) {
        Story s;
        s.affiliate(bob).initial = status;
        s.click("c1", alice, day(0));
        s.click("c2", bob, day(0, 12));
        s.sale("s", day(1), "100");
        s.settle();
        bool const may = status == AffiliateStatus::active || status == AffiliateStatus::suspended;
        BOOST_TEST(s.owner("s") == (may ? bob : alice)); // falls through to the next
    }
}

BOOST_AUTO_TEST_CASE(w3_eligibility_is_tested_at_the_touch_and_at_the_order) {
    for (Time const approved : {day(0), day(0) + 1}) {
        Story s;
        s.affiliate(alice).initial = AffiliateStatus::pending;
        s.affiliate(alice).changes = {{approved, AffiliateStatus::active}};
        s.click("c", alice, day(0));
        s.sale("s", day(1), "100");
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (approved == day(0)));
        if (approved != day(0)) BOOST_TEST(s.conversion("s").code == "affiliate_inactive");
    }
}

BOOST_AUTO_TEST_CASE(w3_after_termination_only_ownership_inside_the_tail) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.affiliate(alice).changes = {{day(10), AffiliateStatus::terminated}};
        s.agreement(alice).termination_tail = 5 * kDay;
        s.click("c", alice, day(0));
        s.sale("a", day(1), "100");
        s.sale("b", day(15) + delta, "100");
        s.settle();
        BOOST_TEST((s.owner("b") == alice) == (delta < 0));
    }
    Story s; // a click is no ownership
    s.affiliate(alice).changes = {{day(10), AffiliateStatus::terminated}};
    s.agreement(alice).termination_tail = 5 * kDay;
    s.click("c", alice, day(9));
    s.sale("s", day(11), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == nobody);
}

BOOST_AUTO_TEST_CASE(w3_self_referral_stops_and_opens_a_review) {
    for (bool const by_fingerprint : {true, false}) {
        Story s;
        if (by_fingerprint) s.affiliate(alice).fingerprints = {"card"};
        else s.affiliate(alice).own_customers = {"customer"};
        s.click("c0", bob, day(0));
        s.click("c", alice, day(0, 1));
        s.sale("s", day(1), "100").fingerprint("card");
        Outcome const outcome = s.settle();
        BOOST_TEST(s.owner("s") == nobody);
        BOOST_TEST(s.conversion("s").code == "self_referral");
        BOOST_TEST(has_review(outcome, "self_referral"));
        BOOST_TEST(s.file.ownerships.empty());
    }
}

BOOST_AUTO_TEST_CASE(w3_coupons_fit_by_time_product_and_country) {
    for (int turn = 0; turn < 5; ++turn) {
        Story s;
        Coupon &coupon = s.coupon("A", alice);
        coupon.products = {"p"};
        coupon.countries = {"DE"};
        coupon.from = day(1);
        coupon.until = day(2);
        s.customer(day(0)).country = turn == 1 ? "FR" : "DE";
        Time const at = turn == 3 ? day(1) - 1 : turn == 4 ? day(2) : day(2) - 1;
        s.sale("s", at, "100").coupons({" a "}).product(turn == 2 ? "q" : "p");
        s.settle();
        static constexpr const char *codes[] = {"won", "wrong_country", "wrong_product", "coupon_expired",
                                                "coupon_expired"};
        BOOST_TEST(s.conversion("s").candidates.find(codes[turn]) != std::string::npos);
        BOOST_TEST(s.owner("s") == (turn == 0 ? alice : nobody));
    }
}

BOOST_AUTO_TEST_CASE(w3_a_house_coupon_does_not_hurt_a_click_and_the_first_eligible_code_counts) {
    Story s;
    s.coupon("HOUSE", nobody);
    s.coupon("A", alice);
    s.coupon("B", bob);
    s.affiliate(alice).initial = AffiliateStatus::pending;
    s.click("c", carol, day(0));
    s.sale("s", day(1), "100").coupons({"HOUSE"});
    s.sale("t", day(1) - 1, "100").coupons({"HOUSE", "A", "B"});
    s.settle();
    BOOST_TEST(s.owner("t") == bob);
    s.reports.pop_back();
    s.file = CaseFile{};
    s.file.customer_id = "customer";
    s.settle();
    BOOST_TEST(s.owner("s") == carol);
}

BOOST_AUTO_TEST_CASE(w12_a_click_recorded_up_to_late_grace_counts) {
    for (int const delta : {-1, 0, 1}) {
        Story s;
        s.sale("s", day(1), "100").arrived(day(1, 2));
        s.click("c", alice, day(0)).recorded_at = day(2, 2) + delta;
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta <= 0));
        if (delta > 0) BOOST_TEST(s.conversion("s").code == "recorded_late");
    }
}

BOOST_AUTO_TEST_CASE(w12_an_order_waits_for_its_unknown_click_at_most_late_grace) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.sale("s", day(1), "100").click("unknown");
        Outcome const outcome = s.settle(day(2) + delta);
        BOOST_TEST(s.conversion("s").state == (delta < 0 ? ConversionState::waiting : ConversionState::counted));
        BOOST_TEST(outcome.wake_at.has_value() == (delta < 0));
        BOOST_TEST(outcome.awaited_clicks.size() == (delta < 0 ? 1U : 0U));
        BOOST_TEST(has_review(outcome, "unknown_click") == (delta == 0));
    }
}

BOOST_AUTO_TEST_CASE(w12_it_waits_only_where_the_click_could_change_the_decision) {
    Story s;
    s.coupon("A", alice);
    s.sale("s", day(1), "100").click("unknown").coupons({"A"});
    s.settle(day(1, 1));
    BOOST_TEST(s.owner("s") == alice);
    for (LaterTouch const policy : {LaterTouch::keep, LaterTouch::this_order, LaterTouch::move, LaterTouch::nobody}) {
        Story owned;
        owned.program().later_click = policy;
        owned.click("c", alice, day(0));
        owned.sale("a", day(1), "100");
        owned.sale("b", day(20), "100").click("unknown");
        owned.settle(day(20, 1));
        BOOST_TEST((owned.conversion("b").state == ConversionState::waiting) == (policy != LaterTouch::keep));
    }
}

BOOST_AUTO_TEST_CASE(w1_an_override_names_orders_or_nobody) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("a", day(1), "100");
    s.sale("b", day(5), "100");
    s.sale("d", day(9), "100");
    Override &from = s.reassign(bob, day(5));
    from.until = day(9);
    s.reassign(nobody).transaction_id = "a";
    s.settle();
    BOOST_TEST(s.owner("a") == nobody);
    BOOST_TEST(s.conversion("a").code == "nobody_by_override");
    BOOST_TEST(s.owner("b") == bob);
    BOOST_TEST(s.owner("d") == bob); // owned by the first attributed purchase
}

BOOST_AUTO_TEST_CASE(w1_two_affiliates_make_a_conflict) {
    for (int const other : {alice, bob}) {
        Story s;
        s.click("c1", alice, day(0));
        s.click("c2", other, day(0, 1));
        s.sale("s", day(1), "100");
        s.settle();
        BOOST_TEST(s.conversion("s").is_conflict == (other == bob));
    }
}

BOOST_AUTO_TEST_CASE(w2_the_declared_id_of_a_customer_has_the_window_of_a_lead) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.program().lead_window = 10 * kDay;
        s.customer(day(0)).declared_affiliate = "alice";
        s.sale("s", day(10) + delta, "100");
        s.settle();
        BOOST_TEST((s.owner("s") == alice) == (delta < 0));
    }
}

BOOST_AUTO_TEST_CASE(w2_the_newest_declared_id_up_to_the_first_completion_counts) {
    for (int const delta : {0, 1}) {
        Story s;
        s.customer(day(0)).declared_affiliate = "alice";
        s.customer_update(day(4) + delta).declared_affiliate = "bob";
        s.sale("s", day(2), "100").completed(day(4));
        s.settle();
        BOOST_TEST(s.owner("s") == (delta == 0 ? bob : alice));
    }
}

BOOST_AUTO_TEST_CASE(w13_unknown_names_are_reviewed_and_kill_nothing) {
    Story s;
    std::string const long_name(5000, 'x');
    s.sale("s", day(1), "100").coupons({"no such code"}).declares(long_name.c_str()).click("no such click");
    Outcome const outcome = s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(has_review(outcome, "unknown_coupon"));
    BOOST_TEST(has_review(outcome, "unknown_affiliate"));
    BOOST_TEST(has_review(outcome, "unknown_click"));
    BOOST_TEST(s.conversion("s").candidates.size() < 2000U);
}

BOOST_AUTO_TEST_CASE(w13_unknown_names_are_looked_at_again_when_late_grace_is_over) {
    for (int const delta : {-1, 0}) {
        Story s;
        s.sale("s", day(1), "100").coupons({"no such code"});
        Outcome const outcome = s.settle(day(2) + delta);
        BOOST_TEST(s.conversion("s").state == ConversionState::counted);
        BOOST_TEST(has_review(outcome, "unknown_coupon") == (delta == 0));
        BOOST_TEST((outcome.wake_at == (delta < 0 ? std::optional<Time>(day(2)) : std::nullopt)));
    }
}

/// W10, promise 3: the code and the stored candidates do not go by the order in which the clicks were read.
BOOST_AUTO_TEST_CASE(w1_the_order_in_which_clicks_were_read_does_not_matter) {
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

/// M11, W1: a coupon that has expired names its affiliate and says why nobody earned, as an expired click does.
BOOST_AUTO_TEST_CASE(m11_an_expired_coupon_is_not_organic) {
    Story s;
    s.coupon("A", alice).until = day(1);
    s.sale("s", day(1), "100").coupons({"A"});
    s.settle();
    BOOST_TEST(s.conversion("s").code == "coupon_expired");
}

BOOST_AUTO_TEST_SUITE_END()
