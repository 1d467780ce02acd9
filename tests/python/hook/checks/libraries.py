"""Python's and others' libraries, as programs use them."""

import io
import json
import os
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from check import check, fill, of, tree


@check
def copying(p, local):
    fill(p)
    for number, copy in enumerate((shutil.copy, shutil.copy2, shutil.copyfile)):
        copy(p / "a.txt", p / f"copy{number}")
        copy(p / "a.txt", Path(local) / f"copy{number}")
        copy(Path(local) / f"copy{number}", p / f"back{number}")
    shutil.copy(p / "b.txt", p / "d1")
    yield tree(p), tree(local), of(shutil.copy, p / "none", p / "x"), of(shutil.copy, p / "a.txt", p / "none/x")
    try:
        shutil.copyfile(p / "a.txt", p / "a.txt")
    except shutil.SameFileError:
        yield "the same file"


@check
def copying_trees(p, local):
    fill(p)
    shutil.copytree(p / "d1", p / "t1")
    shutil.copytree(p / "d1", Path(local) / "t1")
    shutil.copytree(Path(local) / "t1", p / "t2")
    yield tree(p), tree(local)
    yield of(shutil.copytree, p / "d1", p / "t1")
    shutil.copytree(p / "d1", p / "t1", dirs_exist_ok=True)
    yield tree(p)


@check
def temporary_files(p, local):
    with tempfile.NamedTemporaryFile(dir=p, suffix=".png") as f:
        f.write(b"x")
        f.flush()
        yield len(os.listdir(p)), os.path.getsize(f.name), f.name.endswith(".png")
    yield os.listdir(p)
    with tempfile.TemporaryDirectory(dir=p, prefix=".tmp") as d:
        Path(d, "f").write_text("x")
        yield len(os.listdir(p)), os.listdir(d)
    yield os.listdir(p)
    fd, name = tempfile.mkstemp(dir=p, prefix="a", suffix="b")
    os.write(fd, b"tmp")
    os.close(fd)
    yield Path(name).read_text(), stat.S_ISREG(os.stat(name).st_mode)
    os.unlink(name)
    d = tempfile.mkdtemp(prefix=".delete_", dir=p)
    yield os.path.isdir(d), os.listdir(p) == [os.path.basename(d)]
    os.rmdir(d)
    with tempfile.TemporaryFile(dir=p) as f:
        f.write(b"nameless")
        f.seek(0)
        yield f.read(), os.listdir(p)
    with tempfile.SpooledTemporaryFile(max_size=3, dir=p) as f:
        f.write(b"too long to stay in memory")
        f.seek(0)
        yield f.read(), os.listdir(p)


@check
def archives(p, local):
    fill(p)
    with zipfile.ZipFile(p / "z.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("text", "zipped" * 100)
        z.write(p / "a.txt", "a.txt")
    with zipfile.ZipFile(p / "z.zip", "a") as z:
        z.writestr("later", "appended")
        yield z.testzip(), z.namelist()
    with zipfile.ZipFile(p / "z.zip") as z:
        z.extractall(p / "unzipped")
    with tarfile.open(p / "t.tar.gz", "w:gz") as t:
        t.add(p / "d1", "d1")
        t.add(p / "a.txt", "a.txt")
    with tarfile.open(p / "t.tar.gz") as t:
        yield sorted(t.getnames())
        t.extractall(p / "untarred", filter="data")
    yield tree(p / "unzipped"), tree(p / "untarred")
    yield shutil.make_archive(str(p / "made"), "zip", p / "d1")[-8:], zipfile.is_zipfile(p / "made.zip")


@check
def pictures(p, local):
    from PIL import Image

    for name, options in (("a.png", {}), ("b.webp", {"quality": 80}), ("c.jpg", {}), ("d.gif", {}), ("e.tiff", {}), ("f.bmp", {})):
        Image.new("RGB", (64, 48), (10, 200, 30)).save(p / name, **options)
        with Image.open(p / name) as image:
            yield name, image.size, image.format, image.convert("RGB").getpixel((5, 5))[1] > 190
    with open(p / "g.png", "w+b") as f:
        Image.new("L", (8, 8)).save(f, format="PNG")
        f.seek(0)
        yield Image.open(f).size
    image = Image.open(p / "a.png")
    os.unlink(p / "a.png")
    image.load()
    yield image.size, (p / "a.png").exists()
    image = Image.open(p / "b.webp")
    image.thumbnail((16, 16))
    image.save(p / "b.webp")
    yield Image.open(p / "b.webp").size


@check
def text_files(p, local):
    (p / "f").write_text("Zeile ü\nzwei\r\ndrei", newline="") if sys.version_info >= (3, 10) else None
    with open(p / "f", newline="") as f:
        yield f.readline(), f.readline(), f.tell(), f.read()
    with open(p / "f", "a+") as f:
        f.write("!")
        f.seek(0)
        yield f.read()
    with io.open(p / "g", "wb", buffering=3) as f:
        f.write(b"many small writes" * 10)
    yield len((p / "g").read_bytes())
    (p / "j").write_text(json.dumps({"a": 1}))
    yield json.loads((p / "j").read_text())


@check
def pathlib_in_short(p, local):
    f = p / "x.txt"
    f.write_text("1")
    yield f.rename(p / "y.txt").name, f.exists(), (p / "y.txt").replace(f).name, f.stat().st_size, f.is_file(), p.is_dir()
    yield [x.name for x in p.iterdir()], f.samefile(p / "../" / p.name / "x.txt"), of(f.touch, exist_ok=False), of((p / "d").mkdir)
    yield of((p / "d").rmdir), f.owner() == Path(local).owner(), f.unlink(), list(p.iterdir())
