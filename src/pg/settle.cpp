// SPDX-License-Identifier: PostgreSQL
#include <algorithm>

#include "pg/query.hpp"
#include "pg/relation_lock.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"
#include "pg/slots.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using Customers = std::vector<std::string>;

constexpr std::size_t kBatch = 500;             // customers gathered at once
constexpr std::size_t kChunksPerStatement = 16; // subtransactions of one large statement
constexpr int kSubtransactionsMax = 32;         // of ours in one transaction, then only the queue (POSTGRES.md 6)
constexpr core::Duration kBudgetMin = 50'000;   // microseconds

int subtransactions = 0; // of the present top-level transaction

void on_transaction_end(XactEvent, void *) noexcept { subtransactions = 0; }

bool count_subtransaction() {
    static bool registered = false;
    if (!registered) {
        call([] {
            RegisterXactCallback([](XactEvent event, void *argument) { on_transaction_end(event, argument); }, nullptr);
        });
        registered = true;
    }
    return ++subtransactions <= kSubtransactionsMax;
}

/// Until when the statement may go on settling; 0 = no limit.
core::Time inline_deadline() {
    int const budget = inline_budget_ms();
    if (budget == 0) return 0;
    core::Time const now = GetCurrentTimestamp();
    if (budget > 0) return now + budget * 1000LL;
    return now + std::max(kBudgetMin, now - GetCurrentStatementStartTimestamp());
}

/// `large`: where those go that a statement must not settle; nullptr = settle all.
void settle_batch(const Customers &batch, core::Time now, Customers *large, std::uint64_t &posted) {
    std::shared_ptr<CompiledRulebook> const current = rulebook();
    const core::Rulebook &book = current->book;
    std::vector<core::CaseFile> const files = gather(batch, book, 0, large);
    std::unique_ptr<core::Positions> const positions = stored_positions();
    std::vector<core::Outcome> outcomes;
    outcomes.reserve(files.size());
    for (const core::CaseFile &file : files)
        outcomes.push_back(core::post(file, core::decide(file, book, current->evaluator, *positions, now)));
    posted += pg::apply(outcomes, now);
}

Customers with_free_slots(const Customers &customers, Customers &deferred) {
    Customers result;
    for (const std::string &customer : customers)
        (try_lock_customer(customer) ? result : deferred).push_back(customer);
    return result;
}

} // namespace

std::uint64_t settle_locked(const Customers &canonical) {
    std::uint64_t posted = 0;
    core::Time const now = now_us();
    AsOwner owner;
    for (std::size_t begin = 0; begin < canonical.size(); begin += kBatch) {
        Customers const batch(canonical.begin() + static_cast<std::ptrdiff_t>(begin),
                              canonical.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kBatch, canonical.size())));
        SpiSession session;
        settle_batch(batch, now, nullptr, posted);
        session.close();
        check_interrupts();
    }
    owner.restore();
    return posted;
}

namespace {

/// Settles a chunk in the present subtransaction; returns how many of `canonical` are done. Those whose slot is taken, or
/// whose case file is too large for a statement, go to `busy`.
std::size_t settle_chunk(const Customers &ids, core::Time deadline, Customers &canonical, Customers &busy,
                         std::uint64_t &posted) {
    core::Time const now = now_us();
    AsOwner owner;
    WaitAtMost const net(deadline);
    canonical = with_free_slots(canonical_customers(ids), busy);
    std::size_t done = 0;
    while (done < canonical.size() && (deadline == 0 || done == 0 || GetCurrentTimestamp() < deadline)) {
        std::size_t const end = std::min(done + kBatch, canonical.size());
        Customers const batch(canonical.begin() + static_cast<std::ptrdiff_t>(done),
                              canonical.begin() + static_cast<std::ptrdiff_t>(end));
        SpiSession session;
        settle_batch(batch, now, NeverWait::applies() ? &busy : nullptr, posted);
        session.close();
        done = end;
        check_interrupts();
    }
    owner.restore();
    return done;
}

} // namespace

