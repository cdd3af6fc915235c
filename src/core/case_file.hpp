// SPDX-License-Identifier: PostgreSQL
// A case file: everything known of one customer in one program, as the store gathered it; the only input of the kernel
// besides the rulebook and the clock. Texts that are unknown are empty (null and empty are the same, W11).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/rulebook.hpp"

namespace affiliate::core {

/// One state that a row of affiliate.transaction has had. The states of a row are numbered by `version` in the order
/// of their arrival; together they are the set of reports about it (M1).
struct TransactionState {
    std::string transaction_id, type, currency, order_id, account_id, original_transaction_id, original_account_id,
        original_challenge_id, product_id, challenge_type, phase, refund_reason, click_id, declared_affiliate,
        campaign_id, payment_fingerprint;
    std::vector<std::string> coupon_codes;
    std::string metadata; ///< the bytes of a jsonb value, empty for null
    std::optional<Decimal> amount, refunded_amount, account_size, list_price, discount, tax, fee, wallet_credit,
        collected;
    std::optional<Time> ordered_at, completed_at, refunded_at, status_at;
    Time recorded_at = 0;
    int version = 0;
    int line_no = 0; ///< 0 = unknown
    Effect effect = Effect::sale;
    SaleKind sale_kind = SaleKind::purchase;
    Status status = Status::pending;
    bool is_test = false;
};

struct DisputeState {
    std::string dispute_id, transaction_id;
    std::optional<Decimal> amount, lost_amount;
    std::optional<Time> opened_at, closed_at;
    enum class Outcome : std::uint8_t { open, won, lost, partial } outcome = Outcome::open;
    Time recorded_at = 0;
    int version = 0;
};

/// A row of affiliate.event, which never changes (L1).
struct Event {
    std::string event_id, transaction_id, account_id, challenge_id, original_account_id, original_challenge_id;
    std::optional<EventKind> kind; ///< nullopt: a word that affiliate.event_type does not know
    Time occurred_at = 0, recorded_at = 0;
    bool is_test = false;
};

struct CustomerState {
    std::string customer_id, declared_affiliate, campaign_id, click_id, language, country, kyc_status, sales_status,
        payment_fingerprint;
    std::vector<std::string> coupon_codes;
    std::optional<Time> signup_at, modified_at;
    Time recorded_at = 0;
    int version = 0;
    bool is_test = false;
    Time held_from = kBeginning; ///< by date_customer_states(): since when what it says holds (W11)
};

struct Click {
    std::string click_id, traffic_source;
    int affiliate_no = 0, campaign_no = 0; ///< affiliate_no 0: the affiliate it names is unknown
    Time clicked_at = 0, recorded_at = 0;
    bool is_test = false;
    bool wrong_program = false; ///< an order names it, but it is a click of another program
};

/// Whether there can be a click of this id (click_ids_check of affiliate.click).
inline bool may_arrive(const std::string &click_id) noexcept { return !click_id.empty() && click_id.size() <= 500; }

struct Account {
    std::string account_id, challenge_id, currency;
};

/// attribution_override: affiliate_no 0 = nobody earns.
struct Override {
    int no = 0, affiliate_no = 0;
    std::string transaction_id; ///< empty = every order of the customer in the period
    Time from = kBeginning, until = kForever;
    bool claw_back = true;
};

/// Fills `held_from` of the states of customer rows, which are in the order of id and version: last_modified_date; where
/// that is unknown or unchanged its arrival (M1), for the first state the signup. A state that says again all that an
/// earlier one said is one report with it.
void date_customer_states(std::vector<CustomerState> &states);

// What was posted before -----------------------------------------------------------------------------------------

struct PostedOwnership {
    std::string account_id;
    int ownership_no = 0, affiliate_no = 0;
    Time begins_at = 0, runs_from = 0, ends_at = 0;
    bool is_latest = false;
    std::string cause;
    int band = 0; ///< pinned when it began (W6); 0 = none
    bool operator==(const PostedOwnership &) const = default;
};

enum class ConversionState : std::uint8_t { pending, waiting, counted, void_ };
const char *name(ConversionState state) noexcept;

/// What a conversion came from; its id is a transaction_id, empty, or an event_id.
enum class Subject : std::uint8_t { transaction, registration, event };
const char *name(Subject subject) noexcept;

/// A row of affiliate.conversion: the decision, and the running totals of its conversion_entries.
struct ConversionRow {
    std::string transaction_id; ///< id of the subject
    std::string code, order_key, currency, fx_source;
    std::string candidates;             ///< JSON; empty: as stored, of which only the digest is read
    std::int64_t candidates_digest = 0; ///< candidates_digest() of them
    Subject subject = Subject::transaction;
    ConversionState state = ConversionState::pending;
    int affiliate_no = 0, purchase_number = 0, agreement_no = 0, plan_no = 0, version = 0;
    Method method = Method::none;
    bool is_conflict = false, ladder_counts = false, is_test = false;
    std::optional<Time> ordered_at, occurred_at, taken_back_at, ladder_reversed_at, fx_valid_from, stated_at;
    std::optional<Decimal> fx_rate;
    std::string conversion_type, product, country; ///< for reports, as campaign_no
    int campaign_no = 0;
    int quantity = 0, new_customers = 0, refunded_count = 0, charged_back_count = 0;
    Decimal gross, discount, refunded, charged_back;

