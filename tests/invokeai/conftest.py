"""What all InvokeAI tests share: a cloud, a database and a bucket in it, and servers that are stopped whatever happens."""

import clouds
import pytest
from application import Server, World


def pytest_addoption(parser):
    parser.addoption("--plain", action="store_true", help="run on SQLite's own files, without liteflare: the baseline")
    parser.addoption("--cloud", action="append", choices=["embedded", "workerd"], help="only on this cloud (default: both)")


def pytest_generate_tests(metafunc):
    if "cloud" in metafunc.fixturenames:
        config = metafunc.config
        names = ["plain"] if config.option.plain else config.option.cloud or ["embedded", "workerd"]
        metafunc.parametrize("cloud", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def cloud(request, tmp_path_factory):
    cloud = clouds.start(request.param, tmp_path_factory.mktemp(request.param))
    yield cloud
    if cloud:
        cloud.stop()


def new_world(cloud, tmp_path_factory):
    settings = {**cloud.database(), **cloud.bucket()} if cloud else None
    return World(settings, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def world(cloud, tmp_path_factory):
    """One database and one bucket for all tests of a module."""
    world = new_world(cloud, tmp_path_factory)
    yield world
    world.stop()


@pytest.fixture(scope="module")
def start(world):
    """Starts servers on the module's database, one at a time: a new one ends the one before."""
    running = []

    def start(container=None, **settings) -> Server:
        while running:
            running.pop().stop()
        running.append(Server(world, container, **settings))
        return running[-1]

    yield start
    while running:
        running.pop().stop()
