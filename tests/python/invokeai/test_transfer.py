"""A root that plain InvokeAI has filled with 500 images and boards: to the cloud, from there served by InvokeAI through liteflare, and back to a
folder that plain InvokeAI starts from. All are equal, row by row and byte by byte.
"""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.application import MEDIA, Server, World, assert_same, read
from support.clouds import LITEFLARE

pytestmark = pytest.mark.plain_too

IMAGES = 500


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """The root, and what its InvokeAI said of it."""
    world = World(None, tmp_path_factory.mktemp("plain"))
    server = Server(world)
    try:
        with ThreadPoolExecutor(4) as pool:
            upload = lambda number: server.upload((number % 256, number // 256, 9), metadata={"number": number})
            names = list(pool.map(upload, range(IMAGES)))
        for number in range(5):
            board = server.board(f"Board {number} 'ü€'")
            server.call("POST", "/board_images/batch", json={"board_id": board, "image_names": names[number::50]})
        server.call("POST", "/images/star", json={"image_names": names[:7]})
        server.call("DELETE", f"/images/i/{names.pop()}")
        server.generate()
        said = answers(server)
    finally:
        server.stop()
    return server.root, said


def answers(server):
    """What a person sees in the gallery."""
    images = server.call("GET", "/images/", params={"limit": 2 * IMAGES, "offset": 0})
    boards = server.call("GET", "/boards/", params={"all": True})
    some = sorted(image["image_name"] for image in images["items"])[:5]
    files = {name: [server.call("GET", f"/images/i/{name}/{what}") for what in ("full", "thumbnail", "metadata")] for name in some}
    return images, boards, files


def media(root: Path) -> dict:
    return {path.relative_to(root): path.read_bytes() for folder in MEDIA for path in (root / folder).rglob("*") if path.is_file()}


def command(settings, *arguments) -> dict:
    ours = ("LITEFLARE", "CLOUDFLARE", "INVOKEAI", "R2_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run([LITEFLARE, *map(str, arguments), "--json"], env={**kept, **settings}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_500_images_and_boards_go_to_the_cloud_and_come_back_equal(cloud, plain, tmp_path_factory):
    if cloud is None:
        pytest.skip("a cloud is what this is about")
    root, said = plain
    settings = {**cloud.database(), **cloud.bucket()}
    files, (rows, schema) = media(root), read(root / "databases/invokeai.db")
    assert len(rows["images"]) >= IMAGES

    summary = command(settings, "import", root)
    assert (summary["files"], summary["files_sent"]) == (len(files), len(files)) and len(files) >= 2 * IMAGES
    assert media(root) == files and read(root / "databases/invokeai.db") == (rows, schema), "the local root is untouched"
    report = command(settings, "verify", "--root", root, "--db", root / "databases/invokeai.db")
    assert report["equal"] and report["objects"] == len(files)

    world = World(None, tmp_path_factory.mktemp("back"))
    back = world.folder / "root1"
    command(settings, "export", back, "--root", root)
    exported, exported_schema = read(back / "databases/invokeai.db")
    assert_same("the export", exported, "the root", rows)
    assert exported_schema == schema
    assert media(back) == files
    assert_starts(Server(world), said)

    served = World(settings, tmp_path_factory.mktemp("served"))
    try:
        assert_starts(Server(served), said)
    finally:
        served.stop()


def assert_starts(server, said):
    """InvokeAI on it says what the first one said."""
    try:
        assert answers(server) == said
    finally:
        server.stop()
