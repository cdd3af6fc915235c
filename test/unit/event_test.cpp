// SPDX-License-Identifier: PostgreSQL
// Events of the challenge chain: whose each is, and chargebacks that are reported as one (SEMANTICS L1, M3).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

constexpr EventKind kAllKinds[] = {EventKind::challenge_purchased, EventKind::evaluation_started,
                                   EventKind::evaluation_failed,   EventKind::reset_purchased,
                                   EventKind::evaluation_passed,   EventKind::funded,
                                   EventKind::chargeback_filed};

/// A purchase of alice's in account x, and one of bob's in account y that moves the ownership.
void two_purchases(Story &s) {
    s.coupon("A", alice);
    s.coupon("B", bob);
    s.program().later_coupon = LaterTouch::move;
    s.sale("s1", day(0), "100").account("x").coupons({"A"});
    s.sale("s2", day(10), "100").account("y").coupons({"B"});
}

int owner_of(Story &s, const char *id) { return s.event_conversion(id).affiliate_no; }

std::size_t entries_of(const Story &s, const std::string &id) {
    return s.ledger.conversion_entries.at({id, Subject::event}).size();
}

} // namespace

BOOST_AUTO_TEST_SUITE(event)

BOOST_AUTO_TEST_CASE(l1_every_kind_has_a_name_and_counts_once) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").account("x");
    for (EventKind const kind : kAllKinds) {
        BOOST_TEST((event_kind_named(name(kind)) == kind));
        s.event(name(kind), kind, day(20)).account_id = "x";
    }
    BOOST_TEST(!event_kind_named("payout").has_value());
    s.settle();
    for (EventKind const kind : kAllKinds) {
        const ConversionRow &row = s.event_conversion(name(kind));
        BOOST_TEST(row.state == ConversionState::counted);
        BOOST_TEST(row.affiliate_no == alice);
        BOOST_TEST(row.method == Method::click);
        BOOST_TEST(row.code == "out_of_scope");
        BOOST_TEST(row.order_key == "s");
        BOOST_TEST(row.quantity == 1);
        BOOST_TEST(row.gross.is_zero());
        BOOST_TEST(row.purchase_number == 0);
        BOOST_TEST(!row.ladder_counts);
        BOOST_TEST(entries_of(s, name(kind)) == 1u);
    }
    BOOST_TEST(s.file.commissions.size() == 1u);
    BOOST_TEST(s.settle().conversions.empty());
}

/// Whoever owns the trader when he passes, he was brought by the one who earned the purchase.
BOOST_AUTO_TEST_CASE(l1_an_event_belongs_to_the_owner_of_its_purchase) {
    Story s;
    two_purchases(s);
    s.file.accounts = {{"y", "challenge", "USD"}};
    s.event("by_transaction", EventKind::funded, day(20), "s1");
    s.event("by_account", EventKind::funded, day(20)).account_id = "x";
    s.event("by_challenge", EventKind::funded, day(5)).challenge_id = "challenge";
    Event &reset = s.event("reset", EventKind::reset_purchased, day(20));
    reset.account_id = "unheard of";
    reset.original_account_id = "x";
    s.event("by_nothing", EventKind::funded, day(20));
    s.event("earlier", EventKind::funded, day(5));
    s.settle();
    BOOST_TEST(owner_of(s, "by_transaction") == alice);
    BOOST_TEST(owner_of(s, "by_account") == alice);
    BOOST_TEST(owner_of(s, "by_challenge") == bob);
    BOOST_TEST(owner_of(s, "reset") == alice);
    BOOST_TEST(owner_of(s, "by_nothing") == bob);
    BOOST_TEST(s.event_conversion("by_nothing").method == Method::ownership);
    BOOST_TEST(owner_of(s, "earlier") == alice);
}

