"""A SQLite application in a Python of its own, with its database on a cloud; and what can be seen of it from outside.

In: code that uses `db`, a connection to `PATH`. Out: what it prints, what liteflare logs, D1's rows and the local files.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support import clouds
from support.clouds import LITEFLARE
from support.relay import Relay

OPEN = """
import json, os, sqlite3, sys, threading, time
PATH = os.environ["TEST_PATH"]
def attempt(work, *args):
    try:
        work(*args)
    except (sqlite3.Error, OSError) as error:
        print(error)
    else:
        print("done")
"""
CONNECT = "db = sqlite3.connect(PATH)\n"
# For code that uses what liteflare adds to SQL.
OPENED = """
def status():
    return dict(db.execute("SELECT name, value FROM liteflare_status"))
def requests():
    return status()["d1_requests"]
def rows(sql, *params):
    return [json.loads(row) for row, in db.execute("SELECT row FROM d1_query(?, ?)", (sql, json.dumps(params) if params else None))]
"""


def pythons():
    """One Python for each way of loading: through ctypes (pyenv's has no extension loading) and through SQL (Debian's)."""
    names = [sys.executable, "/usr/bin/python3"]
    found = {os.path.realpath(path): path for path in map(shutil.which, names) if path}
    works = lambda path: subprocess.run([path, "-c", "import sqlite3"], capture_output=True).returncode == 0
    return [path for path in found.values() if works(path)]


class App:
    def __init__(self, settings: dict, relay: Relay, path: Path):
        self.settings = settings
        self.relay = relay
        self.path = path
        self.token = settings["CLOUDFLARE_API_TOKEN"]
        path.parent.mkdir(parents=True, exist_ok=True)

    def environment(self, **changes):
        """The application's environment; a change to `None` leaves a setting out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LITEFLARE", "CLOUDFLARE", "PYTHON"))}
        ours = {
            **self.settings,
            "LITEFLARE_D1_API": self.relay.url,
            "LITEFLARE_ROOT": str(self.path.parent.parent),
            "LITEFLARE_DB": str(self.path),
            "LITEFLARE_REFRESH": "never",
            "LITEFLARE_TIMEOUT": "20s",
            "TEST_PATH": str(self.path),
        }
        changed = {**ours, **changes}
        return {**kept, **{name: str(value) for name, value in changed.items() if value is not None}}

    def start(self, code, python=sys.executable, connect=True, cwd=None, **settings) -> subprocess.Popen:
        command = [LITEFLARE, "run", "--", python, "-c", OPEN + (CONNECT if connect else "") + code]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment(**settings), cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, code, **options) -> subprocess.CompletedProcess:
        process = self.start(code, **options)
        out, log = process.communicate(timeout=60)
        assert self.token not in log + out, "a secret was shown"
        return subprocess.CompletedProcess(code, process.returncode, out, log)

    def succeed(self, code, **options) -> str:
        """Runs code that must succeed and log nothing; what it printed."""
        done = self.run(code, **options)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout.strip()

    def complain(self, code, **options) -> tuple[str, str]:
        """Runs code that prints an error and makes liteflare log one sentence: both."""
        done = self.run(code, **options)
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and " WARN " in lines[0], done.stderr
        return done.stdout.strip(), lines[0].split(" WARN ")[1]

    def rows(self, sql):
        """D1's own answer."""
        return clouds.query(self.settings, sql)

    def d1(self):
        """All that D1 holds: objects, and the rows of each table but those that say which processes there are."""
        objects = self.rows("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type, name")
        tables = [name for kind, name, _ in objects if kind == "table" and name not in ("_lf_process", "_lf_lease")]
        return objects, {name: self.rows(f'SELECT * FROM "{name}"') for name in tables}

    def files(self):
        """The local files in the database's folder, with their bytes."""
        return {path.name: path.read_bytes() for path in self.path.parent.iterdir() if path.is_file()}

    def state(self):
        return self.d1(), self.files()
