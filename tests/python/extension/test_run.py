"""`liteflare run`: the environment it makes, and its errors."""

import json
import shutil
import sys

from support.clouds import LITEFLARE
from support.programs import run, under_liteflare

SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def environment(*command, **before):
    return json.loads(run(LITEFLARE, "run", *command, **before).stdout)


def test_the_root_comes_from_run_itself_or_from_the_command():
    python = ["--", sys.executable, "-c", SHOW]
    assert environment("--root", "/a", *python, "--root", "/b")["LITEFLARE_ROOT"] == "/a"
    assert environment(*python, "--root", "/b")["LITEFLARE_ROOT"] == "/b"
    assert environment(*python, "--root=/b")["LITEFLARE_ROOT"] == "/b"
    assert environment(*python, LITEFLARE_ROOT="/c")["LITEFLARE_ROOT"] == "/c"
    assert "LITEFLARE_ROOT" not in environment(*python)


def test_the_command_takes_the_place_of_run():
    assert under_liteflare("sh", "-c", "exit 7").returncode == 7


def test_a_command_that_is_not_there_is_one_clear_line():
    done = under_liteflare("no-such-command")
    assert (done.returncode, done.stderr) == (1, "liteflare: no-such-command: command not found\n")


def test_a_command_must_be_given():
    done = run(LITEFLARE, "run")
    assert done.returncode != 0 and "CMD" in done.stderr


def test_without_the_library_beside_it_nothing_runs(tmp_path):
    alone = shutil.copy(LITEFLARE, tmp_path)
    done = run(alone, "run", "--", "echo", "ran")
    assert done.returncode == 1 and not done.stdout
    assert f"{tmp_path}/libliteflare.so is missing" in done.stderr and done.stderr.count("\n") == 1
