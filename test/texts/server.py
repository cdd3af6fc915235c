"""A psql that is fed through a pipe, and the two databases of the test."""
import json
import os
import subprocess

END = '__end_of_answer__'
HERE = os.path.dirname(os.path.abspath(__file__))
SUBJECT = os.environ['PGDATABASE']
REFERENCE, BYTES = SUBJECT + '_reference', SUBJECT + '_bytes'


class Psql:
    def __init__(self, database):
        self.process = subprocess.Popen(['psql', '-X', '-q', '-A', '-t', '-d', database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, encoding='utf-8', errors='replace',
                                        env={**os.environ, 'PGOPTIONS': '-c client_min_messages=error', 'PGCLIENTENCODING': 'UTF8'})

    def ask(self, sql):
        """The lines of the answer. A lost connection or an error of the statement itself ends the test."""
        self.process.stdin.write("%s\n;SELECT '%s', :'ERROR';\n" % (sql, END))
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            line = line.rstrip('\n')
            if line.startswith(END):
                if line.endswith('true'):
                    raise RuntimeError('%s\n  in: %s' % ('\n'.join(lines[:20]), sql[:800]))
                return lines
            lines.append(line)
        raise RuntimeError('the connection was lost: ' + '\n'.join(lines[:20]))

    def value(self, sql):
        return '\n'.join(self.ask(sql))

    def json(self, sql):
        return [json.loads(line) for line in self.ask(sql)]

    def read(self, name):
        with open(os.path.join(HERE, name), encoding='utf-8') as file:
            self.ask(file.read().rstrip().rstrip(';'))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def literal(value):
    """Whatever it holds, and whatever the session's settings are, as an argument of type jsonb."""
    return "convert_from(decode('%s', 'hex'), 'UTF8')::jsonb" % json.dumps(value, ensure_ascii=False).encode('utf-8').hex()


def make_reference():
    """PostgreSQL alone, and texts that compare byte by byte."""
    make(REFERENCE, 'UTF8')


def make(database, encoding):
    boss = Psql('postgres')
    boss.ask('DROP DATABASE IF EXISTS %s (FORCE)' % database)
    boss.ask("CREATE DATABASE %s TEMPLATE template0 ENCODING '%s' LOCALE 'C'" % (database, encoding))
    boss.close()


def drop_others():
    boss = Psql('postgres')
    for database in (REFERENCE, BYTES):
        boss.ask('DROP DATABASE IF EXISTS %s (FORCE)' % database)
    boss.close()
