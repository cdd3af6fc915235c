// SPDX-License-Identifier: PostgreSQL
#include "pg/calendar.hpp"
#include "pg/query.hpp"
#include "pg/relation_lock.hpp"
#include "pg/rulebook.hpp"
#include "pg/slots.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace affiliate::core;

struct Cache {
    std::shared_ptr<CompiledRulebook> rulebook;
    std::uint64_t generation = 0; ///< of the state that it shows
};

/// One per backend, never destroyed.
Cache &cache() {
    static Cache *const one = new Cache;
    return *one;
}
std::uint64_t generation = 1;
std::uint64_t relations = 1; ///< counts invalidations of any table
Oid signal_relation = InvalidOid; ///< affiliate.program: triggers on the rulebook invalidate its relcache entry

void on_relcache_invalidation(Datum, Oid relation) noexcept {
    ++relations;
    if (relation == InvalidOid || relation == signal_relation || signal_relation == InvalidOid) ++generation;
}

/// Locks the one table that a statement of load() reads; throws where a firm's statement would have to wait.
void lock_table_of(std::string_view statement) {
    constexpr std::string_view kFrom = "FROM affiliate.";
    std::string const rest(statement.substr(statement.find(kFrom) + kFrom.size()));
    std::string const table = rest.substr(0, rest.find_first_of(" )"));
    const char *const name = table.c_str();
    bool const is_locked = call([name] {
        Oid const relation = our_relation(name);
        return !OidIsValid(relation) || take_lock(relation, AccessShareLock);
    });
    if (!is_locked) refuse_to_wait();
}

/// Reads all rows of a rulebook table in the latest snapshot, own uncommitted changes included.
template <class F> void each(const char *statement, F f) {
    lock_table_of(statement);
    int const result = call([statement] { return SPI_execute(statement, true, 0); });
    if (result != SPI_OK_SELECT) throw core::Error("XX000", "the rulebook cannot be read", statement);
    Rows rows(SPI_tuptable, SPI_processed);
    for (std::uint64_t i = 0; i < rows.size(); ++i) f(rows[i]);
    SPITupleTable *const table = SPI_tuptable;
    call([table] { SPI_freetuptable(table); });
}

bool has_table(const char *name) {
    return call([name] { return OidIsValid(our_relation(name)); });
}

Time time_or(const Row &row, int column, Time fallback) { return row.time(column).value_or(fallback); }

LaterTouch later_touch(const std::string &text) {
    return text == "this_order" ? LaterTouch::this_order
           : text == "move"     ? LaterTouch::move
           : text == "nobody"   ? LaterTouch::nobody
                                : LaterTouch::keep;
}
AffiliateStatus affiliate_status(const std::string &text) {
    return text == "pending"      ? AffiliateStatus::pending
           : text == "suspended"  ? AffiliateStatus::suspended
           : text == "terminated" ? AffiliateStatus::terminated
                                  : AffiliateStatus::active;
}
Effect effect_named(const std::string &text) {
    return text == "refund"       ? Effect::refund
           : text == "chargeback" ? Effect::chargeback
           : text == "credit"     ? Effect::credit
           : text == "correction" ? Effect::correction
           : text == "cost"       ? Effect::cost
                                  : Effect::sale;
}
SaleKind sale_kind(const std::string &text) {
    for (int i = 0; i <= static_cast<int>(SaleKind::other); ++i)
        if (text == name(static_cast<SaleKind>(i))) return static_cast<SaleKind>(i);
    return SaleKind::other;
}
Status status_named(const std::string &text) {
    static constexpr const char *kNames[] = {"pending",  "completed",  "failed",      "cancelled", "refunded",
                                             "refund_failed", "disputed", "chargeback", "dispute_won", "reinstated"};
    for (std::size_t i = 0; i < std::size(kNames); ++i)
        if (text == kNames[i]) return static_cast<Status>(i);
    return Status::pending;
}
Rounding rounding_named(const std::string &text) {
    return text == "half_even" ? Rounding::half_even
           : text == "down"    ? Rounding::down
           : text == "up"      ? Rounding::up
                               : Rounding::half_up;
}

