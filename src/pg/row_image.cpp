// SPDX-License-Identifier: PostgreSQL
#include "pg/row_image.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "core/json.hpp"
#include "pg/look_up.hpp"
#include "pg/memory.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr std::size_t kKnownMost = 1000; // tables of which a session remembers something

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

/// Whether two values are stored outside of their rows, at one place: an UPDATE leaves there what it does not touch.
bool is_same_toast(const FormData_pg_attribute &attribute, Datum one, Datum other) noexcept {
    if (attribute.attlen != -1) return false;
    const void *const left = DatumGetPointer(one), *const right = DatumGetPointer(other);
    return VARATT_IS_EXTERNAL_ONDISK(left) && VARATT_IS_EXTERNAL_ONDISK(right) &&
           std::memcmp(left, right, VARSIZE_EXTERNAL(left)) == 0;
}

/// Inside of call().
bool is_other(TupleTableSlot *row, TupleTableSlot *other, int column) {
    Form_pg_attribute const attribute = TupleDescAttr(row->tts_tupleDescriptor, column - 1);
    if (attribute->attisdropped) return false;
    bool was_null = false, is_null = false;
    Datum const old_value = slot_getattr(row, column, &was_null), new_value = slot_getattr(other, column, &is_null);
    if (!was_null && !is_null && is_same_toast(*attribute, old_value, new_value)) return false;
    return was_null != is_null || (!was_null && !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen));
}

} // namespace

bool differs(TupleTableSlot *row, TupleTableSlot *other, int column) {
    return call([=] { return is_other(row, other, column); });
}

struct RowImages::Known {
    Memory memory;
    FmgrInfo *output; ///< of each column
    std::vector<int> key_columns;
    bool depends_on_path, depends_on_zone; ///< texts of columns, and of keys
};

namespace {

/// Money, names of objects, and types that may be made of them.
bool depends_on_path(Oid type) {
    return type == CASHOID || type >= FirstNormalObjectId || (type >= REGPROCEDUREOID && type <= REGTYPEOID) || type == REGPROCOID ||
           type == REGROLEOID || type == REGNAMESPACEOID || type == REGCOLLATIONOID || type == REGCONFIGOID || type == REGDICTIONARYOID;
}

/// A moment's text gives it back in any zone. A key must be the same text in all of them.
bool depends_on_zone(Oid type) {
    constexpr std::array kSameEverywhere = {BOOLOID, INT2OID, INT4OID, INT8OID, NUMERICOID, TEXTOID, VARCHAROID, BPCHAROID, UUIDOID, DATEOID, TIMESTAMPOID};
    return std::find(kSameEverywhere.begin(), kSameEverywhere.end(), type) == kSameEverywhere.end();
}

std::shared_ptr<const RowImages::Known> find(Relation relation) {
    Memory memory(call([] { return AllocSetContextCreate(CacheMemoryContext, "pg_affiliate row images", ALLOCSET_SMALL_SIZES); }));
    MemoryContext const context = memory.get();
    FmgrInfo *const output = call([relation, context] {
        TupleDesc const descriptor = RelationGetDescr(relation);
        auto const all = static_cast<FmgrInfo *>(
            MemoryContextAllocZero(context, sizeof(FmgrInfo) * static_cast<std::size_t>(descriptor->natts + 1)));
        for (int i = 0; i < descriptor->natts; ++i) {
            Oid function = InvalidOid;
            bool is_varlena = false;
            if (TupleDescAttr(descriptor, i)->attisdropped) continue;
            getTypeOutputInfo(TupleDescAttr(descriptor, i)->atttypid, &function, &is_varlena);
            fmgr_info_cxt(function, &all[i], context);
        }
        return all;
    });
    std::vector<int> key = primary_key(relation);
    auto const type = [relation](int column) { return TupleDescAttr(RelationGetDescr(relation), column - 1)->atttypid; };
    bool path = false, zone = false;
    for (int column = 1; column <= RelationGetDescr(relation)->natts; ++column) path = path || depends_on_path(type(column));
    for (int const column : key) zone = zone || depends_on_zone(type(column));
    return std::make_shared<const RowImages::Known>(RowImages::Known{std::move(memory), output, std::move(key), path, zone});
}

} // namespace

RowImages::RowImages(Relation relation) : descriptor_(RelationGetDescr(relation)) {
    struct Table {
        LookUp look_up;
        std::shared_ptr<const Known> known;
    };
    static auto *const all = new std::unordered_map<Oid, Table>;
    if (all->size() > kKnownMost) all->clear(); // partitions come and go
    Table &table = (*all)[RelationGetRelid(relation)];
    table.look_up.renew([&table, relation] { table.known = find(relation); });
    known_ = table.known;
}

const std::vector<int> &RowImages::key_columns() const noexcept { return known_->key_columns; }

ImageSettings::ImageSettings(Relation relation) {
    RowImages const images(relation);
    if (DateStyle != USE_ISO_DATES) set("DateStyle", "ISO, MDY");
    if (IntervalStyle != INTSTYLE_POSTGRES) set("IntervalStyle", "postgres");
    if (extra_float_digits < 1) set("extra_float_digits", "1");
    if (images.known_->depends_on_path) {
        set("search_path", "pg_catalog, pg_temp");
        set("lc_monetary", "C");
    }
    if (images.known_->depends_on_zone) {
        set("TimeZone", "UTC");
        set("bytea_output", "hex");
    }
}

void RowImages::write(JsonbWriter &to, TupleTableSlot *row, TupleTableSlot *unlike) const {
    to.begin_object();
    for (int i = 0; i < descriptor_->natts; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(descriptor_, i);
        if (attribute->attisdropped || (unlike != nullptr && !is_other(row, unlike, i + 1))) continue;
        bool is_null = true;
        Datum const value = slot_getattr(row, i + 1, &is_null);
        to.add(NameStr(attribute->attname), is_null ? nullptr : OutputFunctionCall(&known_->output[i], value));
    }
    to.end_object();
}

std::string RowImages::text(TupleTableSlot *row) const {
    const RowImages &images = *this;
    return call([&images, row] {
        JsonbWriter writer;
        images.write(writer, row);
        return JsonbToCString(nullptr, &DatumGetJsonbP(writer.datum())->root, 0);
    });
}

std::string RowImages::key(TupleTableSlot *row) const {
    std::string result;
    for (int const column : key_columns()) {
        FmgrInfo *const output = &known_->output[column - 1];
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

} // namespace affiliate::pg
