// SPDX-License-Identifier: PostgreSQL
// Triggers on the firm's own tables: rows become facts, or are kept as they are. Nothing here fails, blocks or delays the
// firm's statement, unless the table was attached with on_error => 'raise'.
#include <algorithm>
#include <optional>
#include <string_view>

#include "pg/attached.hpp"
#include "pg/attached_order.hpp"
#include "pg/fact_row.hpp"
#include "pg/index_read.hpp"
#include "pg/kept_rows.hpp"
#include "pg/relation_lock.hpp"
#include "pg/sequence.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kAtOnceFirst = 1000;     // rows made facts by one statement of ours, where time is limited; then twice as many
constexpr std::size_t kKeptAtOnce = 1000;      // rows kept by one insert
constexpr std::size_t kLookedUpMost = 1000;    // rows that are asked about, and kept ones that they are compared with
constexpr core::Duration kWaitMax = 50'000; // microseconds, for what is not making facts; for that, too, where the budget is unlimited
constexpr core::Duration kWaitMin = 10'000; // for what is tried when the budget has been used up

/// Until when one call of the trigger may go on, and wait for locks that others hold.
class Patience {
public:
    /// When to begin nothing more; 0 = no limit.
    core::Time deadline() const noexcept { return deadline_; }
    core::Time facts_wait_until() const { return deadline_ != 0 ? deadline_ : GetCurrentTimestamp() + kWaitMax; }
    /// What else is done waits less. A moment is left in any case: who extends a table makes others wait for it.
    core::Time rest_waits_until() const {
        core::Time const now = GetCurrentTimestamp();
        return deadline_ != 0 ? std::clamp(deadline_, now + kWaitMin, now + kWaitMax) : now + kWaitMax;
    }

private:
    core::Time deadline_ = inline_deadline();
};

const char *operation_of(const TriggerData &data) {
    if (TRIGGER_FIRED_BY_INSERT(data.tg_event)) return "insert";
    if (TRIGGER_FIRED_BY_UPDATE(data.tg_event)) return "update";
    return TRIGGER_FIRED_BY_DELETE(data.tg_event) ? "delete" : "truncate";
}

/// Whether a row that a trigger sees deleted goes on in another partition.
bool is_moved(const TriggerData &data) {
    return TRIGGER_FIRED_FOR_ROW(data.tg_event) && TRIGGER_FIRED_BY_DELETE(data.tg_event) &&
           HeapTupleHeaderIndicatesMovedPartitions(data.tg_trigtuple->t_data);
}

/// The rows that a trigger is about: those of its transition tables, or its one row.
class Changes {
public:
    explicit Changes(const TriggerData &data) : data_(data) {
        if (data.tg_oldtable != nullptr) before_.emplace(data.tg_oldtable, data.tg_relation);
        if (data.tg_newtable != nullptr) after_.emplace(data.tg_newtable, data.tg_relation);
    }

    bool next() {
        while (next_row())
            if (!names_ || !is_old(name_of(after() != nullptr ? after() : before()))) return true;
        return false;
    }
    /// From now on leaves out rows of which later states were reported already.
    void leave_out_old() {
        if (!has_inner_statements()) return;
        if (RowImages names(data_.tg_relation); names.has_key()) names_.emplace(names);
    }
    /// The rows that are news are reported now.
    void remember(const std::vector<int> &columns) {
        if (!is_inner_statement()) return;
        if (!names_) names_.emplace(data_.tg_relation);
        if (!names_->has_key()) return;
        for (rewind(); next();) {
            if (!has_changed(columns)) continue;
            for (TupleTableSlot *const row : {before(), after()})
                if (row != nullptr) remember_reported(name_of(row));
        }
    }
    void rewind() {
        is_done_ = false;
        if (before_) before_->rewind();
        if (after_) after_->rewind();
    }
    void close() {
        if (before_) before_->close();
        if (after_) after_->close();
    }

