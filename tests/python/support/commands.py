"""liteflare's commands, run as people run them: with settings in the environment and a root folder.

Whatever a command prints is searched for the secrets it was given.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from support.bucket import Bucket
from support.clouds import LITEFLARE, query

OURS = ("LITEFLARE", "CLOUDFLARE", "R2_", "PYTHON", "INVOKEAI", "VIRTUAL_ENV", "NO_COLOR", "CLICOLOR")


class Commands:
    def __init__(self, settings: dict, root: Path):
        self.settings = settings
        self.root = root
        self.bucket = Bucket(settings)
        root.mkdir()

    def environment(self, **changes):
        """A change to `None` leaves a setting out."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        all = {**self.settings, "LITEFLARE_ROOT": str(self.root), "LITEFLARE_TIMEOUT": "5s", **changes}
        return {**kept, **{name: str(value) for name, value in all.items() if value is not None}}

    def start(self, *args, **changes) -> subprocess.Popen:
        pipe = subprocess.PIPE
        return subprocess.Popen([LITEFLARE, *map(str, args)], env=self.environment(**changes), stdout=pipe, stderr=pipe, text=True)

    def run(self, *args, **changes) -> subprocess.CompletedProcess:
        process = self.start(*args, **changes)
        out, errors = process.communicate(timeout=120)
        self.assert_no_secret(out + errors, self.environment(**changes))
        return subprocess.CompletedProcess(args, process.returncode, out, errors)

    def succeed(self, *args, **changes) -> str:
        """The output of a command that must succeed and has nothing to complain about."""
        done = self.run(*args, **changes)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def refuse(self, *args, **changes) -> str:
        """The one line of a command that must fail."""
        done = self.run(*args, **changes)
        assert done.returncode != 0 and done.stdout == "", done.stdout + done.stderr
        assert done.stderr.startswith("liteflare: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def doctor(self, *args, python=sys.executable, **changes) -> tuple[int, dict]:
        """The exit code, and the checks by name."""
        done = self.run("doctor", "--json", "--python", python, *args, **changes)
        answer = json.loads(done.stdout)
        checks = {check["name"]: check for check in answer["checks"]}
        failed = [name for name, check in checks.items() if check["status"] == "fail"]
        assert answer["ok"] == (not failed) == (done.returncode == 0)
        return done.returncode, checks

    def application(self, code: str, **changes):
        """Runs code with `db`, a connection to the database on D1."""
        (self.root / "databases").mkdir(exist_ok=True)
        code = f"import sqlite3; db = sqlite3.connect({str(self.root / 'databases/invokeai.db')!r})\n{code}"
        return self.run("run", "--", sys.executable, "-c", code, **changes)

    def rows(self, sql):
        """D1's own answer."""
        return query(self.settings, sql)

    def secrets(self, environment):
        given = [environment.get(name) for name in ("CLOUDFLARE_API_TOKEN", "R2_SECRET_ACCESS_KEY")]
        given += [self.settings["CLOUDFLARE_API_TOKEN"], self.settings["R2_SECRET_ACCESS_KEY"]]
        given = {secret for secret in given if secret}
        return given | {hashlib.sha256(secret.encode()).hexdigest() for secret in given}

    def assert_no_secret(self, text, environment):
        for secret in self.secrets(environment):
            assert secret not in text, "a secret was shown"
