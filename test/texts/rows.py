"""Rows of affiliate.rule_input: ordinary sales, and every value that could be special."""

TEXTS = [None, '', 'two_step', 'one_step', 'EUR', 'USD', '12.5', '-3', '1e5', 'NaN', '9' * 64, '9' * 65, 'true', 'a', 'b', 'Z', 'é', 'Ärger', "O'Brien", '100%', 'a_b',
         'back\\slash', ' padded ', '日本語', '😀', 'x' * 1000, '; --', '2147483648', '0', '1']
MONEY = ['0', '1', '100', '99.99', '129.37', '0.01', '-25.50', '1000000', '33.3333333333', '0.005', '2.675', '50000']
LIMITS = ['9' * 76, '0.' + '0' * 75 + '1', '-' + '9' * 40 + '.' + '9' * 36, '1' + '0' * 60, '9223372036854775808', '2147483647.5', '-2147483648.4', '0.' + '3' * 76]
NOT_FINITE = ['NaN', 'Infinity', '-Infinity']
INTEGERS = [None, 0, 1, 1, 2, 3, 7, 30, 365, -1, 2147483647, -2147483648]
TIMES = ['2025-03-30T01:30:00Z', '2025-03-30T00:59:59.999999Z', '2025-10-26T00:30:00Z', '2024-02-29T12:00:00Z', '2025-01-01T00:00:00Z', '1999-12-31T23:59:59Z', None]
FAR_TIMES = ['infinity', '-infinity', '0044-03-15 12:00:00+00 BC', '294276-12-31 23:59:59.999999+00', '4713-11-25 00:00:00+00 BC', '0001-01-01 00:00:00+00']
METADATA = [None, {}, {'channel': 'tv', 'points': 12.5, 'tags': ['x', 'y'], 'device': {'os': 'linux'}, 'flag': True, 'none': None},
            {'channel': None, 'points': '7.25', 'tags': [], 'größe': 'é', '': 'empty', 'deep': {'a': {'b': '3'}}}, ['a', 'b', 1, None], 'tv', 12.50, None, True,
            {'points': '1e5', 'tags': 'none', 'deep': {'a': {'b': [1, [2]]}}, "it's": "O'Brien"}, {'points': '9' * 64}, {'points': 'NaN', 'os': 0}]


def make_row(rng, columns, number):
    """As jsonb_populate_record() takes it. Row 0 is all null; every third holds limits."""
    if number == 0:
        return {}
    special = number % 3 == 0
    row = {}
    for name, kind in columns.items():
        choices = {'text': TEXTS, 'integer': INTEGERS, 'boolean': [True, False, None], 'jsonb': METADATA,
                   'numeric': (MONEY + LIMITS * 2 + (NOT_FINITE if number % 9 == 0 else []) if special else MONEY) + [None],
                   'timestamp with time zone': TIMES + FAR_TIMES if special else TIMES}[kind]
        row[name] = rng.choice(choices)
    return row
