-- Readings of test/model/README.md that nothing else pins: where the text leaves a choice about what happened to the money.
BEGIN;
SELECT plan(29);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,reverse}'::text[]) AS p;
SELECT pg_temp.program('proportional', '10.005'), pg_temp.program('keep', '50'), pg_temp.program('flat', '5'), pg_temp.program('zero', '5'), pg_temp.program('cap', 'net'), pg_temp.program('steps', 'band_amount');
UPDATE affiliate.program SET on_dispute_opened = 'reverse' WHERE program_id IN ('reverse', 'steps');
UPDATE affiliate.program SET zero_amount_counts = true WHERE program_id = 'zero';
UPDATE affiliate.plan_rule SET take_back = 'proportional' WHERE plan_no = pg_temp.plan_of('proportional');
UPDATE affiliate.plan_rule SET take_back = 'keep' WHERE plan_no = pg_temp.plan_of('keep');
UPDATE affiliate.plan_rule SET monthly_cap = 100 WHERE plan_no = pg_temp.plan_of('cap');
-- a band of its own for each position
INSERT INTO affiliate.ladder (program_no, ladder_id, mode) VALUES (pg_temp.no('steps'), 'steps', 'marginal');
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount) SELECT ladder_no, n, n, n FROM affiliate.ladder, generate_series(1, 9) AS n;
UPDATE affiliate.plan_rule SET ladder_no = (SELECT ladder_no FROM affiliate.ladder) WHERE plan_no = pg_temp.plan_of('steps');
-- the customer is what comes before the dash
CREATE FUNCTION pg_temp.sell(program text, id text, at timestamptz DEFAULT '2025-03-01', amount numeric DEFAULT 100, kind text DEFAULT 'challenge_fee', original text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, original_transaction_id)
    VALUES (program, split_part(id, '-', 1), id, kind, 'completed', 'USD', amount, at, at, '{ANN}', original)
$$;
CREATE FUNCTION pg_temp.follow(program text, id text, kind text, amount numeric, at timestamptz, original text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at)
    VALUES (program, split_part(id, '-', 1), id, original, kind, 'completed', 'USD', amount, at)
