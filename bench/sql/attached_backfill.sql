SET pg_affiliate.inline_budget = 0;
\ir watch_start.sql
CALL affiliate.backfill('firm.payments:transaction');
\ir watch_stop.sql
