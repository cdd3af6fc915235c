"""Accepted texts as the rules of a plan that sales go by: each rule must earn what PostgreSQL's own answer says."""
import decimal
from collections import Counter

from server import literal

HOW_MANY = {'quick': 60, 'normal': 200, 'full': 1000}
SALE_ROW = 1000                 # in plain.input
SALE = '''INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, product_id,
    challenge_type, phase, account_size, list_price, discount, tax, fee, wallet_credit, collected, coupon_codes, campaign_id, metadata)
    VALUES ('%s', '%s', 'challenge_fee', 'completed', 'USD', 129.37, '2025-03-01 10:00', '2025-03-01 10:05:30', 'two_step', 'evaluation', 'phase_1', 25000,
    149.99, 20.62, 21.56, 3.5, 1.25, 128.12, '{ANN}', 'spring', '{"channel": "tv", "points": 12.5, "tags": ["x", "y"], "device": {"os": "linux"}}')'''
# Digits where a product of quotients ends: more than the kernel's numbers have.
LONG = ['(net / 3) * (net / 7) * (net / 9) * (net / 11) * (net / 13)', 'net * (discount / list_price) * (fee / gross) * (tax / 7) * (collected / gross) * (net / base)',
        '(1 / 3.0) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * 243', '0.005 + 0.%s1' % ('0' * 61), '(0.004999 + 0.000001) * (1 - 0.%s1 * 0.%s1)' % ('0' * 60, '0' * 60)]


def set_up(texts):
    texts.subject.ask('''SET pg_affiliate.now = '2025-03-20 12:00:00+00';
        INSERT INTO affiliate.affiliate (affiliate_id, country) VALUES ('ann', 'CZ');
        INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, 'ANN', affiliate_no FROM affiliate.program, affiliate.affiliate;
        INSERT INTO affiliate.customer (customer_id, signup_date, lang_id, country_code, kyc_status_id)
            SELECT 'c' || n, '2025-02-20', 'de', 'AT', 'passed' FROM generate_series(0, 1) AS n;
        UPDATE affiliate.program SET default_plan_id = 'live';
        BEGIN; INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'live', '2020-01-01' FROM affiliate.program;
        INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) SELECT plan_no, 1, 'net * 0.10' FROM affiliate.plan WHERE plan_id = 'live'; COMMIT''')
    texts.subject.ask(SALE % ('c0', 's0'))
    drain(texts)
    seen = texts.subject.json("SELECT affiliate._explain('c0', program_no, 's0', NULL) -> 'rules' -> 0 -> 'inputs' FROM affiliate.program")[0]
    texts.check('the sale earns, and what its rules see is known', seen['net'] is not None and texts.subject.value('SELECT sum(accrued) FROM affiliate.commission'), '10.66')
    texts.reference.ask('INSERT INTO plain.input SELECT (jsonb_populate_record(NULL::plain.input, %s)).*' % literal({**seen, 'n': SALE_ROW}))


def drain(texts):
    while texts.subject.value('SELECT affiliate.drain(2000)') != '0':
        pass


def answers(texts, kind, cases):
    """PostgreSQL's own for the row of the sale; only those that are values."""
    rows = texts.reference.json("SELECT to_jsonb(plain.evaluated('%s', t #>> '{}', %d)) FROM jsonb_array_elements(%s) WITH ORDINALITY AS e (t, n) ORDER BY n"
                                % (kind, SALE_ROW, literal([reference for _, reference in cases])))
    return [(text, value) for (text, _), (state, value) in zip(cases, rows) if state == '00000']


def mixed(found, is_good, is_possible):
    """Two of the good ones, one of the others, and so on."""
    good = [pair for pair in found if is_good(pair[1])]
    others = [pair for pair in found if not is_good(pair[1]) and is_possible(pair[1])]
    while good:
        yield from good[:2] + others[:1]
        good, others = good[2:], others[1:]


def expected(rules):
    """By number of the rule, what it earns: rounded to cents, never negative."""
    earned = {}
    for number, ((_, holds), (_, amount)) in enumerate(rules, 1):
        if holds == 'true' and amount is not None:
            cents = decimal.Decimal(amount).quantize(decimal.Decimal('0.01'), decimal.ROUND_HALF_UP)
            if cents > 0:
                earned[number] = str(cents)
    return earned


def earned(texts, sale):
    return {row['n']: row['a'] for row in texts.subject.json('''SELECT json_build_object('n', r.sequence_no, 'a', m.accrued::text) FROM affiliate.commission AS m
        JOIN affiliate.plan_rule AS r USING (rule_no) JOIN affiliate.plan AS p USING (plan_no)
        WHERE m.subject_id = '%s' AND p.version = 2 AND m.accrued > 0''' % sale)}


def settle(texts, size):
    decimal.getcontext().prec = 1000
    set_up(texts)
    chosen = {kind: [(c.text, c.reference) for c in texts.accepted if c.kind == kind and c.name == 'allowed' and c.number < 1000000] for kind in ('condition', 'amount')}
    amounts = [(text, text) for text in LONG] + chosen['amount']
    amounts = mixed(answers(texts, 'amount', amounts), lambda v: v is not None and 0.01 <= decimal.Decimal(v) < 10 ** 12,
                    lambda v: v is None or abs(decimal.Decimal(v)) < 10 ** 12)
    conditions = mixed(answers(texts, 'condition', [('true', 'true')] * len(LONG) * 2 + chosen['condition']), lambda v: v == 'true', lambda v: True)
    rules = list(zip(conditions, amounts))[:HOW_MANY[size]]
    texts.subject.ask('''BEGIN; INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) SELECT program_no, 'live', 2, '2025-01-01' FROM affiliate.program;
        INSERT INTO affiliate.plan_rule (plan_no, sequence_no, condition, amount) SELECT (SELECT max(plan_no) FROM affiliate.plan), n, r ->> 0, r ->> 1
        FROM jsonb_array_elements(%s) WITH ORDINALITY AS e (r, n); COMMIT''' % literal([[condition, amount] for (condition, _), (amount, _) in rules]))
    texts.subject.ask(SALE % ('c1', 's1'))
    drain(texts)
    wanted = expected(rules)
    for sale in ('s0', 's1'):
        have = earned(texts, sale)
        wrong = [(n, have.get(n), wanted.get(n), rules[n - 1]) for n in sorted(set(have) | set(wanted)) if have.get(n) != wanted.get(n)]
        texts.check('of sale %s each rule earns what PostgreSQL says' % sale, wrong[:3], [])
    texts.check('a fourth of the rules earn something, and not all', len(rules) / 4 <= len(wanted) < len(rules), True)
    texts.check('amounts with more digits than the kernel has are among them', sum(len(value or '') > 78 for _, (_, value) in rules) >= 3, True)
    print('%d rules settled two sales; %d of them earn, %s' % (len(rules), len(wanted), dict(Counter(value for (_, value), _ in rules))))
