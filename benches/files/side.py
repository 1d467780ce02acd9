"""One side of the comparison of `benches/files`: reads `ACTION NAME` lines, does it, answers with the seconds it took.

With `BENCH_FOLDER` the files are in that folder, whoever serves it; otherwise they are objects, by the same calls with boto3.
"""

import io
import os
import sys
import time
from pathlib import Path

from PIL import Image

PICTURE = Image.effect_mandelbrot((1024, 1024), (-1.5, -1.0, 0.5, 1.0), 100)
NOISE = Image.effect_noise((1024, 1024), 12)
PICTURE = Image.merge("RGB", (PICTURE, NOISE, PICTURE))
THUMBNAIL = PICTURE.copy()
THUMBNAIL.thumbnail((256, 256))


def encoded(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


PNG, WEBP = encoded(PICTURE, "PNG", compress_level=1), encoded(THUMBNAIL, "WEBP")


class Folder:
    def __init__(self, folder: str):
        self.folder, self.thumbnails = Path(folder), Path(folder, "thumbnails")
        self.prepare()
        sorted(self.folder.glob(".delete_*"))  # as InvokeAI does when it starts

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.thumbnails.mkdir(parents=True, exist_ok=True)

    def paths(self, name: str) -> tuple[Path, Path]:
        image, thumbnail = self.folder / f"{name}.png", self.thumbnails / f"{name}.webp"
        assert not image.exists() and not thumbnail.exists()
        return image, thumbnail

    def save(self, name):
        self.prepare()
        image, thumbnail = self.paths(name)
        PICTURE.save(image, "PNG", compress_level=1)
        THUMBNAIL.save(thumbnail)

    def write(self, name):
        self.prepare()
        image, thumbnail = self.paths(name)
        image.write_bytes(PNG)
        thumbnail.write_bytes(WEBP)

    def serve(self, name):
        path = (self.folder / f"{name}.png").resolve()
        with open(path, "rb") as file:
            assert len(file.read()) == len(PNG)

    def provide(self, name):
        (self.folder / f"{name}.png").write_bytes(PNG)


class Objects:
    def __init__(self):
        import boto3
        from botocore.config import Config

        self.bucket, self.prefix = os.environ["BENCH_BUCKET"], os.environ["BENCH_PREFIX"]
        config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
        self.client = boto3.client("s3", endpoint_url=os.environ["BENCH_ENDPOINT"], config=config)

    def put(self, key: str, body: bytes):
        self.client.put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=body)

    def save(self, name):
        self.put(f"{name}.png", encoded(PICTURE, "PNG", compress_level=1))
        self.put(f"thumbnails/{name}.webp", encoded(THUMBNAIL, "WEBP"))

    def write(self, name):
        self.put(f"{name}.png", PNG)
        self.put(f"thumbnails/{name}.webp", WEBP)

    def serve(self, name):
        answer = self.client.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{name}.png")
        assert len(answer["Body"].read()) == len(PNG)

    def provide(self, name):
        self.put(f"{name}.png", PNG)


def main():
    side = Folder(os.environ["BENCH_FOLDER"]) if "BENCH_FOLDER" in os.environ else Objects()
    actions = {"save": side.save, "write": side.write, "first": side.serve, "later": side.serve, "provide": side.provide}
    actions["again"] = side.serve
    for line in sys.stdin:
        action, name = line.split()
        if action == "again":
            side.serve(name)
        started = time.perf_counter()
        actions[action](name)
        print(time.perf_counter() - started, flush=True)


main()
