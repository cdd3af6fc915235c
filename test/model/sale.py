"""One sale and all its news: M1-M4 and M6. From the set of reports to what was charged, taken back and when.

Nothing here remembers anything: every call starts from the reports.
"""
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from facts import FOREVER

TIMES = ('ordered_at', 'completed_at', 'refunded_at', 'status_at')
EFFECTS = {w: w for w in ('pending', 'completed', 'failed', 'cancelled', 'refunded', 'refund_failed', 'disputed',
                          'chargeback', 'dispute_won', 'reinstated')}
EFFECTS.update(paid='completed', approved='completed', succeeded='completed', canceled='cancelled', voided='cancelled',
               declined='failed')
FOLLOWS_COMPLETION = {'completed', 'refunded', 'refund_failed', 'disputed', 'chargeback', 'dispute_won', 'reinstated'}
CONTENT = ('amount', 'tax', 'wallet_credit', 'product_id', 'account_size')
# the order of subjects at one instant (M2): without id, cumulative, dispute, refund
OWN, CUMULATIVE, DISPUTE, REFUND = range(4)


def money(value):
    return None if value is None else Fraction(value)


@dataclass
class Report:
    """A state of a row that is not a duplicate, with what changed against the state before it."""
    row: dict
    previous: dict
    arrival: datetime

    @property
    def changed_times(self):
        """The time columns that say when this news happened; empty for an untimed UPDATE (M1)."""
        if self.previous is None:
            return {c: self.row[c] for c in TIMES if self.row[c]}
        return {c: self.row[c] for c in TIMES if self.row[c] and self.row[c] != self.previous[c]}

    @property
    def untimed(self):
        return self.previous is not None and all(self.row[c] == self.previous[c] for c in TIMES)

    @property
    def effect(self):
        return EFFECTS[self.row['status']]

    def own_time(self, *columns):
        """The first of these columns that carries the time of this news, else its arrival."""
        if self.untimed:
            return self.arrival
        for column in columns:
            if self.row[column]:
                return self.row[column]
        return self.arrival

    def news_time(self, *columns):
        """As own_time, but a column that came with this report goes before one that was left as it was."""
        if not self.untimed:
            for column in columns:
                if column in self.changed_times:
                    return self.row[column]
        return self.own_time(*columns)

    def word_time(self):
        """When a status word was given; a refund's date only where it came with the word."""
        changed = self.changed_times if self.previous else {}
        if 'status_at' not in changed and 'refunded_at' in changed:
            return changed['refunded_at']
        return self.own_time('status_at')

    def time(self):
        """When this report as a whole happened."""
        effect, changed = self.effect, self.changed_times
        if effect == 'pending':
            return self.own_time('status_at', 'ordered_at')
        if effect == 'completed':
            fresh = [changed[c] for c in ('status_at', 'completed_at') if c in changed]
            return max(fresh) if fresh else self.own_time('status_at', 'completed_at', 'ordered_at')
        if effect in ('refunded', 'refund_failed'):
            return self.own_time('refunded_at', 'status_at')
        return self.own_time('status_at')


def reports_of(states):
    """M1: equal content is a duplicate and keeps the time of the first."""
    seen, reports, previous = [], [], None
    for state in states:
        if state.row not in seen:
            seen.append(state.row)
            reports.append(Report(state.row, previous, state.recorded_at))
        previous = state.row
    return reports


def news_row_time(report):
    """W8: on refund, chargeback and adjustment rows the date is the time of that news."""
    if report.previous is None:
        return report.own_time('completed_at', 'refunded_at', 'status_at', 'ordered_at')
    changed = report.changed_times
    return max(changed.values()) if changed else report.own_time('status_at', 'completed_at', 'refunded_at', 'ordered_at')


