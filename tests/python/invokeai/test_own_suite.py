"""InvokeAI's own database tests, from its source distribution, with each of their databases in D1.

Of the tests in that distribution those in `test_sqlite_migrator.py` are the ones that open a database (counted with a wrapper around
`sqlite3.connect`); all of them pass on plain SQLite here, so none is left out.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.clouds import LITEFLARE, REPOSITORY

pytestmark = pytest.mark.plain_too

RELEASE = "6.14.2"
SUITE = "tests/test_sqlite_migrator.py"
TESTS = 40


@pytest.fixture(scope="session")
def suite(tmp_path_factory) -> Path:
    """A folder with InvokeAI's tests, and without its source: the installed package is what they import."""
    kept = Path(sys.prefix) / f"invokeai-{RELEASE}-source"
    archive = kept / f"invokeai-{RELEASE}.tar.gz"
    if not archive.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", "invokeai", "--no-deps"]
        subprocess.run([*download, "--dest", kept, f"invokeai=={RELEASE}"], check=True)
    folder = tmp_path_factory.mktemp("suite")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    shutil.move(folder / f"invokeai-{RELEASE}/tests", folder / "tests")
    (folder / "tests/__init__.py").touch()  # not in the distribution; another package in the environment is called `tests` too
    shutil.rmtree(folder / f"invokeai-{RELEASE}")
    return folder


def test_invokeais_own_database_tests_pass(suite, cloud, request):
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-W", "ignore", SUITE]
    environment = dict(os.environ)
    if cloud:
        command = [LITEFLARE, "run", "--", *command, "-p", "support.suite_plugin"]
        environment |= {"SUITE_CLOUD": json.dumps(cloud.settings), "PYTHONPATH": str(REPOSITORY / "tests/python")}
    done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) == TESTS
