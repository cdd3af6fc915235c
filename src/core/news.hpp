// SPDX-License-Identifier: PostgreSQL
// From reports to sales: what the set of news about a customer's transactions says, whatever order it arrived in
// (SEMANTICS M1-M4, M6). Everything here is in the currency of the sale.
#pragma once

#include "core/case_file.hpp"

namespace affiliate::core {

/// Something a person should look at; one per kind and subject.
struct Review {
    std::string kind, subject_id, detail;
    const char *severity = "normal";         ///< low, normal, high: grade_reviews()
    std::optional<Decimal> money_at_stake{}; ///< commission of the lines concerned, in the program's currency
};

/// A transaction that can be a conversion (effect sale, cost or credit without original), as its reports describe it.
struct Sale {
    const TransactionState *row = nullptr; ///< the latest state to arrive: key, type and currency, which never change
    Time ordered_at = 0;
    std::optional<Time> completed_at;         ///< nullopt: no completed report yet
    Time first_completed_recorded_at = 0;     ///< arrival of the first completed report
    Time latest_news_at = 0;                  ///< own time of the newest content
    Time latest_take_back_at = 0;             ///< own time of the newest news of what was taken back; else completed_at

    // Content: the latest report that knows the field.
    Decimal gross, tax, wallet_credit;
    std::optional<Decimal> account_size, list_price, discount, fee, collected;
    std::string product_id, challenge_type, phase, metadata;
    // Inputs: the earliest report that knows the field (W11).
    std::vector<std::string> coupon_codes;
    std::string order_key, click_id, declared_affiliate, campaign_id, payment_fingerprint, account_id,
        original_transaction_id, original_account_id, original_challenge_id;
    int line_no = 0; ///< 0 = unknown
    bool is_test = false;

    // Take-backs, clamped to gross (M4).
    Decimal refunded, charged_back;
    Decimal taken;                     ///< what reduces the commission: refunds, lost disputes, adjustments, and opened disputes where the program reverses on opening
    int charged_back_count = 0;
    bool dispute_open = false;
    bool is_void = false;              ///< M6: as if it never happened
    std::optional<Time> taken_at;       ///< since when at least that much is taken
    std::optional<Time> taken_whole_at; ///< since when nothing is left, void and open disputes excepted
    std::optional<Decimal> new_size;    ///< of the account that a refund turned the sale into (M5)

    bool is_zero() const noexcept { return gross.is_zero(); }
    Decimal base() const { return gross - tax - wallet_credit; }
    /// The base after take-backs: reduced in the proportion of what was taken back.
    Decimal net() const;
};

/// A refund, chargeback or adjustment that is a row of its own, and the sale it takes back; empty = none, a review says why.
struct Placed {
    std::string transaction_id, sale_id;
    bool by_reference = true, may_change = false; ///< may_change: not pinned yet (W12)
};

struct News {
    std::vector<Sale> sales;
    std::vector<Placed> placed;
    std::vector<Review> reviews;
    std::vector<RefundMatch> new_matches;  ///< refunds without reference that are pinned from now on
    std::optional<Time> wake_at;           ///< when a match may still change or a review is due: settle again then
};

/// Reads the transactions, disputes and chargeback events of a case file. `now` decides only whether a match without
/// reference is pinned, and from when on a chargeback without its sale is reviewed.
News read_news(const CaseFile &file, Time now);

} // namespace affiliate::core
