"""For the parts of the demo: a database of one's own, SQL that is printed and run, results that are checked."""

import subprocess
import sys
import textwrap

sys.dont_write_bytecode = True
WIDTH = 100
INDENT = "  "


def headline(text):
    print(f"\n{'=' * WIDTH}\n{text}\n{'=' * WIDTH}\n")


def say(text):
    print(text)


def sql(text):
    """Prints a statement as it is shown everywhere in the demo."""
    print(textwrap.indent(text, INDENT))


class Database:
    """A database with pg_affiliate set up, made anew; the server is that of PGHOST, PGPORT, PGUSER."""

    def __init__(self, name):
        self.name = name
        self._psql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._psql("postgres", f'CREATE DATABASE "{name}"')
        self.run("SET client_min_messages = warning; CREATE EXTENSION pg_affiliate; SELECT affiliate.setup()")

    def _psql(self, database, script, *options):
        done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, *options, "-f", "-"],
                              input=script, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            sys.stdout.flush()
            shown = script if len(script) < 2000 else script[:2000] + " ..."
            sys.exit(f"{done.stderr.strip()}\nwhile running:\n{shown}")
        return done.stdout

    def _at(self, now):
        """The clock of decisions, with which history can be replayed; only superusers may set it."""
        return f"SET pg_affiliate.now = '{now}';\n" if now else ""

    def drop(self):
        self._psql("postgres", f'DROP DATABASE "{self.name}"')

    def run(self, script, now=None):
        self._psql(self.name, self._at(now) + script)

    def rows(self, query, now=None):
        """The rows of a query as lists of texts; null is the text 'null'."""
        out = self._psql(self.name, self._at(now) + query, "-At", "-F", "\x1f", "-R", "\x1e", "-P", "null=null")
        return [line.split("\x1f") for line in out.rstrip("\n").split("\x1e")] if out.strip("\n") else []

    def table(self, query, now=None, expanded=False):
        """Prints the result of a query as psql does."""
        options = ["-x", "-t"] if expanded else []
        out = self._psql(self.name, self._at(now) + query, "-P", "footer=off", "-P", "border=1", *options)
        for line in out.rstrip("\n").split("\n"):
            print(INDENT + line.rstrip())


class Checks:
    """Counts differences and ends the part with them."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def same(self, what, got, expected):
        if got == expected:
            self.passed += 1
            return True
        self.failed.append(what)
        print(f"\n  DIFFERENT: {what}\n    expected {expected}\n    got      {got}\n")
        return False

    def finish(self, everything):
        print()
        if self.failed:
            print(f"{len(self.failed)} difference(s): {'; '.join(self.failed)}")
            sys.exit(1)
        print(f"{everything}: {self.passed} checks, no difference.")
