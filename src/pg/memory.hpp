// SPDX-License-Identifier: PostgreSQL
// Memory of the server's that objects of ours own.
#pragma once

#include <memory>
#include <type_traits>

#include "pg/postgres.hpp"

namespace affiliate::pg {

struct DeleteMemory {
    void operator()(MemoryContext context) const noexcept { MemoryContextDelete(context); }
};

/// A memory context that goes with its owner, an object that outlives transactions.
using Memory = std::unique_ptr<std::remove_pointer_t<MemoryContext>, DeleteMemory>;

} // namespace affiliate::pg
