"""Keys that can be no file's name: they hide nothing but themselves, and the log names them once."""

import sys

import pytest

from support.faulty_clouds import MoreKeys

LIST = """
import os, shutil, sys
from pathlib import Path
p = Path(sys.argv[1])
for _ in range(3):
    print(sorted(os.listdir(p)), sorted(os.listdir(p / "d")), [name for name in os.listdir(p) if not name])
print(sorted(str(path.relative_to(p)) for path in p.rglob("*")))
print((p / "d/b").read_text())
(p / "new").write_text("new")
shutil.rmtree(p / "d")
print(sorted(os.listdir(p)))
"""


@pytest.mark.parametrize(
    "bad", ["a//b", "../up", "./here", "..", "n" * 256, "d/../../x", "/abs", "new\nline", "d/nul&#0;", "d//e", "&entity;", "raw\x01"]
)
def test_a_bad_key_hides_nothing_but_itself(mapped, bad):
    for name in ["a", "d/b"]:
        mapped.bucket.put(f"{mapped.prefix}/{name}", b"text")
    with MoreKeys(mapped.environment["LITEFLARE_R2_ENDPOINT"]) as r2:
        r2.keys = [f"{mapped.prefix}/{bad}", f"{mapped.prefix}/only/{bad}"]
        done = mapped.try_to(sys.executable, "-c", LIST, mapped.folder, LITEFLARE_R2_ENDPOINT=r2.url, LITEFLARE_REFRESH="always")
    assert done.returncode == 0, done.stderr
    listed, *_, tree, text, left = done.stdout.splitlines()
    assert listed == "['a', 'd'] ['b'] []" and tree == "['a', 'd', 'd/b']", done.stdout
    assert text == "text"
    assert left == "['a', 'new']"
    warnings = [line for line in done.stderr.splitlines() if " WARN " in line]
    assert warnings == done.stderr.splitlines() and len(warnings) <= 3
    assert sum("can be no file's name" in line for line in warnings) == len(warnings) >= 1
    assert len({line.split(" WARN ")[1] for line in warnings}) == len(warnings), "each is told once"


def test_a_folder_that_a_dashboard_has_made_is_a_folder(mapped):
    """Dashboards stand an empty object for a folder: its key is the folder's name with a slash."""
    mapped.bucket.put(f"{mapped.prefix}/made/", b"")
    mapped.bucket.put(f"{mapped.prefix}/made/file", b"text")
    code = "import os, sys; p = sys.argv[1]; print(os.listdir(p), os.listdir(p + '/made'), os.path.isdir(p + '/made'))"
    assert mapped.run(sys.executable, "-c", code, mapped.folder) == "['made'] ['file'] True\n"
