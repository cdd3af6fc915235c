// SPDX-License-Identifier: PostgreSQL
#include "core/ladder.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace affiliate::core {

namespace {

template <class Line> bool earlier(const Line &a, const Line &b) {
    return a.at != b.at ? a.at < b.at : a.transaction_id < b.transaction_id;
}

} // namespace

namespace {

template <class Item> const std::string &unit_of(const Item &item) {
    return item.unit.empty() ? item.transaction_id : item.unit;
}

/// The metric of everything before an instant.
class Metric {
public:
    explicit Metric(std::vector<LadderEvent> events) : events_(std::move(events)) {
        std::sort(events_.begin(), events_.end(), earlier<LadderEvent>);
        sums_.push_back(0);
        for (const LadderEvent &event : events_) {
            sums_.push_back(sums_.back() + event.count);
            if (event.count > 0) counted_.try_emplace(unit_of(event), &event);
        }
    }
    int total() const { return sums_.back(); }
    /// Before a line: before its unit counts, if it does.
    int before(const LadderLine &line) const {
        auto const counted = counted_.find(unit_of(line));
        LadderEvent const place = counted == counted_.end() ? LadderEvent{line.at, line.transaction_id, 0, {}}
                                                            : *counted->second;
        auto const it = std::lower_bound(events_.begin(), events_.end(), place, earlier<LadderEvent>);
        return sums_[static_cast<std::size_t>(it - events_.begin())];
    }

private:
    std::vector<LadderEvent> events_;
    std::vector<int> sums_;
    std::map<std::string, const LadderEvent *> counted_;
};

/// Lines that came after the lock take the next positions after everything that was there, in their own order.
void rank_late(std::vector<LadderLine> &lines, const std::vector<LadderEvent> &events) {
    std::map<std::string, int> pinned;
    std::set<std::string> late;
    for (const LadderLine &line : lines)
        if (line.is_pinned) pinned.try_emplace(unit_of(line), line.position);
    for (const LadderLine &line : lines)
        if (pinned.count(unit_of(line)) == 0) late.insert(unit_of(line));
    int there = 0;
    std::vector<LadderEvent> later;
    for (const LadderEvent &event : events)
        if (late.count(unit_of(event)) != 0) later.push_back(event);
        else there += event.count;
    Metric const metric(std::move(later));
    for (LadderLine &line : lines) {
        if (line.is_pinned) continue;
        auto const sibling = pinned.find(unit_of(line));
        line.position = sibling != pinned.end() ? sibling->second : std::max(there + metric.before(line) + 1, 1);
    }
}

} // namespace

int rank(std::vector<LadderLine> &lines, std::vector<LadderEvent> events, bool retroactive, bool is_locked) {
    std::sort(lines.begin(), lines.end(), earlier<LadderLine>);
    bool const has_pinned = std::any_of(lines.begin(), lines.end(), [](const LadderLine &line) { return line.is_pinned; });
    if (is_locked && !retroactive && has_pinned) rank_late(lines, events);
    Metric const metric(std::move(events));
    if (is_locked && !retroactive && has_pinned) return metric.total();
    for (LadderLine &line : lines)
        if (!line.is_pinned) line.position = std::max(retroactive ? metric.total() : metric.before(line) + 1, 1);
    return metric.total();
}

Decimal fill_cap(std::vector<CapLine> &lines, const Decimal &cap, bool is_locked) {
    std::sort(lines.begin(), lines.end(), earlier<CapLine>);
    // In a locked window what is pinned was there first.
    if (is_locked)
        std::stable_partition(lines.begin(), lines.end(), [](const CapLine &line) { return line.is_pinned; });
    Decimal used, taken; // of the window as it is now; by the lines so far, as the present line sees them
    std::multimap<Time, Decimal> given_back;
    for (CapLine &line : lines) {
        while (!given_back.empty() && given_back.begin()->first < line.at) {
            taken -= given_back.begin()->second;
            given_back.erase(given_back.begin());
        }
        if (!line.is_pinned) line.room = max(cap - taken, Decimal{});
        Decimal const at_first = min(line.room, line.accrued), now = min(line.room, line.net);
        taken += at_first;
        used += now;
        if (line.taken_back_at && now < at_first) given_back.emplace(*line.taken_back_at, at_first - now);
    }
    return used;
}

} // namespace affiliate::core
