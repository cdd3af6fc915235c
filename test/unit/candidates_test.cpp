// SPDX-License-Identifier: PostgreSQL
// What is stored of those who competed for an order (SEMANTICS W1, W13).
#include <boost/test/unit_test.hpp>

#include "core/json.hpp"

#include "case_builder.hpp"

using namespace story;

namespace {

bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

} // namespace

BOOST_AUTO_TEST_SUITE(candidates)

BOOST_AUTO_TEST_CASE(w1_every_candidate_is_stored_with_its_code) {
    Story s;
    s.coupon("A", alice);
    s.coupon("HOUSE", nobody);
    s.click("old", bob, day(0) - 10 * kDay);
    s.click("new", carol, day(0));
    s.click("later", bob, day(5));
    s.sale("s", day(1), "100").coupons({"HOUSE", "A", "gone"}).declares("bob");
    s.settle();
    const std::string &stored = s.conversion("s").candidates;
    BOOST_TEST(contains(stored, R"("ref": "A", "code": "won", "method": "coupon")"));
    BOOST_TEST(contains(stored, R"("ref": "HOUSE", "code": "house_coupon", "method": "coupon")"));
    BOOST_TEST(contains(stored, R"("ref": "GONE", "code": "unknown_coupon", "method": "coupon")"));
    BOOST_TEST(contains(stored, R"("ref": "old", "code": "window_expired", "method": "click")"));
    BOOST_TEST(contains(stored, R"("ref": "new", "code": "outranked", "method": "click")"));
    BOOST_TEST(contains(stored, R"("ref": "later", "code": "after_order", "method": "click")"));
    BOOST_TEST(contains(stored, R"("ref": "bob", "code": "outranked", "method": "declared")"));
    BOOST_TEST(s.conversion("s").is_conflict);
}

BOOST_AUTO_TEST_CASE(w1_nobody_competed) {
    Story s;
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(s.conversion("s").candidates == "[]");
    BOOST_TEST(!s.conversion("s").is_conflict);
}

BOOST_AUTO_TEST_CASE(w13_customer_typed_text_is_escaped_and_clipped_at_a_character) {
    Story s;
    std::string text = "\"\\\n\x01";
    for (int i = 0; i < 400; ++i) text += "\xC3\xA4";
    s.sale("s", day(1), "100").declares(text.c_str());
    s.settle();
    const std::string &stored = s.conversion("s").candidates;
    BOOST_TEST(contains(stored, R"("ref": "\"\\\n\u0001)"));
    BOOST_TEST(stored.size() < 700U);
    BOOST_TEST(contains(stored, "\xC3\xA4\", \"code\": \"unknown_affiliate\""));
}

BOOST_AUTO_TEST_CASE(w1_times_are_written_with_their_microseconds) {
    Story s;
    s.click("c", alice, day(0) + 1);
    s.sale("s", day(1), "100");
    s.settle();
    BOOST_TEST(contains(s.conversion("s").candidates, R"("at": "2024-01-01T00:00:00.000001Z")"));
}

BOOST_AUTO_TEST_CASE(w1_times_are_written_as_postgresql_reads_them_however_far) {
    BOOST_TEST(json_time(0) == "2000-01-01T00:00:00Z");
    BOOST_TEST(json_time(-730119 * kDay) == "0001-01-01T00:00:00Z");
    BOOST_TEST(json_time(-730119 * kDay - kHour) == "0001-12-31T23:00:00Z BC"); // year 1 began an hour ago, east of Greenwich
    BOOST_TEST(json_time(-730485 * kDay) == "0001-01-01T00:00:00Z BC");         // a leap year, 366 days before
    BOOST_TEST(json_time(-730485 * kDay - 1) == "0002-12-31T23:59:59.999999Z BC");
    BOOST_TEST(json_time(2921940 * kDay) == "010000-01-01T00:00:00Z");
    BOOST_TEST(json_time(kForever) == "infinity");
    BOOST_TEST(json_time(kBeginning) == "-infinity");
}

BOOST_AUTO_TEST_SUITE_END()
