// SPDX-License-Identifier: PostgreSQL
// Triggers on the firm's own tables: rows become facts, or are kept as they are. Nothing here fails, blocks or delays the
// firm's statement, unless the table was attached with on_error => 'raise'.
#include <algorithm>
#include <optional>
#include <string_view>

#include "pg/attached.hpp"
#include "pg/attached_image.hpp"
#include "pg/attached_order.hpp"
#include "pg/fact_row.hpp"
#include "pg/index_read.hpp"
#include "pg/relation_lock.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kAtOnceFirst = 1000;     // rows made facts by one statement of ours, where time is limited; then twice as many
constexpr std::size_t kKeptAtOnce = 1000;      // rows kept by one insert
constexpr std::size_t kLookedUpMost = 1000;    // rows that are asked about, and kept ones that they are compared with
constexpr core::Duration kLockWaitMax = 50'000; // microseconds, where the budget is unlimited

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

/// Keeps the rows that are left in `changes`, but for those that have not changed in any of the columns.
void keep(const std::string &id, Changes &changes, const std::vector<int> &columns, const char *reason) {
    NeverWait const never_wait;
    WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
    KeptRows::lock();
    for (bool is_done = false; !is_done;) {
        AsOwner owner(SECURITY_RESTRICTED_OPERATION);
        ImageSettings settings(changes.relation());
        SpiSession session; // its memory is freed for each batch
        KeptRows kept(id, changes.relation());
        while (kept.size() < kKeptAtOnce && !is_done) {
            is_done = !changes.next();
            if (!is_done && changes.has_changed(columns))
                kept.add(changes.operation(), changes.before(), changes.after(), "waiting", reason);
        }
        if (kept.size() > 0) kept.write();
        session.close();
        settings.restore();
        owner.restore();
    }
}

void keep_truncate(const std::string &id, Relation relation) {
    NeverWait const never_wait;
    WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
    KeptRows::lock();
    AsOwner owner(SECURITY_RESTRICTED_OPERATION);
    SpiSession session;
    KeptRows kept(id, relation);
    kept.add("truncate", nullptr, nullptr, "waiting", "TRUNCATE");
    kept.write();
    session.close();
    owner.restore();
}

// At once --------------------------------------------------------------------------------------------------------

