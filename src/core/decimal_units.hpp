// SPDX-License-Identifier: PostgreSQL
// The representation of Decimal, for decimal*.cpp only.
//
// Each operation has a fast path in 128-bit integers and falls back to Wide where that would overflow.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "core/decimal.hpp"
#include "core/error.hpp"

#ifndef BOOST_ENABLE_ASSERT_HANDLER
#define BOOST_ENABLE_ASSERT_HANDLER
namespace boost {
/// A failed self-check of Boost's is an error of one statement, not the end of the server.
inline void assertion_failed(const char *expression, const char *, const char *, long) {
    throw affiliate::core::Error("XX000", "internal error in decimal arithmetic", expression);
}
} // namespace boost
#endif
#include <boost/multiprecision/cpp_int.hpp>

namespace affiliate::core {

__extension__ typedef unsigned __int128 u128;

// Largest intermediates: a product of units, 10^152; a dividend, 10^(76 + 76 + 76); the same for a share in allocate().
// 2^768 is above 10^231. Checked, so that a mistake in this reasoning is an exception and not a wrong amount.
using Wide = boost::multiprecision::number<
    boost::multiprecision::cpp_int_backend<768, 768, boost::multiprecision::unsigned_magnitude,
                                           boost::multiprecision::checked, void>,
    boost::multiprecision::et_off>;

constexpr int digits_64 = 19;  // 10^19 < 2^64
constexpr int digits_128 = 38; // 10^38 < 2^128

template <class T, std::size_t N> constexpr std::array<T, N> powers_of_ten() {
    std::array<T, N> powers{};
    powers[0] = 1;
    for (std::size_t i = 1; i < N; ++i)
        powers[i] = powers[i - 1] * 10U;
    return powers;
}
inline constexpr auto powers_64 = powers_of_ten<std::uint64_t, digits_64 + 1>();
inline constexpr auto powers_128 = powers_of_ten<u128, digits_128 + 1>();

inline Wide widen(u128 value) {
    return (Wide(static_cast<std::uint64_t>(value >> 64)) << 64) | Wide(static_cast<std::uint64_t>(value));
}

/// 10^exponent. The caller knows that it fits in T.
template <class T> T power(int exponent) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
        return powers_64[static_cast<std::size_t>(exponent)];
    } else if constexpr (std::is_same_v<T, u128>) {
        return powers_128[static_cast<std::size_t>(exponent)];
    } else {
        Wide result = widen(power<u128>(exponent % digits_128));
        for (; exponent >= digits_128; exponent -= digits_128)
            result *= widen(power<u128>(digits_128));
        return result;
    }
}

/// units * 10^exponent, or false if that does not fit in 128 bits.
inline bool scale_up(u128 units, int exponent, u128 &result) {
    if (exponent == 0) {
        result = units;
        return true;
    }
    return exponent <= digits_128 && !__builtin_mul_overflow(units, power<u128>(exponent), &result);
}

/// What decimal*.cpp may do with a Decimal.
struct DecimalAccess {
    /// Whether the units fit in 128 bits.
    static bool narrow(const Decimal &value) noexcept { return (value.limbs_[2] | value.limbs_[3]) == 0; }

    /// The units of a narrow value, without sign.
    static u128 low(const Decimal &value) noexcept {
        return static_cast<u128>(value.limbs_[1]) << 64 | value.limbs_[0];
    }

    /// The units of any value, without sign.
    static Wide wide(const Decimal &value) {
        Wide result = widen(static_cast<u128>(value.limbs_[3]) << 64 | value.limbs_[2]);
        result <<= 128;
        return result | widen(low(value));
    }

    /// The caller knows that the scale is within bounds.
    static Decimal make(u128 units, int scale, bool negative) noexcept {
        Decimal result;
        result.limbs_[0] = static_cast<std::uint64_t>(units);
        result.limbs_[1] = static_cast<std::uint64_t>(units >> 64);
        result.scale_ = static_cast<std::int16_t>(scale);
        result.negative_ = negative && units != 0;
        return result;
    }

    /// Strips trailing zeros of the fraction where the value does not fit otherwise; throws 22003 if it still does not.
    static Decimal make(Wide units, int scale, bool negative);

    static Decimal with_sign(Decimal value, bool negative) noexcept {
        value.negative_ = negative && !value.is_zero();
        return value;
    }

    /// |a| + |b| or |a| - |b|, times the sign of a.
    static Decimal sum(const Decimal &a, const Decimal &b, bool subtract);
    /// Of the magnitudes.
    static std::weak_ordering compare(const Decimal &a, const Decimal &b);
};
using Access = DecimalAccess;

} // namespace affiliate::core
