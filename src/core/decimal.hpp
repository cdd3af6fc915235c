// SPDX-License-Identifier: PostgreSQL
// Exact decimal numbers. Every amount, rate and share of the core is a Decimal.
//
// A Decimal is `units * 10^-scale` with a sign. It holds up to 76 digits; every operation gives the exact
// result or throws, and only divide(), rounded() and allocate() give up digits, each with a rule for them.
// Values whose units fit in 128 bits (38 digits) cost 5 to 40 ns per operation, the others less than 1000 ns.
//
// Errors are core::Error with the SQLSTATE named at the function; a function that names none does not fail.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace affiliate::core {

/// What happens to digits that are dropped. All four are symmetric: rounding -x gives minus the rounded x.
enum class Rounding : std::uint8_t {
    half_up,   ///< to the nearest, a tie away from zero (PostgreSQL's round(numeric, int))
    half_even, ///< to the nearest, a tie to the even digit
    down,      ///< toward zero (PostgreSQL's trunc(numeric, int))
    up         ///< away from zero, whatever is dropped
};

class Decimal {
public:
    /// Digits after the point that divide() keeps unless told otherwise.
    static constexpr int max_scale = 30;
    /// The units of a Decimal have at most this many digits, and its scale is at most this number.
    /// An exact result that would exceed either is first stripped of trailing zeros of its fraction.
    static constexpr int max_digits = 76;
    /// Longest text that parse() looks at, in characters.
    static constexpr std::size_t max_text = 131;

    /// Zero, scale 0.
    constexpr Decimal() noexcept = default;
    static Decimal from_int(std::int64_t value) noexcept;
    /// `units * 10^-scale`: from_units(1999, 2) is 19.99. Throws 22023 unless 0 <= scale <= max_digits.
    static Decimal from_units(std::int64_t units, int scale);
    /// The units where they fit in 64 bits: from_units(*units(), scale()) is the value again.
    std::optional<std::int64_t> units() const noexcept;
    /// Reads plain decimal notation: [+-]digits[.digits], ASCII, no exponent, no blanks, a digit on both sides of the
    /// point. The scale is the number of digits after the point. nullopt for anything else, for more than max_text
    /// characters, and for values beyond max_digits.
    static std::optional<Decimal> parse(std::string_view text);

    /// Plain decimal notation with exactly scale() digits after the point; parse() reads it back. No "-0".
    std::string to_string() const;
    /// The same value with the smallest scale that holds it: 2.500 becomes 2.5, 100 stays 100.
    Decimal normalized() const;

    bool is_zero() const noexcept { return (limbs_[0] | limbs_[1] | limbs_[2] | limbs_[3]) == 0; }
    /// -1, 0 or 1.
    int sign() const noexcept { return negative_ ? -1 : (is_zero() ? 0 : 1); }
    /// Digits after the point, trailing zeros included: 2 for 2.50.
    int scale() const noexcept { return scale_; }
    /// Digits from the first that is not zero to the last, trailing zeros included: 3 for 0.0250; 0 for zero.
    int significant_digits() const;

    Decimal operator-() const noexcept;
    Decimal abs() const noexcept;

    /// Exact. The scale is the larger of both (+, -) or their sum (*).
    /// Throws 22003 if the exact result does not fit in max_digits.
    friend Decimal operator+(const Decimal &a, const Decimal &b);
    friend Decimal operator-(const Decimal &a, const Decimal &b);
    friend Decimal operator*(const Decimal &a, const Decimal &b);
    Decimal &operator+=(const Decimal &other) { return *this = *this + other; }
    Decimal &operator-=(const Decimal &other) { return *this = *this - other; }
    Decimal &operator*=(const Decimal &other) { return *this = *this * other; }

    /// a / b, rounded once to `scale` digits after the point and then normalized: 1/4 is 0.25, 1/3 has `scale` digits.
    /// Throws 22012 if b is zero, 22003 if the quotient does not fit, 22023 unless 0 <= scale <= max_digits.
    static Decimal divide(const Decimal &a, const Decimal &b, Rounding rounding = Rounding::half_even,
                          int scale = max_scale);
    /// The value with exactly `scale` digits after the point; missing ones are zeros.
    /// Throws 22023 unless 0 <= scale <= max_digits, 22003 if the added zeros do not fit.
    Decimal rounded(int scale, Rounding rounding) const;

    /// By value: 1.0 == 1.00. Never throws.
    friend std::weak_ordering operator<=>(const Decimal &a, const Decimal &b);
    friend bool operator==(const Decimal &a, const Decimal &b);

private:
    friend struct DecimalAccess; // decimal_units.hpp

    std::array<std::uint64_t, 4> limbs_{}; // magnitude of the units, least significant first, < 10^max_digits
    std::int16_t scale_ = 0;
    bool negative_ = false; // never set for zero
};

/// The smaller / larger by value; of equal values the first.
Decimal min(const Decimal &a, const Decimal &b);
Decimal max(const Decimal &a, const Decimal &b);
/// `value` moved into low..high; `low` where low > high.
Decimal clamp(const Decimal &value, const Decimal &low, const Decimal &high);

/// Longest output of encode_numeric(), in bytes: a header of 8 and at most 20 base-10000 digits.
inline constexpr std::size_t max_numeric_wire = 8 + 2 * 20;

/// Reads what numeric_send writes: int16 ndigits, weight, sign, dscale and ndigits base-10000 digits, in network byte
/// order. The scale is dscale. nullopt for NaN and infinities, for values beyond Decimal::max_digits, and for anything
/// malformed: missing or extra bytes, digits above 9999, digits that dscale would hide, unknown signs.
std::optional<Decimal> decode_numeric(std::span<const std::uint8_t> wire);

/// Writes what numeric_recv reads, in the form numeric_send would give it; returns the number of bytes written.
/// Throws XX000 if `out` is shorter than max_numeric_wire.
std::size_t encode_numeric(const Decimal &value, std::span<std::uint8_t> out);

/// Splits `total` in proportion to `weights` by largest remainder: each part gets its exact share cut to `scale`
/// digits, and the units left over go one each to the largest cut-off remainders, the first of equal ones.
/// The sum of the parts is exactly total.rounded(scale, half_up), and no part is off its exact share of that by a unit
/// or more; a weight of zero gets zero. A negative total is split like its absolute value. One part per weight, in
/// their order.
/// Throws 22023 if a weight is negative, if the weights sum to zero, or unless 0 <= scale <= Decimal::max_digits.
std::vector<Decimal> allocate(const Decimal &total, std::span<const Decimal> weights, int scale);

} // namespace affiliate::core
