// SPDX-License-Identifier: PostgreSQL
// The settings pg_affiliate.*; defined once per process by define_settings() from _PG_init.
#pragma once

#include <cstdint>

namespace affiliate::pg {

enum class Mode : int {
    on,    ///< settle inline
    queue, ///< only enqueue
    off,   ///< neither; reports are still recorded
};

Mode mode() noexcept;

/// Whether every commit that settles is forced to disk, whatever the client's synchronous_commit.
bool durable_commit() noexcept;

/// Milliseconds a statement may spend on settling inline. -1: the larger of 50 ms and the
/// statement's own run time so far; 0: unlimited.
int inline_budget_ms() noexcept;

/// The clock of decisions, in microseconds since 2000-01-01 UTC (TimestampTz): start of the client's
/// statement, or of the current transaction where a procedure has committed since; so it stands still
/// inside a statement. With the test clock pg_affiliate.now: that instant.
std::int64_t now_us() noexcept;

/// While one lives, now_us() is that instant: news that was kept is written as of when it arrived.
class ArrivedAt {
public:
    explicit ArrivedAt(std::int64_t at) noexcept;
    ~ArrivedAt();
    ArrivedAt(const ArrivedAt &) = delete;
    ArrivedAt &operator=(const ArrivedAt &) = delete;

private:
    std::int64_t at_;
    const std::int64_t *before_;
};

/// Whether pg_affiliate.now is set; health() shows it.
bool has_test_clock() noexcept;

void define_settings();

/// The version this library was built as. It settles only tables of the same version (POSTGRES.md 6).
const char *library_version() noexcept;

} // namespace affiliate::pg
