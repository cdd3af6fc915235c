// SPDX-License-Identifier: PostgreSQL
// Writing JSON text the way PostgreSQL prints a jsonb value: a blank after colon and comma, only what must be is escaped.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/decimal.hpp"
#include "core/time.hpp"

namespace affiliate::core {

/// Appends `text` as a JSON string.
void append_json(std::string &out, std::string_view text);

/// Customer-typed text of any length is kept in the fact; 500 bytes of it, at a character's end, are enough elsewhere (W13).
std::string_view clipped(std::string_view text, std::size_t bytes = 500) noexcept;

/// ISO 8601 in UTC, with microseconds where there are any, and as PostgreSQL reads it: " BC" behind it for the years before
/// 1, "infinity" and "-infinity" for the ends of time.
std::string json_time(Time at);

/// An object under construction; members in the order in which they are added.
class JsonObject {
public:
    JsonObject &add(std::string_view key, std::string_view text); ///< null where it is empty
    JsonObject &add(std::string_view key, const char *text) { return add(key, std::string_view(text)); }
    JsonObject &add(std::string_view key, const Decimal &value);
    JsonObject &add(std::string_view key, const std::optional<Decimal> &value);
    JsonObject &add(std::string_view key, int value);
    JsonObject &add(std::string_view key, bool value);
    JsonObject &add_time(std::string_view key, std::optional<Time> at);
    /// `json` is JSON text already.
    JsonObject &add_json(std::string_view key, std::string_view json);
    std::string text() const { return out_ + "}"; }

private:
    void key(std::string_view name);
    std::string out_ = "{";
};

} // namespace affiliate::core
