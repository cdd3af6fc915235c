"""Plays a history on the server and against the oracle at once and compares after every step."""
import time
from collections import Counter
from fractions import Fraction

from facts import FOREVER, Pay, World
from generate_rulebook import EXPONENTS, TYPES
from oracle import Oracle


class Mismatch(Exception):
    """What differs, with the step at which it was seen."""


def stamp(at):
    return None if at is None or at == FOREVER else at.strftime('%Y-%m-%d %H:%M:%S.%f')


def show(value):
    return '-' if value is None else str(float(value)) if isinstance(value, Fraction) else str(value)


def differences(result, state, with_ownership):
    """[text]: everything the server says otherwise."""
    found = []
    for name in sorted(set(state.conversions) - set(result.conversions)):
        got = state.conversions[name]
        if name not in result.reported or got['number']:
            found.append('conversion %s: expected %s, got %s, purchase number %s' % (
                name, 'no purchase number' if name in result.reported else 'none', got['state'], got['number']))
    for name, want in result.conversions.items():
        got = state.conversions.get(name)
        if got is None:
            if want['state'] != 'pending':
                found.append('conversion %s: expected %s, there is none' % (name, want['state']))
            continue
        fields = ['state'] + [f for f in ('affiliate', 'quantity', 'gross', 'number') if f in want]
        if want.get('stated_void'):      # the pinned number may stay on show
            fields.remove('number')
        if want.get('adjusted') or want['state'] == 'pending':
            pass
        elif want.get('excess'):
            if want['refunded'] + want['charged_back'] != got['refunded'] + got['charged_back']:
                found.append('conversion %s refunded + charged back: expected %s, got %s' % (
                    name, show(want['refunded'] + want['charged_back']), show(got['refunded'] + got['charged_back'])))
        elif 'refunded' in want:
            fields += ['refunded', 'charged_back']
        if want.get('gross') == 0 and want['state'] == 'counted':
            fields.remove('quantity')
        for field in fields:
            if want[field] != got[field]:
                found.append('conversion %s %s: expected %s, got %s (server code %s, method %s)' % (
                    name, field, show(want[field]), show(got[field]), got['code'], got['method']))
    nothing = {'accrued': Fraction(0), 'reversed': Fraction(0), 'void': None, 'eligible_at': None, 'paid': Fraction(0)}
    for key in sorted(set(result.commissions) | set(state.commissions)):
        want, got = result.commissions.get(key, nothing), state.commissions.get(key, nothing)
        void_beside_stated = key[0] in result.beside_stated and result.conversions[key[0]]['state'] == 'void'
        for field in ('paid',) if void_beside_stated else ('accrued', 'reversed', 'paid'):
            if want[field] != got[field]:
                found.append('commission %s %s: expected %s, got %s' % (key, field, show(want[field]), show(got[field])))
        if void_beside_stated and not got.get('stated') and got['accrued'] != got['reversed']:
            found.append('commission %s of a void sale is not stated: expected all of %s reversed, got %s' % (
                key, show(got['accrued']), show(got['reversed'])))
        if want['accrued'] and got['accrued'] and want['void'] is not None and not want['paid'] and want['void'] != got['void']:
            found.append('commission %s is_void: expected %s, got %s' % (key, want['void'], got['void']))
        if want['accrued'] and got['accrued'] and want.get('held_by_time') and stamp(want['eligible_at']) != got['eligible_at']:
            found.append('commission %s eligible_at: expected %s, got %s' % (key, stamp(want['eligible_at']), got['eligible_at']))
    if with_ownership:
        for key in sorted(set(result.ownerships) | set(state.ownerships)):
            want = result.ownerships.get(key)
            want = want and (want[0], stamp(want[1]), stamp(want[2]))
            if want != state.ownerships.get(key):
                found.append('ownership %s: expected %s, got %s' % (key, want, state.ownerships.get(key)))
    return found


