// SPDX-License-Identifier: PostgreSQL
// A strict reader of JSON text, to see whether what the core writes is any, and says what it should.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace json {

inline void require(bool condition) {
    if (!condition) std::abort();
}

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    /// A string, decoded.
    std::string string() {
        expect('"');
        std::string result;
        while (peek() != '"') {
            char const c = next();
            require(static_cast<unsigned char>(c) >= 0x20);
            result += c == '\\' ? escaped() : c;
        }
        expect('"');
        return result;
    }
    /// What stands until the next comma, bracket or brace: a number, true, false or null.
    std::string word() {
        std::string result;
        while (peek() != ',' && peek() != '}' && peek() != ']') result += next();
        return result;
    }
    /// The members of an object of strings and words, in order.
    std::vector<std::pair<std::string, std::string>> object() {
        std::vector<std::pair<std::string, std::string>> members;
        expect('{');
        while (peek() != '}') {
            if (!members.empty()) separator(',');
            std::string key = string();
            separator(':');
            members.emplace_back(std::move(key), peek() == '"' ? string() : word());
        }
        expect('}');
        return members;
    }
    char peek() const {
        require(at_ < text_.size());
        return text_[at_];
    }
    void expect(char c) { require(next() == c); }
    /// As PostgreSQL prints a jsonb value: with a blank behind it.
    void separator(char c) {
        expect(c);
        expect(' ');
    }
    void end() const { require(at_ == text_.size()); }

private:
    char next() {
        char const c = peek();
        ++at_;
        return c;
    }
    char escaped() {
        switch (char const c = next()) {
        case '"':
        case '\\': return c;
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'u': {
            int code = 0;
            for (int i = 0; i < 4; ++i) {
                char const digit = next();
                require((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f'));
                code = code * 16 + (digit <= '9' ? digit - '0' : digit - 'a' + 10);
            }
            require(code < 0x20); // nothing else must be escaped
            return static_cast<char>(code);
        }
        default: std::abort();
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace json
