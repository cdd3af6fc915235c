// SPDX-License-Identifier: PostgreSQL
// What the customer's rows and the lines of an order say: whose word counts, and as of when (SEMANTICS W2, W3, W6, W7, W11-W13).
#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

bool names(const std::vector<Candidate> &candidates, const char *ref, const char *code) {
    return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate &candidate) {
        return candidate.ref == ref && std::string(candidate.code) == code;
    });
}

std::size_t reviews_of_kind(const Outcome &outcome, const char *kind) {
    return static_cast<std::size_t>(std::count_if(outcome.reviews.begin(), outcome.reviews.end(),
                                                  [&](const Review &review) { return review.kind == kind; }));
}

/// What a rule sees of the only sale.
struct Seen : Story {
    Seen() {
        only_rule(11, [this](const RuleInput &in) {
            input = in;
            return fifty(in);
        });
        click("seen", alice, day(1));
    }
    RuleInput input;
};

} // namespace

BOOST_AUTO_TEST_SUITE(touch)

/// M1, W11: an UPDATE that leaves last_modified_date as it was happened on arrival; it does not price the past.
BOOST_AUTO_TEST_CASE(w11_a_customer_state_with_an_old_date_holds_from_its_arrival) {
    Seen s;
    CustomerState &first = s.customer(day(0));
    first.modified_at = day(0);
    first.country = "DE";
    CustomerState &later = s.customer_update(day(0));
    later.recorded_at = day(5);
    later.country = "FR";
    s.sale("s", day(2), "100");
    s.settle();
    BOOST_TEST(s.input.customer_country == "DE");
}

/// M1: a state that says again all that an earlier one said is one report with it.
BOOST_AUTO_TEST_CASE(m1_a_customer_state_that_is_sent_again_keeps_its_time) {
    Seen s;
    s.customer(day(0)).country = "DE";
    for (int const at : {1, 3}) {
        CustomerState &state = s.customer_update(day(at));
        state.modified_at.reset();
        state.country = at == 1 ? "AT" : "DE";
    }
    s.sale("s", day(3, 12), "100");
    s.settle();
    BOOST_TEST(s.input.customer_country == "AT");
}

/// W11: the signup is that of the latest state that held, not the earliest date ever said.
BOOST_AUTO_TEST_CASE(w11_a_corrected_signup_counts) {
    Seen s;
    s.customer(day(0) - 100 * kDay).recorded_at = day(0);
    CustomerState &corrected = s.customer_update(day(1));
    corrected.signup_at = day(0);
    corrected.declared_affiliate = "bob";
    s.clicks.clear();
    s.sale("s", day(2), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == bob);
    BOOST_TEST(s.input.days_since_signup.value_or(-1) == 2);
    BOOST_TEST(*s.registration().occurred_at == day(0));
}

/// W7: the touches of all completed lines of the order, and of no other.
BOOST_AUTO_TEST_CASE(w7_declared_ids_of_all_completed_lines_compete) {
    Story s;
    s.bare("a", day(1), Status::pending).ordered(day(1)).amount("10").order("o").declares("bob");
    s.sale("b", day(1), "100").order("o").declares("no such affiliate");
    s.sale("c", day(1), "100").order("o").declares("alice");
    s.settle();
    BOOST_TEST(s.owner("b") == alice);
    BOOST_TEST(s.owner("c") == alice);
}

BOOST_AUTO_TEST_CASE(w7_a_product_of_a_line_that_is_not_completed_carries_no_coupon) {
    Story s;
    s.coupon("A", alice).products = {"p1"};
    s.bare("a", day(1), Status::pending).ordered(day(1)).amount("10").order("o").product("p1");
    s.sale("b", day(1), "100").order("o").product("p2").coupons({"A"});
    s.settle();
    BOOST_TEST(s.owner("b") == nobody);
    BOOST_TEST(s.conversion("b").code == "wrong_product");
}

/// W3: of the codes of several lines the first listed goes by line_no, then by transaction_id.
BOOST_AUTO_TEST_CASE(w3_codes_of_several_lines_are_listed_by_line_number) {
    for (bool const numbered : {true, false}) {
        Story s;
        s.coupon("A", alice);
        s.coupon("B", bob);
        Report a = s.sale("a", day(1), "100").order("o").coupons({"A"});
        Report b = s.sale("b", day(1), "100").order("o").coupons({"B"});
        if (numbered) {
            a.state().line_no = 2;
            b.state().line_no = 1;
        }
        s.settle();
        BOOST_TEST(s.owner("a") == (numbered ? bob : alice));
    }
}

/// W3: a lead that may not earn falls through to the next touch of the registration.
BOOST_AUTO_TEST_CASE(w3_a_lead_falls_through) {
    Story s;
    s.click("c1", alice, day(0));
    s.click("c2", bob, day(0, 1));
    s.customer(day(0, 2));
    s.affiliate(bob).changes.push_back({day(10), AffiliateStatus::terminated});
    s.sale("s", day(20), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == alice);
    BOOST_TEST(s.conversion("s").method == Method::lead);
}

/// W4: among the touches of a registration the precedence decides which is the stronger lead.
BOOST_AUTO_TEST_CASE(w4_leads_go_by_the_precedence) {
    for (int order = 0; order < 3; ++order) {
        Story s;
        s.coupon("B", bob);
        if (order == 1) std::swap(s.program().precedence[2], s.program().precedence[3]);
        if (order == 2) s.program().precedence.erase(s.program().precedence.begin() + 2);
        s.click("c1", alice, day(0));
        s.customer(day(0, 2)).coupon_codes = {"B"};
        s.sale("s", day(20), "100");
        s.settle();
        BOOST_TEST(s.conversion("s").method == Method::lead);
        BOOST_TEST(s.owner("s") == (order == 0 ? bob : alice));
    }
}

