// SPDX-License-Identifier: PostgreSQL
// Random decimals, and a slow reference for them that shares no code with src/core: rationals of any size.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>

#include <boost/multiprecision/cpp_int.hpp>

#include "core/decimal.hpp"

namespace affiliate::core {
/// Lets BOOST_TEST print decimals.
inline std::ostream &operator<<(std::ostream &out, const Decimal &value) { return out << value.to_string(); }
} // namespace affiliate::core

namespace reference {

using affiliate::core::Decimal;
using affiliate::core::Rounding;
using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

inline constexpr Rounding all_roundings[] = {Rounding::half_up, Rounding::half_even, Rounding::down, Rounding::up};

/// Shorthand for a literal of a test.
inline Decimal dec(std::string_view text) { return Decimal::parse(text).value(); }

inline cpp_int ten_to(int exponent) { return boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(exponent)); }

/// The value of plain decimal notation.
inline cpp_rational value_of_text(std::string text) {
    const bool negative = text.front() == '-';
    const std::size_t point = text.find('.');
    const int scale = point == std::string::npos ? 0 : static_cast<int>(text.size() - point - 1);
    text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; }), text.end());
    cpp_int units = 0;
    for (const char c : text)
        units = units * 10 + (c - '0');
    return cpp_rational(negative ? cpp_int(-units) : units, ten_to(scale));
}

inline cpp_rational value_of(const Decimal &decimal) { return value_of_text(decimal.to_string()); }

/// `value` in units of 10^-scale as an integer, by the definition of each rounding.
inline cpp_int round_units(const cpp_rational &value, int scale, Rounding rounding) {
    const cpp_rational size = boost::multiprecision::abs(value) * ten_to(scale);
    const cpp_int below = boost::multiprecision::numerator(size) / boost::multiprecision::denominator(size);
    const cpp_rational cut = size - below;
    const cpp_rational half(1, 2);
    bool away = false;
    switch (rounding) {
    case Rounding::half_up: away = cut >= half; break;
    case Rounding::half_even: away = cut > half || (cut == half && below % 2 == 1); break;
    case Rounding::down: break;
    case Rounding::up: away = cut > 0; break;
    }
    const cpp_int units = away ? cpp_int(below + 1) : below;
    return value < 0 ? cpp_int(-units) : units;
}

inline cpp_rational round(const cpp_rational &value, int scale, Rounding rounding) {
    return cpp_rational(round_units(value, scale, rounding), ten_to(scale));
}

/// Whether a finite decimal fraction fits in max_digits and max scale, trailing zeros of the fraction aside.
inline bool fits(const cpp_rational &value) {
    const cpp_rational scaled = boost::multiprecision::abs(value) * ten_to(Decimal::max_digits);
    if (boost::multiprecision::denominator(scaled) != 1)
        return false;
    cpp_int units = boost::multiprecision::numerator(scaled);
    for (int scale = Decimal::max_digits; scale > 0 && units != 0 && units % 10 == 0; --scale)
        units /= 10;
    return units < ten_to(Decimal::max_digits);
}

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    int number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }

    /// Digits of all lengths, many of them near the widths of 64, 128 and 256 bits, with runs of zeros and nines.
    std::string digits(int most) {
        static constexpr int edges[] = {1, 2, 4, 8, 18, 19, 20, 37, 38, 39, 40, 75, 76};
        int length = number(0, 2) == 0 ? number(1, most) : edges[number(0, 12)];
        length = std::min(length, most);
        const int kind = number(0, 9);
        std::string text;
        for (int i = 0; i < length; ++i) {
            int digit = number(0, 9);
            if ((kind == 0 && i > 0) || (kind == 1 && i > length / 2))
                digit = 0;
            if (kind == 2)
                digit = 9;
            text += static_cast<char>('0' + digit);
        }
        return text;
    }

    /// Any decimal. An amount or a rate as they occur in four of ten cases.
    Decimal any() {
        if (number(0, 9) < 4)
            return small();
        std::string text = digits(Decimal::max_digits);
        const int scale = number(0, 3) == 0 ? number(0, Decimal::max_digits) : number(0, 20);
        const auto length = static_cast<int>(text.size());
        if (scale >= length)
            text.insert(0, static_cast<std::size_t>(scale - length) + 1, '0');
        if (scale > 0)
            text.insert(text.size() - static_cast<std::size_t>(scale), 1, '.');
        return dec(sign() + text);
    }

    Decimal small() { return Decimal::from_units(number(-2000000, 2000000), number(0, 6)); }

private:
    std::string sign() { return number(0, 1) == 0 ? "-" : ""; }

    std::mt19937_64 engine_;
};

} // namespace reference