    /// nullptr for an INSERT.
    TupleTableSlot *before() const {
        if (before_) return before_->slot();
        return is_row() && !TRIGGER_FIRED_BY_INSERT(data_.tg_event) ? data_.tg_trigslot : nullptr;
    }
    /// nullptr for a DELETE.
    TupleTableSlot *after() const {
        if (after_) return after_->slot();
        if (!is_row() || TRIGGER_FIRED_BY_DELETE(data_.tg_event)) return nullptr;
        return TRIGGER_FIRED_BY_UPDATE(data_.tg_event) ? data_.tg_newslot : data_.tg_trigslot;
    }
    /// Whether one of the columns has changed; an inserted row is news in any case.
    bool has_changed(const std::vector<int> &columns) const {
        if (before() == nullptr || after() == nullptr) return true;
        for (int const column : columns)
            if (column == 0 || differs(before(), after(), column)) return true;
        return false;
    }
    bool is_delete() const { return TRIGGER_FIRED_BY_DELETE(data_.tg_event); }
    bool is_update() const { return TRIGGER_FIRED_BY_UPDATE(data_.tg_event); }
    /// Whether any of the rows is news.
    bool is_news(const std::vector<int> &columns) {
        bool found = false;
        while (!found && next()) found = has_changed(columns);
        rewind();
        return found;
    }
    Relation relation() const { return data_.tg_relation; }
    const char *operation() const { return operation_of(data_); }

private:
    bool is_row() const { return TRIGGER_FIRED_FOR_ROW(data_.tg_event); }
    bool next_row() {
        if (is_row()) {
            bool const is_first = !is_done_;
            is_done_ = true;
            return is_first;
        }
        bool const has_before = before_ && before_->next(), has_after = after_ && after_->next();
        return has_before || has_after;
    }
    std::string name_of(TupleTableSlot *row) const { return data_.tg_trigger->tgargs[0] + (" " + names_->key(row)); }

    const TriggerData &data_;
    std::optional<RowImages> names_;
    std::optional<StoredRows> before_, after_;
    bool is_done_ = false;
};

std::vector<int> all_columns(Relation relation) {
    std::vector<int> result;
    for (int i = 1; i <= RelationGetDescr(relation)->natts; ++i) result.push_back(i);
    return result;
}

// Keeping --------------------------------------------------------------------------------------------------------

/// Adds the next of the changes, but for rows that have not changed in any of the columns. Whether there are more.
bool add(KeptRows &kept, Changes &changes, const std::vector<int> &columns, const char *reason) {
    AsOwner owner(SECURITY_RESTRICTED_OPERATION);
    ImageSettings settings(changes.relation());
    bool is_more = true;
    while (kept.size() < kKeptAtOnce && (is_more = changes.next()))
        if (changes.has_changed(columns)) kept.add(changes.operation(), changes.before(), changes.after(), "waiting", reason);
    settings.restore();
    owner.restore();
    return is_more;
}

bool add_truncate(KeptRows &kept) {
    kept.add("truncate", nullptr, nullptr, "waiting", "TRUNCATE");
    return false;
}

/// Keeps what `add` adds, again and again, until that says that there is no more. Waits for no lock on a table.
template <class Add> void keep(const std::string &id, Relation relation, core::Time waits_until, Add add) {
    NeverWait const never_wait;
    WaitAtMost const net(waits_until);
    for (bool is_more = true; is_more;) {
        KeptRows kept(id, relation);
        is_more = add(kept);
        kept.write();
        kept.close();
    }
}

// At once --------------------------------------------------------------------------------------------------------

/// The names under which rows are kept, so far as they are few; else they go by that of the attachment. Inside of an InMapping, whose
/// settings are those of images and more.
std::vector<std::string> kept_names(const std::string &id, Changes &changes) {
    RowImages const images(changes.relation());
    std::vector<std::string> names;
    while (images.has_key() && names.size() <= kLookedUpMost && changes.next()) {
        names.push_back(input_key(id, images, changes.after()));
        if (changes.before() != nullptr && changes.has_changed(images.key_columns())) names.push_back(input_key(id, images, changes.before()));
    }
    changes.rewind();
    if (!images.has_key() || names.size() > kLookedUpMost) names.clear();
    std::sort(names.begin(), names.end());
    return names;
}

/// Whether earlier states of the rows are kept, or so many rows that it takes long to find out: these must not be overtaken.
bool is_any_kept(const std::string &id, Changes &changes) {
    static IndexRead *const waiting = new IndexRead("pending_input", "pending_input_attached_idx", {"input_key"});
    FreshSnapshot snapshot;
    bool is_kept = false;
    if (waiting->has_more_than("waiting", 0)) {
        std::vector<std::string> const names = kept_names(id, changes);
        std::string const unnamed = id + " ";
        std::size_t seen = 0;
        waiting->each({"waiting"}, [&](const Row &row) {
            std::string const key = row.text(0);
            is_kept = ++seen > kLookedUpMost || key == unnamed || (names.empty() && key.starts_with(unnamed)) ||
                      std::binary_search(names.begin(), names.end(), key);
            return !is_kept;
        });
    }
    snapshot.close();
    return is_kept;
}

/// The next rows, `most` of them, whose mapped columns have changed.
void fill(FirmRows &rows, std::size_t most, Changes &changes, const Attachment &attachment) {
    rows.clear();
    while (rows.size() < most && changes.next()) {
        if (!changes.has_changed(attachment.mapped)) continue;
        if (changes.is_update() && changes.has_changed(attachment.keys))
            throw core::Error("AF011", "the key of a row was changed", "Its fact keeps the key that it has.",
                              "Undo the change, or attach with on_error => 'capture', which opens a review instead.");
        rows.add(changes.after());
    }
}

