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
                                                 "adjustment_without_sale", "original_missing"};
    static constexpr std::string_view kLow[] = {"unknown_click",   "unknown_coupon", "unknown_affiliate",
                                                "unknown_campaign", "stale_update",   "repeated_news",
                                                "large_case_file"};
    auto const is_in = [kind](const auto &list) { return std::find(std::begin(list), std::end(list), kind) != std::end(list); };
    return is_in(kHigh) ? "high" : is_in(kLow) ? "low" : "normal";
}

/// The commission of the lines that a review may be about, by transaction and by order.
using AtStake = std::unordered_map<std::string_view, Decimal>;

AtStake commissions_of(const Settled &settled) {
    AtStake result;
    for (const ConversionTarget &target : settled.conversions)
        for (const Target &commission : target.commissions) {
            const ConversionRow &row = target.row;
            result[row.transaction_id] += commission.net;
            if (row.order_key != row.transaction_id) result[row.order_key] += commission.net;
        }
    return result;
}

} // namespace

void grade_reviews(const CaseFile &file, const Settled &settled, std::vector<Review> &reviews) {
    if (file.conversions.size() > kLargeCaseFile || settled.conversions.size() > kLargeCaseFile)
        reviews.push_back({"large_case_file", file.customer_id, std::to_string(settled.conversions.size()) + " conversions"});
    if (reviews.empty()) return;
    AtStake const commissions = commissions_of(settled);
    for (Review &review : reviews) {
        review.severity = severity_of(review.kind);
        auto const found = commissions.find(review.subject_id);
        if (!review.subject_id.empty() && found != commissions.end()) review.money_at_stake = found->second;
    }
}

} // namespace affiliate::core
