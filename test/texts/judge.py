"""What one text must come to: the verdict on the server's answer, given PostgreSQL's own or what was put into the text."""
import re
from dataclasses import dataclass, field

PLACE = re.compile(r'at character (\d+) of the (condition|amount)\.$')
OURS = ('AF001', 'AF002')


@dataclass
class Case:
    name: str                   # allowed, mutant, or the class of what is forbidden
    kind: str
    text: str
    reference: str = None       # the same for the reference; None: it is not asked
    forbidden: object = None
    number: int = 0
    rows: list = field(default_factory=list)
    answer: dict = None         # texts.judged()
    expected: dict = None       # plain.judged()


def judge(case, vocabulary):
    """What is wrong, or None."""
    if case.forbidden:
        return judge_forbidden(case)
    if 'state' not in case.answer:
        return judge_accepted(case, vocabulary)
    return judge_mutant(case) if case.name == 'mutant' else judge_allowed(case)


def place(case):
    """The character that the error names, if it is the right kind of text; None where it names none."""
    found = PLACE.search(case.answer['detail'] or '')
    return int(found.group(1)) if found and found.group(2) == case.kind else None


def judge_refusal(case):
    """What every refusal owes: the SQLSTATE, also where the text is written, a place inside the text, a hint."""
    answer = case.answer
    if answer['state'] not in OURS:
        return 'refused with %s' % answer['state']
    if answer['written'] != answer['state']:
        return 'written to a plan it gave %s' % answer['written']
    at = place(case)
    if at is not None and not 1 <= at <= len(case.text) + 1:
        return 'the place is outside of the text'
    if not re.match(r'([A-Z]|docs/).*\.$', answer['hint'] or ''):
        return 'no hint'
    return None


def judge_forbidden(case):
    wanted, answer = case.forbidden, case.answer
    if 'state' not in answer:
        return 'was accepted'
    problem = judge_refusal(case)
    if problem:
        return problem
    if answer['state'] not in wanted.states:
        return 'refused with %s' % answer['state']
    at = place(case)
    if at is None:
        return None if wanted.placeless else 'no place'
    if wanted.span and not wanted.span[0] <= at <= wanted.span[1]:
        return 'the place is %d, not from %d to %d' % (at, *wanted.span)
    return None


def judge_allowed(case):
    """Refused: right only where PostgreSQL cannot even plan it."""
    expected, answer = case.expected, case.answer
    if expected['parse'] != '00000':
        return 'the grammar made what PostgreSQL does not parse'
    if expected['plan'] == '00000':
        return 'was refused'
    if answer['state'] != 'AF002' or not (answer['detail'] or '').startswith('PostgreSQL says: ' + expected['message'][:20]):
        return 'refused for another reason than PostgreSQL has'
    return judge_refusal(case) or (None if place(case) else 'no place')


def judge_mutant(case):
    problem = judge_refusal(case)
    if problem or place(case):
        return problem
    return None if case.answer['detail'] == 'It is empty.' else 'no place'


def judge_accepted(case, vocabulary):
    expected, answer = case.expected, case.answer
    if answer['written'] != '00000':
        return 'was accepted, but not as a rule of a plan: %s' % answer['written']
    if expected['parse'] != '00000' or expected['plan'] != '00000':
        return 'was accepted, but PostgreSQL does not'
    words = {w.replace('"', '') for w in expected['words']}
    expected['words'] = sorted(words)
    if words - vocabulary - {'plain.number(text)'}:
        return 'was accepted with %s' % (words - vocabulary)
    for (state, value), (wanted_state, wanted) in zip(answer['rows'], expected['rows']):
        if state == '22P02' and case.name == 'mutant' and value.endswith('is not a number that rules can use'):
            continue            # the reference does not know where a text is cast to numeric
        if state != wanted_state or state == '00000' and value != wanted:
            return 'PostgreSQL gives something else'
    return None
