// SPDX-License-Identifier: PostgreSQL
#include "pg/convert.hpp"

#include <cstring>

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

const varlena *plain(Datum datum) {
    const varlena *value = reinterpret_cast<const varlena *>(DatumGetPointer(datum));
    if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value))
        value = call([datum] { return pg_detoast_datum(reinterpret_cast<varlena *>(DatumGetPointer(datum))); });
    return value;
}

// PostgreSQL's numeric as it is stored, which has not changed since 9.1 and cannot without pg_upgrade: two bytes of
// header (short form: sign, scale, weight), or four (long form: sign and scale, weight), then base-10000 digits. On the
// wire the same stands in eight bytes of header and digits, all in network byte order.
constexpr std::size_t kWireHeader = 8, kDigitsMax = 40;
constexpr std::uint16_t kShort = 0x8000, kSpecial = 0xC000, kShortSign = 0x2000, kWireNaN = 0xC000, kWireNegative = 0x4000;

void put_big_endian(std::uint8_t *out, std::uint16_t value) {
    out[0] = static_cast<std::uint8_t>(value >> 8);
    out[1] = static_cast<std::uint8_t>(value);
}

/// Returns the bytes written; a value that is too long for us is written as NaN, which we refuse.
std::size_t stored_to_wire(const char *data, std::size_t size, std::uint8_t *wire) {
    std::uint16_t header = 0;
    std::memcpy(&header, data, sizeof header);
    bool const is_short = (header & kShort) != 0 && (header & kSpecial) != kSpecial;
    bool const is_special = (header & kSpecial) == kSpecial;
    std::size_t const header_size = is_short || is_special ? 2 : 4;
    std::size_t const digits = is_special ? 0 : (size - header_size) / 2;
    std::uint16_t weight = 0, sign = 0, scale = 0;
    if (is_special || digits > kDigitsMax) sign = kWireNaN;
    else if (is_short) {
        sign = (header & kShortSign) != 0 ? kWireNegative : 0;
        scale = (header & 0x1F80) >> 7;
        weight = static_cast<std::uint16_t>((header & 0x0040) != 0 ? (header & 0x003F) | 0xFFC0 : header & 0x003F);
    } else {
        sign = (header & kWireNegative) != 0 ? kWireNegative : 0;
        scale = header & 0x3FFF;
        std::memcpy(&weight, data + 2, sizeof weight);
    }
    std::size_t const written = sign == kWireNaN ? 0 : digits;
    put_big_endian(wire, static_cast<std::uint16_t>(written));
    put_big_endian(wire + 2, weight);
    put_big_endian(wire + 4, sign);
    put_big_endian(wire + 6, scale);
    for (std::size_t i = 0; i < written; ++i) {
        std::uint16_t digit = 0;
        std::memcpy(&digit, data + header_size + 2 * i, sizeof digit);
        put_big_endian(wire + kWireHeader + 2 * i, digit);
    }
    return kWireHeader + 2 * written;
}

} // namespace

std::string_view view_bytes(Datum datum) {
    const varlena *const value = plain(datum);
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

std::string read_bytes(Datum datum) { return std::string(view_bytes(datum)); }

std::vector<std::string> read_text_array(Datum datum) {
    struct Elements {
        Datum *values;
        bool *nulls;
        int count;
    };
    Elements const elements = call([datum] {
        Elements found{};
        deconstruct_array(DatumGetArrayTypeP(datum), TEXTOID, -1, false, TYPALIGN_INT, &found.values, &found.nulls,
                          &found.count);
        return found;
    });
    std::vector<std::string> result;
    for (int i = 0; i < elements.count; ++i)
        if (!elements.nulls[i]) result.push_back(read_bytes(elements.values[i]));
    return result;
}

std::optional<core::Decimal> read_decimal(Datum numeric) {
    const varlena *const value = plain(numeric);
    std::size_t const size = static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value));
    std::uint8_t wire[kWireHeader + 2 * kDigitsMax];
    return core::decode_numeric({wire, stored_to_wire(VARDATA_ANY(value), size, wire)});
}

core::Duration read_duration(Datum interval) {
    const Interval *const value = DatumGetIntervalP(interval);
    return value->time + (static_cast<core::Duration>(value->day) + 30LL * value->month) * core::kDay;
}

Datum make_text(std::string_view text) {
    const char *const data = text.data();
    int const size = static_cast<int>(text.size());
    return call([data, size] { return PointerGetDatum(cstring_to_text_with_len(data, size)); });
}

Datum make_numeric(const core::Decimal &value) {
    if (auto const units = value.units()) {
        std::int64_t const number = *units;
        int const scale = value.scale();
        return call([number, scale] { return NumericGetDatum(int64_div_fast_to_numeric(number, scale)); });
    }
    std::uint8_t wire[core::max_numeric_wire];
    std::size_t const size = core::encode_numeric(value, wire);
    char *const data = reinterpret_cast<char *>(wire);
    return call([data, size] {
        StringInfoData buffer;
        buffer.data = data;
        buffer.len = buffer.maxlen = static_cast<int>(size);
        buffer.cursor = 0;
        return DirectFunctionCall3(numeric_recv, PointerGetDatum(&buffer), ObjectIdGetDatum(InvalidOid),
                                   Int32GetDatum(-1));
    });
}

Datum make_text_array(const std::vector<std::string> &values) {
    std::vector<Datum> datums;
    datums.reserve(values.size());
    for (const std::string &value : values) datums.push_back(make_text(value));
    Datum *const data = datums.data();
    int const count = static_cast<int>(datums.size());
    return call([data, count] {
        return PointerGetDatum(construct_array(data, count, TEXTOID, -1, false, TYPALIGN_INT));
    });
}

Datum make_int_array(const std::vector<int> &values) {
    std::vector<Datum> datums;
    datums.reserve(values.size());
    for (int const value : values) datums.push_back(Int32GetDatum(value));
    Datum *const data = datums.data();
    int const count = static_cast<int>(datums.size());
    return call([data, count] {
        return PointerGetDatum(construct_array(data, count, INT4OID, 4, true, TYPALIGN_INT));
    });
}

Datum make_row_array(const std::vector<Datum> &rows, Oid row_type) {
    Datum *const data = const_cast<Datum *>(rows.data());
    int const count = static_cast<int>(rows.size());
    return call([data, count, row_type] {
        return PointerGetDatum(construct_array(data, count, row_type, -1, false, TYPALIGN_DOUBLE));
    });
}

Datum make_jsonb(const std::string &text) {
    const char *const data = text.c_str();
    return call([data] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(data)); });
}

Datum make_varlena(std::string_view bytes) {
    std::size_t const size = bytes.size();
    const char *const data = bytes.data();
    return call([size, data] {
        varlena *const value = static_cast<varlena *>(palloc(size + VARHDRSZ));
        SET_VARSIZE(value, size + VARHDRSZ);
        std::memcpy(VARDATA(value), data, size);
        return PointerGetDatum(value);
    });
}

} // namespace affiliate::pg
