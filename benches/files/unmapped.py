"""The hook's cost where it has nothing to do: local files, with and without it."""

import os
import subprocess
import sys
from pathlib import Path

PROCESSES = 6  # of each side, one after the other: where its memory lies makes a program faster or slower by a per cent
ROUNDS = 60
ACTIONS = ("open+read+close", "stat", "listdir", "walk")
HERE = Path(__file__).parent


class Side:
    def __init__(self, command: list, environment: dict):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*map(str, command)], env={**os.environ, **environment}, **pipes)

    def nanoseconds(self, action: str) -> float:
        print(action, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


def run(home: Path, liteflare: Path):
    folder = home / "unmapped"
    for number in range(100):
        (folder / f"{number % 10}").mkdir(parents=True, exist_ok=True)
        (folder / f"{number % 10}/{number}.txt").write_bytes(b"x" * 4096)
    hook = {
        "LITEFLARE": "1",
        "LD_PRELOAD": str(liteflare.parent / "libliteflare.so"),
        "LITEFLARE_ROOT": str(home / "root"),
        "LITEFLARE_R2_BUCKET": "none",
    }
    program = home / "unmapped-c"
    subprocess.run(["cc", "-O2", "-o", program, HERE / "unmapped.c"], check=True)
    print(f"\n{'local files, per call':<28}{'without':>12}{'with':>12}{'more':>9}")
    for language, command in {"C": [program], "Python": [sys.executable, HERE / "calls.py"]}.items():
        for action, (plain, hooked) in fastest([*command, folder], hook).items():
            print(f"{language + ' ' + action:<28}{plain:>9.0f} ns{hooked:>9.0f} ns{(hooked / plain - 1) * 100:>8.1f}%")


def fastest(command: list, hook: dict) -> dict[str, list[float]]:
    best = {action: [float("inf"), float("inf")] for action in ACTIONS}
    for _ in range(PROCESSES):
        sides = [Side(command, {}), Side(command, hook)]
        for turn in range(ROUNDS):
            for action in ACTIONS:
                for n in (turn % 2, 1 - turn % 2):
                    best[action][n] = min(best[action][n], sides[n].nanoseconds(action))
        for side in sides:
            side.stop()
    return best
