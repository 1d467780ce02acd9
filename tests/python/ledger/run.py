"""Runs the processes of a ledger run, gets in their way, and checks what has become of their transactions."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ledger.faults import Faults
from ledger.transactions import SCHEMA, Name, connect, edit, perform
from support import clouds
from support.exact import contents

HAND = "by hand"  # the writer of what is done past liteflare


@dataclass
class Plan:
    """What a run is to be."""

    seed: int = 1
    transactions: int = 1000
    writers: int = 4
    rounds: int = 5
    faults: float = 0.05  # share of requests
    kills: int = 3  # a round
    edits: int = 5  # a round
    restores: bool = True  # every second round, where the cloud's file can be reached
    settings: dict = field(default_factory=dict)


class Writer:
    """A process, and what it has said of its transactions."""

    def __init__(self, run: "Run", name: str):
        self.run, self.name = run, name
        self.next, self.done, self.failed, self.open = 0, {}, {}, {}
        self.begun = {}  # when each was begun
        self.start()

    def start(self):
        command = [str(clouds.LITEFLARE), "run", "--", sys.executable, "-m", "ledger.writer"]
        command += [str(self.run.path), str(self.run.plan.seed), self.name, str(self.next)]
        pipe = subprocess.PIPE
        with open(self.run.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(command, env=self.run.environment, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self.answers: list[str] = []
        self.paused = threading.Event()
        self.reader = threading.Thread(target=self.listen, args=(self.process,), daemon=True)
        self.reader.start()

    def listen(self, process):
        for line in process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "begin":
                self.next = int(rest) + 1
                self.begun[int(rest)] = self.open[int(rest)] = time.monotonic()
            elif word in ("done", "failed"):
                number, _, why = rest.partition(" ")
                self.open.pop(int(number))
                (self.done if word == "done" else self.failed)[int(number)] = why or time.monotonic()
            elif word == "paused":
                self.paused.set()
            else:
                self.answers.append(line)

    def tell(self, text=""):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def pause(self):
        self.tell("pause")

    def wait_paused(self):
        while not self.paused.wait(1):
            assert self.process.poll() is None, f"{self.name} has ended: {self.complaint()}"
        self.paused.clear()

    def shown(self):
        """What its connection shows, with what is on D1 now."""
        self.tell("show")
        while not self.answers:
            time.sleep(0.01)
            assert self.process.poll() is None, f"{self.name} has ended: {self.complaint()}"
        return json.loads(self.answers.pop())

    def complaint(self):
        return (self.run.folder / f"{self.name}.log").read_text()[-3000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        self.open.clear()  # nobody knows what became of it

    def stop(self):
        if self.process.poll() is None:
            self.kill()


class Run:
    """One database, its writers, and all that gets in their way. `restorable`: the cloud's own file of the database."""

    def __init__(self, plan: Plan, settings: dict, folder: Path, restorable: Path | None = None):
        self.plan, self.settings, self.folder, self.restorable = plan, settings, folder, restorable
        self.rng = random.Random(f"run/{plan.seed}")
        self.path = folder / "databases/app.db"
        self.path.parent.mkdir(exist_ok=True)
        self.relay = Faults(settings["LITEFLARE_D1_API"], plan.seed, plan.faults)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LITEFLARE", "CLOUDFLARE"))}
        ours = {"LITEFLARE_D1_API": self.relay.url, "LITEFLARE_ROOT": folder, "LITEFLARE_DB": self.path, "LITEFLARE_REFRESH": "100ms"}
        paths = {"PYTHONPATH": Path(__file__).parents[1], "LITEFLARE_TIMEOUT": "60s"}
        self.environment = {**kept, **settings, **{name: str(value) for name, value in (ours | paths | plan.settings).items()}}
        self.edits = 0
        self.kills = self.restores = 0
        self.plain = connect(":memory:")
        self.plain.executescript(SCHEMA)
        self.replayed: list[tuple] = []
        self.writers: list[Writer] = []
        self.lost: list[tuple[float, float]] = []
        self.gone: set[tuple] = set()
        self.snapshot: tuple | None = None

    def query(self, sql):
        return clouds.query(self.settings, sql)

    def ledger(self, rows_of) -> list[tuple]:
        return [(writer, number) for writer, number in rows_of("SELECT writer, number FROM ledger ORDER BY n")]

    # What happens

    def go(self) -> dict:
        try:
            self.create()
            self.writers = [Writer(self, f"w{number}") for number in range(self.plan.writers)]
            for round in range(self.plan.rounds):
                self.stir(round)
                self.check()
            return self.report()
        finally:
            for writer in self.writers:
                writer.stop()
            self.relay.stop()

    def create(self):
        code = f"import sqlite3; sqlite3.connect({str(self.path)!r}).executescript({SCHEMA!r})"
        share, self.relay.share = self.relay.share, 0
        subprocess.run([str(clouds.LITEFLARE), "run", "--", sys.executable, "-c", code], env=self.environment, check=True)
        self.relay.share = share

    def count(self):
        return sum(len(writer.done) + len(writer.failed) for writer in self.writers)

    def stir(self, round: int):
        """Lets the writers work, and gets in their way."""
        goal = self.plan.transactions * (round + 1) // self.plan.rounds
        begun = self.count()
        events = [self.kill] * self.plan.kills + [self.edit] * self.plan.edits
        self.rng.shuffle(events)
        if self.restorable and self.plan.restores and round % 2 == 1:
            at = sorted(self.rng.sample(range(len(events) + 2), 2))
            events.insert(at[0], self.take_snapshot)
            events.insert(at[1], self.restore)
        quiet = time.monotonic()
        while (done := self.count()) < goal or events:
            share = (done - begun + 1) / max(goal - begun, 1)
            if events and share >= 1 - len(events) / (len(events) + 1):
                events.pop(0)()
                continue
            time.sleep(0.01)
            for writer in self.writers:
                assert writer.process.poll() is None, f"{writer.name} has ended: {writer.complaint()}"
            quiet = time.monotonic() if self.count() != done else quiet
            assert time.monotonic() - quiet < 120, "nothing goes on"

    def kill(self):
        writer = self.rng.choice(self.writers)
        writer.kill()
        writer.start()
        self.kills += 1

    def edit(self):
        """What somebody does in Cloudflare's dashboard, in one batch with its name in the ledger."""
        name = f"INSERT INTO ledger(writer, number) VALUES ('{HAND}', {self.edits})"
        batch = [{"sql": sql} for sql in [name, *edit(self.hand(self.edits))]]
        self.edits += 1
        base = f"{self.settings['LITEFLARE_D1_API']}/accounts/{self.settings['CLOUDFLARE_ACCOUNT_ID']}"
        url = f"{base}/d1/database/{self.settings['LITEFLARE_D1_DATABASE']}/raw"
        answer = clouds.post(url, {"batch": batch}, self.settings["CLOUDFLARE_API_TOKEN"])
        assert answer["success"], answer

    def hand(self, number):
        return random.Random(f"hand/{self.plan.seed}/{number}")

    def take_snapshot(self):
        self.snapshot = sqlite3.connect(":memory:")
        with sqlite3.connect(self.restorable) as live:
            live.backup(self.snapshot)

    def restore(self):
        """As Time Travel does it: the database is overwritten where it stands, while everybody works."""
        kept = set(self.ledger(lambda sql: self.snapshot.execute(sql).fetchall()))
        before = time.monotonic()
        with sqlite3.connect(self.restorable) as live:
            self.snapshot.backup(live)
        self.restores += 1
        # What ended before and is not in the snapshot is gone. What was under way may have come before or after.
        for writer in self.writers:
            ended = [(writer.name, number) for number, at in list(writer.done.items()) if at < before]
            self.gone.update(set(ended) - kept)
        self.lost.append((before, time.monotonic()))

    # What must be true

    def check(self):
        for writer in self.writers:
            writer.pause()
        for writer in self.writers:
            writer.wait_paused()
        share, self.relay.share = self.relay.share, 0
        self.relay.settle()
        order = self.ledger(self.query)
        self.check_ledger(order)
        expected = json.loads(json.dumps(contents(self.replay(order))))
        found = json.loads(json.dumps(contents(self.query)))
        assert found == expected, difference("D1", found, expected)
        for writer in self.writers:
            integrity, shown = writer.shown()
            assert integrity == [["ok"]], (writer.name, integrity)
            assert shown == expected, difference(writer.name, shown, expected)
        self.relay.share = share
        for writer in self.writers:
            writer.tell()

    def check_ledger(self, order: list[tuple]):
        twice = [name for name, count in Counter(order).items() if count > 1]
        assert not twice, f"applied more than once: {twice}"
        there = set(order)
        for writer in self.writers:
            for number, ended in writer.done.items():
                name = (writer.name, number)
                may_be_gone = any(writer.begun[number] <= end and ended >= begin for begin, end in self.lost)
                assert name in there or name in self.gone or may_be_gone, f"acknowledged and not on D1: {name}"
            false = [number for number in writer.failed if (writer.name, number) in there]
            assert not false, f"reported as failed, and on D1: {writer.name} {false} {[writer.failed[n] for n in false]}"
        wrong = {why for writer in self.writers for why in writer.failed.values() if "locked" not in why}
        assert not wrong, f"not an error that a busy database gives: {wrong}"

    def replay(self, order: list[tuple]):
        """SQLite's own database after these transactions."""
        if order[: len(self.replayed)] != self.replayed:
            self.plain = connect(":memory:")  # D1 was set back
            self.plain.executescript(SCHEMA)
            self.replayed = []
        for writer, number in order[len(self.replayed) :]:
            self.plain.execute("BEGIN")
            perform(self.plain, self.statements(Name(self.plan.seed, writer, number)))
            self.plain.execute("COMMIT")
        self.replayed = order
        return lambda sql: self.plain.execute(sql).fetchall()

    def statements(self, name: Name) -> list[tuple]:
        if name.writer == HAND:
            return [name.entry(), *((sql, ()) for sql in edit(self.hand(name.number)))]
        return name.statements()

    def report(self) -> dict:
        done = sum(len(writer.done) for writer in self.writers)
        failed = sum(len(writer.failed) for writer in self.writers)
        return {
            "done": done, "failed": failed, "kills": self.kills, "edits": self.edits, "restores": self.restores,
            "requests": len(self.relay.requests), "faults": dict(self.relay.counts),
        }  # fmt: skip


def difference(who: str, found: dict, expected: dict) -> str:
    tables = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    lines = [f"{who} differs from the replay in {tables}"]
    for name in tables:
        ours, theirs = (set(map(str, side.get(name) or [])) for side in (found, expected))
        lines += [f"  {name}, here alone: {sorted(ours - theirs)[:5]}", f"  {name}, missing: {sorted(theirs - ours)[:5]}"]
    return "\n".join(lines)
