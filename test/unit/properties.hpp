// SPDX-License-Identifier: PostgreSQL
// What must hold for every history, checked on one that is made of bytes; shared by property_test.cpp and
// test/fuzz/settle_fuzz.cpp. Throws std::logic_error with the broken property.
#pragma once

#include <set>

#include "history.hpp"

namespace story {

inline void must(bool condition, const std::string &property) {
    if (!condition) throw std::logic_error(property);
}

inline void choose_rulebook(Choices &choose, Story &s) {
    choose_policies(choose, s.program());
    choose_rules(choose, s);
    choose_affiliates(choose, s);
}

/// What a decision comes to, as text: everything that is stored or paid, nothing of the order of arrival.
inline std::string targets_of(const Settled &settled) {
    std::string out;
    auto const add = [&out](const auto &value) { (out += value) += ' '; };
    auto const number = [&add](std::int64_t value) { add(std::to_string(value)); };
    for (const ConversionTarget &target : settled.conversions) {
        const ConversionRow &row = target.row;
        add("\n" + row.transaction_id + " " + name(row.subject));
        add(name(row.state));
        add(row.code);
        number(row.affiliate_no);
        add(name(row.method));
        number(row.purchase_number);
        number(row.ordered_at.value_or(-1));
        number(row.occurred_at.value_or(-1));
        number(row.quantity);
        number(row.ladder_counts);
        number(row.charged_back_count);
        number(row.taken_back_at.value_or(-1));
        number(row.ladder_reversed_at.value_or(-1));
        for (const Decimal *amount : {&row.gross, &row.refunded, &row.charged_back}) add(amount->normalized().to_string());
        for (const Target &item : target.commissions) {
            add("\n  rule " + std::to_string(item.rule->no));
            number(item.affiliate_no);
            add(item.accrued.normalized().to_string());
            add(item.net.normalized().to_string());
            number(item.eligible_at);
            add(item.hold_reason);
        }
    }
    for (const Ownership &ownership : settled.attribution.ownerships) {
        add("\n" + ownership.account_id + " owned by " + std::to_string(ownership.affiliate_no));
        number(ownership.covers_from);
        number(ownership.ends_at);
    }
    return out;
}

/// Everything has arrived in one night, in the order that `turn` makes of it.
inline std::string targets_in_order(Choices choose, int turn) {
    Story s;
    choose_rulebook(choose, s);
    History history = HistoryMaker(choose).make();
    std::vector<NewsItem> &news = history.news;
    if (turn == 1) std::reverse(news.begin(), news.end());
    if (turn > 1)
        for (std::size_t i = news.size(), state = static_cast<std::size_t>(turn); i > 1; --i)
            std::swap(news[i - 1], news[(state = state * 48271 % 2147483647) % i]);
    s.overrides.assign(history.overrides.begin(), history.overrides.end());
    Time at = day(100);
    for (const NewsItem &item : news) arrive(s, item, at += kHour / 60);
    return targets_of(s.decide());
}

inline void check_money(const Story &s) {
    for (const CommissionRow &row : s.file.commissions) {
        std::string const who = row.subject_id + " rule " + std::to_string(row.rule_no);
        must(row.reversed.sign() >= 0 && row.reversed <= row.accrued, "I5 0 <= reversed <= accrued: " + who);
        must(s.ledger.sum(key_of(row)) == row.accrued - row.reversed - row.paid, "I9 sum of the entries: " + who);
        const ConversionRow *subject = nullptr;
        for (const ConversionRow &item : s.file.conversions)
            if (key_of(item) == Ledger::ConversionKey{row.subject_id, row.subject}) subject = &item;
        must(subject != nullptr, "a commission of nothing: " + who);
        if (row.level == 0 && row.affiliate_no != subject->affiliate_no)
            must(row.accrued == row.reversed, "I4 somebody who is not the owner earns: " + who);
    }
    for (const ConversionRow &row : s.file.conversions) {
        int quantity = 0;
        Decimal gross, refunded, charged_back;
        for (const ConversionEntry &entry : s.ledger.conversion_entries.at(key_of(row))) {
            quantity += entry.quantity;
            gross += entry.gross;
            refunded += entry.refunded;
            charged_back += entry.charged_back;
        }
        must(quantity == row.quantity && gross == row.gross && refunded == row.refunded &&
                 charged_back == row.charged_back,
             "I9 sum of the conversion entries: " + row.transaction_id);
        must(row.refunded + row.charged_back <= row.gross, "I7 more taken back than paid: " + row.transaction_id);
    }
}

inline void check_decisions(const Story &s, const Settled &settled) {
    std::set<int> numbers;
    for (const Order &order : settled.attribution.orders) {
        if (order.has_number && order.decision.purchase_number != 0)
            must(numbers.insert(order.decision.purchase_number).second, "W9 a number twice: " + order.key);
        for (const Sale *line : order.lines)
            must(s.owner(line->row->transaction_id) == order.decision.affiliate_no, "I4 one owner per order: " + order.key);
    }
    for (const ConversionTarget &target : settled.conversions) {
        const Sale *sale = nullptr;
        for (const Sale &item : settled.news.sales)
            if (item.row->transaction_id == target.row.transaction_id) sale = &item;
        if (target.row.subject != Subject::transaction || sale == nullptr) continue;
        bool const is_gone = sale->is_void || (!sale->is_zero() && sale->taken == sale->gross);
        for (const CommissionRow &row : s.file.commissions)
            if (is_gone && row.subject == Subject::transaction && row.subject_id == target.row.transaction_id)
                must(row.accrued == row.reversed, "M5 nothing is left of a sale that was taken back: " + row.subject_id);
        must(sale->taken.sign() >= 0 && sale->taken <= sale->gross, "I7 taken back: " + target.row.transaction_id);
    }
    for (std::size_t i = 1; i < s.file.ownerships.size(); ++i)
        if (s.file.ownerships[i].account_id == s.file.ownerships[i - 1].account_id)
            must(s.file.ownerships[i].begins_at >= s.file.ownerships[i - 1].begins_at, "I12 ownerships follow each other");
}

inline std::string changes_of(const Outcome &outcome) {
    std::string out;
    for (const ConversionChange &change : outcome.conversions)
        out += " " + change.row.transaction_id + " is " + name(change.row.state) + " " + change.row.code + " of " +
               std::to_string(change.row.affiliate_no) + ", " + std::to_string(change.entries.size()) + " entries;";
    for (const CommissionChange &change : outcome.commissions)
        out += " " + change.row.subject_id + " rule " + std::to_string(change.row.rule_no) + " of " +
               std::to_string(change.row.affiliate_no) + " gives " + change.row.accrued.to_string() + " - " +
               change.row.reversed.to_string() + " " + change.row.hold_reason + ";";
    return out + (outcome.ownerships_changed ? " ownerships" : "");
}

/// Settles what has arrived, twice: the second time there is nothing to do.
inline void settle_and_check(Story &s, Time now) {
    Settled const settled = s.decide(now);
    apply(s.file, s.ledger, post(s.file, settled));
    check_money(s);
    check_decisions(s, settled);
    Outcome const again = post(s.file, s.decide(now));
    must(is_empty(again), "settling again changes something:" + changes_of(again));
}

/// The news arrive in the order of their making, with settlements and payments between.
inline void check_life(Choices &choose) {
    Story s;
    choose_rulebook(choose, s);
    History const history = HistoryMaker(choose).make();
    Time now = day(5);
    int const pause = 1 + choose.below(4);
    int left = pause;
    for (const NewsItem &item : history.news) {
        arrive(s, item, now += 4 * kHour);
        if (--left > 0) continue;
        left = pause;
        settle_and_check(s, now);
        if (choose.one_in(3))
            for (CommissionRow &row : s.file.commissions)
                if (choose.one_in(2) && row.paid <= row.accrued - row.reversed) story::pay(s.file, s.ledger, row, now);
    }
    s.overrides.assign(history.overrides.begin(), history.overrides.end());
    settle_and_check(s, now + kHour);
    settle_and_check(s, the_end);
}

inline void check_properties(const std::uint8_t *data, std::size_t size) {
    Choices choose(data, size);
    check_life(choose);
    std::string const first = targets_in_order(Choices(data, size), 0);
    for (int const turn : {1, 2}) {
        std::string const other = targets_in_order(Choices(data, size), turn);
        must(first == other, "the order of arrival decides:" + first + "\nand in another order:" + other);
    }
}

} // namespace story
