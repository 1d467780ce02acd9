"""`liteflare init`: what it makes, what it finds, what it writes, and what it leaves alone."""

import json
import tomllib
import urllib.request
import uuid

import pytest

from support.faulty_clouds import AccountsToken

GIVEN = ["LITEFLARE_D1_DATABASE", "LITEFLARE_R2_BUCKET"]
KEYS = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"]


def bare(*also):
    """Nothing about the database and the bucket in the environment."""
    return dict.fromkeys([*GIVEN, *also])


def names(commands):
    """The names of all databases and buckets in the account."""
    settings = commands.settings
    account = f"{settings['LITEFLARE_D1_API']}/accounts/{settings['CLOUDFLARE_ACCOUNT_ID']}"
    found = []
    for path in ["d1/database", "r2/buckets"]:
        request = urllib.request.Request(f"{account}/{path}", headers={"authorization": f"Bearer {settings['CLOUDFLARE_API_TOKEN']}"})
        with urllib.request.urlopen(request) as answer:
            result = json.load(answer)["result"]
        found.append(sorted(entry["name"] for entry in (result["buckets"] if isinstance(result, dict) else result)))
    return found


def file_of(commands):
    path = commands.root / "liteflare.toml"
    return tomllib.loads(path.read_text()) if path.exists() else None


@pytest.mark.only_cloud("embedded")
def test_what_is_missing_is_created_and_the_second_time_found(commands):
    name = f"new-{uuid.uuid4().hex}"
    args = ["init", "--database", name, "--bucket", name, "--location", "weur"]
    out = commands.succeed(*args, **bare("CLOUDFLARE_ACCOUNT_ID", *KEYS))
    assert f"database  {name}" in out and out.count(", created") == 2 and "liteflare doctor --root" in out
    databases, buckets = names(commands)
    assert databases.count(name) == 1 and buckets.count(name) == 1
    path = commands.root / "liteflare.toml"
    text, said = path.read_text(), file_of(commands)
    assert path.stat().st_mode & 0o777 == 0o600
    assert said["r2_bucket"] == name and uuid.UUID(said["d1_database"]) and "api_token" not in said
    assert said["account_id"] == commands.settings["CLOUDFLARE_ACCOUNT_ID"]

    path.chmod(0o644)
    again = commands.succeed(*args, **bare("CLOUDFLARE_ACCOUNT_ID", *KEYS))
    assert again.count(", found") == 2 and "unchanged: it says all this already" in again
    assert path.read_text() == text and path.stat().st_mode & 0o777 == 0o600
    assert names(commands) == [databases, buckets]
    # Without arguments too: the file says what is meant.
    assert "unchanged" in commands.succeed("init", **bare("CLOUDFLARE_ACCOUNT_ID", *KEYS))


@pytest.mark.only_cloud("embedded")
def test_a_stored_token_is_all_that_the_commands_need(commands):
    name = f"new-{uuid.uuid4().hex}"
    out = commands.succeed("init", "--database", name, "--bucket", name, "--store-token", **bare(*KEYS))
    assert "export CLOUDFLARE_API_TOKEN" not in out
    nothing = dict.fromkeys(commands.settings)
    assert json.loads(commands.succeed("status", "--json", **nothing))["bucket"] == name
    assert "CREATE" not in commands.application("db.execute('CREATE TABLE t(x)')", **nothing).stderr


@pytest.mark.only_cloud("embedded")
def test_the_token_may_be_an_accounts_own(commands):
    with AccountsToken(commands.settings["LITEFLARE_D1_API"]) as relay:
        changes = dict.fromkeys(KEYS) | {"LITEFLARE_D1_API": relay.url}
        assert json.loads(commands.succeed("status", "--json", **changes))["bucket"]
        _, checks = commands.doctor(**changes)
    assert (checks["token"]["status"], checks["r2"]["status"]) == ("ok", "ok")


