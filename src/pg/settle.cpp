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
constexpr std::size_t kChunkMin = 1000;         // customers settled in one subtransaction, at least
constexpr std::size_t kEnqueuedAtOnce = 10'000;
constexpr std::size_t kChunks = 16;             // subtransactions of one large statement or batch
constexpr int kSubtransactionsMax = 32;         // of ours in one transaction, then only the queue (POSTGRES.md 6)
constexpr core::Duration kBudgetMin = 50'000;   // microseconds

int subtransactions = 0; // of the present top-level transaction

void on_transaction_end(XactEvent, void *) noexcept { subtransactions = 0; }

const Enclosed *enclosing = nullptr;

} // namespace

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

Enclosed::Enclosed(core::Time deadline, bool settles) noexcept
    : deadline_(deadline), settles_(settles), before_(enclosing) {
    enclosing = this;
}

Enclosed::~Enclosed() { enclosing = before_; }

core::Time inline_deadline() {
    int const budget = inline_budget_ms();
    if (budget == 0) return 0;
    core::Time const now = GetCurrentTimestamp();
    if (budget > 0) return now + budget * 1000LL;
    return now + std::max(kBudgetMin, now - GetCurrentStatementStartTimestamp());
}

bool is_over(core::Time deadline) { return deadline != 0 && GetCurrentTimestamp() >= deadline; }

