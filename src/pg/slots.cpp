// SPDX-License-Identifier: PostgreSQL
#include <algorithm>
#include <cstdint>

#include "pg/guard.hpp"
#include "pg/slots.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::uint32_t kSlots = 4096;
// field4 of the lock tag tells our locks from the advisory locks of SQL, which use 1 and 2.
constexpr std::uint16_t kCustomerSpace = 0xAF01, kAffiliateSpace = 0xAF02, kRulebookSpace = 0xAF03;

std::uint32_t slot_of(const std::string &customer) {
    std::uint32_t hash = 2166136261U; // FNV-1a
    for (char const c : customer) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return (hash ^ (hash >> 16)) % kSlots;
}

LOCKTAG tag_of(std::uint32_t first, std::uint32_t second, std::uint16_t space) noexcept {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, first, second, space);
    return tag;
}

bool acquire(std::uint32_t first, std::uint32_t second, std::uint16_t space, bool wait) {
    LOCKTAG const tag = tag_of(first, second, space);
    return call([&tag, wait] { return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL; });
}

} // namespace

bool try_lock_customer(const std::string &customer) { return acquire(0, slot_of(customer), kCustomerSpace, false); }

void lock_customers(const std::vector<std::string> &customers) {
    std::vector<std::uint32_t> slots;
    for (const std::string &customer : customers) slots.push_back(slot_of(customer));
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
    for (std::uint32_t const slot : slots) acquire(0, slot, kCustomerSpace, true);
}

bool lock_affiliate(int program_no, int affiliate_no, bool wait) {
    return acquire(static_cast<std::uint32_t>(program_no), static_cast<std::uint32_t>(affiliate_no), kAffiliateSpace,
                   wait);
}

void announce_rulebook_commit() {
    LOCKTAG const tag = tag_of(0, 0, kRulebookSpace);
    call([&tag] { LockAcquire(&tag, RowExclusiveLock, false, false); }); // in conflict with nobody: never waits
}

bool is_rulebook_commit_announced() {
    LOCKTAG const tag = tag_of(0, 0, kRulebookSpace);
    return call([&tag] { return LockWaiterCount(&tag) > 0; }); // counts who holds it, too
}

} // namespace affiliate::pg
