"""Texts of which nobody knows beforehand what they are: allowed ones with a few words changed, and soups of words."""
import re

TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\s+|[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|::|<=|>=|<>|!=|->>|->|\#>>|\#>|\|\||@>|<@|.""", re.S)
WORDS = '''AND OR NOT IS NULL TRUE FALSE UNKNOWN DISTINCT FROM BETWEEN IN ANY ALL CASE WHEN THEN ELSE END coalesce nullif greatest least LIKE ILIKE ESCAPE ARRAY
    AS x SELECT WHERE LIMIT UNION COLLATE "C" AT TIME ZONE 'UTC' interval '1' date 'now' ( ) [ ] , ; . :: = <> < <= > >= + - * / % ^ || ~ ~~ -> ->> #> #>> ? @> <@ $1 1 0 2.5
    1e400 'a' 'NaN' '{a}' E'\\n' :: int numeric text boolean bigint float8 varchar jsonb timestamptz abs round floor lower length now random repeat substr extract year timezone
    net product level is_first_purchase ordered_at metadata ctid rule_input * VARIADIC OVER FILTER WITHIN SYMMETRIC pg_catalog . OPERATOR'''.split()

LIKE = {'word': ['net', 'product', 'level', 'is_first_purchase', 'metadata', 'gross', 'currency', 'purchase_number', 'ordered_at', 'fee', 'abs', 'true'],
        'number': ['0', '1', '2.5', '-3', '100', '1e3', '2147483648', '.5'], 'text': ["'a'", "'1'", "'2025-01-01'", "''", "'two_step'", "'{}'"],
        'sign': ['+', '-', '*', '/', '%', '=', '<>', '<', '<=', '>', '>=', '||']}


def kind_of(token):
    return ('text' if token[0] == "'" else 'word' if token[0].isalpha() or token[0] == '"' else 'number' if token[0].isdigit() else
            'sign' if token in LIKE['sign'] else token)


def mutant(rng, text):
    tokens = TOKEN.findall(text)
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(len(tokens))
        change = rng.randrange(9)
        if change == 0:
            del tokens[at]
        elif change == 1:
            tokens.insert(at, tokens[at] + ' ')
        elif change == 2:
            tokens[at] = ' %s ' % rng.choice(WORDS)
        elif change == 3:
            other = rng.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif change == 4:
            tokens.insert(at, ' %s ' % rng.choice(WORDS))
        else:                                   # like for like: most of these are allowed again
            alike = [k for k, token in enumerate(tokens) if kind_of(token) == kind_of(tokens[at])]
            tokens[at] = rng.choice(LIKE.get(kind_of(tokens[at]), [tokens[rng.choice(alike)]]))
        tokens = tokens or ['net']
    return ''.join(tokens)


def soup(rng):
    return ' '.join(rng.choice(WORDS) for _ in range(rng.choice([1, 2, 3, 3, 5, 8])))
