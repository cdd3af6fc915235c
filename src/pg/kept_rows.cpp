// SPDX-License-Identifier: PostgreSQL
#include "pg/kept_rows.hpp"

#include "core/json.hpp"
#include "pg/relation_lock.hpp"
#include "pg/sequence.hpp"
#include "pg/settings.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kReasonBytesMax = 1000; // an error may show the value that it is about
constexpr std::size_t kKeyBytesMax = 1000; // of input_key

RowTable &pending_input() {
    static RowTable *const table =
        new RowTable("pending_input", {"input_id", "kind", "state", "input_key", "payload", "reason",
                                                                       "recorded_at", "recorded_by", "attempts", "due_at"});
    return *table;
}

std::int64_t next_input_id() {
    static Sequence *const sequence = new Sequence("pending_input_input_id_seq");
    return sequence->next();
}

} // namespace

std::string input_key(const std::string &attachment, const RowImages &images, TupleTableSlot *row) {
    std::string const key = row == nullptr ? std::string() : images.key(row);
    return attachment + " " + (key.size() > kKeyBytesMax ? std::string() : key);
}

KeptRows::KeptRows(const std::string &attachment, Relation relation)
    : attachment_(attachment), actor_(call([] { return GetUserNameFromId(GetSessionUserId(), false); })), images_(relation),
      writer_(pending_input()),
      memory_(call([] { return AllocSetContextCreate(CurrentMemoryContext, "pg_affiliate kept rows", ALLOCSET_DEFAULT_SIZES); })) {
    Oid const table = writer_.table();
    if (!call([table] { return take_lock(table, RowExclusiveLock); })) refuse_to_wait();
}

std::string KeptRows::input_key(TupleTableSlot *row) const { return pg::input_key(attachment_, images_, row); }

void KeptRows::add(const char *operation, TupleTableSlot *before, TupleTableSlot *after, const char *state, const char *reason) {
    MemoryContext const caller = MemoryContextSwitchTo(memory_);
    const char *const attachment = attachment_.c_str();
    const RowImages &images = images_;
    Datum const payload = call([=, &images] {
        JsonbWriter writer;
        writer.begin_object();
        writer.add("attachment", attachment);
        writer.add("operation", operation);
        if (before != nullptr) {
            writer.key("before");
            images.write(writer, before, after);
        }
        if (after != nullptr) {
            writer.key("after");
            images.write(writer, after);
        }
        writer.end_object();
        return writer.datum();
    });
    writer_.put(Int64GetDatum(next_input_id()));
    writer_.put_text("attached");
    writer_.put_text(state);
    writer_.put_text(input_key(after != nullptr ? after : before));
    writer_.put(payload);
    writer_.put_text(core::clipped(reason, kReasonBytesMax));
    writer_.put_time(now_us());
    writer_.put_text(actor_);
    writer_.put(0);
    writer_.put_time(DT_NOBEGIN);
    writer_.end_row();
    MemoryContextSwitchTo(caller);
}

namespace {

/// A table, its indexes and its table for large values. Inside of call().
bool lock_with_indexes(Oid table) {
    if (!take_lock(table, RowExclusiveLock)) return false;
    Relation const relation = table_open(table, NoLock);
    List *const indexes = RelationGetIndexList(relation);
    Oid const large_values = relation->rd_rel->reltoastrelid;
    table_close(relation, NoLock);
    for (int i = 0; i < list_length(indexes); ++i)
        if (!take_lock(list_nth_oid(indexes, i), RowExclusiveLock)) return false;
    return !OidIsValid(large_values) || lock_with_indexes(large_values);
}

} // namespace

void KeptRows::hold() {
    Oid const table = writer_.table();
    if (!call([table] { return lock_with_indexes(table); })) refuse_to_wait();
}

void KeptRows::write() {
    AsOwner owner(SECURITY_RESTRICTED_OPERATION);
    RowWriter::insert({&writer_});
    owner.restore();
}

void KeptRows::close() { MemoryContextDelete(memory_); }

} // namespace affiliate::pg
