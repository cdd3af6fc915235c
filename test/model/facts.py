"""What was said: the facts and the rulebook as plain Python data, and the operations that write them.

An operation knows its SQL and what it means to the World. The World keeps every state a row ever had with the
instant it was recorded; it decides nothing.
"""
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

FOREVER = datetime.max
NEVER_BEGAN = datetime.min

TX_COLUMNS = ('customer_id', 'transaction_id', 'program_id', 'transaction_type', 'status', 'currency', 'amount',
              'ordered_at', 'completed_at', 'refunded_at', 'status_at', 'refunded_amount', 'refund_reason', 'order_id',
              'line_no', 'account_id', 'original_transaction_id', 'original_account_id', 'original_challenge_id',
              'product_id', 'account_size', 'tax', 'wallet_credit', 'coupon_codes', 'click_id', 'affiliate_id',
              'campaign_id', 'payment_fingerprint', 'is_test', 'source')
CUSTOMER_COLUMNS = ('customer_id', 'program_id', 'signup_date', 'affiliate_id', 'last_modified_date', 'click_id',
                    'country_code', 'kyc_status_id', 'payment_fingerprint', 'source')
DISPUTE_COLUMNS = ('dispute_id', 'transaction_id', 'ref_source', 'ref_kind', 'ref_external_id', 'amount', 'opened_at',
                   'closed_at', 'outcome', 'lost_amount')
FACT_TABLES = {'transaction': ('transaction_id', TX_COLUMNS, 'transaction_id'),
               'customer': ('customer_id', CUSTOMER_COLUMNS, 'customer_id'),
               'dispute': ('dispute_id', DISPUTE_COLUMNS, 'dispute_id')}


@dataclass
class State:
    """One state of a fact row; recorded_at is its arrival."""
    row: dict
    recorded_at: datetime


@dataclass
class World:
    """Everything known. Rulebook rows are dicts keyed as in the tables, with names instead of numbers."""
    programs: dict = field(default_factory=dict)
    affiliates: dict = field(default_factory=dict)
    statuses: list = field(default_factory=list)
    uplines: list = field(default_factory=list)
    aliases: dict = field(default_factory=dict)
    campaigns: dict = field(default_factory=dict)
    traffic: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    coupons: list = field(default_factory=list)
    plans: list = field(default_factory=list)
    rules: list = field(default_factory=list)
    ladders: dict = field(default_factory=dict)
    agreements: list = field(default_factory=list)
    fx: list = field(default_factory=list)
    overrides: list = field(default_factory=list)
    restart_rules: dict = field(default_factory=dict)
    types: dict = field(default_factory=dict)
    exponents: dict = field(default_factory=dict)
    clicks: dict = field(default_factory=dict)
    stitches: set = field(default_factory=set)
    customer_aliases: dict = field(default_factory=dict)
    accounts: dict = field(default_factory=dict)
    refs: dict = field(default_factory=dict)
    transaction: dict = field(default_factory=dict)
    customer: dict = field(default_factory=dict)
    dispute: dict = field(default_factory=dict)

    def canonical(self, customer_id):
        return self.customer_aliases.get(customer_id, customer_id)

    def write(self, table, row, now):
        key, columns, _ = FACT_TABLES[table]
        states = getattr(self, table).setdefault(row[key], [])
        full = {c: row.get(c) for c in columns}
        if not states or states[-1].row != full:
            states.append(State(full, now))

    def update(self, table, key_value, changes, now):
        states = getattr(self, table).get(key_value)
        if states:
            self.write(table, {**states[-1].row, **changes}, now)


