// SPDX-License-Identifier: PostgreSQL
#include "pg/attached_image.hpp"

#include <algorithm>
#include <cstring>

#include "core/json.hpp"
#include "pg/relation_lock.hpp"
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
    Oid const sequence =
        call([] { return get_relname_relid("pending_input_input_id_seq", get_namespace_oid("affiliate", false)); });
    if (!OidIsValid(sequence)) throw core::Error("AF090", "the sequence of affiliate.pending_input is missing");
    return call([sequence] { return nextval_internal(sequence, false); });
}

std::vector<int> primary_key(Relation relation) {
    Bitmapset *const columns = call([relation] { return RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY); });
    std::vector<int> result;
    for (int member = -1; (member = bms_next_member(columns, member)) >= 0;)
        if (int const column = member + FirstLowInvalidHeapAttributeNumber; column > 0) result.push_back(column);
    // a partition may have them in another order than the table above it
    std::sort(result.begin(), result.end(), [relation](int left, int right) {
        auto const name = [relation](int column) { return NameStr(TupleDescAttr(RelationGetDescr(relation), column - 1)->attname); };
        return std::strcmp(name(left), name(right)) < 0;
    });
    return result;
}

} // namespace

/// Whether two values are stored outside of their rows, at one place: an UPDATE leaves there what it does not touch.
static bool is_same_toast(const FormData_pg_attribute &attribute, Datum one, Datum other) noexcept {
    if (attribute.attlen != -1) return false;
    const void *const left = DatumGetPointer(one), *const right = DatumGetPointer(other);
    return VARATT_IS_EXTERNAL_ONDISK(left) && VARATT_IS_EXTERNAL_ONDISK(right) &&
           std::memcmp(left, right, VARSIZE_EXTERNAL(left)) == 0;
}

bool differs(TupleTableSlot *row, TupleTableSlot *other, int column) {
    return call([=] {
        Form_pg_attribute const attribute = TupleDescAttr(row->tts_tupleDescriptor, column - 1);
        if (attribute->attisdropped) return false;
        bool was_null = false, is_null = false;
        Datum const old_value = slot_getattr(row, column, &was_null), new_value = slot_getattr(other, column, &is_null);
        if (!was_null && !is_null && is_same_toast(*attribute, old_value, new_value)) return false;
        return was_null != is_null || (!was_null && !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen));
    });
}

ImageSettings::ImageSettings(Relation relation) {
    if (DateStyle != USE_ISO_DATES) set("DateStyle", "ISO, MDY");
    if (IntervalStyle != INTSTYLE_POSTGRES) set("IntervalStyle", "postgres");
    if (extra_float_digits < 1) set("extra_float_digits", "1");
    bool has_others = false; // money, names of objects, and types that may be made of them
    for (int i = 0; i < RelationGetDescr(relation)->natts; ++i) {
        Oid const type = TupleDescAttr(RelationGetDescr(relation), i)->atttypid;
        has_others = has_others || type == CASHOID || type >= FirstNormalObjectId || (type >= REGPROCEDUREOID && type <= REGTYPEOID) ||
                     type == REGPROCOID || type == REGROLEOID || type == REGNAMESPACEOID || type == REGCOLLATIONOID ||
                     type == REGCONFIGOID || type == REGDICTIONARYOID;
    }
    if (!has_others) return;
    set("search_path", "pg_catalog, pg_temp");
    set("lc_monetary", "C");
}

RowImages::RowImages(Relation relation) : descriptor_(RelationGetDescr(relation)), key_columns_(primary_key(relation)) {
    TupleDesc const descriptor = descriptor_;
    output_ = call([descriptor] {
        auto const output = static_cast<FmgrInfo *>(palloc0(sizeof(FmgrInfo) * static_cast<std::size_t>(descriptor->natts + 1)));
        for (int i = 0; i < descriptor->natts; ++i) {
            Oid function = InvalidOid;
            bool is_varlena = false;
            if (TupleDescAttr(descriptor, i)->attisdropped) continue;
            getTypeOutputInfo(TupleDescAttr(descriptor, i)->atttypid, &function, &is_varlena);
            fmgr_info(function, &output[i]);
        }
        return output;
    });
}

/// The text of each column; nullptr for a null.
char **RowImages::texts(TupleTableSlot *row) const {
    TupleDesc const descriptor = descriptor_;
    FmgrInfo *const output = output_;
    return call([=] {
        auto const result = static_cast<char **>(palloc0(sizeof(char *) * static_cast<std::size_t>(descriptor->natts + 1)));
        slot_getallattrs(row);
        for (int i = 0; i < descriptor->natts; ++i)
            if (!row->tts_isnull[i] && !TupleDescAttr(descriptor, i)->attisdropped)
                result[i] = OutputFunctionCall(&output[i], row->tts_values[i]);
        return result;
    });
}

