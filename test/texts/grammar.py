"""Rule texts that rules may use, made from a grammar: every column, function, operator and construct of
docs/rule-expressions.md, nested.

A template such as '{num} + {int}' is filled with expressions of the types in braces, in parentheses where they are
composite. One text serves both sides but for one thing: before a text is cast to numeric, rules look whether it is
plain digits (CHECKED); on the reference side a function written for the test does so.
"""
import re

CHECKED = '\ue000'
SLOT = re.compile(r'\{([a-z]+)\}')

FRACTIONS = ['0.0', '1.0', '2.', '100.00', '2.5', '0.01', '0.1', '.5', '7.', '1e3', '12e-2', '99.995', '0.005', '123456789012345678901234567890',
             '9' * 63, '0.' + '0' * 60 + '1', '99999999999999.99', "'12.5'::numeric", "numeric '0.07'", "'1e5'::numeric", 'NULL::numeric']
INTEGERS = ['0', '1', '2', '3', '7', '30', '-1', '2147483647', '(-2147483647 - 1)', "'4'::int", "integer '12'", 'NULL::int', '5::int4']
BIG_INTEGERS = ['2147483649', '-2147483649', '9223372036854775807', '5000000000', '7::bigint', "bigint '0'", 'NULL::int8', '(-1)::bigint']
STRINGS = ['', ' ', 'a', 'b', 'two_step', 'One_Step', 'EUR', 'now', 'today', '12.5', '-0012', '1e5', 'NaN', '+7', '4 2', 'true', 'no', 'ÄÖÜ', 'äé€',
           '日本語', '😀 x', "O'Brien", 'back\\slash', 'two%', '%_step', 'e\u0301', ' padded ', '"quoted"', '; DROP TABLE affiliate.entry; --',
           '$1', '9' * 64, '9' * 65, '{a,b}', '/* no comment */', 'line\nbreak', 'tab\there']
LETTERS = ['É', 'é', 'ÄÖÜ', 'äöü', 'äÖü', 'ß', 'İ', 'ı', 'ǅ']     # which lower and upper leave alone, whatever the locale says
PATTERNS = ['two%', '%step', '_ne%', '%', '', '\\', 'a\\%b', '%é%', '%%__%', 'two\\_step', '%a%b%c%']
TIMES = ['2025-03-01', '2024-02-29', '2025-03-30 01:30', '2025-03-30T01:30', '2025-10-26 02:30:00', '1999-12-31 23:59:59.999999', '2025-01-01 24:00',
         '0001-01-01', '9999-12-31 23:59:60', '2025-06-30 12:00:00.5']
