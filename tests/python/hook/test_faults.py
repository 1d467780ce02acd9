"""A bad way to the bucket, or a bad bucket: the program is told (`EIO`), or a retry succeeds; nothing is ever half there, and nothing
is lost without a word. (`tests/integration/r2/faults.rs` has the single requests of the client.)"""

import json
import sys

import pytest

from support.relay import HALF, LOST, RESET, STALL

# What is done to a file, and what must be in the bucket once it is done. `kept`: what must be there when it has failed.
WORK = """
import concurrent.futures, errno, json, os, shutil, sys
from pathlib import Path
p = Path(sys.argv[1])
held = open(p / "held", "r+b", buffering=0) if (p / "held").exists() else None

def write(): (p / "written").write_text("new")
def overwrite(): (p / "overwritten").write_text("new")
def create():
    with open(p / "created", "x") as f:
        f.write("new")
def change():
    with open(p / "changed", "r+b") as f:
        f.seek(1)
        f.write(b"L")
def append():
    with open(p / "appended", "a") as f:
        f.write("new")
def sync():
    os.pwrite(held.fileno(), b"new", 0)
    os.fsync(held.fileno())
def read(): assert (p / "read").read_text() == "old"
def stat(): assert (p / "looked-at").stat().st_size == 3
def names(): assert "read" in os.listdir(p)
def unlink(): os.unlink(p / "unlinked")
def rename(): os.rename(p / "renamed", p / "renamed-to")
def copy(): shutil.copyfile(p / "copied", p / "copied-to")
def bring():
    local = Path(sys.argv[2]) / "brought"
    local.write_text("new")
    os.rename(local, p / "brought")
def take(): os.rename(p / "taken", Path(sys.argv[2]) / "taken")
def folder(): shutil.rmtree(p / "d")

ALL = [write, overwrite, create, change, append, sync, read, stat, names, unlink, rename, copy, bring, take, folder]

def attempt(work):
    try:
        work()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def all_at_once():
    with concurrent.futures.ThreadPoolExecutor(len(ALL)) as pool:
        return dict(zip([work.__name__ for work in ALL], pool.map(attempt, ALL)))
"""
OLD = ["overwritten", "changed", "appended", "held", "read", "looked-at", "unlinked", "renamed", "copied", "taken", "d/a", "d/b"]
AFTER = {
    **dict.fromkeys(["written", "overwritten", "created", "held", "brought"], b"new"),
    **dict.fromkeys(["read", "looked-at", "copied", "copied-to", "renamed-to"], b"old"),
    "changed": b"oLd",
    "appended": b"oldnew",
}


@pytest.fixture
def filled(mapped, tmp_path):
    for name in OLD:
        mapped.bucket.put(f"{mapped.prefix}/{name}", b"old")
    mapped.local = tmp_path / "local"
    mapped.local.mkdir()
    mapped.behind_a_relay()
    return mapped


@pytest.mark.parametrize("fault", [500, 503, 429, RESET, LOST, HALF])
def test_what_passes_is_not_noticed(filled, fault):
    """Each kind of request fails twice; `lost`: twice it was done and nobody said so."""
    operations = ("put", "get", "head", "list", "copy", "delete")
    orders = [filled.relay.fail(fault, operation=operation, left=2) for operation in operations]
    code = "print(json.dumps({work.__name__: attempt(work) for work in ALL}))"
    answers = json.loads(filled.run(sys.executable, "-c", WORK + code, filled.folder, filled.local))
    assert set(answers.values()) == {"done"}, answers
    assert filled.objects() == AFTER and (filled.local / "taken").read_bytes() == b"old"
    assert not any(order.left for order in orders if order.operation != "head"), "all have happened"


def test_a_stalled_request_is_sent_again(filled):
    filled.relay.fail(STALL, operation="put", left=1)
    filled.relay.fail(STALL, operation="get", left=1)
    code = "write(); read()"
    filled.run(sys.executable, "-c", WORK + code, filled.folder, filled.local, LITEFLARE_TIMEOUT="3s")
    assert filled.objects()["written"] == b"new"


