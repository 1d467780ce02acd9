"""`liteflare doctor`: silent about nothing that is wrong, and it leaves nothing behind."""

import email.utils
import sqlite3
import sys
import time

import pytest

from support.faulty_clouds import ExpiredToken, OneByOne, WithoutPragmas, WrongClock

NOBODY = "http://127.0.0.1:9"


def leftovers(commands):
    return commands.rows("SELECT name FROM sqlite_schema WHERE name LIKE '%doctor%'"), commands.bucket.sizes()


def test_all_is_well(commands):
    code, checks = commands.doctor()
    wrong = {name: check for name, check in checks.items() if check["status"] == "fail"}
    assert code == 0 and not wrong
    wanted = ["token", "clock", "d1", "d1 batch", "d1 foreign keys", "d1 latency", "d1 tables", "r2", "root", "database file"]
    wanted += ["python", "extension", "hook", "memory", "versions"]
    assert [name for name in wanted if name not in checks] == []
    assert leftovers(commands) == ([], {})
    assert "none yet" in checks["d1 tables"]["detail"]
    assert "InvokeAI" in checks["python"]["detail"] and checks["extension"]["detail"].startswith("loaded, version")


def test_a_database_in_use_is_well_too(commands):
    done = commands.application("db.execute('CREATE TABLE t(x)')")
    assert done.returncode == 0, done.stderr
    code, checks = commands.doctor()
    assert code == 0, checks
    assert "5 are there, as this version makes them" in checks["d1 tables"]["detail"]
    assert "says that the database is in D1" in checks["database file"]["detail"]
    assert commands.rows("SELECT name FROM sqlite_schema WHERE name='t'") == [["t"]]
    assert commands.application("print(db.execute('SELECT count(*) FROM t').fetchone())").stdout == "(0,)\n"


