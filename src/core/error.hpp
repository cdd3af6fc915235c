// SPDX-License-Identifier: PostgreSQL
// The one error type of the core. The boundary in src/pg/guard.hpp turns it into a PostgreSQL error
// with the same SQLSTATE, DETAIL and HINT.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace affiliate::core {

class Error : public std::exception {
public:
    /// `sqlstate` is a string literal of five characters, listed in docs/errors.md.
    /// `position` is a 1-based character position inside a text the caller gave, 0 where there is none.
    Error(const char *sqlstate, std::string message, std::string detail = {}, std::string hint = {},
          int position = 0)
        : sqlstate_(sqlstate), message_(std::move(message)), detail_(std::move(detail)),
          hint_(std::move(hint)), position_(position) {}

    const char *what() const noexcept override { return message_.c_str(); }
    const char *sqlstate() const noexcept { return sqlstate_; }
    const std::string &detail() const noexcept { return detail_; }
    const std::string &hint() const noexcept { return hint_; }
    int position() const noexcept { return position_; }

private:
    const char *sqlstate_;
    std::string message_, detail_, hint_;
    int position_;
};

} // namespace affiliate::core
