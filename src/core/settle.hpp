// SPDX-License-Identifier: PostgreSQL
// The kernel: a case file in, outcomes out (DESIGN section 3). decide() says what everything should be, post() compares
// that with what was posted and gives the difference. Both are pure functions of their arguments.
#pragma once

#include "core/rule.hpp"

namespace affiliate::core {

/// What a case file should look like.
struct Settled {
    News news;
    Attribution attribution;
    std::vector<ConversionTarget> conversions;
    /// The rules that were tried, for the conversion of the same index; empty unless tracing.
    std::vector<std::vector<Commissions::Tried>> tried;
};

Settled decide(const CaseFile &file, const Rulebook &rulebook, Evaluator &evaluator, Positions &positions, Time now,
               bool trace = false);

struct Entry {
    int version;
    const char *kind;
    Decimal amount;
    const char *cause;
    Time effective_at;
};
struct ConversionEntry {
    int version = 0, affiliate_no = 0, quantity = 0, new_customers = 0, refunded_count = 0, charged_back_count = 0;
    Decimal gross, discount, refunded, charged_back;
    const char *cause = "";
    Time effective_at = 0;
};
/// A header to write, with the entries that explain the difference; `is_new` or the version that was read.
struct ConversionChange {
    ConversionRow row;
    bool is_new = false;
    int version_before = 0;
    std::vector<ConversionEntry> entries;
};
struct CommissionChange {
    CommissionRow row;
    bool is_new = false;
    int version_before = 0;
    std::vector<Entry> entries;
};

/// What has to be written for one case file.
struct Outcome {
    int program_no = 0;
    std::string customer_id;
    std::vector<ConversionChange> conversions;
    std::vector<CommissionChange> commissions;
    bool ownerships_changed = false, had_ownerships = false;
    std::vector<PostedOwnership> ownerships; ///< all of them, where they changed
    std::vector<RefundMatch> refund_matches;
    std::vector<Review> reviews;
    std::vector<std::string> awaited_clicks; ///< unknown click ids that a waiting conversion names
    std::vector<int> stage_affiliates; ///< whose second stage has to run
    std::optional<Time> wake_at;       ///< when this case file has to be settled again
};

Outcome post(const CaseFile &file, const Settled &settled);

/// Says of each review how urgent it is and which money hangs on it, and adds one for a case file that is too large to
/// be settled inside a statement.
void grade_reviews(const CaseFile &file, const Settled &settled, std::vector<Review> &reviews);

/// One conversion of a settled case file as JSON, for explain(), attribute() and quote_commission(): what is known of
/// the sale, who competed, every rule that was tried with its inputs, and what it gives. Of a refund, chargeback or
/// adjustment: the sale it takes back, or the reviews that say why none. "null" where it is unknown. `metadata_text` makes
/// JSON text of the bytes of a metadata value.
using MetadataText = std::string (*)(std::string_view bytes);
std::string explain_json(const Rulebook &rulebook, const Settled &settled, const std::string &transaction_id,
                         MetadataText metadata_text);

} // namespace affiliate::core
