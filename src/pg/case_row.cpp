// SPDX-License-Identifier: PostgreSQL
#include "pg/case_row.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

using namespace affiliate::core;

const Columns &transaction_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_id", "transaction_id", "transaction_type", "status", "currency", "amount",
        "ordered_at", "completed_at", "refunded_at", "status_at", "refunded_amount", "refund_reason", "order_id",
        "account_id", "original_transaction_id", "original_account_id", "original_challenge_id", "product_id",
        "challenge_type", "phase", "account_size", "list_price", "discount", "tax", "fee", "wallet_credit",
        "collected", "coupon_codes", "click_id", "affiliate_id", "campaign_id", "payment_fingerprint", "metadata",
        "is_test", "version", "recorded_at", "line_no"};
    return *columns;
}

TransactionState read_transaction(const Row &row, const Rulebook &rulebook) {
    TransactionState s;
    s.transaction_id = row.text(2);
    s.type = row.text(3);
    if (const TransactionType *type = rulebook.type(s.type)) {
        s.type = type->name;
        s.effect = type->effect;
        s.sale_kind = type->kind;
    }
    s.status = rulebook.status(row.text(4)).value_or(Status::pending);
    s.currency = row.text(5);
    s.amount = row.decimal(6);
    s.ordered_at = row.time(7);
    s.completed_at = row.time(8);
    s.refunded_at = row.time(9);
    s.status_at = row.time(10);
    s.refunded_amount = row.decimal(11);
    s.refund_reason = row.text(12);
    s.order_id = row.text(13);
    s.account_id = row.text(14);
    s.original_transaction_id = row.text(15);
    s.original_account_id = row.text(16);
    s.original_challenge_id = row.text(17);
    s.product_id = row.text(18);
    s.challenge_type = row.text(19);
    s.phase = row.text(20);
    s.account_size = row.decimal(21);
    s.list_price = row.decimal(22);
    s.discount = row.decimal(23);
    s.tax = row.decimal(24);
    s.fee = row.decimal(25);
    s.wallet_credit = row.decimal(26);
    s.collected = row.decimal(27);
    s.coupon_codes = row.texts(28);
    s.click_id = row.text(29);
    s.declared_affiliate = row.text(30);
    s.campaign_id = row.text(31);
    s.payment_fingerprint = row.text(32);
    s.metadata = row.text(33);
    s.is_test = row.boolean(34);
    s.version = row.integer(35);
    s.recorded_at = *row.time(36);
    s.line_no = row.integer(37);
    return s;
}

const Columns &customer_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_id", "signup_date", "affiliate_id", "last_modified_date", "campaign_id", "click_id",
        "coupon_codes", "lang_id", "country_code", "kyc_status_id", "sales_status_id", "payment_fingerprint",
        "is_test", "version", "recorded_at"};
    return *columns;
}

CustomerState read_customer(const Row &row) {
    CustomerState s;
    s.customer_id = row.text(0);
    s.signup_at = row.time(2);
    s.declared_affiliate = row.text(3);
    s.modified_at = row.time(4);
    s.campaign_id = row.text(5);
    s.click_id = row.text(6);
    s.coupon_codes = row.texts(7);
    s.language = row.text(8);
    s.country = row.text(9);
    s.kyc_status = row.text(10);
    s.sales_status = row.text(11);
    s.payment_fingerprint = row.text(12);
    s.is_test = row.boolean(13);
    s.version = row.integer(14);
    s.recorded_at = *row.time(15);
    return s;
}

const Columns &click_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "click_id", "program_id", "link_id", "affiliate_id", "campaign_id", "clicked_at",
        "recorded_at", "is_test", "visitor_id"};
    return *columns;
}

Click read_click(const Row &row, const Program &program, const Rulebook &rulebook) {
    Click click;
    click.click_id = row.text(1);
    click.clicked_at = *row.time(6);
    click.recorded_at = *row.time(7);
    click.is_test = row.boolean(8);
    click.wrong_program = row.text(2) != program.id;
    if (auto const it = rulebook.links.find(row.text(3)); it != rulebook.links.end()) {
        click.affiliate_no = it->second.affiliate_no;
        click.campaign_no = it->second.campaign_no;
        click.traffic_source = it->second.traffic_source;
        click.wrong_program = click.wrong_program || it->second.program_no != program.no;
    } else if (const Affiliate *named = rulebook.affiliate_named(row.text(4)); named != nullptr) {
        click.affiliate_no = named->no;
    }
    if (!row.is_null(5))
        if (auto const it = rulebook.campaign_by_id.find({program.no, row.text(5)});
            it != rulebook.campaign_by_id.end())
            click.campaign_no = it->second;
    return click;
}

const Columns &dispute_columns() {
    static const Columns *const columns = new Columns{
        "transaction_id", "dispute_id", "amount", "lost_amount", "opened_at", "closed_at", "outcome", "version",
        "recorded_at", "ref_source", "ref_kind", "ref_external_id"};
    return *columns;
}

DisputeState read_dispute(const Row &row, std::string transaction_id) {
    DisputeState s;
    s.transaction_id = std::move(transaction_id);
    s.dispute_id = row.text(1);
    s.amount = row.decimal(2);
    s.lost_amount = row.decimal(3);
    s.opened_at = row.time(4);
    s.closed_at = row.time(5);
    std::string const outcome = row.text(6);
    s.outcome = outcome == "won"       ? DisputeState::Outcome::won
                : outcome == "lost"    ? DisputeState::Outcome::lost
                : outcome == "partial" ? DisputeState::Outcome::partial
                                       : DisputeState::Outcome::open;
    s.version = row.integer(7);
    s.recorded_at = *row.time(8);
    return s;
}

