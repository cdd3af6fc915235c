// SPDX-License-Identifier: PostgreSQL
#include "core/ladder.hpp"

#include <algorithm>
#include <map>

namespace affiliate::core {

namespace {

template <class Line> bool earlier(const Line &a, const Line &b) {
    return a.at != b.at ? a.at < b.at : a.transaction_id < b.transaction_id;
}

} // namespace

int rank(std::vector<LadderLine> &lines, std::vector<LadderEvent> events, bool retroactive, bool is_locked) {
    std::sort(events.begin(), events.end(), earlier<LadderEvent>);
    std::sort(lines.begin(), lines.end(), earlier<LadderLine>);
    int total = 0;
    for (const LadderEvent &event : events) total += event.count;
    int last_pinned = 0;
    for (const LadderLine &line : lines)
        if (line.is_pinned) last_pinned = std::max(last_pinned, line.position);
    int metric = 0;
    std::size_t next = 0;
    for (LadderLine &line : lines) {
        while (next < events.size() &&
               (events[next].at != line.at ? events[next].at < line.at
                                           : events[next].transaction_id < line.transaction_id))
            metric += events[next++].count;
        if (line.is_pinned) continue;
        line.position = std::max(retroactive ? total : metric + 1, 1);
        if (is_locked && !retroactive && last_pinned > 0) line.position = ++last_pinned;
    }
    return total;
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
