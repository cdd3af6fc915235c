// SPDX-License-Identifier: PostgreSQL
#include "pg/fact_check.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using core::Decimal;

constexpr int kSignificantDigitsMax = 15;

/// Which row an error is about.
struct Subject {
    const char *table;
    FactColumn key;
    const FactRow &row;

    [[noreturn]] void refuse(const char *sqlstate, std::string message, std::string hint) const {
        std::string detail(table);
        detail[0] = static_cast<char>(detail[0] - 'a' + 'A');
        throw core::Error(sqlstate, std::move(message),
                          detail + " \"" + std::string(row.text(key)) + "\" was not stored.", std::move(hint));
    }
};

void check_number(const Subject &subject, FactColumn column) {
    bool null = true;
    Datum const datum = subject.row.value(column, null);
    if (null) return;
    std::optional<Decimal> const value = read_decimal(datum);
    if (!value)
        subject.refuse("AF010", std::string(name(column)) + " is not a finite number", "Leave it null where it is unknown.");
    if (value->normalized().significant_digits() > kSignificantDigitsMax || value->scale() > 2 * kSignificantDigitsMax)
        subject.refuse("AF010", std::string(name(column)) + " has more than 15 significant digits",
                       "Amounts of money have at most 15 significant digits; round it in the source.");
}

void check_time(const Subject &subject, FactColumn column) {
    bool null = true;
    Datum const datum = subject.row.value(column, null);
    if (!null && TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(datum)))
        subject.refuse("AF010", std::string(name(column)) + " is infinite", "Leave it null where it is unknown.");
}

void check_program(const Subject &subject, const core::Rulebook &book) {
    std::string_view const program = subject.row.text(FactColumn::program_id);
    if (book.program_by_id.find(program) == book.program_by_id.end())
        subject.refuse("AF012", "program \"" + std::string(program) + "\" does not exist",
                       "Insert it into affiliate.program, or name one that exists.");
}

void check_currency(const Subject &subject, FactColumn column, const core::Rulebook &book) {
    std::string_view const currency = subject.row.text(column);
    if (book.currencies.find(currency) == book.currencies.end())
        subject.refuse("AF013", "currency \"" + std::string(currency) + "\" is not known",
                       "Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.");
}

/// What it names has to be in the rulebook.
void check_words(const Subject &subject, const core::Rulebook &book) {
    const FactRow &row = subject.row;
    check_program(subject, book);
    check_currency(subject, FactColumn::currency, book);
    std::string_view const type = row.text(FactColumn::transaction_type), status = row.text(FactColumn::status);
    const core::TransactionType *const known = book.type(type);
    if (known == nullptr)
        subject.refuse("AF014", "transaction type \"" + std::string(type) + "\" is not known",
                       "Add it to affiliate.transaction_type, or as one of the words of a type that exists.");
    if (!book.status(status))
        subject.refuse("AF015", "transaction status \"" + std::string(status) + "\" is not known",
                       "Add the word to affiliate.transaction_status with its meaning.");
    if (row.text(FactColumn::customer_id).empty()) {
        bool const is_news = known->effect == core::Effect::refund || known->effect == core::Effect::chargeback ||
                             known->effect == core::Effect::correction;
        if (!is_news)
            subject.refuse("AF010", "customer_id is missing",
                           "Only refunds, chargebacks and adjustments may leave out the customer of their transaction.");
        if (row.text(FactColumn::original_transaction_id).empty())
            subject.refuse("AF010", "customer_id and original_transaction_id are missing",
                           "Name the transaction that it takes back, or the customer whose only sale it is.");
    }
}

void check_transaction(const Subject &subject, const core::Rulebook *book) {
    if (book != nullptr) check_words(subject, *book);
    for (FactColumn const column :
         {FactColumn::amount, FactColumn::refunded_amount, FactColumn::list_price, FactColumn::discount, FactColumn::tax,
          FactColumn::fee, FactColumn::wallet_credit, FactColumn::collected, FactColumn::account_size})
        check_number(subject, column);
    for (FactColumn const column :
         {FactColumn::ordered_at, FactColumn::completed_at, FactColumn::refunded_at, FactColumn::status_at})
        check_time(subject, column);
}

/// Its type may be any word (W13).
void check_event(const Subject &subject, const core::Rulebook *book) {
    if (book != nullptr) check_program(subject, *book);
    if (subject.row.text(FactColumn::customer_id).empty() && subject.row.text(FactColumn::transaction_id).empty())
        subject.refuse("AF010", "customer_id and transaction_id are missing",
                       "Name the customer, or the transaction that the event belongs to.");
    check_time(subject, FactColumn::occurred_at);
    check_time(subject, FactColumn::start_date);
    check_number(subject, FactColumn::account_size);
    check_number(subject, FactColumn::profit_split);
}

} // namespace

void check_fact(const std::string &table, const FactRow &row, const core::Rulebook *book) {
    if (table == "transaction") return check_transaction({"transaction", FactColumn::transaction_id, row}, book);
    if (table == "event") return check_event({"event", FactColumn::event_id, row}, book);
    if (table == "dispute") {
        Subject const subject{"dispute", FactColumn::dispute_id, row};
        check_number(subject, FactColumn::amount);
        check_number(subject, FactColumn::lost_amount);
    } else if (table == "customer" || table == "account") {
        bool const is_account = table == "account";
        Subject const subject{is_account ? "account" : "customer",
                              is_account ? FactColumn::account_id : FactColumn::customer_id, row};
        if (book != nullptr) check_program(subject, *book);
        check_number(subject, FactColumn::account_size);
        if (book != nullptr && is_account && !row.text(FactColumn::account_currency).empty())
            check_currency(subject, FactColumn::account_currency, *book);
    }
}

} // namespace affiliate::pg
