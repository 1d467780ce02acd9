"""What the Python tests share: the clouds they run on, and what runs on a cloud: applications, commands, mapped folders, InvokeAI.

Helpers are in `support/`. A session has one cloud of each kind; a test has databases and buckets of its own in it.
"""

import os
import socket
from pathlib import Path

import pytest

from support import clouds
from support.commands import Commands
from support.mapped import Mapped
from support.place import Place
from support.relay import Relay
from support.sqlite_app import OPENED, App, pythons


def pytest_addoption(parser):
    parser.addoption("--plain", action="store_true", help="InvokeAI on SQLite's own files, without liteflare: the baseline")
    parser.addoption("--cloud", action="append", choices=["embedded", "workerd"], help="only on this cloud (default: both)")


def pytest_generate_tests(metafunc):
    if "cloud" in metafunc.fixturenames:
        metafunc.parametrize("cloud", clouds_of(metafunc.definition), indirect=True, scope="session")


def clouds_of(test) -> list[str]:
    """A test with a `cloud` runs on each, unless options or markers make them fewer; the variable is that of the Rust tests."""
    if test.config.option.plain and test.get_closest_marker("plain_too"):
        return ["plain"]
    names = test.config.option.cloud or os.environ.get("LITEFLARE_TEST_CLOUDS", "embedded,workerd").split(",")
    if test.get_closest_marker("any_cloud"):
        names = names[:1]
    if only := test.get_closest_marker("only_cloud"):
        names = [name for name in names if name in only.args]
    return names


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    """A running cloud; `None` where InvokeAI runs on SQLite's own files."""
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    if cloud:
        cloud.stop()


# extension/: an application with SQLite


@pytest.fixture(params=pythons())
def python(request):
    return request.param


@pytest.fixture
def app(cloud, tmp_path):
    """An application with an empty database on the cloud, behind a relay."""
    with Relay(cloud.settings["LITEFLARE_D1_API"]) as relay:
        yield App(cloud.database(), relay, tmp_path / "databases" / "app.db")


@pytest.fixture
def filled(app):
    """The same with a table and a row."""
    table = "db.execute('CREATE TABLE t(id INTEGER PRIMARY KEY, v)')"
    app.succeed(f"""{table}; db.execute("INSERT INTO t(v) VALUES ('first')"); db.commit()""")
    return app


@pytest.fixture
def opened(filled):
    """Runs code that may use `rows`, `status` and `requests` on a connection."""
    return lambda code, **options: filled.succeed(OPENED + code, **options)


# hook/


@pytest.fixture
def mapped(cloud, tmp_path):
    """A folder of its own in a bucket."""
    mapped = Mapped(cloud.settings, tmp_path)
    yield mapped
    if mapped.relay:
        mapped.relay.stop()


# commands/


@pytest.fixture
def commands(cloud, tmp_path):
    """liteflare's commands with the settings of an empty database and an empty bucket in their environment."""
    return Commands({**cloud.database(), **cloud.bucket()}, tmp_path / "root")


# invokeai/: what these import needs InvokeAI's packages, which the other tests do without


@pytest.fixture(scope="module")
def world(cloud, tmp_path_factory):
    """One database and one bucket for all tests of a module."""
    from support.application import World

    settings = {**cloud.database(), **cloud.bucket()} if cloud else None
    world = World(settings, tmp_path_factory.mktemp("world"))
    yield world
    world.stop()


@pytest.fixture(scope="module")
def start_server(world):
    """Starts servers on the module's database, one at a time: a new one ends the one before."""
    from support.application import Server

    running = []

    def start(container=None, **settings) -> Server:
        while running:
            running.pop().stop()
        running.append(Server(world, container, **settings))
        return running[-1]

    yield start
    while running:
        running.pop().stop()


# package/


@pytest.fixture(scope="session")
def wheel() -> Path:
    """`LITEFLARE_WHEEL`, or what `scripts/wheel` made last."""
    machine = os.uname().machine
    folders = [clouds.REPOSITORY / folder for folder in ("dist", "target/debug-wheel")]
    made = [path for folder in folders for path in folder.glob(f"liteflare-*_{machine}.whl")]
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
