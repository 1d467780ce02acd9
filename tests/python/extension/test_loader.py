"""A Python under `LITEFLARE=1` has liteflare in each SQLite connection, or does not start.

Every Python found here is tried: some load extensions, some do not and are served through ctypes.
"""

import shutil
import subprocess

import pytest

from support.clouds import LITEFLARE, REPOSITORY
from support.programs import VERSION, run, under_liteflare


def test_each_connection_has_it(python):
    done = under_liteflare(python, "-c", VERSION)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()


def test_a_python_that_never_uses_sqlite_does_not_import_it(python):
    """The library is there as the path hook; as an extension it waits for `sqlite3`."""
    done = under_liteflare(python, "-c", "import sys; print([name for name in ('_sqlite3', 'ctypes') if name in sys.modules])")
    assert done.stdout == "[]\n"


def test_child_processes_have_it(python):
    child = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {VERSION!r}]))"
    assert under_liteflare(python, "-c", child).returncode == 0


def test_without_the_switch_nothing_is_imported(python):
    show = "import sys; print([name for name in sys.modules if 'liteflare' in name], len(sys.meta_path))"
    loader = str(REPOSITORY / "python/liteflare/path")
    assert run(python, "-c", show, PYTHONPATH=loader).stdout == run(python, "-c", show).stdout
    assert run(python, "-c", show, PYTHONPATH=loader, LITEFLARE="0").stdout.startswith("[]")


SPELLINGS = {"1": True, "true": True, "YES": True, "On": True, "0": False, "False": False, "no": False, "off": False, "": False}


@pytest.mark.parametrize("value", SPELLINGS)
def test_the_switch_in_each_spelling(installed, value):
    done = run(installed, "-c", VERSION, LITEFLARE=value)
    assert (done.returncode == 0) == SPELLINGS[value] and ("no such function" in done.stderr) == (not SPELLINGS[value]), done.stderr


@pytest.mark.parametrize("preload", [False, True], ids=["Python", "the hook"])
def test_a_switch_that_is_neither_ends_the_start(installed, preload):
    """To take it for off would begin a local database."""
    library = {"LD_PRELOAD": str(LITEFLARE.with_name("libliteflare.so"))} if preload else {}
    program = ["/bin/ls", "/"] if preload else [installed, "-c", "print('started')"]
    done = run(*program, LITEFLARE="maybe", **library)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    assert "LITEFLARE=" in done.stderr and "maybe" in done.stderr and "1, true, yes" in done.stderr


def test_a_sitecustomize_that_was_there_still_runs(python, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('mine')")
    done = under_liteflare(python, "-c", VERSION, PYTHONPATH=str(tmp_path))
    assert done.stdout.startswith("mine\n") and done.returncode == 0


def test_a_folder_of_ours_does_not_stay_in_the_path(python):
    done = under_liteflare(python, "-c", "import sys; print([entry for entry in sys.path if 'liteflare/path' in entry])")
    assert done.stdout == "[]\n"


@pytest.fixture
def installed(python, tmp_path):
    """A Python with what the wheel has: the loader, its `.pth` and the library."""
    home = tmp_path / "installed"
    subprocess.run([python, "-m", "venv", "--without-pip", home], check=True)
    (site,) = home.glob("lib/python3*/site-packages")
    shutil.copytree(REPOSITORY / "python/liteflare", site / "liteflare")
    shutil.copy(REPOSITORY / "python/liteflare.pth", site)
    shutil.copy(LITEFLARE.with_name("libliteflare.so"), site / "liteflare")
    return home / "bin/python"


@pytest.mark.parametrize("isolated", ["-I", "-E"])
def test_isolated_mode_takes_no_library_from_the_environment(installed, tmp_path, isolated):
    """Nor does it switch half of liteflare off: the path hook is loaded whatever Python's options are."""
    (tmp_path / "evil.c").write_text("__attribute__((constructor)) static void begin(void) { __builtin_trap(); }")
    evil = tmp_path / "libevil.so"
    subprocess.run(["cc", "-shared", "-o", evil, tmp_path / "evil.c"], check=True)
    assert run(installed, "-c", VERSION, LITEFLARE="1", LITEFLARE_LIBRARY=str(evil)).returncode < 0, "it would be loaded"
    done = run(installed, isolated, "-c", VERSION, LITEFLARE="1", LITEFLARE_LIBRARY=str(evil))
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()
    assert "no such function" in run(installed, isolated, "-c", VERSION, LITEFLARE_LIBRARY=str(evil)).stderr, "without LITEFLARE=1"


@pytest.mark.parametrize("library", ["/nowhere/libliteflare.so", "/etc/passwd"])
def test_without_the_library_the_application_does_not_start(python, library):
    loader = str(REPOSITORY / "python/liteflare/path")
    guarded = "try:\n import sqlite3\nexcept BaseException:\n pass\nprint('started')"
    done = run(python, "-c", guarded, LITEFLARE="1", LITEFLARE_LIBRARY=library, PYTHONPATH=loader)
    assert (done.returncode, done.stdout) == (1, "")
    assert library in done.stderr and done.stderr.count("\n") == 1


def test_a_library_that_shows_nothing_in_new_connections_is_refused(python, tmp_path):
    source = tmp_path / "empty.c"
    source.write_text("int sqlite3_empty_init(void *db, char **message, void *api) { return 0; }")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libempty.so", source], check=True)
    loader = str(REPOSITORY / "python/liteflare/path")
    done = run(python, "-c", VERSION, LITEFLARE="1", LITEFLARE_LIBRARY=str(tmp_path / "libempty.so"), PYTHONPATH=loader)
    assert done.returncode == 1 and "a new connection does not see it" in done.stderr
