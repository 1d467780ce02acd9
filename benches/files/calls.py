"""Calls that Python programs make, in rounds: reads an action a line, answers with the nanoseconds of one."""

import os
import sys
import time

FOLDER = sys.argv[1]
FILE = f"{FOLDER}/0/0.txt"


def read():
    with open(FILE, "rb") as file:
        file.read()


ACTIONS = {
    "open+read+close": (read, 200),
    "stat": (lambda: os.stat(FILE), 1000),
    "listdir": (lambda: os.listdir(f"{FOLDER}/0"), 200),
    "walk": (lambda: list(os.walk(FOLDER)), 10),
}

for line in sys.stdin:
    action, count = ACTIONS[line.strip()]
    started = time.perf_counter_ns()
    for _ in range(count):
        action()
    print((time.perf_counter_ns() - started) / count, flush=True)