const Columns &event_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_id", "event_id", "event_type", "occurred_at", "transaction_id", "account_id",
        "challenge_id", "original_account_id", "original_challenge_id", "is_test", "recorded_at"};
    return *columns;
}

Event read_event(const Row &row, const Rulebook &rulebook) {
    Event e;
    e.event_id = row.text(2);
    e.kind = rulebook.event_kind(row.text(3));
    e.occurred_at = *row.time(4);
    e.transaction_id = row.text(5);
    e.account_id = row.text(6);
    e.challenge_id = row.text(7);
    e.original_account_id = row.text(8);
    e.original_challenge_id = row.text(9);
    e.is_test = row.boolean(10);
    e.recorded_at = *row.time(11);
    return e;
}

const Columns &ownership_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_no", "account_id", "ownership_no", "affiliate_no", "begins_at", "runs_from",
        "ends_at", "is_latest", "cause", "band"};
    return *columns;
}

PostedOwnership read_ownership(const Row &row) {
    return {row.text(2), row.integer(3), row.integer(4), *row.time(5), *row.time(6),
            *row.time(7), row.boolean(8), row.text(9), row.small(10)};
}

namespace {

Subject subject_named(const std::string &text) {
    for (Subject const subject : {Subject::registration, Subject::event})
        if (text == name(subject)) return subject;
    return Subject::transaction;
}

} // namespace

const Columns &conversion_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_no", "transaction_id", "kind", "state", "affiliate_no", "method", "code",
        "is_conflict", "candidates_digest", "order_key", "purchase_number", "ordered_at", "occurred_at",
        "agreement_no", "plan_no", "currency", "fx_rate", "fx_source", "fx_valid_from", "ladder_counts",
        "taken_back_at", "is_test", "quantity", "gross", "refunded", "charged_back", "charged_back_count",
        "stated_at", "version", "ladder_reversed_at", "conversion_type", "product_id", "country", "campaign_no",
        "new_customers", "refunded_count", "discount"};
    return *columns;
}

ConversionRow read_conversion(const Row &row) {
    ConversionRow c;
    c.transaction_id = row.text(2);
    c.subject = subject_named(row.text(3));
    std::string const state = row.text(4);
    for (ConversionState const s : {ConversionState::pending, ConversionState::waiting, ConversionState::counted,
                                    ConversionState::void_})
        if (state == name(s)) c.state = s;
    c.affiliate_no = row.integer(5);
    c.method = method_named(row.text(6));
    c.code = row.text(7);
    c.is_conflict = row.boolean(8);
    c.candidates_digest = row.big(9);
    c.order_key = row.text(10);
    c.purchase_number = row.integer(11);
    c.ordered_at = row.time(12);
    c.occurred_at = row.time(13);
    c.agreement_no = row.integer(14);
    c.plan_no = row.integer(15);
    c.currency = row.text(16);
    c.fx_rate = row.decimal(17);
    c.fx_source = row.text(18);
    c.fx_valid_from = row.time(19);
    c.ladder_counts = row.boolean(20);
    c.taken_back_at = row.time(21);
    c.is_test = row.boolean(22);
    c.quantity = row.small(23);
    c.gross = row.decimal(24).value_or(Decimal{});
    c.refunded = row.decimal(25).value_or(Decimal{});
    c.charged_back = row.decimal(26).value_or(Decimal{});
    c.charged_back_count = row.small(27);
    c.stated_at = row.time(28);
    c.version = row.integer(29);
    c.ladder_reversed_at = row.time(30);
    c.conversion_type = row.text(31);
    c.product = row.text(32);
    c.country = row.text(33);
    c.campaign_no = row.integer(34);
    c.new_customers = row.small(35);
    c.refunded_count = row.small(36);
    c.discount = row.decimal(37).value_or(Decimal{});
    return c;
}

const Columns &commission_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_no", "subject_id", "subject_kind", "rule_no", "affiliate_no", "level", "currency",
        "accrued", "reversed", "paid", "accrued_when_paid", "version", "earned_at", "eligible_at", "hold_reason",
        "is_void", "is_provisional", "ladder_no", "ladder_position", "cap_room", "uncapped_net", "stated_at",
        "uncapped_accrued"};
    return *columns;
}

CommissionRow read_commission(const Row &row) {
    CommissionRow c;
    c.subject_id = row.text(2);
    c.subject = subject_named(row.text(3));
    c.rule_no = row.integer(4);
    c.affiliate_no = row.integer(5);
    c.level = row.small(6);
    c.currency = row.text(7);
    c.accrued = row.decimal(8).value_or(Decimal{});
    c.reversed = row.decimal(9).value_or(Decimal{});
    c.paid = row.decimal(10).value_or(Decimal{});
    c.accrued_when_paid = row.decimal(11).value_or(Decimal{});
    c.version = row.integer(12);
    c.earned_at = *row.time(13);
    c.eligible_at = *row.time(14);
    c.hold_reason = row.text(15);
    c.is_void = row.boolean(16);
    c.is_provisional = row.boolean(17);
    c.ladder_no = row.integer(18);
    c.ladder_position = row.integer(19);
    c.cap_room = row.decimal(20);
    c.uncapped_net = row.decimal(21);
    c.stated_at = row.time(22);
    c.uncapped_accrued = row.decimal(23);
    return c;
}

} // namespace affiliate::pg
