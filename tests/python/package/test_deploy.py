"""What is in `deploy/`: the Dockerfile's steps carried out, the compose file and the unit as those programs read them that use them."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import dockerfile
from support.clouds import REPOSITORY
from support.debian import Debian
from support.place import KEEP

DEPLOY = REPOSITORY / "deploy"

# InvokeAI's official image, as far as ours is built on it: uv and no pip, an environment in /opt/venv, an entry point that prepares
# the root folder as root and then becomes the user 1000.
ENVIRONMENT = {
    "PATH": "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "VIRTUAL_ENV": "/opt/venv",
    "UV_PROJECT_ENVIRONMENT": "/opt/venv",
    "INVOKEAI_ROOT": "/invokeai",
}
ENTRYPOINT = """#!/bin/bash
set -e
mkdir -p "$INVOKEAI_ROOT"
chown --recursive ubuntu "$INVOKEAI_ROOT"
cd "$INVOKEAI_ROOT"
exec gosu ubuntu "$@"
"""
# In place of InvokeAI: what it does with its root, and its answer to the health check.
WEB = """#!/opt/venv/bin/python
import http.server, os, sys
sys.argv = ["keep.py", os.environ["INVOKEAI_ROOT"]]
exec(open("/opt/invokeai/keep.py").read())
print("LITEFLARE_LIBRARY" in os.environ, flush=True)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/v1/app/version" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["INVOKEAI_PORT"])), Answer).serve_forever()
"""


@pytest.fixture(scope="session")
def official(tmp_path_factory):
    """A clean Debian with what the image has."""
    packages = ["bash", "dash", "coreutils", "gosu", "python3"]
    with Debian(tmp_path_factory.mktemp("image"), "bookworm", packages) as system:
        (system.folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nubuntu:x:1000:1000::/home/ubuntu:/bin/sh\n")
        (system.folder / "etc/group").write_text("root:x:0:\nubuntu:x:1000:\n")
        (system.folder / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", system.folder / "etc/ssl/certs")
        shutil.copy(Path(sys.executable).with_name("uv"), system.folder / "usr/bin")
        done = system.run("uv", "venv", "--quiet", "--python", "/usr/bin/python3", "/opt/venv", environment=ENVIRONMENT)
        assert done.returncode == 0, done.stderr
        for path, text in {"opt/invokeai/docker-entrypoint.sh": ENTRYPOINT, "opt/venv/bin/invokeai-web": WEB}.items():
            (system.folder / path).parent.mkdir(exist_ok=True)
            (system.folder / path).write_text(text)
            (system.folder / path).chmod(0o755)
        shutil.copy(KEEP, system.folder / "opt/invokeai/keep.py")
        yield system


@pytest.fixture(scope="session")
def image(official, wheel, tmp_path_factory):
    context = tmp_path_factory.mktemp("context")
    (context / "dist").mkdir()
    shutil.copy(wheel, context / "dist")
    base = dockerfile.Image(ENVIRONMENT, ["/opt/invokeai/docker-entrypoint.sh"], ["invokeai-web"])
    return dockerfile.build(DEPLOY / "Dockerfile", context, official, base)


def test_what_the_image_starts_keeps_nothing_but_models(official, image, place, unused_port):
    root = official.folder / "invokeai"
    shutil.rmtree(root, ignore_errors=True)
    environment = {**image.environment, **place.settings, "INVOKEAI_PORT": str(unused_port)}
    command = official.command(*image.entrypoint, *image.cmd, environment=environment)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as container:
        try:
            healthy = wait_until_healthy(official, image, environment, container)
        finally:
            container.terminate()
            out, log = container.communicate(timeout=60)
    assert healthy, out + log
    user, _, liteflare = out.split()
    assert (user, liteflare, log) == ("1000", "True", "")
    place.assert_kept(root)


def wait_until_healthy(official, image, environment, container):
    for _ in range(200):
        if container.poll() is not None:
            return False
        if official.run(*image.healthcheck, environment=environment).returncode == 0:
            return True
        time.sleep(0.1)
    return False


def test_another_command_runs_under_liteflare_too(official, image, place):
    """`docker run IMAGE COMMAND`: the entry point stays."""
    show = ["python3", "-c", "import sqlite3; print(sqlite3.connect(':memory:').execute('SELECT liteflare_version()').fetchone()[0])"]
    done = official.run(*image.entrypoint, *show, environment={**image.environment, **place.settings})
    assert (done.returncode, done.stderr) == (0, "") and re.fullmatch(r"[\d.]+\n", done.stdout)


@pytest.fixture(scope="session")
def compose(tmp_path_factory):
    """Docker's own program for compose files, which reads them without an engine."""
    with Debian(tmp_path_factory.mktemp("compose"), "trixie", ["docker-compose"]) as system:
        yield system.folder / "usr/bin/docker-compose"


def test_the_compose_file(compose, tmp_path):
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    shutil.copy(DEPLOY / "liteflare.env.example", tmp_path / "deploy/liteflare.env")
    command = [compose, "--file", tmp_path / "deploy/compose.yaml", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    service = json.loads(done.stdout)["services"]["invokeai"]
    assert [volume["target"] for volume in service["volumes"]] == ["/invokeai/models"], "database and images have no volume"
    built = Path(service["build"]["context"]) / service["build"]["dockerfile"]
    assert built == tmp_path / "deploy/Dockerfile"
    assert {"CLOUDFLARE_API_TOKEN", "LITEFLARE_D1_DATABASE", "LITEFLARE_R2_BUCKET"} <= set(service["environment"])


def test_the_unit(tmp_path):
    """systemd finds no fault with it, once the programs it starts are there, and rates it as protected."""
    text = (DEPLOY / "invokeai.service").read_text()
    for name in ("liteflare", "invokeai-web"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    unit = tmp_path / "invokeai.service"
    unit.write_text(text.replace("/opt/invokeai/bin/", f"{tmp_path}/"))
    done = subprocess.run(["systemd-analyze", "--man=no", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert not re.search("^(PrivateDevices|ProtectClock|DeviceAllow|DevicePolicy)=", text, re.MULTILINE), "the GPU must stay visible"
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=30", unit], capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


def test_the_example_names_settings_that_exist():
    """A misspelt setting would be one that is silently not set."""
    names = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", (DEPLOY / "liteflare.env.example").read_text(), re.MULTILINE)
    readme = (REPOSITORY / "README.md").read_text()
    assert len(names) > 5 and [name for name in names if f"`{name}`" not in readme] == []
