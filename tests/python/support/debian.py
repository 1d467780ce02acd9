"""Debian systems in folders: another release's C library and programs, without an engine for containers.

In: a release and the packages wanted. Out: a folder to run commands in; what is mounted there goes with each command. The packages
and what they depend on are unpacked, not configured: that takes seconds, and is enough to run programs.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class Debian:
    def __init__(self, folder: Path, release: str, packages: list[str]):
        if os.geteuid() != 0:
            pytest.skip("only root may enter another system's folder")
        assert shutil.which("mmdebstrap"), "mmdebstrap is missing: apt-get install mmdebstrap"
        self.folder = folder
        command = ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(packages)}", release, folder]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)  # a hundred megabytes, which pytest would keep

    def command(self, *command, environment: dict) -> list:
        """The command with this folder as `/`, and the environment given instead of the test's. The network is the host's, so
        that the local cloud is reached. It replaces what starts it: a signal reaches it."""
        for name in ("proc", "dev"):
            (self.folder / name).mkdir(exist_ok=True)
        mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -i "$@"'
        variables = [f"{name}={value}" for name, value in environment.items()]
        return ["unshare", "--mount", "--", "sh", "-c", mounts, self.folder, *variables, *command]

    def run(self, *command, environment: dict) -> subprocess.CompletedProcess:
        command = self.command(*command, environment=environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=300)
