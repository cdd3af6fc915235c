// SPDX-License-Identifier: PostgreSQL
// What a rule sees of one line (docs/rule-expressions.md).
#include <algorithm>

#include "core/rule.hpp"

namespace affiliate::core {

namespace {

/// Purchase 1 of the customer: the first in the order of completion, which is that of the fold.
const Order *first_purchase(const Attribution &attribution) {
    auto const found = std::find_if(attribution.orders.begin(), attribution.orders.end(),
                                    [](const Order &order) { return order.has_number; });
    return found == attribution.orders.end() ? nullptr : &*found;
}

} // namespace

RuleInput Commissions::input(const Line &line) const {
    RuleInput in;
    in.customer_country = customer_value(file_, &CustomerState::country, line.completed_at);
    in.customer_language = customer_value(file_, &CustomerState::language, line.completed_at);
    in.kyc_status = customer_value(file_, &CustomerState::kyc_status, line.completed_at);
    in.sales_status = customer_value(file_, &CustomerState::sales_status, line.completed_at);
    in.ordered_at = line.ordered_at;
    in.completed_at = line.completed_at;
    in.method = name(line.decision.method);
    bool const is_void = line.sale != nullptr && line.sale->is_void;
    in.purchase_number = line.decision.purchase_number != 0 || !is_void ? line.decision.purchase_number
                                                                        : line.decision.would_be_number;
    in.fx_rate = line.rate;
    in.coupon_kind = "none";
    for (const Candidate &candidate : line.decision.candidates) {
        if (candidate.method != Method::coupon || candidate.coupon == nullptr) continue;
        in.coupon_code = candidate.coupon->code;
        in.coupon_discount = candidate.coupon->discount;
        in.coupon_kind = candidate.coupon->affiliate_no == 0                            ? "house"
                         : candidate.coupon->affiliate_no == line.decision.affiliate_no ? "own"
                                                                                        : "other";
        break;
    }
    if (const Candidate *won = line.decision.won()) {
        in.days_since_touch = days_between(won->at, line.ordered_at);
        in.traffic_source = won->traffic_source;
        if (auto const it = rulebook_.campaigns.find(won->campaign_no); it != rulebook_.campaigns.end())
            in.campaign = it->second.id;
    }
    std::optional<Time> const signup =
        line.kind == Subject::registration ? line.attribution->signup_at : signup_at(file_, line.completed_at);
    if (signup) in.days_since_signup = days_between(*signup, line.completed_at);
    if (const Affiliate *affiliate = rulebook_.affiliate(line.decision.affiliate_no)) {
        in.affiliate = affiliate->id;
        in.affiliate_group = affiliate->group;
        in.partner_type = affiliate->partner_type;
        in.affiliate_country = affiliate->country;
    }
    if (line.sale == nullptr) {
        in.transaction_type = "registration";
        return in;
    }
    const Sale &sale = *line.sale;
    if (in.campaign.empty()) in.campaign = sale.campaign_id;
    in.transaction_type = sale.row->type;
    in.sale_kind = name(sale.row->sale_kind);
    in.product = sale.product_id;
    if (auto const it = rulebook_.products.find({program_.no, sale.product_id}); it != rulebook_.products.end()) {
        in.product_family = it->second.family;
        in.account_size = it->second.account_size;
        in.list_price = it->second.list_price;
    }
    in.challenge_type = sale.challenge_type;
    in.phase = sale.phase;
    const std::string &account_id = sale.account_id.empty() ? sale.original_account_id : sale.account_id;
    for (const Account &account : file_.accounts)
        if (!account_id.empty() && account.account_id == account_id) in.account_currency = account.currency;
    if (sale.account_size) in.account_size = sale.account_size;
    in.currency = sale.row->currency;
    in.metadata = sale.metadata;
    auto const converted = [&line](const std::optional<Decimal> &amount) -> std::optional<Decimal> {
        if (!amount) return std::nullopt;
        return *amount * line.rate;
    };
    if (sale.list_price) in.list_price = converted(sale.list_price);
    in.discount = converted(sale.discount);
    in.fee = converted(sale.fee);
    in.collected = converted(sale.collected);
    in.tax = sale.tax * line.rate;
    in.wallet_credit = sale.wallet_credit * line.rate;
    in.gross = sale.gross * line.rate;
    in.base = sale.base() * line.rate;
    in.net = in.base;
    in.original_gross = sale.gross;
    in.original_net = sale.base();
    if (const Order *first = first_purchase(*line.attribution); first != nullptr && *first->completed_at <= line.completed_at) {
        in.days_since_first_purchase = days_between(*first->completed_at, line.completed_at);
        in.months_since_first_purchase = program_.calendar->months_between(*first->completed_at, line.completed_at);
    } else if (is_void) { // it would have been the first
        in.days_since_first_purchase = in.months_since_first_purchase = 0;
    }
    if (names_original(sale))
        if (const Sale *original = original_of(sale, line.attribution->orders, file_.accounts))
            in.days_since_original = days_between(original->completed_at.value_or(original->ordered_at), line.completed_at);
    return in;
}

} // namespace affiliate::core