void load_programs(Rulebook &book) {
    each("SELECT version FROM affiliate.schema_version ORDER BY installed_at DESC, version DESC LIMIT 1",
         [&](const Row &row) { book.schema_version = row.text(0); });
    each("SELECT currency, exponent FROM affiliate.currency",
         [&](const Row &row) { book.currencies[row.text(0)] = row.small(1); });
    each("SELECT program_no, program_id, currency, time_zone, default_plan_id, precedence, click_choice, later_coupon,"
         " later_click, click_window, lead_window, window_end, bind_at, bind_purchase, ownership_kind, ownership_window,"
         " ownership_rebind, ownership_restart_rule, count_ladder_unit, plan_change, late_grace, commission_from,"
         " on_dispute_opened, cooling_off, success_bonus_reasons, success_bonus_refund, ladder_reversal,"
         " zero_amount_counts, upgrade_counts, chargeback_reasons FROM affiliate.program",
         [&](const Row &row) {
             Program program;
             program.no = row.integer(0);
             program.id = row.text(1);
             program.currency = row.text(2);
             if (auto const it = book.currencies.find(program.currency); it != book.currencies.end())
                 program.exponent = it->second;
             program.calendar = make_calendar(row.text(3));
             program.default_plan = row.text(4);
             for (const std::string &word : row.texts(5)) program.precedence.push_back(method_named(word));
             program.first_click = row.text(6) == "first";
             program.later_coupon = later_touch(row.text(7));
             program.later_click = later_touch(row.text(8));
             program.click_window = *row.duration(9);
             program.lead_window = *row.duration(10);
             std::string const end = row.text(11);
             program.window_end = end == "end_of_day"          ? WindowEnd::end_of_day
                                  : end == "instant_inclusive" ? WindowEnd::instant_inclusive
                                                               : WindowEnd::instant_exclusive;
             program.bind_at_registration = row.text(12) == "registration";
             program.bind_number_one_only = row.text(13) == "number_one";
             std::string const kind = row.text(14);
             program.ownership_kind = kind == "rolling"       ? OwnershipKind::rolling
                                      : kind == "lifetime"    ? OwnershipKind::lifetime
                                      : kind == "per_account" ? OwnershipKind::per_account
                                                              : OwnershipKind::fixed;
             program.ownership_window = *row.duration(15);
             program.ownership_rebind = row.boolean(16);
             program.ownership_restart_rule = row.integer(17);
             program.ladder_counts_orders = row.text(18) == "orders";
             program.plan_by_customer = row.text(19) == "new_customers";
             program.late_grace = *row.duration(20);
             program.commission_from = time_or(row, 21, kBeginning);
             program.reverse_on_dispute_opened = row.text(22) == "reverse";
             program.cooling_off = *row.duration(23);
             program.success_bonus_reasons = row.texts(24);
             program.reverse_success_bonus = row.text(25) == "reverse";
             program.ladder_ignores_reversals = row.text(26) == "ignore";
             program.zero_amount_counts = row.boolean(27);
             std::string const upgrade = row.text(28);
             program.upgrade_counts = upgrade == "new_purchase" ? UpgradeCounts::new_purchase
                                      : upgrade == "none"       ? UpgradeCounts::none
                                                                : UpgradeCounts::delta;
             program.chargeback_reasons = row.texts(29);
             book.program_by_id[program.id] = program.no;
             book.programs[program.no] = std::move(program);
         });
}

void load_affiliates(Rulebook &book) {
    each("SELECT affiliate_no, affiliate_id, affiliate_group, partner_type, country, initial_status, own_customer_ids,"
         " payment_fingerprints FROM affiliate.affiliate",
         [&](const Row &row) {
             Affiliate affiliate;
             affiliate.no = row.integer(0);
             affiliate.id = row.text(1);
             affiliate.group = row.text(2);
             affiliate.partner_type = row.text(3);
             affiliate.country = row.text(4);
             affiliate.initial = affiliate_status(row.text(5));
             affiliate.own_customers = row.texts(6);
             affiliate.fingerprints = row.texts(7);
             book.affiliate_by_id[affiliate.id] = affiliate.no;
             book.affiliates[affiliate.no] = std::move(affiliate);
         });
    each("SELECT affiliate_no, valid_from, status FROM affiliate.affiliate_status ORDER BY affiliate_no, valid_from",
         [&](const Row &row) {
             book.affiliates[row.integer(0)].changes.push_back({*row.time(1), affiliate_status(row.text(2))});
         });
    each("SELECT affiliate_no, upline_no, level, valid_from, valid_until FROM affiliate.affiliate_upline",
         [&](const Row &row) {
             book.affiliates[row.integer(0)].uplines.push_back(
                 {row.integer(1), row.small(2), *row.time(3), *row.time(4)});
         });
    // An id that two sources use for different affiliates names nobody: a fact does not always tell its source.
    each("SELECT external_id, pg_catalog.min(affiliate_no) FROM affiliate.affiliate_alias GROUP BY external_id"
         " HAVING pg_catalog.count(DISTINCT affiliate_no) = 1",
         [&](const Row &row) { book.affiliate_by_alias[row.text(0)] = row.integer(1); });
    each("SELECT affiliate_no, program_no, kind, decided_at, up_to FROM affiliate.suspension_decision"
         " ORDER BY up_to",
         [&](const Row &row) {
             book.affiliates[row.integer(0)].suspension.push_back(
                 {row.integer(1), row.text(2) == "forfeit", *row.time(3), time_or(row, 4, kForever)});
         });
}

