// SPDX-License-Identifier: PostgreSQL
#include "core/case_file.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace affiliate::core {

namespace {

/// What a header is about: a transaction, or the registration.
using Subject = std::tuple<std::string_view, bool>;

Subject subject_of(const ConversionRow &row) noexcept { return {row.transaction_id, row.registration}; }
Subject subject_of(const CommissionRow &row) noexcept { return {row.subject_id, row.registration}; }

struct BySubject {
    template <class Row> bool operator()(const Row &a, const Row &b) const noexcept { return subject_of(a) < subject_of(b); }
    template <class Row> bool operator()(const Row &a, const Subject &b) const noexcept { return subject_of(a) < b; }
    template <class Row> bool operator()(const Subject &a, const Row &b) const noexcept { return a < subject_of(b); }
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

const ConversionRow *CaseFile::posted(const std::string &transaction_id, bool registration) const noexcept {
    Subject const wanted{transaction_id, registration};
    auto const it = std::lower_bound(conversions.begin(), conversions.end(), wanted, BySubject{});
    return it != conversions.end() && subject_of(*it) == wanted ? &*it : nullptr;
}

std::span<const CommissionRow> CaseFile::commissions_of(const std::string &subject_id, bool registration) const noexcept {
    auto const [begin, end] =
        std::equal_range(commissions.begin(), commissions.end(), Subject{subject_id, registration}, BySubject{});
    return {begin, end};
}

const CommissionRow *CaseFile::posted(const std::string &subject_id, bool registration, int rule_no, int affiliate_no,
                                      int level) const noexcept {
    for (const CommissionRow &row : commissions_of(subject_id, registration))
        if (row.rule_no == rule_no && row.affiliate_no == affiliate_no && row.level == level) return &row;
    return nullptr;
}

} // namespace affiliate::core
