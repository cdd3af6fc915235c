// SPDX-License-Identifier: PostgreSQL
// Disagreements between the kernel and SEMANTICS.md, one minimal history each. Not compiled by default: a case moves to
// the test of its topic once the kernel agrees.
#include <boost/test/unit_test.hpp>

#include "../case_builder.hpp"

using namespace story;

BOOST_AUTO_TEST_SUITE(pending)

/// M1, M3, M4: (kind, external id) names a subject: two chargeback transactions are two chargebacks, not one whose
/// amount was corrected.
BOOST_AUTO_TEST_CASE(f33_m4_two_chargeback_transactions_add_up) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.chargeback("k1", "s", day(10), "30");
    s.chargeback("k2", "s", day(11), "40");
    s.settle();
    BOOST_TEST(s.conversion("s").charged_back == money("70"));
}

/// M11, W1: a coupon that has expired names its affiliate and says why nobody earned, as an expired click does.
BOOST_AUTO_TEST_CASE(f34_m11_an_expired_coupon_is_not_organic) {
    Story s;
    s.coupon("A", alice).until = day(1);
    s.sale("s", day(1), "100").coupons({"A"});
    s.settle();
    BOOST_TEST(s.conversion("s").code == "coupon_expired");
}

BOOST_AUTO_TEST_SUITE_END()
