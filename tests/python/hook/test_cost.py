"""What the work of an image gallery asks of the bucket, request by request."""

import sqlite3
import sys
from contextlib import closing

import pytest

from support import clouds
from support.bucket import Bucket
from support.gallery import GALLERY
from support.mapped import Mapped

# What was learned a minute ago is still taken for true: the costs then do not hang on how fast this machine is.
SURE = {"LITEFLARE_REFRESH": "60s"}


def test_an_image_costs_two_puts_and_is_then_free(mapped):
    mapped.behind_a_relay()
    code = """
start(); step("start")
save("one", "red"); step("saved")
serve("one"); serve("one"); step("served")
"""
    asked = mapped.steps(GALLERY + code, **SURE)
    assert asked == {"start": {"list": 1}, "saved": {"put": 2}, "served": {}}
    # Another process: one get each, then nothing.
    code = """
start(); step("start")
serve("one"); step("first")
serve("one"); step("again")
"""
    asked = mapped.steps(GALLERY + code, **SURE)
    assert asked == {"start": {"list": 1}, "first": {"get": 2}, "again": {}}
    assert set(mapped.objects()) == {"one.png", "thumbnails/one.webp"}


def test_a_new_image_costs_two_puts_however_old_the_listing_is(mapped):
    mapped.behind_a_relay()
    code = """
start(); step("start")
time.sleep(1.2)  # what is known is old now, and another image is new all the same
save("two", "blue"); step("saved")
"""
    assert mapped.steps(GALLERY + code) == {"start": {"list": 1}, "saved": {"put": 2}}


DELETIONS = """
start()
for name in ("one", "two", "three", "four"):
    save(name, "red")
step("start")
time.sleep({wait})
delete_staged("one"); step("staged")
delete_listed(["two"]); step("listed")
delete_listed(["three", "four"]); step("listed two")
assert start() == [] and os.listdir(thumbnails) == [] and os.listdir(images) == ["thumbnails"]
"""


def test_deleting_an_image_costs_at_most_six_requests(mapped):
    mapped.behind_a_relay()
    asked = mapped.steps(GALLERY + DELETIONS.format(wait=0), **SURE)
    assert asked["staged"] == {"put": 1, "copy": 2, "delete": 3}
    # One put and three deletions: of the image, of the thumbnail, and of the journal.
    assert asked["listed"] == {"put": 1, "delete": 3} and asked["listed two"] == {"put": 1, "delete": 5}
    assert mapped.objects() == {} and mapped.is_empty_on_disk()


def test_deleting_an_image_that_was_last_seen_long_ago(mapped):
    """InvokeAI's images are deleted without a question; where a program asks whether a file is there, R2 is asked."""
    mapped.behind_a_relay()
    asked = mapped.steps(GALLERY + DELETIONS.format(wait=1.2))
    assert asked["staged"] == {"put": 1, "head": 2, "copy": 2, "delete": 3}
    assert asked["listed"] == {"put": 1, "delete": 3} and asked["listed two"] == {"put": 1, "delete": 5}
    assert mapped.objects() == {}


def test_a_start_over_a_hundred_thousand_images(cloud, tmp_path, tmp_path_factory):
    if "LITEFLARE_TEST_CONTROL" in cloud.settings:
        pytest.skip("the local cloud is filled by its index; filling workerd takes minutes")
    settings = clouds.new_bucket(cloud.settings)
    mapped = Mapped(settings, tmp_path)
    (data,) = cloud.log.parent.glob("cloud-*")
    (index,) = data.rglob("index.sqlite")
    Bucket(settings).put(f"{mapped.prefix}/00.png", b"x")
    with closing(sqlite3.connect(index)) as db, db:
        names = "lower(hex(randomblob(4)))||'-'||lower(hex(randomblob(2)))||'-4'||lower(hex(randomblob(12)))"
        for folder, kind in (("", "png"), ("thumbnails/", "webp")):
            db.execute(
                f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<50000)
                INSERT INTO objects SELECT bucket, ?1||{names}||?2, size, etag, modified, attributes, blob
                FROM objects CROSS JOIN n WHERE bucket=?3 AND key=?4""",
                (f"{mapped.prefix}/{folder}", f".{kind}", settings["LITEFLARE_R2_BUCKET"], f"{mapped.prefix}/00.png"),
            )
    relay = mapped.behind_a_relay()
    code = """
assert start() == []; step("start")
save("one", "red"); step("saved")
"""
    try:
        asked = mapped.steps(GALLERY + code, **SURE)
        assert set(asked["start"]) == {"list"} and 100 <= asked["start"]["list"] <= 110
        assert relay.most_at_once >= 5, "pages are asked for at the same time"
        assert asked["saved"] == {"put": 2}
    finally:
        relay.stop()


def test_another_writers_overwrite_shows_after_the_refresh_interval(mapped):
    mapped.behind_a_relay()
    path = mapped.folder / "f"
    mapped.run(sys.executable, "-c", f"open({str(path)!r}, 'w').write('old')")
    code = """
import os, sys, time
path = sys.argv[1] + "/f"
assert open(path).read() == "old"; step("read")
assert open(path).read() == "old" and os.path.getsize(path) == 3; step("read again")
time.sleep(1.2)
assert open(path).read() == "old"; step("asked whether it has changed")
step("now")
time.sleep(1.2)
assert os.path.getsize(path) == 10 and open(path).read() == "of another"; step("changed")
step("gone")
time.sleep(1.2)
assert not os.path.exists(path)
try: open(path)
except FileNotFoundError: pass
step("not there")
"""

    def between(name):
        if name == "now":
            mapped.bucket.put(f"{mapped.prefix}/f", b"of another")
        if name == "gone":
            mapped.run("rm", path)

    asked = mapped.steps(code, between)
    assert asked["read"] == asked["asked whether it has changed"] == {"get": 1}
    assert asked["changed"] in ({"head": 1, "get": 1}, {"get": 1})
