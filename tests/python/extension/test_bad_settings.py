"""A missing or wrong setting: one sentence that names it, before anything has happened to D1 or to a local file."""

import pytest

TRY = "attempt(sqlite3.connect, PATH)"
SETTINGS = {
    "no account": ({"CLOUDFLARE_ACCOUNT_ID": None}, ["CLOUDFLARE_ACCOUNT_ID is not set", "`account_id` in liteflare.toml"]),
    "no token": ({"CLOUDFLARE_API_TOKEN": None}, ["CLOUDFLARE_API_TOKEN is not set", "`api_token` in liteflare.toml"]),
    "no database": ({"LITEFLARE_D1_DATABASE": None}, ["LITEFLARE_D1_DATABASE is not set", "`d1_database` in liteflare.toml"]),
    "empty database": ({"LITEFLARE_D1_DATABASE": ""}, ["LITEFLARE_D1_DATABASE is not set"]),
    "relative path": ({"LITEFLARE_DB": "databases/app.db"}, ['LITEFLARE_DB="databases/app.db" is wrong', "an absolute path"]),
    "bad glob": ({"LITEFLARE_DB": "/nowhere/{a,b/*.db"}, ['LITEFLARE_DB="/nowhere/{a,b/*.db" is wrong', "glob"]),
    "api without a scheme": ({"LITEFLARE_D1_API": "localhost:8787"}, ['LITEFLARE_D1_API="localhost:8787" is wrong', "https://"]),
    "api without a host": ({"LITEFLARE_D1_API": "https://"}, ['LITEFLARE_D1_API="https://" is wrong', "https://"]),
    "api with a bad port": ({"LITEFLARE_D1_API": "http://localhost:x/"}, ["LITEFLARE_D1_API", "is wrong"]),
    "refresh": ({"LITEFLARE_REFRESH": "sometimes"}, ['LITEFLARE_REFRESH="sometimes" is wrong', "`1s`", "`always` or `never`"]),
    "timeout": ({"LITEFLARE_TIMEOUT": "soon"}, ['LITEFLARE_TIMEOUT="soon" is wrong', "`1s`"]),
    "no timeout at all": ({"LITEFLARE_TIMEOUT": "0s"}, ['LITEFLARE_TIMEOUT="0s" is wrong', "`1s`"]),
    "a slip of the pen": ({"LITEFLARE_REFRSH": "always"}, ["unknown setting LITEFLARE_REFRSH", "did you mean LITEFLARE_REFRESH?"]),
    "token of two lines": ({"CLOUDFLARE_API_TOKEN": "abc\ndef"}, ["CLOUDFLARE_API_TOKEN is wrong", "line break", "copy it again"]),
}


@pytest.mark.any_cloud
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_or_wrong_is_named(app, name):
    changes, words = SETTINGS[name]
    before, asked = app.state(), len(app.relay.requests)
    printed, log = app.complain(TRY, connect=False, **changes)
    assert printed == "unable to open database file"
    assert all(word in log for word in words), log
    assert "abc" not in log
    assert app.state() == before and len(app.relay.requests) == asked


FILES = {
    "not toml": ("api_token = 'SECRET\nd1_database = 3", ["line 1", "liteflare.toml"]),
    "unknown key": (
        "api_token = 'SECRET'\nd1_databse = 'x'",
        ["liteflare.toml", "line 2", "unknown key `d1_databse`: did you mean `d1_database`?"],
    ),
    "wrong type": ("timeout = 5 # SECRET", ["liteflare.toml", "line 1", "`timeout`", "expected a string in quotes, not an integer"]),
    "token of a wrong type": (
        "api_token = ['SECRET']",
        ["liteflare.toml", "line 1", "`api_token`", "expected a string in quotes, not an array"],
    ),
    "not text": (b"\xff\xfe", ["liteflare.toml", "UTF-8"]),
}


@pytest.mark.any_cloud
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_settings_that_cannot_be_understood_is_named_with_the_line(app, name):
    text, words = FILES[name]
    config = app.path.parent.parent / "liteflare.toml"
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = app.state()
    printed, log = app.complain(TRY, connect=False)
    assert printed == "unable to open database file"
    assert all(word in log for word in words), log
    assert "SECRET" not in log
    assert app.state() == before and config.exists()


