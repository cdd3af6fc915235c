// SPDX-License-Identifier: PostgreSQL
#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>

#include "pg/index_read.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace affiliate::core;

using Columns = std::vector<const char *>;

const Columns &transaction_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_id", "transaction_id", "transaction_type", "status", "currency", "amount", "ordered_at",
        "completed_at", "refunded_at", "status_at", "refunded_amount", "refund_reason", "order_id", "account_id",
        "original_transaction_id", "original_account_id", "original_challenge_id", "product_id", "challenge_type", "phase",
        "account_size", "list_price", "discount", "tax", "fee", "wallet_credit", "collected", "coupon_codes", "click_id",
        "affiliate_id", "campaign_id", "payment_fingerprint", "metadata", "is_test", "version", "recorded_at", "line_no"};
    return *columns;
}
const Columns &customer_columns() {
    static const Columns *const columns = new Columns{
        "customer_id", "program_id", "signup_date", "affiliate_id", "last_modified_date", "campaign_id", "click_id",
        "coupon_codes", "lang_id", "country_code", "kyc_status_id", "sales_status_id", "payment_fingerprint", "is_test",
        "version", "recorded_at"};
    return *columns;
}
const Columns &click_columns() {
    static const Columns *const columns = new Columns{"customer_id", "click_id",    "program_id", "link_id",
                                                      "affiliate_id", "campaign_id", "clicked_at", "recorded_at",
                                                      "is_test"};
    return *columns;
}
const Columns &dispute_columns() {
    static const Columns *const columns =
        new Columns{"transaction_id", "dispute_id", "amount",      "lost_amount", "opened_at",       "closed_at",
                    "outcome",        "version",    "recorded_at", "ref_source",  "ref_kind", "ref_external_id"};
    return *columns;
}

