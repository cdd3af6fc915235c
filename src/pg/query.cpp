// SPDX-License-Identifier: PostgreSQL
#include "pg/query.hpp"


#include "pg/postgres.hpp"

namespace affiliate::pg {

Rows::Rows(SPITupleTable *table, std::uint64_t count) : table_(table), count_(count) {
    if (table_ == nullptr) return;
    values_.resize(static_cast<std::size_t>(table_->tupdesc->natts));
    nulls_.resize(values_.size());
}

Row Rows::operator[](std::uint64_t index) {
    static_assert(sizeof(bool) == sizeof(char));
    bool *const nulls = reinterpret_cast<bool *>(nulls_.data());
    heap_deform_tuple(table_->vals[index], table_->tupdesc, values_.data(), nulls);
    return {values_.data(), nulls};
}

Rows Query::run(const std::vector<Datum> &values, const char *nulls, int expected) {
    const char *const text = text_;
    if (plan_ == nullptr) {
        Oid *const types = types_.data();
        int const count = static_cast<int>(types_.size());
        plan_ = call([text, types, count] {
            SPIPlanPtr const plan = SPI_prepare_cursor(text, count, types, CURSOR_OPT_GENERIC_PLAN);
            if (plan != nullptr) SPI_keepplan(plan);
            return plan;
        });
        if (plan_ == nullptr) throw core::Error("XX000", "a statement of pg_affiliate cannot be prepared", text);
    }
    SPIPlanPtr const plan = plan_;
    Datum *const data = const_cast<Datum *>(values.data());
    int const result = call([plan, data, nulls] { return SPI_execute_plan(plan, data, nulls, false, 0); });
    if (result != expected)
        throw core::Error("XX000", "unexpected result of a statement of pg_affiliate", SPI_result_code_string(result));
    return {SPI_tuptable, SPI_processed};
}

std::uint64_t Query::write(const std::vector<Datum> &values, const char *nulls) {
    std::string_view const text(text_);
    int const expected = text.starts_with("UPDATE") || text.find(" UPDATE affiliate.") != text.npos ? SPI_OK_UPDATE
                         : text.starts_with("DELETE") ? SPI_OK_DELETE
                                                      : SPI_OK_INSERT; // a WITH of ours ends in an INSERT
    return run(values, nulls, expected).size();
}

void Query::forget() {
    if (plan_ == nullptr) return;
    SPIPlanPtr const plan = plan_;
    plan_ = nullptr;
    call([plan] { SPI_freeplan(plan); });
}

LocalSettings::LocalSettings() : level_(call([] { return NewGUCNestLevel(); })) {}

void LocalSettings::set(const char *name, const char *value) {
    call([name, value] {
        set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    });
}

void LocalSettings::restore() {
    int const level = level_;
    call([level] { AtEOXact_GUC(true, level); });
}

IndexPlans::IndexPlans() {
    for (const char *name : {"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"}) set(name, "off");
}

AsOwner::AsOwner(Oid user, int more) {
    GetUserIdAndSecContext(&user_, &context_);
    if (OidIsValid(user)) SetUserIdAndSecContext(user, context_ | more | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

AsOwner::AsOwner(int more) : AsOwner(call([] { return get_role_oid("affiliate_owner", true); }), more) {}

void AsOwner::restore() { SetUserIdAndSecContext(user_, context_); }

} // namespace affiliate::pg
