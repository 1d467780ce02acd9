"""What InvokeAI costs on D1: a read nothing, a transaction that writes one request, a restart at most three and the rows' pages.
And on R2: saving an image two uploads, serving it again nothing, deleting it at most six requests, a start a few pages of names.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.plain_too

OBJECTS = 1_200  # a page of names has 1,000


@pytest.fixture(scope="module")
def server(start_server, world):
    """A second server on the database. `never`: without background refreshes, so that every request is one of the application's."""
    if world.settings is None:
        pytest.skip("a plain database makes no requests")
    start_server().upload()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: world.bucket.put(f"images/{number:08}.png", b"an image"), range(OBJECTS)))
    world.r2.requests.clear()
    return start_server(LITEFLARE_REFRESH="never")


def cost(world, action):
    before = world.requests()
    action()
    return world.requests() - before


def test_a_start_among_many_objects_lists_them_and_asks_nothing_else(server, world):
    paths = [request.path for request in world.r2.requests]
    assert all("list-type=2" in path for path in paths), paths
    assert 2 <= len(paths) <= 4, paths  # the images take two; then there are the videos


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


def test_saving_an_image_costs_two_uploads(server, world):
    assert world.asked_of_r2(lambda: server.upload("red")) == ["PUT", "PUT"]
    assert world.asked_of_r2(server.generate) == ["PUT"] * 4  # its two nodes save one image each


def test_serving_an_image_again_costs_nothing(server, world):
    name = server.upload("red")

    def serve():
        for size in ("full", "thumbnail"):
            server.call("GET", f"/images/i/{name}/{size}")
        server.call("GET", f"/images/i/{name}/metadata")
        server.call("GET", f"/images/i/{name}/workflow")

    assert world.asked_of_r2(serve) == []


def test_deleting_an_image_costs_at_most_six_requests(server, world):
    name = server.upload("red")
    assert 1 <= len(world.asked_of_r2(lambda: server.call("DELETE", f"/images/i/{name}"))) <= 6


def test_an_image_of_another_server_is_fetched_once(server, world):
    first = server.call("GET", "/images/names", params={"order_dir": "ASC"})["image_names"][0]

    def serve():
        server.call("GET", f"/images/i/{first}/full")

    assert world.asked_of_r2(serve) == ["GET"] and world.asked_of_r2(serve) == []