/// Makes the rows facts. Returns nullptr, or why it did not begin. What is left when the budget is used up is kept.
const char *make_facts(Attachment &attachment, Changes &changes, const Patience &patience) {
    core::Time const deadline = patience.deadline();
    if (const char *const why = why_not_inline()) return why;
    InMapping mapping;
    if (is_any_kept(attachment.id, changes)) return mapping.restore(), "earlier rows wait";
    FirmRows rows(changes.relation());
    for (std::size_t most = deadline == 0 ? SIZE_MAX : kAtOnceFirst;; most *= 2) {
        fill(rows, most, changes, attachment);
        if (rows.size() > 0) write_facts(attachment, rows);
        if (rows.size() < most) break;
        if (is_over(deadline)) {
            keep(attachment.id, changes.relation(), patience.rest_waits_until(),
                 [&](KeptRows &kept) { return add(kept, changes, attachment.mapped, "inline budget"); });
            break;
        }
    }
    rows.close();
    mapping.restore();
    return nullptr;
}

/// The same, without waiting, as part of a subtransaction.
const char *make_facts_enclosed(Attachment &attachment, Changes &changes, const Patience &patience) {
    NeverWait const never_wait;
    Enclosed const enclosed(patience.deadline(), true);
    WaitAtMost const net(patience.facts_wait_until());
    return make_facts(attachment, changes, patience);
}

// Never failing --------------------------------------------------------------------------------------------------

/// Not even kept: counted and logged, once for a transaction. affiliate.reconcile() finds the rows.
void lose(const std::string &id, const ErrorData &why, const Patience &patience) {
    static LocalTransactionId logged = InvalidLocalTransactionId;
    static Sequence *const counter = new Sequence("attached_rows_lost");
    ErrorData *error = nullptr;
    try_in_subtransaction(
        [&patience] {
            WaitAtMost const net(patience.rest_waits_until());
            counter->next();
        },
        &error);
    LocalTransactionId const now = local_transaction_id();
    if (logged == now) return;
    logged = now;
    const char *const name = id.c_str(), *const message = why.message;
    call([=] {
        ereport(LOG, (errmsg("pg_affiliate could not keep rows of attachment \"%s\"", name), errdetail("%s", message),
                      errhint("SELECT * FROM affiliate.reconcile('%s', repair => true) brings their latest state.", name)));
    });
}

/// Whether `f` goes through, in a subtransaction that is rolled back.
template <class F> bool rehearse(F f, ErrorData **error) {
    bool is_done = false;
    auto const play = [&] {
        f();
        is_done = true;
        throw core::Error("AF000", "undone");
    };
    try_in_subtransaction(play, error);
    return is_done;
}

/// keep() where a transaction has had its subtransactions of ours: what others have to look through are the transaction ids that
/// were not rolled back. So it is rehearsed in one that is, and then done in none. Between the two nothing may be looked for that
/// somebody can take away: what is written to is known, and locked.
template <class Add>
bool try_to_keep_without_id(const std::string &id, Relation relation, const Patience &patience, Add add, ErrorData **error) {
    NeverWait const never_wait;
    for (bool is_more = true; is_more;) {
        std::optional<KeptRows> kept;
        auto const write = [&] { kept->write(); };
        auto const try_to_write = [&] {
            WaitAtMost const net(patience.rest_waits_until());
            auto const collect = [&] {
                kept.emplace(id, relation);
                kept->hold();
                is_more = add(*kept);
            };
            return try_in_subtransaction(collect, error) && rehearse(write, error) &&
                   (kept->is_repeatable() || try_in_subtransaction(write, error));
        };
        if (!try_to_write()) return false;
        if (kept->is_repeatable()) {
            WaitAsLongAsItTakes const nothing_fails_for_that;
            write();
        }
        kept->close();
    }
    return true;
}

template <class Add> void keep_or_lose(const std::string &id, Relation relation, const Patience &patience, Add add) {
    ErrorData *error = nullptr;
    bool const is_kept = count_subtransaction()
                             ? try_in_subtransaction([&] { keep(id, relation, patience.rest_waits_until(), add); }, &error)
                             : try_to_keep_without_id(id, relation, patience, add, &error);
    if (!is_kept) lose(id, *error, patience);
}

