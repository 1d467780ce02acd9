"""Deleting and renaming, of files and of folders."""

import os
import shutil
import tempfile
from pathlib import Path

from check import check, fill, of, tree


@check
def deleting(p, local):
    (p / "f").write_text("x")
    (p / "d").mkdir()
    os.unlink(p / "f")
    yield (p / "f").exists(), of(os.unlink, p / "f"), of(os.unlink, p / "d"), of(open, p / "f"), os.listdir(p)
    yield of(os.remove, p / "none"), of((p / "none").unlink, missing_ok=True)


@check
def an_unlinked_file_stays_open(p, local):
    with open(p / "f", "w+b") as f:
        f.write(b"content")
        f.flush()
        os.unlink(p / "f")
        yield (p / "f").exists(), os.listdir(p), os.fstat(f.fileno()).st_size
        f.write(b" more")
        f.seek(0)
        yield f.read()
        (p / "f").write_text("another")
        yield (p / "f").read_text()
    yield (p / "f").read_text()
    with open(p / "f", "rb") as f:
        os.unlink(p / "f")
        yield f.read(), (p / "f").exists()
    yield os.listdir(p)


@check
def links_are_counted(p, local):
    with open(p / "f", "w+b") as f:
        yield os.fstat(f.fileno()).st_nlink, os.stat(p / "f").st_nlink
        os.unlink(p / "f")
        yield os.fstat(f.fileno()).st_nlink
    (p / "g").write_text("x")
    with open(p / "g", "rb") as f:
        os.unlink(p / "g")
        yield os.fstat(f.fileno()).st_nlink


@check
def renaming(p, local):
    (p / "f").write_text("f")
    (p / "g").write_text("g")
    os.rename(p / "f", p / "h")
    yield tree(p), of(os.rename, p / "f", p / "x")
    os.replace(p / "h", p / "g")
    yield tree(p)
    os.rename(p / "g", p / "g")
    yield tree(p)
    (p / "d").mkdir()
    yield of(os.rename, p / "g", p / "d"), of(os.rename, p / "d", p / "g"), tree(p)
    os.rename(p / "g", p / "d/g")
    yield tree(p)


@check
def renaming_folders(p, local):
    fill(p)
    yield of(os.rename, p / "d1", p / "d1/d2/inside"), of(os.rename, p / "d1", p / "d1")
    os.rename(p / "d1", p / "e1")
    yield tree(p)
    (p / "empty").mkdir()
    os.rename(p / "e1", p / "empty")
    yield tree(p)
    (p / "full").mkdir()
    (p / "full/x").write_text("x")
    yield of(os.rename, p / "empty", p / "full"), tree(p)
    os.rename(p / "empty/d2", p / "d2")
    yield tree(p)
    os.rename(p / "empty", p / "still-empty")
    yield tree(p), (p / "empty").exists()


@check
def a_renamed_folder_leaves_nothing_behind(p, local):
    (p / "d/sub/subsub").mkdir(parents=True)
    (p / "d/f").write_text("f")
    os.rename(p / "d", p / "e")
    yield (p / "d").exists(), (p / "d/sub").exists(), (p / "d/f").exists(), tree(p)
    (p / "d").mkdir()
    yield os.listdir(p / "d"), of(os.rmdir, p / "d")


@check
def an_open_file_is_renamed(p, local):
    with open(p / "f", "w") as f:
        f.write("one ")
        f.flush()
        os.rename(p / "f", p / "g")
        yield os.listdir(p), (p / "g").read_text()
        f.write("two")
    yield (p / "g").read_text(), os.listdir(p)
    with open(p / "g") as f:
        os.rename(p / "g", p / "h")
        yield f.read()


@check
def a_new_file_replaces_another_before_it_is_closed(p, local):
    (p / "f").write_text("old")
    with open(p / "tmp", "x") as f:
        f.write("new")
        os.replace(p / "tmp", p / "f")
        yield os.listdir(p)
    yield tree(p)
    (p / "g").write_text("old g")
    with open(p / "g", "w") as f:
        f.write("new g")
        os.replace(p / "g", p / "f")
    yield tree(p)


@check
def a_file_emptied_and_deleted_is_gone(p, local):
    (p / "f").write_text("old")
    with open(p / "f", "w") as f:
        f.write("new")
        os.unlink(p / "f")
        yield (p / "f").exists()
    yield (p / "f").exists(), os.listdir(p)


@check
def a_name_is_used_again_at_once(p, local):
    (p / "d").mkdir()
    for turn in range(3):
        fd = os.open(p / "d/f", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(fd, b"%d" % turn)
        os.close(fd)
        yield (p / "d/f").read_bytes()
        os.unlink(p / "d/f")
    (p / "d/f").write_text("last")
    import time

    time.sleep(0.3)
    yield tree(p)


@check
def a_new_file_under_an_old_name_is_another_file(p, local):
    """As a log is rotated, and as `tail -F` finds that out."""
    (p / "log").write_text("1")
    with open(p / "log", "a") as f:
        os.rename(p / "log", p / "log.1")
        (p / "log").write_text("2")
        yield os.path.samestat(os.fstat(f.fileno()), os.stat(p / "log")), os.path.samefile(p / "log", p / "log.1")
        yield os.path.samestat(os.fstat(f.fileno()), os.stat(p / "log.1"))
    with open(p / "log", "r") as f:
        os.unlink(p / "log")
        (p / "log").write_text("3")
        yield os.path.samestat(os.fstat(f.fileno()), os.stat(p / "log"))


@check
def an_open_file_is_replaced(p, local):
    (p / "new").write_text("new")
    (p / "f").write_text("old")
    with open(p / "f") as reader, open(p / "f", "r+") as writer:
        os.replace(p / "new", p / "f")
        yield reader.read(), (p / "f").read_text(), os.listdir(p)
        writer.write("lost")
    yield (p / "f").read_text(), os.listdir(p)


@check
def an_open_file_in_a_renamed_folder(p, local):
    (p / "d").mkdir()
    with open(p / "d/f", "w") as f:
        f.write("one ")
        os.rename(p / "d", p / "e")
        f.write("two")
        yield os.listdir(p), os.listdir(p / "e")
    yield tree(p)


@check
def moving_to_and_from_the_disk(p, local):
    outside = Path(local) / "outside"
    outside.write_text("local")
    shutil.move(outside, p / "in")
    yield (p / "in").read_text(), outside.exists()
    shutil.move(p / "in", outside)
    yield outside.read_text(), (p / "in").exists(), os.listdir(p)
    fill(p)
    shutil.move(p / "d1", local)
    yield tree(local), os.listdir(p / "..") == os.listdir(p.parent), (p / "d1").exists()
    shutil.move(Path(local) / "d1", p / "back")
    yield tree(p), tree(local)


@check
def atomic_saving(p, local):
    """As editors and downloaders do: a temporary file beside the target, fsync, rename."""
    (p / "f").write_text("old")
    for name in ("f", "new"):
        with tempfile.NamedTemporaryFile("w", dir=p, delete=False) as f:
            f.write("content of " + name)
            f.flush()
            os.fsync(f.fileno())
        os.replace(f.name, p / name)
        fd = os.open(p, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    yield tree(p)