$$;
CREATE FUNCTION pg_temp.say(id text, word text, at timestamptz) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.transaction SET status = word, status_at = at WHERE transaction_id = id
$$;
CREATE FUNCTION pg_temp.held(id text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.money(id) || CASE WHEN eligible_at = 'infinity' THEN ' held: ' || hold_reason ELSE '' END FROM affiliate.commission WHERE subject_id = id
$$;
CREATE FUNCTION pg_temp.positions(ids text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(subject_id || ' ' || ladder_position, ', ' ORDER BY subject_id) FROM affiliate.commission WHERE subject_id LIKE ids
$$;
SELECT pg_temp.sell('main', c || '-1') FROM unnest('{a,b,c,d,e,f,g,h,i,j,k,l,m}'::text[]) AS c;

-- M1: two states of a row with equal content in all columns are one report, at the time of the first
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-10' WHERE transaction_id = 'a-1';
SELECT pg_temp.clock('2025-06-30 13:00');
UPDATE affiliate.transaction SET refunded_amount = 20 WHERE transaction_id = 'a-1';
SELECT pg_temp.clock('2025-06-30 14:00');
UPDATE affiliate.transaction SET refunded_amount = 50 WHERE transaction_id = 'a-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('a-1'), 'ann 10 reversed 2', 'M1: content that was there before is older than the correction');

-- M1, M2: a row that says disputed or refunded is content only as a completed report at its completed_at
UPDATE affiliate.transaction SET amount = 80, status = 'disputed', status_at = '2025-03-05' WHERE transaction_id = 'b-1';
UPDATE affiliate.transaction SET amount = 120, status = 'disputed', status_at = '2025-03-05' WHERE transaction_id = 'c-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('b-1'), '1 of 100, refunded 0, charged back 0 (0)', 'M2: at the time of completion, and at equal time the larger amount');
SELECT is(pg_temp.counts('c-1'), '1 of 120, refunded 0, charged back 0 (0)', 'M2: which may be this one');
-- corrected content has the time of the column that changed with it
UPDATE affiliate.transaction SET amount = 80, completed_at = '2025-03-02' WHERE transaction_id = 'd-1';
UPDATE affiliate.transaction SET amount = 90, status_at = '2025-03-01 12:00' WHERE transaction_id = 'd-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('d-1'), '1 of 80, refunded 0, charged back 0 (0)', 'M1: a correction dated before another one changes nothing');
UPDATE affiliate.transaction SET amount = 70 WHERE transaction_id = 'd-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('d-1'), '1 of 70, refunded 0, charged back 0 (0)', 'M1: without a time of its own it happened on arrival');

-- M2: lost until won, whatever is opened; opened after won is open again
SELECT pg_temp.say('e-1', 'chargeback', '2025-03-10'), pg_temp.say('e-1', 'disputed', '2025-03-15'), pg_temp.say('f-1', 'disputed', '2025-03-10'), pg_temp.say('f-1', 'dispute_won', '2025-03-12'), pg_temp.say('f-1', 'disputed', '2025-03-15');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('g', 'g-1', 100, '2025-03-10', '2025-03-20', 'lost');
UPDATE affiliate.dispute SET opened_at = '2025-03-25', closed_at = NULL, outcome = NULL WHERE dispute_id = 'g';
SELECT pg_temp.drain();
SELECT is(pg_temp.held('e-1'), 'ann 10 reversed 10', 'M2: lost, then opened: lost');
SELECT is(pg_temp.money('g-1'), 'ann 10 reversed 10', 'M2: the same by a row');
SELECT is(pg_temp.held('f-1'), 'ann 10 held: dispute', 'M2: won, then opened: open');

-- M3: words and chargeback rows without an id are one dispute of the sale; beside dispute rows "disputed" does nothing
SELECT pg_temp.follow('main', 'h-cb', 'chargeback', 60, '2025-03-10', 'h-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('h-1'), 'ann 10 reversed 6', 'M3: a chargeback row');
SELECT pg_temp.say('h-1', 'dispute_won', '2025-03-20');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('i', 'i-1', 100, '2025-03-10', '2025-03-12', 'won');
SELECT pg_temp.say('i-1', 'disputed', '2025-03-15');
SELECT pg_temp.drain();
SELECT is(pg_temp.held('h-1'), 'ann 10', 'M3: is won by the word of the sale');
SELECT is(pg_temp.held('i-1'), 'ann 10', 'M3: "disputed" beside a dispute row does nothing');

-- M3: reverse: an open dispute counts neither as charged back nor as a reversal of the ladder
SELECT pg_temp.sell('reverse', 'n-1');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('n', 'n-1', 100, '2025-03-05');
SELECT pg_temp.sell('steps', 'o-1'), pg_temp.sell('steps', 'o-2', '2025-03-02', kind => 'reset_fee', original => 'o-1'), pg_temp.sell('steps', 'p-1', '2025-03-03'), pg_temp.sell('steps', 'q-1', '2025-03-10');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('p', 'p-1', 100, '2025-03-05');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('n-1') || ', ' || pg_temp.counts('n-1'), 'ann 10 reversed 10, 1 of 100, refunded 0, charged back 0 (0)', 'M3: an open dispute that reverses is no chargeback yet');
SELECT is(pg_temp.positions('q-1'), 'q-1 3', 'M3: nor is it one in the ladder');
-- M7: the position of a line that is not counted itself is that of the next one
SELECT is(pg_temp.positions('o-%') || ', ' || pg_temp.positions('p-1'), 'o-1 1, o-2 2, p-1 2', 'M7: a reset stands where the next purchase will');

-- M4: a cumulative refund without amount is the amount less lost disputes; refund rows are part of it
SELECT pg_temp.follow('main', 'j-r', 'refund', 30, '2025-03-10', 'j-1');
SELECT pg_temp.follow('main', 'k-r', 'refund', 30, '2025-03-10', 'k-1');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('k', 'k-1', 40, '2025-03-10', '2025-03-11', 'lost');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-12' WHERE transaction_id IN ('j-1', 'k-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('j-1'), '1 of 100, refunded 100, charged back 0 (0)', 'M4: all of it, the refund of 30 included');
SELECT is(pg_temp.counts('k-1'), '1 of 100, refunded 60, charged back 40 (1)', 'M4: all of it but what a dispute has lost');

-- M5: proportional: of the unrounded amount, rounded once; keep keeps everything unless the sale is void
SELECT pg_temp.sell('proportional', 'r-1'), pg_temp.sell('keep', 's-1'), pg_temp.sell('keep', 's-2');
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-10' WHERE transaction_id = 'r-1';
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-03-02' WHERE transaction_id = 's-1';
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-03-10' WHERE transaction_id = 's-2';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('r-1'), 'ann 10.01 reversed 5.01', 'M5: half of 10.005 is 5.0025');
SELECT is(pg_temp.money('s-1') || ', ' || pg_temp.money('s-2'), 'ann 50 reversed 50 void, ann 50', 'M5: keep');

-- M6: a dispute that was lost before, and won before the end, does not keep a sale from being void
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('l', 'l-1', 40, '2025-03-01', '2025-03-01 06:00', 'lost');
UPDATE affiliate.dispute SET closed_at = '2025-03-01 12:00', outcome = 'won' WHERE dispute_id = 'l';
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-03-02' WHERE transaction_id = 'l-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('l-1'), 'ann 10 reversed 10 void', 'M6: its last word is won');