@pytest.mark.any_cloud
@pytest.mark.parametrize("fault", [500, 503, 403, RESET, STALL])
def test_what_stays_is_an_error_and_changes_nothing(filled, fault):
    """Every operation fails with EIO, none of them hangs, and when the way is well again all of them succeed."""
    code = """
print(json.dumps(all_at_once()), flush=True)
input()
print(json.dumps({work.__name__: attempt(work) for work in ALL}))
"""
    # A process that has begun to read before.
    process = filled.start(
        sys.executable, "-c", WORK + "print(flush=True); input()" + code, filled.folder, filled.local, LITEFLARE_TIMEOUT="1s"
    )
    process.stdout.readline()
    filled.relay.fail(fault)
    process.stdin.write("\n")
    process.stdin.flush()
    answers = json.loads(process.stdout.readline())
    assert set(answers.values()) == {"EIO"}, answers
    assert filled.objects() == dict.fromkeys(OLD, b"old")
    filled.relay.mend()
    output, errors = process.communicate("\n", timeout=60)
    answers = json.loads(output)
    assert set(answers.values()) == {"done"}, answers
    # What was appended and could not be put then was not put later: it was told to be lost, and is lost.
    assert filled.objects() == AFTER
    assert "WARN" in errors and process.returncode == 0
    assert filled.environment["R2_SECRET_ACCESS_KEY"] not in errors and filled.is_empty_on_disk()


def test_wrong_credentials_and_a_missing_bucket_are_errors_everywhere(filled):
    for setting, said in (("R2_SECRET_ACCESS_KEY", "R2_SECRET_ACCESS_KEY"), ("LITEFLARE_R2_BUCKET", "LITEFLARE_R2_BUCKET")):
        code = "print(json.dumps(all_at_once()))"
        done = filled.try_to(sys.executable, "-c", WORK.replace('if (p / "held").exists() else None', 'if 0 else open(os.devnull, "r+b")') + code,
                             filled.folder, filled.local, **{setting: "wrong"}, LITEFLARE_TIMEOUT="1s")  # fmt: skip
        answers = json.loads(done.stdout)
        answers.pop("sync")  # of no file in the bucket
        assert set(answers.values()) == {"EIO"}, answers
        assert said in done.stderr and filled.environment["R2_SECRET_ACCESS_KEY"] not in done.stderr
    assert filled.objects() == dict.fromkeys(OLD, b"old") and filled.is_empty_on_disk()
    assert [path.name for path in filled.local.iterdir()] == ["brought"], "what could not be brought is where it was"


@pytest.mark.any_cloud
def test_programs_say_that_an_upload_failed(filled):
    filled.relay.fail(500, operation="put")
    local = filled.local / "file"
    local.write_text("text")
    for command in (
        ["cp", local, filled.folder],
        ["mv", local, filled.folder],
        ["tar", "-C", filled.local, "-cf", filled.folder / "t", "file"],
    ):
        done = filled.try_to(*command, LITEFLARE_TIMEOUT="500ms")
        assert done.returncode != 0 and "Input/output error" in done.stderr, (command, done.stderr)
    # Who does not look at what `close` says, or ends without it, leaves at least a line in the log.
    for code in (
        "f = open(sys.argv[1] + '/f', 'w'); f.write('x'); f.flush(); os._exit(0)",
        "open(sys.argv[1] + '/f', 'w'); raise SystemExit(0)",
    ):
        done = filled.try_to(sys.executable, "-c", "import os, sys; " + code, filled.folder, LITEFLARE_TIMEOUT="500ms")
        assert "gave up to put" in done.stderr
    assert local.read_text() == "text" and filled.objects() == dict.fromkeys(OLD, b"old")


def test_a_file_made_by_two_processes_is_the_first_ones(filled):
    """`O_EXCL`: who comes second is told so by `close`, with the error that `open` would have given."""
    code = """
import errno, os, sys
fd = os.open(sys.argv[1] + "/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
os.write(fd, b"second")
print(flush=True); input()
for call in (os.fsync, os.close):
    try: call(fd)
    except OSError as error: print(call.__name__, errno.errorcode[error.errno])
print(open(sys.argv[1] + "/new").read())
try: open(sys.argv[1] + "/new", "x")
except FileExistsError: print("is there")
"""
    process = filled.start(sys.executable, "-c", code, filled.folder)
    process.stdout.readline()
    filled.run(sys.executable, "-c", "import sys; open(sys.argv[1] + '/new', 'x').write('first')", filled.folder)
    output, errors = process.communicate("\n", timeout=60)
    assert (output.split("\n")[:2], errors) == (["fsync EEXIST", "close EEXIST"], "")
    assert output.split("\n")[2:4] == ["first", "is there"] and filled.objects()["new"] == b"first"
