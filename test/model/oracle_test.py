"""Unit tests of the oracle itself: numbers of reference/domain.md section 2 (W-xx, X-xx) and edges of the rules.

run() -> (passed, failed); as a script it prints them too.
"""
import traceback
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from facts import CUSTOMER_COLUMNS, DISPUTE_COLUMNS, FOREVER, NEVER_BEGAN, TX_COLUMNS, World
from generate_rulebook import DAY, EXPONENTS, HOUR, POLICIES, TYPES, F
from oracle import Oracle
from rules import Expression

T0 = datetime(2024, 3, 1, 12, 0, 0)
TICK = timedelta(microseconds=1)


class Case:
    """A small world: program p, affiliates A and B with coupon codes A and B, one plan."""

    def __init__(self, amount=None, **policies):
        w = self.w = World()
        w.types.update(TYPES)
        w.exponents.update(EXPONENTS)
        w.programs['p'] = {'program_id': 'p', 'currency': 'USD', 'default_plan_id': 'plan', 'success_bonus_reasons': ['success_bonus'],
                           'precedence': ['override', 'ownership', 'coupon', 'click', 'lead', 'declared'], 'commission_from': None,
                           **{k: v[0] for k, v in POLICIES.items()}, **policies}
        for name in 'AB':
            w.affiliates[name] = {'affiliate_group': None, 'initial_status': 'active', 'own_customer_ids': [], 'payment_fingerprints': []}
            w.coupons.append({'program': 'p', 'code': name, 'affiliate': name, 'campaign': None, 'valid_from': NEVER_BEGAN, 'valid_until': FOREVER})
        w.plans.append({'program': 'p', 'plan_id': 'plan', 'version': 1, 'valid_from': NEVER_BEGAN})
        if amount is not None:
            self.rule(amount)
        self.oracle, self.count = Oracle(w), 0

    def rule(self, amount, condition=lambda i: True, **more):
        row = {'program': 'p', 'plan_id': 'plan', 'version': 1, 'sequence_no': len(self.w.rules) + 1, 'rule_group': None,
               'transaction_types': None, 'beneficiary': 'owner', 'level': 0, 'rounding': 'half_up', 'scale': None, 'take_back': 'recompute',
               'hold': timedelta(0), 'monthly_cap': None, 'ladder': None, 'condition': Expression('', condition),
               'amount': Expression('', amount if callable(amount) else lambda i: F(amount))}
        row.update(more)
        self.w.rules.append(row)
        return self

    def ladder(self, mode, *bands):
        self.w.ladders[('p', 'lad')] = {'mode': mode, 'bands': [
            {'band': n + 1, 'from_position': first, 'rate': None, 'amount': F(amount)} for n, (first, amount) in enumerate(bands)]}
        return self.rule(lambda i: i['band_amount'], ladder='lad')

    def tx(self, at=T0, amount='100', customer='c', recorded=None, update=None, **more):
        """A transaction row; with update= the id of a row, the same row with changes."""
        if update:
            self.w.update('transaction', update, {**more}, recorded or at)
            return update
        self.count += 1
        row = dict.fromkeys(TX_COLUMNS)
        row.update(customer_id=customer, transaction_id='t%03d' % self.count, program_id='p', transaction_type='challenge_fee',
                   status='completed', currency='USD', amount=None if amount is None else Decimal(amount), completed_at=at, is_test=False)
        row.update(more)
        self.w.write('transaction', row, recorded or at)
        return row['transaction_id']

    def sale(self, at=T0, amount='100', customer='c', code='A', **more):
        return self.tx(at, amount, customer, coupon_codes=[code] if code else None, ordered_at=at, **more)

    def refund(self, of, at, amount, **more):
        return self.tx(at, amount, transaction_type='refund', original_transaction_id=of, **more)

    def click(self, name, affiliate, at, customer='c', recorded=None):
        self.w.clicks[name] = {'click_id': name, 'program_id': 'p', 'clicked_at': at, 'visitor_id': None, 'customer_id': customer,
                               'link_id': None, 'affiliate_id': affiliate, 'campaign_id': None, 'recorded_at': recorded or at}

    def dispute(self, name, of, opened, **more):
        row = dict.fromkeys(DISPUTE_COLUMNS)
        row.update(dispute_id=name, transaction_id=of, opened_at=opened, **more)
        self.w.write('dispute', row, opened)

    def result(self, now=T0 + 300 * DAY):
        return self.oracle.evaluate(now)

    def net(self, affiliate=None, now=T0 + 300 * DAY, name=None):
        rows = [(k, v) for k, v in self.result(now).commissions.items() if affiliate in (None, k[2]) and name in (None, k[0])]
        return sum((v['accrued'] - v['reversed'] for _, v in rows), Fraction(0))

    def owner_of(self, name, now=T0 + 300 * DAY):
        return self.result(now).conversions[name].get('affiliate')


