// SPDX-License-Identifier: PostgreSQL
#include "pg/stage.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/ladder.hpp"
#include "pg/row_writer.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"
#include "pg/slots.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace affiliate::core;

/// A commission line as the stage sees it: a copy of its header's columns, and what they should be.
struct Line {
    std::string customer_id, transaction_id, unit;
    int rule_no = 0, level = 0, version = 0, ladder_no = 0, position = 0;
    Time earned_at = 0;
    bool is_provisional = false, is_stated = false, is_void = false;
    std::optional<Decimal> room;
    Decimal accrued, net;
    std::optional<Time> taken_back_at;

    int new_position = 0;
    std::optional<Decimal> new_room;
    bool stays_provisional = false;

    bool changed() const {
        return new_position != position || new_room != room || stays_provisional != is_provisional;
    }
};

struct Statements {
    Query first_provisional{"SELECT pg_catalog.min(earned_at) FROM affiliate.commission WHERE affiliate_no = $1"
                            " AND program_no = $2 AND is_provisional AND (ladder_no IS NOT NULL OR cap_room IS NOT NULL)",
                            {INT4OID, INT4OID}};
    Query lines{"SELECT c.customer_id, c.subject_id, c.rule_no, c.level, c.version, c.ladder_no, c.ladder_position,"
                " c.earned_at, c.is_provisional, c.stated_at IS NOT NULL, v.state = 'void', c.cap_room, c.uncapped_accrued,"
                " c.uncapped_net, v.taken_back_at, v.order_key"
                " FROM affiliate.commission c JOIN affiliate.conversion v ON v.customer_id = c.customer_id"
                " AND v.transaction_id = c.subject_id AND v.kind = c.subject_kind AND v.program_no = c.program_no"
                " WHERE c.affiliate_no = $1 AND c.program_no = $2 AND c.earned_at >= $3"
                " AND c.subject_kind = 'transaction' AND (c.ladder_no IS NOT NULL OR c.cap_room IS NOT NULL)",
                {INT4OID, INT4OID, TIMESTAMPTZOID}};
    Query counted{"SELECT occurred_at, transaction_id, ladder_reversed_at, customer_id, order_key"
                  " FROM affiliate.conversion WHERE affiliate_no = $1 AND program_no = $2 AND ladder_counts"
                  " AND occurred_at >= $3"
                  " UNION ALL SELECT NULL, transaction_id, ladder_reversed_at, customer_id, order_key"
                  " FROM affiliate.conversion WHERE affiliate_no = $1 AND program_no = $2 AND ladder_counts"
                  " AND ladder_reversed_at >= $3 AND occurred_at < $3",
                  {INT4OID, INT4OID, TIMESTAMPTZOID}};
    Query position{"INSERT INTO affiliate.affiliate_position (program_no, affiliate_no, kind, scope_no, window_start,"
                   " counted, used, settled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                   " ON CONFLICT (program_no, affiliate_no, kind, scope_no, window_start) DO UPDATE"
                   " SET counted = excluded.counted, used = excluded.used, settled_at = excluded.settled_at",
                   {INT4OID, INT4OID, TEXTOID, INT4OID, TIMESTAMPTZOID, INT4OID, NUMERICOID, TIMESTAMPTZOID}};
    Query again{"INSERT INTO affiliate.settle_queue (kind, program_no, affiliate_no, due_at, reason)"
                " SELECT 'affiliate', $1, $2, $3, 'lines become final' WHERE NOT EXISTS (SELECT FROM"
                " affiliate.settle_queue q WHERE q.kind = 'affiliate' AND q.program_no = $1 AND q.affiliate_no = $2"
                " AND q.due_at > $4 AND q.due_at <= $3)",
                {INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
};

Statements &statements() {
    static Statements *const all = new Statements;
    return *all;
}

class Stage {
public:
    Stage(const Rulebook &rulebook, const Program &program, int affiliate_no)
        : rulebook_(rulebook), program_(program), affiliate_no_(affiliate_no), now_(now_us()) {
        hold_ = rulebook.longest_hold;
    }

    /// Reads the windows that can still change, ranks them, and stores where the affiliate stands.
    void rank_windows() {
        Time from = program_.calendar->month_start(now_ - hold_ - 32 * kDay);
        Rows first = statements().first_provisional.read({Int32GetDatum(affiliate_no_), Int32GetDatum(program_.no)});
        if (first.size() > 0)
            if (std::optional<Time> earliest = first[0].time(0))
                from = std::min(from, program_.calendar->month_start(*earliest));
        read_lines(from);
        read_events(from);
        std::map<std::pair<int, Time>, std::vector<Line *>> by_ladder, by_cap;
        for (Line &line : lines_) {
            line.new_position = line.position;
            line.new_room = line.room;
            Time const window = program_.calendar->month_start(line.earned_at);
            const Ladder *const ladder = rulebook_.ladder(line.ladder_no);
            line.stays_provisional = line.is_provisional && !is_final(line, ladder, window);
            if (ladder != nullptr) by_ladder[{line.ladder_no, window}].push_back(&line);
            if (line.room) by_cap[{line.rule_no, window}].push_back(&line);
        }
        std::set<int> ladders;
        for (const auto &[key, lines] : by_ladder) ladders.insert(key.first);
        for (int const ladder_no : ladders)
            for (const auto &[window, events] : events_) by_ladder.try_emplace({ladder_no, window});
        for (auto &[key, lines] : by_ladder) rank_ladder(key.first, key.second, lines);
        for (auto &[key, lines] : by_cap) fill(key.first, key.second, lines);
    }

    std::vector<std::string> customers() const {
        std::set<std::string> result;
        for (const Line &line : lines_)
            if (line.changed()) result.insert(line.customer_id);
        return {result.begin(), result.end()};
    }

    /// Writes positions and rooms of the customers whose slots are held.
    void write(const std::set<std::string> &held) {
        static RowTable *const commissions = new RowTable("commission", {"customer_id", "subject_id", "rule_no", "affiliate_no", "level", "is_provisional",
                                      "ladder_position", "cap_room"});
        RowWriter rows(*commissions);
        std::vector<int> versions;
        for (const Line &line : lines_) {
            if (!line.changed() || held.count(line.customer_id) == 0) continue;
            rows.put_text(line.customer_id);
            rows.put_text(line.transaction_id);
            rows.put(line.rule_no);
            rows.put(affiliate_no_);
            rows.put_small(line.level);
            rows.put(line.stays_provisional);
            rows.put_number(line.new_position);
            rows.put(line.new_room);
            rows.end_row();
            versions.push_back(line.version);
        }
        rows.update("UPDATE affiliate.commission c SET is_provisional = r.is_provisional,"
                    " ladder_position = r.ladder_position, cap_room = r.cap_room"
                     " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS r"
                     " WHERE c.customer_id = r.customer_id AND c.subject_id = r.subject_id"
                     " AND c.subject_kind = 'transaction' AND c.rule_no = r.rule_no AND c.level = r.level"
                     " AND c.affiliate_no = r.affiliate_no AND c.version = r.unnest",
                    versions);
    }

    /// Queues the next run for when the first of the lines that are still provisional becomes final.
    void come_back() {
        std::optional<Time> due;
        for (const Line &line : lines_) {
            if (!line.stays_provisional) continue;
            Time const at = final_at(line, rulebook_.ladder(line.ladder_no), program_.calendar->month_start(line.earned_at));
            if (!due || at < *due) due = at;
        }
        if (due)
            statements().again.write({Int32GetDatum(program_.no), Int32GetDatum(affiliate_no_),
                                      TimestampTzGetDatum(*due), TimestampTzGetDatum(now_)});
    }

private:
    Time lock_at(Time window) const { return later(program_.calendar->next_month(window), hold_); }
    Time final_at(const Line &line, const Ladder *ladder, Time window) const {
        return ladder != nullptr && ladder->retroactive ? lock_at(window) : later(line.earned_at, program_.late_grace);
    }
    bool is_final(const Line &line, const Ladder *ladder, Time window) const {
        return now_ >= final_at(line, ladder, window);
    }
    bool is_pinned(const Line &line, Time window) const {
        return line.is_stated || (now_ >= lock_at(window) && !line.is_provisional);
    }

    void read_lines(Time from) {
        Rows rows = statements().lines.read(
            {Int32GetDatum(affiliate_no_), Int32GetDatum(program_.no), TimestampTzGetDatum(from)});
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            Line line;
            line.customer_id = row.text(0);
            line.transaction_id = row.text(1);
            line.rule_no = row.integer(2);
            line.level = row.small(3);
            line.version = row.integer(4);
            line.ladder_no = row.integer(5);
            line.position = row.integer(6);
            line.earned_at = *row.time(7);
            line.is_provisional = row.boolean(8);
            line.is_stated = row.boolean(9);
            line.is_void = row.boolean(10);
            line.room = row.decimal(11);
            line.accrued = row.decimal(12).value_or(Decimal{});
            line.net = row.decimal(13).value_or(Decimal{});
            line.taken_back_at = row.time(14);
            line.unit = unit(line.customer_id, row.text(15));
            lines_.push_back(std::move(line));
        }
    }

    void read_events(Time from) {
        Rows rows = statements().counted.read(
            {Int32GetDatum(affiliate_no_), Int32GetDatum(program_.no), TimestampTzGetDatum(from)});
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            std::string const of = unit(row.text(3), row.text(4));
            if (std::optional<Time> at = row.time(0))
                events_[program_.calendar->month_start(*at)].push_back({*at, row.text(1), 1, of});
            if (std::optional<Time> at = row.time(2); at && !program_.ladder_ignores_reversals)
                events_[program_.calendar->month_start(*at)].push_back({*at, row.text(1), -1, of});
        }
    }

