// SPDX-License-Identifier: PostgreSQL
// conversion.candidates as JSON text, and its digest.
#include "core/json.hpp"
#include "core/rule.hpp"

namespace affiliate::core {

namespace {

/// FNV-1a over the bytes of what is added, each part with its end.
class Digest {
public:
    void add(std::string_view text) {
        for (char const c : text) add_byte(static_cast<unsigned char>(c));
        add_byte(0xFF); // no byte of UTF-8
    }
    void add(std::int64_t value) {
        hash_ = (hash_ ^ static_cast<std::uint64_t>(value)) * kPrime;
        hash_ ^= hash_ >> 29;
    }
    std::int64_t value() const noexcept { return static_cast<std::int64_t>(hash_); }

private:
    static constexpr std::uint64_t kPrime = 1099511628211ULL;
    void add_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * kPrime; }
    std::uint64_t hash_ = 14695981039346656037ULL;
};

} // namespace

std::int64_t candidates_digest(const Decision &decision) {
    Digest digest;
    for (const Candidate &candidate : decision.candidates) {
        digest.add(candidate.at);
        digest.add(static_cast<std::int64_t>(candidate.method));
        digest.add(candidate.affiliate_no);
        digest.add(clipped(candidate.ref));
        digest.add(std::string_view(candidate.code));
    }
    return digest.value();
}

std::string candidates_json(const Decision &decision) {
    std::string out = "[";
    for (const Candidate &candidate : decision.candidates) {
        if (out.size() > 1) out += ", ";
        out += "{\"at\": ";
        append_json(out, json_time(candidate.at));
        out += ", \"ref\": ";
        append_json(out, clipped(candidate.ref));
        out += ", \"code\": ";
        append_json(out, candidate.code);
        out += ", \"method\": ";
        append_json(out, name(candidate.method));
        out += ", \"affiliate_no\": ";
        out += candidate.affiliate_no == 0 ? "null" : std::to_string(candidate.affiliate_no);
        out += '}';
    }
    return out + "]";
}

} // namespace affiliate::core
