// SPDX-License-Identifier: PostgreSQL
#include "core/attribution.hpp"

#include <algorithm>
#include <set>

#include "core/decision.hpp"
#include "core/touch.hpp"

namespace affiliate::core {

const Ownership *Attribution::owner_at(const std::string &account_id, Time at) const noexcept {
    const Ownership *found = nullptr;
    for (const Ownership &ownership : ownerships)
        if (ownership.account_id == account_id && ownership.covers_from <= at &&
            (found == nullptr || ownership.covers_from >= found->covers_from))
            found = &ownership;
    return found != nullptr && at < found->ends_at ? found : nullptr;
}

namespace {

class Fold {
public:
    Fold(const CaseFile &file, const Rulebook &rulebook, const News &news, Time now, RestartTest &restart)
        : file_(file), program_(*file.program), rulebook_(rulebook), now_(now), restart_(restart),
          touches_(file, rulebook) {
        result_.orders = orders_of(news, program_);
        for (const ConversionRow &row : file.conversions)
            if (row.stated_at && row.registration) stated_registration_ = &row;
            else if (row.stated_at) stated_lines_[row.transaction_id] = &row;
        for (const Order &order : result_.orders)
            for (const Sale *line : order.lines)
                if (const ConversionRow *row = stated(*line); row != nullptr && holds_number(*line, *row))
                    taken_.insert(row->purchase_number);
    }

    Attribution run() {
        result_.signup_at = touches_.signup_at();
        register_customer();
        for (Order &order : result_.orders)
            if (order.completed_at) assign_number(order);
        for (Order &order : result_.orders) {
            move_clicks(account_key(order), order.ordered_at, recorded_by(order));
            if (!order.is_special || decided_like_a_sale(order)) {
                decide(order);
                if (order.completed_at && !order.is_void) follow(order);
            }
            if (order.has_number) ++number_;
        }
        for (Order &order : result_.orders)
            if (order.is_special && !is_decided(order)) decide_special(order);
        for (Order &order : result_.orders) note_conflict(order.decision);
        move_remaining_clicks();
        review_declarations();
        return std::move(result_);
    }

private:
    const ConversionRow *stated(const Sale &line) const {
        auto const it = stated_lines_.find(line.row->transaction_id);
        return it == stated_lines_.end() ? nullptr : it->second;
    }
    /// Neither void nor an upgrade: its number is taken (W9).
    bool holds_number(const Sale &line, const ConversionRow &row) const {
        return row.purchase_number > 0 && !line.is_void && !is_upgrade(line, program_);
    }
    const ConversionRow *stated(const Order &order) const {
        for (const Sale *line : order.lines)
            if (const ConversionRow *row = stated(*line)) return row;
        return nullptr;
    }

    std::string account_key(const Order &order) const {
        return program_.ownership_kind == OwnershipKind::per_account ? order.lines.front()->account_id : std::string();
    }

    Time ownership_end(Time from, const Candidate &touch, Time at) const {
        if (program_.ownership_kind == OwnershipKind::lifetime) return kForever;
        return window_end(from, touches_.windows(touch, at).ownership, program_.window_end, *program_.calendar);
    }

    void own(const std::string &account, const Candidate &touch, Time covers_from, Time runs_from, std::string cause) {
        Ownership ownership;
        ownership.account_id = account;
        ownership.affiliate_no = touch.affiliate_no;
        ownership.covers_from = covers_from;
        ownership.runs_from = runs_from;
        ownership.ends_at = ownership_end(runs_from, touch, covers_from);
        ownership.cause = std::move(cause);
        ownership.campaign_no = touch.campaign_no;
        ownership.traffic_source = touch.traffic_source;
        auto const at = std::find_if(result_.ownerships.begin(), result_.ownerships.end(), [&](const Ownership &other) {
            return other.covers_from > covers_from;
        });
        result_.ownerships.insert(at, std::move(ownership));
    }

    bool self(int affiliate_no, const Order *order) const {
        const Affiliate *const affiliate = rulebook_.affiliate(affiliate_no);
        std::vector<std::string> fingerprints;
        if (order != nullptr)
            for (const Sale *line : order->lines) fingerprints.push_back(line->payment_fingerprint);
        return affiliate != nullptr && touches_.is_self(*affiliate, fingerprints);
    }

