// SPDX-License-Identifier: PostgreSQL
// Any bytes, read as a rulebook and a case file: the kernel settles it without an exception, and the properties of
// test/unit/properties.hpp hold.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "../unit/properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    try {
        story::check_properties(data, size);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        std::abort();
    }
    return 0;
}
