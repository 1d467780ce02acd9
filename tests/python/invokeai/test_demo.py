"""The README's first command, as a newcomer's machine runs it once everything is installed."""

import subprocess

from support.clouds import REPOSITORY


def test_the_demo_starts_and_ends():
    done = subprocess.run([REPOSITORY / "scripts/demo", "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "InvokeAI answers at http://127.0.0.1:" in done.stdout