    void win(Decision &decision, int winner, const Order *order) {
        Candidate &candidate = decision.candidates[static_cast<std::size_t>(winner)];
        // an operator who names the affiliate has seen who he is
        if (candidate.method != Method::override_ && self(candidate.affiliate_no, order)) {
            candidate.code = "self_referral";
            decision.code = "self_referral";
            result_.reviews.push_back({"self_referral", order == nullptr ? std::string() : order->key, candidate.ref});
            return;
        }
        candidate.code = "won";
        decision.winner = winner;
        decision.affiliate_no = candidate.affiliate_no;
        decision.method = candidate.method;
        decision.code.clear();
    }

    void nobody(Decision &decision, const char *code) {
        decision.code = code;
        decision.affiliate_no = 0;
        decision.method = Method::none;
        decision.winner = -1;
    }

    /// The registration as a conversion, and as the beginning of ownership where the program binds there (W7).
    void register_customer() {
        if (!result_.signup_at) return;
        Decision decision;
        touches_.at_registration(decision.candidates);
        if (stated_registration_ != nullptr) {
            keep(decision, *stated_registration_);
            if (program_.bind_at_registration && decision.affiliate_no != 0) {
                Candidate owner;
                owner.affiliate_no = decision.affiliate_no;
                owner.at = *result_.signup_at;
                own({}, owner, *result_.signup_at, *result_.signup_at, "registration");
            }
            note_conflict(decision);
            result_.registration = std::move(decision);
            return;
        }
        for (Method const method : program_.precedence) {
            if (method == Method::override_ || method == Method::ownership || method == Method::lead) continue;
            int const best = touches_.first_eligible(decision.candidates, method);
            if (best < 0) continue;
            win(decision, best, nullptr);
            break;
        }
        wait_for_registration_click(decision);
        if (program_.bind_at_registration && decision.winner >= 0)
            own({}, *decision.won(), *result_.signup_at, *result_.signup_at, "registration");
        note_conflict(decision);
        result_.registration = std::move(decision);
    }

    void assign_number(Order &order) {
        for (const Sale *line : order.lines)
            if (const ConversionRow *row = stated(*line); row != nullptr && holds_number(*line, *row)) {
                order.decision.purchase_number = row->purchase_number;
                return;
            }
        if (const ConversionRow *row = stated(order); row != nullptr && order.is_upgrade) {
            order.decision.purchase_number = row->purchase_number;
            return;
        }
        int next = next_number_;
        do ++next;
        while (taken_.count(next) != 0);
        if (order.is_void && !order.is_upgrade) order.decision.would_be_number = next;
        if (!order.has_number) return;
        order.decision.purchase_number = next_number_ = next;
    }

    Time recorded_by(const Order &order) const {
        return order.completed_at ? later(order.first_completed_recorded_at, program_.late_grace) : kForever;
    }

    /// A click of another affiliate moves the ownership at the click, purchase or not (W5).
    void move_clicks(const std::string &account, Time up_to, Time recorded_until) {
        if (program_.later_click != LaterTouch::move) return;
        std::vector<const Click *> clicks;
        for (const Click &click : file_.clicks)
            if (click.affiliate_no != 0 && !click.wrong_program && click.clicked_at <= up_to &&
                click.recorded_at <= recorded_until && moved_.count(click.click_id) == 0)
                clicks.push_back(&click);
        std::sort(clicks.begin(), clicks.end(), [](const Click *a, const Click *b) {
            return a->clicked_at != b->clicked_at ? a->clicked_at < b->clicked_at : a->click_id < b->click_id;
        });
        for (const Click *click : clicks) {
            const Ownership *const owner = result_.owner_at(account, click->clicked_at);
            const Affiliate *const affiliate = rulebook_.affiliate(click->affiliate_no);
            if (owner == nullptr || owner->affiliate_no == click->affiliate_no ||
                owner->covers_from >= click->clicked_at || affiliate == nullptr ||
                touches_.ineligible(*affiliate, Method::click, click->clicked_at, click->clicked_at) != nullptr ||
                self(click->affiliate_no, nullptr))
                continue;
            moved_.insert(click->click_id);
            Candidate touch;
            touch.affiliate_no = click->affiliate_no;
            touch.at = click->clicked_at;
            touch.campaign_no = click->campaign_no;
            touch.traffic_source = click->traffic_source;
            own(account, touch, click->clicked_at, click->clicked_at, click->click_id);
        }
    }

