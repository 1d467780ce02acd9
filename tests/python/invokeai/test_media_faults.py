"""R2 fails, or the server is killed, while InvokeAI saves and deletes: afterwards rows and objects agree, or InvokeAI's own
recovery at its next start makes them agree; and whatever object is there is whole.

What InvokeAI leaves is what it leaves on a disk that fails or loses its power. It writes an image's row first and its files after that: the
one image that was being saved may have a row and not both files (here none is ever torn). A file that it could not delete stays until
the next start.
"""

import httpx
import pytest
from PIL import Image

from support.application import png
from support.media import assert_complete, assert_whole, image_keys, keys_of_rows, stored
from support.relay import RESET, STALL

pytestmark = pytest.mark.plain_too

SAVES_IMAGE, SAVES_THUMBNAIL, DELETES = "PUT .*/images/[^/.]*.png", "PUT .*/images/thumbnails/", "POST .*[?]delete"
WRITES = "PUT|POST"

KINDS = {"500": 500, "503": 503, "reset": RESET, "stall": STALL}


class Running:
    """The server of the moment: some tests leave another one than they found."""

    def __init__(self, start_server):
        self.start = start_server
        self.restart()

    def restart(self):
        self.server = self.start(LITEFLARE_TIMEOUT="2s")
        return self.server


@pytest.fixture(scope="module")
def running(start_server, world):
    if world.settings is None:
        pytest.skip("a disk has no requests that could fail")
    return Running(start_server)


@pytest.fixture
def server(running):
    return running.server


@pytest.fixture
def r2(world, running):
    """The way to R2, mended after each test."""
    yield world.r2
    world.r2.mend()


def names(server) -> list[str]:
    return server.call("GET", "/images/names")["image_names"]


@pytest.mark.parametrize("kind", ["500", "503", "reset"])
def test_a_fault_that_passes_is_not_noticed(server, world, r2, kind):
    r2.fail(KINDS[kind], left=3)
    name = server.upload("red")
    r2.fail(KINDS[kind], left=3)
    assert server.generate()["completed"] == 1
    r2.fail(KINDS[kind], left=3)
    server.call("DELETE", f"/images/i/{name}")
    assert_complete(world)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", [SAVES_IMAGE, SAVES_THUMBNAIL], ids=["image", "thumbnail"])
def test_an_image_that_cannot_be_saved_leaves_nothing(server, world, r2, kind, what):
    before = names(server)
    r2.fail(KINDS[kind], what)
    assert server.http.post("/images/upload", **upload()).status_code == 500
    assert names(server) == before
    assert_complete(world)


def upload() -> dict:
    params = {"image_category": "user", "is_intermediate": False}
    return {"params": params, "files": {"file": ("a.png", png(Image.new("RGB", (32, 32))), "image/png")}}


def test_a_generation_whose_image_cannot_be_saved_fails(server, world, r2):
    r2.fail(KINDS["503"], SAVES_THUMBNAIL)
    assert server.generate()["failed"] == 1
    assert_complete(world)


def test_while_r2_takes_nothing_nothing_is_lost(server, world, r2):
    """InvokeAI deletes no row without a journal among the files, so the row of a failed upload stays, to be deleted later."""
    kept, served = server.upload("blue"), names(server)
    picture = server.call("GET", f"/images/i/{kept}/full")
    r2.fail(KINDS["503"], WRITES)
    assert server.http.post("/images/upload", **upload()).status_code == 500
    assert server.http.delete(f"/images/i/{kept}").status_code == 500
    r2.mend()
    [half] = set(names(server)) - set(served)
    assert server.call("GET", f"/images/i/{kept}/full") == picture
    server.call("DELETE", f"/images/i/{half}")
    assert names(server) == served
    assert_complete(world)


def kill_at(r2, server, what: str, count=1):
    """Kills the server when it asks for the `count`th such thing, which R2 then never sees."""

    def reached():
        server.kill()
        return RESET

    r2.fail(reached, what, skip=count - 1)


def test_killed_while_saving(running, server, world, r2):
    kept = names(server)
    undeleted = server.upload("green")
    r2.fail(KINDS["503"], DELETES)
    server.call("DELETE", f"/images/i/{undeleted}")
    assert set(image_keys("", undeleted)) < set(stored(world).sizes()) - keys_of_rows(world)
    kill_at(r2, server, SAVES_THUMBNAIL)
    with pytest.raises(httpx.TransportError):
        server.http.post("/images/upload", **upload())
    r2.mend()
    server = running.restart()
    [half] = set(names(server)) - set(kept)
    image, thumbnail = image_keys("", half)
    assert keys_of_rows(world) - set(stored(world).sizes()) == {thumbnail}
    assert_whole(world)
    assert server.call("GET", f"/images/i/{half}/full") == stored(world).get(image)
    server.call("DELETE", f"/images/i/{half}")
    assert_complete(world)


def test_killed_while_deleting_fifty(running, server, world, r2):
    before = set(stored(world).sizes())
    for _ in range(50):
        server.upload("white", is_intermediate=True)
    kill_at(r2, server, DELETES, count=42)
    with pytest.raises(httpx.TransportError):
        server.http.delete("/images/intermediates")
    r2.mend()
    left = set(stored(world).sizes()) - before
    assert 50 < len(left) < 100
    server = running.restart()
    assert set(stored(world).sizes()) == before
    assert_complete(world)
    world.assert_equal(server)
