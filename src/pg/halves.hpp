// SPDX-License-Identifier: PostgreSQL
#pragma once

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What of do_halves() waited for a lock in vain.
class VainWaits {
public:
    static constexpr std::size_t kMost = 100; ///< so many are no exceptions any more: all seem to need the lock
    std::size_t count() const noexcept { return count_; }
    bool are_too_many() const noexcept { return count_ >= kMost; }
    const ErrorData *error() const noexcept { return error_; } ///< of the last one
    /// How long something may wait now, for WaitAtMost: a transaction waits in vain once; from then on it only looks.
    static TimestampTz deadline() noexcept { return in_transaction == local_transaction_id() ? GetCurrentTimestamp() : 0; }
    /// `error` ended something, `is_single` where that was but one.
    void see(const ErrorData *error, bool is_single) noexcept {
        if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE && error->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED) return;
        in_transaction = local_transaction_id();
        error_ = error;
        count_ += is_single ? 1 : 0;
    }

private:
    static inline LocalTransactionId in_transaction = InvalidLocalTransactionId;
    std::size_t count_ = 0;
    const ErrorData *error_ = nullptr;
};

/// Does `f` for [begin, end) in a subtransaction. Where it fails it goes on with halves, so that what fails by itself harms
/// nothing else, and calls failed(i, error) for each such. Where too many have waited in vain, the rest fails for that untried.
template <class F, class Failed>
void do_halves(std::size_t begin, std::size_t end, const F &f, const Failed &failed, VainWaits &vain) {
    if (begin == end) return;
    if (vain.are_too_many()) {
        for (; begin < end; ++begin) failed(begin, *vain.error());
        return;
    }
    ErrorData *error = nullptr;
    {
        WaitAtMost const net(VainWaits::deadline());
        if (try_in_subtransaction([&] { f(begin, end); }, &error)) return;
    }
    std::size_t const middle = begin + (end - begin) / 2;
    vain.see(error, middle == begin);
    if (middle == begin) return failed(begin, *error);
    do_halves(begin, middle, f, failed, vain);
    do_halves(middle, end, f, failed, vain);
}

} // namespace affiliate::pg
