// SPDX-License-Identifier: PostgreSQL
// How urgent a review is, and what money hangs on it.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "core/settle.hpp"

namespace affiliate::core {

namespace {

/// high: money is owed to nobody, or to the wrong one, until somebody looks. low: nothing hangs on it, but it is odd.
const char *severity_of(std::string_view kind) {
    static constexpr std::string_view kHigh[] = {"self_referral", "refund_without_sale", "refund_currency",
                                                 "adjustment_without_sale", "original_missing", "chargeback_without_sale"};
    static constexpr std::string_view kLow[] = {"unknown_click",   "unknown_coupon", "unknown_affiliate",
                                                "unknown_campaign", "stale_update",   "repeated_news",
                                                "large_case_file"};
    auto const is_in = [kind](const auto &list) { return std::find(std::begin(list), std::end(list), kind) != std::end(list); };
    return is_in(kHigh) ? "high" : is_in(kLow) ? "low" : "normal";
}

/// The commission of the lines that reviews are about: those of a transaction or of an order, by the review's subject.
using AtStake = std::unordered_map<std::string_view, std::optional<Decimal>>;

AtStake at_stake(const std::vector<Review> &reviews, const Settled &settled) {
    AtStake result;
    for (const Review &review : reviews)
        if (!review.subject_id.empty()) result.try_emplace(review.subject_id);
    auto const add = [&result](const std::string &subject, const std::vector<Target> &commissions) {
        auto const found = result.find(subject);
        if (found == result.end()) return;
        for (const Target &commission : commissions) found->second = found->second.value_or(Decimal{}) + commission.net;
    };
    for (const ConversionTarget &target : settled.conversions) {
        add(target.row.transaction_id, target.commissions);
        if (target.row.order_key != target.row.transaction_id) add(target.row.order_key, target.commissions);
    }
    return result;
}

} // namespace

void grade_reviews(const CaseFile &file, const Settled &settled, std::vector<Review> &reviews) {
    if (file.conversions.size() > kLargeCaseFile || settled.conversions.size() > kLargeCaseFile)
        reviews.push_back({"large_case_file", file.customer_id, std::to_string(settled.conversions.size()) + " conversions"});
    if (reviews.empty()) return;
    AtStake const money = at_stake(reviews, settled);
    for (Review &review : reviews) {
        review.severity = severity_of(review.kind);
        if (!review.subject_id.empty()) review.money_at_stake = money.at(review.subject_id);
    }
}

} // namespace affiliate::core
