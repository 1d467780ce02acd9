"""What the tests against a cloud share: the cloud, databases in it, and the network in between."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "invokeai"))

import clouds  # noqa: E402
from app import App, pythons  # noqa: E402
from network import Network  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "any_cloud: what is tested happens before, or without, a request; one cloud will do")


def pytest_generate_tests(metafunc):
    clouds.parametrize(metafunc)


@pytest.fixture(params=pythons())
def python(request):
    return request.param


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    cloud.stop()


@pytest.fixture
def app(cloud, tmp_path):
    """An application with an empty database on the cloud."""
    with Network(cloud.settings["LITEFLARE_D1_API"]) as network:
        yield App(cloud.database(), network, tmp_path / "databases" / "app.db")


@pytest.fixture
def filled(app):
    """The same with a table and a row."""
    app.succeed("db.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, v)'); db.execute(\"INSERT INTO t(v) VALUES ('first')\"); db.commit()")
    return app
