"""InvokeAI itself: its processes, and three views of the one database they share, and of the bucket.

In: the settings of a database and a bucket (or `None` for SQLite's own file and local folders). Out: a running server to drive over HTTP, InvokeAI's small
tools as further processes, and `World.assert_equal`, which compares what the server sees, what a new process sees and what D1 holds.
"""

import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
from PIL import Image

from support import exact
from support.bucket import Bucket
from support.clouds import LITEFLARE, REPOSITORY, query
from support.relay import Relay

SERVE = REPOSITORY / "tests/python/invokeai/serve.py"
BIN = Path(sys.executable).parent
# Less than the 5 s after which the server closes an idle connection, perhaps just when it gets the next request.
KEEPALIVE = httpx.Limits(keepalive_expiry=2)
MEDIA = ["outputs/images", "outputs/videos", "style_presets/images", "workflow_thumbnails", "models/model_images"]
COPY = "import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b); b.close()"


class World:
    """One database, one bucket, and the root folders that were used with them."""

    def __init__(self, settings: dict | None, folder: Path):
        self.settings = settings
        self.folder = folder
        self.d1 = Relay(settings["LITEFLARE_D1_API"]) if settings else None
        self.bucket = Bucket(settings) if settings else None
        self.r2 = Relay(settings["LITEFLARE_R2_ENDPOINT"]) if settings else None
        self.roots = 0
        self.copies = 0
        self.filled = False

    def root(self) -> Path:
        """A fresh folder. Without a cloud the database is in the folder, so there is only one."""
        self.roots += 1
        root = self.folder / f"root{self.roots if self.settings else 1}"
        root.mkdir(exist_ok=True)
        return root

    def environment(self, root: Path, **more: str) -> dict:
        ours = ("LITEFLARE", "CLOUDFLARE", "INVOKEAI", "R2_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        relays = {"LITEFLARE_D1_API": self.d1.url, "LITEFLARE_R2_ENDPOINT": self.r2.url} if self.settings else {}
        settings = {**(self.settings or {}), **relays}
        return {**kept, **settings, "INVOKEAI_ROOT": str(root), "HF_HUB_OFFLINE": "1", **more}

    def command(self, *command) -> list[str]:
        return [*([str(LITEFLARE), "run", "--"] if self.settings else []), *map(str, command)]

    def run(self, root: Path, *command) -> str:
        """Another process on the same database."""
        done = subprocess.run(self.command(*command), env=self.environment(root), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def requests(self) -> int:
        return len(self.d1.requests) if self.d1 else 0

    def asked_of_r2(self, action) -> list[str]:
        """`PUT`, `GET`, …: what an action asked the bucket for."""
        before = len(self.r2.requests)
        action()
        return [request.method for request in self.r2.requests[before:]]

    def copy_path(self) -> Path:
        self.copies += 1
        return self.folder / f"copy{self.copies}.db"

    def seen_by_a_new_process(self, root: Path) -> Path:
        path = self.copy_path()
        self.run(root, sys.executable, "-c", COPY, root / "databases/invokeai.db", path)
        return path

    def assert_equal(self, server: "Server"):
        """What the running server sees, what a new process sees and what D1 holds are the same, value by value."""
        by_server, schema = read(server.copy())
        by_process, schema_again = read(self.seen_by_a_new_process(server.root))
        assert_same("a new process", by_process, "the server", by_server)
        assert schema_again == schema
        assert sum(map(len, by_server.values())) > 0
        if self.settings:
            ask = lambda sql: query(self.settings, sql)
            assert_same("D1", exact.contents(ask), "the server", by_server)
            assert exact.objects(ask) == [(kind, name, table) for kind, name, table, _ in schema]

    def assert_no_local_database(self, root: Path):
        """The only SQLite files under the root are those InvokeAI wrote as backups."""
        if self.settings is None:
            return
        found = [path for path in root.rglob("*") if path.is_file() and is_sqlite(path)]
        assert [path for path in found if not path.name.startswith("invokeai_backup_")] == []

    def assert_no_local_media(self, root: Path):
        """The media folders hold no file; looked at from here, where no hook is in the way."""
        if self.settings:
            assert [path for folder in MEDIA for path in (root / folder).rglob("*") if not path.is_dir()] == []

    def stop(self):
        if self.settings:
            self.d1.stop()
            self.r2.stop()


def is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def read(path: Path):
    """Contents and schema of a plain SQLite file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows_of = lambda sql: connection.execute(sql).fetchall()
        schema = rows_of("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
        return exact.contents(rows_of), [row for row in schema if not row[1].startswith(exact.OURS)]


def assert_same(left: str, a: dict, right: str, b: dict):
    assert a.keys() == b.keys(), f"tables only in {left}: {a.keys() - b.keys()}, only in {right}: {b.keys() - a.keys()}"
    for table in a:
        only_left, only_right = set(a[table]) - set(b[table]), set(b[table]) - set(a[table])
        assert a[table] == b[table], f"{table}: only in {left}: {only_left}; only in {right}: {only_right}"


class Server:
    """A running InvokeAI on a world's database, started by `liteflare run` or, without it, in a container."""

    def __init__(self, world: World, container=None, **settings: str):
        self.world = world
        self.root = world.root()
        self.log = world.folder / f"server-{self.root.name}-{time.time_ns()}.log"
        self.door = world.folder / f"door{time.time_ns()}"
        environment = world.environment(self.root, INVOKEAI_PORT=str(free_port()), PYTHONUNBUFFERED="1", **settings)
        command = world.command(sys.executable, SERVE, self.door, "--root", self.root)
        if container and world.settings:
            environment |= container.environment
            command = [*container.start, SERVE, self.door]  # the root is in the environment
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.http = httpx.Client(base_url=f"{self.wait_for_url()}/api/v1", timeout=200, limits=KEEPALIVE)

    def wait_for_url(self) -> str:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            text = self.log.read_text(errors="replace")
            if self.process.poll() is not None:
                raise RuntimeError(f"InvokeAI ended with {self.process.returncode}:\n{text[-6000:]}")
            if running := re.search(r"Invoke running on (http://[\d.]+:\d+)", text):
                return running[1]
            time.sleep(0.1)
        self.process.kill()
        self.process.wait()
        raise RuntimeError(f"InvokeAI did not start in time:\n{self.log.read_text(errors='replace')[-6000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.http.close()  # or the server waits for its open connections
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def copy(self) -> Path:
        """A plain file with the database as the server's own process sees it."""
        path = self.world.copy_path()
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(60)
            door.connect(str(self.door))
            door.sendall(str(path).encode())
            assert door.recv(4096) == b"ok"
        return path

    def call(self, method: str, path: str, **arguments):
        answer = self.http.request(method, path, **arguments)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.content

    def upload(self, color="red", metadata=None, **query) -> str:
        """The new image's name."""
        return self.upload_png(png(Image.new("RGB", (32, 32), color)), metadata, **query)

    def upload_png(self, picture: bytes, metadata=None, **query) -> str:
        answer = self.call(
            "POST",
            "/images/upload",
            params={"image_category": "user", "is_intermediate": False, **query},
            files={"file": ("picture.png", picture, "image/png")},
            data={"metadata": json.dumps(metadata)} if metadata is not None else None,
        )
        return answer["image_name"]

    def board(self, name: str) -> str:
        return self.call("POST", "/boards/", params={"board_name": name})["board_id"]

    def generate(self, runs=1) -> dict:
        """Runs blank_image → img_noise through the queue; the batch's status when it is done."""
        blue = {"r": 9, "g": 90, "b": 200, "a": 255}
        blank = {"id": "blank", "type": "blank_image", "width": 64, "height": 64, "color": blue, "use_cache": False}
        noise = {"id": "noise", "type": "img_noise", "is_intermediate": False, "seed": 12345, "use_cache": False}
        edge = {"source": {"node_id": "blank", "field": "image"}, "destination": {"node_id": "noise", "field": "image"}}
        graph = {"id": "graph", "nodes": {"blank": blank, "noise": noise}, "edges": [edge]}
        batch = {"graph": graph, "runs": runs, "origin": "tests", "destination": "gallery"}
        queued = self.call("POST", "/queue/default/enqueue_batch", json={"batch": batch, "prepend": False})
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            status = self.call("GET", f"/queue/default/b/{queued['batch']['batch_id']}/status")
            if status["completed"] + status["failed"] + status["canceled"] == status["total"] == runs:
                return status
            time.sleep(0.1)
        raise AssertionError(f"the queue did not finish: {status}")


def png(image: Image.Image, **more) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **more)
    return file.getvalue()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