def literal(value):
    """An SQL literal of a Python value."""
    if value is None:
        return 'NULL'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, datetime):
        if value in (FOREVER, NEVER_BEGAN):
            return "'infinity'" if value == FOREVER else "'-infinity'"
        return "'%s+00'" % value.isoformat(sep=' ')
    if isinstance(value, timedelta):
        return "'%d microseconds'" % (value // timedelta(microseconds=1))
    if isinstance(value, (list, tuple)):
        return 'ARRAY[%s]::text[]' % ', '.join(literal(v) for v in value)
    if isinstance(value, Raw):
        return value.sql
    return "'%s'" % value.replace("'", "''")


@dataclass(frozen=True)
class Raw:
    """An SQL expression instead of a literal: a look-up of a number, NaN ..."""
    sql: str


def insert_sql(table, row, suffix=''):
    given = [c for c in row if row[c] is not None]
    return 'INSERT INTO affiliate.%s (%s) VALUES (%s)%s;' % (
        table, ', '.join(given), ', '.join(literal(row[c]) for c in given), suffix)


class Op:
    """One statement. expect_error: it must be refused and leave no trace."""
    expect_error = False
    note = ''

    def sql(self):
        raise NotImplementedError

    def apply(self, world, now):
        """What the statement means; rejected statements mean nothing."""


@dataclass
class Write(Op):
    """INSERT .. ON CONFLICT DO UPDATE SET <all columns> of a fact row."""
    table: str
    row: dict

    def sql(self):
        key, columns, conflict = FACT_TABLES[self.table]
        given = [c for c in columns if self.row.get(c) is not None or c in key]
        keys = {key}
        sets = ', '.join('%s = excluded.%s' % (c, c) for c in columns if c not in keys and c != 'is_test')
        if self.table == 'transaction':
            sets += ', is_test = excluded.is_test'
        return 'INSERT INTO affiliate.%s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s;' % (
            self.table, ', '.join(given), ', '.join(literal(self.row.get(c)) for c in given), conflict, sets)

    def apply(self, world, now):
        world.write(self.table, self.row, now)


@dataclass
class Insert(Write):
    """A plain INSERT of a fact row that is new."""

    def sql(self):
        _, columns, _ = FACT_TABLES[self.table]
        return insert_sql(self.table, {c: self.row.get(c) for c in columns})

    def apply(self, world, now):
        key = FACT_TABLES[self.table][0]
        if self.row[key] not in getattr(world, self.table):
            super().apply(world, now)


@dataclass
class Update(Op):
    """UPDATE of some columns of a fact row; of a row that is not there it does nothing."""
    table: str
    key_value: str
    changes: dict

    def sql(self):
        key = FACT_TABLES[self.table][0]
        return 'UPDATE affiliate.%s SET %s WHERE %s = %s;' % (
            self.table, ', '.join('%s = %s' % (c, literal(v)) for c, v in self.changes.items()), key, literal(self.key_value))

    def apply(self, world, now):
        world.update(self.table, self.key_value, self.changes, now)


@dataclass
class Add(Op):
    """A row of the rulebook or of a small fact table: the SQL text and the change to the World."""
    text: str
    change: object          # (attribute of World, key or None, value)
    unless: object = None   # (attribute, key): the row is there already, so the statement does nothing

    def sql(self):
        return self.text

    def apply(self, world, now):
        attribute, key, value = self.change
        target = getattr(world, attribute)
        value = deepcopy(value)
        if isinstance(value, dict):
            value['recorded_at'] = now
        if isinstance(target, set):
            target.add(value)
        elif isinstance(target, list):
            target.append(value)
        elif key not in target:
            target[key] = value


@dataclass
class Many(Op):
    """Several operations in one transaction."""
    ops: list

    def sql(self):
        return 'BEGIN; ' + ' '.join(o.sql() for o in self.ops) + ' COMMIT;'

    def apply(self, world, now):
        for op in self.ops:
            op.apply(world, now)


@dataclass
class Reject(Op):
    """A statement that must be refused and leave no trace."""
    text: str
    note: str = ''
    expect_error = True

    def sql(self):
        return self.text


@dataclass
class Pay(Op):
    """record_payment: states and pays the affiliate's eligible lines."""
    affiliate: str
    program: str
    reference: str

    def sql(self):
        return 'SELECT count(*) FROM affiliate.record_payment(%s, %s, affiliate._now(), %s);' % (
            literal(self.affiliate), literal(self.program), literal(self.reference))
