// SPDX-License-Identifier: PostgreSQL
// A library for one session of a test. Its commits stay for slow_commit.milliseconds in a moment that every commit goes
// through: all others see its rows already, and have not been told yet that what they keep in memory is out of date.
#include "pg/postgres.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

namespace {

int milliseconds = 0;

void on_transaction_event(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT && milliseconds > 0) pg_usleep(milliseconds * 1000L);
}

} // namespace

void _PG_init(void) {
    DefineCustomIntVariable("slow_commit.milliseconds", "How long a commit is seen and not told.", nullptr, &milliseconds, 0,
                            0, 10000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    RegisterXactCallback(on_transaction_event, nullptr);
}