    /// Purchase or not: the clicks after the last order move the ownership too.
    void move_remaining_clicks() {
        std::set<std::string> accounts;
        for (const Ownership &ownership : result_.ownerships) accounts.insert(ownership.account_id);
        for (const std::string &account : accounts) move_clicks(account, kForever - 1, kForever);
    }

    /// W2: a declared id that was changed after it had bound the customer moves nothing, but somebody should look.
    void review_declarations() {
        std::optional<Time> binding = program_.bind_at_registration ? result_.signup_at : std::nullopt;
        for (const Order &order : result_.orders)
            if (!binding && order.has_number) binding = order.completed_at;
        if (!binding) return;
        const CustomerState *const counts = customer_at(file_, &CustomerState::declared_affiliate, *binding);
        for (const CustomerState &state : file_.customer)
            if (counts != nullptr && !state.declared_affiliate.empty() &&
                state.declared_affiliate != counts->declared_affiliate && held_from(state) > held_from(*counts))
                result_.reviews.push_back({"declared_changed", file_.customer_id, state.declared_affiliate});
    }

    const Override *override_for(const Order &order) const {
        const Override *found = nullptr;
        for (const Override &item : file_.overrides) {
            bool const names_it =
                item.transaction_id.empty() ||
                std::any_of(order.lines.begin(), order.lines.end(),
                            [&](const Sale *line) { return line->row->transaction_id == item.transaction_id; });
            if (names_it && item.from <= order.ordered_at && order.ordered_at < item.until &&
                (found == nullptr || item.no > found->no))
                found = &item;
        }
        return found;
    }

    Candidate override_candidate(const Override &item, const Order &order) const {
        Candidate candidate;
        candidate.method = Method::override_;
        candidate.affiliate_no = item.affiliate_no;
        candidate.at = item.from;
        candidate.ref = std::to_string(item.no);
        if (const Affiliate *affiliate = rulebook_.affiliate(item.affiliate_no))
            if (const char *why = touches_.ineligible(*affiliate, Method::override_, order.ordered_at, order.ordered_at))
                candidate.code = why;
        return candidate;
    }

    /// Lines that were stated keep their owner, unless an operator claws them back (W10, W14).
    bool keep_stated(Order &order) {
        const ConversionRow *const row = stated(order);
        if (row == nullptr) return false;
        const Override *const item = override_for(order);
        if (item != nullptr && item->claw_back) return false;
        keep(order.decision, *row);
        return true;
    }

    static void keep(Decision &decision, const ConversionRow &row) {
        decision.is_stated = true;
        decision.affiliate_no = row.affiliate_no;
        decision.method = row.method;
        decision.code = row.affiliate_no == 0 ? row.code : std::string(); // why nobody; the rest is the line's own
    }

    void collect(const Order &order, Decision &decision) {
        std::vector<Candidate> &out = decision.candidates;
        std::string const account = account_key(order);
        if (const Override *item = override_for(order)) out.push_back(override_candidate(*item, order));
        if (const Ownership *owner = result_.owner_at(account, order.ordered_at)) {
            Candidate candidate;
            candidate.method = Method::ownership;
            candidate.affiliate_no = owner->affiliate_no;
            candidate.at = owner->covers_from;
            candidate.ref = owner->cause;
            candidate.campaign_no = owner->campaign_no;
            candidate.traffic_source = owner->traffic_source;
            if (const Affiliate *affiliate = rulebook_.affiliate(owner->affiliate_no))
                if (const char *why = touches_.ineligible(*affiliate, Method::ownership, owner->covers_from, order.ordered_at))
                    candidate.code = why;
            out.push_back(std::move(candidate));
        }
        std::vector<std::string> codes;
        for (const Sale *line : order.lines)
            if (line->completed_at || !order.completed_at)
                codes.insert(codes.end(), line->coupon_codes.begin(), line->coupon_codes.end());
        touches_.coupons(codes, products_of(order), order.ordered_at, out);
        touches_.clicks(order.ordered_at, recorded_by(order), out);
        for (const Sale *line : order.lines)
            if (!line->declared_affiliate.empty()) {
                touches_.declared(line->declared_affiliate, order.ordered_at, Method::declared, kForever,
                                  order.ordered_at, out);
                break;
            }
        if (number_ == 0) touches_.registration(order.ordered_at, order.completed_at.value_or(order.ordered_at), out);
    }

