// SPDX-License-Identifier: PostgreSQL
// Rows of our tables as the records of a case file. Each function reads a row of the columns that stand beside it, in their
// order.
#pragma once

#include <vector>

#include "core/case_file.hpp"
#include "core/rulebook.hpp"

#include "pg/query.hpp"

namespace affiliate::pg {

using Columns = std::vector<const char *>;

const Columns &transaction_columns();
core::TransactionState read_transaction(const Row &row, const core::Rulebook &rulebook);

const Columns &customer_columns();
core::CustomerState read_customer(const Row &row);

/// A click as the orders of `program` see it.
const Columns &click_columns();
core::Click read_click(const Row &row, const core::Program &program, const core::Rulebook &rulebook);

/// The transaction is the caller's to know: a dispute may name it by a reference only.
const Columns &dispute_columns();
core::DisputeState read_dispute(const Row &row, std::string transaction_id);

const Columns &event_columns();
core::Event read_event(const Row &row, const core::Rulebook &rulebook);

const Columns &ownership_columns();
core::PostedOwnership read_ownership(const Row &row);

const Columns &conversion_columns();
core::ConversionRow read_conversion(const Row &row);

const Columns &commission_columns();
core::CommissionRow read_commission(const Row &row);

} // namespace affiliate::pg