/// The names under which rows are kept, so far as they are few; else they go by that of the attachment.
std::vector<std::string> kept_names(const std::string &id, Changes &changes) {
    ImageSettings settings(changes.relation());
    RowImages const images(changes.relation());
    std::vector<std::string> names;
    while (images.has_key() && names.size() <= kLookedUpMost && changes.next()) {
        names.push_back(input_key(id, images, changes.after()));
        if (changes.before() != nullptr && changes.has_changed(images.key_columns())) names.push_back(input_key(id, images, changes.before()));
    }
    changes.rewind();
    settings.restore();
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
const char *make_facts(Attachment &attachment, Changes &changes) {
    core::Time const deadline = inline_deadline();
    if (const char *const why = why_not_inline()) return why;
    InMapping mapping;
    if (is_any_kept(attachment.id, changes)) return mapping.restore(), "earlier rows wait";
    FirmRows rows(changes.relation());
    for (std::size_t most = deadline == 0 ? SIZE_MAX : kAtOnceFirst;; most *= 2) {
        fill(rows, most, changes, attachment);
        if (rows.size() > 0) write_facts(attachment, rows);
        if (rows.size() < most) break;
        if (is_over(deadline)) {
            keep(attachment.id, changes, attachment.mapped, "inline budget");
            break;
        }
    }
    rows.close();
    mapping.restore();
    return nullptr;
}

/// The same, without waiting, as part of a subtransaction.
const char *make_facts_enclosed(Attachment &attachment, Changes &changes) {
    NeverWait const never_wait;
    core::Time const deadline = inline_deadline();
    Enclosed const enclosed(deadline, true);
    WaitAtMost const net(deadline != 0 ? deadline : GetCurrentTimestamp() + kLockWaitMax);
    return make_facts(attachment, changes);
}

// Never failing --------------------------------------------------------------------------------------------------

/// Not even kept: counted and logged, once for a transaction. affiliate.reconcile() finds the rows.
void lose(const std::string &id, const ErrorData &why) {
    static LocalTransactionId logged = InvalidLocalTransactionId;
    ErrorData *error = nullptr;
    try_in_subtransaction(
        [] {
            WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
            Oid const sequence =
                call([] { return get_relname_relid("attached_rows_lost", get_namespace_oid("affiliate", false)); });
            if (OidIsValid(sequence)) call([sequence] { nextval_internal(sequence, false); });
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

/// Runs `f`, which keeps rows, in a subtransaction as long as there may be more of them. Then it is tried in one that is rolled
/// back, and done without one if it can be done. What others have to look through are the transaction ids that were not rolled
/// back. The lock is held on to between the two.
template <class F> bool try_to_keep(F f, ErrorData **error) {
    if (count_subtransaction()) return try_in_subtransaction(f, error);
    auto const lock = [] {
        NeverWait const never_wait;
        KeptRows::lock();
    };
    if (!try_in_subtransaction(lock, error)) return false;
    bool can_be_done = false;
    auto const rehearse = [&] {
        f();
        can_be_done = true;
        throw core::Error("AF000", "undone");
    };
    try_in_subtransaction(rehearse, error);
    if (can_be_done) f();
    return can_be_done;
}

void keep_or_lose(const std::string &id, Changes &changes, const Attachment *attachment, const char *reason) {
    std::vector<int> const columns = attachment != nullptr ? attachment->mapped : all_columns(changes.relation());
    ErrorData *error = nullptr;
    auto const keep_all = [&] {
        changes.rewind();
        keep(id, changes, columns, reason);
    };
    if (!try_to_keep(keep_all, &error)) lose(id, *error);
}

/// What is attached, if that can be known without failing; `*why` says why not.
Attachment *try_to_know(const std::string &id, Oid relation, const char **why) {
    if (Attachment *const known = known_attachment(id, relation)) return known;
    Attachment *loaded = nullptr;
    ErrorData *error = nullptr;
    if ((*why = why_not_in_transaction()) != nullptr || !count_subtransaction()) return nullptr;
    bool const is_read = try_in_subtransaction(
        [&] {
            NeverWait const never_wait;
            WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
            loaded = &load_attachment(id, relation);
        },
        &error);
    if (!is_read) *why = error->message;
    return is_read ? loaded : nullptr;
}

void take_in(const std::string &id, Changes &changes) {
    const char *why = nullptr;
    Attachment *const attachment = try_to_know(id, RelationGetRelid(changes.relation()), &why);
    if (why == nullptr) why = why_not_in_transaction();
    if (attachment != nullptr && !changes.is_news(attachment->mapped)) return;
    ErrorData *error = nullptr;
    if (why == nullptr && attachment != nullptr && count_subtransaction() &&
        try_in_subtransaction([&] { why = make_facts_enclosed(*attachment, changes); }, &error) && why == nullptr)
        return;
    if (error != nullptr) why = error->message;
    keep_or_lose(id, changes, attachment, why != nullptr ? why : "many statements in one transaction");
}

/// The same where an error is the statement's.
void take_in_or_raise(const std::string &id, Changes &changes) {
    Oid const relation = RelationGetRelid(changes.relation());
    const char *why = why_not_in_transaction();
    if (why == nullptr) {
        if ((why = make_facts(attachment(id, relation), changes)) == nullptr) return;
        changes.rewind();
    }
    const Attachment *const known = known_attachment(id, relation);
    keep(id, changes, known != nullptr ? known->mapped : all_columns(changes.relation()), why);
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
    if (is_empty(data)) return PointerGetDatum(nullptr);
    AsOriginal const role;
    ErrorData *error = nullptr;
    const char *unknown = nullptr;
    if (const Attachment *const attachment = try_to_know(id, RelationGetRelid(data.tg_relation), &unknown);
        attachment != nullptr && !attachment->is_of_it)
        return PointerGetDatum(nullptr); // a partition that was detached
    if (TRIGGER_FIRED_BY_TRUNCATE(data.tg_event)) {
        if (raises) keep_truncate(id, data.tg_relation);
        else if (!try_to_keep([&] { keep_truncate(id, data.tg_relation); }, &error)) lose(id, *error);
        return PointerGetDatum(nullptr);
    }
    Changes changes(data);
    changes.leave_out_old();
    if (TRIGGER_FIRED_BY_DELETE(data.tg_event)) {
        if (raises) keep(id, changes, {}, "DELETE");
        else keep_or_lose(id, changes, nullptr, "DELETE");
    } else if (raises) {
        take_in_or_raise(id, changes);
    } else {
        take_in(id, changes);
    }
    const Attachment *const attachment = known_attachment(id, RelationGetRelid(data.tg_relation));
    changes.remember(attachment != nullptr ? attachment->mapped : all_columns(data.tg_relation));
    changes.close();
    return PointerGetDatum(nullptr);
}

} // namespace affiliate::pg
