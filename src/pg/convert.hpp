// SPDX-License-Identifier: PostgreSQL
// Between Datums and the values of the core. Readers copy: nothing they return points into server memory, but for
// view_bytes().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/decimal.hpp"
#include "core/time.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// The bytes of a varlena value; detoasts where that is needed.
std::string read_bytes(Datum datum);
/// The same bytes where they are.
std::string_view view_bytes(Datum datum);
std::vector<std::string> read_text_array(Datum datum);
/// nullopt for NaN and infinities.
std::optional<core::Decimal> read_decimal(Datum numeric);
inline core::Time read_time(Datum datum) { return DatumGetTimestampTz(datum); }
/// Microseconds of an interval, its days as 24 hours each (months are refused by CHECK).
core::Duration read_duration(Datum interval);

// Makers allocate in the current memory context and may throw pg::Error.
Datum make_text(std::string_view text);
Datum make_numeric(const core::Decimal &value);
Datum make_text_array(const std::vector<std::string> &values);
Datum make_int_array(const std::vector<int> &values);
/// An array of composite values of `row_type`.
Datum make_row_array(const std::vector<Datum> &rows, Oid row_type);
Datum make_jsonb(const std::string &text);
/// A jsonb value from the bytes that read_bytes() gave.
Datum make_varlena(std::string_view bytes);

} // namespace affiliate::pg
