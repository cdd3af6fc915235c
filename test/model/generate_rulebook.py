"""Random rulebooks: programs with their policies, affiliates, links, coupons, plans, agreements, rates."""
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from facts import Add, FOREVER, NEVER_BEGAN, Raw, insert_sql
from rules import Expression

START = datetime(2024, 1, 10, 8, 0, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# What setup() creates: effect and sale kind of each transaction type.
TYPES = {'challenge_fee': ('sale', 'purchase'), 'reset_fee': ('sale', 'reset'), 'upgrade_fee': ('sale', 'upgrade'),
         'activation_fee': ('sale', 'activation'), 'addon_fee': ('sale', 'addon'), 'subscription_fee': ('sale', 'subscription'),
         'payout': ('cost', 'other'), 'refund': ('refund', 'other'), 'chargeback': ('chargeback', 'other'),
         'adjustment': ('correction', 'other'), 'credit': ('credit', 'other')}
EXPONENTS = {'USD': 2, 'EUR': 2, 'JPY': 0}

POLICIES = {   # column: (default, others)
    'time_zone': ('UTC', ['Europe/Berlin', 'America/New_York']),
    'click_choice': ('last', ['first']),
    'later_coupon': ('keep', ['this_order', 'move', 'nobody']),
    'later_click': ('keep', ['this_order', 'move', 'nobody']),
    'click_window': (timedelta(hours=72), [DAY, 7 * DAY]),
    'lead_window': (90 * DAY, [timedelta(0), 5 * DAY]),
    'window_end': ('instant_exclusive', ['instant_inclusive', 'end_of_day']),
    'bind_at': ('first_purchase', ['registration']),
    'bind_purchase': ('first_attributed', ['number_one']),
    'ownership_kind': ('fixed', ['rolling', 'lifetime', 'per_account']),
    'ownership_window': (90 * DAY, [6 * DAY, 15 * DAY]),
    'ownership_rebind': (True, [False]),
    'count_ladder_unit': ('lines', ['orders']),
    'plan_change': ('orders', ['new_customers']),
    'late_grace': (DAY, [timedelta(hours=6), 3 * DAY]),
    'on_dispute_opened': ('hold', ['reverse']),
    'cooling_off': (timedelta(hours=48), [timedelta(0), 4 * DAY]),
    'success_bonus_refund': ('keep', ['reverse']),
    'ladder_reversal': ('own_time', ['ignore']),
    'zero_amount_counts': (False, [True]),
    'upgrade_counts': ('delta', ['new_purchase', 'none']),
}


def number_of(table, column, name):
    return Raw("(SELECT %s_no FROM affiliate.%s WHERE %s = '%s')" % (table, table, column, name))


def program_no(name):
    return number_of('program', 'program_id', name)


def affiliate_no(name):
    return None if name is None else number_of('affiliate', 'affiliate_id', name)


def F(text):
    return Fraction(Decimal(text))


def amount_expression(r, ladder):
    """A random amount: its SQL and its meaning."""
    if ladder:
        return r.choice([Expression('net * band_rate', lambda i: None if i['band_rate'] is None else i['net'] * i['band_rate']),
                         Expression('band_amount', lambda i: i['band_amount'])])
    rate = r.choice(['0.15', '0.125', '0.07', '0.1', '0.333'])
    flat = r.choice(['5', '12.5', '0.005', '40'])
    low = r.choice(['3', '10'])
    return r.choice([
        Expression('net * ' + rate, lambda i: i['net'] * F(rate)),
        Expression('net * ' + rate, lambda i: i['net'] * F(rate)),
        Expression(flat, lambda i: F(flat)),
        Expression('CASE WHEN account_size >= 100000 THEN 80 WHEN account_size >= 25000 THEN 30 ELSE 15 END',
                   lambda i: F('80') if (i['account_size'] or 0) >= 100000 else F('30') if (i['account_size'] or 0) >= 25000 else F('15')),
        Expression('net * CASE WHEN purchase_number = 1 THEN 0.2 ELSE 0.05 END',
                   lambda i: i['net'] * (F('0.2') if i['purchase_number'] == 1 else F('0.05'))),
        Expression('least(net * %s, %s)' % (rate, flat), lambda i: min(i['net'] * F(rate), F(flat))),
        Expression('net * %s - %s' % (rate, low), lambda i: i['net'] * F(rate) - F(low)),
        Expression('base * ' + rate, lambda i: i['base'] * F(rate)),
    ])


def compare(value, test):
    return None if value is None else test(value)


def condition_expression(r):
    days = r.choice([3, 20, 60])
    return r.choice([
        Expression('true', lambda i: True), Expression('true', lambda i: True), Expression('true', lambda i: True),
        Expression('purchase_number = 1', lambda i: compare(i['purchase_number'], lambda v: v == 1)),
        Expression('purchase_number > 1', lambda i: compare(i['purchase_number'], lambda v: v > 1)),
        Expression('is_first_purchase', lambda i: i['is_first_purchase']),
        Expression('days_since_first_purchase < %d' % days, lambda i: compare(i['days_since_first_purchase'], lambda v: v < days)),
        Expression("coupon_kind = 'own'", lambda i: i['coupon_kind'] == 'own'),
        Expression("coupon_kind <> 'other'", lambda i: i['coupon_kind'] != 'other'),
        Expression('net > 60', lambda i: i['net'] > 60),
        Expression('account_size >= 50000', lambda i: compare(i['account_size'], lambda v: v >= 50000)),
        Expression("customer_country = 'DE'", lambda i: compare(i['customer_country'], lambda v: v == 'DE')),
        Expression("sale_kind <> 'reset'", lambda i: i['sale_kind'] != 'reset'),
        Expression("currency = 'USD'", lambda i: i['currency'] == 'USD'),
    ])


class RulebookMaker:
    """Builds the set-up operations of one run."""

    def __init__(self, r, world):
        self.r, self.world, self.ops = r, world, []
        world.types.update(TYPES)
        world.exponents.update(EXPONENTS)

    def add(self, text, attribute, key, value):
        op = Add(text, (attribute, key, value))
        op.apply(self.world, START - DAY)
        self.ops.append(op)
        return op

    def maybe(self, chance, value):
        return value if self.r.random() < chance else None

    def build(self):
        for currency, exponent in EXPONENTS.items():
            self.ops.append(Add("INSERT INTO affiliate.currency VALUES ('%s', %d) ON CONFLICT DO NOTHING;" % (currency, exponent),
                                ('exponents', currency, exponent)))
        for name in ['p1', 'p2'][:self.r.choice([1, 1, 1, 2])]:
            self.program(name)
        for n in range(1, 6):
            self.affiliate('a%d' % n)
        for name in self.world.programs:
            self.territory(name)
            self.plans(name)
            self.agreements(name)
        self.uplines()
        if self.r.random() < 0.7:
            self.rate('EUR', 'USD', START - 300 * DAY, self.r.choice(['1.1', '1.0837', '0.9']))
            self.rate('EUR', 'USD', START + 20 * DAY, '1.25')
        return self.ops

    def program(self, name):
        r = self.r
        row = {'program_id': name, 'currency': r.choice(['USD', 'USD', 'USD', 'JPY']), 'default_plan_id': self.maybe(0.8, 'base')}
        for column, (default, others) in POLICIES.items():
            row[column] = default if r.random() < (0.3 if column.startswith('later') else 0.6) else r.choice(others)
        if row['ownership_kind'] == 'per_account':
            row['bind_at'] = 'first_purchase'
        row['precedence'] = ['override', 'ownership'] + (
            ['coupon', 'click', 'lead', 'declared'] if r.random() < 0.7 else r.choice([
                ['click', 'coupon', 'lead', 'declared'], ['coupon', 'click', 'lead'], ['click', 'lead', 'declared', 'coupon']]))
        row['success_bonus_reasons'] = ['success_bonus', 'profit split']
        row['commission_from'] = self.maybe(0.3, START + r.randint(4, 25) * DAY)
        given = {c: v for c, v in row.items() if c not in POLICIES or v != POLICIES[c][0]}
        self.add(insert_sql('program', given), 'programs', name, row)

    def affiliate(self, name):
        r = self.r
        row = {'affiliate_id': name, 'affiliate_group': self.maybe(0.4, 'gold'),
               'initial_status': r.choices(['active', 'suspended', 'pending'], [20, 2, 1])[0],
               'own_customer_ids': ['c1'] if name == 'a2' and r.random() < 0.6 else [],
               'payment_fingerprints': ['fp-' + name] if r.random() < 0.5 else []}
        self.add(insert_sql('affiliate', row), 'affiliates', name, row)
        self.add(insert_sql('affiliate_alias', {'source': 'shop', 'external_id': 'ext-' + name, 'affiliate_no': affiliate_no(name)}),
                 'aliases', ('shop', 'ext-' + name), {'affiliate': name})

    def territory(self, program):
        """Campaigns, traffic sources, links and coupons."""
        r = self.r
        for name in ('camp1', 'camp2'):
            row = {'click_window': self.maybe(0.3, r.choice([12 * HOUR, 10 * DAY])), 'lead_window': self.maybe(0.2, 20 * DAY),
                   'ownership_window': self.maybe(0.3, r.choice([4 * DAY, 40 * DAY]))}
            self.add(insert_sql('campaign', {'program_no': program_no(program), 'campaign_id': name, **row}),
                     'campaigns', (program, name), row)
        row = {'click_window': self.maybe(0.5, 2 * DAY), 'lead_window': self.maybe(0.3, 3 * DAY),
               'ownership_window': self.maybe(0.5, 8 * DAY)}
        self.add(insert_sql('traffic_source', {'program_no': program_no(program), 'traffic_source': 'email', **row}),
                 'traffic', (program, 'email'), row)
        for n in range(1, 5):
            link, affiliate = '%s-l%d' % (program, n), 'a%d' % n
            campaign, traffic = self.maybe(0.4, r.choice(['camp1', 'camp2'])), self.maybe(0.3, 'email')
            number = None if not campaign else Raw("(SELECT campaign_no FROM affiliate.campaign WHERE campaign_id = '%s' AND program_no = %s)"
                                                   % (campaign, program_no(program).sql))
            self.add(insert_sql('link', {'link_id': link, 'program_no': program_no(program), 'affiliate_no': affiliate_no(affiliate),
                                         'campaign_no': number, 'traffic_source': traffic}),
                     'links', link, {'affiliate': affiliate, 'campaign': campaign, 'traffic': traffic, 'program': program})
        for n in range(1, 6):
            self.coupon(program, 'CODE%d' % n, 'a%d' % n)
        self.coupon(program, 'HOUSE', None)
        self.coupon(program, 'SHORT', 'a1', START + 5 * DAY, START + 20 * DAY)
        self.coupon(program, 'SHORT', 'a3', START + 20 * DAY, FOREVER)

    def coupon(self, program, code, affiliate, valid_from=NEVER_BEGAN, valid_until=FOREVER):
        row = {'program_no': program_no(program), 'code': code, 'affiliate_no': affiliate_no(affiliate),
               'valid_from': valid_from, 'valid_until': valid_until}
        return self.add(insert_sql('coupon', row), 'coupons', None, {
            'program': program, 'code': code, 'affiliate': affiliate, 'campaign': None, 'valid_from': valid_from,
            'valid_until': valid_until})

    def uplines(self):
        if self.r.random() < 0.45:
            for child, parent in [('a3', 'a2'), ('a2', 'a1'), ('a5', 'a4')]:
                until = FOREVER if self.r.random() < 0.7 else START + 25 * DAY
                self.add(insert_sql('affiliate_upline', {'affiliate_no': affiliate_no(child), 'upline_no': affiliate_no(parent),
                                                         'level': 1, 'valid_from': NEVER_BEGAN, 'valid_until': until}),
                         'uplines', None, {'affiliate': child, 'upline': parent, 'valid_from': NEVER_BEGAN, 'valid_until': until})

    def plans(self, program):
        r = self.r
        self.has_ladder = r.random() < 0.35
        if self.has_ladder:
            self.ladder(program)
        self.plan(program, 'base', 1, START - 100 * DAY)
        self.plan(program, 'vip', 1, START - 100 * DAY)
        if r.random() < 0.5:
            self.plan(program, r.choice(['base', 'vip']), 2, START + r.randint(5, 40) * DAY)
        if self.world.programs[program]['ownership_kind'] == 'rolling' and r.random() < 0.4:
            self.add('UPDATE affiliate.program SET ownership_restart_rule = (SELECT rule_no FROM affiliate.plan_rule JOIN affiliate.plan USING (plan_no) '
                     "WHERE plan_id = 'base' AND version = 1 AND sequence_no = 1 AND program_no = %s) WHERE program_id = '%s';"
                     % (program_no(program).sql, program), 'restart_rules', program, ('base', 1, 1))

    def ladder(self, program):
        r = self.r
        row = {'program_no': program_no(program), 'ladder_id': 'lad', 'mode': r.choice(['marginal', 'marginal', 'retroactive'])}
        bands = [{'band': 1, 'from_position': 1, 'rate': F('0.1'), 'amount': F('10')},
                 {'band': 2, 'from_position': 2, 'rate': F('0.15'), 'amount': F('20')},
                 {'band': 3, 'from_position': 4, 'rate': F('0.2'), 'amount': F('35')}]
        text = insert_sql('ladder', row) + ' INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, rate, amount) ' \
            "SELECT ladder_no, b, p, r, a FROM affiliate.ladder, (VALUES (1, 1, 0.1, 10), (2, 2, 0.15, 20), (3, 4, 0.2, 35)) v(b, p, r, a) " \
            "WHERE program_no = %s;" % program_no(program).sql
        self.add(text, 'ladders', (program, 'lad'), {'mode': row['mode'], 'bands': bands})

    def plan(self, program, plan_id, version, valid_from):
        r = self.r
        self.add(insert_sql('plan', {'program_no': program_no(program), 'plan_id': plan_id, 'version': version, 'valid_from': valid_from}),
                 'plans', None, {'program': program, 'plan_id': plan_id, 'version': version, 'valid_from': valid_from})
        sequence = 0
        for _ in range(r.randint(1, 3)):
            sequence += 1
            self.rule(program, plan_id, version, sequence, 'owner', 0)
        for level in (1, 2) if r.random() < 0.5 else ():
            sequence += 1
            self.rule(program, plan_id, version, sequence, 'upline', level)

    def rule(self, program, plan_id, version, sequence, beneficiary, level):
        r = self.r
        ladder = 'lad' if self.has_ladder and beneficiary == 'owner' and r.random() < 0.5 else None
        amount, condition = amount_expression(r, ladder), condition_expression(r)
        row = {'sequence_no': sequence, 'rule_group': self.maybe(0.5, r.choice(['g1', 'g1', 'g2'])),
               'transaction_types': self.maybe(0.2, ['challenge_fee', 'reset_fee']), 'condition': condition.sql, 'amount': amount.sql,
               'beneficiary': beneficiary, 'level': level, 'rounding': r.choice(['half_up', 'half_up', 'half_even', 'down', 'up']),
               'scale': r.choice([None, None, 2, 0, 3]), 'take_back': r.choice(['recompute', 'recompute', 'recompute', 'proportional', 'keep']),
               'hold': 75 * DAY if ladder else r.choice([timedelta(0), 14 * DAY, 30 * DAY]),
               'monthly_cap': Decimal(r.choice(['25', '60', '33.33'])) if not ladder and r.random() < 0.12 else None}
        plan = "(SELECT plan_no FROM affiliate.plan WHERE plan_id = '%s' AND version = %d AND program_no = %s)" % (
            plan_id, version, program_no(program).sql)
        number = Raw("(SELECT ladder_no FROM affiliate.ladder WHERE program_no = %s)" % program_no(program).sql) if ladder else None
        self.add(insert_sql('plan_rule', {'plan_no': Raw(plan), **row, 'ladder_no': number}), 'rules', None,
                 {**row, 'program': program, 'plan_id': plan_id, 'version': version, 'ladder': ladder,
                  'condition': condition, 'amount': amount})

    def agreements(self, program):
        r = self.r
        for name in ('a1', 'a2', 'a3'):
            if r.random() < 0.5:
                cut = START + r.randint(5, 40) * DAY if r.random() < 0.4 else None
                self.agreement(program, name, None, NEVER_BEGAN, cut or FOREVER)
                if cut:
                    self.agreement(program, name, None, cut, FOREVER)
        if r.random() < 0.5:
            self.agreement(program, None, 'gold', NEVER_BEGAN, FOREVER)

    def agreement(self, program, affiliate, group, valid_from, valid_until):
        r = self.r
        row = {'plan_id': r.choice(['base', 'vip']), 'valid_from': valid_from, 'valid_until': valid_until,
               'click_window': self.maybe(0.25, r.choice([6 * HOUR, 5 * DAY])), 'lead_window': self.maybe(0.15, 10 * DAY),
               'ownership_window': self.maybe(0.3, r.choice([5 * DAY, 60 * DAY])),
               'termination_tail': r.choice([timedelta(0), 10 * DAY, 60 * DAY])}
        self.add(insert_sql('agreement', {'program_no': program_no(program), 'affiliate_no': affiliate_no(affiliate),
                                          'affiliate_group': group, **row}),
                 'agreements', None, {**row, 'program': program, 'affiliate': affiliate, 'affiliate_group': group})

    def rate(self, source, target, valid_from, rate):
        return self.add(insert_sql('fx_rate', {'from_currency': source, 'to_currency': target, 'valid_from': valid_from,
                                               'rate': Decimal(rate)}),
                        'fx', None, {'from': source, 'to': target, 'valid_from': valid_from, 'rate': Decimal(rate)})

    def status(self, affiliate, status, valid_from):
        return self.add(insert_sql('affiliate_status', {'affiliate_no': affiliate_no(affiliate), 'valid_from': valid_from, 'status': status}),
                        'statuses', None, {'affiliate': affiliate, 'status': status, 'valid_from': valid_from})

    def override(self, program, customer, transaction, affiliate, valid_from, valid_until):
        return self.add(insert_sql('attribution_override', {
            'program_no': program_no(program), 'customer_id': customer, 'transaction_id': transaction,
            'affiliate_no': affiliate_no(affiliate), 'valid_from': valid_from, 'valid_until': valid_until, 'reason': 'model test'}),
            'overrides', None, {'program': program, 'customer': customer, 'transaction': transaction, 'affiliate': affiliate,
                                'valid_from': valid_from, 'valid_until': valid_until})