Settlement settle(const Customers &ids, core::Time deadline, Caller caller) {
    Settlement result;
    std::size_t const chunk_size = std::max<std::size_t>(2 * kBatch, ids.size() / kChunksPerStatement + 1);
    for (std::size_t begin = 0; begin < ids.size(); begin += chunk_size) {
        auto const from = ids.begin() + static_cast<std::ptrdiff_t>(begin);
        Customers const chunk(from, ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + chunk_size, ids.size())));
        bool const is_allowed = caller == Caller::drain || count_subtransaction();
        if (!is_allowed || (deadline != 0 && begin > 0 && GetCurrentTimestamp() >= deadline)) {
            result.deferred.insert(result.deferred.end(), chunk.begin(), chunk.end());
            continue;
        }
        Customers canonical, busy;
        std::uint64_t posted = 0;
        std::size_t done = 0;
        ErrorData *error = nullptr;
        if (try_in_subtransaction([&] { done = settle_chunk(chunk, deadline, canonical, busy, posted); }, &error)) {
            result.posted += posted;
            result.deferred.insert(result.deferred.end(), canonical.begin() + static_cast<std::ptrdiff_t>(done),
                                   canonical.end());
            result.deferred.insert(result.deferred.end(), busy.begin(), busy.end());
        } else {
            result.error = error->message;
            result.deferred.insert(result.deferred.end(), chunk.begin(), chunk.end());
        }
    }
    return result;
}

namespace {

void enqueue(Query &statement, const Customers &keys, const char *reason) {
    if (keys.empty()) return;
    AsOwner owner;
    SpiSession session;
    statement.write({make_text_array(keys), make_text(reason)});
    session.close();
    owner.restore();
}

} // namespace

void enqueue_customers(const Customers &customers, const char *reason) {
    static Query *const statement = new Query(
        "INSERT INTO affiliate.settle_queue (kind, customer_id, reason) SELECT 'customer', k, $2 FROM pg_catalog.unnest($1) k",
        {TEXTARRAYOID, TEXTOID});
    enqueue(*statement, customers, reason);
}

void enqueue_transactions(const Customers &transactions, const char *reason) {
    static Query *const statement = new Query(
        "INSERT INTO affiliate.settle_queue (kind, transaction_id, reason)"
        " SELECT 'transaction', k, $2 FROM pg_catalog.unnest($1) k",
        {TEXTARRAYOID, TEXTOID});
    enqueue(*statement, transactions, reason);
}

void refuse_other_version() {
    std::string const tables = rulebook()->book.schema_version;
    if (tables == library_version()) return;
    throw core::Error("AF091", "library and tables of pg_affiliate are of different versions",
                      std::string("The library of this session is ") + library_version() + ", the tables are " +
                          (tables.empty() ? "of no version" : tables) + ".",
                      "Run ALTER EXTENSION pg_affiliate UPDATE, then SELECT affiliate.setup(), and reconnect.");
}

void settle_inline(Customers customers) {
    std::sort(customers.begin(), customers.end());
    customers.erase(std::unique(customers.begin(), customers.end()), customers.end());
    if (!customers.empty() && customers.front().empty()) customers.erase(customers.begin());
    if (customers.empty() || mode() == Mode::off) return;
    if (mode() == Mode::queue) return enqueue_customers(customers, "mode queue");
    if (IsolationUsesXactSnapshot()) return enqueue_customers(customers, "isolation level");
    if (subtransactions >= kSubtransactionsMax) return enqueue_customers(customers, "many statements in one transaction");
    std::shared_ptr<CompiledRulebook> const current = rulebook_unless_locked();
    if (current == nullptr) return enqueue_customers(customers, "the rulebook is locked");
    if (current->book.schema_version != library_version())
        return enqueue_customers(customers, "library of another version");
    NeverWait const never_wait;
    Settlement const result = settle(customers, inline_deadline(), Caller::statement);
    enqueue_customers(result.deferred, result.error.empty() ? "not settled inline" : result.error.c_str());
    if (durable_commit()) call([] { ForceSyncCommit(); });
}

} // namespace affiliate::pg
