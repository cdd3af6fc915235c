// SPDX-License-Identifier: PostgreSQL
// The one translation unit that holds Boost.Test itself; the others include <boost/test/unit_test.hpp>.

#define BOOST_TEST_MODULE pg_affiliate core
#include <boost/test/included/unit_test.hpp>
