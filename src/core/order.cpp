// SPDX-License-Identifier: PostgreSQL
// From sales to orders, in the order of the fold (SEMANTICS W7-W9).
#include <algorithm>

#include "core/attribution.hpp"

namespace affiliate::core {

bool is_upgrade(const Sale &sale, const Program &program) noexcept {
    return sale.row->sale_kind == SaleKind::upgrade && program.upgrade_counts != UpgradeCounts::new_purchase;
}

std::vector<Order> orders_of(const News &news, const Program &program) {
    std::vector<Order> orders;
    std::map<std::string, std::size_t> index;
    for (const Sale &sale : news.sales) {
        auto const [it, inserted] = index.try_emplace(sale.order_key, orders.size());
        if (inserted) {
            orders.emplace_back();
            orders.back().key = sale.order_key;
        }
        orders[it->second].lines.push_back(&sale);
    }
    for (Order &order : orders) {
        std::sort(order.lines.begin(), order.lines.end(),
                  [](const Sale *a, const Sale *b) { return a->row->transaction_id < b->row->transaction_id; });
        bool any_completed = false, any_standing = false;
        for (const Sale *line : order.lines) {
            any_completed = any_completed || line->completed_at;
            any_standing = any_standing || (line->completed_at && !line->is_void);
        }
        order.is_void = any_completed && !any_standing;
        order.is_special = order.is_upgrade = true;
        bool first = true;
        for (const Sale *line : order.lines) {
            // Lines that are not completed say nothing about an order that is; void ones only where all are void.
            if (any_completed && (!line->completed_at || (any_standing && line->is_void))) continue;
            order.ordered_at = first ? line->ordered_at : std::min(order.ordered_at, line->ordered_at);
            first = false;
            SaleKind const kind = line->row->sale_kind;
            order.is_upgrade = order.is_upgrade && is_upgrade(*line, program);
            order.is_special = order.is_special && (kind == SaleKind::upgrade || kind == SaleKind::reset);
            if (!line->completed_at) continue;
            if (!order.completed_at || *line->completed_at < *order.completed_at) order.completed_at = line->completed_at;
            if (order.first_completed_recorded_at == 0 ||
                line->first_completed_recorded_at < order.first_completed_recorded_at)
                order.first_completed_recorded_at = line->first_completed_recorded_at;
            if (line->row->effect == Effect::sale && !line->is_void && !line->is_test && !is_upgrade(*line, program) &&
                (!line->is_zero() || program.zero_amount_counts))
                order.has_number = true;
        }
    }
    std::sort(orders.begin(), orders.end(), [](const Order &a, const Order &b) {
        Time const x = a.completed_at.value_or(kForever), y = b.completed_at.value_or(kForever);
        if (x != y) return x < y;
        if (!a.completed_at && a.ordered_at != b.ordered_at) return a.ordered_at < b.ordered_at;
        return a.lines.front()->row->transaction_id < b.lines.front()->row->transaction_id;
    });
    return orders;
}

std::vector<const Sale *> Order::speakers() const {
    std::vector<const Sale *> result;
    for (const Sale *line : lines)
        if (speaks(*line)) result.push_back(line);
    if (result.size() > 1)
        std::stable_sort(result.begin(), result.end(),
                         [](const Sale *a, const Sale *b) { return a->line_no < b->line_no; });
    return result;
}

} // namespace affiliate::core
