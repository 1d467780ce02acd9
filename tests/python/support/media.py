"""InvokeAI's media, looked at from outside: what its rows name, and what is in the bucket (without a cloud: in the local folders).

`assert_complete` compares both, in both directions. Neither goes through liteflare: rows come from D1's query API, objects over S3.
"""

import io
import subprocess
from contextlib import closing
from pathlib import Path, PurePosixPath
from sqlite3 import connect

from PIL import Image

from support.application import World
from support.clouds import query

PREFIXES = {
    "outputs/images": "images",
    "outputs/videos": "videos",
    "style_presets/images": "style_presets",
    "workflow_thumbnails": "workflow_thumbnails",
    "models/model_images": "model_images",
}


class Disk:
    """The media of an InvokeAI without liteflare, under the keys they would have in a bucket."""

    def __init__(self, root: Path):
        self.root = root

    def sizes(self) -> dict[str, int]:
        return {key: path.stat().st_size for key, path in self._files()}

    def get(self, key: str) -> bytes:
        return dict(self._files())[key].read_bytes()

    def _files(self):
        for folder, prefix in PREFIXES.items():
            for path in (self.root / folder).rglob("*"):
                if path.is_file():
                    yield f"{prefix}/{path.relative_to(self.root / folder)}", path


def stored(world: World) -> Disk:
    return world.bucket or Disk(world.folder / "root1")


def rows(world: World, sql: str) -> list:
    if world.settings:
        return query(world.settings, sql)
    with closing(connect(world.folder / "root1/databases/invokeai.db")) as connection:
        return [list(row) for row in connection.execute(sql)]


def image_keys(subfolder: str, name: str) -> tuple[str, str]:
    """An image's key, and that of its thumbnail."""
    return media_keys("images", ".png", subfolder, name)


def media_keys(prefix: str, suffix: str, subfolder: str, name: str) -> tuple[str, str]:
    in_folder = PurePosixPath(subfolder) / name
    return f"{prefix}/{in_folder}", f"{prefix}/thumbnails/{in_folder}".replace(suffix, ".webp")


def keys_of_rows(world: World) -> set[str]:
    images = rows(world, "SELECT image_subfolder, image_name FROM images")
    videos = rows(world, "SELECT video_subfolder, video_name FROM videos")
    clips = {key for video in videos for key in media_keys("videos", ".mp4", *video)}
    return {key for image in images for key in image_keys(*image)} | clips


def assert_complete(world: World, others: set[str] = frozenset()):
    """Each row has its objects, each object its row or its place among `others`, and each picture can be read to its end."""
    assert_equal_sets(set(stored(world).sizes()), keys_of_rows(world) | others)
    assert_whole(world)


def assert_equal_sets(found: set, expected: set):
    assert found == expected, f"without a row: {sorted(found - expected)}; missing: {sorted(expected - found)}"


def assert_whole(world: World):
    for key in stored(world).sizes():
        if key.endswith((".png", ".webp")):
            Image.open(io.BytesIO(stored(world).get(key))).load()


def contents(world: World) -> dict[str, bytes]:
    return {key: stored(world).get(key) for key in stored(world).sizes()}


def h264(path: Path) -> bytes:
    """Two seconds of video, made by the ffmpeg that InvokeAI brings."""
    import imageio_ffmpeg

    picture = ["-f", "lavfi", "-i", "testsrc=duration=2:size=320x240:rate=24", "-pix_fmt", "yuv420p"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *picture, "-c:v", "libx264", "-b:v", "4M", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path.read_bytes()
