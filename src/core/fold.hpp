// SPDX-License-Identifier: PostgreSQL
// The fold of attribute(): one pass over the orders of a customer, with the ownership that it builds. Its parts are in
// attribution.cpp (orders, numbers, ownership), order_decision.cpp (one order), original.cpp (resets and upgrades)
// and event.cpp.
#pragma once

#include <map>
#include <set>

#include "core/touch.hpp"

namespace affiliate::core {

class Fold {
public:
    Fold(const CaseFile &file, const Rulebook &rulebook, const News &news, Positions &positions, Time now,
         RestartTest &restart);
    Attribution run();

private:
    // Stated lines and operators (W10, W14)
    const ConversionRow *stated(const Sale &line) const;
    const ConversionRow *stated(const Order &order) const;
    bool holds_number(const Sale &line, const ConversionRow &row) const;
    /// The row whose owner the decided order keeps: that of a stated line, unless an override changes it; nullptr for none.
    const ConversionRow *kept(const Order &order) const;
    bool stands(const ConversionRow &row, const Override *item, const Decision &decision) const;
    static void keep(Decision &decision, const ConversionRow &row);
    const Override *override_for(const Order &order) const;
    const Override *override_of_customer(Time at) const;
    Candidate override_candidate(const Override &item, Time at) const;

    // Ownership (W5, W7)
    std::string account_key(const Order &order) const;
    int band_when_begun(const std::string &account, int affiliate_no, Time begins_at, const std::string &cause) const;
    Time ownership_end(Time from, const Candidate &touch, Time at, int band) const;
    void own(const std::string &account, const Candidate &touch, Time covers_from, Time runs_from, std::string cause);
    void move_clicks(const std::string &account, Time up_to, Time recorded_until);
    void move_remaining_clicks();
    void follow(Order &order);
    void lengthen(Ownership &ownership, const Order &order);

    // The registration
    void register_customer();
    void decide_registration(Decision &decision);
    void find_binding();
    void review_declarations();

    // Orders
    void assign_number(Order &order);
    Time recorded_by(const Order &order) const;
    bool self(int affiliate_no, const Order *order) const;
    void win(Decision &decision, int winner, const Order *order);
    static void take(Decision &decision, int winner);
    static void nobody(Decision &decision, const char *code);
    static bool decide_by_nobody(Decision &decision, int best);
    void collect_touches(const Order &order, std::vector<Candidate> &out) const;
    void collect(const Order &order, std::vector<Candidate> &out) const;
    Candidate ownership_candidate(const Ownership &owner, Time at) const;
    void decide(Order &order);
    void choose(Decision &decision, const Order &order);
    void decide_owned(Decision &decision, int owned, const Order &order);

    // Unknown names (W12, W13)
    void wait(Decision &decision, Time until);
    void look_again(Time at);
    void wait_for_click(Order &order);
    void wait_for_registration_click(Decision &decision, Time signup_at);
    bool click_could_win(const Decision &decision) const;
    bool known_click(const std::string &click_id) const;
    void note_unknown_clicks(Order &order, bool is_late);
    void review_unknown_names(const Order &order, bool is_late);
    void review(const char *kind, std::string subject, const std::string &detail);

    // Resets and upgrades (W12a)
    bool decided_like_a_sale(Order &order);
    void decide_special(Order &order);
    void decide_by_original(Decision &decision, const Order &order);
    /// What speaks for the owner of the original, and when it ends; nothing where the decision fell already.
    struct Claim {
        Candidate candidate;
        Time ends_at;
    };
    std::optional<Claim> claim_of_original(Decision &decision, const Sale &original);
    const Order &source_of(const Sale &original);

    // Events (L1)
    const Sale *purchase_of(const Event &event) const;
    void decide_event(const Event &event);
    void follow_purchase(Decision &decision, const Sale &purchase);
    void decide_without_purchase(Decision &decision, const Event &event);

    const CaseFile &file_;
    const Program &program_;
    const Rulebook &rulebook_;
    Positions &positions_;
    Time now_;
    RestartTest &restart_;
    Touches touches_;
    Attribution result_;
    std::map<std::string, const ConversionRow *> stated_lines_;
    const ConversionRow *stated_registration_ = nullptr;
    std::set<int> taken_;                                ///< numbers of stated lines
    std::set<int> passed_;                               ///< of those, the numbers of orders before the present one
    std::set<std::pair<std::string, std::string>> moved_; ///< (account, click) that moved an ownership
    std::set<const Order *> decided_;
    std::optional<Time> binding_at_; ///< when a declared id of the customer bound him (W2)
    int next_number_ = 0, number_ = 0;
    bool moves_ = false; ///< the coupon of the order just decided moves the ownership
};

} // namespace affiliate::core
