"""Programs in an environment in which nothing of liteflare is set, but for what a test sets itself."""

import os
import subprocess

from support.clouds import LITEFLARE

VERSION = "import sqlite3; print(sqlite3.connect(':memory:').execute('SELECT liteflare_version()').fetchone()[0])"


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LITEFLARE", "PYTHON"))}
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=60)


def under_liteflare(*command, **environment):
    return run(LITEFLARE, "run", "--", *command, **environment)
