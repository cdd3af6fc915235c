"""Rule texts that rules may not use, by class. A fragment of a class stands somewhere in an expression that would be
allowed without it, so that it is known what must be refused, and where.
"""
import os
import re
from dataclasses import dataclass, field

NOT_ALLOWED, NOT_VALID, EITHER = {'AF001'}, {'AF002'}, {'AF001', 'AF002'}


@dataclass
class Forbidden:
    name: str                   # of the class
    kind: str                   # condition or amount
    text: str
    states: set                 # SQLSTATEs that it may be refused with
    span: tuple = None          # first and last character that the error may name; None: any of the text, or its end
    placeless: bool = False     # PostgreSQL knows no place, or it is about the whole text
    fragment: str = field(default='', repr=False)


HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = re.compile(r'\[([a-z ]+): ([A-Z0-9|]+) ([a-z]+)\]$')
ODD_CHARACTERS = ['\u00a0', '\u200b', '\ufeff', '\u2028', '\u202e', '\u0001', '\u007f', '\u0085', '\u2018x\u2019', '\u201cnet\u201d', '\u00d7 2', '\u2212 1',
                  '\u2264 5', '\u00e9', '\uff11', '\u0663', '\U0001f4b0', '\U0010ffff', '\ufffd', '\u0301', '\u2003', '\u3000', '\u00ad', '\u0008', '\u001b[31m',
                  '\u00ab', '\u20ac5', '\u2260 1']
DEEP = [('(' * 9990 + 'true', NOT_VALID), ('(' * 5001 + 'true' + ')' * 4990, NOT_VALID), ("'" + 'x' * 9990, NOT_VALID), ('"' + 'y' * 9000, NOT_VALID),
        ('net' + '.a' * 4000 + ' > 1', NOT_VALID), ('z' * 9000 + '.b = 1', NOT_VALID), ('CASE ' * 1900, NOT_VALID), ('ARRAY[' * 1500, NOT_VALID),
        ('f(' * 4000, NOT_VALID), ('true' + '::a' * 3000, NOT_ALLOWED), ('a.' * 4900 + 'f(1)', NOT_ALLOWED), ('net OPERATOR(%s+) 1 > 1' % ('a.' * 4900), NOT_ALLOWED),
        ('product::' + 'b.' * 4900 + 'c = 1', NOT_ALLOWED), ('$' * 9000, NOT_VALID), ('net > 1 AND ' + '+-' * 2000, NOT_VALID), ('+ ' * 4900, NOT_VALID),
        ('NOT ' * 2400, NOT_VALID), ('net > ' + '9' * 9900, NOT_ALLOWED), ('/*' * 4900, NOT_VALID), ('product = $a$' + 'x' * 9900, NOT_VALID)]
COMPLEX = ['NOT ' * 1500 + 'true', '- ' * 1500 + 'net > 1', 'net' + ' + net' * 700 + ' > 1', '(' * 40 + 'is_first_purchase' + ' BETWEEN true AND false)' * 40,
           '(' * 40 + 'is_first_purchase' + ' IN (is_first_purchase, is_first_purchase))' * 40, 'true' + ' AND true' * 1000, 'level IN (%s)' % ','.join(['1'] * 1000),
           'product = ANY (ARRAY[%s])' % ','.join(["''"] * 1000), 'abs(' * 1000 + 'net' + ')' * 1000 + ' > 1', 'CASE WHEN true THEN ' * 400 + 'true' + ' END' * 400,
           'net' + '::text::numeric' * 600 + ' > 1']
LONG = [text % fill for text in ("product = '%s'", '/* %s */ true', 'true -- %s', '"%s" > 1', "metadata @> '\"%s\"'") for fill in ('x' * 10000, 'é' * 5001, 'x' * 100000, '😀' * 2501)]
EMPTY = ['', ' ', '\n\t', '-- nothing', '/* nothing */', ' -- a\n/* b */ ']
WRONG_KIND = {'condition': ['{num} + 1', '{int} * 2', '{text} || {text}', 'coalesce({tstz}, {tstz})', '{json} -> {key}', '{num}::text'],
              'amount': ['{bool} OR {bool}', '{text} || {text}', 'coalesce({tstz}, {tstz})', '{json} -> {key}', '{num} > 1', '{int}::bool']}
WITHOUT_FRAGMENTS = ['too long', 'too complex', 'deep', 'wrong kind', 'empty']


