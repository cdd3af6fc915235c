// SPDX-License-Identifier: PostgreSQL
// Ids of facts, checked where nothing else sees each row: in the CHECKs of the tables.
#include <string>

#include "core/json.hpp"

#include "pg/convert.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kLongestId = 500; // bytes; an index entry may hold several

} // namespace

/// _is_id(value, what, may_be_empty): true, or an error that says what is wrong; a CHECK by itself could give no hint.
AFFILIATE_FUNCTION(affiliate_is_id) {
    Datum const value = PG_GETARG_DATUM(0);
    std::size_t const bytes = toast_raw_datum_size(value) - VARHDRSZ;
    bool const may_be_empty = PG_GETARG_BOOL(2);
    if (bytes <= kLongestId && (bytes > 0 || may_be_empty)) return BoolGetDatum(true);
    std::string const what = read_bytes(PG_GETARG_DATUM(1));
    if (bytes == 0) throw core::Error("AF018", what + " is empty", "It has no character.", "Ids have 1 to 500 bytes.");
    std::string const id = read_bytes(value);
    throw core::Error("AF018", what + " is too long",
                      "\"" + std::string(core::clipped(id, 40)) + "..\" has " + std::to_string(bytes) + " bytes.",
                      may_be_empty ? "It has at most 500 bytes." : "Ids have 1 to 500 bytes.");
}

} // namespace affiliate::pg