/// The reads of gather; one set per backend. Each is named after what it finds by what.
struct Reads {
    IndexRead aliases{"customer_alias", "customer_alias_canonical_idx", {"customer_id", "canonical_id"}};
    IndexRead canonical{"customer_alias", "customer_alias_pkey", {"customer_id", "canonical_id"}};
    IndexRead transactions{"transaction", "transaction_customer_idx", transaction_columns(), IndexRead::Lock::as_for_writing};
    IndexRead reports{"transaction_report", "transaction_report_pkey", transaction_columns()};
    // News about a sale that does not name the customer (W12).
    IndexRead anonymous{"transaction", "transaction_original_idx", transaction_columns()};
    IndexRead anonymous_reports{"transaction_report", "transaction_report_transaction_idx", transaction_columns()};
    IndexRead customers{"customer", "customer_pkey", customer_columns()};
    IndexRead customer_reports{"customer_report", "customer_report_pkey", customer_columns()};
    IndexRead clicks{"click", "click_customer_idx", click_columns()};
    IndexRead visitors{"visitor_customer", "visitor_customer_pkey", {"customer_id", "visitor_id"}};
    IndexRead visitor_clicks{"click", "click_visitor_idx",
                             {"visitor_id", "click_id", "program_id", "link_id", "affiliate_id", "campaign_id",
                              "clicked_at", "recorded_at", "is_test"}};
    IndexRead named_clicks{"click", "click_pkey", click_columns()};
    IndexRead disputes{"dispute", "dispute_transaction_idx", dispute_columns()};
    IndexRead refs{"transaction_ref", "transaction_ref_transaction_idx", {"transaction_id", "external_id", "source", "kind"}};
    IndexRead ref_disputes{"dispute", "dispute_ref_idx", dispute_columns()};
    IndexRead dispute_reports{"dispute_report", "dispute_report_pkey", dispute_columns()};
    IndexRead accounts{"account", "account_pkey", {"customer_id", "account_id", "challenge_id"}};
    IndexRead overrides{"attribution_override", "attribution_override_customer_idx",
                        {"customer_id", "program_no", "override_no", "affiliate_no", "transaction_id", "valid_from",
                         "valid_until", "paid_lines"}};
    IndexRead matches{"refund_match", "refund_match_pkey", {"customer_id", "transaction_id", "matched_transaction_id"}};
    IndexRead ownerships{"ownership", "ownership_pkey",
                         {"customer_id", "program_no", "account_id", "ownership_no", "affiliate_no", "begins_at",
                          "runs_from", "ends_at", "is_latest", "cause", "band"},
                         IndexRead::Lock::as_for_writing};
    IndexRead conversions{"conversion", "conversion_pkey",
                          {"customer_id", "program_no", "transaction_id", "kind", "state", "affiliate_no", "method", "code",
                           "is_conflict", "candidates_digest", "order_key", "purchase_number", "ordered_at", "occurred_at",
                           "agreement_no", "plan_no", "currency", "fx_rate", "fx_source", "fx_valid_from", "ladder_counts",
                           "taken_back_at", "is_test", "quantity", "gross", "refunded", "charged_back",
                           "charged_back_count", "stated_at", "version", "ladder_reversed_at"},
                          IndexRead::Lock::as_for_writing};
    IndexRead commissions{"commission", "commission_pkey",
                          {"customer_id", "program_no", "subject_id", "subject_kind", "rule_no", "affiliate_no", "level",
                           "currency", "accrued", "reversed", "paid", "accrued_when_paid", "version", "earned_at",
                           "eligible_at", "hold_reason", "is_void", "is_provisional", "ladder_no", "ladder_position",
                           "cap_room", "uncapped_net", "stated_at", "uncapped_accrued"},
                          IndexRead::Lock::as_for_writing};
    Query hypothetical{"SELECT customer_id, program_id, transaction_id, transaction_type, status, currency, amount,"
                       " ordered_at, completed_at, refunded_at, status_at, refunded_amount, refund_reason, order_id,"
                       " account_id, original_transaction_id, original_account_id, original_challenge_id, product_id,"
                       " challenge_type, phase, account_size, list_price, discount, tax, fee, wallet_credit, collected,"
                       " coupon_codes, click_id, affiliate_id, campaign_id, payment_fingerprint, metadata, is_test,"
                       " version, recorded_at, line_no FROM pg_catalog.jsonb_populate_record(NULL::affiliate.transaction, $1)",
                       {JSONBOID}};
    Query positions{"SELECT counted, used FROM affiliate.affiliate_position WHERE program_no = $1 AND affiliate_no = $2"
                    " AND kind = $3 AND scope_no = $4 AND window_start = $5",
                    {INT4OID, INT4OID, TEXTOID, INT4OID, TIMESTAMPTZOID}};
};

Reads &reads() {
    static Reads *const all = new Reads;
    return *all;
}

/// Collects the case files by (customer, program).
class Gathering {
public:
    Gathering(const Rulebook &rulebook, const std::vector<std::string> &customers) : rulebook_(rulebook) {
        for (const std::string &customer : customers) canonical_[customer] = customer;
    }

