"""Makes a failing history small: drops steps and set-up operations as long as the same kind of mismatch stays."""
import re

from generate import History
from generate_rulebook import START


def kind_of(problem):
    """The kind of a mismatch, without names, numbers and times."""
    if problem is None:
        return None
    found = re.search(r'(conversion|commission|ownership|refused|accepted, but|verify|settling twice|paid|did not pay|queue)', problem)
    field = re.search(r'(state|affiliate|quantity|gross|refunded|charged|number|accrued|reversed|paid|is_void)\b', problem[found.end():]) if found else None
    words = re.search(r'expected ([a-z-]+)[^,]*, got ([a-z-]+)', problem)
    return (found and found.group(1), field and field.group(1), words and words.groups())


def shrink(history, play):
    target = kind_of(play(history))
    if target is None:
        return history
    steps = drop(history.steps, lambda steps: bool(steps) and kind_of(play(History(history.seed, history.setup, steps))) == target)
    setup = drop(history.setup, lambda setup: kind_of(play(History(history.seed, setup, steps))) == target)
    return History(history.seed, setup, steps)


def drop(items, still_fails):
    """Removes blocks of halving size."""
    size = max(1, len(items) // 2)
    while size:
        n = len(items) - size
        while n >= 0:
            fewer = items[:n] + items[n + size:]
            if still_fails(fewer):
                items = fewer
            n -= size
        size //= 2
    return items


def script(history):
    """The history as a script for psql."""
    lines = ['-- seed %d' % history.seed]
    lines.append("SET pg_affiliate.now = '%s+00';" % (history.steps[0][0] if history.steps else START))
    lines += [op.sql() for op in history.setup]
    for now, op in history.steps:
        lines.append("SET pg_affiliate.now = '%s+00'; SELECT affiliate.drain();" % now)
        lines.append(op.sql() + ('  -- must be refused: ' + op.note if op.expect_error else ''))
    lines.append('SELECT affiliate.drain();')
    return '\n'.join(lines)
