"""`pip install .` in a new environment: the command, the library and the switch."""

import subprocess
import sys

import pytest

from support.clouds import REPOSITORY
from support.programs import VERSION, run


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    home = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    install = [sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--quiet", REPOSITORY]
    subprocess.run(install, check=True)
    return home / "bin"


def test_the_switch_loads_it(environment):
    done = run(environment / "python", "-c", VERSION, LITEFLARE="1")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()


def test_isolated_mode_keeps_it(environment):
    assert run(environment / "python", "-I", "-c", VERSION, LITEFLARE="1").returncode == 0


def test_without_the_switch_nothing_is_imported(environment):
    show = "import sys; print([name for name in sys.modules if 'liteflare' in name])"
    assert run(environment / "python", "-c", show).stdout == "[]\n"


def test_the_command_serves_a_python_without_the_wheel(environment):
    done = run(environment / "liteflare", "run", "--", sys.executable, "-c", VERSION)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.strip()


def test_the_wheel_fits_any_python_3(environment):
    tags = [path.read_text() for path in environment.parent.glob("lib/python3*/site-packages/liteflare-*.dist-info/WHEEL")]
    assert len(tags) == 1 and "Tag: py3-none-linux_" in tags[0] and "Root-Is-Purelib: false" in tags[0]


def test_the_licences_are_in_it(environment):
    found = environment.parent.glob("lib/python3*/site-packages/liteflare-*.dist-info/licenses/LICENSE-*")
    assert sorted(path.name for path in found if path.stat().st_size > 1000) == ["LICENSE-APACHE", "LICENSE-MIT"]
