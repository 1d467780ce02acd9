"""A folder whose files are in a bucket, and programs that are run under the hook.

In: a bucket's settings, and a folder on the disk. Out: what the programs say, what they asked of the bucket, and what is in it.
"""

import os
import subprocess
import sys
import uuid
from pathlib import Path

from support import clouds
from support.bucket import Bucket
from support.relay import Relay


class Mapped:
    """A folder whose files are in a bucket, and programs that are run under the hook."""

    def __init__(self, settings, folder: Path):
        self.folder = folder / "mapped"
        self.folder.mkdir()
        self.prefix = prefix = f"t-{uuid.uuid4().hex}"
        self.bucket = Bucket(settings)
        self.relay = None
        ours = ("LITEFLARE", "CLOUDFLARE", "R2_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        bucket = {name: value for name, value in settings.items() if "R2" in name}
        self.environment = {**kept, **bucket, "LITEFLARE_R2_PATHS": f"{self.folder}={prefix}"}

    def behind_a_relay(self):
        """From now on all requests go through a relay that counts them, and that fails on command."""
        self.relay = Relay(self.environment["LITEFLARE_R2_ENDPOINT"])
        self.environment["LITEFLARE_R2_ENDPOINT"] = self.relay.url
        return self.relay

    def start(self, *command, **more):
        command = [str(clouds.LITEFLARE), "run", "--", *map(str, command)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env={**self.environment, **more}, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def try_to(self, *command, **more):
        process = self.start(*command, **more)
        output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def steps(self, code, between=lambda name: None, **more):
        """Runs Python code in which `step(name)` ends a step: what each step asked of the bucket. `between` is called before the next."""
        code = "def step(name): print(name, flush=True); input()\n" + code
        process = self.start(sys.executable, "-c", code, self.folder, **more)
        asked, before = {}, self.relay.operations
        for name in process.stdout:
            asked[name.strip()] = dict(self.relay.operations - before)
            between(name.strip())
            before = self.relay.operations
            process.stdin.write("\n")
            process.stdin.flush()
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, ""), errors
        return asked

    def objects(self):
        """What is in the bucket, past the hook: names and bytes."""
        below = f"{self.prefix}/"
        names = [key for key in self.bucket.sizes() if key.startswith(below)]
        return {name.removeprefix(below): self.bucket.get(name) for name in names}

    def run(self, *command, **more):
        """The program's output; it must succeed, and say nothing on stderr."""
        done = self.try_to(*command, **more)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def is_empty_on_disk(self):
        """Of files, that is: empty folders are there for other processes to see."""
        return not any(path.is_file() for path in self.folder.rglob("*"))