def pct(rate):
    return lambda i: i['net'] * F(rate)


def equal(got, want):
    want = F(want) if isinstance(want, str) and want[-1].isdigit() else want
    assert got == want, 'expected %s, got %s' % (want, got)


def percent(amount, rate, scale=2, mode='half_up'):
    case = Case().rule(pct(rate), scale=scale, rounding=mode)
    case.sale(amount=amount)
    return case.net()


def test_w13_w14_percent_of_fee():
    equal(percent('300', '0.15'), '45')
    equal(percent('599', '0.15'), '89.85')


def test_rounding_table_of_2_3():
    for amount, rate, want in [('10', '0.2', '2'), ('19', '0.1', '1.9'), ('0.07', '0.2', '0.01'), ('0.02', '0.2', '0'), ('0.03', '0.2', '0.01'),
                               ('0.15', '0.1', '0.02'), ('0.01', '0.5', '0.01'), ('5', '0.029', '0.15')]:
        equal(percent(amount, rate), want)
    equal(percent('0.15', '0.1', mode='down'), '0.01')
    equal(percent('0.25', '0.1', mode='half_even'), '0.02')
    equal(percent('0.11', '0.1', mode='up'), '0.02')


def test_w12_cpa_by_account_size():
    table = {10000: 15, 25000: 30, 50000: 50, 100000: 80, 200000: 150}
    for size, want in table.items():
        case = Case(lambda i: F(str(table[int(i['account_size'])])))
        case.sale(account_size=Decimal(size))
        equal(case.net(), str(want))


def test_x15_chain_and_first_sale_only():
    for first_only, want in ((False, '86.70'), (True, '29.85')):
        case = Case().rule(pct('0.15'), (lambda i: i['purchase_number'] == 1) if first_only else lambda i: True)
        first = case.sale(amount='199')
        for n in (1, 2):
            case.tx(T0 + n * DAY, '40', transaction_type='reset_fee', original_transaction_id=first, ordered_at=T0 + n * DAY)
        case.sale(T0 + 60 * DAY, '299', code=None)
        equal(case.net('A'), want)


def ladder_total(mode, count, *bands):
    case = Case().ladder(mode, *bands)
    for n in range(count):
        case.sale(T0 + n * HOUR, customer='c%d' % n)
    return case.net()


def test_x21_ladders():
    bands = (1, '40'), (21, '55'), (51, '70')
    equal(ladder_total('marginal', 60, *bands), '3150')
    equal(ladder_total('retroactive', 60, *bands), '4200')
    bands = (1, '100'), (11, '130'), (31, '160')
    equal(ladder_total('marginal', 11, *bands), '1130')
    equal(ladder_total('retroactive', 11, *bands), '1430')


def test_x23_retroactive_steps():
    for n, want in enumerate(['250', '500', '825', '1100', '1500'], 1):
        equal(ladder_total('retroactive', n, (1, '250'), (3, '275'), (5, '300')), want)


def test_x26_cap():
    case = Case().rule(lambda i: i['net'], monthly_cap=Decimal('100'))
    case.sale(amount='85')
    second = case.sale(T0 + DAY, '30')
    case.sale(T0 + 2 * DAY, '30')
    equal(case.net(name=second), '15')
    equal(case.net(), '100')


