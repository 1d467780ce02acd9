"""InvokeAI's media in R2: whatever it saves, serves, moves and deletes. After each test each row has its objects, and no object is
without a row; at last another server, started the way a container starts it, finds all of it from an empty disk.

(`--plain` runs the same on InvokeAI's own folders.)
"""

import io
import json
import time
import zipfile
from contextlib import suppress

import httpx
import pytest
from PIL import Image, ImageChops

from support.application import Server, png
from support.container import Container
from support.media import assert_complete, contents, h264, image_keys, rows, stored

pytestmark = pytest.mark.plain_too


@pytest.fixture(scope="module")
def server(start_server):
    return start_server()


@pytest.fixture(scope="module")
def others(world):
    """The keys of media that no row names: InvokeAI asks the folder."""
    return set()


@pytest.fixture(autouse=True)
def complete_afterwards(world, server, others):
    yield
    assert_complete(world, others)
    world.assert_no_local_media(server.root)


def picture(seed: int, size=(96, 64)) -> Image.Image:
    return Image.effect_noise(size, 40 + seed).convert("RGB")


def delete(server, names):
    answer = server.call("POST", "/images/delete", json={"image_names": names})
    assert set(answer["deleted_images"]) == set(names) and answer["failed_images"] == []


def test_an_uploaded_image_is_served_as_it_was_saved(server, world):
    board, uploaded = server.board("Kept"), picture(1)
    metadata = {"positive_prompt": "naïve café 猫", "seed": 2**63 - 1}
    name = server.upload_png(png(uploaded), metadata, board_id=board)
    key, thumbnail = image_keys("", name)
    full = server.call("GET", f"/images/i/{name}/full")
    assert full == stored(world).get(key)
    assert server.call("GET", f"/images/i/{name}/thumbnail") == stored(world).get(thumbnail)
    saved = Image.open(io.BytesIO(full))
    assert not ImageChops.difference(saved.convert("RGB"), uploaded).getbbox()
    assert json.loads(saved.info["invokeai_metadata"]) == metadata == server.call("GET", f"/images/i/{name}/metadata")
    head = server.http.head(f"/images/i/{name}/full")
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(full))
    server.call("POST", "/images/star", json={"image_names": [name]})
    assert server.call("GET", f"/boards/{board}/image_names") == [name]


def test_a_workflow_and_a_graph_are_read_out_of_the_png(server):
    """A saved picture of an older InvokeAI, dragged into this one."""
    from PIL.PngImagePlugin import PngInfo

    workflow = {
        "name": "w", "author": "", "description": "", "version": "1.0.0", "contact": "", "tags": "", "notes": "n" * 40_000,
        "exposedFields": [], "meta": {"version": "3.0.0", "category": "user"}, "nodes": [], "edges": [], "form": None,
    }  # fmt: skip
    info = PngInfo()
    info.add_text("invokeai_workflow", json.dumps(workflow))
    name = server.upload_png(png(picture(2), pnginfo=info))
    full = Image.open(io.BytesIO(server.call("GET", f"/images/i/{name}/full")))
    answer = server.call("GET", f"/images/i/{name}/workflow")
    assert answer["workflow"] == full.info["invokeai_workflow"] and json.loads(answer["workflow"])["notes"] == "n" * 40_000


def test_generated_images(server, world):
    before = set(server.call("GET", "/images/names")["image_names"])
    assert server.generate(runs=2)["completed"] == 2
    made = set(server.call("GET", "/images/names")["image_names"]) - before
    assert len(made) == 4
    for name in made:
        full = Image.open(io.BytesIO(server.call("GET", f"/images/i/{name}/full")))
        assert full.size == (64, 64) and json.loads(full.info["invokeai_graph"])["nodes"].keys() == {"blank", "noise"}
        assert json.loads(server.call("GET", f"/images/i/{name}/workflow")["graph"])["nodes"].keys() == {"blank", "noise"}


def test_a_board_as_a_zip(server, world):
    board = server.board("Zipped")
    names = [server.upload_png(png(picture(seed)), board_id=board) for seed in range(5)]
    item = server.call("POST", "/images/download", json={"board_id": board})["bulk_download_item_name"]
    archive = wait_for_archive(server, item)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        zipped = {entry.removeprefix("user/"): opened.read(entry) for entry in opened.namelist()}
    assert zipped == {name: stored(world).get(image_keys("", name)[0]) for name in names}


