"""The mutations: each is SQL that takes one thing away, or weakens it, and the tests that must fail then."""
import random
import re
from collections import namedtuple

# kind: for counting and sampling; name; sql; test: the file; fails: the tests in it that must fail beside those of what is gone; None: what the name says is gone
Mutation = namedtuple('Mutation', 'kind name sql test fails')

MATRIX = 'test/tap/catalog/privilege_matrix.sql'
PRIVILEGES = {'a': 'INSERT', 'r': 'SELECT', 'w': 'UPDATE', 'd': 'DELETE', 'D': 'TRUNCATE', 'x': 'REFERENCES', 't': 'TRIGGER',
              'U': 'USAGE', 'C': 'CREATE', 'X': 'EXECUTE'}
LETTERS = {'schema': 'UC', 'table': 'arwdDxt', 'view': 'arwdDxt', 'sequence': 'rwU', 'column': 'arwx', 'function': 'X', 'procedure': 'X', 'type': 'U'}

# What a constraint or trigger is defined as, for what weakens it.
DEFINITIONS = """SELECT json_build_object(
 'check', (SELECT json_object_agg(c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
           WHERE c.relnamespace = 'affiliate'::regnamespace AND k.contype = 'c'),
 'key', (SELECT json_object_agg(c.relname || '.' || k.conname, json_build_array(pg_get_constraintdef(k.oid), (
             SELECT json_agg(a.attname) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attnotnull AND NOT a.attisdropped
             AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.conrelid = c.oid AND a.attnum = ANY (o.conkey) AND o.conname NOT LIKE '%\\_ids\\_check'
                             AND (o.oid = k.oid OR o.contype = 'c')))))
         FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid WHERE c.relnamespace = 'affiliate'::regnamespace AND k.contype IN ('p', 'u')),
 'foreign', (SELECT json_object_agg(c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
             WHERE c.relnamespace = 'affiliate'::regnamespace AND k.contype = 'f'),
 'trigger', (SELECT json_object_agg(c.relname || '.' || t.tgname, json_build_array(pg_get_triggerdef(t.oid), t.tgenabled))
             FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'affiliate'::regnamespace AND NOT t.tgisinternal));"""


def taken_away(thing, test):
    """Drops one object of objects.sql, or lets a trigger fire where it should not, or not where it should."""
    kind, name = thing.rsplit(' ', 1)
    table, part = name.split('.')
    alter = 'ALTER TABLE affiliate."%s" ' % table
    sql = {'unique index': 'DROP INDEX affiliate."%s"' % part,
           'not null': alter + 'ALTER COLUMN "%s" DROP NOT NULL' % part,
           'trigger': 'DROP TRIGGER "%s" ON affiliate."%s"' % (part, table),
           'always': alter + 'ENABLE TRIGGER "%s"' % part,
           'origin': alter + 'ENABLE ALWAYS TRIGGER "%s"' % part}.get(kind, alter + 'DROP CONSTRAINT "%s" CASCADE' % part)
    return Mutation(kind, thing, sql, test, None)


