"""What the tests of the wheel and of `deploy/` share: a wheel, a cloud, and an application that keeps a row and a file in it.

The wheel is `LITEFLARE_WHEEL`, or what `scripts/wheel` made last.
"""

import os
import socket
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("invokeai", "python")]

import clouds  # noqa: E402
from place import Place  # noqa: E402

REPOSITORY = clouds.REPOSITORY


def pytest_generate_tests(metafunc):
    clouds.parametrize(metafunc)


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def wheel() -> Path:
    machine = os.uname().machine
    made = [path for folder in ("dist", "target/debug-wheel") for path in (REPOSITORY / folder).glob(f"liteflare-*_{machine}.whl")]
    chosen = os.environ.get("LITEFLARE_WHEEL") or max(made, key=lambda path: path.stat().st_mtime, default=None)
    assert chosen, "there is no wheel to test: run scripts/wheel, or name one in LITEFLARE_WHEEL"
    return Path(chosen)


@pytest.fixture
def place(cloud, tmp_path):
    """An empty database and an empty bucket."""
    return Place(cloud, tmp_path / "root")


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
