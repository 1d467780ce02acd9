"""Two InvokeAI servers on one database and one bucket, both in use: `scripts/two-servers`.

In: a world, and how long. Out: what went wrong, if anything did: requests that failed, queue items that failed or were run twice, images
that the other server did not show in time, and errors in the servers' logs.
"""

import argparse
import json
import re
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from support import clouds
from support.application import Server, World

# What a server shows of the other's work may be as old as LITEFLARE_REFRESH (1s), and it takes a moment to ask for it.
PATIENCE = 3
# A run of the graph saves so many images.
IMAGES_A_RUN = 2


class Company:
    def __init__(self, world: World):
        self.world = world
        self.servers = [Server(world, LITEFLARE_TIMEOUT="120s")]
        self.servers.append(Server(world, LITEFLARE_TIMEOUT="120s"))  # one after the other: the first makes the schema
        self.patience = PATIENCE
        self.done, self.wrong = Counter(), []
        self.saved = 0
        self._turn = threading.Lock()

    def use(self, seconds: float, outage: float = 0):
        """Each server gets two people: one works on images, one on the queue. In the middle D1 is away for a while."""
        until = time.monotonic() + seconds
        work = [self.upload, self.generate]
        threads = [
            threading.Thread(target=self.repeat, args=(task, server, other, until))
            for server, other in (self.servers, self.servers[::-1])
            for task in work
        ]
        for thread in threads:
            thread.start()
        if outage:
            time.sleep(seconds / 2)
            self.patience += outage
            self.world.d1.is_down = True
            time.sleep(outage)
            self.world.d1.is_down = False
        for thread in threads:
            thread.join()

    def repeat(self, task, server, other, until):
        number = 0
        while time.monotonic() < until:
            try:
                task(server, other, number)
                self.note(task.__name__)
            except Exception as error:
                self.complain(f"{task.__name__}: {type(error).__name__}: {error}"[:500])
            number += 1

    def note(self, name, saved=0):
        with self._turn:
            self.done[name] += 1
            self.saved += saved

    def complain(self, what):
        with self._turn:
            self.wrong.append(what)

    def upload(self, server, other, number):
        board = server.board(f"Board {number}")
        name = server.upload((number % 256, 5, 9), board_id=board)
        self.note("images uploaded", saved=1)
        server.call("POST", "/images/star", json={"image_names": [name]})
        server.call("POST", "/client_state/default/set_by_key", params={"key": f"ui{number % 5}"}, json=f"value {number}")
        self.shows(other, name)
        if number % 4 == 3:
            server.call("DELETE", f"/boards/{board}")

    def shows(self, other, name):
        """The other server has the image in its list, and serves it."""
        deadline = time.monotonic() + self.patience
        while name not in other.call("GET", "/images/names")["image_names"]:
            assert time.monotonic() < deadline, f"an image is not shown after {self.patience} s"
            time.sleep(0.1)
        assert other.call("GET", f"/images/i/{name}/full").startswith(b"\x89PNG")

    def generate(self, server, other, number):
        status = server.generate(runs=2)
        assert status["completed"] == 2 and status["failed"] == 0, status
        self.note("runs", saved=2 * IMAGES_A_RUN)

    def report(self) -> dict:
        time.sleep(PATIENCE)
        counts = [len(server.call("GET", "/images/names")["image_names"]) for server in self.servers]
        status = self.servers[0].call("GET", "/queue/default/status")["queue"]
        if counts != [self.saved, self.saved]:
            self.wrong.append(f"the servers show {counts} images, {self.saved} were saved")
        if status["failed"] or status["pending"] or status["in_progress"]:
            self.wrong.append(f"the queue: {status}")
        logs = [line for server in self.servers for line in server.log.read_text(errors="replace").splitlines()]
        errors = Counter(kind(line) for line in logs if re.search(r"ERROR|Traceback|database is locked| WARN ", line))
        return {"done": dict(self.done), "wrong": self.wrong, "errors in logs": dict(errors)}

    def stop(self):
        for server in self.servers:
            server.stop()


def kind(line: str) -> str:
    """A line without what differs from one to the next."""
    return re.sub(r"[0-9a-f-]{8,}|\d+", "…", line)[:200]


def main():
    parser = argparse.ArgumentParser(prog="scripts/two-servers", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--plain", action="store_true", help="on one SQLite file, without liteflare: the baseline")
    parser.add_argument("--outage", type=float, default=0, metavar="SECONDS", help="how long D1 is away in the middle (default: 0)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="liteflare-company-") as name:
        folder = Path(name)
        cloud = clouds.start("plain" if options.plain else "embedded", folder)
        world = World({**cloud.database(), **cloud.bucket()} if cloud else None, folder)
        company = Company(world)
        try:
            company.use(options.minutes * 60, options.outage)
            print(json.dumps(company.report(), indent=2))
        finally:
            company.stop()
            world.stop()
            if cloud:
                cloud.stop()


if __name__ == "__main__":
    main()
