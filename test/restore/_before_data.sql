-- Before rows only are restored, or replicated, into the tables of a setup(): what setup() filled is emptied.
\set ON_ERROR_STOP 1
BEGIN;
ALTER TABLE affiliate.currency DISABLE TRIGGER ALL;
ALTER TABLE affiliate.transaction_type DISABLE TRIGGER ALL;
ALTER TABLE affiliate.transaction_status DISABLE TRIGGER ALL;
ALTER TABLE affiliate.event_type DISABLE TRIGGER ALL;
ALTER TABLE affiliate.schema_version DISABLE TRIGGER ALL; -- until setup() has run again no job works
TRUNCATE affiliate.currency, affiliate.transaction_type, affiliate.transaction_status, affiliate.event_type, affiliate.schema_version,
         affiliate.drain_progress, affiliate.rollup_state;
-- the firm's own table, which is attached there
CREATE SCHEMA shop;
CREATE TABLE shop.payments (id integer PRIMARY KEY, buyer text, cents integer, state text, at timestamptz);
COMMIT;
