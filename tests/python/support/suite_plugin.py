"""A pytest plugin for InvokeAI's own tests: every database they open is an empty D1 database of its own.

In: `SUITE_CLOUD`, a cloud's settings as JSON; a process in which liteflare is loaded. A path that was opened before keeps its
database; `:memory:` gets a path, since only a path can be served; InvokeAI's backups stay plain files.
At the end D1 is asked for each database whether liteflare has set it up: a test that ran on local SQLite fails the run.
"""

import json
import os
import sqlite3
import tempfile

import pytest

from support import clouds

connect_plainly = sqlite3.connect


class Databases:
    def __init__(self, cloud: dict):
        self.cloud = cloud
        self.folder = tempfile.TemporaryDirectory()
        self.served: dict[str, dict] = {}

    def connect(self, database, *args, **kwargs):
        path = os.path.abspath(database) if database != ":memory:" else f"{self.folder.name}/memory{len(self.served)}.db"
        if os.path.basename(path).startswith("invokeai_backup_"):
            return connect_plainly(database, *args, **kwargs)
        if path not in self.served:
            self.served[path] = {**clouds.new_database(self.cloud), "LITEFLARE_DB": path}
        os.environ.update(self.served[path])
        return connect_plainly(path, *args, **kwargs)


def pytest_configure(config):
    config.databases = Databases(json.loads(os.environ["SUITE_CLOUD"]))
    sqlite3.connect = config.databases.connect


def pytest_sessionfinish(session):
    sqlite3.connect = connect_plainly
    served = session.config.databases.served
    sql = "SELECT count(*) FROM sqlite_master WHERE name = '_lf_commit'"
    local = [path for path, settings in served.items() if clouds.query(settings, sql) != [[1]]]
    session.config.summary = f"{len(served) - len(local)} databases were served from D1, {len(local)} were not"
    if local or not served:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.write_line(config.summary)