void load_touch_sources(Rulebook &book) {
    each("SELECT EXISTS (SELECT FROM affiliate.attribution_override)",
         [&](const Row &row) { book.has_overrides = row.boolean(0); });
    each("SELECT campaign_no, program_no, campaign_id, click_window, lead_window, ownership_window FROM affiliate.campaign",
         [&](const Row &row) {
             Campaign campaign{row.integer(0), row.integer(1), row.text(2),
                               {row.duration(3), row.duration(4), row.duration(5)}};
             book.campaign_by_id[{campaign.program_no, campaign.id}] = campaign.no;
             book.campaigns[campaign.no] = std::move(campaign);
         });
    each("SELECT program_no, traffic_source, click_window, lead_window, ownership_window FROM affiliate.traffic_source",
         [&](const Row &row) {
             book.traffic_sources[{row.integer(0), row.text(1)}] = {row.duration(2), row.duration(3), row.duration(4)};
         });
    each("SELECT link_id, program_no, affiliate_no, campaign_no, traffic_source FROM affiliate.link",
         [&](const Row &row) { book.links[row.text(0)] = {row.integer(1), row.integer(2), row.integer(3), row.text(4)}; });
    each("SELECT coupon_no, program_no, code_normalised, affiliate_no, campaign_no, discount_value, valid_from,"
         " valid_until, products, countries FROM affiliate.coupon",
         [&](const Row &row) {
             Coupon coupon;
             coupon.no = row.integer(0);
             coupon.program_no = row.integer(1);
             coupon.code = row.text(2);
             coupon.affiliate_no = row.integer(3);
             coupon.campaign_no = row.integer(4);
             coupon.discount = row.decimal(5).value_or(Decimal{});
             coupon.from = *row.time(6);
             coupon.until = *row.time(7);
             coupon.products = row.texts(8);
             coupon.countries = row.texts(9);
             book.coupons[{coupon.program_no, coupon.code}].push_back(std::move(coupon));
         });
    each("SELECT program_no, product_id, family, account_size, list_price FROM affiliate.product",
         [&](const Row &row) {
             book.products[{row.integer(0), row.text(1)}] = {row.text(2), row.decimal(3), row.decimal(4)};
         });
    each("SELECT transaction_type, effect, sale_kind, words FROM affiliate.transaction_type", [&](const Row &row) {
        TransactionType const type{row.text(0), effect_named(row.text(1)), sale_kind(row.text(2))};
        book.types[type.name] = type;
        for (const std::string &word : row.texts(3)) book.types.try_emplace(word, type);
    });
    each("SELECT status, effect FROM affiliate.transaction_status",
         [&](const Row &row) { book.statuses[row.text(0)] = status_named(row.text(1)); });
    // It came with 0.2.0. A sale between ALTER EXTENSION UPDATE and setup() stands, and is settled after it.
    if (has_table("event_type"))
        each("SELECT event_type, effect FROM affiliate.event_type", [&](const Row &row) {
            if (std::optional<EventKind> const kind = event_kind_named(row.text(1))) book.event_types[row.text(0)] = *kind;
        });
    each("SELECT from_currency, to_currency, valid_from, rate, source FROM affiliate.fx_rate"
         " ORDER BY from_currency, to_currency, valid_from",
         [&](const Row &row) {
             if (std::optional<Decimal> rate = row.decimal(3))
                 book.fx_rates[{row.text(0), row.text(1)}].push_back({*row.time(2), *rate, row.text(4)});
         });
}

