// SPDX-License-Identifier: PostgreSQL
// Whether an expression of a mapping can be used, and which columns it reads.
#include "pg/attached.hpp"
#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

/// A text that a mapping gives for a field, and how it is complained of.
struct Expression {
    std::string field, text;

    [[noreturn]] void refuse(const std::string &why, std::string hint, int byte = 0) const {
        std::string const where = byte > 0 ? " at character " + std::to_string(character(byte)) : std::string();
        throw core::Error("AF050", "the mapping of \"" + field + "\" cannot be used: " + why + where, "It is: " + text, std::move(hint));
    }
    int character(int byte) const {
        const char *const data = text.data();
        int const size = std::min(byte - 1, static_cast<int>(text.size()));
        return call([data, size] { return pg_mbstrlen_with_len(data, size) + 1; });
    }
};

/// Where in its text an error is; a statement further out may have made an inner one's position of it.
int position(const Error &error) { return error.data->cursorpos > 0 ? error.data->cursorpos : error.data->internalpos; }

/// One expression and nothing else: no FROM, no second one, no other statement behind it.
void check_syntax(const Expression &expression) {
    const char *const text = expression.text.c_str();
    const SelectStmt *statement = nullptr;
    try {
        statement = call([text]() -> const SelectStmt * {
            List *const parsed = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
            if (list_length(parsed) != 1) return nullptr;
            Node *const node = castNode(RawStmt, linitial(parsed))->stmt;
            return IsA(node, SelectStmt) ? castNode(SelectStmt, node) : nullptr;
        });
    } catch (const Error &error) {
        expression.refuse(error.data->message, "Give one SQL expression over the columns of the row.", position(error));
    }
    bool const is_one = statement != nullptr && list_length(statement->targetList) == 1 && statement->fromClause == NIL &&
                        statement->whereClause == nullptr && statement->groupClause == NIL && statement->havingClause == nullptr &&
                        statement->windowClause == NIL && statement->sortClause == NIL && statement->limitOffset == nullptr &&
                        statement->limitCount == nullptr && statement->lockingClause == NIL &&
                        statement->distinctClause == NIL && statement->op == SETOP_NONE &&
                        castNode(ResTarget, linitial(statement->targetList))->name == nullptr;
    if (!is_one) expression.refuse("it is more than one expression", "Give one SQL expression over the columns of the row.");
}

/// Which columns of the row an expression reads, inside of subqueries, too. 0 is the whole row.
struct ReadColumns {
    Bitmapset *found = nullptr; ///< shifted, for the whole row
    Index level = 0;
};

bool walk_columns(Node *node, void *context) {
    auto *const columns = static_cast<ReadColumns *>(context);
    if (node == nullptr) return false;
    if (IsA(node, Var)) {
        const Var *const var = castNode(Var, node);
        if (var->varlevelsup == columns->level && var->varno == 1) columns->found = bms_add_member(columns->found, var->varattno);
        return false;
    }
    if (IsA(node, Query)) {
        ++columns->level;
        bool const result = walk_query(reinterpret_cast<::Query *>(node), walk_columns, context);
        --columns->level;
        return result;
    }
    return walk_expression(node, walk_columns, context);
}

/// The statement in which an expression is tried; its rows stand under the name by which the expression may call them.
struct Trial {
    std::string before = "SELECT (", text;

    Trial(const Expression &expression, Relation relation, const std::string &alias) {
        std::string columns;
        for (int i = 0; i < RelationGetDescr(relation)->natts; ++i) {
            Form_pg_attribute const attribute = TupleDescAttr(RelationGetDescr(relation), i);
            if (!attribute->attisdropped) columns += (columns.empty() ? "n." : ", n.") + quoted(NameStr(attribute->attname));
        }
        text = before + expression.text + "\n) FROM (SELECT " + columns + " FROM new_rows AS n) AS " + quoted(alias.c_str());
    }
    static std::string quoted(const char *name) {
        return call([name] { return quote_identifier(name); });
    }
};

constexpr const char *kGrantHint = "Mappings are evaluated as role affiliate_mapping: grant it what they use.";

const char *hint_for(const ErrorData &error) {
    switch (error.sqlerrcode) {
    case ERRCODE_UNDEFINED_FUNCTION:
    case ERRCODE_UNDEFINED_TABLE:
    case ERRCODE_UNDEFINED_OBJECT: return "Names are looked up in pg_catalog only: write others with their schema.";
    case ERRCODE_INSUFFICIENT_PRIVILEGE: return kGrantHint;
    default: return error.hint != nullptr ? error.hint : "Expressions are over the columns of the row.";
    }
}

/// The expression as analysed. Lives as long as the SpiSession.
const ::Query *analyse(const Expression &expression, const Trial &trial, const FirmRows &rows) {
    const char *const text = trial.text.c_str();
    rows.offer();
    try {
        return call([text]() -> const ::Query * {
            SPIPlanPtr const plan = SPI_prepare(text, 0, nullptr);
            if (plan == nullptr) return nullptr;
            auto *const source = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
            return static_cast<const ::Query *>(linitial(source->query_list));
        });
    } catch (const Error &error) {
        expression.refuse(error.data->message, hint_for(*error.data), position(error) - static_cast<int>(trial.before.size()));
    }
}