/// W6: a lead window of 0 means strictly click to purchase, also where windows last until the end of the day.
BOOST_AUTO_TEST_CASE(w6_no_lead_window_is_no_lead) {
    for (bool const is_declared : {true, false}) {
        Story s;
        s.coupon("A", alice);
        s.program().lead_window = 0;
        s.program().window_end = WindowEnd::end_of_day;
        CustomerState &customer = s.customer(day(0, 2));
        if (is_declared) customer.declared_affiliate = "alice";
        else customer.coupon_codes = {"A"};
        s.sale("s", day(0, 3), "100");
        s.settle();
        BOOST_TEST(s.owner("s") == nobody);
        BOOST_TEST(s.conversion("s").code == "window_expired");
    }
}

/// W12: for an order the click of a lead is late by the order's first completed report, not by the registration.
BOOST_AUTO_TEST_CASE(w12_a_lead_is_late_by_the_order) {
    for (int const delta : {0, 1}) {
        Story s;
        s.click("c", alice, day(0)).recorded_at = day(6) + delta;
        s.customer(day(0, 1));
        s.sale("s", day(5), "100");
        s.settle();
        BOOST_TEST(s.owner("s") == (delta == 0 ? alice : nobody));
    }
}

/// W2: the id that bound the customer is the same for every order.
BOOST_AUTO_TEST_CASE(w2_the_declared_id_is_that_of_the_binding_instant) {
    Story s;
    s.program().bind_at_registration = true;
    s.program().ownership_window = kDay;
    s.customer(day(0)).declared_affiliate = "alice";
    s.customer_update(day(5)).declared_affiliate = "bob";
    s.sale("s", day(10), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == alice);
}

/// W6: a campaign that a sale names with a declared id has its windows; W13: an unknown one is reviewed.
BOOST_AUTO_TEST_CASE(w6_the_campaign_of_a_declared_id_has_its_windows) {
    for (bool const known : {true, false}) {
        Story s;
        if (known) {
            s.book.campaigns[7].id = "spring";
            s.book.campaigns[7].windows.ownership = 10 * kDay;
            s.book.campaign_by_id[{program_no, "spring"}] = 7;
        }
        s.sale("s", day(1), "100").declares("alice").state().campaign_id = "spring";
        Outcome const outcome = s.settle();
        BOOST_TEST(s.owner("s") == alice);
        BOOST_TEST(s.file.ownerships.at(0).ends_at == day(known ? 11 : 91));
        BOOST_TEST(reviews_of_kind(outcome, "unknown_campaign") == (known ? 0U : 1U));
        BOOST_TEST(names(s.decide().attribution.orders[0].decision.candidates, "spring", "unknown_campaign") == !known);
    }
}

/// W13: a click id that no click can have is unknown at once.
BOOST_AUTO_TEST_CASE(w13_nothing_waits_for_a_click_id_that_is_too_long) {
    for (std::size_t const length : {500U, 501U}) {
        Story s;
        std::string const id(length, 'x');
        s.only_rule(11, fifty).transaction_types = {"registration"};
        s.customer(day(1)).click_id = id;
        s.sale("s", day(1), "100").click(id.c_str());
        Outcome const outcome = s.settle(day(1, 1));
        bool const waits = length == 500;
        BOOST_TEST((s.conversion("s").state == ConversionState::waiting) == waits);
        BOOST_TEST((s.registration().state == ConversionState::waiting) == waits);
        BOOST_TEST(outcome.awaited_clicks.empty() == !waits);
        if (!waits) BOOST_TEST(s.conversion("s").candidates.find("unknown_click") != std::string::npos);
    }
}

/// W13: what is too long is cut at the end of a character, in candidates and reviews.
BOOST_AUTO_TEST_CASE(w13_names_are_cut_at_characters) {
    Story s;
    std::string const kept(499, 'x'), name = kept + "\xC3\xA4" + "tail";
    s.sale("s", day(1), "100").declares(name.c_str());
    Outcome const outcome = s.settle();
    BOOST_TEST(s.conversion("s").candidates.find("\"" + kept + "\"") != std::string::npos);
    BOOST_REQUIRE(reviews_of_kind(outcome, "unknown_affiliate") == 1U);
    for (const Review &review : outcome.reviews)
        if (review.kind == "unknown_affiliate") BOOST_TEST(review.detail == kept);
}

/// W13: the unknown click of a registration is stored when late_grace is over.
BOOST_AUTO_TEST_CASE(w13_the_unknown_click_of_a_registration_is_stored_and_reviewed) {
    Story s;
    s.customer(day(1)).click_id = "lost";
    BOOST_TEST(reviews_of_kind(s.settle(day(1, 1)), "unknown_click") == 0U);
    Outcome const outcome = s.settle(day(2));
    BOOST_TEST(names(s.decide().attribution.registration->candidates, "lost", "unknown_click"));
    BOOST_TEST(reviews_of_kind(outcome, "unknown_click") == 1U);
}

/// W4: a method that is not listed never wins; what it says is no reason either.
BOOST_AUTO_TEST_CASE(w4_a_method_that_is_not_listed_gives_no_reason) {
    Story s;
    s.program().precedence = {Method::override_, Method::ownership, Method::coupon};
    s.click("c", alice, day(0));
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.owner("s") == nobody);
    BOOST_TEST(s.conversion("s").code == "organic");
}

BOOST_AUTO_TEST_SUITE_END()
