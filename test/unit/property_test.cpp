// SPDX-License-Identifier: PostgreSQL
// The properties of test/unit/properties.hpp over 10,000 histories of a fixed seed.
#include <random>

#include <boost/test/unit_test.hpp>

#include "properties.hpp"

BOOST_AUTO_TEST_SUITE(property)

BOOST_AUTO_TEST_CASE(ten_thousand_histories) {
    std::mt19937 random(20240101);
    int broken = 0;
    for (int seed = 0; seed < 10'000 && broken < 5; ++seed) {
        std::array<std::uint8_t, 160> bytes;
        for (std::uint8_t &byte : bytes) byte = static_cast<std::uint8_t>(random());
        try {
            story::check_properties(bytes.data(), bytes.size());
        } catch (const std::exception &error) {
            ++broken;
            BOOST_ERROR("history " << seed << ": " << error.what());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