namespace {

/// `large`: where those go that a statement must not settle; nullptr = settle all.
void settle_batch(const Customers &batch, core::Time now, Customers *large, std::uint64_t &posted) {
    std::shared_ptr<CompiledRulebook> const current = rulebook();
    const core::Rulebook &book = current->book;
    std::vector<core::CaseFile> const files = gather(batch, book, 0, large);
    if (files.empty()) return;
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

/// Settles customers (any ids of theirs) in the present subtransaction. Those whose slot is taken, or whose case file is
/// too large for a statement, go to `busy`.
void settle_free(const Customers &ids, core::Time now, Customers &busy, std::uint64_t &posted) {
    Customers const free = with_free_slots(canonical_customers(ids), busy);
    if (free.empty()) return;
    SpiSession session;
    settle_batch(free, now, NeverWait::applies() ? &busy : nullptr, posted);
    session.close();
    check_interrupts();
}

/// Of so many customers: some subtransactions, however many there are.
std::size_t chunk_size(std::size_t customers) { return std::max(kChunkMin, customers / kChunks + 1); }

/// Part of a vector, as another.
Customers part(const Customers &all, std::size_t begin, std::size_t size) {
    auto const from = all.begin() + static_cast<std::ptrdiff_t>(begin);
    return {from, from + static_cast<std::ptrdiff_t>(std::min(size, all.size() - begin))};
}

} // namespace

Settlement settle(const Customers &ids) {
    Settlement result;
    std::size_t const size = chunk_size(ids.size());
    for (std::size_t begin = 0; begin < ids.size(); begin += size) {
        Customers const chunk = part(ids, begin, size);
        Customers busy;
        std::uint64_t posted = 0;
        ErrorData *error = nullptr;
        bool const is_done = try_in_subtransaction(
            [&] {
                core::Time const now = now_us();
                AsOwner owner;
                for (std::size_t i = 0; i < chunk.size(); i += kBatch) settle_free(part(chunk, i, kBatch), now, busy, posted);
                owner.restore();
            },
            &error);
        if (!is_done) {
            result.error = error->message;
            busy = chunk;
        } else {
            result.posted += posted;
        }
        result.deferred.insert(result.deferred.end(), busy.begin(), busy.end());
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

void enqueue_customers(const Customers &customers, const char *reason) {
    static Query *const statement = new Query(
        "INSERT INTO affiliate.settle_queue (kind, customer_id, reason) SELECT 'customer', k, $2 FROM pg_catalog.unnest($1) k",
        {TEXTARRAYOID, TEXTOID});
    enqueue(*statement, customers, reason);
}

/// The next of the keys, or all.
void enqueue_customers(SortedKeys &customers, const char *reason, std::size_t count = SIZE_MAX) {
    while (count > 0 && !customers.at_end()) {
        Customers const keys = customers.next(std::min(count, kEnqueuedAtOnce));
        enqueue_customers(keys, reason);
        count -= keys.size();
        check_interrupts();
    }
}

constexpr const char *kNotInline = "not settled inline";

/// Settles the next `count` customers in the present subtransaction, until the budget is used up; a batch at least.
void settle_chunk(SortedKeys &customers, std::size_t count, core::Time deadline) {
    core::Time const now = now_us();
    std::uint64_t posted = 0;
    AsOwner owner;
    WaitAtMost const net(deadline);
    do {
        Customers const ids = customers.next(std::min(count, kBatch));
        Customers busy;
        settle_free(ids, now, busy, posted);
        enqueue_customers(busy, kNotInline);
        count -= ids.size();
    } while (count > 0 && !customers.at_end() && !is_over(deadline));
    owner.restore();
}

/// Chunk by chunk, each in a subtransaction; a chunk that fails is queued. What is left then is queued, too.
void settle_chunks(SortedKeys &customers) {
    NeverWait const never_wait;
    if (enclosing != nullptr) {
        settle_chunk(customers, customers.added(), enclosing->deadline());
        return enqueue_customers(customers, kNotInline);
    }
    core::Time const deadline = inline_deadline();
    std::size_t const chunk = chunk_size(customers.added());
    for (bool is_first = true; !customers.at_end() && (is_first || !is_over(deadline)); is_first = false) {
        if (!count_subtransaction()) break;
        customers.mark();
        ErrorData *error = nullptr;
        if (try_in_subtransaction([&] { settle_chunk(customers, chunk, deadline); }, &error)) continue;
        customers.go_back();
        enqueue_customers(customers, error->message, chunk);
    }
    enqueue_customers(customers, kNotInline);
}

} // namespace

const char *why_not_in_transaction() {
    if (mode() == Mode::queue) return "mode queue";
    if (IsolationUsesXactSnapshot()) return "isolation level";
    return subtransactions >= kSubtransactionsMax ? "many statements in one transaction" : nullptr;
}

const char *why_not_inline() {
    if (enclosing != nullptr && !enclosing->settles()) return "was kept and is written now";
    if (const char *const why = why_not_in_transaction()) return why;
    std::shared_ptr<CompiledRulebook> const current = rulebook_unless_locked();
    if (current == nullptr) return "the rulebook is locked";
    return current->book.schema_version == library_version() ? nullptr : "library of another version";
}

void enqueue_transactions(const Customers &transactions, const char *reason) {
    static Query *const statement = new Query(
        "INSERT INTO affiliate.settle_queue (kind, transaction_id, reason)"
        " SELECT 'transaction', k, $2 FROM pg_catalog.unnest($1) k",
        {TEXTARRAYOID, TEXTOID});
    enqueue(*statement, transactions, reason);
}

void enqueue_transactions(SortedKeys &transactions, const char *reason) {
    while (!transactions.at_end()) enqueue_transactions(transactions.next(kEnqueuedAtOnce), reason);
}

void refuse_other_version() {
    std::string const tables = rulebook()->book.schema_version;
    if (tables == library_version()) return;
    throw core::Error("AF091", "library and tables of pg_affiliate are of different versions",
                      std::string("The library of this session is ") + library_version() + ", the tables are " +
                          (tables.empty() ? "of no version" : tables) + ".",
                      "Run ALTER EXTENSION pg_affiliate UPDATE, then SELECT affiliate.setup(), and reconnect.");
}

void settle_inline(SortedKeys &customers) {
    customers.sort();
    if (!customers.at_end()) {
        if (const char *const why = why_not_inline()) {
            enqueue_customers(customers, why);
        } else {
            settle_chunks(customers);
            if (durable_commit()) call([] { ForceSyncCommit(); });
        }
    }
    customers.close();
}

} // namespace affiliate::pg
