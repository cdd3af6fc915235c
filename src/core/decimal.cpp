// SPDX-License-Identifier: PostgreSQL
#include "core/decimal.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <type_traits>

#include "core/decimal_units.hpp"

namespace affiliate::core {
namespace {

int zero_bits(u128 value) {
    const auto low = static_cast<std::uint64_t>(value);
    return low != 0 ? std::countr_zero(low) : 64 + std::countr_zero(static_cast<std::uint64_t>(value >> 64));
}
int zero_bits(const Wide &value) { return static_cast<int>(boost::multiprecision::lsb(value)); }

/// Removes trailing zeros of the fraction. 10^k divides only what 2^k divides, which is cheap to ask first.
template <class T> void strip_zeros(T &units, int &scale) {
    if (units == 0U) {
        scale = 0;
        return;
    }
    for (int step = 16; step > 0; step /= 2) {
        while (scale >= step && zero_bits(units) >= step) {
            const T divisor = T(power<std::uint64_t>(step));
            const T quotient = units / divisor;
            if (T(quotient * divisor) != units)
                break;
            units = quotient;
            scale -= step;
        }
    }
}

/// Number of decimal digits, 0 for zero.
template <class T> int count_digits(const T &value) {
    constexpr bool is_wide = std::is_same_v<T, Wide>;
    constexpr int most = is_wide ? Decimal::max_digits : digits_128 + 1;
    int count = is_wide ? digits_128 : 0; // a value that is not narrow has more
    while (count < most && value >= power<T>(count))
        ++count;
    return count;
}

[[noreturn]] void throw_out_of_range() {
    throw Error("22003", "decimal value out of range", "A decimal holds at most 76 digits.");
}

void check_scale(int scale) {
    if (scale < 0 || scale > Decimal::max_digits)
        throw Error("22023", "scale " + std::to_string(scale) + " out of range", "A scale is between 0 and 76.");
}

/// numerator / denominator as an integer, rounded.
template <class T> T divide_rounded(const T &numerator, const T &denominator, Rounding rounding) {
    const T quotient = numerator / denominator;
    const T remainder = numerator - quotient * denominator;
    if (remainder == 0U || rounding == Rounding::down)
        return quotient;
    const T rest = denominator - remainder;
    const bool odd = (quotient & 1U) != 0U;
    const bool away = rounding == Rounding::up || remainder > rest ||
                      (remainder == rest && (rounding == Rounding::half_up || odd));
    return away ? T(quotient + 1U) : quotient;
}

} // namespace

Decimal DecimalAccess::make(Wide units, int scale, bool negative) {
    const Wide limit = power<Wide>(Decimal::max_digits);
    if (scale > Decimal::max_digits || units >= limit)
        strip_zeros(units, scale);
    if (scale > Decimal::max_digits || units >= limit)
        throw_out_of_range();
    Decimal result;
    result.scale_ = static_cast<std::int16_t>(scale);
    result.negative_ = negative && units != 0U;
    const Wide mask = std::numeric_limits<std::uint64_t>::max();
    for (std::uint64_t &limb : result.limbs_) {
        limb = static_cast<std::uint64_t>(units & mask);
        units >>= 64;
    }
    return result;
}

Decimal Decimal::from_int(std::int64_t value) noexcept {
    const auto bits = static_cast<std::uint64_t>(value);
    return Access::make(static_cast<u128>(value < 0 ? 0U - bits : bits), 0, value < 0);
}

Decimal Decimal::from_units(std::int64_t units, int scale) {
    check_scale(scale);
    Decimal result = from_int(units);
    result.scale_ = static_cast<std::int16_t>(scale);
    return result;
}

std::optional<std::int64_t> Decimal::units() const noexcept {
    if ((limbs_[1] | limbs_[2] | limbs_[3]) != 0 || limbs_[0] > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
    auto const magnitude = static_cast<std::int64_t>(limbs_[0]);
    return negative_ ? -magnitude : magnitude;
}

Decimal Decimal::normalized() const {
    int scale = scale_;
    if (Access::narrow(*this)) {
        u128 units = Access::low(*this);
        strip_zeros(units, scale);
        return Access::make(units, scale, negative_);
    }
    Wide units = Access::wide(*this);
    strip_zeros(units, scale);
    return Access::make(units, scale, negative_);
}

int Decimal::significant_digits() const {
    return Access::narrow(*this) ? count_digits(Access::low(*this)) : count_digits(Access::wide(*this));
}

// ---- arithmetic

Decimal Decimal::operator-() const noexcept { return Access::with_sign(*this, !negative_); }

Decimal Decimal::abs() const noexcept { return Access::with_sign(*this, false); }

Decimal DecimalAccess::sum(const Decimal &a, const Decimal &b, bool subtract) {
    const int scale = std::max(a.scale_, b.scale_);
    u128 x, y, total;
    if (narrow(a) && narrow(b) && scale_up(low(a), scale - a.scale_, x) && scale_up(low(b), scale - b.scale_, y)) {
        if (subtract)
            return x >= y ? make(x - y, scale, a.negative_) : make(y - x, scale, !a.negative_);
        if (!__builtin_add_overflow(x, y, &total))
            return make(total, scale, a.negative_);
    }
    const Wide wide_x = wide(a) * power<Wide>(scale - a.scale_);
    const Wide wide_y = wide(b) * power<Wide>(scale - b.scale_);
    if (!subtract)
        return make(Wide(wide_x + wide_y), scale, a.negative_);
    return wide_x >= wide_y ? make(Wide(wide_x - wide_y), scale, a.negative_)
                            : make(Wide(wide_y - wide_x), scale, !a.negative_);
}

Decimal operator+(const Decimal &a, const Decimal &b) { return Access::sum(a, b, a.negative_ != b.negative_); }

Decimal operator-(const Decimal &a, const Decimal &b) { return Access::sum(a, b, a.negative_ == b.negative_); }

Decimal operator*(const Decimal &a, const Decimal &b) {
    const bool negative = a.negative_ != b.negative_;
    const int scale = a.scale_ + b.scale_;
    u128 product;
    if (Access::narrow(a) && Access::narrow(b) && scale <= Decimal::max_digits &&
        !__builtin_mul_overflow(Access::low(a), Access::low(b), &product))
        return Access::make(product, scale, negative);
    return Access::make(Wide(Access::wide(a) * Access::wide(b)), scale, negative);
}

Decimal Decimal::divide(const Decimal &a, const Decimal &b, Rounding rounding, int scale) {
    check_scale(scale);
    if (b.is_zero())
        throw Error("22012", "division by zero");
    const bool negative = a.negative_ != b.negative_;
    const int exponent = scale + b.scale_ - a.scale_; // the quotient's units are a.units * 10^exponent / b.units
    u128 numerator, denominator;
    if (Access::narrow(a) && Access::narrow(b) && scale_up(Access::low(a), std::max(exponent, 0), numerator) &&
        scale_up(Access::low(b), std::max(-exponent, 0), denominator)) {
        u128 units = divide_rounded(numerator, denominator, rounding);
        strip_zeros(units, scale);
        return Access::make(units, scale, negative);
    }
    const Wide wide_numerator = Access::wide(a) * power<Wide>(std::max(exponent, 0));
    const Wide wide_denominator = Access::wide(b) * power<Wide>(std::max(-exponent, 0));
    Wide units = divide_rounded(wide_numerator, wide_denominator, rounding);
    strip_zeros(units, scale);
    return Access::make(units, scale, negative);
}

Decimal Decimal::rounded(int scale, Rounding rounding) const {
    check_scale(scale);
    const int dropped = scale_ - scale;
    if (dropped <= 0) {
        u128 units;
        if (Access::narrow(*this) && scale_up(Access::low(*this), -dropped, units))
            return Access::make(units, scale, negative_);
        const Wide wide_units = Access::wide(*this) * power<Wide>(-dropped);
        if (wide_units >= power<Wide>(max_digits))
            throw_out_of_range();
        return Access::make(wide_units, scale, negative_);
    }
    if (Access::narrow(*this) && dropped <= digits_128)
        return Access::make(divide_rounded(Access::low(*this), power<u128>(dropped), rounding), scale, negative_);
    return Access::make(divide_rounded(Access::wide(*this), power<Wide>(dropped), rounding), scale, negative_);
}

// ---- order

std::weak_ordering DecimalAccess::compare(const Decimal &a, const Decimal &b) {
    const int scale = std::max(a.scale_, b.scale_);
    u128 x, y;
    if (narrow(a) && narrow(b) && scale_up(low(a), scale - a.scale_, x) && scale_up(low(b), scale - b.scale_, y))
        return x <=> y;
    const Wide wide_x = wide(a) * power<Wide>(scale - a.scale_);
    return wide_x.compare(wide(b) * power<Wide>(scale - b.scale_)) <=> 0;
}

std::weak_ordering operator<=>(const Decimal &a, const Decimal &b) {
    if (a.negative_ != b.negative_)
        return a.negative_ ? std::weak_ordering::less : std::weak_ordering::greater;
    return a.negative_ ? Access::compare(b, a) : Access::compare(a, b);
}

bool operator==(const Decimal &a, const Decimal &b) {
    if (a.scale_ == b.scale_)
        return a.limbs_ == b.limbs_ && a.negative_ == b.negative_;
    return (a <=> b) == 0;
}

Decimal min(const Decimal &a, const Decimal &b) { return b < a ? b : a; }

Decimal max(const Decimal &a, const Decimal &b) { return a < b ? b : a; }

Decimal clamp(const Decimal &value, const Decimal &low, const Decimal &high) {
    return max(low, min(value, high));
}

// ---- allocation

namespace {

/// Largest remainder on integers; `sum` is the sum of `weights`, not zero.
template <class T> std::vector<T> largest_remainder(const T &total, const std::vector<T> &weights, const T &sum) {
    std::vector<T> parts, remainders;
    parts.reserve(weights.size());
    remainders.reserve(weights.size());
    T left = total;
    for (const T &weight : weights) {
        const T share = total * weight;
        const T part = share / sum;
        remainders.push_back(T(share - part * sum));
        parts.push_back(part);
        left -= part;
    }
    std::vector<std::size_t> order(weights.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
        return remainders[i] != remainders[j] ? remainders[i] > remainders[j] : i < j;
    });
    for (std::size_t i = 0; left != 0U; ++i, left -= 1U)
        parts[order[i]] += 1U;
    return parts;
}

template <class T> std::vector<Decimal> to_decimals(const std::vector<T> &units, int scale, bool negative) {
    std::vector<Decimal> result;
    result.reserve(units.size());
    for (const T &part : units)
        result.push_back(Access::make(part, scale, negative));
    return result;
}

/// The weights as integers of a common scale and their sum; false if total * sum does not fit in 128 bits.
bool narrow_weights(u128 total, std::span<const Decimal> weights, int scale, std::vector<u128> &units, u128 &sum) {
    units.reserve(weights.size());
    sum = 0;
    for (const Decimal &weight : weights) {
        u128 value;
        if (!Access::narrow(weight) || !scale_up(Access::low(weight), scale - weight.scale(), value) ||
            __builtin_add_overflow(sum, value, &sum))
            return false;
        units.push_back(value);
    }
    u128 largest_share;
    return !__builtin_mul_overflow(total, sum, &largest_share);
}

} // namespace

std::vector<Decimal> allocate(const Decimal &total, std::span<const Decimal> weights, int scale) {
    const Decimal whole = total.rounded(scale, Rounding::half_up);
    int weight_scale = 0;
    bool any = false;
    for (const Decimal &weight : weights) {
        if (weight.sign() < 0)
            throw Error("22023", "weight \"" + weight.to_string() + "\" is negative");
        any = any || !weight.is_zero();
        weight_scale = std::max(weight_scale, weight.scale());
    }
    if (!any)
        throw Error("22023", "weights sum to zero");
    const bool negative = whole.sign() < 0;
    std::vector<u128> units;
    u128 sum = 0;
    if (Access::narrow(whole) && narrow_weights(Access::low(whole), weights, weight_scale, units, sum))
        return to_decimals(largest_remainder(Access::low(whole), units, sum), scale, negative);
    std::vector<Wide> wide_units;
    wide_units.reserve(weights.size());
    Wide wide_sum = 0U;
    for (const Decimal &weight : weights) {
        wide_units.push_back(Access::wide(weight) * power<Wide>(weight_scale - weight.scale()));
        wide_sum += wide_units.back();
    }
    return to_decimals(largest_remainder(Access::wide(whole), wide_units, wide_sum), scale, negative);
}

} // namespace affiliate::core