/// The account that a reset began is sold by the reset, and that belongs to the owner of the original.
BOOST_AUTO_TEST_CASE(l1_the_chain_of_a_reset_leads_to_the_first_purchase) {
    Story s;
    two_purchases(s);
    s.sale("r1", day(12), "50").account("x2").original("s1").kind(SaleKind::reset);
    s.event("passed", EventKind::evaluation_passed, day(30)).account_id = "x2";
    s.settle();
    BOOST_TEST(owner_of(s, "passed") == alice);
    BOOST_TEST(s.event_conversion("passed").method == Method::ownership);
}

/// A trader passes long after the window in which his purchases would earn; his affiliate may have left.
BOOST_AUTO_TEST_CASE(l1_neither_windows_nor_the_state_of_the_affiliate_matter_after_the_purchase) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.affiliate(alice).changes.push_back({day(50), AffiliateStatus::terminated});
    s.event("funded", EventKind::funded, day(500), "s");
    s.settle();
    BOOST_TEST(owner_of(s, "funded") == alice);
}

BOOST_AUTO_TEST_CASE(l1_nobody_has_a_code) {
    Story s;
    s.sale("organic", day(1), "100");
    s.event("e1", EventKind::funded, day(2), "organic");
    s.event("e2", EventKind::funded, day(2), "never heard of");
    s.event("e3", EventKind::funded, day(2)).account_id = "x";
    s.event("e4", EventKind::funded, day(2));
    s.event("e5", EventKind::funded, day(2), "organic").kind.reset();
    s.event("e6", EventKind::funded, day(2), "organic").is_test = true;
    s.settle();
    BOOST_TEST(s.event_conversion("e1").code == "original_unattributed");
    BOOST_TEST(s.event_conversion("e2").code == "original_unknown");
    BOOST_TEST(s.event_conversion("e3").code == "original_unknown");
    BOOST_TEST(s.event_conversion("e4").code == "original_missing");
    BOOST_TEST(s.event_conversion("e5").code == "unknown_event_type");
    BOOST_TEST(s.event_conversion("e5").state == ConversionState::waiting);
    BOOST_TEST(s.event_conversion("e5").quantity == 0);
    BOOST_TEST(s.event_conversion("e6").code == "test");
    BOOST_TEST(s.event_conversion("e6").is_test);
    BOOST_TEST(s.event_conversion("e1").quantity == 1);
}

/// An ownership whose affiliate was terminated is none, as for a sale.
BOOST_AUTO_TEST_CASE(l1_without_a_purchase_the_ownership_is_tested) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.affiliate(alice).changes.push_back({day(10), AffiliateStatus::terminated});
    s.event("e1", EventKind::funded, day(5));
    s.event("e2", EventKind::funded, day(15));
    s.event("e3", EventKind::funded, day(200));
    s.settle();
    BOOST_TEST(owner_of(s, "e1") == alice);
    BOOST_TEST(owner_of(s, "e2") == nobody);
    BOOST_TEST(s.event_conversion("e2").code == "affiliate_inactive");
    BOOST_TEST(s.event_conversion("e3").code == "original_missing");
}

BOOST_AUTO_TEST_CASE(l1_an_account_is_owned_by_itself_where_ownership_is_per_account) {
    Story s;
    s.program().ownership_kind = OwnershipKind::per_account;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").account("x");
    s.event("e1", EventKind::funded, day(5));
    Event &known = s.event("e2", EventKind::funded, day(5), "never heard of");
    known.account_id = "x";
    s.settle();
    BOOST_TEST(owner_of(s, "e1") == nobody);
    BOOST_TEST(owner_of(s, "e2") == alice);
}

/// W14: an operator's word reaches the purchase and with it its events; without a purchase it is his word alone.
BOOST_AUTO_TEST_CASE(w14_events_follow_an_override) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.event("with", EventKind::funded, day(20), "s");
    s.event("without", EventKind::funded, day(20));
    s.settle();
    BOOST_TEST(owner_of(s, "with") == alice);
    s.reassign(bob, day(15)); // the purchase was before
    s.settle();
    BOOST_TEST(owner_of(s, "with") == alice);
    BOOST_TEST(owner_of(s, "without") == bob);
    s.reassign(nobody, day(0));
    s.settle();
    BOOST_TEST(owner_of(s, "with") == nobody);
    BOOST_TEST(s.event_conversion("with").code == "original_unattributed");
    BOOST_TEST(s.event_conversion("without").code == "nobody_by_override");
}

