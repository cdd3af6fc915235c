// SPDX-License-Identifier: PostgreSQL
#include "pg/sorted_keys.hpp"

#include <algorithm>

#include "pg/convert.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kFew = 1000; // are sorted here: the server's sort costs more than a whole sale

} // namespace

void SortedKeys::add(std::string_view key) {
    if (key.empty()) return;
    ++added_;
    if (many_ != nullptr) return put(key);
    few_.emplace_back(key);
    if (few_.size() > kFew) spill();
}

void SortedKeys::spill() {
    MemoryContext const home = home_;
    many_ = call([home] {
        MemoryContext const before = MemoryContextSwitchTo(home);
        Oid const less = lookup_type_cache(TEXTOID, TYPECACHE_LT_OPR)->lt_opr;
        Tuplesortstate *const sort =
            tuplesort_begin_datum(TEXTOID, less, C_COLLATION_OID, false, work_mem, nullptr, TUPLESORT_RANDOMACCESS);
        MemoryContextSwitchTo(before);
        return sort;
    });
    for (const std::string &key : few_) put(key);
    few_ = {};
}

void SortedKeys::put(std::string_view key) {
    Tuplesortstate *const sort = many_;
    Datum const value = make_text(key);
    call([sort, value] {
        tuplesort_putdatum(sort, value, false);
        pfree(DatumGetPointer(value));
    });
}

void SortedKeys::sort() {
    if (Tuplesortstate *const sort = many_; sort != nullptr) call([sort] { tuplesort_performsort(sort); });
    else std::sort(few_.begin(), few_.end());
    at_end_ = added_ == 0;
}

bool SortedKeys::step(std::string &key) {
    if (Tuplesortstate *const sort = many_; sort != nullptr) {
        Datum value = 0;
        if (!call([sort, &value] { return next_sorted(sort, &value); })) return false;
        key = view_bytes(value);
        pfree(DatumGetPointer(value));
        return true;
    }
    if (place_.index == few_.size()) return false;
    key = few_[place_.index++];
    return true;
}

std::vector<std::string> SortedKeys::next(std::size_t most) {
    std::vector<std::string> result;
    std::string key;
    while (!at_end_ && result.size() < most) {
        at_end_ = !step(key);
        if (at_end_ || key == place_.last) continue;
        result.push_back(key);
        place_.last = key;
    }
    return result;
}

void SortedKeys::mark() {
    marked_ = place_;
    if (Tuplesortstate *const sort = many_; sort != nullptr) call([sort] { tuplesort_markpos(sort); });
}

void SortedKeys::go_back() {
    place_ = marked_;
    at_end_ = false;
    if (Tuplesortstate *const sort = many_; sort != nullptr) call([sort] { tuplesort_restorepos(sort); });
}

void SortedKeys::close() {
    if (Tuplesortstate *const sort = many_; sort != nullptr) call([sort] { tuplesort_end(sort); });
    many_ = nullptr;
    few_ = {};
    at_end_ = true;
}

} // namespace affiliate::pg
