// SPDX-License-Identifier: PostgreSQL
#include "pg/guard.hpp"

#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

/// Copies what fits, never half a character. Pure: pg_mbcliplen does not ereport.
template <std::size_t Size> void copy_text(char (&to)[Size], std::string_view from) noexcept {
    std::size_t length = from.size();
    if (length >= Size)
        length = static_cast<std::size_t>(
            pg_mbcliplen(from.data(), static_cast<int>(length), static_cast<int>(Size - 1)));
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
}

int make_sqlerrcode(const char *state) noexcept {
    return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

} // namespace

void throw_pending_error(MemoryContext home) {
    MemoryContextSwitchTo(home);
    ErrorData *const data = CopyErrorData();
    FlushErrorState();
    throw Error{data};
}

void Failure::capture() noexcept {
    data = nullptr;
    sqlerrcode = ERRCODE_INTERNAL_ERROR;
    unknown = false;
    message[0] = detail[0] = hint[0] = '\0';
    try {
        throw;
    } catch (const Error &e) {
        data = e.data;
    } catch (const core::Error &e) {
        sqlerrcode = make_sqlerrcode(e.sqlstate());
        copy_text(message, e.what());
        copy_text(detail, e.detail());
        copy_text(hint, e.hint());
    } catch (const std::bad_alloc &) {
        sqlerrcode = ERRCODE_OUT_OF_MEMORY;
        copy_text(message, "out of memory");
    } catch (const std::exception &e) {
        copy_text(message, e.what());
    } catch (...) {
        unknown = true;
        copy_text(message, "unknown C++ exception");
    }
}

void Failure::report() const {
    if (data != nullptr)
        ReThrowError(data);
    ereport(ERROR, errcode(sqlerrcode), errmsg_internal("%s", message),
            detail[0] != '\0' ? errdetail_internal("%s", detail) : 0,
            hint[0] != '\0' ? errhint("%s", hint) : 0);
    pg_unreachable();
}

ErrorData *Failure::to_error_data(MemoryContext context) const {
    MemoryContextSwitchTo(context);
    try {
        call([this] { report(); });
    } catch (const Error &e) {
        return e.data;
    }
    pg_unreachable();
}

bool must_propagate(int sqlerrcode) noexcept {
    switch (sqlerrcode) {
    case ERRCODE_QUERY_CANCELED:
    case ERRCODE_ADMIN_SHUTDOWN:
    case ERRCODE_CRASH_SHUTDOWN:
    case ERRCODE_CANNOT_CONNECT_NOW:
    case ERRCODE_DATABASE_DROPPED:
    case ERRCODE_IDLE_SESSION_TIMEOUT:
        return true;
    default:
        return false;
    }
}

namespace detail {

SubtransactionFrame begin_subtransaction() {
    const SubtransactionFrame frame{CurrentMemoryContext, CurrentResourceOwner};
    call([] { BeginInternalSubTransaction(nullptr); });
    MemoryContextSwitchTo(frame.context);
    return frame;
}

void release_subtransaction(const SubtransactionFrame &frame) {
    call([] { ReleaseCurrentSubTransaction(); });
    MemoryContextSwitchTo(frame.context);
    CurrentResourceOwner = frame.owner;
}

ErrorData *roll_back_subtransaction(const SubtransactionFrame &frame, const Failure &failure) {
    // First the copy: the original may live in memory that the rollback frees.
    ErrorData *const data = failure.to_error_data(frame.context);
    call([] { RollbackAndReleaseCurrentSubTransaction(); });
    MemoryContextSwitchTo(frame.context);
    CurrentResourceOwner = frame.owner;
    if (failure.unknown || must_propagate(data->sqlerrcode))
        throw Error{data};
    return data;
}

} // namespace detail

} // namespace affiliate::pg
