// SPDX-License-Identifier: PostgreSQL
#include "pg/row_writer.hpp"

#include <map>

#include "pg/direct_insert.hpp"
#include "pg/rulebook.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What is known of a table in this backend; anew where the table was replaced.
struct RowWriter::Table {
    std::uint64_t generation = 0; ///< relation_generation() when it was looked up
    Oid row_type = InvalidOid, array_type = InvalidOid;
    TupleDesc descriptor = nullptr;
    std::vector<std::size_t> attributes; ///< index into the row of each written column
    std::unique_ptr<DirectInsert> direct;
    std::string insert_text;
    std::unique_ptr<Query> insert; ///< where `direct` is not possible
    std::map<std::string, std::unique_ptr<Query>> updates;
};

RowWriter::Table &RowWriter::table(const char *name, const std::vector<const char *> &columns) {
    static std::map<std::string, Table> *const tables = new std::map<std::string, Table>;
    std::string key = name;
    for (const char *column : columns) key += std::string(",") + column;
    Table &table = (*tables)[key];
    if (table.generation == relation_generation()) return table;
    Oid const relation = call([name] { return get_relname_relid(name, get_namespace_oid("affiliate", false)); });
    Oid const row_type = call([relation] { return OidIsValid(relation) ? get_rel_type_id(relation) : InvalidOid; });
    if (!OidIsValid(row_type))
        throw core::Error("AF090", std::string("table \"affiliate.") + name + "\" is missing", {},
                          "Run SELECT affiliate.setup() as a superuser.");
    if (table.row_type == row_type) {
        table.generation = relation_generation();
        return table;
    }
    table = Table{};
    table.descriptor = call([row_type] {
        MemoryContext const before = MemoryContextSwitchTo(TopMemoryContext);
        TupleDesc const copy = lookup_rowtype_tupdesc_copy(row_type, -1);
        MemoryContextSwitchTo(before);
        return copy;
    });
    table.array_type = call([row_type] { return get_array_type(row_type); });
    std::string list;
    for (const char *column : columns) {
        bool found = false;
        for (int i = 0; i < table.descriptor->natts && !found; ++i)
            if (std::string_view(NameStr(TupleDescAttr(table.descriptor, i)->attname)) == column) {
                table.attributes.push_back(static_cast<std::size_t>(i));
                found = true;
            }
        if (!found) throw core::Error("XX000", std::string("column \"") + column + "\" of \"" + name + "\" is missing");
        list += (list.empty() ? "" : ", ") + std::string(column);
    }
    table.insert_text = "INSERT INTO affiliate." + std::string(name) + " (" + list + ") SELECT " + list +
                        " FROM pg_catalog.unnest($1)";
    table.insert = std::make_unique<Query>(table.insert_text.c_str(), std::vector<Oid>{table.array_type});
    table.direct = std::make_unique<DirectInsert>(relation, table.attributes);
    table.row_type = row_type;
    table.generation = relation_generation();
    return table;
}

RowWriter::RowWriter(const char *name, std::vector<const char *> columns) : table_(table(name, columns)) {}

std::size_t RowWriter::table_width() const noexcept { return table_.attributes.size(); }

void RowWriter::end_row() {
    if (values_.size() % table_width() != 0) throw core::Error("XX000", "a row of the ledger is incomplete");
}

/// The rows as values of the table's row type; columns that are not written are null in them.
std::vector<Datum> RowWriter::composites() const {
    TupleDesc const descriptor = table_.descriptor;
    std::vector<Datum> row(static_cast<std::size_t>(descriptor->natts)), result;
    std::vector<char> null(row.size(), 1);
    Datum *const values = row.data();
    bool *const nulls = reinterpret_cast<bool *>(null.data());
    for (std::size_t i = 0; i < values_.size(); i += table_width()) {
        for (std::size_t j = 0; j < table_width(); ++j) {
            row[table_.attributes[j]] = values_[i + j];
            null[table_.attributes[j]] = nulls_[i + j];
        }
        result.push_back(call([=] { return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)); }));
    }
    return result;
}

void RowWriter::insert() {
    if (size() == 0) return;
    static_assert(sizeof(bool) == sizeof(char));
    if (table_.direct->is_possible())
        table_.direct->insert(values_.data(), reinterpret_cast<const bool *>(nulls_.data()), size());
    else table_.insert->write({make_row_array(composites(), table_.row_type)});
}

void RowWriter::update(const std::string &statement, const std::vector<int> &versions) {
    if (size() == 0) return;
    auto const [it, inserted] = table_.updates.try_emplace(statement);
    if (inserted)
        it->second = std::make_unique<Query>(it->first.c_str(),
                                             std::vector<Oid>{table_.array_type, INT4ARRAYOID});
    IndexPlans plans;
    std::uint64_t const found =
        it->second->write({make_row_array(composites(), table_.row_type), make_int_array(versions)});
    plans.restore();
    if (found != size())
        throw core::Error("40001", "could not settle because of a concurrent posting", {},
                          "The customer stays queued and is settled by the next drain.");
}

} // namespace affiliate::pg
