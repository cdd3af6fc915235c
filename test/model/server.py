"""The server under test: one psql per database, fed through a pipe."""
import json
import os
import subprocess
from fractions import Fraction

from facts import Many

TEMPLATE = 'affiliate_model_template_%d' % os.getpid()
END = '__end_of_answer__'

STATE_SQL = """SELECT json_build_object(
 'conversions', (SELECT json_agg(json_build_array(c.transaction_id, c.state, a.affiliate_id, c.quantity, c.gross::text, c.refunded::text,
     c.charged_back::text, c.purchase_number, c.code, c.method)) FROM affiliate.conversion c LEFT JOIN affiliate.affiliate a USING (affiliate_no)
     WHERE c.kind = 'transaction' AND NOT c.is_test),
 'events', (SELECT json_agg(json_build_array(c.transaction_id, c.state, a.affiliate_id, c.quantity)) FROM affiliate.conversion c
     LEFT JOIN affiliate.affiliate a USING (affiliate_no) WHERE c.kind = 'event'),
 'commissions', (SELECT json_agg(json_build_array(m.subject_id, p.plan_id, p.version, r.sequence_no, a.affiliate_id, m.level, m.accrued::text,
     m.reversed::text, m.paid::text, m.is_void, to_char(m.eligible_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), m.stated_at IS NOT NULL, v.state))
     FROM affiliate.commission m JOIN affiliate.plan_rule r USING (rule_no) JOIN affiliate.plan p USING (plan_no)
     JOIN affiliate.affiliate a ON a.affiliate_no = m.affiliate_no
     LEFT JOIN affiliate.commissions v ON (v.customer_id, v.subject_id, v.rule_no, v.affiliate, v.level) = (m.customer_id, m.subject_id, m.rule_no, a.affiliate_id, m.level)
     WHERE m.subject_kind = 'transaction'),
 'unbalanced', (SELECT count(*) FROM affiliate.affiliate_balance WHERE pending + held + eligible + negative <> accrued - reversed - paid),
 'ownerships', (SELECT json_agg(json_build_array(o.customer_id, p.program_id, o.account_id, a.affiliate_id,
     to_char(o.begins_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), CASE WHEN isfinite(o.ends_at) THEN to_char(o.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') END))
     FROM affiliate.ownership o JOIN affiliate.program p USING (program_no) JOIN affiliate.affiliate a USING (affiliate_no) WHERE o.is_latest),
 'entries', (SELECT count(*) FROM affiliate.entry), 'conversion_entries', (SELECT count(*) FROM affiliate.conversion_entry),
 'facts', (SELECT json_build_array((SELECT count(*) FROM affiliate.transaction), (SELECT count(*) FROM affiliate.transaction_report),
     (SELECT count(*) FROM affiliate.click), (SELECT count(*) FROM affiliate.dispute), (SELECT count(*) FROM affiliate.customer))));"""


def maintenance(sql, database='postgres'):
    done = subprocess.run(['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', database], input=sql, text=True,
                          capture_output=True, env={**os.environ, 'PGOPTIONS': '-c client_min_messages=warning'})
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def make_template():
    maintenance('DROP DATABASE IF EXISTS %s (FORCE);' % TEMPLATE)
    maintenance('CREATE DATABASE %s;' % TEMPLATE)
    maintenance('CREATE EXTENSION pg_affiliate; SELECT affiliate.setup();', TEMPLATE)


def drop_template():
    maintenance('DROP DATABASE IF EXISTS %s (FORCE);' % TEMPLATE)


class Server:
    """A fresh database with the extension; a context manager that drops it again."""

    def __init__(self, name):
        self.name = name
        maintenance('DROP DATABASE IF EXISTS %s (FORCE);' % name)
        maintenance('CREATE DATABASE %s TEMPLATE %s;' % (name, TEMPLATE))
        self.psql = subprocess.Popen(['psql', '-X', '-q', '-A', '-t', '-d', name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True,
                                     env={**os.environ, 'PGOPTIONS': '-c client_min_messages=error'})
        self.query("SET timezone = 'UTC';")

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.psql.stdin.close()
        self.psql.wait()
        maintenance('DROP DATABASE IF EXISTS %s (FORCE);' % self.name)

    def query(self, sql):
        """(lines of output, error message or None)."""
        self.psql.stdin.write("%s\nSELECT '%s', :'ERROR';\n" % (sql, END))
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            line = line.rstrip('\n')
            if line.startswith(END):
                failed = line.endswith('true')
                return lines, '; '.join(lines) if failed else None
            lines.append(line)
        raise RuntimeError('psql ended: ' + '; '.join(lines))

    def must(self, sql):
        lines, error = self.query(sql)
        if error:
            raise AssertionError('%s\n  in: %s' % (error, sql[:1500]))
        return lines

    def set_clock(self, now):
        self.must("SET pg_affiliate.now = '%s+00';" % now.isoformat(sep=' '))

    def do(self, op):
        """Runs an operation in one transaction; the error message or None."""
        if isinstance(op, Many):
            sql = ' \\; '.join(o.sql().rstrip(';') for o in op.ops) + ';'
        else:
            sql = op.sql()
        return self.query(sql)[1]

    def drain(self):
        for _ in range(20):
            self.must('SELECT affiliate.drain();')
            if self.must('SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now();') == ['0']:
                return
        raise AssertionError('the queue does not become empty: ' + '; '.join(self.must(
            'SELECT kind, customer_id, reason, attempts, last_error FROM affiliate.settle_queue WHERE due_at <= affiliate._now() LIMIT 5;')))

    def state(self):
        return ServerState(json.loads('\n'.join(self.must(STATE_SQL.replace('\n', ' ')))))

    def verify(self):
        return self.must('SELECT v::text FROM affiliate.verify() v;')


class ServerState:
    """What the decisions and the ledger say."""

    def __init__(self, data):
        self.conversions, self.commissions, self.ownerships, self.stated = {}, {}, {}, {}
        for name, state, affiliate, quantity, gross, refunded, charged, number, code, method in data['conversions'] or []:
            self.conversions[name] = {'state': state, 'affiliate': affiliate, 'quantity': quantity, 'gross': Fraction(gross),
                                      'refunded': Fraction(refunded), 'charged_back': Fraction(charged), 'number': number,
                                      'code': code, 'method': method}
        for name, plan, version, sequence, affiliate, level, accrued, reversed_, paid, void, eligible, stated, word in data['commissions'] or []:
            key = (name, (plan, version, sequence), affiliate, level)
            self.commissions[key] = {'accrued': Fraction(accrued), 'reversed': Fraction(reversed_), 'paid': Fraction(paid),
                                     'void': void, 'eligible_at': eligible, 'stated': stated, 'word': word}
        for customer, program, account, affiliate, begins, ends in data['ownerships'] or []:
            self.ownerships[(customer, program, account)] = (affiliate, begins, ends)
        self.events = {name: (state, affiliate, quantity) for name, state, affiliate, quantity in data['events'] or []}
        self.entries = (data['entries'], data['conversion_entries'])
        self.facts = data['facts']
        self.unbalanced = data['unbalanced']
