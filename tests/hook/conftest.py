"""What the tests of the path hook share: the clouds, and for each test a folder of its own in a bucket."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "invokeai"))

import clouds  # noqa: E402


def pytest_generate_tests(metafunc):
    if "cloud" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("cloud", default=None)
        names = chosen or os.environ.get("LITEFLARE_TEST_CLOUDS", "embedded,workerd").split(",")
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
        prefix = f"t-{uuid.uuid4().hex}"
        ours = ("LITEFLARE", "CLOUDFLARE", "R2_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        bucket = {name: value for name, value in settings.items() if "R2" in name}
        self.environment = {**kept, **bucket, "LITEFLARE_R2_PATHS": f"{self.folder}={prefix}"}

    def run(self, *command, **more):
        """The program's output; it must succeed, and say nothing on stderr."""
        command = [str(clouds.LITEFLARE), "run", "--", *map(str, command)]
        done = subprocess.run(command, env={**self.environment, **more}, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def is_empty_on_disk(self):
        """Of files, that is: empty folders are there for other processes to see."""
        return not any(path.is_file() for path in self.folder.rglob("*"))


@pytest.fixture
def mapped(cloud, tmp_path):
    return Mapped(cloud.settings, tmp_path)
