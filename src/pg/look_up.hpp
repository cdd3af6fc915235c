// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "pg/rulebook.hpp"

namespace affiliate::pg {

/// When something about relations was looked up: it holds until one of them may have been replaced or altered.
class LookUp {
public:
    /// Calls f() unless what it found the last time holds. After an error, or a change that arrives meanwhile, the next call
    /// looks again.
    template <class F> void renew(F f) {
        std::uint64_t const generation = relation_generation();
        if (generation_ == generation) return;
        f();
        generation_ = generation;
    }

private:
    std::uint64_t generation_ = 0;
};

} // namespace affiliate::pg
