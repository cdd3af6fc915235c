-- What shows that a trigger fires: statements, and what must come of them (see pg_temp.try in _rows.sql).
CREATE TEMP TABLE attempt (name text, trigger_name text, enabled text, statements text, question text, wanted text);
-- what is newer was written by an attempt
CREATE TEMP TABLE mark AS SELECT max(audit_id) AS audit_id, (SELECT max(queue_id) FROM affiliate.settle_queue) AS queue_id FROM affiliate.audit_log;
