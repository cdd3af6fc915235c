// SPDX-License-Identifier: PostgreSQL
#include "core/json.hpp"
#include "core/settle.hpp"

namespace affiliate::core {

namespace {

std::string affiliate_id(const Rulebook &rulebook, int no) {
    const Affiliate *const affiliate = rulebook.affiliate(no);
    return affiliate == nullptr ? std::string() : affiliate->id;
}

/// The fields of rule_input that have a value, so that the arithmetic can be shown with values filled in.
std::string inputs_json(const RuleInput &in, MetadataText metadata_text) {
    JsonObject out;
    auto const text = [&out](const char *key, std::string_view value) {
        if (!value.empty()) out.add(key, value);
    };
    auto const number = [&out](const char *key, const std::optional<Decimal> &value) {
        if (value) out.add(key, value->normalized());
    };
    auto const whole = [&out](const char *key, std::optional<std::int64_t> value) {
        if (value) out.add(key, static_cast<int>(*value));
    };
    text("transaction_type", in.transaction_type);
    text("sale_kind", in.sale_kind);
    text("product", in.product);
    text("product_family", in.product_family);
    text("challenge_type", in.challenge_type);
    text("phase", in.phase);
    text("account_currency", in.account_currency);
    text("currency", in.currency);
    text("customer_country", in.customer_country);
    text("customer_language", in.customer_language);
    text("kyc_status", in.kyc_status);
    text("sales_status", in.sales_status);
    text("method", in.method);
    text("coupon_code", in.coupon_code);
    text("coupon_kind", in.coupon_kind);
    text("campaign", in.campaign);
    text("traffic_source", in.traffic_source);
    text("affiliate", in.affiliate);
    text("affiliate_group", in.affiliate_group);
    text("partner_type", in.partner_type);
    text("affiliate_country", in.affiliate_country);
    text("beneficiary", in.beneficiary);
    text("band_label", in.band_label);
    number("account_size", in.account_size);
    number("list_price", in.list_price);
    number("discount", in.discount);
    number("fee", in.fee);
    number("collected", in.collected);
    number("coupon_discount", in.coupon_discount);
    number("band_rate", in.band_rate);
    number("band_amount", in.band_amount);
    number("tax", in.tax);
    number("wallet_credit", in.wallet_credit);
    number("gross", in.gross);
    number("base", in.base);
    number("refunded", in.refunded);
    number("net", in.net);
    number("original_gross", in.original_gross);
    number("original_net", in.original_net);
    number("fx_rate", in.fx_rate);
    whole("days_since_first_purchase", in.days_since_first_purchase);
    whole("months_since_first_purchase", in.months_since_first_purchase);
    whole("days_since_signup", in.days_since_signup);
    whole("days_since_original", in.days_since_original);
    whole("days_since_touch", in.days_since_touch);
    out.add("level", in.level);
    if (in.purchase_number > 0) out.add("purchase_number", in.purchase_number).add("is_first_purchase", in.purchase_number == 1);
    if (in.position > 0) out.add("ladder_position", in.position);
    if (in.band > 0) out.add("band", in.band);
    out.add_time("ordered_at", in.ordered_at).add_time("completed_at", in.completed_at);
    if (!in.metadata.empty()) out.add_json("metadata", metadata_text(in.metadata));
    return out.text();
}

std::string sale_json(const Sale &sale) {
    JsonObject out;
    out.add("transaction_id", sale.row->transaction_id).add("type", sale.row->type).add("currency", sale.row->currency);
    out.add_time("ordered_at", sale.ordered_at).add_time("completed_at", sale.completed_at);
    out.add("gross", sale.gross).add("base", sale.base()).add("taken", sale.taken).add("net", sale.net().normalized());
    out.add("refunded", sale.refunded).add("charged_back", sale.charged_back);
    out.add("is_void", sale.is_void).add("dispute_open", sale.dispute_open);
    return out.text();
}

std::string commission_json(const Rulebook &rulebook, const Target &target) {
    JsonObject out;
    out.add("rule_no", target.rule->no).add("rule", target.rule->name).add("amount", target.rule->amount);
    out.add("affiliate", affiliate_id(rulebook, target.affiliate_no)).add("level", target.rule->level);
    out.add("accrued", target.accrued).add("net", target.net).add("provisional", target.provisional);
    if (target.ladder_position > 0) out.add("ladder_position", target.ladder_position);
    out.add("cap_room", target.cap_room).add_time("eligible_at", target.eligible_at).add("hold_reason", target.hold_reason);
    return out.text();
}

template <class List, class F> std::string array(const List &list, F f) {
    std::string out = "[";
    for (const auto &item : list) {
        if (out.size() > 1) out += ", ";
        out += f(item);
    }
    return out + "]";
}

const Sale *sale_of(const Settled &settled, const std::string &transaction_id) {
    for (const Sale &sale : settled.news.sales)
        if (sale.row->transaction_id == transaction_id) return &sale;
    return nullptr;
}

std::string reviews_json(const Settled &settled, const std::string &subject_id) {
    std::vector<const Review *> found;
    for (const std::vector<Review> *list : {&settled.news.reviews, &settled.attribution.reviews})
        for (const Review &review : *list)
            if (review.subject_id == subject_id) found.push_back(&review);
    return array(found, [](const Review *review) {
        return JsonObject().add("kind", review->kind).add("detail", review->detail).text();
    });
}

/// A refund, chargeback or adjustment; "null" where it is none of this customer's.
std::string take_back_json(const Settled &settled, const std::string &transaction_id) {
    std::string const reviews = reviews_json(settled, transaction_id);
    JsonObject out;
    for (const Placed &placed : settled.news.placed)
        if (placed.transaction_id == transaction_id) {
            out.add("takes_back", placed.sale_id).add("by_reference", placed.by_reference);
            return out.add("may_change", placed.may_change).add_json("reviews", reviews).text();
        }
    return reviews == "[]" ? "null" : out.add_json("reviews", reviews).text();
}

} // namespace

std::string explain_json(const Rulebook &rulebook, const Settled &settled, const std::string &transaction_id,
                         MetadataText metadata_text) {
    for (std::size_t i = 0; i < settled.conversions.size(); ++i) {
        const ConversionTarget &target = settled.conversions[i];
        const ConversionRow &row = target.row;
        if (row.subject != Subject::transaction || row.transaction_id != transaction_id) continue;
        JsonObject out;
        if (const Sale *sale = sale_of(settled, transaction_id)) out.add_json("sale", sale_json(*sale));
        out.add("state", name(row.state)).add("affiliate", affiliate_id(rulebook, row.affiliate_no));
        out.add("method", name(row.method)).add("code", row.code).add("conflict", row.is_conflict);
        out.add("purchase_number", row.purchase_number).add("order", row.order_key);
        out.add("fx_rate", row.fx_rate).add("fx_source", row.fx_source).add_time("fx_valid_from", row.fx_valid_from);
        out.add_json("candidates", row.candidates).add_json("reviews", reviews_json(settled, transaction_id));
        out.add_json("commissions", array(target.commissions, [&](const Target &item) {
                         return commission_json(rulebook, item);
                     }));
        if (i < settled.tried.size())
            out.add_json("rules", array(settled.tried[i], [&](const Commissions::Tried &tried) {
                             JsonObject rule;
                             rule.add("rule_no", tried.rule->no).add("rule", tried.rule->name);
                             rule.add("sequence_no", tried.rule->sequence_no).add("condition", tried.rule->condition);
                             rule.add("amount", tried.rule->amount).add("matched", tried.matched);
                             rule.add("beneficiary", affiliate_id(rulebook, tried.affiliate_no));
                             rule.add_json("inputs", inputs_json(tried.input, metadata_text));
                             if (tried.after) rule.add_json("inputs_after", inputs_json(*tried.after, metadata_text));
                             return rule.text();
                         }));
        return out.text();
    }
    return take_back_json(settled, transaction_id);
}

} // namespace affiliate::core
