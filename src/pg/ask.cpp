// SPDX-License-Identifier: PostgreSQL
// Functions that decide without writing, by the same kernel: explain(), owner_of(), attribute(), quote_commission().
#include "core/json.hpp"
#include "pg/query.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

struct Answer {
    std::shared_ptr<CompiledRulebook> current = rulebook();
    std::optional<core::CaseFile> file;
    core::Settled settled;
};

/// Decides one customer in one program, with a transaction that is not stored where `hypothetical` is not 0.
Answer ask(const std::string &customer, int program_no, Datum hypothetical) {
    Answer answer;
    const core::Rulebook &book = answer.current->book;
    AsOwner owner;
    IndexPlans plans;
    SpiSession session;
    std::vector<std::string> const canonical = canonical_customers({customer});
    for (core::CaseFile &file : gather(canonical, book, hypothetical))
        if (file.program->no == program_no) answer.file = std::move(file);
    if (answer.file) {
        std::unique_ptr<core::Positions> const positions = stored_positions();
        answer.settled = core::decide(*answer.file, book, answer.current->evaluator, *positions, now_us(), true);
    }
    session.close();
    plans.restore();
    owner.restore();
    return answer;
}

/// The text of a jsonb value, from its bytes without header.
std::string jsonb_text(std::string_view bytes) {
    Datum const value = make_varlena(bytes);
    return call([value] { return DatumGetCString(DirectFunctionCall1(jsonb_out, value)); });
}

/// Is one of the first `count` arguments null?
bool any_is_null(FunctionCallInfo fcinfo, int count) {
    for (int i = 0; i < count; ++i)
        if (PG_ARGISNULL(i)) return true;
    return false;
}

} // namespace

/// _explain(customer_id, program_no, transaction_id, hypothetical jsonb) -> jsonb; null where a name is null. Not strict:
/// `hypothetical` may be null.
AFFILIATE_FUNCTION(affiliate_explain) {
    if (any_is_null(fcinfo, 3)) PG_RETURN_NULL();
    std::string const customer = read_bytes(PG_GETARG_DATUM(0)), transaction = read_bytes(PG_GETARG_DATUM(2));
    Datum const hypothetical = PG_ARGISNULL(3) ? 0 : PG_GETARG_DATUM(3);
    Answer const answer = ask(customer, PG_GETARG_INT32(1), hypothetical);
    if (!answer.file) return make_jsonb("null");
    return make_jsonb(core::explain_json(answer.current->book, answer.settled, transaction, jsonb_text));
}

/// _owner_of(customer_id, program_no, at, account_id) -> affiliate_no, null for nobody. Not strict: `account_id` may be null.
AFFILIATE_FUNCTION(affiliate_owner_of) {
    if (any_is_null(fcinfo, 3)) PG_RETURN_NULL();
    std::string const customer = read_bytes(PG_GETARG_DATUM(0));
    std::string const account = PG_ARGISNULL(3) ? std::string() : read_bytes(PG_GETARG_DATUM(3));
    Answer const answer = ask(customer, PG_GETARG_INT32(1), 0);
    const core::Ownership *const owner = answer.settled.attribution.owner_at(account, PG_GETARG_TIMESTAMPTZ(2));
    if (owner == nullptr) PG_RETURN_NULL();
    return Int32GetDatum(owner->affiliate_no);
}

} // namespace affiliate::pg