    /// W5: what a touch of another affiliate does to an order that an ownership covers. True when it decided.
    void decide_owned(Decision &decision, int owned, const Order &order) {
        const Candidate owner = decision.candidates[static_cast<std::size_t>(owned)];
        int touch = touches_.first_eligible(decision.candidates, Method::coupon);
        LaterTouch policy = program_.later_coupon;
        bool foreign =
            touch >= 0 && decision.candidates[static_cast<std::size_t>(touch)].affiliate_no != owner.affiliate_no;
        bool const policy_of_coupon = foreign;
        if (!foreign) {
            touch = touches_.winning_click(decision.candidates);
            policy = program_.later_click == LaterTouch::move ? LaterTouch::keep : program_.later_click;
            foreign = touch >= 0 &&
                      decision.candidates[static_cast<std::size_t>(touch)].affiliate_no != owner.affiliate_no &&
                      decision.candidates[static_cast<std::size_t>(touch)].at > owner.at;
        }
        if (!foreign || policy == LaterTouch::keep) {
            win(decision, owned, &order);
            return;
        }
        if (policy == LaterTouch::nobody) {
            nobody(decision, policy_of_coupon ? "later_coupon" : "later_click");
            return;
        }
        win(decision, touch, &order);
        if (policy == LaterTouch::move && decision.winner >= 0 && order.completed_at && !order.is_void) moves_ = true;
    }

    void decide(Order &order) {
        Decision &decision = order.decision;
        moves_ = false;
        bool const stated = keep_stated(order);
        Decision free;
        Decision &target = stated ? free : decision;
        collect(order, target);
        for (Method const method : program_.precedence) {
            int const best = touches_.first_eligible(target.candidates, method);
            if (best < 0) continue;
            if (method == Method::ownership) decide_owned(target, best, order);
            else if (method == Method::override_ && target.candidates[static_cast<std::size_t>(best)].affiliate_no == 0) {
                target.candidates[static_cast<std::size_t>(best)].code = "won";
                nobody(target, "nobody_by_override");
            } else {
                win(target, best, &order);
            }
            break;
        }
        if (target.code == "organic" && !target.candidates.empty()) explain_nobody(target);
        if (stated) {
            decision.candidates = std::move(free.candidates);
            if (free.affiliate_no == decision.affiliate_no) decision.winner = free.winner;
            if (now_ >= recorded_by(order)) review_unknown_clicks(order);
        } else wait_for_click(order);
        if (const Ownership *owner = result_.owner_at(account_key(order), order.ordered_at))
            decision.customer_since = owner->covers_from;
    }

    /// W12: an order that names an unknown click waits for it while the click could change the decision.
    void wait_for_click(Order &order) {
        if (!order.completed_at || now_ >= recorded_by(order)) {
            review_unknown_clicks(order);
            return;
        }
        Decision &decision = order.decision;
        if (!click_could_win(deciding_method(decision))) return;
        if (decision.code == "nobody_by_override" || decision.code == "later_coupon") return;
        if (decision.method == Method::ownership && has_foreign_coupon(decision)) return; // judged by the coupon alone
        for (const Sale *line : order.lines)
            if (!line->click_id.empty() && !known_click(line->click_id)) {
                decision.waits_until = recorded_by(order);
                result_.wake_at = std::min(result_.wake_at.value_or(kForever), *decision.waits_until);
            }
    }

    void wait_for_registration_click(Decision &decision) {
        const CustomerState *const named = customer_at(file_, &CustomerState::click_id, *result_.signup_at);
        if (named == nullptr || known_click(named->click_id)) return;
        Time recorded = kForever;
        for (const CustomerState &state : file_.customer) recorded = std::min(recorded, state.recorded_at);
        Time const until = later(recorded, program_.late_grace);
        if (now_ >= until || !click_could_win(deciding_method(decision))) return;
        decision.waits_until = until;
        result_.wake_at = std::min(result_.wake_at.value_or(kForever), until);
    }