/// Late news decide again: the counts move in pairs, and end where they would have begun.
BOOST_AUTO_TEST_CASE(w10_a_purchase_that_arrives_later_takes_its_events) {
    Story s;
    s.event("e", EventKind::funded, day(20), "s");
    s.settle(day(20));
    BOOST_TEST(s.event_conversion("e").code == "original_unknown");
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").arrived(day(30));
    s.settle(day(30));
    BOOST_TEST(owner_of(s, "e") == alice);
    BOOST_TEST(entries_of(s, "e") == 3u);
    const std::vector<ConversionEntry> &entries = s.ledger.conversion_entries.at({"e", Subject::event});
    BOOST_TEST(entries[1].quantity == -1);
    BOOST_TEST(entries[1].affiliate_no == nobody);
    BOOST_TEST(entries[2].quantity == 1);
    BOOST_TEST(entries[2].affiliate_no == alice);
    BOOST_TEST(std::string(entries[0].cause) == "event");
    BOOST_TEST(std::string(entries[2].cause) == "reattributed");
}

BOOST_AUTO_TEST_CASE(w12_an_event_waits_as_long_as_its_purchase) {
    Story s;
    s.sale("s", day(1), "100").click("late");
    s.event("e", EventKind::funded, day(1, 1), "s");
    s.settle(day(1, 2));
    BOOST_TEST(s.conversion("s").state == ConversionState::waiting);
    BOOST_TEST(s.event_conversion("e").state == ConversionState::waiting);
    BOOST_TEST(s.event_conversion("e").code == "purchase_waiting");
    BOOST_TEST(entries_of(s, "e") == 0u);
    s.click("late", alice, day(0)).recorded_at = day(1, 3);
    s.settle(day(1, 4));
    BOOST_TEST(owner_of(s, "e") == alice);
    BOOST_TEST(s.event_conversion("e").quantity == 1);
}

BOOST_AUTO_TEST_CASE(w12a_the_events_of_a_void_purchase_belong_to_nobody) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.event("e", EventKind::evaluation_started, day(1, 1), "s");
    s.refund("r", "s", day(2));
    s.settle();
    BOOST_TEST(s.event_conversion("e").code == "original_void");
    BOOST_TEST(owner_of(s, "e") == nobody);
    BOOST_TEST(s.event_conversion("e").quantity == 1);
}

/// What hangs on a test is one, whoever wrote it.
BOOST_AUTO_TEST_CASE(l1_the_events_of_a_test_purchase_are_tests) {
    Story s;
    s.sale("s", day(1), "100").state().is_test = true;
    s.event("e", EventKind::funded, day(2), "s");
    s.settle();
    BOOST_TEST(s.event_conversion("e").is_test);
}

/// An event and a transaction may have the same id.
BOOST_AUTO_TEST_CASE(l1_ids_of_events_and_transactions_are_different_things) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("one", day(1), "100");
    s.event("one", EventKind::challenge_purchased, day(1), "one");
    s.settle();
    BOOST_TEST(s.conversion("one").gross == money("100"));
    BOOST_TEST(s.event_conversion("one").gross.is_zero());
    BOOST_TEST(s.net("one") == money("10"));
    s.pay("one", day(40));
    s.settle();
    BOOST_TEST(owner_of(s, "one") == alice);
    BOOST_TEST(!s.event_conversion("one").stated_at.has_value());
}

// Chargebacks ----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(m3_a_chargeback_event_is_a_dispute_lost) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.event("e", EventKind::chargeback_filed, day(20), "s");
    s.settle();
    BOOST_TEST(s.net("s").is_zero());
    BOOST_TEST(s.conversion("s").charged_back == money("100"));
    BOOST_TEST(s.conversion("s").charged_back_count == 1);
    BOOST_TEST(owner_of(s, "e") == alice);
    s.update("s", day(30)).status(Status::dispute_won).status_at(day(30));
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
    BOOST_TEST(s.conversion("s").charged_back_count == 0);
}