def test_cap_room_comes_back():
    case = Case().rule(lambda i: i['net'], monthly_cap=Decimal('100'))
    first = case.sale(amount='80')
    second = case.sale(T0 + 5 * DAY, '80')
    third = case.sale(T0 + 9 * DAY, '80')
    equal(case.net(name=third), '0')
    case.refund(first, T0 + 7 * DAY, '50')
    equal(case.net(name=second), '20')
    equal(case.net(name=third), '50')


def test_w32_upline():
    case = Case('200').rule('10', beneficiary='upline', level=1)
    case.w.uplines.append({'affiliate': 'A', 'upline': 'B', 'valid_from': NEVER_BEGAN, 'valid_until': FOREVER})
    case.sale()
    equal(case.net('B'), '10')
    equal(case.net('A'), '200')


def test_w63_window_edges():
    for end, offset, owner in [('instant_exclusive', -TICK, 'A'), ('instant_exclusive', 0 * TICK, None), ('instant_inclusive', 0 * TICK, 'A'),
                               ('instant_inclusive', TICK, None), ('end_of_day', 11 * HOUR, 'A'), ('end_of_day', 12 * HOUR, None)]:
        case = Case(pct('0.1'), window_end=end)
        case.click('k', 'A', T0)
        name = case.sale(T0 + 72 * HOUR + offset, code=None)
        equal(case.owner_of(name), owner)


def test_m6_void_edge():
    for offset, void in ((-TICK, True), (0 * TICK, False), (TICK, False)):
        case = Case(pct('0.1'))
        name = case.sale()
        case.refund(name, T0 + 48 * HOUR + offset, '100')
        equal(case.result().conversions[name]['state'], 'void' if void else 'counted')
        equal(case.net(), '0')
        target = case.result().commissions[(name, ('plan', 1, 1), 'A', 0)]
        equal(target['accrued'], '10')


def test_void_gives_number_and_ownership_back():
    case = Case(lambda i: F('20') if i['purchase_number'] == 1 else F('5'))
    first = case.sale()
    second = case.sale(T0 + DAY, code='B')
    equal((case.owner_of(second), case.net(name=second)), ('A', F('5')))
    case.refund(first, T0 + 2 * HOUR, '100')
    equal((case.owner_of(second), case.net(name=second)), ('B', F('20')))
    equal(case.result().commissions[(first, ('plan', 1, 1), 'A', 0)]['accrued'], '20')


def test_w50_dispute_then_refund():
    case = Case(pct('0.1'))
    name = case.sale()
    case.tx(T0 + 3 * DAY, update=name, status='chargeback', status_at=T0 + 3 * DAY)
    equal(case.net(), '0')
    case.tx(T0 + 4 * DAY, update=name, status='dispute_won', status_at=T0 + 4 * DAY)
    equal(case.net(), '10')
    case.refund(name, T0 + 5 * DAY, '40')
    equal(case.net(), '6')
    case.tx(T0 + 6 * DAY, update=name, status='chargeback', status_at=T0 + 6 * DAY)
    equal(case.net(), '0')


def test_refund_rows_and_cumulative_are_not_added():
    case = Case(pct('0.1'))
    name = case.sale()
    case.refund(name, T0 + 3 * DAY, '-30')
    case.tx(T0 + 4 * DAY, update=name, status='refunded', refunded_amount=Decimal('50'), refunded_at=T0 + 4 * DAY)
    equal(case.net(), '5')
    case.refund(name, T0 + 5 * DAY, '40')
    equal(case.net(), '3')


def test_m2_replay_revives_nothing():
    case = Case(pct('0.1'))
    name = case.sale()
    first = dict(case.w.transaction[name][0].row)
    case.tx(T0 + 3 * DAY, update=name, status='cancelled', status_at=T0 + 3 * DAY)
    case.w.write('transaction', first, T0 + 4 * DAY)
    equal(case.net(), '0')
    case.tx(T0 + 5 * DAY, update=name, status='reinstated', status_at=T0 + 5 * DAY)
    equal(case.net(), '10')


