// SPDX-License-Identifier: PostgreSQL
// Opening tables of ours without ever waiting for a lock inside the firm's statement (POSTGRES.md 1).
#pragma once

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// While one lives, open_locked() fails instead of waiting.
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

/// Locks a table or index. Throws 55P03 where it would have to wait and may not: somebody is changing the table.
inline void lock_relation(Oid relation, LOCKMODE mode) {
    bool const may_wait = !NeverWait::applies();
    bool const is_locked = call([=] {
        if (!may_wait) return ConditionalLockRelationOid(relation, mode);
        LockRelationOid(relation, mode);
        return true;
    });
    if (!is_locked)
        throw core::Error("55P03", "a table of pg_affiliate is locked", {}, "The customer is queued and settled by the next drain.");
}

} // namespace affiliate::pg
