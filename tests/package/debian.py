"""Debian systems in folders: another release's C library and programs, without an engine for containers.

In: a release and the packages wanted. Out: a folder to run commands in; what is mounted there goes with each command.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Debian:
    def __init__(self, folder: Path, release: str, packages: list[str], variant: str):
        if os.geteuid() != 0:
            pytest.skip("only root may enter another system's folder")
        assert shutil.which("mmdebstrap"), "mmdebstrap is missing: apt-get install mmdebstrap"
        self.folder = folder
        command = ["mmdebstrap", "--quiet", f"--variant={variant}", f"--include={','.join(packages)}", release, folder]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, *command, environment: dict, cwd="/") -> subprocess.CompletedProcess:
        """Runs a command with this folder as `/`. The network is the host's, so that it reaches the local cloud."""
        enter = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -C "$@"'
        outer = ["unshare", "--mount", "--", "sh", "-c", enter, self.folder, cwd]
        for name in ("proc", "dev"):
            (self.folder / name).mkdir(exist_ok=True)
        # `env -i` inside: what the command sees is the environment given, and nothing of the test's own.
        inner = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
        return subprocess.run([*outer, *inner], capture_output=True, text=True, timeout=300)
