// SPDX-License-Identifier: PostgreSQL
#pragma once

#include <cstring>

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Makes a jsonb value of objects, texts and nulls without writing JSON first. Inside of call(): plain data, whose calls may
/// ereport. Keys and texts are not copied before value().
class JsonbWriter {
public:
    void begin_object() { push(WJB_BEGIN_OBJECT, nullptr); }
    void end_object() { push(WJB_END_OBJECT, nullptr); }
    void key(const char *name) { text(WJB_KEY, name); }
    /// nullptr: null.
    void value(const char *text_or_null) {
        if (text_or_null != nullptr) return text(WJB_VALUE, text_or_null);
        JsonbValue null;
        null.type = jbvNull;
        push(WJB_VALUE, &null);
    }
    void add(const char *name, const char *text_or_null) {
        key(name);
        value(text_or_null);
    }
    Datum datum() const { return JsonbPGetDatum(JsonbValueToJsonb(last_)); }

private:
    void text(JsonbIteratorToken token, const char *characters) {
        JsonbValue string;
        string.type = jbvString;
        string.val.string.len = static_cast<int>(std::strlen(characters));
        string.val.string.val = const_cast<char *>(characters);
        push(token, &string);
    }
    void push(JsonbIteratorToken token, JsonbValue *value) { last_ = pushJsonbValue(&state_, token, value); }

    JsonbParseState *state_ = nullptr;
    JsonbValue *last_ = nullptr; ///< once the outermost object has ended: the whole
};

} // namespace affiliate::pg
