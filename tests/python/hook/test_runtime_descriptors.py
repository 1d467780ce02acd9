"""Programs that close descriptors they have not opened, at their start, between two requests, at their end: by libc, by raw system
calls that nobody sees, or by putting files of their own there. None of them dies, hangs, or hears of it.

LITEFLARE_TEST_STARTS: how often each program is started.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

STARTS = int(os.environ.get("LITEFLARE_TEST_STARTS", 12))
AT_ONCE = 4
SOURCE = Path(__file__).with_name("closing.c")
TEXT = "the seed's text"

PYTHON = """
import os, sys
from pathlib import Path
seed, target = Path(sys.argv[1]) / "seed", Path(sys.argv[1]) / sys.argv[2]
def work():
    target.write_text(seed.read_text())
work()
"""
# What follows a first request. Each leaves a copy of the seed under the name it is given.
SCRIPTS = {
    "cp": ["cp", "{folder}/seed", "{folder}/{name}"],
    "ls": ["sh", "-c", "cp $0/seed $0/$1; ls -l $0 >/dev/null", "{folder}", "{name}"],
    "sh, exec 3>file and 3>&-": [
        "sh",
        "-c",
        "exec 3>$0/$1; cat $0/seed >&3; exec 3>&- 4>&- 9<&-; cat $0/$1 >/dev/null",
        "{folder}",
        "{name}",
    ],
    "bash, each number closed": [
        "bash",
        "-c",
        'read text <$0/seed; for fd in {3..20} {500..560}; do eval "exec $fd>&-"; done; printf \'%s\' "$text" >$0/$1; cat $0/$1 >/dev/null',
        "{folder}",
        "{name}",
    ],
    "python": [sys.executable, "-c", PYTHON + "work()", "{folder}", "{name}"],
    "python, closerange": [sys.executable, "-c", PYTHON + "os.closerange(3, 4096); work(); os.closerange(3, 4096)", "{folder}", "{name}"],
    "python, no stdio": [sys.executable, "-c", PYTHON + "[os.close(fd) for fd in (0, 1, 2)]; work(); os._exit(0)", "{folder}", "{name}"],
    "python, children": [
        sys.executable,
        "-c",
        PYTHON + "import subprocess; subprocess.run(['true'], close_fds=True); work(); os.fork() or (os.closerange(3, 4096), work())",
        "{folder}",
        "{name}",
    ],
}
WAYS = ["close_range", "closefrom", "loop", "raw-range", "raw-loop", "dup2", "exit-closefrom", "exit-raw-range", "exit-raw-loop"]


@pytest.fixture(scope="session")
def closing(tmp_path_factory):
    program = tmp_path_factory.mktemp("closing") / "closing"
    subprocess.run(["gcc", "-O1", "-w", "-o", program, SOURCE], check=True)
    return str(program)


def starts(mapped, command):
    """Runs it again and again, several at a time, each with a name of its own; says how each of them ended, if not well."""
    mapped.bucket.put(f"{mapped.prefix}/seed", TEXT.encode())

    def start(number):
        words = [word.replace("{folder}", str(mapped.folder)).replace("{name}", f"copy-{number}") for word in command]
        done = mapped.try_to(*words)
        return (done.returncode, done.stdout, done.stderr)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(start, range(STARTS)))
    failed = [end for end in ends if end != (0, "", "")]
    assert not failed, f"{len(failed)} of {STARTS}, the first with {failed[0]}"
    assert mapped.objects() == {"seed": TEXT.encode(), **{f"copy-{n}": TEXT.encode() for n in range(STARTS)}}


@pytest.mark.any_cloud
@pytest.mark.parametrize("script", SCRIPTS)
def test_programs_that_close_descriptors_live_on(mapped, script):
    starts(mapped, SCRIPTS[script])


@pytest.mark.any_cloud
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_closing_descriptors_ends_a_program(mapped, closing, way):
    starts(mapped, [closing, way, "{folder}", "{name}"])