def wait_for_archive(server, item: str) -> bytes:
    """InvokeAI serves it while it still writes it: then more comes than was announced, and the answer breaks off."""
    answer, deadline = None, time.monotonic() + 30
    while (answer is None or answer.status_code == 404) and time.monotonic() < deadline:
        time.sleep(0.1)
        with suppress(httpx.RemoteProtocolError):
            answer = server.http.get(f"/images/download/{item}")
    assert answer is not None and answer.is_success, answer
    return answer.content


def test_deleted_images_leave_nothing(server, world):
    before = set(stored(world).sizes())
    names = [server.upload("green") for _ in range(51)]
    server.call("DELETE", f"/images/i/{names[0]}")
    assert len(set(stored(world).sizes()) - before) == 100
    delete(server, names[1:])
    assert set(stored(world).sizes()) == before


def test_requests_once_another_server_may_have_written(server, world):
    """After `LITEFLARE_REFRESH` a known name is asked for again: serving an image takes one request, deleting it still at most six."""
    if world.settings is None:
        pytest.skip("a disk has no requests")
    time.sleep(10)  # so long what a child process may have written is looked for; InvokeAI has some while it starts
    name = server.upload("red")
    time.sleep(1.2)
    assert world.asked_of_r2(lambda: server.call("GET", f"/images/i/{name}/full")) == ["HEAD"]
    time.sleep(1.2)
    assert world.asked_of_r2(lambda: server.upload("blue")) == ["PUT", "PUT"]
    assert 1 <= len(world.asked_of_r2(lambda: server.call("DELETE", f"/images/i/{name}"))) <= 6


def test_intermediates_are_cleared(server, world):
    before = set(stored(world).sizes())
    for _ in range(10):
        server.upload("gray", is_intermediate=True)
    assert server.call("DELETE", "/images/intermediates") == 10
    assert set(stored(world).sizes()) == before


def test_a_board_is_deleted_with_its_images(server, world):
    before = set(stored(world).sizes())
    board = server.board("Gone")
    for _ in range(5):
        server.upload("pink", board_id=board)
    server.call("DELETE", f"/boards/{board}", params={"include_images": True})
    assert set(stored(world).sizes()) == before


def test_images_move_into_subfolders_and_back(server, world):
    before = contents(world)
    for strategy in ["hash", "type", "date", "flat"]:
        server.call("PATCH", "/app/runtime_config", json={"image_subfolder_strategy": strategy})
        later = server.upload("red")
        server.call("POST", "/image_moves/start")
        status = wait_for_moves(server)
        assert (status["last_error"], status["needs_move_count"]) == (None, 0), status
        assert status["latest_job"]["state"] == "committed", status
        subfolders = {subfolder for [subfolder] in rows(world, "SELECT DISTINCT image_subfolder FROM images")}
        assert ("" in subfolders) == (strategy == "flat")
        server.call("GET", f"/images/i/{later}/full")
        delete(server, [later])
        assert_complete(world, {key for key in before if not key.startswith("images/")})
    assert contents(world) == before


def wait_for_moves(server) -> dict:
    deadline = time.monotonic() + 60
    while (status := server.call("GET", "/image_moves/status"))["is_running"]:
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status


def test_a_video_is_served_whole_and_in_ranges(server, world, tmp_path):
    film = h264(tmp_path / "film.mp4")
    made = server.call(
        "POST",
        "/videos/upload",
        params={"video_category": "user", "is_intermediate": False},
        files={"file": ("film.mp4", film, "video/mp4")},
    )
    name = made["video_name"]
    assert (made["width"], made["height"]) == (320, 240)
    assert server.call("GET", f"/videos/i/{name}/full") == film == stored(world).get(f"videos/{name}")
    part = server.http.get(f"/videos/i/{name}/full", headers={"range": "bytes=1000-2999"})
    assert (part.status_code, part.content) == (206, film[1000:3000])
    assert part.headers["content-range"] == f"bytes 1000-2999/{len(film)}"
    assert server.http.get(f"/videos/i/{name}/full", headers={"range": "bytes=-10"}).content == film[-10:]
    assert Image.open(io.BytesIO(server.call("GET", f"/videos/i/{name}/thumbnail"))).format == "WEBP"


