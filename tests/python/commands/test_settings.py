"""Settings: where each came from, and names and values that are wrong."""

import sys

import pytest

pytestmark = pytest.mark.any_cloud

FILES = {
    "near key": ("r2_buket = 'x'", ["line 1", "unknown key `r2_buket`: did you mean `r2_bucket`?"]),
    "without its first word": ("\n\nbucket = 'x'", ["line 3", "`bucket`", "`r2_bucket`"]),
    "a variable's name": ("LITEFLARE_R2_PATHS = 'x'", ["`LITEFLARE_R2_PATHS`", "did you mean `r2_paths`?"]),
    "far key": ("colour = 'x'", ["unknown key `colour`: the keys are account_id, api_token, d1_database"]),
    "table": ("[r2]\nbucket = 'x'", ["line 1", "unknown key `r2`"]),
    "token as a key": (f"{'a1B2' * 10} = 'x'", ["line 1", "unknown key: the keys are"]),
    "number": ("refresh = 'never'\ntimeout = 5", ["line 2: `timeout` is wrong: expected a string in quotes, not an integer"]),
    "bad value": ("timeout = 'HIDDEN'", ["line 1: `timeout` is wrong: expected a duration such as `1s`"]),
    "bad folder": ("r2_paths = 'HIDDEN'", ["line 1: `r2_paths` is wrong: expected `folder=prefix` as entry 1"]),
    "not toml": ("refresh = HIDDEN", ["line 1"]),
    "account": ("account_id = 'HIDDEN/../x'", ["line 1: `account_id` is wrong: expected an id of letters and digits"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_a_mistake_is_refused_with_its_place(commands, name):
    text, words = FILES[name]
    file = commands.root / "liteflare.toml"
    file.write_text(text)
    left_out = dict.fromkeys(["LITEFLARE_TIMEOUT", "CLOUDFLARE_ACCOUNT_ID"] if name == "account" else ["LITEFLARE_TIMEOUT"])
    line = commands.refuse("status", **left_out)
    assert str(file) in line and all(word in line for word in words), line
    assert "HIDDEN" not in line and "a1B2a1B2" not in line


VARIABLES = {
    "LITEFLARE_R2_BUKET": "LITEFLARE_R2_BUCKET",
    "LITEFLARE_D1_DATABSE": "LITEFLARE_D1_DATABASE",
    "LITEFLARE_DATABASE": "LITEFLARE_D1_DATABASE",
    "LITEFLARE_ROTO": "LITEFLARE_ROOT",
    "LITEFLARE_API_TOKEN": "CLOUDFLARE_API_TOKEN",
    "LITEFLARE_R2_SECRET_ACCESS_KEY": "R2_SECRET_ACCESS_KEY",
    "LITEFLARE_TIMEOUTS": "LITEFLARE_TIMEOUT",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_a_slip_of_the_pen_is_refused(commands, name):
    line = commands.refuse("status", **{name: "HIDDEN"})
    assert line == f"liteflare: unknown setting {name} in the environment: did you mean {VARIABLES[name]}?\n"


def test_other_variables_are_left_alone(commands):
    others = ["LITEFLARE_VENV", "LITEFLARE_BIN", "LITEFLARE_TEST_CLOUDS", "LITEFLARE_SOMETHING_ELSE", "LITEFLARE_X"]
    commands.succeed("status", **dict.fromkeys(others, "x"))


def test_a_misspelt_variable_stops_the_first_open(commands):
    done = commands.application("db.execute('CREATE TABLE t(x)')", LITEFLARE_DBS="/x.db")
    assert done.returncode != 0 and "did you mean LITEFLARE_DB?" in done.stderr
    assert not (commands.root / "databases/invokeai.db").exists()


def test_a_misspelt_bucket_stops_the_first_file(commands):
    images = commands.root / "outputs/images"
    images.mkdir(parents=True)
    write = f"open({str(images / 'a.png')!r}, 'w').write('x')"
    changes = {"LITEFLARE_R2_BUCKET": None, "LITEFLARE_R2_BUKET": "x"}
    done = commands.run("run", "--", sys.executable, "-c", write, **changes)
    assert done.returncode != 0 and "did you mean LITEFLARE_R2_BUCKET?" in done.stderr
    assert not any(images.iterdir())


def test_doctor_says_where_each_setting_came_from(commands):
    file = commands.root / "liteflare.toml"
    file.write_text("# mine\nrefresh = 'never'\ntimeout = '7s'\n")
    _, checks = commands.doctor(LITEFLARE_R2_BUCKET=None, LITEFLARE_R2_ENDPOINT=None, R2_ACCESS_KEY_ID=None, R2_SECRET_ACCESS_KEY=None)
    detail = lambda name: checks[name]["detail"]
    account = commands.settings["CLOUDFLARE_ACCOUNT_ID"]
    assert detail("CLOUDFLARE_ACCOUNT_ID") == f"{account} (environment, CLOUDFLARE_ACCOUNT_ID)"
    assert detail("LITEFLARE_REFRESH") == f"never ({file}:2)"
    assert detail("LITEFLARE_TIMEOUT") == "5s (environment, LITEFLARE_TIMEOUT)"
    assert detail("LITEFLARE_DB") == f"{commands.root}/databases/invokeai.db (default)"
    assert detail("LITEFLARE_R2_ENDPOINT") == f"https://{account}.r2.cloudflarestorage.com (from the account)"
    assert detail("R2_SECRET_ACCESS_KEY") == "belongs to the token (from the API token)"
    assert detail("LITEFLARE_ROOT") == f"{commands.root} (environment, LITEFLARE_ROOT)"
    assert detail("CLOUDFLARE_API_TOKEN") == "set (hidden; 20 to 64 characters) (environment, CLOUDFLARE_API_TOKEN)"


def test_doctor_tells_each_mistake_at_once(commands):
    file = commands.root / "liteflare.toml"
    file.write_text("r2_buket = 'x'\nrefrsh = 'never'\ntimeout = 'soon'\n")
    changes = {"CLOUDFLARE_ACCOUNT_ID": None, "LITEFLARE_TIMEOUT": None, "LITEFLARE_REFRESH": "sometimes"}
    done = commands.run("doctor", "--python", sys.executable, **changes)
    assert done.returncode == 1
    for words in [
        "CLOUDFLARE_ACCOUNT_ID: not set",
        "`r2_buket`: did you mean `r2_bucket`?",
        "`refrsh`: did you mean `refresh`?",
        "line 3: `timeout` is wrong",
        'LITEFLARE_REFRESH="sometimes" is wrong',
    ]:
        assert words in done.stdout, (words, done.stdout)


def test_a_root_given_to_the_command_wins(commands, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "liteflare.toml").write_text("refresh = '9s'\n")
    _, checks = commands.doctor("--root", other)
    assert checks["LITEFLARE_ROOT"]["detail"] == f"{other} (command line)"
    assert checks["LITEFLARE_REFRESH"]["detail"].startswith("9s (")


def test_a_password_in_a_url_is_refused_and_not_shown(commands):
    line = commands.refuse("status", LITEFLARE_D1_API="https://me:HIDDEN@localhost/")
    assert line.startswith("liteflare: LITEFLARE_D1_API is wrong: expected a URL without") and "HIDDEN" not in line


def test_a_secret_that_others_may_read_is_a_warning(commands):
    file = commands.root / "liteflare.toml"
    settings = commands.settings
    file.write_text(f"api_token = '{settings['CLOUDFLARE_API_TOKEN']}'\nd1_api = '{settings['LITEFLARE_D1_API']}'\n")
    for mode, warns in [(0o644, True), (0o600, False)]:
        file.chmod(mode)
        code, checks = commands.doctor(CLOUDFLARE_API_TOKEN=None, LITEFLARE_D1_API=None)
        assert code == 0 and ("settings file" in checks) == warns, checks
