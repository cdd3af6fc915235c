\echo Use "CREATE EXTENSION pg_affiliate" to load this file. \quit
-- SPDX-License-Identifier: PostgreSQL
-- pg_affiliate owns code only: affiliate.setup() creates the tables (docs/adr/0001-code-only-extension.md).
