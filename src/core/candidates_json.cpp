// SPDX-License-Identifier: PostgreSQL
// conversion.candidates as JSON text.
#include "core/json.hpp"
#include "core/rule.hpp"

namespace affiliate::core {

namespace {

/// Customer-typed text of any length is kept in the fact; 500 bytes of it, at a character's end, are enough here (W13).
std::string_view clipped(std::string_view text) {
    constexpr std::size_t kLength = 500;
    if (text.size() <= kLength) return text;
    std::size_t end = kLength;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

} // namespace

std::string candidates_json(const Decision &decision) {
    std::string out = "[";
    for (const Candidate &candidate : decision.candidates) {
        if (out.size() > 1) out += ", ";
        out += "{\"at\": ";
        append_json(out, json_time(candidate.at));
        out += ", \"ref\": ";
        append_json(out, clipped(candidate.ref));
        out += ", \"code\": ";
        append_json(out, candidate.code);
        out += ", \"method\": ";
        append_json(out, name(candidate.method));
        out += ", \"affiliate_no\": ";
        out += candidate.affiliate_no == 0 ? "null" : std::to_string(candidate.affiliate_no);
        out += '}';
    }
    return out + "]";
}

} // namespace affiliate::core
