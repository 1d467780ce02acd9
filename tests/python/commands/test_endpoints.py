"""Where secrets may go: to an endpoint from their own source, or to Cloudflare; over https; nowhere by a redirect; not through a proxy
that has no business there. The endpoint that must hear nothing is a server on loopback that remembers all it is sent."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.listener import Listener, redirecting

pytestmark = pytest.mark.any_cloud

KEYS = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"]
APPLICATION = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('CREATE TABLE t(x)')"
WRITE = "import sys\nwith open(sys.argv[1], 'w') as file: file.write('x')"


@pytest.fixture
def listener():
    with Listener() as listener:
        yield listener


@pytest.fixture
def root(commands):
    """A root as somebody else may have made it: with a database and an image."""
    images = commands.root / "outputs/images"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(b"a")
    (commands.root / "databases").mkdir()
    with sqlite3.connect(commands.root / "databases/invokeai.db") as database:
        database.execute("CREATE TABLE t(x)")
    return commands.root


def arguments(root):
    """Every command that has a use for a secret."""
    return {
        "import": ["import", root],
        "export": ["export", root / "exported"],
        "verify": ["verify"],
        "status": ["status"],
        "init": ["init", "--force", "--database", "x", "--bucket", "x-x"],
        "init that stores": ["init", "--force", "--store-token", "--database", "x", "--bucket", "x-x"],
        "doctor": ["doctor", "--python", sys.executable],
        "run": ["run", "--", sys.executable, "-c", APPLICATION, root / "databases/other.db"],
        "hook": ["run", "--", sys.executable, "-c", WRITE, root / "outputs/images/b.png"],
    }


COMMANDS = list(arguments(Path("/")))


def refused(commands, name, words, **changes):
    changes = {"LITEFLARE_DB": commands.root / "databases/other.db", "LITEFLARE_TIMEOUT": "2s", **changes}
    done = commands.run(*arguments(commands.root)[name], **changes)
    said = done.stdout + done.stderr
    assert done.returncode != 0 and all(word in said for word in words), said


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "hook"])
def test_a_file_does_not_choose_where_the_environments_token_goes(commands, root, listener, name):
    file = root / "liteflare.toml"
    file.write_text(f"d1_api = '{listener.url}/client/v4'\n")
    refused(commands, name, [f"{file}, line 1: `d1_api`", listener.host, "LITEFLARE_D1_API"], LITEFLARE_D1_API=None)
    assert listener.heard == []


@pytest.mark.parametrize("keys", ["given", "derived"])
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("run", "init")])
def test_a_file_does_not_choose_where_the_environments_keys_go(commands, root, listener, name, keys):
    file = root / "liteflare.toml"
    file.write_text(f"r2_endpoint = '{listener.url}/r2'\n")
    changes = {"LITEFLARE_R2_ENDPOINT": None, **({} if keys == "given" else dict.fromkeys(KEYS))}
    before = commands.bucket.sizes()
    refused(commands, name, [f"{file}, line 1: `r2_endpoint`", listener.host, "LITEFLARE_R2_ENDPOINT"], **changes)
    assert listener.heard == [] and commands.bucket.sizes() == before


def test_the_environment_does_not_choose_where_a_files_token_goes(commands, listener):
    file = commands.root / "liteflare.toml"
    file.write_text(f"\napi_token = '{commands.settings['CLOUDFLARE_API_TOKEN']}'\n")
    line = commands.refuse("status", CLOUDFLARE_API_TOKEN=None, LITEFLARE_D1_API=f"{listener.url}/client/v4")
    assert "LITEFLARE_D1_API" in line and f"{file}, line 2: `api_token`" in line and listener.host in line
    assert listener.heard == []


def test_a_file_may_name_both_the_endpoint_and_the_secret(commands):
    names = {
        "d1_api": "LITEFLARE_D1_API",
        "api_token": "CLOUDFLARE_API_TOKEN",
        "r2_endpoint": "LITEFLARE_R2_ENDPOINT",
        "r2_access_key_id": "R2_ACCESS_KEY_ID",
        "r2_secret_access_key": "R2_SECRET_ACCESS_KEY",
    }
    text = "".join(f"{key} = '{commands.settings[name]}'\n" for key, name in names.items())
    (commands.root / "liteflare.toml").write_text(text)
    assert "bucket" in commands.succeed("status", **dict.fromkeys(names.values()))


def test_init_does_not_store_a_token_beside_an_endpoint_that_it_has_not_asked(commands, listener):
    file = commands.root / "liteflare.toml"
    file.write_text(f"d1_api = '{listener.url}'\nr2_endpoint = '{listener.url}'\n")
    given = ["--database", commands.settings["LITEFLARE_D1_DATABASE"], "--bucket", commands.settings["LITEFLARE_R2_BUCKET"]]
    assert "`d1_api`" in commands.refuse("init", "--store-token", *given)
    commands.succeed("init", "--store-token", "--force", *given)
    assert listener.url not in file.read_text()
    commands.succeed("status", **dict.fromkeys(commands.settings))
    assert listener.heard == []


def test_init_says_that_the_endpoint_belongs_beside_the_token(commands):
    given = ["--database", commands.settings["LITEFLARE_D1_DATABASE"], "--bucket", commands.settings["LITEFLARE_R2_BUCKET"]]
    out = commands.succeed("init", *given)
    for name in ["LITEFLARE_D1_API", "LITEFLARE_R2_ENDPOINT"]:
        assert f"export {name}={commands.settings[name]}" in out


PLAIN = ["LITEFLARE_D1_API", "LITEFLARE_R2_ENDPOINT"]


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_sent_in_the_clear_beyond_loopback(commands, listener, name):
    changes = {name: "http://gateway:8787/client/v4", "HTTP_PROXY": listener.url, "LITEFLARE_TIMEOUT": "1s"}
    line = commands.refuse("status", **changes)
    assert name in line and "http://gateway:8787" in line and "LITEFLARE_ALLOW_HTTP=1" in line
    assert "LITEFLARE_ALLOW_HTTP=1" in commands.refuse("status", LITEFLARE_ALLOW_HTTP="0", **changes)
    (commands.root / "liteflare.toml").write_text("allow_http = '1'\n")
    assert "LITEFLARE_ALLOW_HTTP=1" in commands.refuse("status", **changes), "a file does not allow it to the environment"
    assert listener.heard == []


@pytest.mark.parametrize("name", PLAIN)
def test_a_setting_allows_http_and_such_requests_use_the_proxy(commands, listener, name):
    changes = {name: "http://gateway.test:8787/x", "HTTP_PROXY": listener.url, "LITEFLARE_TIMEOUT": "1s"}
    commands.refuse("status", LITEFLARE_ALLOW_HTTP="1", **changes)
    assert listener.heard and listener.heard[0].path.startswith("http://gateway.test:8787/x/")


def test_a_file_allows_http_to_its_own_endpoint(commands, listener):
    names = {"d1_api": "http://gateway.test/x", "api_token": "t" * 40, "allow_http": "yes"}
    (commands.root / "liteflare.toml").write_text("".join(f"{key} = '{value}'\n" for key, value in names.items()))
    left_out = dict.fromkeys(["LITEFLARE_D1_API", "CLOUDFLARE_API_TOKEN", "LITEFLARE_R2_BUCKET"])
    commands.refuse("status", HTTP_PROXY=listener.url, LITEFLARE_TIMEOUT="1s", **left_out)
    assert listener.heard


def test_doctor_shows_whether_http_is_allowed(commands):
    detail = lambda **changes: commands.doctor(**changes)[1]["LITEFLARE_ALLOW_HTTP"]["detail"]
    assert detail() == "no (default)" and detail(LITEFLARE_ALLOW_HTTP="1") == "1 (environment, LITEFLARE_ALLOW_HTTP)"
    code, checks = commands.doctor(LITEFLARE_D1_API="http://gateway:8787/x")
    assert code == 1 and "LITEFLARE_ALLOW_HTTP=1" in checks["LITEFLARE_D1_API"]["detail"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_d1_is_an_error_that_names_its_host_alone(commands, listener, status):
    with redirecting(status, f"{listener.url}/secret/path?token=HIDDEN") as first:
        line = commands.refuse("status", LITEFLARE_D1_API=f"{first.url}/client/v4", LITEFLARE_TIMEOUT="2s")
    assert listener.heard == [] and first.heard[0].body
    assert f"HTTP {status}" in line and listener.host in line and "HIDDEN" not in line and "secret/path" not in line


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_r2_is_an_error_that_names_its_host_alone(commands, listener, status):
    image = commands.root / "outputs/images/a.png"
    image.parent.mkdir(parents=True)
    with redirecting(status, f"{listener.url}/secret/path?token=HIDDEN") as first:
        changes = {"LITEFLARE_R2_ENDPOINT": first.url, "LITEFLARE_TIMEOUT": "2s"}
        done = commands.run("run", "--", sys.executable, "-c", WRITE, image, **changes)
    assert done.returncode != 0 and listener.heard == [] and first.heard
    assert f"HTTP {status}" in done.stderr and listener.host in done.stderr
    assert "HIDDEN" not in done.stderr and "secret/path" not in done.stderr


@pytest.mark.parametrize("status", [302, 307, 308])
def test_a_redirect_does_not_lead_from_https_to_http(commands, listener, status, tmp_path):
    certificate = tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    made = subprocess.run([*request, "-keyout", "-", "-out", "-"], capture_output=True, check=True)
    certificate.write_bytes(made.stdout)
    with redirecting(status, listener.url, certificate) as first:
        changes = {"LITEFLARE_D1_API": f"{first.url}/client/v4", "SSL_CERT_FILE": certificate}
        line = commands.refuse("status", LITEFLARE_TIMEOUT="3s", **changes)
    assert first.heard and listener.heard == [] and f"HTTP {status}" in line, line


PROXIES = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]


def test_requests_to_loopback_pass_by_every_proxy(commands, listener):
    image = commands.root / "outputs/images/a.png"
    image.parent.mkdir(parents=True)
    proxies = {**dict.fromkeys(PROXIES, listener.url), "NO_PROXY": None, "no_proxy": None}
    commands.succeed("status", **proxies)
    commands.succeed("run", "--", sys.executable, "-c", WRITE, image, **proxies)
    assert listener.heard == [] and commands.bucket.sizes() == {"images/a.png": 1}


def test_doctor_keeps_secrets_from_the_python_it_asks(commands, tmp_path):
    """Only what tries the hook gets them, since it writes a file in the bucket."""
    seen = tmp_path / "seen"
    seen.mkdir()
    python = tmp_path / "python"
    python.write_text(f"""#!/bin/sh
test -n "$LITEFLARE_LIBRARY" && kind=run || kind=facts
env > "$(mktemp {seen}/$kind.XXXXXX)"
exec {sys.executable} "$@"
""")
    python.chmod(0o755)
    code, checks = commands.doctor(python=python)
    assert code == 0, checks
    has_secret = lambda file: any(secret in file.read_text() for secret in commands.secrets(commands.settings))
    assert [has_secret(file) for file in seen.glob("facts.*")] == [False]
    assert sorted(has_secret(file) for file in seen.glob("run.*")) == [False, True]
