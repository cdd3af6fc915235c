// SPDX-License-Identifier: PostgreSQL
#include "core/case_file.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace affiliate::core {

namespace {

/// What a header is about.
using Key = std::tuple<std::string_view, Subject>;

Key subject_of(const ConversionRow &row) noexcept { return {row.transaction_id, row.subject}; }
Key subject_of(const CommissionRow &row) noexcept { return {row.subject_id, row.subject}; }

struct BySubject {
    template <class Row> bool operator()(const Row &a, const Row &b) const noexcept { return subject_of(a) < subject_of(b); }
    template <class Row> bool operator()(const Row &a, const Key &b) const noexcept { return subject_of(a) < b; }
    template <class Row> bool operator()(const Key &a, const Row &b) const noexcept { return a < subject_of(b); }
};

/// Mostly the index gave them in this order already.
template <class Row> void sort(std::vector<Row> &rows) {
    if (!std::is_sorted(rows.begin(), rows.end(), BySubject{})) std::stable_sort(rows.begin(), rows.end(), BySubject{});
}

} // namespace

void CaseFile::sort_posted() {
    sort(conversions);
    sort(commissions);
}

const ConversionRow *CaseFile::posted(const std::string &subject_id, Subject subject) const noexcept {
    Key const wanted{subject_id, subject};
    auto const it = std::lower_bound(conversions.begin(), conversions.end(), wanted, BySubject{});
    return it != conversions.end() && subject_of(*it) == wanted ? &*it : nullptr;
}

std::span<const CommissionRow> CaseFile::commissions_of(const std::string &subject_id, Subject subject) const noexcept {
    auto const [begin, end] =
        std::equal_range(commissions.begin(), commissions.end(), Key{subject_id, subject}, BySubject{});
    return {begin, end};
}

const CommissionRow *CaseFile::posted(const std::string &subject_id, Subject subject, int rule_no, int affiliate_no,
                                      int level) const noexcept {
    for (const CommissionRow &row : commissions_of(subject_id, subject))
        if (row.rule_no == rule_no && row.affiliate_no == affiliate_no && row.level == level) return &row;
    return nullptr;
}

} // namespace affiliate::core
