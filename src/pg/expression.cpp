// SPDX-License-Identifier: PostgreSQL
#include "pg/expression.hpp"

#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "core/error.hpp"
#include "pg/expression_walker.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

static_assert(std::is_trivially_destructible_v<RuleExpression>);

namespace {

/// What the extension itself has in the catalog for rules.
struct Installed {
    Oid rule_input;
    Oid number_text;
};

Installed installed() {
    const Installed oids = call([] {
        const Oid schema = get_namespace_oid("affiliate", true);
        const Oid argument = TEXTOID;
        return Installed{
            GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("rule_input"),
                            ObjectIdGetDatum(schema)),
            GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("_number_text"),
                            PointerGetDatum(buildoidvector(&argument, 1)), ObjectIdGetDatum(schema)),
        };
    });
    if (!OidIsValid(oids.rule_input) || !OidIsValid(oids.number_text))
        throw core::Error("42704", "type affiliate.rule_input does not exist", {},
                          "Create the extension pg_affiliate in this database.");
    return oids;
}

/// A descriptor of its own, in the current memory context: no reference count, no cache.
TupleDesc rule_input_descriptor(Oid rule_input) {
    return call([rule_input] { return lookup_rowtype_tupdesc_copy(rule_input, -1); });
}

/// Everything that could change how a text is read. Undone by AtEOXact_GUC.
int pin_settings() {
    struct Setting {
        const char *name, *value;
    };
    static constexpr Setting settings[] = {
        {"search_path", "pg_catalog, pg_temp"},
        {"TimeZone", "UTC"},
        {"DateStyle", "ISO, YMD"},
        {"IntervalStyle", "postgres"},
        {"standard_conforming_strings", "on"},
        {"backslash_quote", "safe_encoding"},
        {"escape_string_warning", "off"},
        {"transform_null_equals", "off"},
        {"array_nulls", "on"},
    };
    return call([] {
        const int nest = NewGUCNestLevel();
        for (const Setting &setting : settings)
            set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION,
                              GUC_ACTION_SAVE, true, 0, false);
        return nest;
    });
}

/// Parser hook: a column is a Var of the scanned row. SyntaxCheck has seen that the name exists.
Node *resolve_column(ParseState *pstate, ColumnRef *ref) noexcept {
    TupleDesc const input = static_cast<TupleDesc>(pstate->p_ref_hook_state);
    const char *const name = strVal(linitial(ref->fields));
    for (int i = 0; i < input->natts; ++i) {
        const FormData_pg_attribute *const attribute = TupleDescAttr(input, i);
        if (attribute->attisdropped || std::string_view(NameStr(attribute->attname)) != name)
            continue;
        Var *const var = makeVar(1, attribute->attnum, attribute->atttypid, attribute->atttypmod,
                                 attribute->attcollation, 0);
        var->location = ref->location;
        return reinterpret_cast<Node *>(var);
    }
    return nullptr;
}

/// Errors of the parser and analyser about the text itself, as opposed to cancel or lack of memory.
bool is_about_text(const ErrorData &error) {
    const int category = ERRCODE_TO_CATEGORY(error.sqlerrcode);
    return (category == MAKE_SQLSTATE('4', '2', '0', '0', '0') &&
            error.sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE) ||
           category == MAKE_SQLSTATE('2', '2', '0', '0', '0') ||
           category == MAKE_SQLSTATE('0', 'A', '0', '0', '0');
}

/// What PostgreSQL says of the text, as AF002.
[[noreturn]] void complain(const RuleText &rule, const ErrorData &error, int character) {
    rule.invalid(std::string("PostgreSQL says: ") + error.message, character,
                 error.hint != nullptr ? error.hint : "");
}

/// Runs one step of the server over the text; its complaints about the text become AF002.
template <class F> auto server_step(const RuleText &rule, F &&step) -> decltype(step()) {
    try {
        return call(step);
    } catch (const Error &error) {
        if (!is_about_text(*error.data))
            throw;
        // Where a caller runs SQL (PL/pgSQL), its error callback has moved the position.
        complain(rule, *error.data, error.data->cursorpos > 0 ? error.data->cursorpos : error.data->internalpos);
    }
}

Node *analyse(const RuleText &rule, Node *raw, TupleDesc input) {
    return server_step(rule, [&rule, raw, input] {
        ParseState *const pstate = make_parsestate(nullptr);
        pstate->p_sourcetext = rule.text.c_str();
        pstate->p_pre_columnref_hook = resolve_column;
        pstate->p_ref_hook_state = input;
        Node *const node = transformExpr(pstate, raw, EXPR_KIND_CHECK_CONSTRAINT);
        free_parsestate(pstate);
        return node;
    });
}

/// Coerces to the wanted type and assigns collations.
Node *coerce(const RuleText &rule, Node *node, RuleExpression::Wants wants) {
    const bool number = wants == RuleExpression::Wants::number;
    const Oid from = exprType(node);
    const Oid to = number ? NUMERICOID : BOOLOID;
    if (from != to && from != UNKNOWNOID && !(number && (from == INT4OID || from == INT8OID))) {
        const bool inexact = number && (from == FLOAT4OID || from == FLOAT8OID);
        const std::string name =
            call([from] { return static_cast<const char *>(format_type_be(from)); });
        const char *const wanted = inexact ? "an exact number" : number ? "a number" : "true or false";
        rule.invalid("It is of type " + name + ", not " + wanted, rule.character(exprLocation(node)),
                     inexact ? "Convert to numeric first, as in round(x::numeric)." : "");
    }
    return server_step(rule, [&rule, node, from, to] {
        ParseState *const pstate = make_parsestate(nullptr);
        pstate->p_sourcetext = rule.text.c_str();
        Node *const result = coerce_to_target_type(pstate, node, from, to, -1, COERCION_IMPLICIT,
                                                   COERCE_IMPLICIT_CAST, -1);
        assign_expr_collations(pstate, result);
        free_parsestate(pstate);
        return result;
    });
}

} // namespace

