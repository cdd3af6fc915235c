// SPDX-License-Identifier: PostgreSQL
#include "pg/row_writer.hpp"

#include <map>

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What is known of a table in this backend; anew where the table was replaced.
struct RowWriter::Table {
    Oid row_type = InvalidOid, array_type = InvalidOid;
    TupleDesc descriptor = nullptr;
    std::vector<std::size_t> attributes; ///< index into the row of each written column
    std::string insert_text;
    std::unique_ptr<Query> insert;
    std::map<std::string, std::unique_ptr<Query>> updates;
};

RowWriter::Table &RowWriter::table(const char *name, const std::vector<const char *> &columns) {
    static std::map<std::string, Table> *const tables = new std::map<std::string, Table>;
    Oid const row_type = call([name] {
        Oid const relation = get_relname_relid(name, get_namespace_oid("affiliate", false));
        return OidIsValid(relation) ? get_rel_type_id(relation) : InvalidOid;
    });
    if (!OidIsValid(row_type))
        throw core::Error("AF090", std::string("table \"affiliate.") + name + "\" is missing", {},
                          "Run SELECT affiliate.setup() as a superuser.");
    std::string key = name;
    for (const char *column : columns) key += std::string(",") + column;
    Table &table = (*tables)[key];
    if (table.row_type == row_type) return table;
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
    table.insert = std::make_unique<Query>(table.insert_text.c_str(), std::initializer_list<Oid>{table.array_type});
    table.row_type = row_type;
    return table;
}

RowWriter::RowWriter(const char *name, std::vector<const char *> columns) : table_(table(name, columns)) {
    values_.resize(static_cast<std::size_t>(table_.descriptor->natts));
    nulls_.assign(values_.size(), 1);
}

void RowWriter::place(Datum value, bool is_null) {
    std::size_t const index = table_.attributes[next_++];
    values_[index] = value;
    nulls_[index] = is_null ? 1 : 0;
}

void RowWriter::end_row() {
    if (next_ != table_.attributes.size()) throw core::Error("XX000", "a row of the ledger is incomplete");
    next_ = 0;
    TupleDesc const descriptor = table_.descriptor;
    Datum *const values = values_.data();
    bool *const nulls = reinterpret_cast<bool *>(nulls_.data());
    rows_.push_back(call([=] { return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)); }));
}

void RowWriter::insert() {
    if (rows_.empty()) return;
    table_.insert->write({make_row_array(rows_, table_.row_type)});
}

void RowWriter::update(const std::string &statement, const std::vector<int> &versions) {
    if (rows_.empty()) return;
    auto const [it, inserted] = table_.updates.try_emplace(statement);
    if (inserted)
        it->second = std::make_unique<Query>(it->first.c_str(),
                                             std::initializer_list<Oid>{table_.array_type, INT4ARRAYOID});
    if (it->second->write({make_row_array(rows_, table_.row_type), make_int_array(versions)}) != rows_.size())
        throw core::Error("40001", "could not settle because of a concurrent posting", {},
                          "The customer stays queued and is settled by the next drain.");
}

} // namespace affiliate::pg
