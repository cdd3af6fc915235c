// SPDX-License-Identifier: PostgreSQL
// What was taken back from one sale: refunds, disputes, failures and adjustments as a set of dated news, read in the
// order (occurred_at, rank, external id, amount) whatever order they arrived in (SEMANTICS M2, M4, M6).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/rulebook.hpp"

namespace affiliate::core {

enum class DisputeNews : std::uint8_t { opened, lost, won };

class TakeBacks {
public:
    Decimal gross; ///< what was charged, at its latest known amount

    // News. An amount that is not given means everything that is left as of its own time.
    // `size`: the size of the account that the sale was turned into by the refund, where the news carries one (M5).
    void cumulative(Time at, std::optional<Decimal> amount, bool bonus, std::optional<Decimal> size = {});
    /// The cumulative refund failed: nothing is refunded, or what `amount` says where that is below the value in force.
    void cumulative_failed(Time at, std::optional<Decimal> amount);
    void refund(const std::string &id, Time at, bool failed, std::optional<Decimal> amount, bool bonus,
                std::optional<Decimal> size = {});
    void dispute(const std::string &id, Time at, DisputeNews news, std::optional<Decimal> amount);
    /// A chargeback transaction: its id names a dispute where no dispute row exists, else it is a word (M1, M3).
    void chargeback(const std::string &id, Time at, DisputeNews news, std::optional<Decimal> amount);
    /// A status word: no dispute id of its own (M3).
    void dispute_word(Time at, DisputeNews news, std::optional<Decimal> amount);
    void failed(Time at) { pieces_.push_back({at, Kind::life, 1, {}, {}}); }
    void reinstated(Time at) { pieces_.push_back({at, Kind::life, 3, {}, {}}); }
    void adjustment(const std::string &id, Time at, const Decimal &amount);

    /// Whether nothing was left of the sale by news before the refund `id` dated `at`; refunds of one instant go by id.
    bool whole_before(Time at, const std::string &id, Time completed_at) const;

    struct Result {
        Decimal refunded, charged_back, taken;
        int charged_back_count = 0;
        bool dispute_open = false, is_void = false, mismatch = false, excess = false;
        std::optional<Time> taken_at;       ///< since when at least `taken` is taken back
        std::optional<Time> taken_whole_at; ///< since when nothing is left, void and open disputes excepted
        std::optional<Decimal> new_size;    ///< of the account, by the latest refund in force that says so
        Time latest_at = kBeginning;
    };
    Result resolve(Time completed_at, const Program &program) const;

private:
    enum class Kind : std::uint8_t { life, cumulative, dispute, refund, adjustment };
    struct Piece {
        Time at;
        Kind kind;
        int rank;
        std::string id;
        std::optional<Decimal> amount;
        bool bonus = false;
        std::optional<Decimal> size = {};
        bool is_word = false; ///< settles a dispute that something else named
    };
    struct State;
    std::vector<Piece> ordered() const;
    static bool is_overcome(const Piece &piece, Time completed_at);
    static void play(State &state, const Piece &piece, const Decimal &gross);
    static void play_dispute(State &state, const Piece &piece, const Decimal &gross);

    std::vector<Piece> pieces_;
    std::vector<Piece> chargebacks_; ///< of kind dispute, by the id of the transaction
    std::vector<Piece> words_;       ///< of kind dispute, without id
};

} // namespace affiliate::core
