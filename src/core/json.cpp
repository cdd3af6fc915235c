// SPDX-License-Identifier: PostgreSQL
#include "core/json.hpp"

#include <cstdio>

namespace affiliate::core {

std::string_view clipped(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) return text;
    std::size_t end = bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

void append_json(std::string &out, std::string_view text) {
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

// The civil calendar from days since 2000-03-01.
std::string json_time(Time at) {
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
    std::string result;
    auto const digits = [&result](Time value, int width) {
        char reversed[8];
        for (int i = 0; i < width; ++i, value /= 10) reversed[i] = static_cast<char>('0' + value % 10);
        for (int i = width; i-- > 0;) result += reversed[i];
    };
    auto const field = [&](char separator, Time value) {
        result += separator;
        digits(value, 2);
    };
    bool const is_bc = year <= 0; // year 0 is 1 BC
    Time const shown = is_bc ? 1 - year : year;
    digits(shown, shown > 9999 ? 6 : 4);
    field('-', month);
    field('-', day_of_month);
    field('T', rest / kHour);
    field(':', rest / 60'000'000 % 60);
    field(':', rest / 1'000'000 % 60);
    if (rest % 1'000'000 != 0) {
        result += '.';
        digits(rest % 1'000'000, 6);
    }
    return result + (is_bc ? "Z BC" : "Z");
}

void JsonObject::key(std::string_view name) {
    if (out_.size() > 1) out_ += ", ";
    append_json(out_, name);
    out_ += ": ";
}

JsonObject &JsonObject::add_json(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
    return *this;
}

JsonObject &JsonObject::add(std::string_view name, std::string_view text) {
    if (text.empty()) return add_json(name, "null");
    key(name);
    append_json(out_, text);
    return *this;
}

JsonObject &JsonObject::add(std::string_view name, const Decimal &value) { return add_json(name, value.to_string()); }
JsonObject &JsonObject::add(std::string_view name, const std::optional<Decimal> &value) {
    return add_json(name, value ? value->to_string() : "null");
}
JsonObject &JsonObject::add(std::string_view name, int value) { return add_json(name, std::to_string(value)); }
JsonObject &JsonObject::add(std::string_view name, bool value) { return add_json(name, value ? "true" : "false"); }
JsonObject &JsonObject::add_time(std::string_view name, std::optional<Time> at) {
    return at ? add(name, json_time(*at)) : add_json(name, "null");
}

} // namespace affiliate::core