    /// `hypothetical`: a transaction as jsonb that is decided with the stored ones, or 0.
    /// With `is_bounded` it stops where a customer turns out to be large().
    std::vector<CaseFile> run(std::vector<std::string> customers, Datum hypothetical, bool is_bounded) {
        FreshSnapshot snapshot;
        OpenReads usual({&reads().aliases, &reads().transactions, &reads().anonymous, &reads().customers, &reads().clicks,
                         &reads().visitors, &reads().disputes, &reads().refs, &reads().ownerships, &reads().conversions,
                         &reads().commissions});
        ids_ = std::move(customers);
        is_bounded_ = is_bounded;
        read_aliases();
        read_transactions(hypothetical);
        if (!large_.empty()) {
            usual.close();
            snapshot.close();
            return {};
        }
        read_anonymous_news();
        read_customers();
        read_clicks();
        read_disputes();
        if (names_accounts_) read_accounts();
        if (rulebook_.has_overrides) read_overrides();
        read_ownerships();
        read_conversions();
        read_commissions();
        if (has_refund_without_reference_) read_matches();
        usual.close();
        snapshot.close();
        return finish();
    }
    const std::set<std::string> &large() const noexcept { return large_; }

private:
    CaseFile *file(const std::string &customer, int program_no) {
        auto const canonical = canonical_.find(customer);
        auto const program = rulebook_.programs.find(program_no);
        if (canonical == canonical_.end() || program == rulebook_.programs.end()) return nullptr;
        auto const [it, inserted] = files_.try_emplace({canonical->second, program_no});
        if (inserted) {
            it->second.customer_id = canonical->second;
            it->second.transactions.reserve(8); // of most customers all
            it->second.program = &program->second;
        }
        return &it->second;
    }
    int program_no(const std::string &program_id) const {
        auto const it = rulebook_.program_by_id.find(program_id);
        return it == rulebook_.program_by_id.end() ? 0 : it->second;
    }

    void read_aliases() {
        std::vector<std::string> found;
        reads().aliases.each(ids_, [&](const Row &row) {
            if (canonical_.try_emplace(row.text(0), row.text(1)).second) found.push_back(row.text(0));
            aliases_[row.text(1)].push_back(row.text(0));
        });
        ids_.insert(ids_.end(), found.begin(), found.end());
    }