/// What the analyser lets through and a mapping may not be.
void check_kind(const Expression &expression, const ::Query *query) {
    if (query->hasAggs || query->hasWindowFuncs || query->hasTargetSRFs)
        expression.refuse("it is not about one row", "Aggregates, window functions and functions that return sets belong into a subquery.");
    bool const is_volatile = call([query] {
        return contain_volatile_functions(reinterpret_cast<Node *>(const_cast<::Query *>(query)));
    });
    if (is_volatile)
        expression.refuse("it calls a volatile function",
                          "What it gives must depend on the row: functions have to be declared IMMUTABLE or STABLE.");
}

void check_type(const Expression &expression, Oid type, Oid wanted) {
    bool const has_no_zone = wanted == TIMESTAMPTZOID && (type == TIMESTAMPOID || type == DATEOID);
    std::string const type_name = call([type] { return format_type_be(type); });
    std::string const wanted_name = call([wanted] { return format_type_be(wanted); });
    if (has_no_zone)
        expression.refuse("it is a " + type_name + ", which has no time zone",
                          std::string("Say which it is in, for example (..)") + (type == DATEOID ? "::timestamp" : "") + " AT TIME ZONE 'UTC'.");
    Oid const from = type, to = wanted;
    bool const fits = call([from, to] { return can_coerce_type(1, &from, &to, COERCION_ASSIGNMENT); });
    if (fits) return;
    bool const is_list = call([wanted] { return OidIsValid(get_element_type(wanted)); });
    expression.refuse("it is a " + type_name + " and must be a " + wanted_name,
                      is_list ? "Make a list of it, for example ARRAY[..] or string_to_array(.., ',')." : "Cast it, for example (..)::" + wanted_name + ".");
}

/// Numbers of the columns that are read, as the table has them; 0 for the whole row.
std::vector<int> columns_read(const ::Query *query, Relation relation) {
    ReadColumns read;
    ReadColumns *const context = &read;
    call([query, context] {
        walk_expression(reinterpret_cast<Node *>(query->targetList), walk_columns, context);
        return true;
    });
    std::vector<int> numbers{0}; // of the subquery's columns
    for (int i = 0; i < RelationGetDescr(relation)->natts; ++i)
        if (!TupleDescAttr(RelationGetDescr(relation), i)->attisdropped) numbers.push_back(i + 1);
    std::vector<int> result;
    for (int member = -1; (member = bms_next_member(read.found, member)) >= 0;) result.push_back(numbers.at(static_cast<std::size_t>(member)));
    return result;
}

} // namespace

/// _check_expression(relation, alias, field, expression, type): throws AF050, or returns the numbers of the columns it reads.
AFFILIATE_FUNCTION(affiliate_check_expression) {
    Expression const expression{read_bytes(PG_GETARG_DATUM(2)), read_bytes(PG_GETARG_DATUM(3))};
    Oid const oid = PG_GETARG_OID(0), wanted = PG_GETARG_OID(4);
    Relation const relation = call([oid] { return relation_open(oid, AccessShareLock); });
    InMapping mapping; // by the settings by which it will be read
    AsMapper mapper;
    check_syntax(expression);
    std::vector<int> columns;
    {
        SpiSession session;
        FirmRows rows(relation);
        const ::Query *const query = analyse(expression, Trial(expression, relation, read_bytes(PG_GETARG_DATUM(1))), rows);
        check_kind(expression, query);
        const TargetEntry *const target = static_cast<const TargetEntry *>(linitial(query->targetList));
        check_type(expression, call([target] { return exprType(reinterpret_cast<const Node *>(target->expr)); }), wanted);
        columns = columns_read(query, relation);
        rows.close();
        session.close();
    }
    mapper.restore();
    mapping.restore();
    call([relation] { relation_close(relation, NoLock); });
    return make_int_array(columns);
}

/// _try_mapping(attachment, relation): makes facts of no rows, so that whatever the statement needs is asked for.
AFFILIATE_FUNCTION(affiliate_try_mapping) {
    std::string const id = read_bytes(PG_GETARG_DATUM(0));
    Oid const oid = PG_GETARG_OID(1);
    Relation const relation = call([oid] { return relation_open(oid, AccessShareLock); });
    Attachment &mapped = load_attachment(id, oid);
    InMapping mapping;
    FirmRows rows(relation);
    try {
        write_facts(mapped, rows);
    } catch (const Error &error) {
        if (error.data->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE) throw;
        throw core::Error("42501", error.data->message, {}, kGrantHint);
    }
    rows.close();
    mapping.restore();
    call([relation] { relation_close(relation, NoLock); });
    PG_RETURN_VOID();
}

} // namespace affiliate::pg