def split_and(condition):
    """The parts of a condition that AND holds together, outside of parentheses and strings."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, character in enumerate(condition):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {'(': 1, ')': -1}.get(character, 0)
            if depth == 0 and condition.startswith(' AND ', i) and not condition[start:i].lower().endswith(' between'):
                parts.append(condition[start:i])
                start = i + 5
    return parts + [condition[start:]]


def weaker_checks(definitions, expected):
    """A CHECK without one of its parts."""
    for name, definition in sorted(definitions['check'].items()):
        table, constraint = name.split('.')
        thing = 'check %s.%s' % (table, constraint)
        condition = definition[len('CHECK ('):-1]
        parts = split_and(condition[1:-1] if condition.startswith('(') else condition)
        for i in range(len(parts) if len(parts) > 1 else 0):
            rest = ' AND '.join(parts[:i] + parts[i + 1:])
            yield Mutation('weaker check', '%s without %s' % (thing, parts[i]),
                           'ALTER TABLE affiliate."%s" DROP CONSTRAINT "%s", ADD CONSTRAINT "%s" CHECK (%s)' % (table, constraint, constraint, rest),
                           expected.get(thing), {thing})


def wider_keys(definitions, expected):
    """A key with one more column, so that it refuses less; UNIQUE instead of PRIMARY KEY, which would make the column NOT NULL for
    itself. Columns that a CHECK is about are left out: the tests keep them."""
    for name, (definition, columns) in sorted(definitions['key'].items()):
        table, constraint = name.split('.')
        thing = '%s %s' % ('primary key' if definition.startswith('PRIMARY') else 'unique', name)
        for column in columns or ():
            yield Mutation('wider key', '%s with %s' % (thing, column),
                           'ALTER TABLE affiliate."%s" DROP CONSTRAINT "%s" CASCADE, ADD CONSTRAINT "%s" %s, "%s")'
                           % (table, constraint, constraint, definition[:-1].replace('PRIMARY KEY', 'UNIQUE'), column), expected.get(thing), {thing})


def cascading_keys(definitions, expected):
    """A foreign key that deletes what hangs on it."""
    for name, definition in sorted(definitions['foreign'].items()):
        table, constraint = name.split('.')
        yield Mutation('cascading key', 'foreign key %s with ON DELETE CASCADE' % name,
                       'ALTER TABLE affiliate."%s" DROP CONSTRAINT "%s", ADD CONSTRAINT "%s" %s ON DELETE CASCADE' % (table, constraint, constraint, definition),
                       expected.get('foreign key ' + name), {'no foreign key deletes or changes what hangs on it'})


def narrower_triggers(definitions, expected):
    """A trigger that has lost one of its events."""
    for name, (definition, enabled) in sorted(definitions['trigger'].items()):
        table, trigger = name.split('.')
        before, events, rest = re.fullmatch(r'(CREATE TRIGGER \S+ (?:BEFORE|AFTER)) (.+?) (ON affiliate\..*)', definition, re.S).groups()
        events = events.split(' OR ')
        for event in events if len(events) > 1 else ():
            fewer = '%s %s %s' % (before, ' OR '.join(e for e in events if e != event), rest)
            yield Mutation('narrower trigger', 'trigger %s.%s without %s' % (table, trigger, event),
                           'DROP TRIGGER "%s" ON affiliate."%s"; %s; ALTER TABLE affiliate."%s" ENABLE %s TRIGGER "%s"'
                           % (trigger, table, fewer, table, 'ALWAYS' if enabled == 'A' else '', trigger),
                           expected.get('trigger %s.%s' % (table, trigger)),
                           {'%s %s.%s' % (k, table, trigger) for k in ('trigger', 'always' if enabled == 'A' else 'origin')})


def change_privilege(command, thing, letter, grantee):
    kind, name = thing.split(' ', 1)
    privilege = PRIVILEGES[letter]
    on = {'schema': 'SCHEMA %s', 'table': 'TABLE affiliate."%s"', 'view': 'TABLE affiliate."%s"', 'sequence': 'SEQUENCE affiliate."%s"',
          'function': 'FUNCTION %s', 'procedure': 'PROCEDURE %s', 'type': 'TYPE affiliate."%s"', 'column': ''}[kind]
    if kind == 'column':
        table, column = name.split('.')
        on, privilege = 'TABLE affiliate."%s"' % table, '%s ("%s")' % (privilege, column)
    else:
        on = on % name
    sql = '%s %s ON %s %s %s' % (command, privilege, on, 'FROM' if command == 'REVOKE' else 'TO', grantee)
    return Mutation(command.lower(), sql, sql, MATRIX, {'privileges ' + thing})


def of_privileges(header, lines, bare_columns):
    """Every privilege of the matrix revoked; for every object one more granted to each grantee, for every column to one of them,
    also where it has none yet; and what a role could become."""
    grantees = ['PUBLIC' if name == 'public' else name for name in header[2:7]]
    choice = random.Random(1)
    for line in lines:
        thing, kind = line[0], line[0].split(' ', 1)[0]
        if kind == 'role':
            owned = {'privileges ' + other[0] for other in lines if other[1] == thing.split(' ')[1]}
            yield from of_role(thing, dict(zip(header[2:6], line[2:6])), owned)
            continue
        more = []
        for grantee, letters in zip(grantees, line[2:7]):
            for letter in letters.replace('-', '').replace('*', ''):
                yield change_privilege('REVOKE', thing, letter, grantee)
            missing = [letter for letter in LETTERS[kind] if letter not in letters]
            # the owner of a table has what there is
            if missing and (kind != 'column' or grantee != 'affiliate_owner'):
                more.append(change_privilege('GRANT', thing, choice.choice(missing), grantee))
        yield from more if kind != 'column' else [choice.choice(more)]
    for column in bare_columns:
        yield change_privilege('GRANT', 'column ' + column, choice.choice('arw'), choice.choice(grantees[1:]))


def of_role(thing, members, owned):
    role = thing.split(' ', 1)[1]
    for attribute in ('LOGIN', 'SUPERUSER', 'CREATEROLE', 'CREATEDB', 'REPLICATION', 'BYPASSRLS'):
        sql = 'ALTER ROLE %s %s' % (role, attribute)
        # whose owner is a superuser shows with what he owns, too
        yield Mutation('role', sql, sql, MATRIX, {'privileges ' + thing} | (owned if attribute == 'SUPERUSER' else set()))
    sql = 'GRANT pg_read_all_data TO %s' % role
    yield Mutation('role', sql, sql, MATRIX, {'privileges ' + thing})
    for other, member in members.items():
        if member != '-':
            sql = 'REVOKE %s FROM %s' % (other, role)
        elif other != role and not (other, role) in (('affiliate_admin', 'affiliate_reader'),):
            sql = 'GRANT %s TO %s' % (other, role)
        else:
            continue
        yield Mutation('role', sql, sql, MATRIX, {'privileges ' + thing})