OFFSETS = ['', '', 'Z', '+01', '-08', '+05:30', '+14:00', '-12:00']
ZONES = ['UTC', 'Europe/Prague', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5']
FIELDS = ['year', 'isoyear', 'quarter', 'month', 'week', 'day', 'doy', 'dow', 'isodow', 'hour', 'minute', 'second', 'YEAR', "'month'"]
KEYS = ['channel', 'points', 'tags', 'device', 'os', 'flag', 'none', 'größe', '', 'deep', "it's"]
PATHS = ['{device,os}', '{tags,0}', '{tags,-1}', '{deep,a,b}', '{}', '{points}', '{none,none}']
JSONS = ['{}', '[]', 'null', '1', '12.50', '"tv"', '{"channel": "tv"}', '{"points": 12.5}', '["x"]', '{"device": {"os": "linux"}}', '{"größe": "é"}',
         '[1, [2, [3]]]', '1e100', 'true']

# By the type they give; BASIC is added to each.
TEMPLATES = {
    'bool': '''
        {bool} AND {bool}; {bool} OR {bool}; NOT {bool}; {bool} AND {bool} AND NOT {bool}; {bool} OR {bool} OR {bool}; {bool} = {bool}; {bool} <> {bool}
        {bool} IS TRUE; {bool} IS NOT TRUE; {bool} IS FALSE; {bool} IS NOT FALSE; {bool} IS UNKNOWN; {bool} IS NOT UNKNOWN
        {num} IS NULL; {int} IS NOT NULL; {text} IS NULL; {text} ISNULL; {json} IS NOT NULL; {bool} IS NULL; {tstz} IS NULL; {ts} NOTNULL
        {num} {order} {num}; {num} {order} {int}; {big} {order} {num}; {num} {order} {quoted}; {int} {order} {int}; {int} {order} {int}
        {int} {order} {big}; {int} {order} {big}; {big} {order} {int}; {big} {order} {int}; {big} {order} {big}; {big} {order} {big}; {int} {order} {big}; {big} {order} {int}
        {int} {order} {int}; {big} {order} {big}; {big} {order} {big}; {int} {order} {big}; {big} {order} {int}; {ts} {order} {ts}; {text} {order} {text}
        {text} {order} {text}; {text} {order} {text}; {tstz} {order} {tstz}; {tstz} {order} {tstz}; {tstz} {order} {time}; {ts} {order} {ts}; {ts} {order} {localtime}
        {json} = {json}; {json} <> {json}; {json} = {jsontext}; {json} -> {key} = {jsontext}; {num} OPERATOR(pg_catalog.<=) {num}
        {num} IS DISTINCT FROM {num}; {text} IS NOT DISTINCT FROM {text}; {json} IS DISTINCT FROM {json}; {bool} IS NOT DISTINCT FROM {bool}
        {tstz} IS DISTINCT FROM {time}; {int} IS NOT DISTINCT FROM {big}
        {num} BETWEEN {num} AND {num}; {int} NOT BETWEEN {int} AND {num}; {text} BETWEEN {text} AND {text}; {tstz} BETWEEN {time} AND {time}
        {ts} NOT BETWEEN {ts} AND {localtime}; {big} BETWEEN {int} AND {big}
        {text} IN ({texts}); {text} NOT IN ({texts}); {text} IN ({text}, {text}); {num} IN ({nums}); {int} NOT IN ({ints}); {big} IN ({big}, {int})
        {tstz} IN ({time}, {time}); {bool} IN ({bool}, {bool}); {ts} NOT IN ({localtime}, {ts})
        {text} = ANY (ARRAY[{texts}]); {text} <> ALL (ARRAY[{text}, {text}]); {num} {order} ANY (ARRAY[{num}, {num}]); {int} {order} ALL (ARRAY[{int}, {big}])
        {big} = ANY ('{{2,5000000000}}'); {int} <> ALL ('{{1,2,3}}'); {text} = ANY ('{{a,two_step,"q r"}}'); {text} = SOME (ARRAY[{text}])
        {tstz} >= ANY (ARRAY[{tstz}, {time}]); {ts} < ALL (ARRAY[{ts}]); {bool} = ANY (ARRAY[{bool}, true]); {text} LIKE ANY (ARRAY[{pattern}, {text}])
        {text} LIKE {pattern}; {text} NOT LIKE {pattern}; {text} LIKE {text}; {text} NOT LIKE {text}; starts_with({text}, {text}); {text} ~~ {pattern}
        {json} ? {key}; {json} ? {text}; {json} @> {jsontext}; {json} <@ {jsontext}; {json} @> {json}; {json} <@ {json}
        {int}::bool; CAST({int} AS boolean); {cast}::boolean; {text} = NULL; {num} = NULL; NULL = {int}; {text} IN ({text}, NULL)
        lower({letters}) = {letters}; upper({letters}) = {letters}; lower({text}) = upper({letters}); lower({letters}) LIKE {letters}''',
    'num': '''
        {num} + {num}; {num} - {num}; {num} * {num}; {num} / {num}; {num} % {num}; {num} + {int}; {big} - {num}; {int} * {num}; {num} / {int}; {big} % {num}
        -{num}; +{num}; {num} OPERATOR(pg_catalog.*) {num}; {num} / nullif({num}, 0)
        abs({num}); sign({num}); round({num}); round({num}, {scale}); trunc({num}); trunc({num}, {scale}); floor({num}); ceil({num}); ceiling({num})
        mod({num}, {num}); mod({int}, {num}); div({num}, {num}); div({int}, {int}); pg_catalog.round({num}, {scale})
        {int}::numeric; {big}::numeric; CAST({big} AS pg_catalog.numeric); {int}::decimal; {checked}({cast})::numeric; CAST({checked}({cast}) AS numeric)
        {checked}({json} ->> {key})::numeric; {checked}({json} #>> {path})::numeric
        extract({field} FROM {ts}); extract({field} FROM {ts})''',
    'int': '''
        {int} + {int}; {int} - {int}; {int} * {int}; {int} / {int}; {int} % {int}; -{int}; +{int}; abs({int}); mod({int}, {int})
        length({text}); char_length({text}); char_length({cast}); strpos({text}, {text}); position({text} IN {text}); jsonb_array_length({json})
        {bool}::int; {big}::integer; {num}::int; CAST({num} AS int4); {cast}::int''',
    'big': '''
        {big} + {big}; {big} - {big}; {big} * {big}; {big} / {big}; {big} % {big}; -{big}; +{big}; abs({big}); mod({big}, {big}); mod({int}, {big})
        {int} + {big}; {int} - {big}; {int} * {big}; {int} / {big}; {big} + {int}; {big} - {int}; {big} * {int}; {big} / {int}; {big} % {int}
        {int}::bigint; {num}::int8; {cast}::bigint''',
    'text': '''
        {text} || {text}; {text} || {text} || {text}; lower({text}); upper({text}); left({text}, {int}); right({text}, {int}); substr({text}, {int})
        substr({text}, {int}, {int}); substring({text} FROM {int}); substring({text} FROM {int} FOR {int}); substring({text}, {int}, {int})
        btrim({text}); ltrim({text}); rtrim({text}); trim({text}); trim(both from {text}); trim(leading from {text}); trim(trailing from {text})
        {bool}::text; {int}::text; {big}::text; {num}::text; CAST({num} AS text); {json} ->> {key}; {json} ->> {int}; {json} ->> {text}; {json} #>> {path}
        {json} #>> ARRAY[{text}, {text}]; jsonb_typeof({json})''',
    'tstz': '',
    'ts': '''
        {tstz} AT TIME ZONE {zone}; {tstz} AT TIME ZONE {zone}; timezone({zone}, {tstz})''',
    'json': '''
        {json} -> {key}; {json} -> {int}; {json} -> {text}; {json} #> {path}; {json} #> ARRAY[{text}]''',
}
BASIC = '''CASE WHEN {bool} THEN {T} ELSE {T} END; CASE WHEN {bool} THEN {T} WHEN {bool} THEN {T} END; CASE {text} WHEN {text} THEN {T} ELSE {T} END
    CASE {int} WHEN 1 THEN {T} WHEN {int} THEN {T} END; coalesce({T}, {T}); coalesce({T}, NULL, {T}); nullif({T}, {T})'''
EXTREMES = 'greatest({T}, {T}); least({T}, {T}, {T})'
COLUMN_TYPES = {'text': 'text', 'numeric': 'num', 'integer': 'int', 'boolean': 'bool', 'timestamp with time zone': 'tstz', 'jsonb': 'json'}
OPERAND_TYPES = {**COLUMN_TYPES, 'bigint': 'big', 'timestamp without time zone': 'ts', 'text[]': 'path'}


def split(templates):
    return [t.strip() for line in templates.split('\n') for t in line.split(';') if t.strip()]


class Grammar:
    """columns: {name: type as format_type() has it} of affiliate.rule_input; operators: [(signature, type of the result)]."""

    def __init__(self, rng, columns, operators=()):
        self.rng = rng
        self.sweep = [self.of_operator(*operator) for operator in operators]
        self.swept = 0
        self.columns = {}
        for name, type_name in columns.items():
            self.columns.setdefault(COLUMN_TYPES[type_name], []).append(name)
        self.templates = {}
        for kind, templates in TEMPLATES.items():
            common = BASIC + '\n' + ('' if kind == 'json' else EXTREMES)
            self.templates[kind] = split(templates) * 2 + split(common.replace('{T}', '{%s}' % kind))
        self.left, self.columns_only = 0, False     # columns where a literal could be read as another type

    def text(self, kind, depth, parts=70):
        """A rule text of one kind: 'condition' or 'amount'. Two of five are about an operator, one after the other."""
        self.left = parts
        if self.sweep and self.rng.random() < 0.4:
            self.swept += 1
            template, gives_bool = self.sweep[self.swept % len(self.sweep)]
            return self.fill(('%s' if gives_bool else '(%s) IS NOT NULL') % template if kind == 'condition' else
                             ('CASE WHEN %s THEN {num} ELSE {num} END' if gives_bool else 'CASE WHEN (%s) IS NULL THEN {num} END') % template, depth)
        wanted = 'bool' if kind == 'condition' else self.rng.choice(['num', 'num', 'num', 'int', 'big'])
        return self.fill(self.rng.choice(self.templates[wanted]), depth)

    @staticmethod
    def of_operator(signature, result):
        """A template, and whether it gives a boolean: '=(integer,bigint)' is '{int} = {big}'."""
        sign, types = signature[:-1].split('(')
        left, right = ('{%s}' % OPERAND_TYPES[t] if t != 'NONE' else '' for t in types.split(','))
        return '%s %s %s' % (left, sign, right), result == 'boolean'

    def expression(self, kind, depth):
        """An expression that can stand anywhere: a leaf, or composite and in parentheses."""
        self.left -= 1
        if depth <= 0 or self.left <= 0 or self.rng.random() < 0.15:
            return self.leaf(kind)
        return '(%s)' % self.fill(self.rng.choice(self.templates[kind]), depth - 1)

    def fill(self, template, depth):
        plain = template.replace('{{', '\ue001').replace('}}', '\ue002')
        if self.rng.random() < 0.06:            # blanks and comments mean nothing
            plain = plain.replace(' ', self.rng.choice(['  ', '\n', '\t', ' /* ä; */ ', ' -- "\n']), 1)
        filled = SLOT.sub(lambda slot: self.slot(slot.group(1), depth), plain)
        return filled.replace('\ue001', '{').replace('\ue002', '}')

    def slot(self, name, depth):
        choice = self.rng.choice
        if name in TEMPLATES:
            return self.expression(name, depth)
        if name == 'cast':                      # a text that is no literal: a literal would be read by its new type
            column = self.leaf('text', literals=False)
            return choice([column, 'text ' + self.quote(choice(STRINGS)), self.quote(choice(STRINGS)) + '::text', '(%s)' % self.fill(
                choice(self.templates['text']), depth - 1) if depth > 0 else column])
        lists = {'texts': STRINGS, 'nums': FRACTIONS[:9], 'ints': INTEGERS[:8]}
        if name in lists:
            few = choice([1, 2, 3, 12])
            return ', '.join(self.quote(choice(STRINGS)) if name == 'texts' else choice(lists[name]) for _ in range(few))
        return {'order': lambda: choice(['=', '<>', '<', '<=', '>', '>=', '!=']),
                'quoted': lambda: self.quote(choice(['5', '-0.5', '1e2', ' 7 '])),
                'scale': lambda: str(choice([0, 1, 2, 2, 4, 8, -1, -2, 30, -30])),
                'checked': lambda: CHECKED,
                'field': lambda: choice(FIELDS), 'zone': lambda: self.quote(choice(ZONES)),
                'key': lambda: self.quote(choice(KEYS)), 'path': lambda: self.quote(choice(PATHS)),
                'jsontext': lambda: self.quote(choice(JSONS)), 'letters': lambda: self.quote(choice(LETTERS)), 'pattern': lambda: self.quote(choice(PATTERNS)),
                'time': self.time, 'localtime': lambda: self.quote(choice(TIMES))}[name]()

    def time(self):
        at = self.rng.choice(TIMES)
        return self.quote(at + self.rng.choice(OFFSETS) if ':' in at else at)

    def leaf(self, kind, literals=True):
        choice = self.rng.choice
        if self.columns.get(kind) and (not literals or self.columns_only or self.rng.random() < 0.65):
            return self.name(choice(self.columns[kind]))
        return {'num': lambda: choice(FRACTIONS), 'int': lambda: self.signed(choice(INTEGERS)), 'big': lambda: self.signed(choice(BIG_INTEGERS)),
                'text': lambda: self.quote(choice(STRINGS)) if self.rng.random() < 0.97 else 'NULL::text',
                'bool': lambda: choice(['true', 'false', 'TRUE', 'NULL::boolean', "'yes'::bool", "boolean 'off'"]),
                'tstz': lambda: choice(['timestamptz %s', '%s::timestamptz', 'timestamp with time zone %s']) % self.time(),
                'ts': lambda: choice(['timestamp %s', '%s::timestamp']) % self.quote(choice(TIMES)),
                'json': lambda: choice(['jsonb %s', '%s::jsonb']) % self.quote(choice(JSONS))}[kind]()

    @staticmethod
    def signed(number):
        return '(%s)' % number if number[0] == '-' else number

    def name(self, column):
        """A column as people, editors and generators write it."""
        chance = self.rng.random()
        if chance < 0.9:
            return column
        if chance < 0.94:
            return '"%s"' % column
        if chance < 0.97:
            return column.upper()
        return 'U&"\\%04x%s"' % (ord(column[0]), column[1:])

    def quote(self, text):
        """A string literal in one of its spellings."""
        chance = self.rng.random()
        if chance < 0.88:
            return "'%s'" % text.replace("'", "''")
        if chance < 0.92:
            return "E'%s'" % text.replace('\\', '\\\\').replace("'", "\\'").replace('\n', '\\n')
        if chance < 0.96 and '$' not in text:
            return self.rng.choice(['$$%s$$', '$q$%s$q$']) % text
        return "U&'%s'" % ''.join('\\%04x' % ord(c) if ord(c) < 65536 and (c in "\\'" or self.rng.random() < 0.3) else
                                  '\\+%06x' % ord(c) if ord(c) > 65535 else c for c in text)


def rule_text(text):
    return text.replace(CHECKED, '')


def reference_text(text):
    return text.replace(CHECKED, 'plain.number')
