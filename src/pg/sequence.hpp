// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "pg/look_up.hpp"
#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// A sequence of ours, looked up again where a relation was changed.
class Sequence {
public:
    explicit Sequence(const char *name) noexcept : name_(name) {}
    std::int64_t next() {
        look_up_.renew([this] { find(); });
        Oid const sequence = oid_;
        return call([sequence] { return nextval_internal(sequence, false); });
    }

private:
    void find() {
        const char *const name = name_;
        oid_ = call([name] { return our_relation(name); });
        if (!OidIsValid(oid_)) throw core::Error("AF090", std::string("sequence \"affiliate.") + name_ + "\" is missing");
    }

    const char *name_;
    Oid oid_ = InvalidOid;
    LookUp look_up_;
};

} // namespace affiliate::pg
