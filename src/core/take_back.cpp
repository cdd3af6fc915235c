// SPDX-License-Identifier: PostgreSQL
#include "core/take_back.hpp"

#include <algorithm>
#include <tuple>

namespace affiliate::core {

namespace {

struct Subject {
    std::optional<Decimal> amount; ///< the last known one
    bool known = false;            ///< a report of it has been played
    bool in_force = false;         ///< refund succeeded, dispute lost
    bool open = false, bonus = false;
    std::optional<Decimal> size;
    int turn = 0; ///< when its last report was played
};

/// The cumulative refund. A success bonus in it is the increase that a report with such a reason brought (M4).
struct Total : Subject {
    Decimal bonus_part;
    Decimal before, bonus_before; ///< amount and bonus until the amount last changed

    void set(const Decimal &value, bool is_bonus) {
        if (!amount || !(*amount == value)) {
            before = amount.value_or(Decimal{});
            bonus_before = bonus_part;
            amount = value;
        }
        bonus_part = min(bonus_before, value);
        if (is_bonus) bonus_part += max(value - before, Decimal{});
    }
    void fail(const std::optional<Decimal> &left) {
        bool const is_partial = left && *left < amount.value_or(Decimal{});
        set(is_partial ? *left : Decimal{}, false);
        known = is_partial;
        size.reset();
    }
};

} // namespace

/// The sub-states as of a point in the order of the news.
struct TakeBacks::State {
    bool failed = false;
    int turn = 0;
    Total total; ///< the cumulative refund
    std::map<std::string, Subject> refunds, disputes;
    std::map<std::string, Decimal> adjustments;

