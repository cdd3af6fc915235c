// SPDX-License-Identifier: PostgreSQL
// Resets and upgrades, and how they find their original (SEMANTICS W12a).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

Report reset(Story &s, const char *id, Time at) { return s.sale(id, at, "50").kind(SaleKind::reset); }

const Decision &decision_of(const Settled &settled, const std::string &id) {
    for (const Order &order : settled.attribution.orders)
        if (order.key == id) return order.decision;
    throw std::logic_error("no such order");
}

bool names(const Decision &decision, Method method, const char *code) {
    return std::any_of(decision.candidates.begin(), decision.candidates.end(), [&](const Candidate &candidate) {
        return candidate.method == method && std::string(candidate.code) == code;
    });
}

} // namespace

BOOST_AUTO_TEST_SUITE(original)

/// A first attempt that failed is not the original of the account's reset.
BOOST_AUTO_TEST_CASE(w12a_the_original_of_an_account_is_its_first_completed_sale) {
    Story s;
    s.bare("failed", day(0), Status::failed).ordered(day(0)).amount("100").account("x");
    s.click("c", alice, day(1));
    s.sale("s", day(2), "100").account("x");
    reset(s, "r", day(5)).state().original_account_id = "x";
    s.settle();
    BOOST_TEST(s.owner("r") == alice);
}

/// A payout names the account too, and is no original; nor is another reset of the account.
BOOST_AUTO_TEST_CASE(w12a_the_original_of_an_account_is_a_purchase) {
    Story s;
    s.click("c", alice, day(0, 12));
    s.sale("payout", day(0), "7").account("x").effect(Effect::cost);
    s.sale("s", day(1), "100").account("x").completed(day(6));
    reset(s, "r1", day(3)).account("x").state().original_account_id = "x";
    reset(s, "r2", day(4)).account("x").state().original_account_id = "x";
    s.settle();
    BOOST_TEST(s.owner("r1") == alice);
    BOOST_TEST(s.owner("r2") == alice);
}

BOOST_AUTO_TEST_CASE(w12a_every_account_of_the_challenge_is_matched) {
    Story s;
    s.coupon("B", bob);
    s.program().later_coupon = LaterTouch::this_order; // were it decided like a sale
    s.file.accounts = {{"x", "challenge", "USD"}, {"y", "challenge", "USD"}};
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").account("x");
    reset(s, "r", day(5)).coupons({"B"}).state().original_challenge_id = "challenge";
    s.settle();
    BOOST_TEST(s.owner("r") == alice);
}

/// Decided like a sale, it still neither begins, lengthens nor moves ownership.
BOOST_AUTO_TEST_CASE(w12a_a_reset_of_an_unknown_original_begins_no_ownership) {
    Story s;
    s.coupon("B", bob);
    reset(s, "r", day(1)).original("never").coupons({"B"});
    s.sale("s", day(10), "100");
    s.settle();
    BOOST_TEST(s.owner("r") == bob);
    BOOST_TEST(s.owner("s") == nobody);
    BOOST_TEST(s.file.ownerships.empty());
}

BOOST_AUTO_TEST_CASE(w12a_an_override_does_not_wait_for_the_original) {
    Story s;
    s.reassign(bob);
    reset(s, "r", day(1)).original("never");
    s.settle(day(1));
    BOOST_TEST(s.conversion("r").state == ConversionState::counted);
    BOOST_TEST(s.owner("r") == bob);
}

/// W1: all candidates are stored, paid or not.
BOOST_AUTO_TEST_CASE(w1_a_reset_stores_what_competed_also_when_it_is_paid) {
    Story s;
    s.coupon("B", bob);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.click("c2", carol, day(4));
    reset(s, "r", day(5)).original("s").coupons({"B"}).declares("carol");
    for (bool const paid : {false, true}) {
        Settled const settled = s.decide();
        const Decision &decision = decision_of(settled, "r");
        BOOST_TEST(decision.affiliate_no == alice);
        BOOST_TEST(names(decision, Method::ownership, "won"));
        BOOST_TEST(names(decision, Method::coupon, "outranked"));
        BOOST_TEST(names(decision, Method::click, "outranked"));
        BOOST_TEST(names(decision, Method::declared, "outranked"));
        BOOST_TEST(decision.is_conflict);
        BOOST_TEST(decision.is_stated == paid);
        s.settle();
        s.pay("r", day(40));
    }
}

BOOST_AUTO_TEST_CASE(w12a_resets_that_name_each_other_belong_to_nobody) {
    Story s;
    reset(s, "r1", day(1)).original("r2");
    reset(s, "r2", day(2)).original("r1");
    s.settle();
    BOOST_TEST(s.conversion("r1").code == "original_unattributed");
    BOOST_TEST(s.conversion("r2").code == "original_unattributed");
}

BOOST_AUTO_TEST_SUITE_END()
