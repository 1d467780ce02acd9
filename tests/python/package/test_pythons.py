"""The wheel in a new environment of each kind of Python: Debian's, pyenv's, one with a SQLite of its own inside.

Each keeps a row in D1 and a file in R2, both when `liteflare run` starts it and when only the environment says so.
"""

import shutil
import subprocess
import sys

import pytest

from support import static_python
from support.place import KEEP
from support.sqlite_app import pythons


@pytest.fixture(scope="session")
def static(tmp_path_factory):
    return static_python.build(tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="session", params=[*pythons(), "static SQLite"])
def environment(request, wheel, tmp_path_factory):
    """A new environment's `bin`, with nothing but the wheel."""
    home = tmp_path_factory.mktemp("environment")
    is_static = request.param == "static SQLite"
    base = static_python.DEBIAN if is_static else request.param
    subprocess.run([base, "-m", "venv", "--without-pip", home], check=True)
    if is_static:
        (home / "bin/python3").unlink()
        shutil.copy(request.getfixturevalue("static"), home / "bin/python3")
        show = "import _sqlite3; print(_sqlite3.__spec__.origin)"
        assert subprocess.check_output([home / "bin/python", "-c", show], text=True) == "built-in\n"
    install = [sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--quiet", "--no-index", wheel]
    subprocess.run(install, check=True)
    return home / "bin"


def test_started_by_the_command(environment, place):
    place.run(environment / "liteflare", "run", "--root", place.root, "--", environment / "python", KEEP, place.root)
    place.assert_kept()


def test_started_with_the_environment_alone(environment, place):
    [library] = environment.parent.glob("lib/python3*/site-packages/liteflare/libliteflare.so")
    place.run(environment / "python", KEEP, place.root, LITEFLARE="1", LITEFLARE_ROOT=str(place.root), LD_PRELOAD=str(library))
    place.assert_kept()


def test_the_switch_off_leaves_everything_local(environment, place):
    place.run(environment / "python", KEEP, place.root)
    assert (place.root / "outputs/images/cat.png").stat().st_size == 5000
    assert (place.root / "databases/invokeai.db").read_bytes().startswith(b"SQLite format 3")
