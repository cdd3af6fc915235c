-- new_click_id(): a UUID of version 7, ordered by time, unique, not guessable.
BEGIN;
SELECT plan(8);
CREATE TEMP TABLE made AS SELECT n, affiliate.new_click_id() AS id, clock_timestamp() AS at FROM generate_series(1, 20000) AS n;

SELECT is_empty($$SELECT id FROM made WHERE id !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'$$,
    'the text of a UUID of version 7 and variant 1 (RFC 9562)');
SELECT is((SELECT count(DISTINCT id::uuid) FROM made), 20000::bigint, 'each is another, and 128 bits long');
-- the first 48 bits are milliseconds since 1970
SELECT is_empty($$SELECT id, at FROM made
    WHERE abs(('x' || translate(left(id, 13), '-', ''))::bit(48)::bigint - floor(extract(epoch FROM at) * 1000)) > 1000$$, 'they begin with the time');
SELECT is_empty($$SELECT n FROM (SELECT n, left(id, 13) COLLATE "C" < lag(left(id, 13) COLLATE "C") OVER (ORDER BY n) AS is_older FROM made) AS m WHERE is_older$$,
    'as text they are ordered by time');
-- 74 random bits: each is set in about half of the ids; 20,000 throws leave 0.44 to 0.56 once in 10^60
CREATE TEMP VIEW bits AS
SELECT b, avg(get_bit(decode(replace(id, '-', ''), 'hex'), b / 8 * 8 + 7 - b % 8)) AS share FROM made, generate_series(48, 127) AS b GROUP BY b;
SELECT is((SELECT count(*) FROM bits WHERE share BETWEEN 0.44 AND 0.56), 74::bigint, '74 bits are random');
SELECT set_eq($$SELECT b, share FROM bits WHERE share NOT BETWEEN 0.44 AND 0.56$$, $$VALUES (48, 0), (49, 1), (50, 1), (51, 1), (64, 1), (65, 0)$$,
    'and the others are version and variant');
SELECT ok((SELECT count(DISTINCT right(id, 12)) > 19990 FROM made), 'the last 48 bits alone hardly repeat');
SELECT lives_ok($$INSERT INTO affiliate.click (click_id, program_id) SELECT id, 'any' FROM made LIMIT 1$$, 'a click takes one');

SELECT * FROM finish();
ROLLBACK;
