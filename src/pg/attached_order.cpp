// SPDX-License-Identifier: PostgreSQL
#include "pg/attached_order.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

/// When a state of a row was reported: by which command, and in which subtransaction, whose rollback undoes it.
struct Report {
    CommandId command;
    SubTransactionId subtransaction;
};

/// Of this transaction, by the hash of the row's name.
struct Reports {
    std::unordered_map<std::size_t, std::vector<Report>> of_row;
    CommandId last = 0;
};

Reports &reports() {
    static Reports *const all = new Reports;
    return *all;
}

void on_transaction_end(XactEvent, void *) noexcept {
    reports().of_row.clear();
    reports().last = 0;
}

/// Ids of subtransactions grow: whatever has a higher one was inside of that which is rolled back.
void on_subtransaction_end(SubXactEvent event, SubTransactionId subtransaction) noexcept {
    if (event != SUBXACT_EVENT_ABORT_SUB) return;
    for (auto &row : reports().of_row)
        row.second.erase(std::remove_if(row.second.begin(), row.second.end(),
                                        [=](const Report &report) { return report.subtransaction >= subtransaction; }),
                         row.second.end());
}

void follow_transactions() {
    static bool registered = false;
    if (registered) return;
    call([] {
        RegisterXactCallback([](XactEvent event, void *argument) { on_transaction_end(event, argument); }, nullptr);
        RegisterSubXactCallback([](SubXactEvent event, SubTransactionId own, SubTransactionId,
                                   void *) { on_subtransaction_end(event, own); }, nullptr);
    });
    registered = true;
}

/// Of the statement whose triggers are running.
CommandId present_command() { return ActiveSnapshotSet() ? GetActiveSnapshot()->curcid : InvalidCommandId; }

} // namespace

bool is_inner_statement() {
    return call([] { return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, Datum{0})); }) > 1;
}

bool has_inner_statements() { return reports().last > present_command(); }

void remember_reported(const std::string &row) {
    follow_transactions();
    CommandId const command = present_command();
    std::vector<Report> &of_row = reports().of_row[std::hash<std::string>()(row)];
    if (!of_row.empty() && of_row.back().command == command) return;
    of_row.push_back({command, GetCurrentSubTransactionId()});
    reports().last = std::max(reports().last, command);
}

bool is_old(const std::string &row) {
    auto const found = reports().of_row.find(std::hash<std::string>()(row));
    if (found == reports().of_row.end()) return false;
    CommandId const command = present_command();
    return std::any_of(found->second.begin(), found->second.end(), [=](const Report &report) { return report.command > command; });
}

} // namespace affiliate::pg
