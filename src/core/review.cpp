// SPDX-License-Identifier: PostgreSQL
// How urgent a review is, and what money hangs on it.
#include <algorithm>
#include <string_view>

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

/// The commission of the lines that a review is about: those of a transaction or of an order.
std::optional<Decimal> commission_of(const std::string &subject, const Settled &settled) {
    std::optional<Decimal> sum;
    for (const ConversionTarget &target : settled.conversions) {
        if (subject.empty() || (target.row.transaction_id != subject && target.row.order_key != subject)) continue;
        for (const Target &commission : target.commissions) sum = sum.value_or(Decimal{}) + commission.net;
    }
    return sum;
}

} // namespace

void grade_reviews(const CaseFile &file, const Settled &settled, std::vector<Review> &reviews) {
    if (file.conversions.size() > kLargeCaseFile || settled.conversions.size() > kLargeCaseFile)
        reviews.push_back({"large_case_file", file.customer_id, std::to_string(settled.conversions.size()) + " conversions"});
    for (Review &review : reviews) {
        review.severity = severity_of(review.kind);
        review.money_at_stake = commission_of(review.subject_id, settled);
    }
}

} // namespace affiliate::core