def test_m4_success_bonus_keeps():
    case = Case(pct('0.1'))
    name = case.sale()
    case.refund(name, T0 + 30 * DAY, '100', refund_reason='success_bonus')
    equal(case.net(), '10')


def test_m4_adjustment_never_voids():
    case = Case(pct('0.1'))
    name = case.sale()
    case.tx(T0 + HOUR, '-100', transaction_type='adjustment', original_transaction_id=name)
    equal(case.result().conversions[name]['state'], 'counted')
    equal(case.net(), '0')


def test_w12_refund_without_reference():
    case = Case(pct('0.1'))
    first = case.sale()
    case.tx(T0 + 3 * DAY, '100', transaction_type='refund')
    second = case.sale(T0 + 5 * DAY)
    equal((case.net(name=first, now=T0 + 5 * DAY), case.net(name=second, now=T0 + 5 * DAY)), (F('0'), F('10')))


def test_w12_waits_for_click():
    case = Case(pct('0.1'))
    name = case.sale(code=None, click_id='late')
    equal(case.result(T0 + HOUR).conversions[name]['state'], 'waiting')
    equal(case.result(T0 + 25 * HOUR).conversions[name]['state'], 'counted')
    case.click('late', 'A', T0 - HOUR, customer=None, recorded=T0 + 2 * HOUR)
    equal(case.owner_of(name), 'A')


def test_w5_policies():
    for policy, owners in {'keep': 'AAA', 'this_order': 'ABA', 'move': 'ABB', 'nobody': 'A-A'}.items():
        case = Case(pct('0.1'), later_coupon=policy)
        names = [case.sale(), case.sale(T0 + DAY, code='B'), case.sale(T0 + 2 * DAY, code=None)]
        equal(''.join(case.owner_of(n) or '-' for n in names), owners)
    for policy, owners in {'keep': 'AA', 'this_order': 'BA', 'move': 'BB', 'nobody': '-A'}.items():
        case = Case(pct('0.1'), later_click=policy)
        case.sale()
        case.click('k', 'B', T0 + DAY)
        names = [case.sale(T0 + 2 * DAY, code=None), case.sale(T0 + 20 * DAY, code=None)]
        equal(''.join(case.owner_of(n) or '-' for n in names), owners)


def test_w7_rolling_and_anew():
    for kind, owner in (('fixed', None), ('rolling', 'A'), ('lifetime', 'A')):
        case = Case(pct('0.1'), ownership_kind=kind, ownership_window=10 * DAY)
        case.sale()
        case.sale(T0 + 8 * DAY, code=None)
        name = case.sale(T0 + 15 * DAY, code=None)
        equal(case.owner_of(name), owner)


def test_w9_order_lines_share_a_number():
    case = Case(pct('0.1'))
    names = [case.sale(order_id='o'), case.sale(order_id='o', code=None), case.sale(T0 + DAY)]
    equal([case.result().conversions[n]['number'] for n in names], [1, 1, 2])
    equal(case.owner_of(names[1]), 'A')


def test_m5_paid_line():
    case = Case(pct('0.1'))
    name = case.sale()
    result = case.result(T0 + DAY)
    case.oracle.state_line(result, (name, ('plan', 1, 1), 'A', 0), F('10'))
    case.w.update('transaction', name, {'amount': Decimal('60'), 'status_at': T0 + 5 * DAY}, T0 + 5 * DAY)
    target = case.result().commissions[(name, ('plan', 1, 1), 'A', 0)]
    equal((target['accrued'], target['reversed']), (F('10'), F('4')))


def run():
    passed = failed = 0
    for name, test in sorted(globals().items()):
        if name.startswith('test_'):
            try:
                test()
                passed += 1
            except Exception as problem:
                failed += 1
                print('FAIL oracle %s: %s' % (name, problem))
                if not isinstance(problem, AssertionError):
                    traceback.print_exc()
    return passed, failed


if __name__ == '__main__':
    print('%d passed, %d failed' % run())