@dataclass
class News:
    """One report of one sub-state, in the order of M2 and M4."""
    at: datetime
    kind: int
    id: str
    rank: int
    word: str
    amount: Fraction = None
    bonus: bool = False
    settles: bool = False     # a word that names no dispute

    def order(self):
        return (self.at, self.kind, self.id, self.rank, -1 if self.amount is None else self.amount)


@dataclass
class Moment:
    """What was taken back from an instant on."""
    at: datetime
    refunded: Fraction
    charged: Fraction
    opened: Fraction          # in open disputes, where the program reverses at the opening
    left: Fraction
    is_zero: bool = False     # refunded, lost or adjusted away; an open dispute alone is no reversal


@dataclass
class Sale:
    id: str
    row: dict
    reports: list
    ordered_at: datetime = None
    completed_at: datetime = None
    first_completed_recorded: datetime = None
    content: dict = field(default_factory=dict)
    inputs: dict = field(default_factory=dict)
    moments: list = field(default_factory=list)
    adjusted: Fraction = Fraction(0)
    disputes: dict = field(default_factory=dict)
    void: bool = False
    dispute_open: bool = False
    zero_since: datetime = None
    excess: bool = False

    @property
    def amount(self):
        return self.content['amount'] or Fraction(0)

    @property
    def refunded(self):
        return min(self.amount, self.moments[-1].refunded) if self.moments else Fraction(0)

    @property
    def charged(self):
        return min(self.amount - self.refunded, self.moments[-1].charged) if self.moments else Fraction(0)

    @property
    def left(self):
        """M4: take-backs first, then adjustments, clamped once to 0..gross."""
        return self.left_at(FOREVER)

    def left_at(self, at):
        left = self.amount
        for moment in self.moments:
            if moment.at <= at:
                left = moment.left
        return left

    def open_at(self, at):
        """W12: completed and not wholly taken back by news before that time."""
        refunded, charged, _ = taken_at(self, at)
        return self.completed_at is not None and self.completed_at <= at and refunded + charged < self.amount


def read_sale(sale_id, states, program):
    """Completion, dates, content and inputs (M2, W8, W11) from the row's own reports."""
    reports = reports_of(states)
    sale = Sale(sale_id, states[-1].row, reports)
    given = [r.row['ordered_at'] for r in reports if r.row['ordered_at']]
    dates = [r.row[c] for r in reports for c in TIMES if r.row[c]]
    sale.ordered_at = given[0] if given else min(dates) if dates else reports[0].arrival
    completed = [r for r in reports if r.row['completed_at'] or r.effect in FOLLOWS_COMPLETION]
    if completed:
        sale.completed_at = min(completion_date(r, sale) for r in completed)
        sale.first_completed_recorded = min(r.arrival for r in completed)
    read_content(sale)
    for column in ('coupon_codes', 'click_id', 'affiliate_id', 'campaign_id', 'payment_fingerprint'):
        known = sorted((r.time(), n) for n, r in enumerate(reports) if r.row[column])
        sale.inputs[column] = reports[known[0][1]].row[column] if known else None
    return sale


def completion_date(report, sale):
    row = report.row
    return row['completed_at'] or row['ordered_at'] or (report.effect == 'completed' and row['status_at']) or sale.ordered_at


def read_content(sale):
    """M2: field by field from the latest pending, completed and reinstated reports; null leaves it as it was."""
    pieces = []
    for report in sale.reports:
        ranks = {'pending': 0, 'completed': 2, 'reinstated': 3}
        if report.effect in ranks:
            pieces.append((report.time(), ranks[report.effect], report.row))
        elif report.row['completed_at'] or report.effect in FOLLOWS_COMPLETION:
            pieces.append((completion_date(report, sale), 2, report.row))
    pieces.sort(key=lambda p: (p[0], p[1], money(p[2]['amount']) or Fraction(-1), str(sorted(p[2].items(), key=str))))
    for column in CONTENT:
        values = [row[column] for _, _, row in pieces if row[column] is not None]
        if column == 'account_size':            # the size in a refund is what the sale was turned into (M5)
            sold = [row[column] for _, _, row in pieces if row[column] is not None and EFFECTS[row['status']] not in ('refunded', 'refund_failed')]
            values = sold or values
        value = values[-1] if values else None
        sale.content[column] = value if column == 'product_id' else money(value)


