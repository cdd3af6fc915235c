// SPDX-License-Identifier: PostgreSQL
// Opening tables of ours without ever waiting for a lock inside the firm's statement (POSTGRES.md 1).
#pragma once

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

/// Locks a table or index, inside of call(). False where it would have to wait and may not.
inline bool take_lock(Oid relation, LOCKMODE mode) {
    if (NeverWait::applies()) return ConditionalLockRelationOid(relation, mode);
    LockRelationOid(relation, mode);
    return true;
}

/// Where take_lock() was false: somebody is changing the table.
[[noreturn]] inline void refuse_to_wait() {
    throw core::Error("55P03", "a table of pg_affiliate is locked", {}, "The customer is queued and settled by the next drain.");
}

} // namespace affiliate::pg