/// What is attached, if that can be known without failing; `*why` says why not.
Attachment *try_to_know(const std::string &id, Oid relation, const Patience &patience, const char **why) {
    if (Attachment *const known = known_attachment(id, relation)) return known;
    Attachment *loaded = nullptr;
    ErrorData *error = nullptr;
    if ((*why = why_not_in_transaction()) != nullptr || !count_subtransaction()) return nullptr;
    bool const is_read = try_in_subtransaction(
        [&] {
            NeverWait const never_wait;
            WaitAtMost const net(patience.rest_waits_until());
            loaded = &load_attachment(id, relation);
        },
        &error);
    if (!is_read) *why = error->message;
    return is_read ? loaded : nullptr;
}

/// Makes the rows facts if that can be done now and without failing. Returns nullptr, or why they are to be kept.
const char *try_to_make_facts(Attachment *attachment, Changes &changes, const Patience &patience) {
    if (const char *const why = why_not_in_transaction()) return why;
    const char *why = nullptr;
    ErrorData *error = nullptr;
    if (attachment == nullptr || !count_subtransaction()) return "many statements in one transaction";
    if (!try_in_subtransaction([&] { why = make_facts_enclosed(*attachment, changes, patience); }, &error)) why = error->message;
    if (why != nullptr) changes.rewind();
    return why;
}

/// What the call of a trigger is for: rows that were inserted or updated, or deleted.
struct Task {
    const std::string &id;
    Attachment *attachment; ///< nullptr where it is not known, `unknown` says why
    const char *unknown;
    const std::vector<int> &columns; ///< of which a change is news
};

void take_in(const Task &task, Changes &changes, const Patience &patience) {
    if (task.attachment != nullptr && !changes.is_news(task.columns)) return;
    const char *const why = changes.is_delete() ? "DELETE" : task.unknown != nullptr ? task.unknown : try_to_make_facts(task.attachment, changes, patience);
    if (why == nullptr) return;
    keep_or_lose(task.id, changes.relation(), patience, [&](KeptRows &kept) { return add(kept, changes, task.columns, why); });
}

/// The same where an error is the statement's.
void take_in_or_raise(const Task &task, Changes &changes, const Patience &patience) {
    const char *why = changes.is_delete() ? "DELETE" : why_not_in_transaction();
    if (why == nullptr) {
        why = make_facts(attachment(task.id, RelationGetRelid(changes.relation())), changes, patience);
        if (why == nullptr) return;
        changes.rewind();
    }
    keep(task.id, changes.relation(), patience.rest_waits_until(), [&](KeptRows &kept) { return add(kept, changes, task.columns, why); });
}

/// Whether a row trigger's or a statement's changes are none at all.
bool is_empty(const TriggerData &data) {
    if (TRIGGER_FIRED_FOR_ROW(data.tg_event)) return is_moved(data);
    Tuplestorestate *const rows = data.tg_newtable != nullptr ? data.tg_newtable : data.tg_oldtable;
    return rows != nullptr && tuplestore_tuple_count(rows) == 0;
}

} // namespace

/// AFTER trigger on the firm's tables; its arguments: the attachment, and on_error where that is not capture.
AFFILIATE_FUNCTION(affiliate_attached) {
    const TriggerData &data = trigger_data(fcinfo);
    int const arguments = data.tg_trigger->tgnargs;
    if (arguments < 1 || arguments > 2)
        throw core::Error("39P01", "the trigger of an attached table has one argument or two", {}, "affiliate.attach() makes it.");
    bool const raises = arguments == 2 && std::string_view(data.tg_trigger->tgargs[1]) == "raise";
    std::string const id = data.tg_trigger->tgargs[0];
    Relation const relation = data.tg_relation;
    if (is_empty(data)) return PointerGetDatum(nullptr);
    AsOriginal const role;
    Patience const patience;
    const char *unknown = nullptr;
    Attachment *const attachment = try_to_know(id, RelationGetRelid(relation), patience, &unknown);
    if (attachment != nullptr && !attachment->is_of_it) return PointerGetDatum(nullptr); // a partition that was detached
    if (TRIGGER_FIRED_BY_TRUNCATE(data.tg_event)) {
        if (raises) keep(id, relation, patience.rest_waits_until(), add_truncate);
        else keep_or_lose(id, relation, patience, add_truncate);
        return PointerGetDatum(nullptr);
    }
    std::vector<int> const columns = attachment != nullptr ? attachment->mapped : all_columns(relation);
    std::optional<ImageSettings> settings; // rows that are remembered are known by their keys' texts
    if (has_inner_statements() || is_inner_statement()) settings.emplace(relation);
    Changes changes(data);
    changes.leave_out_old();
    (raises ? take_in_or_raise : take_in)({id, attachment, unknown, columns}, changes, patience);
    changes.remember(columns);
    changes.close();
    if (settings) settings->restore();
    return PointerGetDatum(nullptr);
}

} // namespace affiliate::pg