    /// Whether a click would come before `method` in the program's precedence.
    bool click_could_win(Method method) const {
        for (Method const stronger : program_.precedence) {
            if (stronger == Method::click) return true;
            if (stronger != method) continue;
            // Over an ownership, too, where later clicks are not simply kept out (W5).
            bool const may_override = method == Method::ownership && program_.later_click != LaterTouch::keep;
            return may_override && std::find(program_.precedence.begin(), program_.precedence.end(), Method::click) !=
                                       program_.precedence.end();
        }
        return false;
    }

    bool known_click(const std::string &click_id) const {
        return std::any_of(file_.clicks.begin(), file_.clicks.end(),
                           [&](const Click &click) { return click.click_id == click_id; });
    }

    void review_unknown_clicks(Order &order) {
        if (!order.completed_at) return;
        if (order.decision.affiliate_no == 0)
            for (const Candidate &candidate : order.decision.candidates)
                if (std::string_view(candidate.code) == "unknown_coupon" ||
                    std::string_view(candidate.code) == "unknown_affiliate")
                    result_.reviews.push_back({candidate.code, order.lines.front()->row->transaction_id, candidate.ref});
        for (const Sale *line : order.lines)
            if (!line->click_id.empty() && !known_click(line->click_id)) {
                Candidate candidate;
                candidate.method = Method::click;
                candidate.at = order.ordered_at;
                candidate.ref = line->click_id;
                candidate.code = "unknown_click";
                order.decision.candidates.push_back(std::move(candidate));
                if (order.decision.affiliate_no == 0)
                    result_.reviews.push_back({"unknown_click", line->row->transaction_id, line->click_id});
            }
    }

    /// What a completed, not void order does to ownership (W5, W7).
    void follow(Order &order) {
        const Decision &decision = order.decision;
        if (decision.affiliate_no == 0 || !order.has_number) return;
        std::string const account = account_key(order);
        if (program_.ownership_kind == OwnershipKind::per_account && account.empty()) return;
        Candidate touch;
        touch.affiliate_no = decision.affiliate_no;
        touch.at = order.ordered_at;
        if (const Candidate *won = decision.won()) touch = *won;
        const std::string &cause = order.lines.front()->row->transaction_id;
        if (moves_) {
            own(account, touch, order.ordered_at, order.ordered_at, cause);
            order.decision.customer_since = order.ordered_at;
            return;
        }
        Ownership *latest = nullptr;
        for (Ownership &ownership : result_.ownerships)
            if (ownership.account_id == account) latest = &ownership;
        if (latest == nullptr) {
            if (program_.bind_number_one_only && decision.purchase_number != 1) return;
            own(account, touch, order.ordered_at, *order.completed_at, cause);
            order.decision.customer_since = order.ordered_at;
            return;
        }
        if (order.ordered_at >= latest->ends_at) {
            if (!program_.ownership_rebind) return;
            own(account, touch, order.ordered_at, *order.completed_at, cause);
            order.decision.customer_since = order.ordered_at;
            return;
        }
        if (program_.ownership_kind == OwnershipKind::rolling && decision.affiliate_no == latest->affiliate_no &&
            latest->covers_from <= order.ordered_at && *order.completed_at > latest->runs_from &&
            (program_.ownership_restart_rule == 0 || restart_.restarts(order))) {
            Candidate owner;
            owner.affiliate_no = latest->affiliate_no;
            owner.at = latest->covers_from;
            owner.campaign_no = latest->campaign_no;
            owner.traffic_source = latest->traffic_source;
            latest->runs_from = *order.completed_at;
            latest->ends_at = ownership_end(latest->runs_from, owner, latest->covers_from);
        }
    }

    static bool is_decided(const Order &order) { return !order.decision.candidates.empty() || order.decision.is_stated; }

    // Resets and upgrades (W12a) ----------------------------------------------------------------------------------

