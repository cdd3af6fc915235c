// SPDX-License-Identifier: PostgreSQL
// Any bytes: decode_numeric() refuses them, or what it reads round-trips.
#include <array>
#include <cstdlib>
#include <string>

#include "core/decimal.hpp"

using namespace affiliate::core;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const auto value = decode_numeric({data, size});
    if (!value)
        return 0;
    const std::string text = value->to_string();
    const auto parsed = Decimal::parse(text);
    require(parsed && *parsed == *value && parsed->to_string() == text);

    std::array<std::uint8_t, max_numeric_wire> wire;
    const std::size_t length = encode_numeric(*value, wire);
    require(length <= wire.size() && length % 2 == 0);
    const auto again = decode_numeric({wire.data(), length});
    require(again && *again == *value && again->to_string() == text);

    // The first form may have had zeros around; the second has none, so it comes out the same.
    std::array<std::uint8_t, max_numeric_wire> second;
    require(encode_numeric(*again, second) == length);
    for (std::size_t i = 0; i < length; ++i)
        require(wire[i] == second[i]);

    for (const Rounding rounding : {Rounding::half_up, Rounding::half_even, Rounding::down, Rounding::up}) {
        const Decimal whole = value->rounded(0, rounding);
        require(whole.scale() == 0 && (whole - *value).abs() <= Decimal::from_int(1));
    }
    return 0;
}
