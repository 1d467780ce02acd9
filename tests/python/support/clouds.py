"""The clouds the tests run on: a process that prints `export NAME=value` lines, then `ready`; and databases and
buckets in it.

In: a command. Out: for each database and each bucket the settings a client needs. What a database is asked and how it answers is D1's
query API, the same on each cloud.
"""

import json
import os
import signal
import subprocess
import tempfile
import urllib.request
import uuid
from pathlib import Path

from support.bucket import Bucket

REPOSITORY = Path(__file__).resolve().parents[3]
LITEFLARE = Path(os.environ.get("LITEFLARE_BIN", REPOSITORY / "target/release/liteflare"))


def post(url, body, token=None):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


class Cloud:
    """One running cloud; `database()` makes an empty database in it, `bucket()` an empty bucket."""

    def __init__(self, command, log: Path, data: Path | None = None):
        self.log = log
        self.data = data
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.settings = {}
        for line in self.process.stdout:
            line = line.strip()
            if line == "ready":
                return
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                self.settings[name] = value.strip("'\"")
        raise RuntimeError(f"{command} ended before it was ready:\n{log.read_text()}")

    def database(self):
        return new_database(self.settings)

    def bucket(self):
        return new_bucket(self.settings)

    def file_of(self, settings: dict) -> Path | None:
        """The file in which this cloud keeps a database, if it can be reached."""
        return self.data and next(self.data.rglob(f"{settings['LITEFLARE_D1_DATABASE']}.sqlite"))

    def stop(self):
        ended = self.process.poll()
        assert ended is None, f"the cloud ended by itself with {ended}: {self.log.read_text()}"
        self.process.send_signal(signal.SIGTERM)
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def new_database(cloud: dict) -> dict:
    """The settings of an empty database in the cloud with these settings."""
    settings = {name: value for name, value in cloud.items() if "R2" not in name and "TEST" not in name}
    control = cloud.get("LITEFLARE_TEST_CONTROL")
    if control:
        made = post(f"{control}/create", {})
        settings["LITEFLARE_D1_API"] = made["api"]
    else:
        url = f"{settings['LITEFLARE_D1_API']}/accounts/{settings['CLOUDFLARE_ACCOUNT_ID']}/d1/database"
        made = post(url, {"name": f"test-{uuid.uuid4().hex}"}, settings["CLOUDFLARE_API_TOKEN"])["result"]
    settings["LITEFLARE_D1_DATABASE"] = made["uuid"]
    return settings


def new_bucket(cloud: dict) -> dict:
    """The settings of an empty bucket in the cloud with these settings."""
    control = cloud.get("LITEFLARE_TEST_CONTROL")
    if control:
        made = post(f"{control}/create-bucket", {})
        names = {
            "LITEFLARE_R2_ENDPOINT": "endpoint",
            "LITEFLARE_R2_BUCKET": "bucket",
            "R2_ACCESS_KEY_ID": "accessKeyId",
            "R2_SECRET_ACCESS_KEY": "secretAccessKey",
        }
        return {setting: made[name] for setting, name in names.items()}
    settings = {name: value for name, value in cloud.items() if "R2" in name}
    settings["LITEFLARE_R2_BUCKET"] = f"test-{uuid.uuid4().hex}"
    Bucket(settings).create()
    return settings


def start(name: str, folder: Path) -> Cloud | None:
    """`None` stands for no cloud: SQLite's own files, the baseline."""
    log = folder / f"{name}.log"
    match name:
        case "embedded":
            data = Path(tempfile.mkdtemp(prefix="cloud-", dir=folder))
            return Cloud([LITEFLARE, "dev", "--dir", data, "--port", "0"], log, data)
        case "workerd":
            return Cloud(["node", REPOSITORY / "tests/clouds/workerd.mjs"], log)
        case "plain":
            return None
    raise ValueError(name)


def query(settings, sql):
    """The rows of one statement, as arrays of what JSON makes of them."""
    url = f"{settings['LITEFLARE_D1_API']}/accounts/{settings['CLOUDFLARE_ACCOUNT_ID']}/d1/database/{settings['LITEFLARE_D1_DATABASE']}/raw"
    answer = post(url, {"sql": sql}, settings["CLOUDFLARE_API_TOKEN"])
    assert answer["success"], answer
    return answer["result"][0]["results"]["rows"]
