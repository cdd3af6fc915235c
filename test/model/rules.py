"""What a rule sees and what it gives (M4, M5, W8): one sale as one beneficiary sees it."""
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from rulebook import rounded

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Expression:
    """An SQL expression over rule_input and the same thing in Python over a dict of its fields."""
    sql: str
    value: object


@dataclass
class Line:
    """What one rule gives one beneficiary for one sale, before ladders, caps and payments."""
    sale: object
    order: object
    decision: object
    rule: dict
    affiliate: str
    level: int
    rate: Fraction
    position: int = None
    band: dict = None
    room: Fraction = None

    @property
    def key(self):
        return (self.sale.id, (self.rule['plan_id'], self.rule['version'], self.rule['sequence_no']), self.affiliate, self.level)

    @property
    def program_id(self):
        return self.sale.row['program_id']


def coupon_kind(book, program_id, order, affiliate):
    """own, other or house: of the first code listed that is valid; none without one."""
    for sale in order.listed:
        for code in sale.inputs['coupon_codes'] or []:
            row = book.coupon(code, program_id, order.ordered_at)
            if row:
                return 'house' if row['affiliate'] is None else 'own' if row['affiliate'] == affiliate else 'other'
    return 'none'


def rule_input(world, book, fold, line, left):
    """The fields of affiliate.rule_input that generated rules name; left = what is not taken back."""
    sale, order, decision, rate = line.sale, line.order, line.decision, line.rate
    amount = sale.amount
    base = amount - (sale.content['tax'] or 0) - (sale.content['wallet_credit'] or 0)
    proportion = left / amount if amount else Fraction(0)
    since_first = sale.completed_at - order.first_at if order.first_at and order.first_at <= sale.completed_at else timedelta(0)
    number = order.would_be
    band = line.band or {}
    return {
        'transaction_type': sale.row['transaction_type'], 'sale_kind': sale.kind, 'product': sale.content['product_id'],
        'account_size': sale.content['account_size'], 'gross': amount * rate, 'base': base * rate,
        'net': base * proportion * rate, 'refunded': (amount - left) * rate, 'currency': sale.row['currency'],
        'original_gross': amount, 'purchase_number': number, 'is_first_purchase': number == 1 if number else None,
        'days_since_first_purchase': since_first // DAY,
        'customer_country': fold.attribute('country_code', sale.completed_at),
        'kyc_status': fold.attribute('kyc_status_id', sale.completed_at),
        'method': decision.method, 'coupon_kind': coupon_kind(book, line.program_id, order, decision.affiliate),
        'affiliate': line.affiliate, 'level': line.level, 'position': line.position,
        'band': band.get('band'), 'band_rate': band.get('rate'), 'band_amount': band.get('amount'),
    }


def applies(world, book, fold, line):
    """Conditions always see the sale with nothing taken back (M5)."""
    types = line.rule['transaction_types']
    if types is not None and line.sale.row['transaction_type'] not in types:
        return False
    return line.rule['condition'].value(rule_input(world, book, fold, line, line.sale.amount)) is True


def rule_value(world, book, fold, line, left):
    """The amount of a rule, unrounded and not below zero, where `left` of the sale is not taken back."""
    return max(Fraction(0), line.rule['amount'].value(rule_input(world, book, fold, line, left)) or Fraction(0))


def amount_on(world, book, fold, line, left):
    """The rounded amount of a rule, before caps."""
    exponent = world.exponents[world.programs[line.program_id]['currency']]
    return rounded(rule_value(world, book, fold, line, left), line.rule, exponent)


def net_on(world, book, fold, line, left):
    """What is kept of the accrued amount before caps: recomputed, in proportion, or all."""
    full = amount_on(world, book, fold, line, line.sale.amount)
    mode = line.rule['take_back']
    if left == line.sale.amount or mode == 'keep':
        return full
    if left == 0:
        return Fraction(0)
    if mode == 'proportional':
        exponent = world.exponents[world.programs[line.program_id]['currency']]
        value = rule_value(world, book, fold, line, line.sale.amount)
        return min(full, rounded(value * left / line.sale.amount, line.rule, exponent))
    return min(full, amount_on(world, book, fold, line, left))


def choose(world, book, fold, sale, order, decision, affiliate, beneficiary, level, rate):
    """The rules that fire: in their order, one per group."""
    at = order.ordered_at
    if world.programs[sale.row['program_id']]['plan_change'] == 'new_customers':
        at = decision.referred_at
    chosen, groups = [], set()
    for rule in book.rules(affiliate, sale.row['program_id'], at, beneficiary, level):
        line = Line(sale, order, decision, rule, affiliate, level, rate)
        if rule['ladder'] is not None:
            line.band = first_band(world, line)
        if rule['rule_group'] in groups or not applies(world, book, fold, line):
            continue
        if rule['rule_group'] is not None:
            groups.add(rule['rule_group'])
        chosen.append(line)
    return chosen


def first_band(world, line):
    return band_of(world, line, 1)


def band_of(world, line, position):
    bands = world.ladders[(line.program_id, line.rule['ladder'])]['bands']
    fits = [b for b in bands if b['from_position'] <= position]
    return max(fits, key=lambda b: b['from_position']) if fits else None