    Decimal lost() const { return sum(disputes, [](const Subject &s) { return s.in_force; }); }
    Decimal opened() const { return sum(disputes, [](const Subject &s) { return s.open; }); }
    Decimal by_id(bool bonus) const {
        return sum(refunds, [bonus](const Subject &s) { return s.in_force && s.bonus == bonus; });
    }
    /// max(cumulative less success bonuses, sum of the refunds); everything where the payment itself failed later.
    Decimal refunded(const Decimal &charged) const {
        if (failed) return charged;
        Decimal cumulative;
        if (total.amount) cumulative = max(*total.amount - max(total.bonus_part, by_id(true)), Decimal{});
        return max(cumulative, by_id(false));
    }
    bool whole_by_refunds(const Decimal &charged) const {
        return failed || (!charged.is_zero() && refunded(charged) >= charged);
    }
    /// What is left of the sale; with open disputes taken back, or without.
    Decimal left(const Decimal &charged, bool reverse_opened) const {
        Decimal adjusted;
        for (const auto &[id, amount] : adjustments) adjusted += amount;
        Decimal const taken = refunded(charged) + lost() + (reverse_opened ? opened() : Decimal{});
        return clamp(max(charged - taken, Decimal{}) + adjusted, Decimal{}, charged);
    }
    std::optional<Decimal> new_size() const {
        const Subject *latest = nullptr;
        auto const consider = [&latest](const Subject &subject) {
            if (subject.size && (latest == nullptr || subject.turn > latest->turn)) latest = &subject;
        };
        consider(total);
        for (const auto &[id, subject] : refunds)
            if (subject.in_force) consider(subject);
        return latest == nullptr ? std::nullopt : latest->size;
    }

private:
    template <class Map, class Test> static Decimal sum(const Map &subjects, Test test) {
        Decimal result;
        for (const auto &[id, subject] : subjects)
            if (test(subject)) result += subject.amount.value_or(Decimal{});
        return result;
    }
};

void TakeBacks::cumulative(Time at, std::optional<Decimal> amount, bool bonus, std::optional<Decimal> size) {
    pieces_.push_back({at, Kind::cumulative, 0, {}, std::move(amount), bonus, std::move(size)});
}

void TakeBacks::cumulative_failed(Time at, std::optional<Decimal> amount) {
    pieces_.push_back({at, Kind::cumulative, 1, {}, std::move(amount)});
}

void TakeBacks::refund(const std::string &id, Time at, bool failed, std::optional<Decimal> amount, bool bonus,
                       std::optional<Decimal> size) {
    pieces_.push_back({at, Kind::refund, failed ? 1 : 0, id, std::move(amount), bonus, std::move(size)});
}

void TakeBacks::dispute(const std::string &id, Time at, DisputeNews news, std::optional<Decimal> amount) {
    pieces_.push_back({at, Kind::dispute, static_cast<int>(news), id, std::move(amount)});
}

void TakeBacks::chargeback(const std::string &id, Time at, DisputeNews news, std::optional<Decimal> amount) {
    chargebacks_.push_back({at, Kind::dispute, static_cast<int>(news), id, std::move(amount)});
}

void TakeBacks::dispute_word(Time at, DisputeNews news, std::optional<Decimal> amount) {
    words_.push_back({at, Kind::dispute, static_cast<int>(news), {}, std::move(amount)});
}

void TakeBacks::adjustment(const std::string &id, Time at, const Decimal &amount) {
    pieces_.push_back({at, Kind::adjustment, 0, id, amount});
}

/// The news in their one order. Dispute rows name the disputes; without them chargeback transactions do, and without
/// both the words are one dispute of their own. Beside what names disputes the others are words: they settle the
/// disputes that were opened up to their time (M3).
std::vector<TakeBacks::Piece> TakeBacks::ordered() const {
    std::vector<Piece> result = pieces_, words = words_;
    auto const is_dispute = [](const Piece &piece) { return piece.kind == Kind::dispute; };
    bool const has_rows = std::any_of(pieces_.begin(), pieces_.end(), is_dispute);
    std::vector<Piece> &role = has_rows ? words : result;
    role.insert(role.end(), chargebacks_.begin(), chargebacks_.end());
    std::map<std::string, Time> opened;
    for (const Piece &piece : result)
        if (is_dispute(piece)) {
            auto const [it, inserted] = opened.try_emplace(piece.id, piece.at);
            if (!inserted) it->second = std::min(it->second, piece.at);
        }
    for (const Piece &word : words) {
        if (opened.empty()) result.push_back(word);
        else if (word.rank != static_cast<int>(DisputeNews::opened))
            for (const auto &[id, at] : opened)
                if (at <= word.at) result.push_back({word.at, word.kind, word.rank, id, {}, false, {}, true});
    }
    // A subject without id first, then the cumulative refund, disputes, refunds.
    auto const group = [](const Piece &piece) {
        switch (piece.kind) {
        case Kind::life: return 0;
        case Kind::dispute: return piece.id.empty() ? 0 : 2;
        case Kind::cumulative: return 1;
        case Kind::refund: return 3;
        case Kind::adjustment: return 4;
        }
        return 4;
    };
    std::sort(result.begin(), result.end(), [group](const Piece &a, const Piece &b) {
        Decimal const x = a.amount.value_or(Decimal{}), y = b.amount.value_or(Decimal{});
        int const p = group(a), q = group(b);
        return std::tie(a.at, p, a.id, a.kind, a.rank) != std::tie(b.at, q, b.id, b.kind, b.rank)
                   ? std::tie(a.at, p, a.id, a.kind, a.rank) < std::tie(b.at, q, b.id, b.kind, b.rank)
               : x != y             ? x < y
               : a.bonus != b.bonus ? a.bonus < b.bonus
                                    : a.size.value_or(Decimal{}) < b.size.value_or(Decimal{});
    });
    return result;
}

/// A failure before completion is overcome by it (M2).
bool TakeBacks::is_overcome(const Piece &piece, Time completed_at) {
    return piece.kind == Kind::life && piece.rank == 1 && piece.at <= completed_at;
}

void TakeBacks::play(State &state, const Piece &piece, const Decimal &gross) {
    auto const left = [](Decimal value) { return max(value, Decimal{}); };
    switch (piece.kind) {
    case Kind::life: state.failed = piece.rank == 1; break;
    case Kind::cumulative:
        state.total.turn = ++state.turn;
        if (piece.rank == 1) {
            state.total.fail(piece.amount);
            break;
        }
        if (piece.amount) state.total.set(*piece.amount, piece.bonus);
        else if (!state.total.known) state.total.set(left(gross - state.lost()), piece.bonus);
        else state.total.set(*state.total.amount, piece.bonus);
        state.total.known = true;
        if (piece.size) state.total.size = piece.size;
        break;
    case Kind::refund: {
        Subject &subject = state.refunds[piece.id];
        if (piece.amount) subject.amount = piece.amount;
        else if (!subject.amount && piece.rank == 0)
            subject.amount = left(gross - state.lost() - state.by_id(false) - state.by_id(true));
        subject.known = true;
        subject.bonus = piece.bonus;
        subject.in_force = piece.rank == 0;
        subject.turn = ++state.turn;
        if (piece.size) subject.size = piece.size;
        break;
    }
    case Kind::dispute: play_dispute(state, piece, gross); break;
    case Kind::adjustment: state.adjustments[piece.id] = piece.amount.value_or(Decimal{}); break;
    }
}

void TakeBacks::play_dispute(State &state, const Piece &piece, const Decimal &gross) {
    Subject &subject = state.disputes[piece.id];
    auto const news = static_cast<DisputeNews>(piece.rank);
    if (piece.is_word) { // it names no dispute: lost means those that are open then, won those open or lost (M3)
        if (!subject.open && !(news == DisputeNews::won && subject.in_force)) return;
    } else if (piece.amount) {
        subject.amount = piece.amount;
    }
    if (!subject.amount) subject.amount = max(gross - state.refunded(gross) - state.lost(), Decimal{});
    subject.known = true;
    // Only winning reinstates: a lost dispute that is opened anew stays lost.
    if (news != DisputeNews::opened) subject.in_force = news == DisputeNews::lost;
    subject.open = news == DisputeNews::opened && !subject.in_force;
}

bool TakeBacks::whole_before(Time at, const std::string &id, Time completed_at) const {
    State state;
    for (const Piece &piece : ordered()) {
        if (is_overcome(piece, completed_at)) continue;
        if (piece.at < at || (piece.at == at && piece.kind == Kind::refund && piece.id < id)) play(state, piece, gross);
    }
    return state.refunded(gross) + state.lost() >= gross;
}

TakeBacks::Result TakeBacks::resolve(Time completed_at, const Program &program) const {
    Result result;
    if (pieces_.empty() && words_.empty() && chargebacks_.empty()) return result;
    State state;
    std::optional<Time> refunds_whole_since, whole_since;
    std::map<std::string, Time> lost_since;
    std::vector<std::pair<Time, Decimal>> left_since;
    for (const Piece &piece : ordered()) {
        if (is_overcome(piece, completed_at)) continue;
        play(state, piece, gross);
        result.latest_at = std::max(result.latest_at, piece.at);
        if (piece.kind == Kind::dispute) {
            if (state.disputes[piece.id].in_force) lost_since.try_emplace(piece.id, piece.at);
            else lost_since.erase(piece.id);
        }
        if (!state.whole_by_refunds(gross)) refunds_whole_since.reset();
        else if (!refunds_whole_since) refunds_whole_since = piece.at;
        if (gross.is_zero() || !state.left(gross, false).is_zero()) whole_since.reset();
        else if (!whole_since) whole_since = piece.at;
        left_since.emplace_back(piece.at, state.left(gross, program.reverse_on_dispute_opened));
    }

    Decimal const refunded = state.refunded(gross), lost = state.lost();
    result.refunded = min(refunded, gross);
    result.charged_back = min(lost, gross - result.refunded);
    result.excess = refunded + lost > gross;
    result.charged_back_count = lost_since.empty() ? 0 : 1;
    for (const auto &[id, subject] : state.disputes) result.dispute_open = result.dispute_open || subject.open;
    result.mismatch = state.total.amount && !state.refunds.empty() &&
                      *state.total.amount != state.by_id(false) + state.by_id(true);
    Decimal const left = state.left(gross, program.reverse_on_dispute_opened);
    result.taken = gross - left;
    result.new_size = state.new_size();
    for (auto it = left_since.rbegin(); left < gross && it != left_since.rend() && it->second <= left; ++it)
        result.taken_at = it->first;

    bool lost_before = false;
    for (const auto &[id, at] : lost_since)
        lost_before = lost_before || (refunds_whole_since && at < *refunds_whole_since);
    result.is_void = refunds_whole_since && *refunds_whole_since < later(completed_at, program.cooling_off) &&
                     left.is_zero() && !lost_before;
    if (!result.is_void) result.taken_whole_at = whole_since;
    return result;
}

} // namespace affiliate::core