FAULTS = {
    "token": ({"CLOUDFLARE_API_TOKEN": "x" * 40}, "d1", "D1 Edit"),
    "database": ({"LITEFLARE_D1_DATABASE": "00000000-0000-4000-8000-000000000000"}, "d1", "correct LITEFLARE_D1_DATABASE"),
    "database's name": ({"LITEFLARE_D1_DATABASE": "no-such-database"}, "d1", "`liteflare init`"),
    "D1's endpoint": ({"LITEFLARE_D1_API": f"{NOBODY}/client/v4", "LITEFLARE_TIMEOUT": "1s"}, "d1", "LITEFLARE_D1_API"),
    "bucket": ({"LITEFLARE_R2_BUCKET": "no-such-bucket"}, "r2", "correct LITEFLARE_R2_BUCKET"),
    "R2's secret": ({"R2_SECRET_ACCESS_KEY": "0" * 64}, "r2", "R2_SECRET_ACCESS_KEY"),
    "R2's endpoint": ({"LITEFLARE_R2_ENDPOINT": NOBODY, "LITEFLARE_TIMEOUT": "1s"}, "r2", "LITEFLARE_R2_ENDPOINT"),
    "no database": ({"LITEFLARE_D1_DATABASE": None}, "LITEFLARE_D1_DATABASE", "`liteflare init`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_named(commands, name):
    changes, check, advice = FAULTS[name]
    code, checks = commands.doctor(**changes)
    assert code == 1 and checks[check]["status"] == "fail" and advice in checks[check]["advice"], checks[check]
    other = {"d1": "r2", "r2": "d1"}.get(check)
    assert other is None or checks[other]["status"] == "ok", "only what is wrong fails"
    assert leftovers(commands) == ([], {})


@pytest.mark.only_cloud("embedded")
def test_a_wrong_token_and_a_wrong_account_are_told_apart(commands):
    _, checks = commands.doctor(CLOUDFLARE_API_TOKEN="x" * 40)
    assert checks["token"]["status"] == "fail" and "Invalid API Token" in checks["token"]["detail"]
    _, checks = commands.doctor(CLOUDFLARE_ACCOUNT_ID="0" * 32)
    assert checks["token"]["status"] == "ok" and "correct CLOUDFLARE_ACCOUNT_ID" in checks["d1"]["advice"]
    _, checks = commands.doctor(R2_ACCESS_KEY_ID="0" * 32)
    assert "correct R2_ACCESS_KEY_ID" in checks["r2"]["advice"]


def test_an_endpoint_whose_batches_are_not_atomic_is_found_out(commands):
    with OneByOne(commands.settings["LITEFLARE_D1_API"]) as relay:
        code, checks = commands.doctor(LITEFLARE_D1_API=relay.url)
    assert code == 1 and checks["d1"]["status"] == "ok"
    assert checks["d1 batch"]["status"] == "fail" and "not atomic" in checks["d1 batch"]["detail"]
    assert leftovers(commands) == ([], {}), "what stayed of the batch is removed"


def test_an_endpoint_that_does_not_defer_foreign_keys_is_found_out(commands):
    with WithoutPragmas(commands.settings["LITEFLARE_D1_API"]) as relay:
        code, checks = commands.doctor(LITEFLARE_D1_API=relay.url)
    assert code == 1 and checks["d1 batch"]["status"] == "ok"
    assert checks["d1 foreign keys"]["status"] == "fail" and "FOREIGN KEY" in checks["d1 foreign keys"]["detail"]
    assert leftovers(commands) == ([], {})


@pytest.mark.only_cloud("embedded")
def test_a_token_that_has_ended_is_found_out(commands):
    with ExpiredToken(commands.settings["LITEFLARE_D1_API"]) as relay:
        code, checks = commands.doctor(LITEFLARE_D1_API=relay.url)
    assert code == 1 and checks["token"]["detail"] == "the token is expired"


@pytest.mark.any_cloud
def test_tables_of_another_version_are_a_warning(commands):
    commands.rows("CREATE TABLE _lf_commit(seq INTEGER PRIMARY KEY, other TEXT)")
    code, checks = commands.doctor()
    assert code == 0 and checks["d1 tables"]["status"] == "warn" and "_lf_commit" in checks["d1 tables"]["detail"]


@pytest.mark.any_cloud
@pytest.mark.parametrize("there", [True, False])
def test_a_child_without_the_hook_is_found_out(commands, tmp_path, there):
    images = commands.root / "outputs/images"
    if there:
        images.mkdir(parents=True)
    python = tmp_path / "python-without-preload"
    python.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    code, checks = commands.doctor(python=python)
    assert code == 1 and checks["hook"]["status"] == "fail" and "LD_PRELOAD" in checks["hook"]["advice"]
    assert ("stayed on the disk" in checks["hook"]["detail"]) == there
    assert not there or not any(images.iterdir())


@pytest.mark.any_cloud
def test_a_clock_that_is_wrong_is_found_out(commands):
    with WrongClock(commands.settings["LITEFLARE_D1_API"]) as relay:
        for minutes, status in [(20, "fail"), (-20, "fail"), (5, "warn"), (0, "ok")]:
            relay.date = email.utils.formatdate(time.time() + 60 * minutes, usegmt=True)
            _, checks = commands.doctor(LITEFLARE_D1_API=relay.url)
            assert checks["clock"]["status"] == status, checks["clock"]


@pytest.mark.any_cloud
def test_a_python_that_does_not_load_the_extension_is_found_out(commands, tmp_path):
    isolated = tmp_path / "isolated-python"
    isolated.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    isolated.chmod(0o755)
    code, checks = commands.doctor(python=isolated)
    assert code == 1 and "no such function: liteflare_version" in checks["extension"]["detail"]
    assert "without -I, -E and -S" in checks["extension"]["advice"] and "hook" not in checks
    for absent in ["/nowhere/python", "/bin/true"]:
        code, checks = commands.doctor(python=absent)
        assert code == 1 and checks["python"]["status"] == "fail" and absent in checks["python"]["detail"]


@pytest.mark.any_cloud
def test_the_python_of_invokeai_is_found(commands, tmp_path):
    script = tmp_path / "invokeai-web"
    script.write_text(f"#!{sys.executable}\n")
    script.chmod(0o755)
    done = commands.run("doctor", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert f"{sys.executable} " in done.stdout and "that of invokeai-web" in done.stdout
    done = commands.run("doctor", PATH="/usr/bin:/bin", VIRTUAL_ENV=sys.prefix)
    assert f"{sys.prefix}/bin/python " in done.stdout and "VIRTUAL_ENV" in done.stdout


@pytest.mark.any_cloud
def test_a_local_database_is_not_overlooked(commands):
    path = commands.root / "databases/invokeai.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as local:
        local.execute("CREATE TABLE t(x)")
    before = path.read_bytes()
    code, checks = commands.doctor()
    assert code == 1 and "liteflare import" in checks["database file"]["advice"] and path.read_bytes() == before


@pytest.mark.any_cloud
def test_without_a_bucket_files_stay_local(commands):
    changes = dict.fromkeys(name for name in commands.settings if "R2" in name)
    code, checks = commands.doctor(**changes)
    assert code == 0 and "files stay local" in checks["r2"]["detail"] and "hook" not in checks


@pytest.mark.any_cloud
def test_lines_are_for_people_and_plain_in_a_pipe(commands):
    done = commands.run("doctor", "--python", sys.executable, LITEFLARE_R2_BUCKET="no-such-bucket")
    assert done.returncode == 1 and "\x1b" not in done.stdout
    assert "\nFAIL  r2: " in done.stdout and "\n      → there is no such bucket" in done.stdout
    assert done.stderr.startswith("liteflare: 1 of ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["doctor", "--json"], ["doctor"], ["status"], ["init", "--force"]])
def test_no_secret_is_shown_however_much_is_logged(commands, command):
    """`Commands.run` searches for them."""
    commands.run(*command, LITEFLARE_LOG="trace")
    commands.run(*command, LITEFLARE_LOG="trace", CLOUDFLARE_API_TOKEN="WRONGTOKENWRONGTOKEN", R2_SECRET_ACCESS_KEY="0f" * 32)
    commands.run(*command, LITEFLARE_LOG="trace", LITEFLARE_D1_API=NOBODY, LITEFLARE_TIMEOUT="1s")
    file = commands.root / "liteflare.toml"
    file.write_text(f"api_token = '{commands.settings['CLOUDFLARE_API_TOKEN']}\nr2_buket = 'x'\n")
    commands.run(*command, LITEFLARE_LOG="trace")
    file.write_text(f"d1_api = '{commands.settings['CLOUDFLARE_API_TOKEN']}'\nr2_paths = '{commands.settings['R2_SECRET_ACCESS_KEY']}'")
    commands.run(*command, LITEFLARE_D1_API=None, LITEFLARE_LOG="trace")
