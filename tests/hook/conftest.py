"""What the tests of the path hook share: the clouds, and for each test a folder of its own in a bucket."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "invokeai"))

import clouds  # noqa: E402
from bucket import Bucket  # noqa: E402
from line import Line  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "any_cloud: what is tested happens before, or without, a request; one cloud will do")


def pytest_generate_tests(metafunc):
    if "cloud" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("cloud", default=None)
        names = chosen or os.environ.get("LITEFLARE_TEST_CLOUDS", "embedded,workerd").split(",")
        if metafunc.definition.get_closest_marker("any_cloud"):
            names = names[:1]
        metafunc.parametrize("cloud", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    cloud.stop()


class Mapped:
    """A folder whose files are in a bucket, and programs that are run under the hook."""

    def __init__(self, settings, folder: Path):
        self.folder = folder / "mapped"
        self.folder.mkdir()
        self.prefix = prefix = f"t-{uuid.uuid4().hex}"
        self.bucket = Bucket(settings)
        self.line = None
        ours = ("LITEFLARE", "CLOUDFLARE", "R2_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        bucket = {name: value for name, value in settings.items() if "R2" in name}
        self.environment = {**kept, **bucket, "LITEFLARE_R2_PATHS": f"{self.folder}={prefix}"}

    def behind_a_line(self):
        """From now on all requests go over a line that counts them, and that fails on command."""
        self.line = Line(self.environment["LITEFLARE_R2_ENDPOINT"])
        self.environment["LITEFLARE_R2_ENDPOINT"] = self.line.url
        return self.line

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
        asked, before = {}, self.line.asked.copy()
        for name in process.stdout:
            asked[name.strip()] = dict(self.line.asked - before)
            between(name.strip())
            before = self.line.asked.copy()
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


@pytest.fixture
def mapped(cloud, tmp_path):
    mapped = Mapped(cloud.settings, tmp_path)
    yield mapped
    if mapped.line:
        mapped.line.stop()