std::vector<RuleInputColumn> rule_input_columns() {
    TupleDesc const input = rule_input_descriptor(installed().rule_input);
    std::vector<RuleInputColumn> columns;
    columns.reserve(static_cast<std::size_t>(input->natts));
    for (int i = 0; i < input->natts; ++i) {
        const FormData_pg_attribute *const attribute = TupleDescAttr(input, i);
        if (!attribute->attisdropped)
            columns.push_back({NameStr(attribute->attname), attribute->atttypid, attribute->attnum});
    }
    return columns;
}

RuleExpression *RuleExpression::compile(std::string_view text, Wants wants, MemoryContext parent) {
    const RuleText rule{std::string(text), wants == Wants::number ? "amount" : "condition"};
    if (text.size() > max_rule_text_bytes)
        throw core::Error("AF001", std::string("rule ").append(rule.noun).append(" is too long"),
                          "It has " + std::to_string(text.size()) + " bytes; at most " +
                              std::to_string(max_rule_text_bytes) + " are allowed.",
                          "Divide it into several rules of one rule_group; the first that matches wins.");

    // Both contexts hang below the caller's, so that a failure leaves nothing in `parent`.
    MemoryContext const caller = CurrentMemoryContext;
    MemoryContext const scratch = call([] {
        return AllocSetContextCreate(CurrentMemoryContext, "pg_affiliate rule text",
                                     ALLOCSET_SMALL_SIZES);
    });
    MemoryContextSwitchTo(scratch);
    const int nest = pin_settings();
    RuleExpression *result = nullptr;
    std::exception_ptr failure;
    try {
        List *const statements = server_step(
            rule, [&rule] { return raw_parser(rule.text.c_str(), RAW_PARSE_PLPGSQL_EXPR); });
        const Installed own = installed();
        TupleDesc const input = rule_input_descriptor(own.rule_input);
        SyntaxCheck syntax(rule, input);
        Node *const raw = syntax.check(statements);
        Node *const node = coerce(rule, analyse(rule, raw, input), wants);
        MeaningCheck meaning(rule, syntax, own.number_text);
        meaning.check(node);
        const int *const columns = meaning.columns().data();
        const std::size_t count = meaning.columns().size();
        try {
            result = call([=] { return prepare(node, input, columns, count, wants); });
        } catch (const Error &error) {
            if (!is_about_text(*error.data))
                throw;
            complain(rule, *error.data, rule.character(meaning.failing_part(*error.data)));
        }
    } catch (...) {
        failure = std::current_exception();
    }
    MemoryContextSwitchTo(caller);
    call([nest] { AtEOXact_GUC(true, nest); });
    if (failure)
        std::rethrow_exception(failure);
    call([=] {
        MemoryContextSetParent(result->context_, parent);
        MemoryContextDelete(scratch);
    });
    return result;
}

// C-like, as it runs under call(): plans in the current (scratch) context, keeps the result in a
// context of its own.
RuleExpression *RuleExpression::prepare(Node *node, TupleDesc input, const int *columns,
                                        std::size_t count, Wants wants) {
    Expr *const planned = expression_planner(reinterpret_cast<Expr *>(node));
    MemoryContext const context = AllocSetContextCreate(
        CurrentMemoryContext, "pg_affiliate rule expression", ALLOCSET_SMALL_SIZES);
    MemoryContext const scratch = MemoryContextSwitchTo(context);

    auto *const expression = new (palloc(sizeof(RuleExpression))) RuleExpression;
    expression->wants_ = wants;
    expression->context_ = context;
    expression->columns_ = nullptr;
    for (std::size_t i = 0; i < count; ++i)
        expression->columns_ = bms_add_member(expression->columns_, columns[i]);

    Expr *const kept = static_cast<Expr *>(copyObjectImpl(planned));
    convert_saop_to_hashed_saop(reinterpret_cast<Node *>(kept)); // long IN lists
    expression->state_ = ExecInitExpr(kept, nullptr);
    expression->econtext_ = CreateStandaloneExprContext();
    expression->slot_ = MakeTupleTableSlot(CreateTupleDescCopy(input), &TTSOpsVirtual);
    expression->slot_->tts_flags &= static_cast<uint16>(~TTS_FLAG_EMPTY);
    expression->slot_->tts_nvalid = static_cast<AttrNumber>(input->natts);
    expression->econtext_->ecxt_scantuple = expression->slot_;

    MemoryContextSwitchTo(scratch);
    return expression;
}

Datum RuleExpression::evaluate(const Datum *values, const bool *nulls, bool *isnull) {
    // A virtual slot only points at its arrays; nothing writes through them.
    slot_->tts_values = const_cast<Datum *>(values);
    slot_->tts_isnull = const_cast<bool *>(nulls);
    bool finite = true;
    const Datum result = call([this, isnull, &finite] {
        MemoryContext const caller = MemoryContextSwitchTo(econtext_->ecxt_per_tuple_memory);
        Datum datum = ExecEvalExpr(state_, econtext_, isnull);
        if (wants_ == Wants::number && !*isnull) {
            Numeric const number = DatumGetNumeric(datum);
            finite = !numeric_is_nan(number) && !numeric_is_inf(number);
            datum = NumericGetDatum(number);
        }
        MemoryContextSwitchTo(caller);
        return datum;
    });
    if (!finite)
        throw core::Error("22003", "amount of a rule is not a finite number");
    return result;
}

void RuleExpression::reset() { MemoryContextReset(econtext_->ecxt_per_tuple_memory); }

} // namespace affiliate::pg
