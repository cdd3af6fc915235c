// SPDX-License-Identifier: PostgreSQL
// Finding what was posted, and what money hangs on a review.
#include "core/case_file.hpp"

#include <boost/test/unit_test.hpp>

#include "case_builder.hpp"

using namespace story;

namespace {

ConversionRow conversion(const char *id, Subject subject, int version) {
    ConversionRow row;
    row.transaction_id = id;
    row.subject = subject;
    row.version = version;
    return row;
}

CommissionRow commission(const char *id, Subject subject, int rule_no, int affiliate_no, int level, int version) {
    CommissionRow row;
    row.subject_id = id;
    row.subject = subject;
    row.rule_no = rule_no;
    row.affiliate_no = affiliate_no;
    row.level = level;
    row.version = version;
    return row;
}

ConversionTarget line(const char *id, const char *order, std::vector<const char *> nets) {
    ConversionTarget target;
    target.row.transaction_id = id;
    target.row.order_key = order;
    for (const char *net : nets) target.commissions.emplace_back().net = money(net);
    return target;
}

/// The money at stake of reviews about these subjects; "-" where none is known.
std::vector<std::string> at_stake(const std::vector<const char *> &subjects) {
    Settled settled;
    settled.conversions = {line("a", "o1", {"10", "2.50"}), line("b", "o1", {"0"}), line("c", "c", {"7"}), line("d", "o2", {}),
                           line("o2", "o3", {"1"})};
    std::vector<Review> reviews;
    for (const char *subject : subjects) reviews.push_back({"kind", subject, ""});
    grade_reviews(CaseFile{}, settled, reviews);
    std::vector<std::string> result;
    for (const Review &review : reviews) result.push_back(review.money_at_stake ? review.money_at_stake->to_string() : "-");
    return result;
}

} // namespace

BOOST_AUTO_TEST_CASE(what_was_posted_is_found_in_whatever_order_it_was_read) {
    CaseFile file;
    for (const char *id : {"m", "b", "z", "", "k", "ba"}) file.conversions.push_back(conversion(id, Subject::transaction, id[0]));
    file.conversions.push_back(conversion("", Subject::registration, 1));
    file.sort_posted();
    for (const char *id : {"m", "b", "z", "k"}) {
        BOOST_REQUIRE(file.posted(id, Subject::transaction) != nullptr);
        BOOST_TEST(file.posted(id, Subject::transaction)->version == id[0]);
        BOOST_TEST(file.posted(id, Subject::registration) == nullptr);
    }
    BOOST_TEST(file.posted("", Subject::registration)->version == 1); // the registration is no transaction
    BOOST_TEST(file.posted("", Subject::transaction)->version == 0);
    for (const char *id : {"a", "bb", "zz"}) BOOST_TEST(file.posted(id, Subject::transaction) == nullptr);
    BOOST_TEST(CaseFile{}.posted("m", Subject::transaction) == nullptr);
}

BOOST_AUTO_TEST_CASE(commissions_are_found_by_their_subject_and_keep_their_order) {
    CaseFile file;
    file.commissions = {commission("s2", Subject::transaction, 1, alice, 0, 1), commission("s1", Subject::transaction, 2, bob, 1, 2),
                        commission("s2", Subject::transaction, 1, bob, 1, 3),   commission("s2", Subject::registration, 1, alice, 0, 4),
                        commission("s2", Subject::transaction, 2, alice, 0, 5), commission("s1", Subject::transaction, 1, alice, 0, 6)};
    file.sort_posted();
    std::vector<int> versions;
    for (const CommissionRow &row : file.commissions_of("s2", Subject::transaction)) versions.push_back(row.version);
    BOOST_TEST(versions == std::vector<int>({1, 3, 5}), boost::test_tools::per_element());
    BOOST_TEST(file.posted("s2", Subject::transaction, 1, bob, 1)->version == 3);
    BOOST_TEST(file.posted("s2", Subject::registration, 1, alice, 0)->version == 4);
    BOOST_TEST(file.posted("s1", Subject::transaction, 1, alice, 0)->version == 6);
    BOOST_TEST(file.posted("s2", Subject::transaction, 1, bob, 0) == nullptr);
    BOOST_TEST(file.posted("s1", Subject::registration, 1, alice, 0) == nullptr);
    BOOST_TEST(file.commissions_of("s3", Subject::transaction).empty());
}

BOOST_AUTO_TEST_CASE(money_at_stake_is_that_of_the_transaction_or_of_the_lines_of_the_order) {
    std::vector<std::string> const want{"12.50", "12.50", "0", "7", "-", "1", "-", "-", "12.50"};
    // o2 is an order without commission, and a transaction with one
    BOOST_TEST(at_stake({"o1", "a", "b", "c", "d", "o2", "", "nobody", "o1"}) == want, boost::test_tools::per_element());
}