def own_news(sale, program):
    """The news in the row's own reports: failures, the cumulative refund, the dispute of its status words."""
    news = []
    keeps_bonus = program['success_bonus_refund'] == 'keep'
    for report in sale.reports:
        row, effect, previous = report.row, report.effect, report.previous
        if effect in ('failed', 'cancelled'):
            news.append(News(report.word_time(), OWN, '', 1, 'failed'))
        if effect == 'reinstated':
            news.append(News(report.word_time(), OWN, '', 3, 'reinstated'))
        if effect in ('disputed', 'chargeback', 'dispute_won'):
            word = {'disputed': 'opened', 'chargeback': 'lost', 'dispute_won': 'won'}[effect]
            rank = {'opened': 0, 'lost': 1, 'won': 2}[word]
            news.append(News(report.word_time(), DISPUTE, '', rank, word))
        is_word = effect in ('refunded', 'refund_failed')
        if row['refunded_amount'] is None and not is_word:
            continue
        same = previous and all(row[c] == previous[c] for c in ('refunded_amount', 'refunded_at', 'refund_reason'))
        if same and not is_word:                # carried along by a report of something else
            continue
        amount = None if row['refunded_amount'] is None else abs(money(row['refunded_amount']))
        if effect == 'refund_failed':
            news.append(News(report.news_time('status_at', 'refunded_at'), CUMULATIVE, '', 1, 'failed', amount))
            continue
        if same and effect == previous['status'] and row['status_at'] == previous['status_at']:
            continue
        bonus = keeps_bonus and row['refund_reason'] in program['success_bonus_reasons']
        at = report.news_time('refunded_at', 'status_at')
        if not is_word and not row['refunded_at'] and not row['status_at'] and amount == 0:
            at = report.time()                  # a zero beside another status is as old as the report
        news.append(News(at, CUMULATIVE, '', 0, 'cumulative', amount, bonus))
    return news


def refund_news(row_states, program):
    """The reports of one refund row."""
    news = []
    for report in reports_of(row_states):
        row = report.row
        bonus = program['success_bonus_refund'] == 'keep' and row['refund_reason'] in program['success_bonus_reasons']
        amount = None if row['amount'] is None else abs(money(row['amount']))
        if report.effect in ('failed', 'cancelled', 'refund_failed'):
            news.append(News(news_row_time(report), REFUND, row['transaction_id'], 1, 'failed', amount, bonus))
        elif report.effect != 'pending':
            news.append(News(news_row_time(report), REFUND, row['transaction_id'], 0, 'succeeded', amount, bonus))
    return news


def chargeback_news(row_states):
    """The reports of a chargeback transaction: the dispute that its id names (M1, M3)."""
    news = []
    for report in reports_of(row_states):
        word = {'disputed': 'opened', 'pending': None}.get(report.effect, 'lost')
        if report.effect in ('dispute_won', 'reinstated', 'failed', 'cancelled', 'refund_failed'):
            word = 'won'
        if word:
            amount = None if report.row['amount'] is None else abs(money(report.row['amount']))
            news.append(News(news_row_time(report), DISPUTE, report.row['transaction_id'], {'opened': 0, 'lost': 1, 'won': 2}[word], word, amount))
    return news


