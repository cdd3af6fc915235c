// SPDX-License-Identifier: PostgreSQL
#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>

#include "pg/case_row.hpp"
#include "pg/index_read.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace affiliate::core;

std::string joined(const Columns &columns) {
    std::string result;
    for (const char *column : columns) result += (result.empty() ? "" : ", ") + std::string(column);
    return result;
}

/// The reads of gather; one set per backend. Each is named after what it finds by what.
struct Reads {
    IndexRead aliases{"customer_alias", "customer_alias_canonical_idx", {"customer_id", "canonical_id"}};
    IndexRead canonical{"customer_alias", "customer_alias_pkey", {"customer_id", "canonical_id"}};
    IndexRead transactions{"transaction", "transaction_customer_idx", transaction_columns(), IndexRead::Lock::as_for_writing};
    IndexRead transaction_count{"transaction", "transaction_customer_idx", {}};
    IndexRead reports{"transaction_report", "transaction_report_pkey", transaction_columns()};
    // News about a sale that does not name the customer (W12).
    IndexRead anonymous{"transaction", "transaction_original_idx", transaction_columns()};
    IndexRead anonymous_reports{"transaction_report", "transaction_report_transaction_idx", transaction_columns()};
    IndexRead events{"event", "event_customer_idx", event_columns()};
    IndexRead anonymous_events{"event", "event_transaction_idx", event_columns()}; // that name their purchase only
    IndexRead customers{"customer", "customer_pkey", customer_columns()};
    IndexRead customer_reports{"customer_report", "customer_report_pkey", customer_columns()};
    IndexRead clicks{"click", "click_customer_idx", click_columns()};
    IndexRead visitors{"visitor_customer", "visitor_customer_pkey", {"customer_id", "visitor_id"}};
    IndexRead visitor_clicks{"click", "click_visitor_idx", click_columns()};
    IndexRead named_clicks{"click", "click_pkey", click_columns()};
    IndexRead disputes{"dispute", "dispute_transaction_idx", dispute_columns()};
    IndexRead refs{"transaction_ref", "transaction_ref_transaction_idx", {"transaction_id", "external_id", "source", "kind"}};
    IndexRead ref_disputes{"dispute", "dispute_ref_idx", dispute_columns()};
    IndexRead dispute_reports{"dispute_report", "dispute_report_pkey", dispute_columns()};
    IndexRead accounts{"account", "account_pkey", {"customer_id", "account_id", "challenge_id", "account_currency"}};
    IndexRead overrides{"attribution_override", "attribution_override_customer_idx",
                        {"customer_id", "program_no", "override_no", "affiliate_no", "transaction_id", "valid_from",
                         "valid_until", "paid_lines"}};
    IndexRead matches{"refund_match", "refund_match_pkey", {"customer_id", "transaction_id", "matched_transaction_id"}};
    IndexRead ownerships{"ownership", "ownership_pkey", ownership_columns(), IndexRead::Lock::as_for_writing};
    IndexRead conversions{"conversion", "conversion_pkey", conversion_columns(), IndexRead::Lock::as_for_writing};
    IndexRead commissions{"commission", "commission_pkey", commission_columns(), IndexRead::Lock::as_for_writing};
    std::string hypothetical_text = "SELECT " + joined(transaction_columns()) +
                                    " FROM pg_catalog.jsonb_populate_record(NULL::affiliate.transaction, $1)";
    Query hypothetical{hypothetical_text.c_str(), {JSONBOID}};
    Query positions{"SELECT counted, used FROM affiliate.affiliate_position WHERE program_no = $1 AND affiliate_no = $2"
                    " AND kind = $3 AND scope_no = $4 AND window_start = $5",
                    {INT4OID, INT4OID, TEXTOID, INT4OID, TIMESTAMPTZOID}};
};

Reads &reads() {
    static Reads *const all = new Reads;
    return *all;
}

