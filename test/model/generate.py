"""Random histories with a fixed seed: a rulebook, then steps of news with their own times.

generate(seed, steps) -> History(setup, steps); a step is (clock, operation). The generator keeps its own World, so that
news is about what exists; what follows from the news it does not know.
"""
import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from facts import FOREVER, TX_COLUMNS, Add, Insert, Many, Pay, Update, World, Write, insert_sql
from generate_rejects import REJECTS
from generate_rulebook import DAY, HOUR, START, RulebookMaker

TICK = timedelta(microseconds=1)


@dataclass
class History:
    seed: int
    setup: list
    steps: list


def generate(seed, steps=50):
    return Historian(seed).run(steps)


class Historian:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.seed = seed
        self.world = World()
        self.maker = RulebookMaker(self.r, self.world)
        self.setup = self.maker.build()
        self.now = START
        self.count = 0
        self.customers = ['c%d' % n for n in range(1, 8)]

    def run(self, steps):
        history = History(self.seed, self.setup, [])
        kinds = list(STEPS)
        for _ in range(steps):
            self.now += timedelta(seconds=self.r.choice([60, 7200, 40000, 90000, 200000, 260000]) + self.r.randint(1, 3000))
            op = None
            while op is None:
                op = getattr(self, self.r.choices(kinds, [STEPS[k] for k in kinds])[0])()
            history.steps.append((self.now, op))
        return history

    # --- helpers

    def name(self, prefix):
        self.count += 1
        return '%s%03d' % (prefix, self.count)

    def do(self, op):
        """Remember what the generator said, so that later news can be about it."""
        op.apply(self.world, self.now)
        return op

    def program_of(self, customer):
        programs = sorted(self.world.programs)
        return programs[int(customer[1:]) % len(programs)]

    def recent(self, most_hours=6):
        """An own time shortly before now; now and then days before."""
        if self.r.random() < 0.15:
            return self.now - timedelta(seconds=self.r.randint(1, 6 * 86400))
        return self.now - timedelta(seconds=self.r.randint(1, most_hours * 3600))

    def sales(self, *effects, kinds=('sale',)):
        found = []
        for name in sorted(self.world.transaction):
            row = self.world.transaction[name][-1].row
            if not row['is_test'] and self.world.types[row['transaction_type']][0] in kinds and (not effects or row['status'] in effects):
                found.append(row)
        return found

    def only_on_account(self, sale):
        return sale['account_id'] and len([s for s in self.sales() if s['account_id'] == sale['account_id']]) == 1

    def pick_sale(self, *effects):
        found = self.sales(*effects)
        return self.r.choice(found[-6:] if self.r.random() < 0.7 else found) if found else None

    def part_of(self, amount):
        r = self.r
        if amount is None or amount == 0:
            return Decimal('1')
        return r.choice([amount, (amount / 2).quantize(Decimal('0.01')), (amount / 3).quantize(Decimal('0.01')), Decimal('7.5'), amount])

    # --- touches

    def step_click(self):
        r = self.r
        customer = r.choice(self.customers)
        program = self.program_of(customer) if r.random() < 0.93 else r.choice(sorted(self.world.programs))
        row = {'click_id': self.name('k'), 'program_id': program, 'clicked_at': self.recent(), 'visitor_id': None,
               'customer_id': None, 'link_id': None, 'affiliate_id': None, 'campaign_id': None}
        if r.random() < 0.75:
            row['link_id'] = '%s-l%d' % (program, r.randint(1, 4))
        else:
            row['affiliate_id'] = 'a%d' % r.randint(1, 5)
            row['campaign_id'] = r.choice([None, 'camp1'])
        if r.random() < 0.6:
            row['visitor_id'] = 'v-' + customer
        elif r.random() < 0.7:
            row['customer_id'] = customer
        return self.click(row)

    def click(self, row):
        return self.do(Add(insert_sql('click', row), ('clicks', row['click_id'], row)))

    def step_awaited_click(self):
        """A click that some sale has named already."""
        named = sorted({s.row['click_id'] for states in self.world.transaction.values() for s in states
                        if s.row['click_id']} - set(self.world.clicks))
        if not named:
            return None
        name = self.r.choice(named)
        sale = next(s.row for states in self.world.transaction.values() for s in states if s.row['click_id'] == name)
        at = (sale['ordered_at'] or sale['completed_at'] or self.now) - timedelta(hours=self.r.randint(0, 30), seconds=5)
        return self.click({'click_id': name, 'program_id': sale['program_id'], 'clicked_at': at, 'visitor_id': None, 'customer_id': None,
                           'link_id': '%s-l%d' % (sale['program_id'], self.r.randint(1, 4)), 'affiliate_id': None, 'campaign_id': None})

    def step_stitch(self):
        customer = self.r.choice(self.customers)
        pair = ('v-' + customer, customer)
        if pair in self.world.stitches:
            return None
        return self.do(Add(insert_sql('visitor_customer', {'visitor_id': pair[0], 'customer_id': pair[1]},
                                      ' ON CONFLICT DO NOTHING'), ('stitches', None, pair)))

    def step_register(self):
        r = self.r
        fresh = [c for c in self.customers if c not in self.world.customer]
        if not fresh:
            return self.step_customer_change()
        customer = r.choice(fresh)
        orders = [row['ordered_at'] or row['completed_at'] for row in self.sales() if row['customer_id'] == customer]
        if self.world.programs[self.program_of(customer)]['bind_at'] == 'registration' and orders:
            return None
        signup = self.recent()
        click = self.click_of(customer)
        if click and r.random() < 0.7:
            signup = max(click['clicked_at'] + timedelta(seconds=r.randint(1, 90000)), START)
            signup = min(signup, self.now)
        row = {'customer_id': customer, 'program_id': self.program_of(customer), 'signup_date': signup,
               'affiliate_id': self.declared() if r.random() < 0.6 and customer <= 'c4' else None,
               'last_modified_date': r.choice([None, signup]), 'click_id': click['click_id'] if click and r.random() < 0.5 else None,
               'country_code': r.choice([None, 'DE', 'FR']), 'kyc_status_id': None,
               'payment_fingerprint': r.choice([None, None, None, None, 'fp-a1', 'fp-a3']), 'source': 'shop'}
        return self.do(Write('customer', row))

    def step_lead(self):
        """A click and a registration a little later; the purchase may come when the click window is over."""
        fresh = [c for c in self.customers if c not in self.world.customer]
        if not fresh:
            return None
        customer, clicked = self.r.choice(fresh), self.now - timedelta(hours=self.r.randint(20, 80))
        if [row for row in self.sales() if row['customer_id'] == customer]:
            return None
        program = self.program_of(customer)
        click = {'click_id': self.name('k'), 'program_id': program, 'clicked_at': clicked, 'visitor_id': None, 'customer_id': None,
                 'link_id': '%s-l%d' % (program, self.r.randint(1, 4)), 'affiliate_id': None, 'campaign_id': None}
        row = {'customer_id': customer, 'program_id': program, 'signup_date': clicked + timedelta(minutes=self.r.randint(1, 900)),
               'click_id': click['click_id'], 'country_code': 'DE', 'source': 'shop'}
        return self.do(Many([Add(insert_sql('click', click), ('clicks', click['click_id'], click)), Write('customer', row)]))

    def step_lead_sale(self):
        """The first purchase of a registered customer, without a word who sent him."""
        bought = {row['customer_id'] for row in self.sales()}
        waiting = [c for c in sorted(self.world.customer) if c not in bought]
        return waiting and self.do(Insert('transaction', self.new_sale(self.r.choice(waiting), ordered_at=self.now - HOUR, completed_at=self.now))) or None

    def step_customer_change(self):
        r = self.r
        if not self.world.customer:
            return None
        customer = r.choice(sorted(self.world.customer))
        changes = {'last_modified_date': self.recent()} if r.random() < 0.8 else {}
        changes.update(r.choice([{'country_code': r.choice(['DE', 'FR', 'AT'])}, {'affiliate_id': self.declared()}][:2 if customer <= 'c4' else 1]))
        return self.do(Update('customer', customer, changes))

    def declared(self):
        return self.r.choice(['a1', 'a2', 'a3', 'a4', 'ext-a2', 'ext-a5', 'nobody'])

    def click_of(self, customer):
        mine = [c for c in self.world.clicks.values() if c['customer_id'] == customer or c['visitor_id'] == 'v-' + customer]
        return mine[-1] if mine else None

    # --- sales

    def new_sale(self, customer, **given):
        r = self.r
        program = self.program_of(customer)
        currency = self.world.programs[program]['currency'] if r.random() < 0.85 else r.choice(['EUR', 'USD'])
        ordered = self.recent()
        amount = Decimal(r.choice(['100', '99', '250.50', '49.99', '599', '33.33', '1000']))
        if currency == 'JPY':
            amount = Decimal(int(amount))
        if r.random() < 0.05:
            amount = Decimal(0)
        row = {c: None for c in TX_COLUMNS}
        row.update(customer_id=customer, transaction_id=self.name('t'), program_id=program, transaction_type='challenge_fee',
                   status=r.choice(['completed', 'completed', 'paid']), currency=currency, amount=amount, ordered_at=ordered,
                   completed_at=min(self.now, ordered + timedelta(seconds=r.choice([0, 0, 30, 7200, 90000]))),
                   account_size=Decimal(r.choice(['10000', '25000', '50000', '100000'])), account_id='acc-%03d' % self.count,
                   is_test=r.random() < 0.02)
        if amount and r.random() < 0.3:
            row['tax'] = (amount / 10).quantize(Decimal('1') if currency == 'JPY' else Decimal('0.01'))
        if amount and r.random() < 0.15:
            row['wallet_credit'] = Decimal('10')
        if r.random() < 0.15:      # one date only
            row[r.choice(['ordered_at', 'completed_at'])] = None
        row.update(given)
        return row

    def evidence(self, row):
        """What the sale says of who sent the customer."""
        r = self.r
        click = self.click_of(row['customer_id'])
        if r.random() < 0.42:
            row['coupon_codes'] = r.sample(['CODE1', 'code2 ', 'CODE3', 'CODE4', 'HOUSE', 'SHORT', 'NONSENSE'], r.choice([1, 1, 2]))
        if r.random() < 0.4 and self.world.clicks:
            row['click_id'] = click['click_id'] if click and r.random() < 0.8 else r.choice(sorted(self.world.clicks))
        elif r.random() < 0.1:
            row['click_id'] = self.name('late')
        if r.random() < 0.25 and row['customer_id'] > 'c4':
            row['affiliate_id'], row['source'] = self.declared(), 'shop'
        if r.random() < 0.06:
            row['payment_fingerprint'] = r.choice(['fp-a1', 'fp-a2', 'fp-a3', 'fp-other'])
        if click and r.random() < 0.08 and row['ordered_at']:      # the edge of the click window
            edge = click['clicked_at'] + self.world.programs[row['program_id']]['click_window'] + r.choice([-TICK, TICK * 0, TICK])
            if edge < self.now:
                row['ordered_at'] = row['completed_at'] = edge
        return row

    def buyer(self):
        """Mostly a customer who clicked lately."""
        recent = {c['customer_id'] or c['visitor_id'][2:] for c in self.world.clicks.values()
                  if (c['customer_id'] or c['visitor_id']) and c['clicked_at'] > self.now - 2.5 * DAY}
        return self.r.choice(sorted(recent)) if recent and self.r.random() < 0.7 else self.r.choice(self.customers)

    def step_sale(self):
        return self.do(Insert('transaction', self.evidence(self.new_sale(self.buyer()))))

    def step_other_sale(self):
        kind = self.r.choice(['activation_fee', 'addon_fee', 'subscription_fee'])
        return self.do(Insert('transaction', self.evidence(self.new_sale(self.r.choice(self.customers), transaction_type=kind))))

    def step_pending_sale(self):
        row = self.evidence(self.new_sale(self.r.choice(self.customers), status='pending'))
        row['completed_at'] = None
        row['ordered_at'] = row['ordered_at'] or self.recent()
        return self.do(Insert('transaction', row))

    def step_order(self):
        """Two lines of one order, in one transaction."""
        if self.world.ladders and any(p['count_ladder_unit'] == 'orders' for p in self.world.programs.values()):
            return None
        first = self.evidence(self.new_sale(self.r.choice(self.customers), order_id=self.name('o'), line_no=1))
        first['ordered_at'] = first['ordered_at'] or first['completed_at']
        second = self.new_sale(first['customer_id'], transaction_type='addon_fee', order_id=first['order_id'], line_no=2,
                               currency=first['currency'], ordered_at=first['ordered_at'], is_test=first['is_test'],
                               amount=Decimal('20'), tax=None, wallet_credit=None, account_id=first['account_id'])
        second['completed_at'] = min(self.now, max(second['ordered_at'], second['completed_at'] or second['ordered_at']))
        if self.r.random() < 0.4:
            second['coupon_codes'] = [self.r.choice(['CODE1', 'CODE5'])]
        return self.do(Many([Insert('transaction', first), Insert('transaction', second)]))

    def step_complete(self):
        row = self.pick_sale('pending')
        if not row:
            return None
        status = self.r.choices(['completed', 'failed', 'canceled'], [8, 1, 1])[0]
        if status == 'completed':
            return self.do(Update('transaction', row['transaction_id'],
                                  {'status': status, 'completed_at': max(row['ordered_at'], self.recent())}))
        return self.do(Update('transaction', row['transaction_id'], {'status': status, 'status_at': self.recent()}))

    def step_replay(self):
        """An earlier state of a row is sent again; it is a duplicate."""
        names = [n for n, s in sorted(self.world.transaction.items()) if len(s) > 1]
        if not names:
            return None
        states = self.world.transaction[self.r.choice(names)]
        return self.do(Write('transaction', self.r.choice(states[:-1]).row))

    def step_correct(self):
        row = self.pick_sale('completed', 'paid', 'pending')
        if not row or row['is_test']:
            return None
        changes = self.r.choice([{'amount': Decimal(self.r.randint(20, 900))}, {'account_size': Decimal('200000')}, {'tax': Decimal(self.r.randint(1, 9))}])
        if self.r.random() < 0.6:
            changes['status_at'] = max(self.recent(), (row['completed_at'] or row['ordered_at']) + TICK)
        return self.do(Update('transaction', row['transaction_id'], changes))

    def step_resettle_upgrade(self):
        r = self.r
        original = self.pick_sale('completed', 'paid')
        if not original or original['transaction_type'] == 'reset_fee' or not original['completed_at']:
            return None
        kind = r.choice(['reset_fee', 'reset_fee', 'upgrade_fee'])
        row = self.new_sale(original['customer_id'], transaction_type=kind)
        after = max(original['completed_at'], original['ordered_at'] or original['completed_at'])
        row['ordered_at'] = row['completed_at'] = max(after + TICK, self.recent())
        way = r.random()
        if way < 0.5:
            row['original_transaction_id'] = original['transaction_id']
        elif way < 0.7 and self.only_on_account(original):
            row['original_account_id'] = original['account_id']
        elif way < 0.85 and kind == 'reset_fee':
            row['original_transaction_id'] = 'unknown-' + row['transaction_id']
        elif kind == 'upgrade_fee':
            row['original_transaction_id'] = original['transaction_id']
        return self.do(Insert('transaction', row))

    # --- take-backs

    def step_cancel(self):
        row = self.pick_sale('completed', 'paid')
        if not row or row['amount'] == 0:
            return None
        changes = {'status': self.r.choice(['cancelled', 'voided', 'failed'])}
        if self.r.random() < 0.8:
            changes['status_at'] = self.take_back_time(row)
        return self.do(Update('transaction', row['transaction_id'], changes))

    def step_reinstate(self):
        row = self.pick_sale('cancelled', 'voided', 'failed')
        if not row or not row['completed_at']:
            return None
        return self.do(Update('transaction', row['transaction_id'], {'status': 'reinstated', 'status_at': self.recent()}))

    def take_back_time(self, row):
        """Mostly recent, now and then at the very edge of the cooling-off."""
        completed = row['completed_at'] or row['ordered_at']
        cooling_off = self.world.programs[row['program_id']]['cooling_off']
        edge = completed + cooling_off + self.r.choice([-TICK, TICK * 0, TICK])
        if self.r.random() < 0.2 and completed < edge < self.now:
            return edge
        early = completed + cooling_off * self.r.random() / 2
        if self.r.random() < 0.35 and completed < early < self.now:
            return early.replace(microsecond=0)
        return max(completed + TICK, self.recent())

    def step_cumulative_refund(self):
        r = self.r
        row = self.pick_sale('completed', 'paid', 'refunded', 'disputed', 'refund_failed')
        if not row or row['amount'] == 0 or not (row['completed_at'] or row['ordered_at']):
            return None
        amount = self.part_of(row['amount'])
        if row['refunded_amount'] is None and row['status'] != 'refund_failed' and r.random() < 0.25:
            amount = None
        changes = {'status': 'refunded', 'refunded_amount': amount}
        if r.random() < 0.85:
            changes['refunded_at'] = self.take_back_time(row)
            if changes['refunded_at'] == row['refunded_at']:
                return None
        elif amount == row['refunded_amount']:
            return None
        if row['refunded_amount'] is None and amount == row['amount'] and r.random() < 0.2:
            changes['refund_reason'] = r.choice(['success_bonus', 'complaint'])
        return self.do(Update('transaction', row['transaction_id'], changes))

    def step_refund_failed(self):
        row = self.pick_sale('refunded')
        if not row:
            return None
        at = max(self.recent(), row['refunded_at'] + TICK) if row['refunded_at'] else self.now
        return self.do(Update('transaction', row['transaction_id'], {'status': 'refund_failed', 'refunded_amount': None,
                                                                     'refunded_at': None, 'status_at': at}))

    def take_back_row(self, original, kind, with_reference=True):
        r = self.r
        row = {c: None for c in TX_COLUMNS}
        row.update(transaction_id=self.name('r'), transaction_type=kind, status='completed', currency=original['currency'],
                   program_id=original['program_id'], is_test=original['is_test'], amount=self.part_of(original['amount']),
                   customer_id=original['customer_id'])
        row[r.choice(['completed_at', 'completed_at', 'ordered_at'])] = self.take_back_time(original)
        if r.random() < 0.15:
            row['amount'] = -row['amount']
        if with_reference:
            if self.only_on_account(original) and r.random() < 0.2:
                row['original_account_id'] = original['account_id']
            else:
                row['original_transaction_id'] = original['transaction_id']
                row['customer_id'] = r.choice(['', row['customer_id']])
        return row

    def step_refund_row(self):
        r = self.r
        original = self.pick_sale()
        if not original or original['amount'] == 0 or not (original['completed_at'] or original['ordered_at']):
            return None
        row = self.take_back_row(original, 'refund')
        if r.random() < 0.15:
            row['amount'] = None
        if r.random() < 0.12:
            row['refund_reason'] = 'profit split'
        if r.random() < 0.08:
            row['original_account_id'], row['original_transaction_id'] = None, 'missing-' + row['transaction_id']
        return self.do(Insert('transaction', row))

    def step_loose_refund(self):
        original = self.pick_sale('completed', 'paid')
        if not original or original['amount'] == 0 or not original['completed_at']:
            return None
        row = self.take_back_row(original, self.r.choice(['refund', 'refund', 'chargeback']), with_reference=False)
        row['account_id'] = original['account_id'] if self.r.random() < 0.4 else None
        return self.do(Insert('transaction', row))

    def step_change_refund(self):
        rows = self.sales('completed', kinds=('refund',))
        if not rows:
            return None
        row = self.r.choice(rows)
        at = max(self.recent(), (row['completed_at'] or row['ordered_at']) + TICK)
        if self.r.random() < 0.6:
            return self.do(Update('transaction', row['transaction_id'], {'status': self.r.choice(['failed', 'refund_failed']), 'status_at': at}))
        return self.do(Update('transaction', row['transaction_id'], {'amount': Decimal(self.r.randint(1, 60)), 'status_at': at}))

    def step_chargeback_row(self):
        original = self.pick_sale()
        if not original or original['amount'] == 0 or not (original['completed_at'] or original['ordered_at']):
            return None
        return self.do(Insert('transaction', self.take_back_row(original, 'chargeback')))

    def step_adjustment(self):
        original = self.pick_sale('completed', 'paid', 'refunded')
        if not original or original['amount'] == 0 or not (original['completed_at'] or original['ordered_at']):
            return None
        row = self.take_back_row(original, 'adjustment')
        row['amount'] = Decimal(self.r.choice(['-5', '-12.34', '8', '-500']))
        return self.do(Insert('transaction', row))

    def step_dispute(self):
        r = self.r
        original = self.pick_sale()
        if not original or original['amount'] == 0 or not (original['completed_at'] or original['ordered_at']):
            return None
        row = {'dispute_id': self.name('d'), 'transaction_id': original['transaction_id'],
               'amount': r.choice([None, original['amount'], self.part_of(original['amount'])]), 'opened_at': self.take_back_time(original)}
        if r.random() < 0.2:
            ref = ('psp', 'charge', 'ch-' + original['transaction_id'])
            row.update(transaction_id=None, ref_source=ref[0], ref_kind=ref[1], ref_external_id=ref[2])
            if ref not in self.world.refs and r.random() < 0.8:
                text = insert_sql('transaction_ref', {'source': ref[0], 'kind': ref[1], 'external_id': ref[2],
                                                      'transaction_id': original['transaction_id']}, ' ON CONFLICT DO NOTHING')
                return self.do(Many([Add(text, ('refs', ref, {'transaction': original['transaction_id']})), Write('dispute', row)]))
        if r.random() < 0.3:
            row.update(outcome=r.choice(['won', 'lost']), closed_at=max(self.recent(), row['opened_at'] + TICK))
        return self.do(Write('dispute', row))

    def step_close_dispute(self):
        r = self.r
        names = sorted(self.world.dispute)
        if not names:
            return None
        row = self.world.dispute[r.choice(names)][-1].row
        outcome = r.choice(['won', 'lost', 'lost', 'partial'])
        changes = {'outcome': outcome, 'lost_amount': Decimal('9.5') if outcome == 'partial' else None,
                   'closed_at': max(self.recent(), (row['closed_at'] or row['opened_at']) + TICK)}
        if r.random() < 0.15 and outcome != row['outcome']:
            del changes['closed_at']
            if not row['closed_at']:
                changes['closed_at'] = None
        return self.do(Update('dispute', row['dispute_id'], changes))

    def step_dispute_word(self):
        row = self.pick_sale('completed', 'paid', 'disputed', 'chargeback', 'dispute_won')
        if not row or row['amount'] == 0 or not row['completed_at']:
            return None
        word = self.r.choice([w for w in ('disputed', 'chargeback', 'dispute_won') if w != row['status']])
        at = max(self.recent(), row['completed_at'] + TICK, (row['status_at'] or START) + TICK)
        return self.do(Update('transaction', row['transaction_id'], {'status': word, 'status_at': at} if self.r.random() < 0.9 else {'status': word}))

    # --- noise, rulebook, operators

    def step_noise(self):
        """A profit split paid to the trader, or promotional credit: no commission moves."""
        kind = self.r.choice(['payout', 'credit'])
        return self.do(Insert('transaction', self.new_sale(self.r.choice(self.customers), transaction_type=kind, account_id=None)))

    def step_status(self):
        affiliate = 'a%d' % self.r.randint(1, 5)
        at = self.now + self.r.choice([-2, -1, 0, 1]) * DAY
        if [s for s in self.world.statuses if s['affiliate'] == affiliate and s['valid_from'] == at]:
            return None
        return self.step_of(self.maker.status(affiliate, self.r.choice(['active', 'active', 'suspended', 'terminated']), at))

    def step_of(self, op):
        """The maker applied it to the World already and put it into the set-up; it is a step here."""
        if op in self.setup:
            self.setup.remove(op)
        return op

    def step_rate(self):
        valid = START - 50 * DAY
        pair = self.r.choice([('EUR', 'USD'), ('USD', 'JPY'), ('EUR', 'JPY')])
        if [f for f in self.world.fx if (f['from'], f['to'], f['valid_from']) == (*pair, valid)]:
            return None
        return self.step_of(self.maker.rate(*pair, valid, {'EUR': '1.1', 'USD': '148.5'}[pair[0]]))

    def step_coupon(self):
        code = 'NEW%d' % (self.count % 3)
        if [c for c in self.world.coupons if c['code'] == code]:
            return None
        return self.step_of(self.maker.coupon(self.r.choice(sorted(self.world.programs)), code, 'a4', self.now - 5 * DAY))

    def step_override(self):
        r = self.r
        customer = r.choice(self.customers)
        affiliate = r.choice(['a1', 'a4', 'a5', None])
        begin = self.now
        sale = self.pick_sale('pending')
        if sale and r.random() < 0.5:
            return self.step_of(self.maker.override(sale['program_id'], sale['customer_id'], sale['transaction_id'], affiliate,
                                                    START - 100 * DAY, FOREVER))
        return self.step_of(self.maker.override(self.program_of(customer), customer, None, affiliate, begin,
                                                r.choice([FOREVER, begin + 4 * DAY])))

    def step_pay(self):
        return Pay('a%d' % self.r.randint(1, 5), self.r.choice(sorted(self.world.programs)), self.name('pay'))

    def step_reject(self):
        return self.r.choice(REJECTS)(self)


STEPS = {'step_click': 18, 'step_awaited_click': 2, 'step_stitch': 7, 'step_register': 4, 'step_lead': 4, 'step_lead_sale': 5, 'step_customer_change': 3,
         'step_sale': 18, 'step_other_sale': 3, 'step_pending_sale': 3, 'step_order': 4, 'step_complete': 4, 'step_replay': 3,
         'step_correct': 3, 'step_resettle_upgrade': 5, 'step_cancel': 2, 'step_reinstate': 1, 'step_cumulative_refund': 6,
         'step_refund_failed': 1, 'step_refund_row': 5, 'step_loose_refund': 3, 'step_change_refund': 2, 'step_chargeback_row': 2,
         'step_adjustment': 2, 'step_dispute': 4, 'step_close_dispute': 3, 'step_dispute_word': 3, 'step_noise': 1,
         'step_status': 2, 'step_rate': 1, 'step_coupon': 1, 'step_override': 2, 'step_pay': 6, 'step_reject': 6}