PlanRule read_rule(const Row &row, const Program &program) {
    PlanRule rule;
    rule.no = row.integer(0);
    rule.sequence_no = row.integer(2);
    rule.group = row.text(3);
    rule.name = row.text(4);
    rule.transaction_types = row.texts(5);
    rule.condition = row.text(6);
    rule.amount = row.text(7);
    rule.level = row.small(8);
    rule.rounding = rounding_named(row.text(9));
    rule.scale = row.is_null(10) ? program.exponent : row.small(10);
    std::string const take_back = row.text(11), hold = row.text(12);
    rule.take_back = take_back == "proportional" ? TakeBack::proportional
                     : take_back == "keep"       ? TakeBack::keep
                                                 : TakeBack::recompute;
    rule.hold_kind = hold == "event" ? HoldKind::event : hold == "earlier" ? HoldKind::earlier : HoldKind::time;
    rule.hold = row.duration(13).value_or(0);
    rule.hold_until_type = row.text(14);
    rule.hold_until_kyc = row.text(15);
    rule.ladder_no = row.integer(16);
    rule.monthly_cap = row.decimal(17);
    for (const std::string &input : row.texts(18)) {
        rule.live_kyc = rule.live_kyc || input == "kyc_status";
        rule.live_sales_status = rule.live_sales_status || input == "sales_status";
    }
    return rule;
}

void load_plans(Rulebook &book) {
    std::map<int, std::pair<int, std::string>> plan_keys;
    each("SELECT plan_no, program_no, plan_id, version, valid_from FROM affiliate.plan ORDER BY valid_from",
         [&](const Row &row) {
             std::pair<int, std::string> key{row.integer(1), row.text(2)};
             book.plans[key].push_back({row.integer(0), row.integer(3), *row.time(4), {}});
             plan_keys[row.integer(0)] = key;
         });
    each("SELECT ladder_no, program_no, mode FROM affiliate.ladder", [&](const Row &row) {
        book.ladders[row.integer(0)] = {row.integer(0), row.integer(1), row.text(2) == "retroactive", {}};
    });
    each("SELECT ladder_no, band, from_position, rate, amount, label, ownership_window FROM affiliate.ladder_band"
         " ORDER BY ladder_no, from_position",
         [&](const Row &row) {
             Ladder &ladder = book.ladders[row.integer(0)];
             ladder.bands.push_back(
                 {row.small(1), row.integer(2), row.decimal(3), row.decimal(4), row.text(5), row.duration(6)});
             int &window_ladder = book.programs[ladder.program_no].window_ladder;
             if (ladder.bands.back().ownership_window && window_ladder == 0) window_ladder = ladder.no;
         });
    each("SELECT rule_no, plan_no, sequence_no, rule_group, name, transaction_types, condition, amount, level, rounding,"
         " scale, take_back, hold_kind, hold, hold_until_type, hold_until_kyc, ladder_no, monthly_cap, live_inputs"
         " FROM affiliate.plan_rule ORDER BY plan_no, sequence_no",
         [&](const Row &row) {
             auto const &key = plan_keys[row.integer(1)];
             Program &program = book.programs[key.first];
             PlanRule rule = read_rule(row, program);
             program.has_second_stage = program.has_second_stage || rule.second_stage();
             book.longest_hold = std::max(book.longest_hold, rule.hold);
             for (Plan &plan : book.plans[key])
                 if (plan.no == row.integer(1)) plan.rules.push_back(std::move(rule));
         });
    for (const auto &[key, versions] : book.plans)
        for (const Plan &plan : versions)
            for (const PlanRule &rule : plan.rules) {
                book.rules[rule.no] = &rule;
                book.plan_of_rule[rule.no] = plan.no;
            }
    each("SELECT agreement_no, program_no, affiliate_no, affiliate_group, plan_id, valid_from, valid_until,"
         " click_window, lead_window, ownership_window, termination_tail FROM affiliate.agreement ORDER BY valid_from",
         [&](const Row &row) {
             Agreement agreement;
             agreement.no = row.integer(0);
             agreement.program_no = row.integer(1);
             agreement.affiliate_no = row.integer(2);
             agreement.group = row.text(3);
             agreement.plan = row.text(4);
             agreement.from = *row.time(5);
             agreement.until = *row.time(6);
             agreement.windows = {row.duration(7), row.duration(8), row.duration(9)};
             agreement.termination_tail = row.duration(10).value_or(0);
             if (agreement.affiliate_no != 0)
                 book.agreements[{agreement.program_no, agreement.affiliate_no}].push_back(std::move(agreement));
             else book.group_agreements[{agreement.program_no, agreement.group}].push_back(std::move(agreement));
         });
}