    /// What counts once on a ladder; empty for the transaction itself.
    std::string unit(const std::string &customer_id, const std::string &order_key) const {
        return program_.ladder_counts_orders ? customer_id + '\n' + order_key : std::string();
    }

    void store_position(const char *kind, int scope_no, Time window, int counted, const Decimal &used) {
        statements().position.write({Int32GetDatum(program_.no), Int32GetDatum(affiliate_no_), make_text(kind),
                                     Int32GetDatum(scope_no), TimestampTzGetDatum(window), Int32GetDatum(counted),
                                     make_numeric(used), TimestampTzGetDatum(now_)});
    }

    void rank_ladder(int ladder_no, Time window, const std::vector<Line *> &lines) {
        const Ladder *const ladder = rulebook_.ladder(ladder_no);
        std::vector<LadderLine> ranked;
        for (std::size_t i = 0; i < lines.size(); ++i)
            ranked.push_back({lines[i]->earned_at, lines[i]->transaction_id, is_pinned(*lines[i], window),
                              lines[i]->position, lines[i]->unit, i});
        int const total = rank(ranked, events_[window], ladder->retroactive, now_ >= lock_at(window));
        for (const LadderLine &line : ranked) lines[line.index]->new_position = line.position;
        store_position("ladder", ladder_no, window, total, Decimal{});
    }