std::string RowImages::image(TupleTableSlot *row, TupleTableSlot *unlike) const {
    char *const *const values = texts(row);
    std::string result = "{";
    for (int i = 0; i < descriptor_->natts; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(descriptor_, i);
        if (attribute->attisdropped || (unlike != nullptr && !differs(row, unlike, i + 1))) continue;
        if (result.size() > 1) result += ", ";
        core::append_json(result, NameStr(attribute->attname));
        result += ": ";
        if (values[i] == nullptr) result += "null";
        else core::append_json(result, values[i]);
    }
    return result + "}";
}

std::string RowImages::key(TupleTableSlot *row) const {
    std::string result;
    for (int const column : key_columns_) {
        FmgrInfo *const output = &output_[column - 1];
        char *const value = call([=]() -> char * {
            bool is_null = true;
            Datum const datum = slot_getattr(row, column, &is_null);
            return is_null ? nullptr : OutputFunctionCall(output, datum);
        });
        core::append_json(result, value == nullptr ? "" : value);
        if (value != nullptr) pfree(value);
    }
    return result;
}

ImageReader::ImageReader(Relation relation) {
    TupleDesc const descriptor = RelationGetDescr(relation);
    input_ = call([descriptor] { return TupleDescGetAttInMetadata(descriptor); });
}

HeapTuple ImageReader::read(Datum image) const {
    AttInMetadata *const input = input_;
    return call([input, image] {
        Jsonb *const object = DatumGetJsonbP(image);
        auto const values = static_cast<char **>(palloc0(sizeof(char *) * static_cast<std::size_t>(input->tupdesc->natts + 1)));
        for (int i = 0; i < input->tupdesc->natts; ++i) {
            Form_pg_attribute const attribute = TupleDescAttr(input->tupdesc, i);
            JsonbValue value;
            if (attribute->attisdropped || !JB_ROOT_IS_OBJECT(object)) continue;
            const char *const name = NameStr(attribute->attname);
            if (getKeyJsonValueFromContainer(&object->root, name, static_cast<int>(std::strlen(name)), &value) == nullptr) continue;
            if (value.type == jbvString) values[i] = pnstrdup(value.val.string.val, static_cast<std::size_t>(value.val.string.len));
            else if (value.type != jbvNull) values[i] = JsonbToCString(nullptr, &JsonbValueToJsonb(&value)->root, 0);
        }
        return BuildTupleFromCStrings(input, values);
    });
}

KeptRows::KeptRows(std::string attachment, Relation relation)
    : attachment_(std::move(attachment)), images_(relation), writer_(pending_input()) {}

std::string input_key(const std::string &attachment, const RowImages &images, TupleTableSlot *row) {
    std::string const key = row == nullptr ? std::string() : images.key(row);
    return attachment + " " + (key.size() > kKeyBytesMax ? std::string() : key);
}

std::string KeptRows::input_key(TupleTableSlot *row) const { return pg::input_key(attachment_, images_, row); }

void KeptRows::add(const char *operation, TupleTableSlot *before, TupleTableSlot *after, const char *state, const char *reason) {
    std::string payload = "{\"attachment\": ";
    core::append_json(payload, attachment_);
    payload += std::string(", \"operation\": \"") + operation + "\"";
    if (before != nullptr) payload += ", \"before\": " + images_.image(before, after);
    if (after != nullptr) payload += ", \"after\": " + images_.image(after);
    Datum const actor = call([] { return CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false)); });
    writer_.put(Int64GetDatum(next_input_id()));
    writer_.put_text("attached");
    writer_.put_text(state);
    writer_.put_text(input_key(after != nullptr ? after : before));
    writer_.put(make_jsonb(payload + "}"));
    writer_.put_text(core::clipped(reason, kReasonBytesMax));
    writer_.put_time(now_us());
    writer_.put(actor);
    writer_.put(0);
    writer_.put_time(DT_NOBEGIN);
    writer_.end_row();
}

void KeptRows::lock() {
    Oid const table = call([] { return get_relname_relid("pending_input", get_namespace_oid("affiliate", false)); });
    if (!OidIsValid(table)) throw core::Error("AF090", "table \"affiliate.pending_input\" is missing");
    if (!call([table] { return take_lock(table, RowExclusiveLock); })) refuse_to_wait();
}

void KeptRows::write() { RowWriter::insert({&writer_}); }

} // namespace affiliate::pg
