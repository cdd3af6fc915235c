// SPDX-License-Identifier: PostgreSQL
// Decimals as text and in PostgreSQL's binary format of numeric.
#include "core/decimal.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "core/decimal_units.hpp"

namespace affiliate::core {

// ---- text

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The digits of `text` as an integer; a point is skipped.
template <class T> T read_digits(std::string_view text) {
    T result = 0U;
    for (const char c : text) {
        if (c != '.')
            result = T(result * 10U) + static_cast<unsigned>(c - '0');
    }
    return result;
}

/// Digits after the point of a text that is known to be a number.
int fraction_length(std::string_view text) {
    const std::size_t point = text.find('.');
    return point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
}

/// Digits of the units of a text that is known to be a number.
int units_length(std::string_view text) {
    const std::size_t first = text.find_first_not_of("0.");
    if (first == std::string_view::npos)
        return 0;
    const std::size_t point = text.find('.');
    const bool point_inside = point != std::string_view::npos && point > first;
    return static_cast<int>(text.size() - first - (point_inside ? 1 : 0));
}

bool is_plain_number(std::string_view text) {
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
    return !whole.empty() && (point == text.size() || !fraction.empty()) &&
           std::all_of(whole.begin(), whole.end(), is_digit) && std::all_of(fraction.begin(), fraction.end(), is_digit);
}

bool exceeds_limits(std::string_view text) {
    return fraction_length(text) > Decimal::max_digits || units_length(text) > Decimal::max_digits;
}

} // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
    if (text.empty() || text.size() > max_text)
        return std::nullopt;
    const bool negative = text.front() == '-';
    if (negative || text.front() == '+')
        text.remove_prefix(1);
    if (!is_plain_number(text))
        return std::nullopt;
    if (exceeds_limits(text) && fraction_length(text) > 0)
        text = text.substr(0, text.find_last_not_of('0') + 1);
    if (exceeds_limits(text))
        return std::nullopt;
    const int scale = fraction_length(text);
    const int length = units_length(text);
    if (length <= digits_64)
        return Access::make(static_cast<u128>(read_digits<std::uint64_t>(text)), scale, negative);
    if (length <= digits_128)
        return Access::make(read_digits<u128>(text), scale, negative);
    return Access::make(read_digits<Wide>(text), scale, negative);
}

namespace {

/// Writes the digits of `units` so that they end before `end`; returns where they begin.
template <class T> char *write_digits(T units, char *end) {
    const T chunk = T(power<std::uint64_t>(digits_64));
    while (units >= chunk) {
        const T quotient = units / chunk;
        auto part = static_cast<std::uint64_t>(units - quotient * chunk);
        for (int i = 0; i < digits_64; ++i, part /= 10)
            *--end = static_cast<char>('0' + part % 10);
        units = quotient;
    }
    for (auto part = static_cast<std::uint64_t>(units); part != 0; part /= 10)
        *--end = static_cast<char>('0' + part % 10);
    return end;
}

} // namespace

std::string Decimal::to_string() const {
    std::array<char, 2 * max_digits + 1> digits;
    digits.fill('0');
    char *const end = digits.data() + digits.size();
    const bool narrow = Access::narrow(*this);
    char *begin = narrow ? write_digits(Access::low(*this), end) : write_digits(Access::wide(*this), end);
    begin = std::min(begin, end - scale_ - 1); // at least one digit before the point
    std::string text;
    text.reserve(static_cast<std::size_t>(end - begin) + 2);
    if (negative_)
        text += '-';
    text.append(begin, end - scale_);
    if (scale_ > 0) {
        text += '.';
        text.append(end - scale_, end);
    }
    return text;
}

// ---- wire format

namespace {

constexpr std::uint16_t wire_positive = 0x0000;
constexpr std::uint16_t wire_negative = 0x4000;
constexpr int wire_max_dscale = 0x3FFF;
constexpr int group_digits = 4; // decimal digits in a base-10000 digit
constexpr unsigned group_base = 10000;
constexpr std::size_t wire_header = 8;
constexpr std::size_t max_groups = (max_numeric_wire - wire_header) / 2;

std::uint16_t load_16(std::span<const std::uint8_t> wire, std::size_t at) {
    return static_cast<std::uint16_t>(wire[at] << 8 | wire[at + 1]);
}

void store_16(std::span<std::uint8_t> wire, std::size_t at, int value) {
    const auto bits = static_cast<std::uint16_t>(value);
    wire[at] = static_cast<std::uint8_t>(bits >> 8);
    wire[at + 1] = static_cast<std::uint8_t>(bits);
}

/// The base-10000 digits of a number, without zeros at either end: sum of digit[i] * 10000^(weight - i).
struct Groups {
    std::array<std::uint16_t, max_groups> digit{};
    std::size_t count = 0;
    int weight = 0;
};

/// False if a digit is above 9999 or there are more digits than a Decimal can have.
bool read_groups(std::span<const std::uint8_t> wire, std::size_t count, int weight, Groups &groups) {
    std::size_t first = count, last = 0; // of the digits that are not zero
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint16_t digit = load_16(wire, wire_header + 2 * i);
        if (digit >= group_base)
            return false;
        if (digit != 0) {
            first = std::min(first, i);
            last = i;
        }
    }
    if (first == count)
        return true;
    groups.count = last - first + 1;
    groups.weight = weight - static_cast<int>(first);
    if (groups.count > max_groups)
        return false;
    for (std::size_t i = 0; i < groups.count; ++i)
        groups.digit[i] = load_16(wire, wire_header + 2 * (first + i));
    return true;
}