    void fill(int rule_no, Time window, const std::vector<Line *> &lines) {
        auto const rule = rulebook_.rules.find(rule_no);
        if (rule == rulebook_.rules.end() || !rule->second->monthly_cap) return;
        std::vector<CapLine> filled;
        std::map<std::string, Line *> source;
        for (Line *line : lines) {
            CapLine cap;
            cap.at = line->earned_at;
            cap.transaction_id = line->transaction_id;
            cap.accrued = line->is_void ? Decimal{} : line->accrued;
            cap.net = line->net;
            cap.taken_back_at = line->taken_back_at;
            cap.is_pinned = is_pinned(*line, window);
            cap.room = *line->room;
            filled.push_back(std::move(cap));
            source[line->transaction_id] = line;
        }
        Decimal const used = fill_cap(filled, *rule->second->monthly_cap, now_ >= lock_at(window));
        for (const CapLine &line : filled) source[line.transaction_id]->new_room = line.room;
        store_position("cap", rule_no, window, 0, used);
    }

    const Rulebook &rulebook_;
    const Program &program_;
    int affiliate_no_;
    Time now_;
    Duration hold_ = 0;
    std::vector<Line> lines_;
    std::map<Time, std::vector<LadderEvent>> events_;
};

} // namespace

bool run_stage(int program_no, int affiliate_no) {
    std::shared_ptr<CompiledRulebook> const current = rulebook();
    const Rulebook &book = current->book;
    auto const program = book.programs.find(program_no);
    if (program == book.programs.end()) return true;
    Stage stage(book, program->second, affiliate_no);
    std::vector<std::string> customers;
    std::set<std::string> held;
    {
        AsOwner owner;
        IndexPlans plans;
        SpiSession session;
        stage.rank_windows();
        customers = stage.customers();
        for (const std::string &customer : customers)
            if (try_lock_customer(customer)) held.insert(customer);
        stage.write(held);
        stage.come_back();
        session.close();
        plans.restore();
        owner.restore();
    }
    settle_locked({held.begin(), held.end()});
    return held.size() == customers.size();
}

} // namespace affiliate::pg
