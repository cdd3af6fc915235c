// SPDX-License-Identifier: PostgreSQL
// conversion.candidates as JSON text.
#include "core/json.hpp"
#include "core/rule.hpp"

namespace affiliate::core {

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
