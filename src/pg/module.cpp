// SPDX-License-Identifier: PostgreSQL
// Loading of the library: magic, settings, registration of callbacks; version and clock for SQL.
#include "pg/settings.hpp"

#include <algorithm>
#include <climits>

#if __has_include("pg/rulebook.hpp")
#include "pg/rulebook.hpp"
#define AFFILIATE_HAS_RULEBOOK
#endif
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

#ifndef PG_AFFILIATE_VERSION
#error "the build must define PG_AFFILIATE_VERSION, the version in pg_affiliate.control"
#endif

extern "C" {
#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "pg_affiliate", .version = PG_AFFILIATE_VERSION);
#else
PG_MODULE_MAGIC;
#endif
}

namespace affiliate::pg {

namespace {

constinit int mode_setting = static_cast<int>(Mode::on);
constinit bool durable_commit_setting = false;
constinit int inline_budget_setting = -1;
constinit char *now_setting = nullptr;
constinit bool test_clock_set = false;
constinit TimestampTz test_clock = 0;
constinit const TimestampTz *arrival = nullptr;

constexpr config_enum_entry mode_options[] = {
    {"on", static_cast<int>(Mode::on), false},
    {"queue", static_cast<int>(Mode::queue), false},
    {"off", static_cast<int>(Mode::off), false},
    {nullptr, 0, false},
};

/// Decodes `text`, with its own zone or, where `zone` is nullptr, without any. False if it is no
/// finite time. As check_recovery_target_time in the server, so it does not ereport.
bool decode(const char *text, int *zone, TimestampTz *at) noexcept {
    char buffer[MAXDATELEN + MAXDATEFIELDS];
    char *field[MAXDATEFIELDS];
    int ftype[MAXDATEFIELDS];
    int count = 0;
    int dtype = 0;
    pg_tm tm;
    fsec_t fsec = 0;
    if (ParseDateTime(text, buffer, sizeof buffer, field, ftype, MAXDATEFIELDS, &count) != 0 ||
        decode_date_time(field, ftype, count, &dtype, &tm, &fsec, zone) != 0 || dtype != DTK_DATE)
        return false;
    int utc = 0;
    return tm2timestamp(&tm, fsec, zone != nullptr ? zone : &utc, at) == 0;
}

/// The time in UTC, in digits. A parallel worker reads settings before it has any abbreviation of a time zone, and a letter
/// makes it look for one in memory that was freed.
bool write_in_digits(TimestampTz at, char **value) noexcept {
    char text[MAXDATELEN + 1];
    pg_tm tm;
    fsec_t fsec = 0;
    if (timestamp2tm(at, nullptr, &tm, &fsec, nullptr, nullptr) != 0 || tm.tm_year < 1)
        return false;
    tm.tm_isdst = 0; // it has an offset: none
    EncodeDateTime(&tm, fsec, true, 0, nullptr, USE_ISO_DATES, text);
    return replace_setting(value, text);
}

extern "C" {

static bool check_now(char **value, void **extra, GucSource) noexcept {
    if ((*value)[0] == '\0')
        return true;
    TimestampTz at = 0;
    int zone = 0;
    if ((!decode(*value, nullptr, &at) && !decode(*value, &zone, &at)) || !write_in_digits(at, value)) {
        GUC_check_errdetail("It must be a time such as \"2025-03-01 12:00:00+00\"; without a zone "
                            "it is taken as UTC.");
        return false;
    }
    *extra = guc_extra(sizeof at);
    if (*extra == nullptr)
        return false;
    *static_cast<TimestampTz *>(*extra) = at;
    return true;
}

static void assign_now(const char *, void *extra) noexcept {
    test_clock_set = extra != nullptr;
    test_clock = test_clock_set ? *static_cast<TimestampTz *>(extra) : 0;
}
}

} // namespace

Mode mode() noexcept { return static_cast<Mode>(mode_setting); }

bool durable_commit() noexcept { return durable_commit_setting; }

int inline_budget_ms() noexcept { return inline_budget_setting; }

bool has_test_clock() noexcept { return test_clock_set; }

ArrivedAt::ArrivedAt(std::int64_t at) noexcept : at_(at), before_(arrival) { arrival = &at_; }

ArrivedAt::~ArrivedAt() { arrival = before_; }

std::int64_t now_us() noexcept {
    if (arrival != nullptr)
        return *arrival;
    if (test_clock_set)
        return test_clock;
    // After a COMMIT inside a procedure only the transaction's start moves on.
    return std::max(GetCurrentStatementStartTimestamp(), GetCurrentTransactionStartTimestamp());
}

void define_settings() {
    DefineCustomEnumVariable(
        "pg_affiliate.mode", "What a write to a tracked table does about commissions.",
        "on: settle at once; queue: only enqueue; off: neither. Reports are recorded always.",
        &mode_setting, static_cast<int>(Mode::on), mode_options, PGC_SUSET, 0, nullptr, nullptr,
        nullptr);
    DefineCustomBoolVariable(
        "pg_affiliate.durable_commit",
        "Forces commits that settle to disk, whatever synchronous_commit says.", nullptr,
        &durable_commit_setting, false, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_affiliate.inline_budget",
        "Time that a statement may spend on settling; the rest is queued.",
        "-1: the larger of 50 ms and the statement's own run time so far; 0: unlimited.",
        &inline_budget_setting, -1, -1, INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomStringVariable(
        "pg_affiliate.now", "The clock of decisions, for tests only.",
        "A time with its zone (UTC where it has none); empty: the real time.", &now_setting, "",
        PGC_SUSET, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_AUTO_FILE, check_now, assign_now, nullptr);
    MarkGUCPrefixReserved("pg_affiliate");
}

} // namespace affiliate::pg

extern "C" PGDLLEXPORT void _PG_init(void) {
    affiliate::pg::define_settings();
    // The one place where parts of the library register their callbacks.
#ifdef AFFILIATE_HAS_RULEBOOK
    affiliate::pg::register_rulebook_cache();
#endif
}

const char *affiliate::pg::library_version() noexcept { return PG_AFFILIATE_VERSION; }

AFFILIATE_FUNCTION(affiliate_version) {
    return affiliate::pg::call([] { return CStringGetTextDatum(PG_AFFILIATE_VERSION); });
}

AFFILIATE_FUNCTION(affiliate_now) { return TimestampTzGetDatum(affiliate::pg::now_us()); }