    /// One whose original is unknown is decided like a sale when late_grace is over.
    bool decided_like_a_sale(Order &order) {
        const Sale &line = *order.lines.front();
        if (!names_original(line) || original_of(line, result_.orders, file_.accounts) != nullptr) return false;
        if (order.completed_at && now_ < recorded_by(order)) {
            order.decision.waits_until = recorded_by(order);
            result_.wake_at = std::min(result_.wake_at.value_or(kForever), recorded_by(order));
            return false;
        }
        return true;
    }

    void decide_special(Order &order, int depth = 0) {
        if (keep_stated(order)) return;
        Decision &decision = order.decision;
        if (const Override *item = override_for(order)) {
            decision.candidates.push_back(override_candidate(*item, order));
            if (touches_.first_eligible(decision.candidates, Method::override_) == 0) {
                if (item->affiliate_no == 0) nobody(decision, "nobody_by_override");
                else win(decision, 0, &order);
                return;
            }
        }
        const Sale &line = *order.lines.front();
        const Sale *const original = original_of(line, result_.orders, file_.accounts);
        Candidate candidate;
        candidate.method = Method::ownership;
        Time ends_at = kBeginning;
        if (original != nullptr) {
            auto const source = std::find_if(result_.orders.begin(), result_.orders.end(), [&](const Order &other) {
                return std::find(other.lines.begin(), other.lines.end(), original) != other.lines.end();
            });
            if (source->is_special && !is_decided(*source) && depth < 64)
                decide_special(*source, depth + 1);
            if (order.is_upgrade) decision.purchase_number = source->decision.purchase_number;
            if (original->is_void || source->decision.affiliate_no == 0) {
                nobody(decision, original->is_void ? "original_void" : "original_unattributed");
                return;
            }
            candidate.affiliate_no = source->decision.affiliate_no;
            candidate.at = original->ordered_at;
            candidate.ref = original->row->transaction_id;
            if (const Candidate *won = source->decision.won()) {
                candidate.campaign_no = won->campaign_no;
                candidate.traffic_source = won->traffic_source;
            }
            Time runs_from = original->completed_at.value_or(original->ordered_at);
            if (const Ownership *owner = result_.owner_at(account_key(*source), original->ordered_at);
                owner != nullptr && owner->affiliate_no == candidate.affiliate_no)
                runs_from = std::max(runs_from, owner->runs_from);
            ends_at = ownership_end(runs_from, candidate, original->ordered_at);
        } else if (names_original(line)) {
            return; // waits for it
        } else {
            result_.reviews.push_back({"original_missing", line.row->transaction_id, name(line.row->sale_kind)});
            const Ownership *const owner = result_.owner_at(account_key(order), order.ordered_at);
            if (owner == nullptr) return;
            candidate.affiliate_no = owner->affiliate_no;
            candidate.at = owner->covers_from;
            candidate.ref = owner->cause;
            ends_at = owner->ends_at;
        }
        decision.candidates.push_back(candidate);
        Candidate &stored = decision.candidates.back();
        const Affiliate *const affiliate = rulebook_.affiliate(stored.affiliate_no);
        const char *why = nullptr;
        if (order.ordered_at >= ends_at) why = "window_expired";
        else if (affiliate != nullptr)
            why = touches_.ineligible(*affiliate, Method::ownership, stored.at, order.ordered_at);
        if (why != nullptr) {
            stored.code = why;
            nobody(decision, why);
            return;
        }
        win(decision, static_cast<int>(decision.candidates.size()) - 1, &order);
        decision.customer_since = stored.at;
    }

    const CaseFile &file_;
    const Program &program_;
    const Rulebook &rulebook_;
    Time now_;
    RestartTest &restart_;
    Touches touches_;
    Attribution result_;
    std::map<std::string, const ConversionRow *> stated_lines_;
    const ConversionRow *stated_registration_ = nullptr;
    std::set<int> taken_;
    std::set<std::string> moved_;
    int next_number_ = 0, number_ = 0;
    bool moves_ = false;
};

} // namespace

Attribution attribute(const CaseFile &file, const Rulebook &rulebook, const News &news, Time now, RestartTest &restart) {
    return Fold(file, rulebook, news, now, restart).run();
}

} // namespace affiliate::core