class Replay:
    """One run: the server, the World as it becomes known, and the oracle."""

    def __init__(self, server, history):
        self.server, self.history = server, history
        self.world = World()
        self.world.types.update(TYPES)
        self.world.exponents.update(EXPONENTS)
        self.oracle = Oracle(self.world)
        self.counts = Counter()

    def play(self):
        """Raises Mismatch at the first difference."""
        first_clock = self.history.steps[0][0]
        self.server.set_clock(first_clock)
        for op in self.history.setup:
            error = self.server.do(op)
            if error:
                raise Mismatch('set-up refused: %s\n%s' % (error, op.sql()))
            op.apply(self.world, first_clock)
        for number, (now, op) in enumerate(self.history.steps):
            try:
                self.step(now, op)
            except AssertionError as problem:
                raise Mismatch('step %d at %s: %s\n  %s' % (number, now, problem, op.sql())) from None
        self.settle_again(self.history.steps[-1][0])
        rows = self.server.verify()
        if rows:
            raise Mismatch('verify(): ' + '; '.join(rows[:5]))

    def step(self, now, op):
        server = self.server
        server.set_clock(now)
        server.drain()
        self.oracle.evaluate(now)
        if isinstance(op, Pay):
            self.pay(now, op)
        elif op.expect_error:
            self.refuse(op)
        else:
            error = server.do(op)
            if error:
                raise AssertionError('refused: %s' % error)
            op.apply(self.world, now)
            self.counts['accepted'] += 1
        server.drain()
        self.compare_patiently(now)

    def compare_patiently(self, now):
        """Clicks are read up to a watermark that transactions of other databases may hold back for a moment."""
        for patience in (0.05, 0.2, 1, None):
            try:
                return self.compare(now, self.server.state(), False)
            except AssertionError:
                if patience is None:
                    raise
                time.sleep(patience)
                self.server.drain()

    def compare(self, now, state, with_ownership):
        result = self.oracle.evaluate(now)
        found = differences(result, state, with_ownership)
        for key, target in result.commissions.items():
            owed = target['accrued'] - target['reversed'] - target['paid']
            word = state.commissions.get(key, {}).get('word')
            may = {'must': ('eligible',), 'never': ('held', 'pending')}.get(self.oracle.eligibility(result, key, now))
            if owed > 0 and may and word not in may and not found:
                found.append('commission %s is %s, expected %s' % (key, word, ' or '.join(may)))
        if state.unbalanced:
            found.append('affiliate_balance does not add up (M10)')
        if found:
            raise AssertionError('\n    '.join([''] + found[:12]))

    def refuse(self, op):
        before = self.server.state()
        if not self.server.do(op):
            raise AssertionError('accepted, but must be refused (%s)' % op.note)
        after = self.server.state()
        self.counts['refused'] += 1
        if (before.facts, before.entries) != (after.facts, after.entries):
            raise AssertionError('a refused statement left a trace (%s)' % op.note)

    def pay(self, now, op):
        """Each line that must be paid is paid to its net, each that must not be is left alone; then it is pinned."""
        before, result = self.server.state(), self.oracle.evaluate(now)
        error = self.server.do(op)
        if error and 'nothing to pay' not in error:
            raise AssertionError('refused: %s' % error)
        self.counts['refused' if error else 'accepted'] += 1
        after = self.server.state()
        if error and (before.entries, before.facts) != (after.entries, after.facts):
            raise AssertionError('a refused payment left a trace')
        mine = {k: v for k, v in result.commissions.items() if k[2] == op.affiliate
                and self.world.transaction[k[0]][-1].row['program_id'] == op.program}
        owed = {k: v['accrued'] - v['reversed'] - v['paid'] for k, v in mine.items()}
        say = {k: self.oracle.eligibility(result, k, now) for k in mine}
        touched = {k for k in mine if k in after.commissions and (after.commissions[k]['paid'] != before.commissions[k]['paid']
                                                                  or after.commissions[k]['stated'] and not before.commissions[k]['stated'])}
        total = sum((owed[k] for k in mine if say[k] == 'must' or k in touched), Fraction(0))
        for key in mine:
            if key in touched and say[key] == 'never':
                raise AssertionError('paid a line on hold: %s' % (key,))
            if key in touched and after.commissions[key]['paid'] != mine[key]['accrued'] - mine[key]['reversed']:
                raise AssertionError('paid %s of %s: %s' % (show(after.commissions[key]['paid']), show(owed[key]), key))
            if key not in touched and say[key] == 'must' and owed[key] != 0 and total > 0:
                raise AssertionError('did not pay %s of %s' % (show(owed[key]), key))
        if total < 0 and touched:
            raise AssertionError('a negative payment')
        for key in touched:
            self.oracle.state_line(result, key, after.commissions[key]['paid'])

    def settle_again(self, now):
        """Settling twice changes nothing; and the ownerships are right."""
        before = self.server.state()
        names = sorted({s[-1].row['customer_id'] for s in self.world.transaction.values()} - {''} | set(self.world.customer))
        self.server.must('SELECT affiliate.resettle(ARRAY[%s]::text[]);' % ', '.join("'%s'" % n for n in names))
        self.server.drain()
        after = self.server.state()
        try:
            self.compare(now, after, True)
        except AssertionError as problem:
            raise Mismatch('after resettle: %s' % problem) from None
        if before.entries != after.entries:
            raise Mismatch('settling twice wrote %s entries before, %s after' % (before.entries, after.entries))
