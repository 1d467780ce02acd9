"""What InvokeAI costs on D1: a read nothing, a transaction that writes one request, a restart at most three and the rows' pages."""

import pytest


@pytest.fixture(scope="module")
def server(start, world):
    """A second server on the database. `never`: without background refreshes, so that every request is one of the application's."""
    if world.settings is None:
        pytest.skip("a plain database makes no requests")
    start().upload()
    return start(LITEFLARE_REFRESH="never")


def cost(world, action):
    before = world.requests()
    action()
    return world.requests() - before


def test_reads_cost_nothing(server, world):
    name = server.upload()

    def read():
        server.call("GET", "/boards/", params={"all": True})
        server.call("GET", "/images/", params={"limit": 10})
        server.call("GET", "/images/names")
        server.call("GET", f"/images/i/{name}/metadata")
        server.call("GET", f"/images/i/{name}/full")
        server.call("GET", "/queue/default/status")
        server.call("GET", "/workflows/")

    assert cost(world, read) == 0


def test_each_commit_costs_one_request(server, world):
    name = server.upload()
    assert cost(world, lambda: server.board("One")) == 1
    assert cost(world, lambda: server.upload()) == 1
    assert cost(world, lambda: server.call("POST", "/images/star", json={"image_names": [name]})) == 1
    assert cost(world, lambda: server.call("POST", "/images/delete", json={"image_names": [name]})) == 1


def test_a_generated_image_costs_what_it_commits(server, world):
    assert 1 <= cost(world, server.generate) <= 6  # 4 to 6 commits, seen with a trace on plain SQLite


def test_a_process_that_opens_the_filled_database_makes_at_most_three_requests_and_two_for_the_rows(server, world):
    assert cost(world, lambda: world.seen_by_a_new_process(server.root)) <= 3 + 2  # all rows together are under 1 MB
