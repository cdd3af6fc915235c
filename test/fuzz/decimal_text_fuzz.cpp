// SPDX-License-Identifier: PostgreSQL
// Any text: parse() refuses it, or it round-trips through text and through PostgreSQL's binary format.
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/decimal.hpp"

using affiliate::core::Decimal;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

/// The text that must come out again: no plus, no leading zeros, no minus before a zero.
std::string canonical(std::string_view text) {
    const bool negative = text.front() == '-' && text.find_first_of("123456789") != std::string_view::npos;
    if (text.front() == '-' || text.front() == '+')
        text.remove_prefix(1);
    while (text.size() > 1 && text[0] == '0' && text[1] != '.')
        text.remove_prefix(1);
    return (negative ? "-" : "") + std::string(text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    const auto value = Decimal::parse(text);
    if (!value) {
        // Up to 76 digits there is no other reason than the form.
        const bool numeric = text.find_first_not_of("0123456789") == std::string_view::npos;
        require(text.empty() || text.size() > Decimal::max_digits || !numeric);
        return 0;
    }
    const std::string printed = value->to_string();
    require(text.size() > Decimal::max_digits || printed == canonical(text));
    require(canonical(text).starts_with(printed)); // otherwise only zeros of the fraction were dropped

    const auto again = Decimal::parse(printed);
    require(again && *again == *value && again->to_string() == printed && again->scale() == value->scale());

    std::array<std::uint8_t, affiliate::core::max_numeric_wire> wire;
    const auto received = affiliate::core::decode_numeric({wire.data(), encode_numeric(*value, wire)});
    require(received && received->to_string() == printed);

    const Decimal normalized = value->normalized();
    require(normalized == *value && normalized.scale() <= value->scale());
    require(value->significant_digits() <= Decimal::max_digits && value->scale() <= Decimal::max_digits);
    return 0;
}
