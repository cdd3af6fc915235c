// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "pg/relation_lock.hpp"
#include "pg/rulebook.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// A sequence of ours, looked up again where a relation was changed.
class Sequence {
public:
    explicit Sequence(const char *name) noexcept : name_(name) {}
    std::int64_t next() {
        if (generation_ != relation_generation()) look_up();
        Oid const sequence = oid_;
        return call([sequence] { return nextval_internal(sequence, false); });
    }

private:
    void look_up() {
        const char *const name = name_;
        oid_ = call([name] { return our_relation(name); });
        if (!OidIsValid(oid_)) throw core::Error("AF090", std::string("sequence \"affiliate.") + name_ + "\" is missing");
        generation_ = relation_generation();
    }

    const char *name_;
    Oid oid_ = InvalidOid;
    std::uint64_t generation_ = 0; ///< relation_generation() of the last look_up()
};

} // namespace affiliate::pg
