// SPDX-License-Identifier: PostgreSQL
// conversion.candidates as text, in the very form in which PostgreSQL prints a jsonb value (keys by length, blanks after
// colon and comma), so that an unchanged decision compares equal to what is stored.
#include <cstdio>

#include "core/rule.hpp"

namespace affiliate::core {

namespace {

void append_string(std::string &out, const std::string &text) {
    out += '"';
    for (char const c : text) {
        switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\b': out += "\\b"; break;
        case '\f': out += "\\f"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            if (static_cast<unsigned char>(c) < 0x20) {
                char code[8];
                std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
                out += code;
            } else {
                out += c;
            }
        }
    }
    out += '"';
}

/// ISO 8601 in UTC with microseconds; the civil calendar from days since 2000-03-01.
std::string iso_time(Time at) {
    if (at == kBeginning) return "-infinity";
    if (at == kForever) return "infinity";
    Time const day_length = kDay;
    Time day = at / day_length, rest = at % day_length;
    if (rest < 0) {
        rest += day_length;
        --day;
    }
    Time const shifted = day - 60; // 2000-01-01 is 60 days before 2000-03-01
    Time const era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    Time const day_of_era = shifted - era * 146097;
    Time const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    Time const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    Time const month_index = (5 * day_of_year + 2) / 153;
    Time const day_of_month = day_of_year - (153 * month_index + 2) / 5 + 1;
    Time const month = month_index < 10 ? month_index + 3 : month_index - 9;
    Time const year = year_of_era + era * 400 + 2000 + (month <= 2 ? 1 : 0);
    char text[64];
    std::snprintf(text, sizeof text, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%06lldZ", static_cast<long long>(year),
                  static_cast<long long>(month), static_cast<long long>(day_of_month),
                  static_cast<long long>(rest / kHour), static_cast<long long>(rest / 60'000'000 % 60),
                  static_cast<long long>(rest / 1'000'000 % 60), static_cast<long long>(rest % 1'000'000));
    return text;
}

} // namespace

std::string candidates_json(const Decision &decision) {
    std::string out = "[";
    for (const Candidate &candidate : decision.candidates) {
        if (out.size() > 1) out += ", ";
        out += "{\"at\": ";
        append_string(out, iso_time(candidate.at));
        out += ", \"ref\": ";
        append_string(out, candidate.ref);
        out += ", \"code\": ";
        append_string(out, candidate.code);
        out += ", \"method\": ";
        append_string(out, name(candidate.method));
        out += ", \"affiliate_no\": ";
        out += candidate.affiliate_no == 0 ? "null" : std::to_string(candidate.affiliate_no);
        out += '}';
    }
    return out + "]";
}

} // namespace affiliate::core
