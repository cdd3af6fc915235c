-- W12a: resets and upgrades go by their original, whenever they complete; they neither begin nor lengthen ownership.
BEGIN;
SELECT plan(25);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,rolling}'::text[]) AS p;
UPDATE affiliate.program SET ownership_kind = 'rolling' WHERE program_id = 'rolling';
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('left');
INSERT INTO affiliate.affiliate_status (affiliate_no, valid_from, status) VALUES (pg_temp.of('left'), '2025-03-10', 'terminated');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'LEFT', pg_temp.of('left'));
CREATE FUNCTION pg_temp.sell(program text, id text, kind text, ordered timestamptz, completed timestamptz, code text DEFAULT NULL, original text DEFAULT NULL, account text DEFAULT NULL, of_account text DEFAULT NULL, of_challenge text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, original_transaction_id,
        account_id, original_account_id, original_challenge_id)
    VALUES (program, split_part(id, '-', 1), id, kind, 'completed', 'USD', 100, ordered, completed, ARRAY[code], original, account, of_account, of_challenge)
$$;

-- by transaction, account and challenge
SELECT pg_temp.sell('main', 'a-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'ANN', account => 'x');
SELECT pg_temp.sell('main', 'a-2', 'reset_fee', '2025-03-10', '2025-03-10', 'BOB', original => 'a-1');
INSERT INTO affiliate.account (program_id, customer_id, account_id, challenge_id) VALUES ('main', 'a', 'x', 'challenge-7');
SELECT pg_temp.sell('main', 'a-3', 'reset_fee', '2025-03-11', '2025-03-11', of_account => 'x');
SELECT pg_temp.sell('main', 'a-4', 'upgrade_fee', '2025-03-12', '2025-03-12', of_challenge => 'challenge-7');
SELECT is(pg_temp.outcome('main', 'a-%'), 'a-1 ann coupon #1 10, a-2 ann ownership #2 10, a-3 ann ownership #3 10, a-4 ann ownership #1 10', 'the owner of the original, whatever the coupon; an upgrade keeps its number');
SELECT is(pg_temp.owned('a'), 'ann 03-01..05-30', 'not lengthened');
SELECT pg_temp.sell('rolling', 'b-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'ANN');
SELECT pg_temp.sell('rolling', 'b-2', 'reset_fee', '2025-03-10', '2025-03-10', original => 'b-1');
SELECT pg_temp.sell('rolling', 'b-3', 'upgrade_fee', '2025-03-11', '2025-03-11', original => 'b-1');
SELECT is(pg_temp.owned('b'), 'ann 03-01..05-30', 'not where it is rolling either');

-- they begin none
SELECT pg_temp.sell('main', 'c-1', 'challenge_fee', '2025-03-01', '2025-03-01');
SELECT pg_temp.sell('main', 'c-2', 'reset_fee', '2025-03-10', '2025-03-10', 'ANN', original => 'c-1');
SELECT is(pg_temp.outcome('main', 'c-%'), 'c-1 nobody organic #1, c-2 nobody original_unattributed #2', 'nobody''s original, nobody''s reset');
SELECT is(pg_temp.owned('c'), 'nobody', 'and no ownership');

-- tested like ownership begun at the original's ordered_at: window, termination
SELECT pg_temp.sell('main', 'd-1', 'challenge_fee', '2025-03-01', '2025-03-04', 'ANN');
SELECT pg_temp.sell('main', 'd-2', 'reset_fee', '2025-06-01 23:59:59.999999', '2025-06-10', original => 'd-1');
SELECT pg_temp.sell('main', 'd-3', 'reset_fee', '2025-06-02', '2025-06-02', original => 'd-1');
SELECT is(pg_temp.outcome('main', 'd-2') || ', ' || pg_temp.outcome('main', 'd-3'), 'd-2 ann ownership #3 10, d-3 nobody window_expired #2', 'until 90 days after the original was completed');
SELECT pg_temp.sell('main', 'e-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'LEFT');
SELECT pg_temp.sell('main', 'e-2', 'reset_fee', '2025-03-11', '2025-03-11', original => 'e-1');
SELECT is(pg_temp.outcome('main', 'e-2'), 'e-2 nobody affiliate_inactive #2', 'a terminated affiliate, no tail');

-- whenever they complete: the reset first
SELECT pg_temp.sell('main', 'f-2', 'reset_fee', '2025-03-02', '2025-03-03', original => 'f-1');
SELECT is(pg_temp.outcome('main', 'f-2'), 'f-2 waiting nobody original_unknown', 'its original is unknown: it waits');
SELECT pg_temp.sell('main', 'f-1', 'challenge_fee', '2025-03-01', '2025-03-05', 'ANN');
SELECT is(pg_temp.outcome('main', 'f-%'), 'f-1 ann coupon #2 10, f-2 ann ownership #1 10', 'completed before its original');

-- no owner if the original is void
SELECT pg_temp.sell('main', 'g-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'ANN');
SELECT pg_temp.sell('main', 'g-2', 'reset_fee', '2025-03-01 12:00', '2025-03-01 12:00', original => 'g-1');
SELECT is(pg_temp.outcome('main', 'g-2'), 'g-2 ann ownership #2 10', 'while it stands');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-02' WHERE transaction_id = 'g-1';
SELECT is(pg_temp.outcome('main', 'g-2'), 'g-2 nobody original_void #1', 'after it is void');
SELECT pg_temp.sell('main', 'h-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'ANN');
SELECT pg_temp.sell('main', 'h-2', 'reset_fee', '2025-03-01 12:00', '2025-03-01 12:00', original => 'h-1');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-12' WHERE transaction_id = 'h-1';
SELECT is(pg_temp.outcome('main', 'h-2'), 'h-2 ann ownership #2 10', 'a reversed original keeps its owner');

-- without a reference: the customer's ownership, flagged
SELECT pg_temp.sell('main', 'i-1', 'challenge_fee', '2025-03-01', '2025-03-01', 'ANN');
SELECT pg_temp.sell('main', 'i-2', 'reset_fee', '2025-03-10', '2025-03-10', 'BOB');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'i-2'), 'i-2 ann ownership #2 10', 'the customer''s owner');
SELECT is(pg_temp.candidates('i-2') || ' | ' || pg_temp.reviews('i'), 'ownership ann won, coupon bob outranked | original_missing i-2', 'flagged');
SELECT pg_temp.sell('main', 'j-2', 'reset_fee', '2025-03-10', '2025-03-10', 'BOB');
SELECT pg_temp.drain();
SELECT matches(pg_temp.outcome('main', 'j-2'), '^j-2 nobody .*#1$', 'a customer without owner');

-- one whose original stays unknown is decided like a sale when late_grace is over
SELECT pg_temp.sell('main', 'k-2', 'reset_fee', '2025-03-10', '2025-03-10', 'BOB', original => 'k-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'k-2'), 'k-2 waiting nobody original_unknown', 'before');
SELECT pg_temp.clock('2025-07-01 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'k-2'), 'k-2 bob coupon #1 10', 'after');
SELECT pg_temp.sell('main', 'k-3', 'challenge_fee', '2025-03-20', '2025-03-20');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'k-3'), 'k-3 nobody organic #2', 'what follows has the next number, and no owner');
SELECT is(pg_temp.owned('k'), 'nobody', 'decided like a sale, it begins no ownership');

-- of several sales of an account the first that completed; a failed attempt is none; every account of a challenge
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, account_id)
VALUES ('main', 'l', 'l-0', 'challenge_fee', 'failed', 'USD', 100, '2025-03-01', 'l-x');
SELECT pg_temp.sell('main', 'l-1', 'challenge_fee', '2025-03-02', '2025-03-02', 'ANN', account => 'l-x');
INSERT INTO affiliate.account (program_id, customer_id, account_id, challenge_id) VALUES ('main', 'l', 'l-x', 'challenge-8'), ('main', 'l', 'l-y', 'challenge-8');
SELECT pg_temp.sell('main', 'l-2', 'reset_fee', '2025-03-10', '2025-03-10', of_account => 'l-x');
SELECT pg_temp.sell('main', 'l-3', 'reset_fee', '2025-03-11', '2025-03-11', of_challenge => 'challenge-8');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'l-2') || ', ' || pg_temp.outcome('main', 'l-3'), 'l-2 ann ownership #2 10, l-3 ann ownership #3 10', 'a failed attempt is no original');

-- what competed is stored, paid or not
SELECT is(pg_temp.candidates('a-2'), 'ownership ann won, coupon bob outranked', 'the coupon of a reset is stored');
SELECT affiliate.record_payment('ann', 'main', 'infinity', 'p');
SELECT affiliate.resettle('{a}');
SELECT is(pg_temp.candidates('a-2'), 'ownership ann won, coupon bob outranked', 'and stays when it is paid');

-- an upgrade counts as the program says: delta | new_purchase | none (see m8)
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE customer_id = 'a' AND ladder_counts), 1::bigint, 'resets and upgrades are no first purchases');
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
