"""Programs in an environment in which nothing of liteflare is set, but for what a test sets itself."""

import os
import pty
import subprocess

from support.clouds import LITEFLARE

VERSION = "import sqlite3; print(sqlite3.connect(':memory:').execute('SELECT liteflare_version()').fetchone()[0])"


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LITEFLARE", "PYTHON"))}
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=60)


def under_liteflare(*command, **environment):
    return run(LITEFLARE, "run", "--", *command, **environment)


def run_on_a_terminal(command, environment) -> str:
    """All that a program writes to a terminal, on both streams."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass  # EIO: the program has ended
    finally:
        os.close(ours)
        process.wait(60)
    return seen.decode()