def test_what_is_there_is_found(commands):
    args = ["init", "--database", commands.settings["LITEFLARE_D1_DATABASE"], "--bucket", commands.settings["LITEFLARE_R2_BUCKET"]]
    out = commands.succeed(*args, **bare())
    assert out.count(", found") == 2
    said = file_of(commands)
    assert said["d1_database"] == commands.settings["LITEFLARE_D1_DATABASE"]
    assert said["d1_api"] == commands.settings["LITEFLARE_D1_API"]
    # All but the secrets, and the endpoints that stay beside them.
    beside = [line.split()[1].split("=")[0] for line in out.splitlines() if "export LITEFLARE_" in line]
    assert beside == ["LITEFLARE_D1_API", "LITEFLARE_R2_ENDPOINT"]
    left_out = dict.fromkeys(name for name in commands.settings if name not in beside and ("LITEFLARE" in name or "ACCOUNT" in name))
    status = json.loads(commands.succeed("status", "--json", **left_out))
    assert (status["seq"], status["bucket"]) == (0, commands.settings["LITEFLARE_R2_BUCKET"])


@pytest.mark.only_cloud("workerd")
@pytest.mark.parametrize("what", ["database", "bucket"])
def test_a_gateway_makes_nothing_and_says_so(commands, what):
    line = commands.refuse("init", f"--{what}", "not-there")
    assert '"not-there"' in line and "makes none" in line and "wrangler" in line
    assert file_of(commands) is None


@pytest.mark.only_cloud("workerd")
def test_a_gateway_does_not_tell_the_account(commands):
    assert "--account ID" in commands.refuse("init", CLOUDFLARE_ACCOUNT_ID=None)


@pytest.mark.only_cloud("embedded")
def test_a_file_that_says_something_else_stays_unless_it_is_forced(commands):
    path = commands.root / "liteflare.toml"
    text = "refresh = '3s'\nr2_bucket = 'other'\n"
    path.write_text(text)
    before, name = names(commands), f"new-{uuid.uuid4().hex}"
    args = ["init", "--database", name, "--bucket", name]
    line = commands.refuse(*args, **bare())
    assert "--force" in line and "`r2_bucket`" in line and "`d1_database`" in line
    assert path.read_text() == text and names(commands) == before, "nothing is made either"
    commands.succeed(*args, "--force", **bare())
    said = file_of(commands)
    assert (said["refresh"], said["r2_bucket"]) == ("3s", name)


@pytest.mark.only_cloud("embedded")
def test_files_may_stay_local_and_the_root_is_made(commands):
    before = names(commands)[1]
    commands.root /= "deep/er"
    commands.succeed("init", "--no-bucket", **bare())
    assert "r2_bucket" not in file_of(commands) and names(commands)[1] == before


WRONG = {
    "token": (["init"], {"CLOUDFLARE_API_TOKEN": "x" * 40}, ["CLOUDFLARE_API_TOKEN"]),
    "no token": (["init"], {"CLOUDFLARE_API_TOKEN": None}, ["CLOUDFLARE_API_TOKEN is not set"]),
    "account": (["init", "--account", "0" * 32], {}, ["check CLOUDFLARE_API_TOKEN", "account"]),
    "account's form": (["init", "--account", "../x"], {}, ["expected an id"]),
    "bucket": (["init", "--database", "never-made", "--bucket", "No_Bucket"], {}, ["small letters"]),
    "url": (["init", "--api", "nowhere"], {}, ["expected a URL"]),
    "nobody there": (["init", "--api", "http://127.0.0.1:9/client/v4"], {}, ["cannot be reached", "check the network"]),
    "file": (["init"], {"LITEFLARE_CONFIG": "/dev/null/liteflare.toml"}, ["/dev/null/liteflare.toml cannot be written"]),
    "variable": (["init"], {"LITEFLARE_D1_DATABSE": "x"}, ["did you mean LITEFLARE_D1_DATABASE?"]),
}


@pytest.mark.only_cloud("embedded")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_changes_nothing(commands, name):
    args, changes, words = WRONG[name]
    before = names(commands)
    changes = {"LITEFLARE_R2_BUCKET": commands.settings["LITEFLARE_R2_BUCKET"], **changes}
    line = commands.refuse(*args, **changes)
    assert all(word in line for word in words), line
    assert file_of(commands) is None and not any(commands.root.iterdir())
    assert names(commands) == before


@pytest.mark.any_cloud
@pytest.mark.parametrize("args", [["--location", "moon"], ["--database", ""], ["--bucket", "a", "--no-bucket"], ["--what"]])
def test_arguments_that_make_no_sense_are_refused(commands, args):
    done = commands.run("init", *args)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("error: ")
    assert file_of(commands) is None