    static TransactionState state(const Row &row, const Rulebook &rulebook) {
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

    void add(CaseFile &file, TransactionState s) {
        has_reports_ = has_reports_ || s.version > 0;
        names_accounts_ = names_accounts_ || !s.original_challenge_id.empty();
        if (s.effect == Effect::refund || s.effect == Effect::chargeback || s.effect == Effect::correction) {
            if (s.original_transaction_id.empty()) has_refund_without_reference_ = true;
        } else {
            sale_files_[s.transaction_id] = &file;
        }
        if (!s.click_id.empty()) named_clicks_[s.click_id].push_back(&file);
        file.transactions.push_back(std::move(s));
    }

    void read_transactions(Datum hypothetical) {
        auto const read = [this](const Row &row) {
            CaseFile *const found = file(row.text(0), program_no(row.text(1)));
            if (found == nullptr) return true;
            if (is_bounded_ && found->transactions.size() >= kLargeCaseFile) {
                large_.insert(found->customer_id);
                return false;
            }
            add(*found, state(row, rulebook_));
            return true;
        };
        reads().transactions.each(ids_, read);
        if (hypothetical != 0) {
            Rows rows = reads().hypothetical.read({hypothetical});
            for (std::uint64_t i = 0; i < rows.size(); ++i) read(rows[i]);
        }
        if (has_reports_) reads().reports.each(ids_, read);
        for (const auto &[id, unused] : sale_files_) sale_ids_.push_back(id);
    }

    void read_anonymous_news() {
        std::unordered_map<std::string, CaseFile *> followers;
        reads().anonymous.each(sale_ids_, [&](const Row &row) {
            TransactionState news = state(row, rulebook_);
            CaseFile *const found = sale_files_[news.original_transaction_id];
            if (news.version > 0) followers[news.transaction_id] = found;
            found->transactions.push_back(std::move(news));
        });
        std::vector<std::string> ids;
        for (const auto &[id, unused] : followers) ids.push_back(id);
        reads().anonymous_reports.each(ids, [&](const Row &row) {
            followers[row.text(2)]->transactions.push_back(state(row, rulebook_));
        });
    }

    void read_customers() {
        bool has_history = false;
        auto const read = [&](const Row &row) {
            CaseFile *const found = file(row.text(0), program_no(row.text(1)));
            if (found == nullptr) return;
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
            has_history = has_history || s.version > 0;
            if (!s.click_id.empty()) named_clicks_[s.click_id].push_back(found);
            found->customer.push_back(std::move(s));
        };
        reads().customers.each(ids_, read);
        if (has_history) reads().customer_reports.each(ids_, read);
    }

    /// A customer registers in one program; what is known of him holds in the others that he buys from, too (W11). His
    /// registration and what it declared do not.
    void spread_customers() {
        std::vector<std::pair<const CaseFile *, std::vector<CustomerState>>> homes;
        for (const auto &[key, found] : files_)
            if (!found.customer.empty()) homes.emplace_back(&found, found.customer);
        for (auto &[home, states] : homes)
            for (auto &[key, found] : files_) {
                if (&found == home || key.first != home->customer_id) continue;
                for (CustomerState s : states) {
                    s.signup_at.reset();
                    s.declared_affiliate.clear();
                    s.campaign_id.clear();
                    s.click_id.clear();
                    s.coupon_codes.clear();
                    found.customer.push_back(std::move(s));
                }
            }
    }

    void add_click(CaseFile &file, const Row &row) {
        for (const Click &known : file.clicks)
            if (known.click_id == row.text(1)) return;
        Click click;
        click.click_id = row.text(1);
        click.clicked_at = *row.time(6);
        click.recorded_at = *row.time(7);
        click.is_test = row.boolean(8);
        click.wrong_program = program_no(row.text(2)) != file.program->no;
        if (auto const it = rulebook_.links.find(row.text(3)); it != rulebook_.links.end()) {
            click.affiliate_no = it->second.affiliate_no;
            click.campaign_no = it->second.campaign_no;
            click.traffic_source = it->second.traffic_source;
            click.wrong_program = click.wrong_program || it->second.program_no != file.program->no;
        } else if (const Affiliate *named = rulebook_.affiliate_named(row.text(4)); named != nullptr) {
            click.affiliate_no = named->no;
        }
        if (!row.is_null(5))
            if (auto const it = rulebook_.campaign_by_id.find({file.program->no, row.text(5)});
                it != rulebook_.campaign_by_id.end())
                click.campaign_no = it->second;
        file.clicks.push_back(std::move(click));
    }

    void read_clicks() {
        reads().clicks.each(ids_, [&](const Row &row) {
            if (CaseFile *found = file(row.text(0), program_no(row.text(2)))) add_click(*found, row);
        });
        std::unordered_map<std::string, std::vector<std::string>> customers_of; // by visitor
        reads().visitors.each(ids_, [&](const Row &row) { customers_of[row.text(1)].push_back(row.text(0)); });
        std::vector<std::string> visitors, click_ids;
        for (const auto &[visitor, unused] : customers_of) visitors.push_back(visitor);
        reads().visitor_clicks.each(visitors, [&](const Row &row) {
            for (const std::string &customer : customers_of[row.text(0)])
                if (CaseFile *found = file(customer, program_no(row.text(2)))) add_click(*found, row);
        });
        for (const auto &[id, unused] : named_clicks_) click_ids.push_back(id);
        reads().named_clicks.each(click_ids, [&](const Row &row) {
            for (CaseFile *found : named_clicks_[row.text(1)]) add_click(*found, row);
        });
    }

    static DisputeState dispute(const Row &row, std::string transaction_id) {
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

    void read_disputes() {
        std::unordered_map<std::string, std::string> transaction_of; // by dispute
        auto const add_dispute = [&](const Row &row, const std::string &transaction_id) {
            DisputeState s = dispute(row, transaction_id);
            transaction_of[s.dispute_id] = transaction_id;
            sale_files_[transaction_id]->disputes.push_back(std::move(s));
        };
        reads().disputes.each(sale_ids_, [&](const Row &row) { add_dispute(row, row.text(0)); });
        std::map<std::vector<std::string>, std::string> refs; // (external id, source, kind) -> transaction
        reads().refs.each(sale_ids_, [&](const Row &row) {
            refs[{row.text(1), row.text(2), row.text(3)}] = row.text(0);
        });
        std::vector<std::string> external_ids, dispute_ids;
        for (const auto &[ref, unused] : refs) external_ids.push_back(ref.front());
        external_ids.erase(std::unique(external_ids.begin(), external_ids.end()), external_ids.end());
        reads().ref_disputes.each(external_ids, [&](const Row &row) {
            auto const it = refs.find({row.text(11), row.text(9), row.text(10)});
            if (it != refs.end() && row.is_null(0)) add_dispute(row, it->second);
        });
        for (const auto &[id, unused] : transaction_of) dispute_ids.push_back(id);
        reads().dispute_reports.each(dispute_ids, [&](const Row &row) {
            const std::string &transaction_id = transaction_of[row.text(1)];
            sale_files_[transaction_id]->disputes.push_back(dispute(row, transaction_id));
        });
    }

    void read_accounts() {
        reads().accounts.each(ids_, [&](const Row &row) {
            for (auto &[key, found] : files_)
                if (key.first == canonical_[row.text(0)]) found.accounts.push_back({row.text(1), row.text(2)});
        });
    }

    void read_overrides() {
        reads().overrides.each(ids_, [&](const Row &row) {
            if (CaseFile *found = file(row.text(0), row.integer(1)))
                found->overrides.push_back({row.integer(2), row.integer(3), row.text(4), *row.time(5), *row.time(6),
                                            row.text(7) == "claw_back"});
        });
    }

    void read_matches() {
        reads().matches.each(ids_, [&](const Row &row) {
            for (auto &[key, found] : files_)
                if (key.first == canonical_[row.text(0)]) found.refund_matches.push_back({row.text(1), row.text(2)});
        });
    }

    void read_ownerships() {
        reads().ownerships.each(ids_, [&](const Row &row) {
            if (CaseFile *found = file(row.text(0), row.integer(1)))
                found->ownerships.push_back({row.text(2), row.integer(3), row.integer(4), *row.time(5), *row.time(6),
                                             *row.time(7), row.boolean(8), row.text(9), row.small(10)});
        });
    }

    void read_conversions() {
        reads().conversions.each(ids_, [&](const Row &row) {
            CaseFile *const found = file(row.text(0), row.integer(1));
            if (found == nullptr) return;
            ConversionRow c;
            c.transaction_id = row.text(2);
            c.registration = row.text(3) == "registration";
            std::string const state = row.text(4);
            for (ConversionState const s : {ConversionState::pending, ConversionState::waiting, ConversionState::counted,
                                            ConversionState::void_})
                if (state == name(s)) c.state = s;
            c.affiliate_no = row.integer(5);
            std::string const method = row.text(6);
            for (int m = 0; m < static_cast<int>(Method::none); ++m)
                if (method == name(static_cast<Method>(m))) c.method = static_cast<Method>(m);
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
            found->conversions.push_back(std::move(c));
        });
    }

    void read_commissions() {
        reads().commissions.each(ids_, [&](const Row &row) {
            CaseFile *const found = file(row.text(0), row.integer(1));
            if (found == nullptr) return;
            CommissionRow c;
            c.subject_id = row.text(2);
            c.registration = row.text(3) == "registration";
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
            found->commissions.push_back(std::move(c));
        });
    }

    /// By id and version, as the index mostly gave them already: then moving each would be the most of it.
    template <class State> static void sort_states(std::vector<State> &states, std::string State::*id) {
        auto const is_before = [id](const State &a, const State &b) {
            return a.*id != b.*id ? a.*id < b.*id : a.version < b.version;
        };
        if (!std::is_sorted(states.begin(), states.end(), is_before)) std::sort(states.begin(), states.end(), is_before);
    }

    std::vector<CaseFile> finish() {
        for (auto &[key, found] : files_) {
            sort_states(found.transactions, &TransactionState::transaction_id);
            sort_states(found.disputes, &DisputeState::dispute_id);
            sort_states(found.customer, &CustomerState::customer_id);
            date_customer_states(found.customer);
            if (auto const it = aliases_.find(found.customer_id); it != aliases_.end()) found.aliases = it->second;
        }
        if (rulebook_.programs.size() > 1) spread_customers();
        std::vector<CaseFile> result;
        result.reserve(files_.size());
        for (auto &[key, found] : files_) result.push_back(std::move(found));
        return result;
    }

    const Rulebook &rulebook_;
    std::vector<std::string> ids_; ///< the customers and all their aliases
    std::unordered_map<std::string, std::string> canonical_;
    std::unordered_map<std::string, std::vector<std::string>> aliases_;
    std::map<std::pair<std::string, int>, CaseFile> files_;
    std::unordered_map<std::string, CaseFile *> sale_files_;
    std::unordered_map<std::string, std::vector<CaseFile *>> named_clicks_;
    std::vector<std::string> sale_ids_;
    std::set<std::string> large_;
    bool is_bounded_ = false, has_reports_ = false, names_accounts_ = false, has_refund_without_reference_ = false;
};

class StoredPositions : public Positions {
public:
    int counted(int program_no, int affiliate_no, int ladder_no, Time window_start) override {
        return read(program_no, affiliate_no, "ladder", ladder_no, window_start).first;
    }
    Decimal used(int program_no, int affiliate_no, int rule_no, Time window_start) override {
        return read(program_no, affiliate_no, "cap", rule_no, window_start).second;
    }

private:
    using Value = std::pair<int, Decimal>;
    const Value &read(int program_no, int affiliate_no, const char *kind, int scope_no, Time window_start) {
        auto const [it, inserted] = known_.try_emplace({program_no, affiliate_no, kind, scope_no, window_start});
        if (inserted) {
            Rows rows = reads().positions.read({Int32GetDatum(program_no), Int32GetDatum(affiliate_no), make_text(kind),
                                                  Int32GetDatum(scope_no), TimestampTzGetDatum(window_start)});
            if (rows.size() > 0) it->second = {rows[0].integer(0), rows[0].decimal(1).value_or(Decimal{})};
        }
        return it->second;
    }
    std::map<std::tuple<int, int, std::string, int, Time>, Value> known_;
};

} // namespace

std::vector<CaseFile> gather(const std::vector<std::string> &customers, const Rulebook &rulebook, Datum hypothetical,
                             std::vector<std::string> *large) {
    Gathering gathering(rulebook, customers);
    std::vector<CaseFile> files = gathering.run(customers, hypothetical, large != nullptr);
    if (gathering.large().empty()) return files;
    large->insert(large->end(), gathering.large().begin(), gathering.large().end());
    std::vector<std::string> rest;
    std::copy_if(customers.begin(), customers.end(), std::back_inserter(rest),
                 [&](const std::string &id) { return gathering.large().count(id) == 0; });
    return gather(rest, rulebook, hypothetical, large);
}

std::vector<std::string> canonical_customers(std::vector<std::string> customers) {
    std::unordered_map<std::string, std::string> canonical;
    FreshSnapshot snapshot;
    reads().canonical.each(customers, [&](const Row &row) { canonical[row.text(0)] = row.text(1); });
    snapshot.close();
    if (!canonical.empty())
        for (std::string &id : customers)
            if (auto const it = canonical.find(id); it != canonical.end()) id = it->second;
    std::sort(customers.begin(), customers.end());
    customers.erase(std::unique(customers.begin(), customers.end()), customers.end());
    customers.erase(std::remove(customers.begin(), customers.end(), std::string()), customers.end());
    return customers;
}

std::unique_ptr<Positions> stored_positions() { return std::make_unique<StoredPositions>(); }

} // namespace affiliate::pg
