// SPDX-License-Identifier: PostgreSQL
// Any candidates: their JSON text says what they are, and their digest changes with each of its parts.
#include <cstring>

#include "core/json.hpp"
#include "core/rule.hpp"

#include "json_reader.hpp"

using namespace affiliate::core;
using json::require;

namespace {

constexpr const char *codes[] = {"won", "outranked", "window_expired", "after_order"};

/// Takes up to eight candidates from the bytes: flags, time, length of the reference, reference.
Decision decision_of(const std::uint8_t *data, std::size_t size) {
    Decision decision;
    while (size >= 11 && decision.candidates.size() < 8) {
        Candidate candidate;
        candidate.method = static_cast<Method>(data[0] % (static_cast<int>(Method::none) + 1));
        candidate.code = codes[data[0] / 8 % 4];
        candidate.affiliate_no = data[1];
        std::memcpy(&candidate.at, data + 2, sizeof candidate.at);
        // up to 1020 bytes, so that some are clipped
        std::size_t const repeats = data[10] / 64 + 1, length = std::min<std::size_t>(data[10], size - 11);
        for (std::size_t i = 0; i < repeats; ++i) candidate.ref.append(reinterpret_cast<const char *>(data) + 11, length);
        data += 11 + length;
        size -= 11 + length;
        decision.candidates.push_back(std::move(candidate));
    }
    return decision;
}

void check_text(const Decision &decision) {
    std::string const text = candidates_json(decision);
    json::Reader reader(text);
    reader.expect('[');
    for (const Candidate &candidate : decision.candidates) {
        if (&candidate != &decision.candidates.front()) reader.separator(',');
        auto const members = reader.object();
        require(members.size() == 5);
        require(members[0] == std::pair<std::string, std::string>("at", json_time(candidate.at)));
        require(members[1] == std::pair<std::string, std::string>("ref", clipped(candidate.ref)));
        require(members[2] == std::pair<std::string, std::string>("code", candidate.code));
        require(members[3] == std::pair<std::string, std::string>("method", name(candidate.method)));
        require(members[4] == std::pair<std::string, std::string>(
                                  "affiliate_no",
                                  candidate.affiliate_no == 0 ? "null" : std::to_string(candidate.affiliate_no)));
    }
    reader.expect(']');
    reader.end();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    Decision decision = decision_of(data, size);
    check_text(decision);
    std::int64_t const digest = candidates_digest(decision);
    require(candidates_digest(decision_of(data, size)) == digest);
    if (decision.candidates.empty()) return 0;

    Candidate &changed = decision.candidates[data[0] % decision.candidates.size()];
    Candidate const before = changed;
    auto const shows = [&] {
        bool const differs = candidates_digest(decision) != digest;
        changed = before;
        return differs;
    };
    ++changed.affiliate_no;
    require(shows());
    changed.at ^= 1;
    require(shows());
    changed.code = changed.code == codes[0] ? codes[1] : codes[0];
    require(shows());
    changed.method = changed.method == Method::click ? Method::coupon : Method::click;
    require(shows());
    if (changed.ref.size() < 500) {
        changed.ref += 'x';
        require(shows());
    }
    decision.candidates.pop_back();
    require(candidates_digest(decision) != digest);
    return 0;
}