    /// What reports group it by, beside affiliate and currency. Nothing is decided by it.
    bool same_group(const ConversionRow &other) const {
        return conversion_type == other.conversion_type && product == other.product && country == other.country &&
               campaign_no == other.campaign_no && method == other.method && occurred_at == other.occurred_at;
    }
};

/// A row of affiliate.commission.
struct CommissionRow {
    std::string subject_id, currency, hold_reason;
    Subject subject = Subject::transaction;
    bool is_void = false, is_provisional = false;
    int rule_no = 0, affiliate_no = 0, level = 0, version = 0, ladder_no = 0, ladder_position = 0;
    Decimal accrued, reversed, paid, accrued_when_paid;
    std::optional<Decimal> cap_room, uncapped_accrued, uncapped_net;
    Time earned_at = 0, eligible_at = 0;
    std::optional<Time> stated_at;
};

/// A refund without reference and the sale it takes back; empty where none fitted when late_grace had passed.
struct RefundMatch {
    std::string transaction_id, matched_transaction_id;
};

/// Conversions from which on a case file is settled by the drain only: the cost of a sale is bounded whatever the
/// customer's history. A guest id that many people share is the usual cause.
constexpr std::size_t kLargeCaseFile = 1000;

struct CaseFile {
    const Program *program = nullptr;
    std::string customer_id;            ///< canonical
    std::vector<std::string> aliases;   ///< the other ids of the customer
    std::vector<CustomerState> customer;        ///< every state of every id, by version
    std::vector<TransactionState> transactions; ///< grouped by transaction, by version
    std::vector<DisputeState> disputes;         ///< grouped by dispute, by version
    std::vector<Event> events;                  ///< by id
    std::vector<Click> clicks;
    std::vector<Account> accounts;
    std::vector<Override> overrides;
    std::vector<RefundMatch> refund_matches;
    std::vector<PostedOwnership> ownerships;
    std::vector<ConversionRow> conversions; ///< in the order of sort_posted(), as commissions
    std::vector<CommissionRow> commissions;

    /// Orders what was posted by its subject, so that it is found without looking at all of it.
    void sort_posted();
    /// What was posted before; nullptr where nothing was.
    const ConversionRow *posted(const std::string &subject_id, Subject subject) const noexcept;
    const CommissionRow *posted(const std::string &subject_id, Subject subject, int rule_no, int affiliate_no,
                                int level) const noexcept;
    /// All that was posted for one subject.
    std::span<const CommissionRow> commissions_of(const std::string &subject_id, Subject subject) const noexcept;
};

} // namespace affiliate::core
