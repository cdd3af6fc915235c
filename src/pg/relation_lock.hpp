// SPDX-License-Identifier: PostgreSQL
// Opening tables of ours without ever waiting for a lock inside the firm's statement (POSTGRES.md 1).
#pragma once

#include <algorithm>
#include <climits>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// While one lives, take_lock() fails instead of waiting.
class NeverWait {
public:
    NeverWait() noexcept { ++depth; }
    ~NeverWait() { --depth; }
    NeverWait(const NeverWait &) = delete;
    NeverWait &operator=(const NeverWait &) = delete;
    static bool applies() noexcept { return depth > 0; }

private:
    static inline int depth = 0;
};

/// A relation of ours, inside of call(); InvalidOid where there is none.
inline Oid our_relation(const char *name) { return get_relname_relid(name, get_namespace_oid("affiliate", false)); }

/// Locks a table or index, inside of call(). False where it would have to wait and may not.
inline bool take_lock(Oid relation, LOCKMODE mode) {
    if (NeverWait::applies()) return ConditionalLockRelationOid(relation, mode);
    LockRelationOid(relation, mode);
    return true;
}

/// The net below all locks that nobody foresaw: while one lives, lock_timeout is no longer than the rest of the budget
/// (POSTGRES.md 1). The setting's variable itself, since a change through the settings walks all there are to undo it.
class WaitAtMost {
public:
    explicit WaitAtMost(TimestampTz deadline) noexcept {
        if (deadline == 0) return;
        int const left = static_cast<int>(std::clamp<TimestampTz>((deadline - GetCurrentTimestamp()) / 1000, 1, INT_MAX));
        LockTimeout = before_ == 0 ? left : std::min(before_, left);
    }
    ~WaitAtMost() { LockTimeout = before_; }
    WaitAtMost(const WaitAtMost &) = delete;
    WaitAtMost &operator=(const WaitAtMost &) = delete;

private:
    int before_ = LockTimeout;
};

/// While one lives, there is no lock_timeout.
class WaitAsLongAsItTakes {
public:
    WaitAsLongAsItTakes() noexcept { LockTimeout = 0; }
    ~WaitAsLongAsItTakes() { LockTimeout = before_; }
    WaitAsLongAsItTakes(const WaitAsLongAsItTakes &) = delete;
    WaitAsLongAsItTakes &operator=(const WaitAsLongAsItTakes &) = delete;

private:
    int before_ = LockTimeout;
};

/// Where take_lock() was false: somebody is changing the table.
[[noreturn]] inline void refuse_to_wait() {
    throw core::Error("55P03", "a table of pg_affiliate is locked", {}, "The customer is queued and settled by the next drain.");
}

} // namespace affiliate::pg
