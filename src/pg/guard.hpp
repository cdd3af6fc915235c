// SPDX-License-Identifier: PostgreSQL
// The bridge between the two error worlds. PostgreSQL leaves a function by longjmp, which skips
// destructors; a C++ exception that leaves an extern "C" function ends the server. So:
//
//   call(f)                   every server call that can ereport: a PostgreSQL error becomes pg::Error
//   boundary(f)               every function the server calls: any C++ exception becomes a PostgreSQL error
//   try_in_subtransaction(f)  the only way to go on after an error
//
// Inside the lambda given to call() all locals are trivially destructible: they are jumped over.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "core/error.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// A PostgreSQL error on its way through C++ frames: SQLSTATE, message, DETAIL, HINT, CONTEXT and
/// position as raised. `data` lives in the memory context that was current when call() began.
/// After catching one, either let it go on to the boundary or roll back a subtransaction.
struct Error {
    ErrorData *data;
};

/// What a catch block keeps until it has been left. Trivially destructible on purpose: report()
/// leaves by longjmp.
struct Failure {
    ErrorData *data;      ///< a PostgreSQL error, or nullptr: then the fields below
    int sqlerrcode;
    bool unknown;         ///< neither ours, nor PostgreSQL's, nor a std::exception
    char message[1024];
    char detail[2048];
    char hint[1024];

    /// To be called inside a catch block: takes over the exception being handled.
    void capture() noexcept;
    /// Raises the error in PostgreSQL's way. Outside of any catch block.
    [[noreturn]] void report() const;
    /// The error as PostgreSQL's error data, in `context`.
    ErrorData *to_error_data(MemoryContext context) const;
};
static_assert(std::is_trivially_destructible_v<Failure>);

/// Restores the server's jump target and error context however the scope is left.
class JumpScope {
public:
    JumpScope() noexcept : stack_(PG_exception_stack), context_(error_context_stack) {}
    ~JumpScope() {
        PG_exception_stack = stack_;
        error_context_stack = context_;
    }
    JumpScope(const JumpScope &) = delete;
    JumpScope &operator=(const JumpScope &) = delete;

private:
    sigjmp_buf *stack_;
    ErrorContextCallback *context_;
};

/// Takes the pending PostgreSQL error off the error stack and throws it as pg::Error.
[[noreturn]] void throw_pending_error(MemoryContext home);

/// Runs `f`, which may ereport; throws pg::Error then. Costs about 4 ns.
template <class F> [[gnu::noinline]] auto call(F &&f) -> decltype(f()) {
    MemoryContext const home = CurrentMemoryContext;
    {
        JumpScope scope;
        sigjmp_buf here;
        if (sigsetjmp(here, 0) == 0) {
            PG_exception_stack = &here;
            return f();
        }
    }
    throw_pending_error(home);
}

/// Body of every function that the server calls: no C++ exception gets out.
template <class F> Datum boundary(F &&f) {
    Failure failure;
    try {
        return f();
    } catch (...) {
        failure.capture();
    }
    failure.report();
}

/// Lets a cancel or shutdown request through; for loops.
inline void check_interrupts() {
    if (INTERRUPTS_PENDING_CONDITION())
        call([] { ProcessInterrupts(); });
}

/// Errors that must never be swallowed: cancel, shutdown, dropped database, timeouts of the session.
bool must_propagate(int sqlerrcode) noexcept;

namespace detail {
/// State around an internal subtransaction; plain data, so that no destructor calls the server.
struct SubtransactionFrame {
    MemoryContext context;
    ResourceOwner owner;
};
SubtransactionFrame begin_subtransaction();
void release_subtransaction(const SubtransactionFrame &frame);
/// Rolls back and returns the error in the frame's memory context, or throws it as pg::Error.
ErrorData *roll_back_subtransaction(const SubtransactionFrame &frame, const Failure &failure);
} // namespace detail

/// Runs `f` in a subtransaction. True when it went through. When it threw, everything it did in the
/// database is rolled back, memory context and resource owner are as before, and `*error` (in the
/// caller's memory context) says why; false. Errors that must_propagate(), and exceptions that are
/// of no known kind, are thrown again as pg::Error after the rollback.
/// A subtransaction that writes costs a transaction id: see POSTGRES.md 6.
template <class F> bool try_in_subtransaction(F &&f, ErrorData **error) {
    *error = nullptr;
    const detail::SubtransactionFrame frame = detail::begin_subtransaction();
    Failure failure;
    try {
        f();
        detail::release_subtransaction(frame);
        return true;
    } catch (...) {
        failure.capture();
    }
    *error = detail::roll_back_subtransaction(frame, failure);
    return false;
}

} // namespace affiliate::pg

/// AFFILIATE_FUNCTION(affiliate_thing) { ... uses fcinfo ... return Datum; }
/// defines a C function for SQL, with its body inside boundary().
#define AFFILIATE_FUNCTION(name)                                                                   \
    extern "C" {                                                                                   \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    }                                                                                              \
    static Datum name##_body(FunctionCallInfo fcinfo);                                             \
    extern "C" PGDLLEXPORT Datum name(FunctionCallInfo fcinfo) {                                   \
        return ::affiliate::pg::boundary([fcinfo] { return name##_body(fcinfo); });                \
    }                                                                                              \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
