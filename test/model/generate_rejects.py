"""Statements that must be refused and leave no trace (I2, W13)."""
from decimal import Decimal

from facts import Raw, Reject, Write, insert_sql


def some_sale(h):
    return h.pick_sale()


def changed(h, note, **changes):
    row = some_sale(h)
    if not row:
        return None
    return Reject(Write('transaction', {**row, **changes}).sql(), note)


def other_customer(h):
    row = some_sale(h)
    return row and changed_row(row, 'customer', customer_id='c9')


def changed_row(row, note, **changes):
    return Reject(Write('transaction', {**row, **changes}).sql(), 'changed ' + note)


def update_key(h):
    row = some_sale(h)
    if not row:
        return None
    column, value = h.r.choice([('currency', "'JPY'" if row['currency'] != 'JPY' else "'USD'"), ('customer_id', "'c99'"),
                                ('transaction_type', "'addon_fee'" if row['transaction_type'] != 'addon_fee' else "'challenge_fee'")])
    return Reject("UPDATE affiliate.transaction SET %s = %s WHERE transaction_id = '%s'; " % (column, value, row['transaction_id']),
                  'changed ' + column)


def update_ordered_at(h):
    rows = [r for r in h.sales() if r['ordered_at']]
    if not rows:
        return None
    row = h.r.choice(rows)
    return Reject("UPDATE affiliate.transaction SET ordered_at = ordered_at + interval '1 hour' WHERE transaction_id = '%s';"
                  % row['transaction_id'], 'changed ordered_at')


def same_id_twice(h):
    row = some_sale(h)
    return row and Reject(insert_sql('transaction', {k: row[k] for k in ('customer_id', 'transaction_id', 'program_id', 'transaction_type',
                                                                         'status', 'currency', 'amount')}), 'duplicate key')


def structural(note, **changes):
    def make(h):
        row = h.new_sale(h.r.choice(h.customers))
        row = {k: v for k, v in row.items() if v is not None}
        row.update(changes)
        given = list(row)
        from facts import literal
        return Reject('INSERT INTO affiliate.transaction (%s) VALUES (%s);' % (', '.join(given), ', '.join(
            literal(row[c]) for c in given)), note)
    return make


def click_again(h):
    if not h.world.clicks:
        return None
    click = h.world.clicks[h.r.choice(sorted(h.world.clicks))]
    row = {k: click[k] for k in ('click_id', 'program_id', 'clicked_at')}
    row['affiliate_id'] = 'a5' if click['affiliate_id'] != 'a5' else 'a4'
    return Reject(insert_sql('click', row), 'click re-sent with other content')


def bad_click(h):
    return Reject(insert_sql('click', {'click_id': '', 'program_id': 'p1', 'affiliate_id': 'a1'}), 'empty click id')


def delete_fact(h):
    row = some_sale(h)
    return row and Reject("DELETE FROM affiliate.transaction WHERE transaction_id = '%s';" % row['transaction_id'], 'delete of a fact')


REJECTS = [
    other_customer, update_key, update_ordered_at, same_id_twice, click_again, bad_click, delete_fact,
    structural('unknown program', program_id='nowhere'), structural('unknown currency', currency='QQQ'),
    structural('unknown type', transaction_type='gift'), structural('NaN', amount=Raw("'NaN'")),
    structural('more than 15 digits', amount=Decimal('1234567890123.4567')), structural('empty id', transaction_id=''),
    structural('id too long', transaction_id='x' * 501),
]