constexpr std::size_t kWorthCounting = 16; // transactions that were read before the others are counted

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
        OpenReads usual({&reads().aliases, &reads().transactions, &reads().anonymous, &reads().events, &reads().anonymous_events,
                         &reads().customers, &reads().clicks, &reads().visitors, &reads().disputes, &reads().refs,
                         &reads().ownerships, &reads().conversions, &reads().commissions});
        ids_ = std::move(customers);
        is_bounded_ = is_bounded;
        read_aliases();
        read_transactions(hypothetical);
        read_events();
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

    void add(CaseFile &file, TransactionState s) {
        has_reports_ = has_reports_ || s.version > 0;
        names_accounts_ = names_accounts_ || !s.account_id.empty() || !s.original_account_id.empty() ||
                          !s.original_challenge_id.empty();
        if (s.effect == Effect::refund || s.effect == Effect::chargeback || s.effect == Effect::correction) {
            if (s.original_transaction_id.empty()) has_refund_without_reference_ = true;
            news_files_[s.transaction_id] = &file;
        } else {
            sale_files_[s.transaction_id] = &file;
        }
        if (!s.click_id.empty()) named_clicks_[s.click_id].push_back(&file);
        file.transactions.push_back(std::move(s));
    }

    /// Whether a case file with so many transactions turns out to be large; counted once some were read, so that it costs
    /// those nothing who have few.
    bool is_large(const CaseFile &file, const Row &row) {
        std::size_t const known = file.transactions.size();
        return known >= kLargeCaseFile ||
               (known == kWorthCounting && reads().transaction_count.has_more_than(row.text(0), kLargeCaseFile));
    }

    void read_transactions(Datum hypothetical) {
        auto const read = [this](const Row &row) {
            CaseFile *const found = file(row.text(0), program_no(row.text(1)));
            if (found == nullptr) return true;
            if (is_bounded_ && is_large(*found, row)) {
                large_.insert(found->customer_id);
                return false;
            }
            add(*found, read_transaction(row, rulebook_));
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
            TransactionState news = read_transaction(row, rulebook_);
            CaseFile *const found = sale_files_[news.original_transaction_id];
            if (news.version > 0) followers[news.transaction_id] = found;
            found->transactions.push_back(std::move(news));
        });
        std::vector<std::string> ids;
        for (const auto &[id, unused] : followers) ids.push_back(id);
        reads().anonymous_reports.each(ids, [&](const Row &row) {
            followers[row.text(2)]->transactions.push_back(read_transaction(row, rulebook_));
        });
    }

    void read_events() {
        auto const add_event = [this](CaseFile *found, const Row &row) {
            if (found == nullptr) return true;
            if (is_bounded_ && found->events.size() >= kLargeCaseFile) {
                large_.insert(found->customer_id);
                return false;
            }
            Event event = read_event(row, rulebook_);
            names_accounts_ = names_accounts_ || !event.challenge_id.empty() || !event.original_challenge_id.empty();
            found->events.push_back(std::move(event));
            return true;
        };
        reads().events.each(ids_, [&](const Row &row) { return add_event(file(row.text(0), program_no(row.text(1))), row); });
        reads().anonymous_events.each(sale_ids_, [&](const Row &row) { return add_event(sale_files_[row.text(5)], row); });
        // One that names a refund, say, is of no sale, but it is the customer's.
        std::vector<std::string> news_ids;
        for (const auto &[id, unused] : news_files_) news_ids.push_back(id);
        reads().anonymous_events.each(news_ids, [&](const Row &row) { return add_event(news_files_[row.text(5)], row); });
    }

    void read_customers() {
        bool has_history = false;
        auto const read = [&](const Row &row) {
            CaseFile *const found = file(row.text(0), program_no(row.text(1)));
            if (found == nullptr) return;
            CustomerState s = read_customer(row);
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
        file.clicks.push_back(read_click(row, *file.program, rulebook_));
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
            for (const std::string &customer : customers_of[row.text(9)])
                if (CaseFile *found = file(customer, program_no(row.text(2)))) add_click(*found, row);
        });
        for (const auto &[id, unused] : named_clicks_) click_ids.push_back(id);
        reads().named_clicks.each(click_ids, [&](const Row &row) {
            for (CaseFile *found : named_clicks_[row.text(1)]) add_click(*found, row);
        });
    }

    void read_disputes() {
        std::unordered_map<std::string, std::string> transaction_of; // by dispute
        auto const add_dispute = [&](const Row &row, const std::string &transaction_id) {
            DisputeState s = read_dispute(row, transaction_id);
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
            sale_files_[transaction_id]->disputes.push_back(read_dispute(row, transaction_id));
        });
    }

    void read_accounts() {
        reads().accounts.each(ids_, [&](const Row &row) {
            for (auto &[key, found] : files_)
                if (key.first == canonical_[row.text(0)]) found.accounts.push_back({row.text(1), row.text(2), row.text(3)});
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
                found->ownerships.push_back(read_ownership(row));
        });
    }

    void read_conversions() {
        reads().conversions.each(ids_, [&](const Row &row) {
            CaseFile *const found = file(row.text(0), row.integer(1));
            if (found == nullptr) return;
            found->conversions.push_back(read_conversion(row));
        });
    }

    void read_commissions() {
        reads().commissions.each(ids_, [&](const Row &row) {
            CaseFile *const found = file(row.text(0), row.integer(1));
            if (found == nullptr) return;
            found->commissions.push_back(read_commission(row));
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
            std::sort(found.events.begin(), found.events.end(),
                      [](const Event &a, const Event &b) { return a.event_id < b.event_id; });
            date_customer_states(found.customer);
            found.sort_posted();
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
    std::unordered_map<std::string, CaseFile *> sale_files_, news_files_; ///< by transaction
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
    if (rest.empty()) return {};
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