Oid program_relation() {
    return call([] {
        Oid const schema = get_namespace_oid("affiliate", true);
        return OidIsValid(schema) ? get_relname_relid("program", schema) : InvalidOid;
    });
}

bool is_changed_here = false; ///< by the present transaction

// A commit can be seen a moment before its invalidations are sent. Its announcement stands from before it can be seen until
// after they were sent, since locks are released last: who finds none and then reads the messages misses nothing. Nor does a
// transaction on the rulebook that stays open keep anybody busy.
void on_transaction_event(XactEvent event, void *) {
    if (event == XACT_EVENT_PRE_COMMIT && is_changed_here) {
        boundary([] { return announce_rulebook_commit(), Datum{0}; });
    } else if (event == XACT_EVENT_PRE_PREPARE && is_changed_here) {
        boundary([]() -> Datum {
            throw core::Error("0A000", "cannot PREPARE a transaction that has changed the rulebook",
                              "Until it were committed, every statement in the database would read the rulebook anew.",
                              "Commit it in one phase.");
        });
    } else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT) {
        if (event == XACT_EVENT_ABORT && is_changed_here) ++generation;
        is_changed_here = false;
    }
}

// What was rolled back may have been read, and not every invalidation is repeated then: those of the last command are not.
void on_subtransaction_event(SubXactEvent event, SubTransactionId, SubTransactionId, void *) noexcept {
    if (event == SUBXACT_EVENT_ABORT_SUB && is_changed_here) ++generation;
}

void load() {
    signal_relation = program_relation();
    if (!OidIsValid(signal_relation))
        throw core::Error("AF090", "pg_affiliate is not set up in this database", {},
                    "Run SELECT affiliate.setup() as a superuser.");
    WaitAtMost const a_moment(NeverWait::applies() ? GetCurrentTimestamp() : 0); // for an index that is made anew
    std::uint64_t const seen = generation;
    auto const loaded = std::make_shared<CompiledRulebook>();
    AsOwner owner;
    call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    SpiSession session;
    load_programs(loaded->book);
    load_affiliates(loaded->book);
    load_touch_sources(loaded->book);
    load_plans(loaded->book);
    session.close();
    call([] { PopActiveSnapshot(); });
    owner.restore();
    cache() = {loaded, seen};
}

bool has_every_message() {
    call([] { AcceptInvalidationMessages(); });
    return cache().rulebook != nullptr && cache().generation == generation;
}

bool is_current() {
    bool const is_message_to_come = is_rulebook_commit_announced(); // asked before the messages are read
    return has_every_message() && !is_message_to_come;
}

} // namespace

void register_rulebook_cache() {
    CacheRegisterRelcacheCallback(
        [](Datum argument, Oid relation) { on_relcache_invalidation(argument, relation); }, Datum{0});
    RegisterXactCallback(on_transaction_event, nullptr);
    RegisterSubXactCallback(on_subtransaction_event, nullptr);
}

void rulebook_changed() {
    is_changed_here = true;
    call([] {
        Oid const relation = our_relation("program");
        if (OidIsValid(relation)) CacheInvalidateRelcacheByRelid(relation);
    });
}

std::shared_ptr<CompiledRulebook> rulebook() {
    // One reading is enough, even if it is out of date by the next call: it shows all that could be seen before it.
    if (!is_current()) load();
    return cache().rulebook;
}

std::shared_ptr<CompiledRulebook> rulebook_unless_locked() {
    if (is_current()) return cache().rulebook;
    ErrorData *error = nullptr;
    bool const is_read = try_in_subtransaction(
        [] {
            NeverWait const never_wait;
            load();
        },
        &error);
    if (is_read) return cache().rulebook;
    if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE) throw Error{error};
    return nullptr;
}

std::optional<std::string> only_program() {
    if (!has_every_message()) load();
    const core::Rulebook &book = cache().rulebook->book;
    return book.programs.size() == 1 ? std::optional(book.programs.begin()->second.id) : std::nullopt;
}

std::uint64_t relation_generation() noexcept { return relations; }

} // namespace affiliate::pg
