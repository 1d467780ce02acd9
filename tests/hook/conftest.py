"""What the tests of the path hook share: the clouds, and for each test a folder of its own in a bucket."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "invokeai"))

import clouds  # noqa: E402
from mapped import Mapped  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "any_cloud: what is tested happens before, or without, a request; one cloud will do")


def pytest_generate_tests(metafunc):
    clouds.parametrize(metafunc)


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    cloud.stop()


@pytest.fixture
def mapped(cloud, tmp_path):
    mapped = Mapped(cloud.settings, tmp_path)
    yield mapped
    if mapped.line:
        mapped.line.stop()
