"""What the tests of the commands share: the clouds, and for each test a database, a bucket and a root of its own."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "invokeai"))

import clouds  # noqa: E402
from commands import Commands  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "any_cloud: what is tested happens before, or without, a request; one cloud will do")
    config.addinivalue_line("markers", "only_cloud(name): what is tested is there on this cloud alone")


def pytest_generate_tests(metafunc):
    clouds.parametrize(metafunc)


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    cloud.stop()


@pytest.fixture
def commands(cloud, tmp_path):
    """liteflare's commands with the settings of an empty database and an empty bucket in their environment."""
    return Commands({**cloud.database(), **cloud.bucket()}, tmp_path / "root")