-- M7: in a cap earlier lines hold what they were worth at the later line's instant
SELECT pg_temp.sell('cap', 'u-1', '2025-03-01', 80), pg_temp.sell('cap', 'u-2', '2025-03-05', 50), pg_temp.sell('cap', 'u-3', '2025-03-15', 90);
UPDATE affiliate.transaction SET refunded_amount = 80, refunded_at = '2025-03-10' WHERE transaction_id = 'u-1';
SELECT pg_temp.drain();
SELECT is(concat_ws(', ', pg_temp.money('u-1'), pg_temp.money('u-2'), pg_temp.money('u-3')), 'ann 80 reversed 80, ann 20, ann 80', 'M7: 80 were taken on March 5, 20 on March 15');

-- M7: take-backs by adjustment do not close a sale for a refund without reference
SELECT pg_temp.follow('main', 'm-a', 'adjustment', -100, '2025-03-05', 'm-1'), pg_temp.follow('main', 'm-r', 'refund', 30, '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('m-1'), '1 of 100, refunded 30, charged back 0 (0)', 'M7: the sale is open');

-- M8: a line of zero amount earns nothing, a flat amount included, unless zero_amount_counts
SELECT pg_temp.sell('flat', 'v-1', amount => 0), pg_temp.sell('zero', 'w-1', amount => 0);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('v-1'), NULL, 'M8: nothing for nothing');
SELECT is(pg_temp.money('w-1'), 'ann 5', 'M8: unless the program says so');

-- W12: a refund that fitted no sale when late_grace ended stays in review
SELECT pg_temp.follow('main', 'x-r', 'refund', 30, '2025-03-20');
SELECT pg_temp.follow('main', 'y-r', 'refund', 30, '2025-03-20');
SELECT pg_temp.drain();
SELECT pg_temp.sell('main', 'y-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('y-1'), 'ann 10 reversed 3', 'W12: a sale that comes within late_grace has it');
SELECT pg_temp.clock('2025-07-02');
SELECT pg_temp.drain();
SELECT pg_temp.sell('main', 'x-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('x-1'), 'ann 10', 'W12: one that comes after it has not');
SELECT matches(pg_temp.reviews('x'), 'refund', 'W12: the refund is reviewed');
-- one that names an account goes to the only open sale of that account
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_id) VALUES
    ('main', 'z', 'z-1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 'one'), ('main', 'z', 'z-2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 'two');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_account_id, transaction_type, status, currency, amount, completed_at) VALUES ('main', 'z', 'z-r', 'two', 'refund', 'completed', 'USD', 30, '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('z-1') || ', ' || pg_temp.money('z-2'), 'ann 10, ann 10 reversed 3', 'W12: by the original account');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
