"""`liteflare status`: the truth, in few requests, once or for as long as one likes."""

import json
import os
import pty
import select
import signal
import subprocess
import uuid

import pytest

from support.clouds import LITEFLARE
from support.relay import Relay

FILL = """
db.execute("CREATE TABLE boards(id INTEGER PRIMARY KEY, name TEXT)")
db.execute("CREATE TABLE images(name TEXT PRIMARY KEY, board INTEGER) WITHOUT ROWID")
db.execute("INSERT INTO boards(name) VALUES ('cats'), ('dogs')"); db.commit()
db.execute("INSERT INTO images VALUES ('a.png', 1)"); db.execute("UPDATE boards SET name='birds' WHERE id=2"); db.commit()
"""


def look_up(commands):
    """A database that is named, and not by its UUID, is looked up once."""
    try:
        uuid.UUID(commands.settings["LITEFLARE_D1_DATABASE"])
        return 0
    except ValueError:
        return 1


@pytest.fixture
def filled(commands):
    done = commands.application(FILL)
    assert (done.returncode, done.stderr) == (0, "")
    for key, size in {"images/a.png": 10, "images/thumbnails/a.webp": 5, "videos/b.mp4": 7, "elsewhere": 1}.items():
        commands.bucket.put(key, b"x" * size)
    return commands


def test_it_says_what_is_there(filled):
    status = json.loads(filled.succeed("status", "--json"))
    assert {table["name"]: table["rows"] for table in status["tables"]} == {"boards": 2, "images": 1}
    assert status["seq"] == filled.rows("SELECT max(seq) FROM _lf_commit")[0][0] == status["commits"][0]["seq"]
    assert status["commits"][0]["tables"] == ["boards", "images"] and status["commits"][1]["tables"] == ["boards"]
    assert status["commits"][-1]["tables"] == [], "the schema was changed"
    assert status["bytes"] > 0 and status["commits"][0]["source"]
    prefixes = {entry["prefix"]: (entry["objects"], entry["bytes"]) for entry in status["prefixes"]}
    assert prefixes["images"] == (2, 15) and prefixes["videos"] == (1, 7) and prefixes["style_presets"] == (0, 0)
    text = filled.succeed("status")
    assert f"seq {status['seq']}" in text and f"requests: {2 + look_up(filled)} to D1, 5 to R2" in text


def test_it_costs_two_requests_to_d1_and_one_for_each_prefix(filled):
    with Relay(filled.settings["LITEFLARE_D1_API"]) as d1, Relay(filled.settings["LITEFLARE_R2_ENDPOINT"]) as r2:
        changes = {"LITEFLARE_D1_API": d1.url, "LITEFLARE_R2_ENDPOINT": r2.url}
        status = json.loads(filled.succeed("status", "--json", **changes))
        assert status["requests"] == {"d1": len(d1.requests), "r2": len(r2.requests)} == {"d1": 2 + look_up(filled), "r2": 5}


def test_a_new_database_is_empty(commands):
    status = json.loads(commands.succeed("status", "--json"))
    assert (status["seq"], status["tables"], status["commits"]) == (0, [], [])
    assert status["requests"] == {"d1": 1 + look_up(commands), "r2": 5}
    assert commands.rows("SELECT name FROM sqlite_schema WHERE name LIKE '\\_lf%' ESCAPE '\\'") == [], "looking makes nothing"


WRONG = {
    "token": ({"CLOUDFLARE_API_TOKEN": "x" * 40}, "check CLOUDFLARE_API_TOKEN"),
    "database": ({"LITEFLARE_D1_DATABASE": "no-such-database"}, "check LITEFLARE_D1_DATABASE"),
    "bucket": ({"LITEFLARE_R2_BUCKET": "no-such-bucket"}, "check LITEFLARE_R2_BUCKET"),
    "nobody there": ({"LITEFLARE_D1_API": "http://127.0.0.1:9", "LITEFLARE_TIMEOUT": "1s"}, "D1 cannot be reached"),
    "setting": ({"LITEFLARE_TIMEOUT": "soon"}, 'LITEFLARE_TIMEOUT="soon" is wrong'),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_asked_is_one_line(commands, name):
    changes, words = WRONG[name]
    assert words in commands.refuse("status", **changes)
    assert words in commands.refuse("status", "--json", **changes)


def test_a_view_that_goes_on_is_cheap_and_outlives_the_network(filled):
    with Relay(filled.settings["LITEFLARE_D1_API"]) as d1:
        process = filled.start("status", "--watch", "--json", LITEFLARE_D1_API=d1.url, LITEFLARE_TIMEOUT="1s")
        try:
            first, second = (json.loads(process.stdout.readline()) for _ in range(2))
            assert (first["requests"], second["requests"]) == ({"d1": 2 + look_up(filled), "r2": 5}, {"d1": 1, "r2": 0})
            assert {**first, "requests": None} == {**second, "requests": None}
            d1.is_down = True
            assert "LITEFLARE_TIMEOUT" in process.stderr.readline()
            d1.is_down = False
            filled.application("db.execute(\"INSERT INTO boards(name) VALUES ('fish')\"); db.commit()")
            while json.loads(process.stdout.readline())["seq"] == first["seq"]:
                pass
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.communicate()


@pytest.mark.any_cloud
def test_on_a_terminal_the_view_is_drawn_again(filled):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([LITEFLARE, "status", "--watch"], env=filled.environment(TERM="xterm"), stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        seen = ""
        while "requests: 1 to D1, 0 to R2" not in seen:  # the second view
            assert select.select([ours], [], [], 30)[0], seen
            seen += os.read(ours, 65536).decode()
        assert "boards" in seen and seen.count("\x1b[H\x1b[2J") == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.only_cloud("workerd")
def test_behind_a_gateway_the_r2_keys_must_be_given(commands):
    line = commands.refuse("status", R2_ACCESS_KEY_ID=None, R2_SECRET_ACCESS_KEY=None)
    assert "R2_ACCESS_KEY_ID is not set" in line and "a gateway" in line
