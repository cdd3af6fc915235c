// SPDX-License-Identifier: PostgreSQL
// One sale that somebody earns, for tests of what happens to it.
#pragma once

#include "case_builder.hpp"

namespace story {

inline const Sale &sale_of(const Settled &settled, const std::string &id) {
    for (const Sale &sale : settled.news.sales)
        if (sale.row->transaction_id == id) return sale;
    throw std::out_of_range(id);
}

/// A sale of alice on day 1 over 100.
struct Sold : Story {
    Sold() {
        click("c", alice, day(0));
        sale("s", day(1), "100");
    }
};

} // namespace story
