"""`kill -9` of a program at every request it makes, and at random moments: afterwards each object is whole: the old one, the new one, or
none; and a file that is being moved is never nowhere."""

import os
import random
import sys
import time

import pytest

from support.gallery import GALLERY
from support.relay import ANSWER, MIDDLE, REQUEST

MOMENTS = [REQUEST, MIDDLE, ANSWER]
OLD, NEW = b"old" * 20000, b"new!" * 20000
BIG = b"0123456789abcdef" * (17 << 16)  # 17 MiB: an upload in parts
SMALL = """
import sys
for name in ("kept", "new"):
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(b"new!" * 20000)
"""
LARGE = """
import sys
with open(sys.argv[1] + "/kept", "wb") as f:
    f.write(b"0123456789abcdef" * (17 << 16))
"""


def kill_at(mapped, code, number, moment):
    """Runs the program until its request of this number is at this moment."""
    process = mapped.start(sys.executable, "-c", code, mapped.folder)
    mapped.relay.call(moment, process.kill, skip=number)
    process.communicate(timeout=60)
    assert process.returncode == -9, "it was killed"
    mapped.relay.wait_until_idle()
    mapped.relay.mend()


@pytest.mark.parametrize("code, new, requests", [(SMALL, NEW, 2), (LARGE, BIG, 5)], ids=["small", "in parts"])
def test_killed_while_saving(mapped, code, new, requests):
    mapped.behind_a_relay()
    mapped.run(sys.executable, "-c", code, mapped.folder)
    assert mapped.relay.operations == {"put": requests}
    for number in range(requests):
        for moment in MOMENTS:
            mapped.bucket.put(f"{mapped.prefix}/kept", OLD)
            mapped.run("rm", "-f", mapped.folder / "new")
            kill_at(mapped, code, number, moment)
            objects = mapped.objects()
            assert objects["kept"] in (OLD, new) and objects.get("new", new) == new, (number, moment)
            # Only the last request makes the object.
            if code == LARGE and number < requests - 1:
                assert objects["kept"] == OLD, (number, moment)
    mapped.run(sys.executable, "-c", code, mapped.folder)
    assert mapped.objects()["kept"] == new


def test_killed_while_deleting(mapped):
    mapped.behind_a_relay()
    image, thumbnail = b"image" * 1000, b"thumbnail" * 100
    code = GALLERY + "start(); delete_staged('one')"
    for number in range(7):
        for moment in MOMENTS:
            mapped.run("rm", "-rf", *mapped.folder.glob("*"), *(mapped.folder / name for name in mapped.objects()))
            mapped.bucket.put(f"{mapped.prefix}/one.png", image)
            mapped.bucket.put(f"{mapped.prefix}/thumbnails/one.webp", thumbnail)
            kill_at(mapped, code, number, moment)
            objects = mapped.objects()
            journal = {name.split("/")[-1]: body for name, body in objects.items() if name.startswith(".delete_")}
            found = {objects.get("one.png"), journal.get("0")}, {objects.get("thumbnails/one.webp"), journal.get("1")}
            assert found[0] <= {image, None} and found[1] <= {thumbnail, None}, (number, moment)
            # Up to the last request (the listing is the first) both are still somewhere, and the journal says what is to be done.
            if number < 6:
                assert image in found[0] and thumbnail in found[1], (number, moment)
                assert number < 2 or journal["manifest.json"] == b'{"image_name": "one"}'
            # A program that comes later finds the same.
            names = mapped.run("find", mapped.folder, "-type", "f", "-printf", "%P\n").split()
            assert sorted(names) == sorted(objects)


def test_killed_at_random_moments(mapped):
    """A program that saves and deletes without end; each file says what it has to be."""
    seed = int(os.environ.get("LITEFLARE_SEED", random.randrange(10**6)))
    print(f"LITEFLARE_SEED={seed}")
    chance = random.Random(seed)
    code = """
import itertools, os, sys
print(flush=True)
for number in itertools.count():
    path = f"{sys.argv[1]}/{number % 7}"
    with open(path, "wb") as f:
        for _ in range(10):
            f.write(b"%09d " % number * 1000)
    if number % 3 == 0:
        os.replace(path, path + ".moved")
    if number % 5 == 0:
        os.unlink(path if os.path.exists(path) else path + ".moved")
"""
    for _ in range(6):
        process = mapped.start(sys.executable, "-c", code, mapped.folder)
        process.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.5))
        process.kill()
        process.communicate()
        for name, body in mapped.objects().items():
            assert len(body) == 100_000 and body == body[:10] * 10_000 and int(body[:10]) % 7 == int(name[0]), (
                f"{name}, LITEFLARE_SEED={seed}"
            )
