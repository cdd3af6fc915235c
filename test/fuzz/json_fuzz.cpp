// SPDX-License-Identifier: PostgreSQL
// Any time and any text: as JSON both can be read again, and a text is clipped at a character.
#include <cstring>

#include "core/json.hpp"

#include "json_reader.hpp"

using namespace affiliate::core;
using json::require;

namespace {

/// Days from 2000-01-01 to a day of the proleptic Gregorian calendar; year 0 is 1 BC.
Time days_of(Time year, Time month, Time day) {
    auto const leaps_before = [](Time y) { // leap years among the years before y, counted from year 0
        auto const floor_by = [](Time value, Time by) { return value >= 0 ? value / by : -((by - 1 - value) / by); };
        return floor_by(y + 3, 4) - floor_by(y + 99, 100) + floor_by(y + 399, 400);
    };
    bool const leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Time days = (year - 2000) * 365 + leaps_before(year) - leaps_before(2000);
    int const lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    require(month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1]);
    for (Time m = 1; m < month; ++m) days += lengths[m - 1];
    return days + day - 1;
}

/// Reads 2025-03-01T12:00:00.000001Z, with " BC" behind it for the years before 1.
void check_time(Time at) {
    std::string const text = json_time(at);
    if (at == kForever || at == kBeginning) return require(text == (at == kForever ? "infinity" : "-infinity"));
    std::size_t place = 0;
    auto const number = [&](std::size_t least, std::size_t most) {
        Time value = 0;
        std::size_t digits = 0;
        for (; place < text.size() && text[place] >= '0' && text[place] <= '9'; ++place, ++digits)
            value = value * 10 + (text[place] - '0');
        require(digits >= least && digits <= most);
        return value;
    };
    auto const literally = [&](std::string_view expected) {
        require(text.compare(place, expected.size(), expected) == 0);
        place += expected.size();
    };
    Time year = number(4, 6);
    require(year > 0);
    literally("-");
    Time const month = number(2, 2);
    literally("-");
    Time const day = number(2, 2);
    literally("T");
    Time const hour = number(2, 2);
    literally(":");
    Time const minute = number(2, 2);
    literally(":");
    Time const second = number(2, 2);
    Time micros = 0;
    if (text[place] == '.') {
        literally(".");
        micros = number(6, 6);
        require(micros != 0);
    }
    literally("Z");
    if (place < text.size()) {
        literally(" BC");
        year = 1 - year;
    }
    require(place == text.size() && hour < 24 && minute < 60 && second < 60);
    __int128 const seconds = ((static_cast<__int128>(days_of(year, month, day)) * 24 + hour) * 60 + minute) * 60 + second;
    require(seconds * 1'000'000 + micros == at);
}

void check_text(std::string_view text, std::size_t most) {
    std::string written = "before";
    append_json(written, text);
    require(written.starts_with("before"));
    json::Reader reader(std::string_view(written).substr(6));
    require(reader.string() == text);
    reader.end();

    std::string_view const part = clipped(text, most);
    require(part.data() == text.data() && (text.size() <= most ? part.size() == text.size() : part.size() <= most));
    auto const begins = [&text](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80; };
    if (part.size() < text.size()) require(part.empty() || begins(part.size()));
    for (std::size_t at = part.size() + 1; at <= most && at < text.size(); ++at) require(!begins(at)); // none fits behind it

    JsonObject object;
    object.add(text, text).add("n", static_cast<int>(most)).add("b", most % 2 == 0).add_time("t", std::nullopt);
    std::string const whole = object.text();
    json::Reader again(whole);
    auto const members = again.object();
    again.end();
    require(members.size() == 4 && members[0].first == text && members[0].second == (text.empty() ? "null" : text));
    require(members[1].second == std::to_string(most) && members[2].second == (most % 2 == 0 ? "true" : "false"));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size < 9) return 0;
    Time at = 0;
    std::memcpy(&at, data, sizeof at);
    check_time(at);
    check_time(at % (400 * 366 * kDay)); // and near to us
    check_text({reinterpret_cast<const char *>(data) + 9, size - 9}, data[8]);
    return 0;
}
