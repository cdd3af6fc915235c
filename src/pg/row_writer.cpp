// SPDX-License-Identifier: PostgreSQL
#include "pg/row_writer.hpp"

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

void RowTable::find() {
    const char *const name = name_;
    Oid const relation = call([name] { return our_relation(name); });
    if (!OidIsValid(relation))
        throw core::Error("AF090", std::string("table \"affiliate.") + name_ + "\" is missing", {},
                          "Run SELECT affiliate.setup() as a superuser.");
    if (relation_ == relation) return;
    if (!call([relation] { return take_lock(relation, RowExclusiveLock); })) refuse_to_wait(); // describing it opens it
    relation_ = InvalidOid; // where it fails half-way it begins anew
    describe(relation);
    relation_ = relation;
}

void RowTable::describe(Oid relation) {
    const char *const parent_name = parent_;
    Oid const parent = parent_name == nullptr ? InvalidOid : call([parent_name] { return our_relation(parent_name); });
    Oid const row_type = row_type_ = call([relation] { return get_rel_type_id(relation); });
    array_type_ = call([row_type] { return get_array_type(row_type); });
    descriptor_ = call([row_type] {
        MemoryContext const before = MemoryContextSwitchTo(TopMemoryContext);
        TupleDesc const copy = lookup_rowtype_tupdesc_copy(row_type, -1);
        MemoryContextSwitchTo(before);
        return copy;
    });
    attributes_.clear();
    std::string list;
    for (const char *column : columns_) {
        AttrNumber const number = call([relation, column] { return get_attnum(relation, column); });
        if (number == InvalidAttrNumber)
            throw core::Error("XX000", std::string("column \"") + column + "\" of \"" + name_ + "\" is missing");
        attributes_.push_back(static_cast<std::size_t>(number) - 1);
        list += (list.empty() ? "" : ", ") + std::string(column);
    }
    insert_text_ = "INSERT INTO affiliate." + std::string(name_) + " (" + list + ") SELECT " + list + " FROM pg_catalog.unnest($1)";
    insert_ = std::make_unique<Query>(insert_text_.c_str(), std::vector<Oid>{array_type_});
    direct_ = std::make_unique<DirectInsert>(relation, attributes_, parent);
    updates_.clear();
}

void RowWriter::end_row() {
    if (values_.size() % width() != 0) throw core::Error("XX000", "a row of the ledger is incomplete");
}

/// The rows as values of the table's row type; columns that are not written are null in them.
std::vector<Datum> RowWriter::composites() const {
    TupleDesc const descriptor = table_.descriptor_;
    std::vector<Datum> row(static_cast<std::size_t>(descriptor->natts)), result;
    std::vector<char> null(row.size(), 1);
    Datum *const values = row.data();
    bool *const nulls = reinterpret_cast<bool *>(null.data());
    for (std::size_t i = 0; i < values_.size(); i += width()) {
        for (std::size_t j = 0; j < width(); ++j) {
            row[table_.attributes_[j]] = values_[i + j];
            null[table_.attributes_[j]] = nulls_[i + j];
        }
        result.push_back(call([=] { return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)); }));
    }
    return result;
}

void RowWriter::update(const std::string &statement, const std::vector<int> &versions) {
    if (size() == 0) return;
    auto const [it, inserted] = table_.updates_.try_emplace(statement);
    if (inserted)
        it->second = std::make_unique<Query>(it->first.c_str(),
                                             std::vector<Oid>{table_.array_type_, INT4ARRAYOID});
    IndexPlans plans;
    std::uint64_t const found =
        it->second->write({make_row_array(composites(), table_.row_type_), make_int_array(versions)});
    plans.restore();
    if (found != size())
        throw core::Error("40001", "could not settle because of a concurrent posting", {},
                          "The customer stays queued and is settled by the next drain.");
}

void RowWriter::insert(std::initializer_list<RowWriter *> writers) {
    static_assert(sizeof(bool) == sizeof(char));
    std::vector<DirectInsert::Rows> direct;
    for (RowWriter *const writer : writers) {
        if (writer->size() == 0) continue;
        RowTable &table = writer->table_;
        if (table.direct_->open()) {
            direct.push_back({table.direct_.get(), writer->values_.data(),
                              reinterpret_cast<const bool *>(writer->nulls_.data()), writer->size()});
            continue;
        }
        DirectInsert::insert(direct); // what comes before this table may be what its rows refer to
        direct.clear();
        SpiSession session;
        table.insert_->write({make_row_array(writer->composites(), table.row_type_)});
        session.close();
    }
    DirectInsert::insert(direct);
}

} // namespace affiliate::pg
