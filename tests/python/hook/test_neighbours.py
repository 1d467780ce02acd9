"""Other preloaded libraries, before ours and behind it: allocators, which ask for files while they begin, and libraries that stand in
front of the same functions."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import clouds

pytestmark = pytest.mark.any_cloud

# Debian's packages: libjemalloc2, libtcmalloc-minimal4, libmimalloc2.0, faketime, fakeroot.
NAMES = ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2*", "faketime/libfaketime.so.1"]
WORK = """
import os, subprocess, sys
path = sys.argv[1] + "/f"
for turn in range(3):
    with open(path, "a") as f: f.write("line\\n")
assert open(path).read() == "line\\n" * 3 and os.listdir(sys.argv[1]) == ["f"]
assert subprocess.run(["ls", sys.argv[1]], capture_output=True, text=True, check=True).stdout == "f\\n"
os.rename(path, path + "2"); os.unlink(path + "2")
print(os.listdir(sys.argv[1]))
"""


def library(name):
    found = sorted(path for folder in ("/usr/lib", "/usr/lib64") for path in Path(folder).glob(f"*-linux-gnu/{name}"))
    return str(found[0]) if found else pytest.skip(f"{name} is not installed")


def both_orders(mapped, other):
    ours = str(clouds.LITEFLARE.parent / "libliteflare.so")
    for order in (f"{ours}:{other}", f"{other}:{ours}"):
        environment = {**mapped.environment, "LITEFLARE": "1", "LD_PRELOAD": order}
        for command in (["/bin/true"], ["ls", "/"], [sys.executable, "-c", WORK, str(mapped.folder)]):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, ""), (order, command)
        assert done.stdout == "[]\n" and mapped.is_empty_on_disk()


@pytest.mark.parametrize("name", NAMES)
def test_a_preloaded_library_and_ours_work_in_either_order(mapped, name):
    both_orders(mapped, library(name))


def test_fakeroot_and_ours_work_in_either_order(mapped):
    if not shutil.which("fakeroot"):
        pytest.skip("fakeroot is not installed")
    ours = str(clouds.LITEFLARE.parent / "libliteflare.so")
    # fakeroot puts its library in front of what is there; the second shell turns the order round.
    orders = {ours: '"$@"', "": 'export LD_PRELOAD="$OURS:$LD_PRELOAD"; "$@"'}
    for preloaded, script in orders.items():
        environment = {**mapped.environment, "OURS": ours, "LITEFLARE": "1", "LD_PRELOAD": preloaded}
        command = ["fakeroot", "sh", "-ec", script, "sh", sys.executable, "-c", WORK, str(mapped.folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", ""), script
    assert mapped.is_empty_on_disk()
