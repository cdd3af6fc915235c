// SPDX-License-Identifier: PostgreSQL
// The main() of the unit tests.

#define BOOST_TEST_MODULE pg_affiliate core
#include <boost/test/unit_test.hpp>