def test_a_deleted_video_leaves_nothing(server, world, tmp_path):
    before = set(stored(world).sizes())
    made = server.call(
        "POST",
        "/videos/upload",
        params={"video_category": "user", "is_intermediate": False},
        files={"file": ("film.mp4", h264(tmp_path / "film.mp4"), "video/mp4")},
        data={"metadata": json.dumps({"seed": 1})},
    )
    assert len(set(stored(world).sizes()) - before) == 3  # the video, its thumbnail and its metadata
    server.call("DELETE", f"/videos/i/{made['video_name']}")
    assert set(stored(world).sizes()) == before


def test_a_workflows_thumbnail(server, world, others):
    workflow = {
        "name": "Pictured", "author": "", "description": "", "version": "1.0.0", "contact": "", "tags": "", "notes": "",
        "exposedFields": [], "meta": {"version": "3.0.0", "category": "user"}, "nodes": [], "edges": [],
    }  # fmt: skip
    kept, gone = (server.call("POST", "/workflows/", json={"workflow": workflow})["workflow_id"] for _ in range(2))
    for workflow_id in (kept, gone):
        server.call("PUT", f"/workflows/i/{workflow_id}/thumbnail", files={"image": ("a.png", png(picture(3)), "image/png")})
    others.add(f"workflow_thumbnails/{kept}.webp")
    served = server.call("GET", f"/workflows/i/{kept}/thumbnail")
    assert served == stored(world).get(f"workflow_thumbnails/{kept}.webp")
    server.call("DELETE", f"/workflows/i/{gone}/thumbnail")
    listed = server.call("GET", "/workflows/", params={"categories": "user"})["items"]
    assert {item["workflow_id"]: bool(item["thumbnail_url"]) for item in listed} == {kept: True, gone: False}


def test_a_style_presets_image(server, world, others):
    def preset(name, image):
        data = json.dumps({"name": name, "positive_prompt": "{prompt}", "negative_prompt": "", "type": "user"})
        return {"data": {"data": data}, "files": {"image": ("a.png", png(image), "image/png")}}

    made = server.call("POST", "/style_presets/", **preset("Red", Image.new("RGB", (300, 300), "red")))
    key = f"style_presets/{made['id']}.webp"
    others.add(key)
    server.call("PATCH", f"/style_presets/i/{made['id']}", **preset("Blue", Image.new("RGB", (300, 300), "blue")))
    served = server.call("GET", f"/style_presets/i/{made['id']}/image")
    assert served == stored(world).get(key)
    assert Image.open(io.BytesIO(served)).convert("RGB").getpixel((9, 9))[2] > 200
    gone = server.call("POST", "/style_presets/", **preset("Gone", picture(4)))
    server.call("DELETE", f"/style_presets/i/{gone['id']}")


def test_a_models_image(server, world, others):
    """A model of an external provider: the only kind that can be installed without a download."""
    v2 = str(server.http.base_url).replace("/v1", "/v2")
    server.call("POST", f"{v2}models/install", params={"source": "external://openai/gpt-image-1"}, json={})
    deadline = time.monotonic() + 30
    while not (models := server.call("GET", f"{v2}models/")["models"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    path = f"{v2}models/i/{models[0]['key']}/image"
    server.call("PATCH", path, files={"image": ("a.png", png(picture(5, (300, 300))), "image/png")})
    key = f"model_images/{models[0]['key']}.webp"
    others.add(key)
    assert server.call("GET", path) == stored(world).get(key)


def test_a_container_on_an_empty_disk_finds_everything(start_server, server, world, others, tmp_path):
    before, served = contents(world), everything_served(server)
    assert len(served) == 2 * len(rows(world, "SELECT 1 FROM images")) + 2
    again = start_server(container=Container(tmp_path / "image"))
    if world.settings:
        assert again.root != server.root
    assert everything_served(again) == served
    assert contents(world) == before
    again.upload("black")
    again.call("DELETE", f"/images/i/{again.upload('white')}")
    assert_complete(world, others)
    world.assert_no_local_media(again.root)
    world.assert_no_local_database(again.root)
    world.assert_equal(again)


def everything_served(server: Server) -> dict[str, bytes]:
    images = server.call("GET", "/images/names")["image_names"]
    videos = server.call("GET", "/videos/names")["video_names"]
    paths = [f"/{kind}/i/{name}" for kind, names in (("images", images), ("videos", videos)) for name in names]
    return {path: server.call("GET", path) for path in (f"{path}/{size}" for path in paths for size in ("full", "thumbnail"))}