/// Inside the cooling-off too: it is a reversal, no void (M6).
BOOST_AUTO_TEST_CASE(m6_a_chargeback_event_never_makes_a_sale_void) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.event("e", EventKind::chargeback_filed, day(1, 1), "s");
    s.settle();
    BOOST_TEST(s.conversion("s").state == ConversionState::counted);
    BOOST_TEST(owner_of(s, "e") == alice);
}

/// The event names no dispute: beside rows, and beside a chargeback transaction, it settles what was opened by then.
BOOST_AUTO_TEST_CASE(m3_a_chargeback_event_beside_a_dispute_is_not_a_second_one) {
    for (bool const has_row : {true, false})
        for (int const event_day : {5, 20, 25}) {
            Story s;
            s.click("c", alice, day(0));
            s.sale("s", day(1), "100");
            s.event("e", EventKind::chargeback_filed, day(event_day), "s");
            if (has_row) s.dispute("d", "s", day(10));
            else s.chargeback("cb", "s", day(10));
            if (has_row) {
                s.settle(day(29));
                BOOST_TEST(s.net("s").is_zero() == (event_day > 10));
            }
            if (has_row) s.dispute_closed("d", day(30), DisputeState::Outcome::won);
            else s.update("cb", day(30)).status(Status::dispute_won).status_at(day(30));
            s.settle();
            BOOST_TEST(s.net("s") == money("10"));
            BOOST_TEST(s.conversion("s").charged_back.is_zero());
            BOOST_TEST(s.conversion("s").charged_back_count == 0);
        }
}

/// Sent twice under two ids, it is lost once.
BOOST_AUTO_TEST_CASE(m3_two_chargeback_events_are_won_back_together) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.refund("r", "s", day(10), "40");
    s.event("e1", EventKind::chargeback_filed, day(20), "s");
    s.event("e2", EventKind::chargeback_filed, day(21), "s");
    s.settle();
    BOOST_TEST(s.conversion("s").charged_back == money("60"));
    BOOST_TEST(s.conversion("s").charged_back_count == 1);
    s.update("s", day(30)).status(Status::dispute_won).status_at(day(30));
    s.settle();
    BOOST_TEST(s.net("s") == money("6"));
}

BOOST_AUTO_TEST_CASE(m3_a_chargeback_event_without_its_sale_is_reviewed_when_the_grace_is_over) {
    Story s;
    s.event("e1", EventKind::chargeback_filed, day(5), "s");
    Outcome const waits = s.settle(day(5, 1));
    BOOST_TEST(reviews_of(waits, "e1") == 0u);
    BOOST_TEST((waits.wake_at == day(6)));
    Outcome const late = s.settle(day(6));
    BOOST_TEST(reviews_of(late, "e1") == 1u);
    BOOST_TEST(late.reviews.front().kind == "chargeback_without_sale");
    BOOST_TEST(std::string(late.reviews.front().severity) == "high");
    s.event("e2", EventKind::chargeback_filed, day(6)).account_id = "x";
    BOOST_TEST(reviews_of(s.settle(day(6)), "e2") == 1u);
    s.event("e3", EventKind::chargeback_filed, day(6)).is_test = true;
    BOOST_TEST(reviews_of(s.settle(day(6)), "e3") == 0u);
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100").arrived(day(7));
    s.settle();
    BOOST_TEST(s.net("s").is_zero());
    BOOST_TEST(s.line("s").accrued == money("10"));
}

BOOST_AUTO_TEST_CASE(m3_a_test_takes_nothing_back) {
    Story s;
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.event("e", EventKind::chargeback_filed, day(5), "s").is_test = true;
    s.settle();
    BOOST_TEST(s.net("s") == money("10"));
}

BOOST_AUTO_TEST_SUITE_END()
