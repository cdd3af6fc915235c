// SPDX-License-Identifier: PostgreSQL
// Decimals as text and in PostgreSQL's binary format.
#include "core/decimal.hpp"

#include <array>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/error.hpp"
#include "decimal_reference.hpp"

using namespace affiliate::core;
using namespace reference;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(const std::string &hex) {
    Bytes bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

std::string to_hex(const Bytes &bytes) {
    std::string hex;
    for (const std::uint8_t byte : bytes) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
    }
    return hex;
}

Bytes encoded(const Decimal &value) {
    Bytes bytes(max_numeric_wire);
    bytes.resize(encode_numeric(value, bytes));
    return bytes;
}

/// What decode_numeric() makes of it, "refused" for nullopt.
std::string decoded(const Bytes &bytes) {
    const auto value = decode_numeric(bytes);
    return value ? value->to_string() : "refused";
}

std::string zeros(std::size_t count) { return std::string(count, '0'); }

} // namespace

BOOST_AUTO_TEST_SUITE(decimal_text)

BOOST_AUTO_TEST_CASE(what_is_read) {
    const struct { std::string text, printed; } cases[] = {
        {"0", "0"},           {"-0", "0"},        {"+0.0", "0.0"},   {"-0.00", "0.00"},     {"7", "7"},
        {"+7", "7"},          {"-7.10", "-7.10"}, {"007", "7"},      {"000.500", "0.500"},  {"19.99", "19.99"},
        {"0.000001", "0.000001"},
        {"18446744073709551615", "18446744073709551615"},
        {"18446744073709551616", "18446744073709551616"},
        {"340282366920938463463374607431768211456", "340282366920938463463374607431768211456"},
        {std::string(76, '9'), std::string(76, '9')},
        {"0." + zeros(75) + "1", "0." + zeros(75) + "1"},
        {zeros(100) + "1.5", "1.5"},
        {"1." + zeros(100), "1"},
        {"1.25" + zeros(80), "1.25"},
        {"0." + zeros(100), "0"},
        {std::string(76, '9') + ".0", std::string(76, '9')}};
    for (const auto &c : cases) {
        BOOST_TEST_CONTEXT(c.text) {
            const auto value = Decimal::parse(c.text);
            BOOST_REQUIRE(value.has_value());
            BOOST_TEST(value->to_string() == c.printed);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_refused) {
    const std::string cases[] = {
        "", "+", "-", ".", "-.", "1.", ".5", "-.5", "1..2", "1.2.3", "1,5", "1 ", " 1", "1e5", "1E5", "0x1", "--1",
        "+-1", "1-", "1.-5", "1.+5", "NaN", "nan", "Infinity", "inf", "1_000", "\xD9\xA1", "1\n", "/", ":",
        std::string("1\0", 2),
        "1" + zeros(76), std::string(77, '9'), "0." + zeros(76) + "1", "1." + zeros(75) + "1", zeros(132),
        "1." + zeros(130)};
    for (const std::string &text : cases) {
        BOOST_TEST_CONTEXT("\"" << text << "\"")
            BOOST_TEST(!Decimal::parse(text).has_value());
    }
}

BOOST_AUTO_TEST_CASE(text_round_trip) {
    Random random(11);
    for (int i = 0; i < 20000; ++i) {
        const Decimal value = random.any();
        const std::string text = value.to_string();
        const auto again = Decimal::parse(text);
        BOOST_REQUIRE(again.has_value());
        BOOST_REQUIRE_EQUAL(again->to_string(), text);
        BOOST_REQUIRE_EQUAL(*again, value);
        BOOST_REQUIRE(again->scale() == value.scale());
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(decimal_wire)

// encode(numeric_send(value), 'hex') of PostgreSQL 15.20.
BOOST_AUTO_TEST_CASE(bytes_of_postgresql) {
    const struct { std::string text, hex; } cases[] = {
        {"0", "0000000000000000"},
        {"0.00", "0000000000000002"},
        {"1", "00010000000000000001"},
        {"-1", "00010000400000000001"},
        {"19.99", "0002000000000002001326ac"},
        {"-19.99", "0002000040000002001326ac"},
        {"0.0001", "0001ffff000000040001"},
        {"0.00001", "0001fffe0000000503e8"},
        {"100", "00010000000000000064"},
        {"10000", "00010001000000000001"},
        {"123456789", "0003000200000000000109291a85"},
        {"1.5", "000200000000000100011388"},
        {"0.10", "0001ffff0000000203e8"},
        {"-0.5000", "0001ffff400000041388"},
        {"99990000", "0001000100000000270f"},
        {"10.125", "0002000000000003000a04e2"},
        {"1000000.000001", "00040001000000060064000000000064"},
        {"12345678901234567890123456789.123456789",
         "000b000700000009000109291a85007b11d722c509291a8504d2162e2328"},
        {std::string(76, '9'), "0013001200000000270f270f270f270f270f270f270f270f270f270f270f270f270f270f270f270f270f"
                               "270f270f"},
        {"0." + zeros(75) + "1", "0001ffed0000004c0001"}};
    for (const auto &c : cases) {
        BOOST_TEST(to_hex(encoded(dec(c.text))) == c.hex);
        BOOST_TEST(decoded(from_hex(c.hex)) == c.text);
    }
}

BOOST_AUTO_TEST_CASE(wire_round_trip) {
    Random random(12);
    std::size_t longest = 0;
    for (int i = 0; i < 20000; ++i) {
        const Decimal value = random.any();
        const Bytes bytes = encoded(value);
        longest = std::max(longest, bytes.size());
        BOOST_REQUIRE_EQUAL(decoded(bytes), value.to_string());
    }
    BOOST_TEST(longest == max_numeric_wire);
}

BOOST_AUTO_TEST_CASE(every_scale_of_the_longest_values) {
    for (std::size_t scale = 1; scale < 76; ++scale) {
        const std::string text = std::string(76, '9').insert(76 - scale, 1, '.');
        const std::string sparse = "1" + zeros(75 - scale) + "." + zeros(scale - 1) + "1";
        BOOST_TEST(decoded(encoded(dec(text))) == text);
        BOOST_TEST(decoded(encoded(dec(sparse))) == sparse);
    }
}

BOOST_AUTO_TEST_CASE(unusual_but_valid) {
    BOOST_TEST(decoded(from_hex("00020001000000000000" "0007")) == "7");        // leading zero
    BOOST_TEST(decoded(from_hex("00020000000000000007" "0000")) == "7");        // trailing zero
    BOOST_TEST(decoded(from_hex("0002ffff400000080000" "0000")) == "0.00000000"); // minus zero
    BOOST_TEST(decoded(from_hex("0000000540000000")) == "0");
    BOOST_TEST(decoded(from_hex("00000000000003e8")) == "0");                   // a scale of 1000, nothing in it
    BOOST_TEST(decoded(from_hex("000200000000004c0001" "1388")) == "1.5");       // 1.5 with 76 digits does not fit
    BOOST_TEST(decoded(from_hex("000200000000004b0001" "1388")) == "1.5" + zeros(74));
    BOOST_TEST(decoded(from_hex("00010012000000000001")) == "1" + zeros(72));
    BOOST_TEST(decoded(from_hex("000100120000000203e8")) == "1" + zeros(75));
}

BOOST_AUTO_TEST_CASE(malformed_or_too_large) {
    const std::string cases[] = {
        "00000000c0000000", "00000000d0000020", "00000000f0000020", // NaN, Infinity, -Infinity
        "0000000000000000" "00",                                    // an extra byte
        "00010000000000000001" "0002",                              // an extra digit
        "0001000000000000",                                         // no digit
        "0001000000000000" "00",                                    // half a digit
        "ffff000000000000" "0001",                                  // -1 digits
        "00010000000000002710",                                     // digit 10000
        "0001000000000000ffff",
        "00020000000000000001" "ffff",
        "00010000000100000001", "00010000800000000001",             // signs there are not
        "00010000000040000001", "00010000" "0000ffff0001",          // dscale above 0x3fff
        "00020000000000000001" "0001",                              // digits below the scale: 1.0001 of scale 0
        "0002000000000003000104e3",                                 // 1.1251 of scale 3
        "0001ffff000000000001",
        "0001ffec000000500001",                                     // 10^-80
        "00010013000000000001",                                     // 10^76
        "00017fff000000000001", "00018000000000000001", "000180000000" "3fff0001"};
    for (const std::string &hex : cases) {
        BOOST_TEST_CONTEXT(hex)
            BOOST_TEST(decoded(from_hex(hex)) == "refused");
    }
    const Bytes valid = encoded(dec("-12345678901.23456"));
    for (std::size_t length = 0; length < valid.size(); ++length)
        BOOST_TEST(decoded(Bytes(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(length))) == "refused");
}

BOOST_AUTO_TEST_CASE(more_digits_than_any_decimal) {
    for (std::size_t count = 0; count <= 40; ++count) {
        Bytes bytes{0, static_cast<std::uint8_t>(count), 0, 0, 0, 0, 0, 200};
        for (std::size_t i = 0; i < count; ++i) {
            bytes.push_back(0x03);
            bytes.push_back(0xe8);
        }
        BOOST_TEST((decoded(bytes) == "refused") == (count > 19)); // 1000.1000.. has 4 + 4 * (count - 1) - 3 digits
    }
}

BOOST_AUTO_TEST_CASE(a_short_buffer_is_refused) {
    std::array<std::uint8_t, max_numeric_wire - 1> buffer;
    BOOST_CHECK_EXCEPTION(encode_numeric(dec("1"), buffer), Error,
                          [](const Error &error) { return std::string(error.sqlstate()) == "XX000"; });
}

BOOST_AUTO_TEST_SUITE_END()