def dispute_news(states):
    """The reports of one dispute row: each state says it was opened, and how it was closed if it was."""
    news, seen, previous = [], [], None
    for state in states:
        row = state.row
        if row not in seen:
            seen.append(row)
            untimed = previous is not None and all(row[c] == previous[c] for c in ('opened_at', 'closed_at'))
            amount = None if row['amount'] is None else abs(money(row['amount']))
            name = row['dispute_id']
            if previous is None or row['opened_at'] != previous['opened_at'] or row['amount'] != previous['amount'] and not row['outcome']:
                at = state.recorded_at if untimed or not row['opened_at'] else row['opened_at']
                news.append(News(at, DISPUTE, name, 0, 'opened', amount))
            if row['outcome']:
                at = state.recorded_at if untimed or not row['closed_at'] else row['closed_at']
                won = row['outcome'] == 'won'
                lost_amount = abs(money(row['lost_amount'])) if row['outcome'] == 'partial' else amount
                news.append(News(at, DISPUTE, name, 2 if won else 1, 'won' if won else 'lost', lost_amount))
        previous = row
    return news


def judge(sale, program, refunds, chargebacks, disputes, adjustments, hit):
    """M2-M6: fold all news of the sale in their order into moments, then void or reversal.

    refunds, chargebacks, adjustments: lists of row states; disputes: {dispute_id: states}.
    """
    news = own_news(sale, program)
    for states in refunds:
        news += refund_news(states, program)
    rows = [n for states in disputes.values() for n in dispute_news(states)]
    transactions = [n for states in chargebacks for n in chargeback_news(states)]
    words = [n for n in news if n.kind == DISPUTE]
    named = rows or transactions or words       # M3: what names the disputes of the sale; the rest are words
    news = [n for n in news if n.kind != DISPUTE] + named
    if named is not words:
        opened = {}
        for n in named:
            opened[n.id] = min(n.at, opened.get(n.id, n.at))
        for word in (transactions if rows else []) + words:
            for name, at in opened.items():
                if word.word != 'opened' and at <= word.at:
                    news.append(News(word.at, DISPUTE, name, word.rank, word.word, settles=True))
                    hit('M3 word settles a dispute row')
    fold_take_backs(sale, program, sorted(news, key=News.order), adjustments, hit)
    decide_void(sale, program, hit)
    return sale


@dataclass
class Subject:
    """A refund or dispute by id as far as the fold has come."""
    amount: Fraction = None
    word: str = None
    bonus: bool = False
    lost_at: datetime = None


@dataclass
class Total:
    """The cumulative refund; its bonus part is the increase that came with the reason (M4)."""
    amount: Fraction = Fraction(0)
    bonus: Fraction = Fraction(0)
    before: tuple = (Fraction(0), Fraction(0))
    known: bool = False

    def set(self, amount, is_bonus):
        if amount != self.amount:
            self.before = (self.amount, self.bonus)
            self.amount = amount
        self.bonus = min(self.before[1], amount)
        if is_bonus:
            self.bonus += max(Fraction(0), amount - self.before[0])
        self.known = True

    def fail(self, left):
        partly = left is not None and left < self.amount
        self.set(left if partly else Fraction(0), False)
        self.known = partly


