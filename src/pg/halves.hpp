// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Does `f` for [begin, end) in a subtransaction. Where it fails it goes on with halves, so that what fails by itself harms
/// nothing else, and calls failed(i, error) for each such. But where `f` waited in vain for a lock, all others would, too: then
/// all from there on have failed, and it returns the error; otherwise nullptr.
template <class F, class Failed>
const ErrorData *do_halves(std::size_t begin, std::size_t end, const F &f, const Failed &failed) {
    ErrorData *error = nullptr;
    if (begin == end || try_in_subtransaction([&] { f(begin, end); }, &error)) return nullptr;
    bool const is_vain = error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
    if (std::size_t const middle = begin + (end - begin) / 2; !is_vain && middle > begin) {
        const ErrorData *const vain = do_halves(begin, middle, f, failed);
        if (vain == nullptr) return do_halves(middle, end, f, failed);
        for (std::size_t i = middle; i < end; ++i) failed(i, *vain);
        return vain;
    }
    for (; begin < end; ++begin) failed(begin, *error);
    return is_vain ? error : nullptr;
}

} // namespace affiliate::pg
