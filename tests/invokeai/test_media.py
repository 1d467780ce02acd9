"""InvokeAI's images in R2: what it saves, serves, moves and deletes there, and a restart in a fresh folder.

The bucket is read by another process, through the hook, in a folder of its own.
"""

import io
import json
import sys
import uuid

import pytest
from application import World
from PIL import Image

FOLDERS = {
    "outputs/images": "images",
    "outputs/videos": "videos",
    "style_presets/images": "style_presets",
    "workflow_thumbnails": "workflow_thumbnails",
    "models/model_images": "model_images",
}
LIST = "import json, pathlib, sys; r = pathlib.Path(sys.argv[1]); print(json.dumps({str(p.relative_to(r)): p.stat().st_size for p in r.rglob('*') if p.is_file()}))"


@pytest.fixture(scope="module")
def world(cloud, tmp_path_factory):
    """A database, and a part of the cloud's bucket."""
    if cloud is None:
        pytest.skip("without a cloud there is no bucket")
    part = uuid.uuid4().hex
    bucket = {name: value for name, value in cloud.settings.items() if "R2" in name}
    bucket["LITEFLARE_R2_PATHS"] = ":".join(f"{folder}={part}/{prefix}" for folder, prefix in FOLDERS.items())
    world = World({**cloud.database(), **bucket}, tmp_path_factory.mktemp("world"))
    yield world
    world.stop()


@pytest.fixture(scope="module")
def server(start):
    return start()


def objects(world, folder="outputs/images") -> dict:
    """Names and sizes of the files that are in the bucket for a folder, as a fresh process on an empty disk finds them."""
    root = world.root()
    return json.loads(world.run(root, sys.executable, "-c", LIST, root / folder))


def assert_media(world, server):
    """Each image row has its two objects, no object is orphaned, and nothing is on the disk."""
    rows = [image["image_name"] for image in server.call("GET", "/images/", params={"limit": 1000})["items"]]
    expected = {name for row in rows for name in (row, f"thumbnails/{row.removesuffix('.png')}.webp")}
    found = objects(world)
    assert set(found) == expected and all(found.values())
    local = [path for folder in FOLDERS for path in (server.root / folder).rglob("*") if path.is_file()]
    assert local == []
    return rows


def test_images_are_saved_served_and_deleted_in_the_bucket(server, world):
    board = server.board("Kept")
    names = [server.upload(color, board_id=board, metadata={"seed": 1}) for color in ("red", "green", "blue", "black")]
    assert server.generate()["completed"] == 1
    rows = assert_media(world, server)
    assert len(rows) == 6 and set(names) < set(rows)
    full = Image.open(io.BytesIO(server.call("GET", f"/images/i/{names[0]}/full")))
    assert full.getpixel((5, 5)) == (255, 0, 0) and json.loads(full.info["invokeai_metadata"]) == {"seed": 1}
    assert Image.open(io.BytesIO(server.call("GET", f"/images/i/{names[0]}/thumbnail"))).format == "WEBP"
    server.call("POST", "/images/star", json={"image_names": names[:1]})

    server.call("DELETE", f"/images/i/{names[3]}")
    assert len(assert_media(world, server)) == 5
    many = [server.upload("white") for _ in range(20)]
    server.call("POST", "/images/delete", json={"image_names": many})
    assert len(assert_media(world, server)) == 5
    world.assert_equal(server)


def test_a_style_preset_keeps_its_image_in_the_bucket(server, world):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    data = {"name": "Red", "positive_prompt": "red {prompt}", "negative_prompt": "", "type": "user"}
    made = server.call(
        "POST",
        "/style_presets/",
        data={"data": json.dumps(data)},
        files={"image": ("red.png", picture.getvalue(), "image/png")},
    )
    assert len(objects(world, "style_presets/images")) == 1
    image = Image.open(io.BytesIO(server.call("GET", f"/style_presets/i/{made['id']}/image")))
    assert image.size[0] > 0
    server.call("DELETE", f"/style_presets/i/{made['id']}")
    assert objects(world, "style_presets/images") == {}


def test_a_restart_in_a_fresh_folder_finds_the_images(start, server, world):
    before = assert_media(world, server)
    contents = {name: server.call("GET", f"/images/i/{name}/full") for name in before}
    again = start()
    assert again.root != server.root
    assert assert_media(world, again) == before
    assert {name: again.call("GET", f"/images/i/{name}/full") for name in before} == contents