def fold_take_backs(sale, program, news, adjustments, hit):
    amount, completed_at = sale.amount, sale.completed_at
    total = Total()
    failed = False
    refunds, disputes = {}, {}
    counts_open = program['on_dispute_opened'] == 'reverse'

    def lost_total(without=None):
        return sum((d.amount for k, d in disputes.items() if k != without and d.word == 'lost'), Fraction(0))

    def open_total():
        return sum((d.amount for d in disputes.values() if counts_open and d.word == 'opened'), Fraction(0))

    def by_id_total(without=None, with_bonus=True):
        return sum((r.amount for k, r in refunds.items() if k != without and r.word == 'succeeded'
                    and (with_bonus or not r.bonus)), Fraction(0))

    def refund_total():
        if failed:
            return amount
        bonuses = by_id_total() - by_id_total(with_bonus=False)
        return max(total.amount - max(bonuses, total.bonus), by_id_total(with_bonus=False), Fraction(0))

    adjusted = [(at, value) for at, value in sorted(adjustments)]
    sale.adjusted = sum((v for _, v in adjusted), Fraction(0))
    for n in news:
        if n.kind == OWN:
            if n.word == 'reinstated':
                failed = False
            elif completed_at is not None and n.at > completed_at:
                failed = True
                hit('M2 failed after completion')
        elif n.kind == CUMULATIVE:
            if n.word == 'failed':
                total.fail(n.amount)
            elif n.amount is None and not total.known:
                total.set(max(Fraction(0), amount - lost_total()), n.bonus)
            else:
                total.set(total.amount if n.amount is None else n.amount, n.bonus)
            hit('M4 cumulative refund')
        elif n.kind == REFUND:
            subject = refunds.setdefault(n.id, Subject())
            value = n.amount
            if value is None:
                value = subject.amount
                if value is None:
                    value = max(Fraction(0), amount - lost_total() - by_id_total(without=n.id))
                    hit('M4 null means what is left')
            subject.amount, subject.word, subject.bonus = value, n.word, n.bonus
            hit('M4 refund by id')
        else:
            subject = disputes.setdefault(n.id, Subject())
            if n.settles and subject.word not in {'lost': ('opened',), 'won': ('opened', 'lost')}[n.word]:
                continue
            value = n.amount
            if value is None:
                value = subject.amount
                if value is None:
                    value = max(Fraction(0), amount - refund_total() - lost_total(without=n.id))
            subject.amount = value
            if not (n.word == 'opened' and subject.word == 'lost'):
                if n.word == 'lost' and subject.word != 'lost':
                    subject.lost_at = n.at
                subject.word = n.word
            hit('M3 dispute ' + n.word)
        add_moment(sale, n.at, refund_total(), lost_total(), open_total())
    sale.excess = refund_total() + lost_total() > amount or failed and lost_total() > 0
    sale.disputes = disputes
    sale.dispute_open = not counts_open and any(d.word == 'opened' for d in disputes.values())
    for at, _ in adjusted:
        add_moment(sale, at, *taken_at(sale, at), keep_order=True)
        hit('M4 adjustment')
    sale.moments.sort(key=lambda m: m.at)
    for moment in sale.moments:
        signed = sum((v for at, v in adjusted if at <= moment.at), Fraction(0))
        taken = min(amount, moment.refunded + moment.charged + moment.opened)
        moment.left = min(amount, max(Fraction(0), amount - taken + signed))
        moment.is_zero = amount - min(amount, moment.refunded + moment.charged) + signed <= 0


def taken_at(sale, at):
    before = sorted((m for m in sale.moments if m.at <= at), key=lambda m: m.at)
    return (before[-1].refunded, before[-1].charged, before[-1].opened) if before else (Fraction(0),) * 3


def add_moment(sale, at, refunded, charged, opened, keep_order=False):
    """The state after all news of an instant; the fold runs in time order, so the last one of an instant stays."""
    same = [m for m in sale.moments if m.at == at]
    if same and keep_order:
        return
    if same:
        sale.moments.remove(same[0])
    sale.moments.append(Moment(at, refunded, charged, opened, Fraction(0)))


def last_stretch(moments, is_zero):
    """Since when the last unbroken stretch lasts that goes on to the end; None where there is none."""
    since = None
    for moment in moments:
        since = (since or moment.at) if is_zero(moment) else None
    return since


def decide_void(sale, program, hit):
    """M6. Refunds alone keep it at zero from an instant inside the cooling-off on."""
    if sale.completed_at is None:
        return
    sale.zero_since = last_stretch(sale.moments, lambda m: m.is_zero)
    if sale.amount == 0:
        return
    since = last_stretch(sale.moments, lambda m: m.refunded >= sale.amount)
    if since is None:
        if sale.left == 0:
            hit('M6 reversal by dispute')
        return
    lost_before = any(d.word == 'lost' and d.lost_at < since for d in sale.disputes.values())
    inside = since < sale.completed_at + program['cooling_off']
    sale.void = inside and sale.left == 0 and not lost_before
    hit('M6 void' if sale.void else 'M6 reversal')