@pytest.mark.any_cloud
def test_a_file_of_settings_that_is_named_must_exist(app):
    printed, log = app.complain(TRY, connect=False, LITEFLARE_CONFIG="/nowhere/liteflare.toml")
    assert printed == "unable to open database file"
    assert "/nowhere/liteflare.toml" in log and "LITEFLARE_CONFIG" in log


def test_a_wrong_token_is_refused(app):
    before = app.state()
    printed, log = app.complain(TRY, connect=False, CLOUDFLARE_API_TOKEN="SECRET")
    assert printed == "disk I/O error"
    assert "check CLOUDFLARE_API_TOKEN" in log and "SECRET" not in log
    assert app.state() == before


@pytest.mark.parametrize("database", ["00000000-0000-4000-8000-000000000000", "no-such-database"])
def test_an_unknown_database_is_refused(app, database):
    before = app.state()
    printed, log = app.complain(TRY, connect=False, LITEFLARE_D1_DATABASE=database)
    assert printed == "disk I/O error"
    assert "check LITEFLARE_D1_DATABASE" in log
    assert app.state() == before


def test_without_d1_there_is_no_start(app):
    before = app.state()
    for api in [app.relay.url, "http://127.0.0.1:9/client/v4"]:
        app.relay.is_down = True
        printed, log = app.complain(TRY, connect=False, LITEFLARE_D1_API=api, LITEFLARE_TIMEOUT="1s")
        app.relay.is_down = False
        assert printed == "disk I/O error"
        assert "LITEFLARE_TIMEOUT" in log and "gave up after 1s" in log and "rolled back" not in log
    assert app.state() == before


def test_d1_may_go_and_come_back(filled):
    code = """
db.execute("INSERT INTO t(v) VALUES ('kept')"); db.commit()
db.execute("INSERT INTO t(v) VALUES ('lost')")
print("ready", flush=True); sys.stdin.readline()
attempt(db.commit)
print(db.in_transaction, db.execute("SELECT v FROM t").fetchall(), flush=True)
sys.stdin.readline()
db.execute("INSERT INTO t(v) VALUES ('after')"); db.commit()
print(db.execute("SELECT v FROM t").fetchall())
"""
    process = filled.start(code, LITEFLARE_TIMEOUT="1s")
    assert process.stdout.readline() == "ready\n"
    before = filled.d1()
    filled.relay.is_down = True
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "disk I/O error\n"
    assert process.stdout.readline() == "False [('first',), ('kept',)]\n", "reads go on"
    assert filled.d1() == before
    filled.relay.is_down = False
    out, log = process.communicate("\n", timeout=30)
    assert out == "[('first',), ('kept',), ('after',)]\n"
    assert log.count("\n") == 1 and "rolled back" in log and "LITEFLARE_TIMEOUT" in log and filled.token not in log
    assert filled.rows("SELECT v FROM t") == [["first"], ["kept"], ["after"]]


@pytest.mark.any_cloud
def test_settings_come_from_the_file_and_the_environment_wins(app):
    names = {"CLOUDFLARE_ACCOUNT_ID": "account_id", "CLOUDFLARE_API_TOKEN": "api_token", "LITEFLARE_D1_DATABASE": "d1_database"}
    environment = app.environment()
    lines = [f"{key} = '{environment[name]}'" for name, key in names.items()]
    lines += [f"d1_api = '{app.relay.url}'", "timeout = 'nonsense'", f"db = '{app.path}'", "refresh = 'always'"]
    (app.path.parent.parent / "liteflare.toml").write_text("\n".join(lines))
    left_out = dict.fromkeys([*names, "LITEFLARE_D1_API", "LITEFLARE_DB", "LITEFLARE_REFRESH"])
    code = "db.execute('CREATE TABLE t(x)'); print(db.execute('SELECT name FROM sqlite_master').fetchall())"
    assert app.succeed(code, **left_out) == "[('t',)]"
    assert app.rows("SELECT count(*) FROM t") == [[0]]
    _, log = app.complain(TRY, connect=False, LITEFLARE_TIMEOUT=None, **left_out)
    assert "liteflare.toml, line 5: `timeout` is wrong" in log and "nonsense" not in log
