-- At other isolation levels than READ COMMITTED the writer before is not seen: refused.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plan(1);
SELECT throws_ok($$DELETE FROM affiliate.affiliate_upline$$, 'AF025', 'uplines are written at READ COMMITTED only', 'not at REPEATABLE READ');
SELECT * FROM finish();
ROLLBACK;
