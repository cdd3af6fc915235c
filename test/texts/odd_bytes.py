"""Texts of any bytes but zero, which only a database of encoding SQL_ASCII lets through: each is refused as every text is, or
accepted and evaluated.
"""
from grammar import rule_text
from server import BYTES, Psql, make

HOW_MANY = {'quick': 30, 'normal': 150, 'full': 1000}


def text(rng, grammar, kind):
    """An allowed one with a few bytes changed or put in; every fourth is bytes alone."""
    if rng.random() < 0.25:
        return bytes(rng.randrange(1, 256) for _ in range(rng.randrange(1, 40)))
    found = bytearray(rule_text(grammar.text(kind, 2, 15)).encode())
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(found))
        byte = rng.randrange(128, 256) if rng.random() < 0.7 else rng.randrange(1, 128)
        if rng.random() < 0.5:
            found[at] = byte
        else:
            found.insert(at, byte)
    return bytes(found)


def play(texts, size):
    make(BYTES, 'SQL_ASCII')
    psql = Psql(BYTES)
    try:
        psql.ask('CREATE EXTENSION pg_affiliate; SELECT affiliate.setup()')
        psql.read('subject.sql')
        psql.ask("INSERT INTO texts.input VALUES (0, jsonb_populate_record(NULL::affiliate.rule_input, '{\"net\": 5, \"product\": \"a\"}'))")
        accepted = placed = 0
        for _ in range(HOW_MANY[size]):
            kind = texts.rng.choice(['condition', 'amount'])
            odd = text(texts.rng, texts.grammar, kind)
            as_text = "convert_from(decode('%s', 'hex'), 'SQL_ASCII')" % odd.hex()
            answer = psql.json("SELECT (a - 'message' - 'detail' - 'hint') || jsonb_build_object('place', substring(a ->> 'detail' FROM 'at character ([0-9]+) of the %s\\.$'),"
                               " 'has_hint', a ->> 'hint' <> '') FROM texts.checked('%s', %s) AS a" % (kind, kind, as_text))[0]
            if 'state' not in answer:
                accepted += 1
                state = psql.value("SELECT (texts.evaluated('%s', %s, 0))[1]" % (kind, as_text))
                if not state.startswith(('00', '22')):
                    texts.fail('bytes: evaluation gave %s' % state, repr(odd))
            elif answer['state'] not in ('AF001', 'AF002') or not answer['has_hint'] or not 1 <= int(answer['place'] or 1) <= len(odd) + 1:
                texts.fail('bytes: refused wrongly', repr(odd), str(answer))
            else:
                placed += answer['place'] is not None
        texts.check('bytes: some are accepted, and most of the others are told a place', accepted > 0 and placed * 10 > (HOW_MANY[size] - accepted) * 7, True)
        print('%d texts of any bytes: %d accepted, %d refused with a place' % (HOW_MANY[size], accepted, placed))
    finally:
        psql.close()