def read_classes():
    """{class: (SQLSTATEs, where its fragments stand, fragments)} of forbidden.txt, one fragment a line."""
    classes = {'odd character': (NOT_VALID, 'operand', ODD_CHARACTERS)}
    with open(os.path.join(HERE, 'forbidden.txt'), encoding='utf-8') as file:
        for line in file.read().split('\n'):
            head = HEAD.match(line)
            if head:
                fragments = []
                classes[head.group(1)] = (set(head.group(2).split('|')), head.group(3), fragments)
            elif line:
                fragments.append(line)
    return classes


class Maker:
    """catalog: names of what the server has and rules may not use: {'functions': [(call)], 'operators': [...], 'types': [...]}."""

    def __init__(self, rng, grammar, catalog):
        self.rng, self.grammar = rng, grammar
        self.catalog = {'catalog ' + name: calls for name, calls in catalog.items()}
        self.of_class = read_classes()
        self.each = [(name, fragment) for name, (_, _, fragments) in self.of_class.items() for fragment in fragments]
        self.classes = list(self.of_class) + list(self.catalog) + WITHOUT_FRAGMENTS
        self.without_fragments = list(self.catalog) * 3 + WITHOUT_FRAGMENTS
        self.turns = {name: 0 for name in WITHOUT_FRAGMENTS}
        rng.shuffle(self.each)
        self.turn = 0

    def next(self):
        """Fragment after fragment, so that none is left out; every fifth is of a class that has none."""
        self.turn += 1
        if self.turn % 5:
            return self.around(*self.each[(self.turn - self.turn // 5) % len(self.each)])
        name = self.without_fragments[self.turn // 5 % len(self.without_fragments)]
        if name in self.catalog:
            return self.embed(name, EITHER, self.rng.choice(self.catalog[name]))
        self.turns[name] += 1
        return self.whole(name, self.turns[name])

    def around(self, name, template):
        states, stands, _ = self.of_class[name]
        self.grammar.columns_only = True
        fragment = self.allowed(template)
        self.grammar.columns_only = False
        return self.embed(name, states, fragment) if stands == 'inside' else self.beside(name, states, stands, fragment)

    def allowed(self, template, depth=1):
        self.grammar.left = 12
        return self.grammar.fill(template, depth).replace('\ue000', '')

    def embed(self, name, states, fragment):
        kind = self.rng.choice(['condition', 'amount'])
        wholes = (['(\ue004) IS NULL', '{bool} AND (\ue004) IS NOT NULL', '(\ue004) IS NOT NULL OR {bool}', 'CASE WHEN {bool} THEN (\ue004) IS NULL ELSE {bool} END']
                  if kind == 'condition' else
                  ['CASE WHEN (\ue004) IS NULL THEN {num} ELSE {num} END', '{num} + CASE WHEN {bool} AND (\ue004) IS NULL THEN 1 END'])
        whole = self.rng.choice(wholes)
        before, after = (self.allowed(part) for part in whole.split('\ue004'))
        # The parenthesis before it may be its place, and what comes after it.
        return Forbidden(name, kind, before + fragment + after, states, (max(len(before), 1), len(before) + len(fragment.rstrip()) + 1), fragment=fragment)

    def beside(self, name, states, stands, fragment):
        """Before or behind an allowed expression, in the place of an operand, or alone."""
        kind = self.rng.choice(['condition', 'amount'])
        before = after = ''
        if stands == 'operand':
            before = self.allowed('{bool} OR ' if kind == 'condition' else '{num} + ')
        elif stands == 'behind':
            before = self.allowed('{bool} OR {bool}' if kind == 'condition' else '{num} + {num}') + ' '
        elif stands == 'before':
            after = ' ' + self.allowed('{bool} OR {bool}' if kind == 'condition' else '{num} + {num}')
        span = (len(before) + 1, len(before) + len(fragment) + 1)
        return Forbidden(name, kind, before + fragment + after, states, span, name in ('byte', 'locking clause'), fragment)

    def whole(self, name, number):
        if name == 'wrong kind':
            kind = self.rng.choice(['condition', 'amount'])
            return Forbidden(name, kind, self.allowed(self.rng.choice(WRONG_KIND[kind])), NOT_VALID)
        if name == 'deep':                      # within the length; the parser, or the count, has to stop
            return Forbidden(name, 'condition', *DEEP[number % len(DEEP)])
        if name == 'too complex':
            return Forbidden(name, 'condition', COMPLEX[number % len(COMPLEX)], NOT_ALLOWED)
        if name == 'too long':
            return Forbidden(name, 'condition', LONG[number % len(LONG)], NOT_ALLOWED, placeless=True)
        return Forbidden(name, 'amount', EMPTY[number % len(EMPTY)], NOT_VALID, placeless=True)
