// SPDX-License-Identifier: PostgreSQL
// Small functions that SQL calls: ids, defaults, durability.
#include <array>

#include "pg/convert.hpp"
#include "pg/rulebook.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// _default_program(): the one program there is; several or none are an error of the statement that left it out.
AFFILIATE_FUNCTION(affiliate_default_program) {
    std::optional<std::string> const program = only_program();
    if (!program)
        throw core::Error("AF012", "program_id is missing",
                          "It may be left out only where exactly one program exists.",
                          "Name the program, or insert one into affiliate.program.");
    return make_text(*program);
}

/// new_click_id(): a UUID of version 7 (RFC 9562): 48 bits of milliseconds since 1970, then 74 random bits.
AFFILIATE_FUNCTION(affiliate_new_click_id) {
    std::array<std::uint8_t, 16> bytes{};
    if (!pg_strong_random(bytes.data(), bytes.size()))
        throw core::Error("XX000", "no random numbers are to be had");
    constexpr std::int64_t kUnixEpoch = 946'684'800'000; // 2000-01-01 in milliseconds since 1970
    std::int64_t const millisecond = GetCurrentTimestamp() / 1000 + kUnixEpoch;
    for (int i = 0; i < 6; ++i)
        bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(millisecond >> (40 - 8 * i));
    bytes[6] = static_cast<std::uint8_t>(0x70 | (bytes[6] & 0x0F));
    bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3F));
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        constexpr char kHex[] = "0123456789abcdef";
        text += kHex[bytes[i] >> 4];
        text += kHex[bytes[i] & 0x0F];
    }
    return make_text(text);
}

/// _force_sync(): the commit of this transaction waits for the disk, whatever synchronous_commit says.
AFFILIATE_FUNCTION(affiliate_force_sync) {
    call([] { ForceSyncCommit(); });
    PG_RETURN_VOID();
}

} // namespace affiliate::pg
