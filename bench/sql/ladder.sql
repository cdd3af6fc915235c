-- A second program, whose plan pays by the affiliate's place on a monthly ladder.
-- psql variables: affiliates.
SET pg_affiliate.mode = off;
INSERT INTO affiliate.program (program_no, program_id, currency, default_plan_id) VALUES (2, 'ladder', 'USD', 'standard');
INSERT INTO affiliate.ladder (ladder_no, program_no, ladder_id, mode) VALUES (1, 2, 'steps', 'marginal');
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, rate) VALUES (1, 1, 1, 0.10), (1, 2, 1000, 0.12), (1, 3, 10000, 0.15);
INSERT INTO affiliate.plan (plan_no, program_no, plan_id, valid_from) VALUES (2, 2, 'standard', '2020-01-01');
INSERT INTO affiliate.plan_rule (rule_no, plan_no, sequence_no, name, amount, ladder_no) VALUES (2, 2, 1, 'by the ladder', 'net * band_rate', 1);
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, discount_kind, discount_value)
SELECT 2, 'CODE' || n, n, 'percent', 10 FROM generate_series(1, :affiliates) AS n;
