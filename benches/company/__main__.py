"""How processes that write to one database get on with each other: 1, 2 and 4 of them, with round trips of 0, 20 and 50 ms.

    cargo build --release
    PYTHONPATH=tests/python python benches/company [seconds] [way to write …]      # LITEFLARE_BIN names another build

Requests are counted exactly. "rate" is all processes' commits in a second; "of two trips" is that rate times two round trips as one process
alone has measured them: 1.0 is what a process alone would reach if each commit took two requests.
"""

import sys
import tempfile
from pathlib import Path

from support import clouds
from support.company import TABLE, WRITES, race
from support.relay import Relay
from support.sqlite_app import App


def main(seconds: float, ways: list[str]):
    print("| way to write | round trip | processes | commits | failed | slowest/fastest | requests each | rate | of two trips |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        cloud = clouds.start("embedded", Path(folder))
        for way in ways:
            for delay in (0, 0.02, 0.05):
                alone = None
                for count in (1, 2, 4):
                    with Relay(cloud.settings["LITEFLARE_D1_API"]) as relay:
                        app = App(cloud.database(), relay, Path(folder) / f"{way}-{delay}-{count}" / "databases" / "app.db")
                        alone = row(app, way, delay, count, seconds, alone)
        cloud.stop()


def row(app: App, way: str, delay: float, count: int, seconds: float, alone: float | None) -> float:
    app.succeed(TABLE)
    app.relay.delay = delay
    found, requests = race(app, way, count, seconds)
    commits = [commits for commits, _, _ in found]
    failed = sum(len(errors) for _, errors, _ in found)
    total, rate = sum(commits), sum(commits) / seconds
    alone = alone or rate
    cells = [way, f"{delay * 1000:.0f} ms", count, total, failed, f"{min(commits) / max(max(commits), 1):.2f}"]
    cells += [f"{requests / max(total, 1):.2f}", f"{rate:.1f}", f"{rate / (alone / 2):.2f}"]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return alone


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or list(WRITES))
