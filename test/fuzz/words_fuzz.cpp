// SPDX-License-Identifier: PostgreSQL
// Any text as a coupon code and as the word of a method.
#include <cctype>
#include <cstdlib>

#include "core/rulebook.hpp"

using namespace affiliate::core;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    // upper(btrim(code) COLLATE "C"), as the column code_normalised has it
    std::string const code = normalised_code(text);
    std::size_t const first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) {
        require(code.empty());
    } else {
        std::string_view const inside = text.substr(first, text.find_last_not_of(' ') - first + 1);
        require(code.size() == inside.size());
        for (std::size_t i = 0; i < code.size(); ++i) {
            auto const byte = static_cast<unsigned char>(inside[i]);
            require(static_cast<unsigned char>(code[i]) == (byte < 0x80 ? std::toupper(byte) : byte));
        }
    }
    require(normalised_code(code) == code && normalised_code(" " + code + "  ") == code);

    Method const method = method_named(text);
    if (method != Method::none) require(text == name(method));
    for (int i = 0; i < static_cast<int>(Method::none); ++i)
        if (text == name(static_cast<Method>(i))) require(method == static_cast<Method>(i));
    return 0;
}
