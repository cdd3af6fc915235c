"""The oracle: what the ledger must say, recomputed from all facts by the text of SEMANTICS.md, and nothing else.

    oracle = Oracle(world); oracle.evaluate(now) -> Result

Only what the text calls pinned is remembered between calls: lines that were stated (paid), and refunds without a
reference once late_grace has passed.
"""
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

import rules
from attribution import Fold
from facts import FOREVER
from rulebook import Rulebook
from sale import Sale, judge, money, news_row_time, read_sale, reports_of


@dataclass
class Stated:
    """What is pinned by a paid line."""
    accrued: Fraction
    paid: Fraction
    band: dict
    room: Fraction


@dataclass
class Result:
    conversions: dict = field(default_factory=dict)
    commissions: dict = field(default_factory=dict)
    ownerships: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)
    folds: dict = field(default_factory=dict)
    beside_stated: set = field(default_factory=set)     # sales of customers with stated lines
    reported: set = field(default_factory=set)          # costs and credits: conversions, but no purchases


class Oracle:
    def __init__(self, world):
        self.world = world
        self.book = Rulebook(world)
        self.hits = set()
        self.order_pins = {}      # (customer, program) -> {order key: (affiliate, number)}
        self.rule_pins = {}       # transaction_id -> [line keys]
        self.stated = {}          # line key -> Stated
        self.match_pins = {}      # refund transaction_id -> matched sale or None

    def hit(self, name, subject=''):
        self.hits.add((name, subject))

    # --- the facts of each sale

    def effect(self, transaction_type):
        return self.world.types[transaction_type][0]

    def gather(self, now):
        """Every sale with the refund, chargeback, adjustment and dispute rows that name it."""
        world = self.world
        rows = {t: s for t, s in world.transaction.items() if not s[-1].row['is_test']}
        self.sale_states = {t: s for t, s in rows.items() if self.effect(s[-1].row['transaction_type']) == 'sale'}
        attached = {t: {'refund': [], 'chargeback': [], 'correction': []} for t in self.sale_states}
        loose = []
        for name, states in rows.items():
            effect = self.effect(states[-1].row['transaction_type'])
            if effect not in ('refund', 'chargeback', 'correction'):
                continue
            target = self.reference(states[-1].row)
            if target in attached:
                attached[target][effect].append(states)
                self.hit('M1 ' + effect + ' row', name)
            elif target is None:
                loose.append(states)
            else:
                self.hit('W12 waits for its transaction', name)
        self.disputes = {t: {} for t in self.sale_states}
        for name, states in world.dispute.items():
            row = states[-1].row
            target = row['transaction_id'] or world.refs.get(
                (row['ref_source'], row['ref_kind'], row['ref_external_id']), {}).get('transaction')
            if target in self.disputes:
                self.disputes[target][name] = states
        self.attached = attached
        self.match(loose, now)

    def reference(self, row):
        """The sale a refund, chargeback or adjustment names; None where it names no transaction; '?' while unknown."""
        if row['original_transaction_id']:
            return row['original_transaction_id'] if row['original_transaction_id'] in self.sale_states else '?'
        return None

    def account(self, row):
        """The account a row without a transaction reference names, or None."""
        if row['original_challenge_id'] and not row['original_account_id']:
            return next((a for (_, a), r in self.world.accounts.items() if r['challenge_id'] == row['original_challenge_id']), '?')
        return row['original_account_id'] or row['account_id']

    def program(self, row):
        return self.world.programs[row['program_id']]

    def sale(self, name):
        """The sale with all its news, judged anew."""
        states = self.sale_states[name]
        program = self.program(states[-1].row)
        sale = read_sale(name, states, program)
        sale.kind = self.world.types[states[-1].row['transaction_type']][1]
        adjustments = []
        for rows in self.attached[name]['correction']:
            last = reports_of(rows)[-1]
            if last.effect not in ('failed', 'cancelled', 'pending'):
                adjustments.append((news_row_time(last), money(last.row['amount'])))
        return judge(sale, program, self.attached[name]['refund'], self.attached[name]['chargeback'],
                     self.disputes[name], adjustments, lambda rule: self.hit(rule, name))

    def match(self, loose, now):
        """W12: a refund without reference goes to the only open sale, in the order (occurred_at, id)."""
        def order(states):
            return news_row_time(reports_of(states)[0]), states[-1].row['transaction_id']
        for states in sorted(loose, key=order):
            row, at = states[-1].row, order(states)[0]
            name = row['transaction_id']
            if name in self.match_pins:
                found = self.match_pins[name]
            else:
                found = self.only_open_sale(row, at)
                if now > states[0].recorded_at + self.program(row)['late_grace']:
                    self.match_pins[name] = found
                    self.hit('W12 match pinned', name)
            self.hit('W12 matched' if found else 'W12 no match', name)
            if found:
                self.attached[found][self.effect(row['transaction_type'])].append(states)

    def only_open_sale(self, row, at):
        customer = self.world.canonical(row['customer_id'])
        found = []
        for name, states in self.sale_states.items():
            other = states[-1].row
            if (self.world.canonical(other['customer_id']) == customer and other['currency'] == row['currency']
                    and other['program_id'] == row['program_id']
                    and (not self.account(row) or other['account_id'] == self.account(row))
                    and self.sale(name).open_at(at)):
                found.append(name)
        return found[0] if len(found) == 1 else None

    # --- decisions

    def evaluate(self, now):
        self.gather(now)
        result = Result()
        result.reported = {t for t, s in self.world.transaction.items() if self.effect(s[-1].row['transaction_type']) in ('cost', 'credit')}
        sales = {name: self.sale(name) for name in self.sale_states}
        files = {}
        for sale in sales.values():
            files.setdefault((self.world.canonical(sale.row['customer_id']), sale.row['program_id']), []).append(sale)
        for customer, states in self.world.customer.items():
            files.setdefault((self.world.canonical(customer), states[-1].row['program_id']), [])
        for key, mine in files.items():
            customer, program_id = key
            fold = Fold(self.world, self.book, now, customer, program_id,
                        [s for s in mine if s.completed_at is not None], {s.id: s for s in mine},
                        self.order_pins.get(key, {}), self.hit, self.condition_holds).run()
            result.folds[key] = fold
            for sale in mine:
                self.convert(result, fold, sale)
            if fold.pins:
                result.beside_stated.update(s.id for s in mine)
            for scope, owned in fold.ownerships.items():
                if owned:
                    result.ownerships[(customer, program_id, scope)] = (owned[-1].affiliate, owned[-1].begins_at, owned[-1].ends_at)
        self.climb_ladders(result)
        self.fill_caps(result)
        for key, (fold, line) in result.lines.items():
            result.commissions[key] = self.target(fold, line, now)
        for key, stated in self.stated.items():
            result.commissions.setdefault(key, {'accrued': stated.accrued, 'reversed': stated.accrued, 'void': None,
                                                'eligible_at': None})
            result.commissions[key]['paid'] = stated.paid
        return result

    def convert(self, result, fold, sale):
        """The conversion of one sale and the lines its rules give."""
        if sale.completed_at is None:
            result.conversions[sale.id] = {'state': 'pending'}
            return
        order = next(o for o in fold.orders if sale in o.lines)
        decision = fold.decisions[order.key]
        rate = self.book.rate(sale.row['currency'], sale.row['program_id'], sale.completed_at)
        if decision.waiting or rate is None:
            result.conversions[sale.id] = {'state': 'waiting', 'quantity': 0, 'gross': Fraction(0), 'refunded': Fraction(0),
                                           'charged_back': Fraction(0)}
            if rate is None:
                self.hit('M9 fx missing', sale.id)
            return
        if rate != 1:
            self.hit('M9 rate', sale.id)
        void = sale.void
        number = order.number if not void and fold.has_amount(sale) else None
        result.conversions[sale.id] = {
            'state': 'void' if void else 'counted', 'affiliate': decision.affiliate, 'number': number,
            'quantity': 0 if void else 1, 'gross': Fraction(0) if void else sale.amount,
            'refunded': Fraction(0) if void else sale.refunded, 'charged_back': Fraction(0) if void else sale.charged,
            'excess': sale.excess, 'stated_void': void and sale.id in self.rule_pins, 'adjusted': sale.adjusted != 0}
        if fold.is_upgrade(order) and (decision.affiliate is None or void):
            del result.conversions[sale.id]['number']
        lines = self.lines_of(fold, order, decision, sale, rate)
        if not lines:
            self.hit('M11 earns nothing', sale.id)
        for line in lines:
            result.lines[line.key] = (fold, line)

    def earns(self, fold, decision, sale, order):
        program = fold.program
        if sale.id in self.rule_pins and decision.affiliate is not None and fold.has_amount(sale):
            return True
        if decision.affiliate is None or not fold.has_amount(sale):
            if sale.amount == 0:
                self.hit('M8 zero amount', sale.id)
            return False
        if program['commission_from'] and order.ordered_at < program['commission_from']:
            self.hit('W14 before go-live', sale.id)
            return False
        if sale.kind == 'upgrade':
            self.hit('M8 upgrade', sale.id)
            return program['upgrade_counts'] != 'none'
        return True

    def lines_of(self, fold, order, decision, sale, rate):
        if not self.earns(fold, decision, sale, order):
            return []
        lines = rules.choose(self.world, self.book, fold, sale, order, decision, decision.affiliate, 'owner', 0, rate)
        for level, upline in self.book.uplines(decision.affiliate, order.ordered_at):
            if self.book.may_earn(upline, sale.row['program_id'], order.ordered_at):
                found = rules.choose(self.world, self.book, fold, sale, order, decision, upline, 'upline', level, rate)
                if found:
                    self.hit('M5 upline', sale.id)
                lines += found
        pinned = self.rule_pins.get(sale.id)
        if pinned is not None:
            lines = self.pinned_lines(lines, pinned, order, decision, sale, rate)
        for line in lines:
            self.hit('W11 agreement and version by ordered_at', line.key)
        return lines

    def pinned_lines(self, lines, pinned, order, decision, sale, rate):
        """W10: the choice of rules of a conversion is pinned by its first stated line."""
        self.hit('W10 rules pinned', sale.id)
        kept = []
        for key in pinned:
            rule = next(r for r in self.world.rules if (r['plan_id'], r['version'], r['sequence_no']) == key[1]
                        and r['program'] == sale.row['program_id'])
            kept.append(rules.Line(sale, order, decision, rule, key[2], key[3], rate))
        return kept

    def condition_holds(self, fold, order, decision):
        """W7 rolling: the condition of the program's restart rule holds, its band taken as the first; any payment without one."""
        wanted = self.world.restart_rules.get(fold.program_id)
        if wanted is None:
            return True
        rule = next(r for r in self.world.rules if r['program'] == fold.program_id and (r['plan_id'], r['version'], r['sequence_no']) == wanted)
        for sale in order.live:
            rate = self.book.rate(sale.row['currency'], fold.program_id, sale.completed_at)
            if rate is None:
                continue
            line = rules.Line(sale, order, decision, rule, decision.affiliate, 0, rate)
            line.band = rules.first_band(self.world, line) if rule['ladder'] else None
            if fold.has_amount(sale) and rules.applies(self.world, self.book, fold, line):
                return True
        return False

    # --- second stage (M7)

    def counted(self, result, program_id, affiliate):
        """[(occurred_at, id, taken back at)] of an affiliate's first purchases, whatever they earn."""
        found = []
        by_orders = self.world.programs[program_id]['count_ladder_unit'] == 'orders'
        for (_, program), fold in result.folds.items():
            for order in fold.orders if program == program_id else []:
                decision = fold.decisions[order.key]
                if decision.affiliate != affiliate or decision.waiting or order.number != 1 or fold.is_upgrade(order):
                    continue
                lines = [s for s in order.live if fold.has_amount(s)]
                if by_orders:
                    back = [s.zero_since for s in lines]
                    found.append((lines[0].completed_at, lines[0].id, max(back) if None not in back else None))
                else:
                    found += [(s.completed_at, s.id, s.zero_since) for s in lines]
        return found

    def climb_ladders(self, result):
        for key, (fold, line) in result.lines.items():
            if line.rule['ladder'] is None:
                continue
            ladder = self.world.ladders[(line.program_id, line.rule['ladder'])]
            month = self.book.month(line.program_id, line.sale.completed_at)
            mine = (line.sale.completed_at, line.sale.id)
            ignore = fold.program['ladder_reversal'] == 'ignore'
            own_order = [s.id for s in line.order.lines] if fold.program['count_ladder_unit'] == 'orders' else []
            for at, name, _ in self.counted(result, line.program_id, line.affiliate):
                if name in own_order and self.book.month(line.program_id, at) == month:
                    mine = (at, name)               # all lines of an order stand where it counts
            before = total = 0
            for at, name, back_at in self.counted(result, line.program_id, line.affiliate):
                if self.book.month(line.program_id, at) == month:
                    total += 1
                    before += (at, name) < mine
                if back_at and not ignore and self.book.month(line.program_id, back_at) == month:
                    self.hit('M7 reversal in a ladder', name)
                    total -= 1
                    before -= (back_at, name) < mine
            line.position = max(1, before + 1)
            line.band = rules.band_of(self.world, line, line.position if ladder['mode'] == 'marginal' else max(1, total))
            self.hit('M7 ladder ' + ladder['mode'], key)
            if key in self.stated:
                line.band = self.stated[key].band

    def fill_caps(self, result):
        groups = {}
        for key, (fold, line) in result.lines.items():
            if line.rule['monthly_cap'] is not None:
                month = self.book.month(line.program_id, line.sale.completed_at)
                groups.setdefault((line.affiliate, key[1], line.program_id, month), []).append((fold, line))
        for group in groups.values():
            group.sort(key=lambda p: (p[1].sale.completed_at, p[1].sale.id))
            for n, (fold, line) in enumerate(group):
                used = sum((self.used_at(f, earlier, line.sale.completed_at) for f, earlier in group[:n]), Fraction(0))
                line.room = max(Fraction(0), Fraction(line.rule['monthly_cap']) - used)
                if line.key in self.stated:
                    line.room = self.stated[line.key].room
                self.hit('M7 cap', line.key)

    def used_at(self, fold, line, at):
        """What an earlier line of the cap holds at an instant: nothing if void, else its capped net then."""
        if line.sale.void:
            return Fraction(0)
        return min(line.room, rules.net_on(self.world, self.book, fold, line, line.sale.left_at(at)))

    # --- targets (M5)

    def target(self, fold, line, now):
        sale = line.sale
        accrued = rules.amount_on(self.world, self.book, fold, line, sale.amount)
        net = Fraction(0) if sale.void else rules.net_on(self.world, self.book, fold, line, sale.left)
        if line.room is not None:
            if accrued > line.room:
                self.hit('M7 capped', line.key)
            accrued, net = min(accrued, line.room), min(net, line.room)
        stated = self.stated.get(line.key)
        if stated:
            accrued = max(stated.accrued, accrued)
            if net < stated.paid:
                self.hit('M6 negative entry', line.key)
        if accrued > net:
            self.hit('M5 reversed', line.key)
        if accrued > 0:
            self.hit('M5 accrued', line.key)
        suspended = 'suspended' in (self.book.status(line.affiliate, line.order.ordered_at), self.book.status(line.affiliate, now))
        return {'accrued': accrued, 'reversed': accrued - net, 'void': sale.void, 'paid': Fraction(0),
                'eligible_at': sale.completed_at + line.rule['hold'], 'held_by_time': not (sale.dispute_open or suspended)}

    # --- payments

    def eligibility(self, result, key, now):
        """must, may or never be paid now; a negative line never waits for a hold."""
        target = result.commissions[key]
        owed = target['accrued'] - target['reversed'] - target['paid']
        if owed < 0:
            return 'must'
        if key not in result.lines:
            return 'may'
        fold, line = result.lines[key]
        status = self.book.status(line.affiliate, now)
        suspended_then = self.book.status(line.affiliate, line.order.ordered_at) == 'suspended'
        if line.sale.dispute_open or target['eligible_at'] > now or status == 'suspended' and suspended_then:
            return 'never'
        if line.rule['ladder'] is not None or line.rule['monthly_cap'] is not None or suspended_then or status != 'active' or owed == 0:
            return 'may'
        return 'must'

    def state_line(self, result, key, paid):
        """The line was stated with this sum paid in all; its decisions are pinned now."""
        target = result.commissions[key]
        fold, line = result.lines.get(key, (None, None))
        old = self.stated.get(key)
        if line is None:
            if old:
                old.paid = paid
            return
        self.stated[key] = Stated(max(target['accrued'], old.accrued if old else 0), paid, line.band, line.room)
        self.hit('M10 paid', key)
        pins = self.order_pins.setdefault((fold.customer, fold.program_id), {})
        pins.setdefault(line.order.key, (line.decision.affiliate, line.order.number))
        self.rule_pins.setdefault(line.sale.id, [k for k in result.lines if k[0] == line.sale.id])
