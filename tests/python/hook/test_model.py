"""Random operations against a model: a local folder. `LITEFLARE_SEED=n` repeats a run."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("model.py")
OPERATIONS = 1000
SEEDS = [int(os.environ.get("LITEFLARE_SEED", random.randrange(10**6))), 226]  # 226: two files had one inode number


@pytest.mark.parametrize("seed", SEEDS, ids=["any", "226"])  # not by its number: each of several workers draws one
def test_random_operations_answer_as_on_a_disk(mapped, tmp_path, seed):
    print(f"LITEFLARE_SEED={seed}")
    folders = [tmp_path / name for name in ("disk", "local1", "local2")]
    [folder.mkdir() for folder in folders]
    disk, local1, local2 = folders
    command = [sys.executable, MODEL, disk, local1, seed, OPERATIONS]
    expected = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout
    found = mapped.run(sys.executable, MODEL, mapped.folder, local2, seed, OPERATIONS)
    for line, other in zip(expected.splitlines(), found.splitlines(), strict=False):
        assert line == other, f"LITEFLARE_SEED={seed}"
    assert expected == found and mapped.is_empty_on_disk()