/// The groups as an integer, times 10^exponent. Only zeros are cut off where the exponent is negative.
template <class T> T join_groups(const Groups &groups, int exponent) {
    T units = 0U;
    for (std::size_t i = 0; i < groups.count; ++i)
        units = T(units * group_base) + groups.digit[i];
    return exponent >= 0 ? T(units * power<T>(exponent)) : T(units / power<T>(-exponent));
}

int group_length(unsigned group) { return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : 1; }

std::optional<Decimal> decimal_from_groups(const Groups &groups, int dscale, bool negative) {
    const int length = group_length(groups.digit[0]) + group_digits * static_cast<int>(groups.count - 1);
    const int fraction = group_digits * (static_cast<int>(groups.count) - 1 - groups.weight); // below 0: zeros follow
    int trailing_zeros = 0;
    for (unsigned last = groups.digit[groups.count - 1]; last % 10 == 0; last /= 10)
        ++trailing_zeros;
    const int smallest_scale = std::max(fraction - trailing_zeros, 0);
    const auto fits = [&](int scale) {
        return scale <= Decimal::max_digits && length - fraction + scale <= Decimal::max_digits;
    };
    const int scale = fits(dscale) ? dscale : smallest_scale;
    if (smallest_scale > dscale || !fits(scale))
        return std::nullopt;
    const int exponent = scale - fraction;
    const int most = std::max(length, length + exponent);
    if (most <= digits_64)
        return Access::make(static_cast<u128>(join_groups<std::uint64_t>(groups, exponent)), scale, negative);
    if (most <= digits_128)
        return Access::make(join_groups<u128>(groups, exponent), scale, negative);
    return Access::make(join_groups<Wide>(groups, exponent), scale, negative);
}

/// The reverse of join_groups(), zeros included.
template <class T> void split_groups(T units, int scale, Groups &groups) {
    const int partial = scale % group_digits; // digits in the last group, which is filled up with zeros
    unsigned base = partial == 0 ? group_base : static_cast<unsigned>(power<std::uint64_t>(partial));
    unsigned filler = group_base / base;
    std::array<std::uint16_t, max_groups> reversed{};
    std::size_t count = 0;
    for (; units != 0U; base = group_base, filler = 1) {
        const T quotient = units / base;
        reversed[count++] = static_cast<std::uint16_t>(static_cast<unsigned>(units - quotient * base) * filler);
        units = quotient;
    }
    const auto fraction_groups = static_cast<std::size_t>((scale + group_digits - 1) / group_digits);
    groups.weight = static_cast<int>(count) - 1 - static_cast<int>(fraction_groups);
    std::size_t zeros = 0;
    while (zeros < count && reversed[zeros] == 0)
        ++zeros;
    groups.count = count - zeros;
    for (std::size_t i = 0; i < groups.count; ++i)
        groups.digit[i] = reversed[count - 1 - i];
}

} // namespace

std::optional<Decimal> decode_numeric(std::span<const std::uint8_t> wire) {
    if (wire.size() < wire_header)
        return std::nullopt;
    const std::size_t count = load_16(wire, 0);
    const int weight = static_cast<std::int16_t>(load_16(wire, 2));
    const std::uint16_t sign = load_16(wire, 4);
    const int dscale = load_16(wire, 6);
    if (wire.size() != wire_header + 2 * count || dscale > wire_max_dscale ||
        (sign != wire_positive && sign != wire_negative))
        return std::nullopt;
    Groups groups;
    if (!read_groups(wire, count, weight, groups))
        return std::nullopt;
    if (groups.count == 0)
        return Access::make(u128{0}, dscale <= Decimal::max_digits ? dscale : 0, false);
    return decimal_from_groups(groups, dscale, sign == wire_negative);
}

std::size_t encode_numeric(const Decimal &value, std::span<std::uint8_t> out) {
    if (out.size() < max_numeric_wire)
        throw Error("XX000", "buffer too short for a numeric");
    Groups groups;
    if (Access::narrow(value)) {
        const u128 units = Access::low(value);
        if (units <= std::numeric_limits<std::uint64_t>::max())
            split_groups(static_cast<std::uint64_t>(units), value.scale(), groups);
        else
            split_groups(units, value.scale(), groups);
    } else {
        split_groups(Access::wide(value), value.scale(), groups);
    }
    store_16(out, 0, static_cast<int>(groups.count));
    store_16(out, 2, groups.count == 0 ? 0 : groups.weight);
    store_16(out, 4, value.sign() < 0 ? wire_negative : wire_positive);
    store_16(out, 6, value.scale());
    for (std::size_t i = 0; i < groups.count; ++i)
        store_16(out, wire_header + 2 * i, groups.digit[i]);
    return wire_header + 2 * groups.count;
}

} // namespace affiliate::core
