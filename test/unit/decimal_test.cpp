// SPDX-License-Identifier: PostgreSQL
// Arithmetic, rounding, order and allocation of decimals, against tables and against the reference.
#include "core/decimal.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "decimal_reference.hpp"

using namespace affiliate::core;
using namespace reference;

static_assert(std::is_trivially_copyable_v<Decimal> && std::is_trivially_destructible_v<Decimal>);
static_assert(sizeof(Decimal) <= 48);

namespace {

constexpr int rounds = 20000;

const std::string nines_76(76, '9');

/// The SQLSTATE that `action` throws, "" if none.
template <class F> std::string sqlstate_of(F action) {
    try {
        action();
    } catch (const Error &error) {
        return error.sqlstate();
    }
    return "";
}

/// Checks an operation whose exact result is known: that value, or 22003 if and only if it does not fit.
template <class F> void check_exact(const cpp_rational &expected, const Decimal &a, const Decimal &b, F operation) {
    BOOST_TEST_CONTEXT(a.to_string() << " and " << b.to_string()) {
        std::optional<Decimal> result;
        const std::string state = sqlstate_of([&] { result = operation(a, b); });
        if (fits(expected)) {
            BOOST_REQUIRE_EQUAL(state, "");
            BOOST_REQUIRE(value_of(*result) == expected);
            BOOST_REQUIRE(result->sign() == (expected > 0) - (expected < 0));
        } else {
            BOOST_REQUIRE_EQUAL(state, "22003");
        }
    }
}

std::vector<Decimal> decimals(std::initializer_list<const char *> texts) {
    std::vector<Decimal> result;
    for (const char *text : texts)
        result.push_back(dec(text));
    return result;
}

std::string joined(const std::vector<Decimal> &parts) {
    std::string text;
    for (const Decimal &part : parts)
        text += (text.empty() ? "" : " ") + part.to_string();
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(decimal_values)

BOOST_AUTO_TEST_CASE(the_default_is_zero) {
    constexpr Decimal zero;
    BOOST_TEST(zero.is_zero());
    BOOST_TEST(zero.sign() == 0);
    BOOST_TEST(zero.scale() == 0);
    BOOST_TEST(zero.significant_digits() == 0);
    BOOST_TEST(zero.to_string() == "0");
}

BOOST_AUTO_TEST_CASE(integers_and_units) {
    BOOST_TEST(Decimal::from_int(-42).to_string() == "-42");
    BOOST_TEST(Decimal::from_int(std::numeric_limits<std::int64_t>::min()).to_string() == "-9223372036854775808");
    BOOST_TEST(Decimal::from_int(std::numeric_limits<std::int64_t>::max()).to_string() == "9223372036854775807");
    BOOST_TEST(Decimal::from_units(1999, 2).to_string() == "19.99");
    BOOST_TEST(Decimal::from_units(-5, 3).to_string() == "-0.005");
    BOOST_TEST(Decimal::from_units(0, 2).to_string() == "0.00");
    BOOST_TEST(Decimal::from_units(1, 76).scale() == 76);
    BOOST_TEST((dec("19.99").units() == 1999 && dec("-0.005").units() == -5 && dec("0.00").units() == 0));
    BOOST_TEST((dec("922337203685477.5807").units() == 9223372036854775807 && !dec("922337203685477.5808").units()));
    BOOST_TEST(!dec("18446744073709551616").units());
    BOOST_TEST(sqlstate_of([] { Decimal::from_units(1, -1); }) == "22023");
    BOOST_TEST(sqlstate_of([] { Decimal::from_units(1, 77); }) == "22023");
}

BOOST_AUTO_TEST_CASE(sign_scale_and_digits) {
    BOOST_TEST(dec("-0.00").sign() == 0);
    BOOST_TEST((-dec("0.00")).to_string() == "0.00");
    BOOST_TEST((-dec("1.50")).to_string() == "-1.50");
    BOOST_TEST((-dec("-1.50")).sign() == 1);
    BOOST_TEST(dec("-1.50").abs().to_string() == "1.50");
    BOOST_TEST(dec("0.0250").significant_digits() == 3);
    BOOST_TEST(dec("0.0250").scale() == 4);
    BOOST_TEST(dec("100").significant_digits() == 3);
    for (int length = 1; length <= Decimal::max_digits; ++length) {
        const std::string tail(static_cast<std::size_t>(length - 1), '0');
        BOOST_TEST(dec("1" + tail).significant_digits() == length);
        BOOST_TEST(dec(nines_76.substr(0, static_cast<std::size_t>(length))).significant_digits() == length);
    }
}

BOOST_AUTO_TEST_CASE(normalizing_strips_the_fraction_only) {
    BOOST_TEST(dec("2.500").normalized().to_string() == "2.5");
    BOOST_TEST(dec("2.000").normalized().to_string() == "2");
    BOOST_TEST(dec("100").normalized().to_string() == "100");
    BOOST_TEST(dec("0.000").normalized().to_string() == "0");
    BOOST_TEST(dec("-1024.01000").normalized().to_string() == "-1024.01");
    for (std::size_t zeros = 1; zeros < Decimal::max_digits; ++zeros)
        BOOST_TEST(dec("7." + std::string(zeros, '0')).normalized().to_string() == "7");
    Random random(1);
    for (int i = 0; i < rounds; ++i) {
        const Decimal value = random.any();
        const Decimal result = value.normalized();
        BOOST_REQUIRE(value_of(result) == value_of(value));
        BOOST_REQUIRE(result.scale() == 0 || result.to_string().back() != '0');
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_arithmetic)

BOOST_AUTO_TEST_CASE(scales_of_results) {
    BOOST_TEST((dec("1.50") + dec("2")).to_string() == "3.50");
    BOOST_TEST((dec("1.50") - dec("1.500")).to_string() == "0.000");
    BOOST_TEST((dec("67.50") * dec("0.15")).to_string() == "10.1250");
    Decimal total = dec("1.00");
    total += dec("0.25");
    total -= dec("2");
    total *= dec("4");
    BOOST_TEST(total.to_string() == "-3.00");
}

BOOST_AUTO_TEST_CASE(sums_differences_and_products_are_exact_or_refused) {
    Random random(2);
    for (int i = 0; i < rounds; ++i) {
        const Decimal a = random.any(), b = random.any();
        const cpp_rational x = value_of(a), y = value_of(b);
        check_exact(x + y, a, b, [](const Decimal &p, const Decimal &q) { return p + q; });
        check_exact(x - y, a, b, [](const Decimal &p, const Decimal &q) { return p - q; });
        check_exact(x * y, a, b, [](const Decimal &p, const Decimal &q) { return p * q; });
    }
}

BOOST_AUTO_TEST_CASE(laws_of_arithmetic) {
    Random random(3);
    for (int i = 0; i < rounds; ++i) {
        const Decimal a = random.small(), b = random.small(), c = random.small();
        BOOST_REQUIRE_EQUAL(a + b, b + a);
        BOOST_REQUIRE_EQUAL(a * b, b * a);
        BOOST_REQUIRE_EQUAL((a + b) + c, a + (b + c));
        BOOST_REQUIRE_EQUAL((a * b) * c, a * (b * c));
        BOOST_REQUIRE_EQUAL(a * (b + c), a * b + a * c);
        BOOST_REQUIRE_EQUAL(a - b, -(b - a));
        BOOST_REQUIRE_EQUAL((a + b) - b, a);
        if (!b.is_zero())
            BOOST_REQUIRE_EQUAL(Decimal::divide(a * b, b), a);
    }
}

BOOST_AUTO_TEST_CASE(the_largest_value) {
    const Decimal largest = dec(nines_76), one = dec("1");
    BOOST_TEST(sqlstate_of([&] { largest + one; }) == "22003");
    BOOST_TEST(sqlstate_of([&] { -largest - one; }) == "22003");
    BOOST_TEST(sqlstate_of([&] { largest *dec("2"); }) == "22003");
    BOOST_TEST((largest - one + one) == largest);
    BOOST_TEST(sqlstate_of([&] { largest + dec("0.1"); }) == "22003");
    const Decimal smallest = Decimal::from_units(1, 76);
    BOOST_TEST(sqlstate_of([&] { smallest *dec("0.1"); }) == "22003");
    BOOST_TEST(sqlstate_of([&] { one + smallest; }) == "22003");
}

BOOST_AUTO_TEST_CASE(zeros_are_dropped_before_a_result_is_refused) {
    const std::string fraction = "9." + std::string(75, '9');
    BOOST_TEST((dec(fraction) + Decimal::from_units(1, 75)).to_string() == "10");
    BOOST_TEST((Decimal::from_units(5, 76) * dec("2.0")).to_string() == Decimal::from_units(1, 75).to_string());
    BOOST_TEST((dec("1") - dec("0." + nines_76)) == Decimal::from_units(1, 76));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_rounding)

BOOST_AUTO_TEST_CASE(commissions_in_whole_cents) {
    const struct { const char *cents, *percent, *commission; } cases[] = {
        {"1000", "20", "200"}, {"1000", "50", "500"}, {"1900", "10", "190"}, {"7", "20", "1"},   {"2", "20", "0"},
        {"3", "20", "1"},      {"15", "10", "2"},     {"1", "50", "1"},      {"500", "2.9", "15"}, {"0", "20", "0"},
        {"500", "0", "0"}};
    for (const auto &c : cases) {
        const Decimal exact = Decimal::divide(dec(c.cents) * dec(c.percent), dec("100"));
        BOOST_TEST(exact.rounded(0, Rounding::half_up).to_string() == c.commission);
        BOOST_TEST((-exact).rounded(0, Rounding::half_up) == -dec(c.commission));
    }
}

BOOST_AUTO_TEST_CASE(each_rounding_of_ties_and_others) {
    const struct { const char *value, *half_up, *half_even, *down, *up; int scale; } cases[] = {
        {"10.125", "10.13", "10.12", "10.12", "10.13", 2},  {"-10.125", "-10.13", "-10.12", "-10.12", "-10.13", 2},
        {"10.135", "10.14", "10.14", "10.13", "10.14", 2},  {"561.885", "561.89", "561.88", "561.88", "561.89", 2},
        {"3243.50", "3244", "3244", "3243", "3244", 0},     {"0.5", "1", "0", "0", "1", 0},
        {"-0.5", "-1", "0", "0", "-1", 0},                  {"1.5", "2", "2", "1", "2", 0},
        {"2.5", "3", "2", "2", "3", 0},                     {"-2.5", "-3", "-2", "-2", "-3", 0},
        {"0.49999999999999999999", "0", "0", "0", "1", 0},  {"0.50000000000000000001", "1", "1", "0", "1", 0},
        {"9.999", "10.00", "10.00", "9.99", "10.00", 2},    {"0.001", "0.00", "0.00", "0.00", "0.01", 2},
        {"1.2", "1.20", "1.20", "1.20", "1.20", 2},         {"1.200", "1.2", "1.2", "1.2", "1.2", 1},
        {"0", "0.00", "0.00", "0.00", "0.00", 2},           {"0.00000", "0.0", "0.0", "0.0", "0.0", 1}};
    for (const auto &c : cases) {
        const Decimal value = dec(c.value);
        BOOST_TEST(value.rounded(c.scale, Rounding::half_up).to_string() == c.half_up);
        BOOST_TEST(value.rounded(c.scale, Rounding::half_even).to_string() == c.half_even);
        BOOST_TEST(value.rounded(c.scale, Rounding::down).to_string() == c.down);
        BOOST_TEST(value.rounded(c.scale, Rounding::up).to_string() == c.up);
    }
}

BOOST_AUTO_TEST_CASE(rounding_follows_its_definition) {
    Random random(4);
    for (int i = 0; i < rounds; ++i) {
        const Decimal value = random.any();
        const int scale = random.number(0, 2) == 0 ? random.number(0, Decimal::max_digits) : random.number(0, 8);
        for (const Rounding rounding : all_roundings) {
            const cpp_int units = round_units(value_of(value), scale, rounding);
            std::optional<Decimal> result;
            const std::string state = sqlstate_of([&] { result = value.rounded(scale, rounding); });
            BOOST_TEST_CONTEXT(value.to_string() << " to " << scale) {
                if (boost::multiprecision::abs(units) >= ten_to(Decimal::max_digits)) {
                    BOOST_REQUIRE_EQUAL(state, "22003");
                    continue;
                }
                BOOST_REQUIRE_EQUAL(state, "");
                BOOST_REQUIRE(result->scale() == scale);
                BOOST_REQUIRE(value_of(*result) == cpp_rational(units, ten_to(scale)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_scale_out_of_range_is_refused) {
    for (const int scale : {-1, 77}) {
        BOOST_TEST(sqlstate_of([&] { dec("1").rounded(scale, Rounding::half_up); }) == "22023");
        BOOST_TEST(sqlstate_of([&] { Decimal::divide(dec("1"), dec("3"), Rounding::down, scale); }) == "22023");
        BOOST_TEST(sqlstate_of([&] { allocate(dec("1"), decimals({"1"}), scale); }) == "22023");
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_division)

BOOST_AUTO_TEST_CASE(quotients) {
    BOOST_TEST(Decimal::divide(dec("1"), dec("4")).to_string() == "0.25");
    BOOST_TEST(Decimal::divide(dec("1"), dec("3")).to_string() == "0." + std::string(30, '3'));
    BOOST_TEST(Decimal::divide(dec("2"), dec("3")).to_string() == "0." + std::string(29, '6') + "7");
    BOOST_TEST(Decimal::divide(dec("-1"), dec("8"), Rounding::half_up, 2).to_string() == "-0.13");
    BOOST_TEST(Decimal::divide(dec("-1"), dec("8"), Rounding::half_even, 2).to_string() == "-0.12");
    BOOST_TEST(Decimal::divide(dec("100.00"), dec("-2.50")).to_string() == "-40");
    BOOST_TEST(Decimal::divide(dec("0.00"), dec("7")).to_string() == "0");
    BOOST_TEST(Decimal::divide(dec("1"), dec("1000"), Rounding::down, 2).to_string() == "0");
}

BOOST_AUTO_TEST_CASE(division_by_zero_and_beyond_the_limit) {
    BOOST_TEST(sqlstate_of([] { Decimal::divide(dec("1"), dec("0.00")); }) == "22012");
    BOOST_TEST(sqlstate_of([] { Decimal::divide(dec("0"), dec("0")); }) == "22012");
    BOOST_TEST(sqlstate_of([] { Decimal::divide(dec(nines_76), Decimal::from_units(1, 76)); }) == "22003");
    BOOST_TEST(Decimal::divide(dec(nines_76), dec("1")) == dec(nines_76));
}

BOOST_AUTO_TEST_CASE(quotients_are_rounded_once) {
    Random random(5);
    for (int i = 0; i < rounds; ++i) {
        const Decimal a = random.any(), b = random.any();
        if (b.is_zero())
            continue;
        const int scale = random.number(0, 2) == 0 ? random.number(0, Decimal::max_digits) : Decimal::max_scale;
        const Rounding rounding = all_roundings[random.number(0, 3)];
        check_exact(round(value_of(a) / value_of(b), scale, rounding), a, b, [&](const Decimal &p, const Decimal &q) {
            const Decimal quotient = Decimal::divide(p, q, rounding, scale);
            BOOST_REQUIRE(quotient.to_string() == quotient.normalized().to_string());
            return quotient;
        });
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_order)

BOOST_AUTO_TEST_CASE(values_are_compared_not_scales) {
    BOOST_TEST(dec("1.0") == dec("1.00"));
    BOOST_TEST(dec("0") == dec("-0.000"));
    BOOST_TEST(dec("-1") < dec("0.001"));
    BOOST_TEST(dec("-2") < dec("-1.5"));
    BOOST_TEST(dec(nines_76) > Decimal::from_units(1, 76));
    BOOST_TEST(dec(nines_76) != dec("1"));
}

BOOST_AUTO_TEST_CASE(order_is_that_of_the_values) {
    Random random(6);
    for (int i = 0; i < rounds; ++i) {
        const Decimal a = random.any();
        const Decimal b = random.number(0, 9) == 0 ? a.normalized() : random.any();
        const cpp_rational x = value_of(a), y = value_of(b);
        BOOST_REQUIRE((a < b) == (x < y));
        BOOST_REQUIRE((a > b) == (x > y));
        BOOST_REQUIRE((a <= b) == (x <= y));
        BOOST_REQUIRE((a == b) == (x == y));
        BOOST_REQUIRE(value_of(min(a, b)) == (y < x ? y : x));
        BOOST_REQUIRE(value_of(max(a, b)) == (x < y ? y : x));
    }
}

BOOST_AUTO_TEST_CASE(clamping) {
    BOOST_TEST(clamp(dec("5"), dec("0"), dec("3.0")).to_string() == "3.0");
    BOOST_TEST(clamp(dec("-5"), dec("0.00"), dec("3")).to_string() == "0.00");
    BOOST_TEST(clamp(dec("2"), dec("0"), dec("3")).to_string() == "2");
    BOOST_TEST(clamp(dec("2"), dec("4"), dec("3")).to_string() == "4");
    BOOST_TEST(min(dec("1.0"), dec("1.00")).to_string() == "1.0");
    BOOST_TEST(max(dec("1.0"), dec("1.00")).to_string() == "1.0");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_allocation)

BOOST_AUTO_TEST_CASE(splits) {
    BOOST_TEST(joined(allocate(dec("100"), decimals({"1", "1", "1"}), 2)) == "33.34 33.33 33.33");
    BOOST_TEST(joined(allocate(dec("0.05"), decimals({"3", "7"}), 2)) == "0.02 0.03");
    BOOST_TEST(joined(allocate(dec("-100"), decimals({"1", "1", "1"}), 2)) == "-33.34 -33.33 -33.33");
    BOOST_TEST(joined(allocate(dec("10"), decimals({"0.5", "0", "0.30", "0.2"}), 0)) == "5 0 3 2");
    BOOST_TEST(joined(allocate(dec("0.01"), decimals({"1", "0", "2"}), 2)) == "0.00 0.00 0.01");
    BOOST_TEST(joined(allocate(dec("0"), decimals({"1", "2"}), 2)) == "0.00 0.00");
    BOOST_TEST(joined(allocate(dec("10.005"), decimals({"1"}), 2)) == "10.01");
    BOOST_TEST(joined(allocate(dec("5"), decimals({"0.2", "0.3", "0.3", "0.2"}), 0)) == "1 2 1 1");
    const std::string zeros(38, '0'); // 4 * 10^38 is above 2^128
    BOOST_TEST(joined(allocate(dec("1"), {{dec("3" + zeros), dec("1" + zeros)}}, 2)) == "0.75 0.25");
    BOOST_TEST(joined(allocate(dec("3"), {{dec("3" + zeros), dec("1" + zeros)}}, 0)) == "2 1");
}

BOOST_AUTO_TEST_CASE(weights_that_are_refused) {
    BOOST_TEST(sqlstate_of([] { allocate(dec("1"), {}, 2); }) == "22023");
    BOOST_TEST(sqlstate_of([] { allocate(dec("1"), decimals({"0", "0.00"}), 2); }) == "22023");
    BOOST_TEST(sqlstate_of([] { allocate(dec("1"), decimals({"2", "-1"}), 2); }) == "22023");
}

BOOST_AUTO_TEST_CASE(parts_sum_to_the_whole) {
    Random random(7);
    for (int i = 0; i < 100000; ++i) {
        const Decimal total = random.small();
        std::vector<Decimal> weights;
        for (int count = random.number(1, 8); count > 0; --count)
            weights.push_back(random.number(0, 5) == 0 ? Decimal() : random.small().abs());
        weights.push_back(dec("0.5"));
        const int scale = random.number(0, 4);
        Decimal sum;
        for (const Decimal &part : allocate(total, weights, scale)) {
            BOOST_REQUIRE(part.scale() == scale);
            sum += part;
        }
        BOOST_REQUIRE_EQUAL(sum, total.rounded(scale, Rounding::half_up));
    }
}

BOOST_AUTO_TEST_CASE(largest_remainders_get_the_rest) {
    Random random(8);
    for (int i = 0; i < rounds / 4; ++i) {
        const Decimal total = random.any();
        const int scale = std::min(random.number(0, 30), Decimal::max_digits - total.significant_digits());
        std::vector<Decimal> weights{Decimal::from_int(1)};
        for (int count = random.number(0, 6); count > 0; --count)
            weights.push_back(random.number(0, 5) == 0 ? weights.front() : random.any().abs());
        cpp_rational sum = 0;
        for (const Decimal &weight : weights)
            sum += value_of(weight);
        const Decimal whole = total.rounded(scale, Rounding::half_up);
        const std::vector<Decimal> parts = allocate(total, weights, scale);
        BOOST_REQUIRE(parts.size() == weights.size());

        // What each part got beyond its exact share cut to `scale`: 0 or 1 unit, none who got 0 has more cut off
        // than one who got 1, and of equal ones the first got it.
        cpp_rational parts_sum = 0;
        std::vector<cpp_rational> cut;
        std::vector<bool> extra;
        for (std::size_t p = 0; p < parts.size(); ++p) {
            const cpp_rational share = value_of(whole) * value_of(weights[p]) / sum;
            const cpp_rational base = round(share, scale, Rounding::down);
            const cpp_rational unit(total.sign() < 0 ? -1 : 1, ten_to(scale));
            const cpp_rational part = value_of(parts[p]);
            BOOST_REQUIRE((part == base || part == base + unit));
            extra.push_back(part != base);
            cut.push_back(boost::multiprecision::abs(share - base));
            parts_sum += part;
        }
        BOOST_REQUIRE(parts_sum == value_of(whole));
        for (std::size_t p = 0; p < parts.size(); ++p) {
            for (std::size_t q = 0; q < parts.size(); ++q)
                BOOST_REQUIRE(!(extra[p] && !extra[q] && (cut[q] > cut[p] || (cut[q] == cut[p] && q < p))));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
