\echo Use "ALTER EXTENSION pg_affiliate UPDATE" to load this file. \quit
-- SPDX-License-Identifier: PostgreSQL
-- From 0.1.0 to 0.2.0: what cannot be replaced where it is. Tables are migrated by affiliate.setup().
