"""Folders: made, removed, listed, and what is found from their descriptors."""

import glob
import os
import shutil
from pathlib import Path

from check import check, fill, of, tree


@check
def making_folders(p, local):
    os.mkdir(p / "d")
    yield of(os.mkdir, p / "d"), os.path.isdir(p / "d"), os.listdir(p / "d"), os.listdir(p)
    os.makedirs(p / "x/y/z")
    os.makedirs(p / "x/y/z", exist_ok=True)
    yield of(os.makedirs, p / "x/y/z"), tree(p)
    (p / "f").write_text("f")
    yield of(os.mkdir, p / "f"), of(os.makedirs, p / "f", exist_ok=True)
    yield of(os.mkdir, p)


@check
def removing_folders(p, local):
    fill(p)
    yield of(os.rmdir, p / "d1"), of(os.rmdir, p / "none"), of(os.rmdir, p / "a.txt")
    os.unlink(p / "d1/d2/deep.txt")
    yield of(os.rmdir, p / "d1"), of(os.rmdir, p / "d1/d2"), of(os.rmdir, p / "d1"), tree(p)


@check
def an_emptied_folder_stays(p, local):
    (p / "d/e").mkdir(parents=True)
    (p / "d/e/f").write_text("x")
    os.unlink(p / "d/e/f")
    yield tree(p), os.listdir(p / "d/e")
    (p / "d/e/f").write_text("x")
    os.rename(p / "d/e/f", p / "g")
    yield tree(p)


@check
def removing_a_tree(p, local):
    fill(p)
    shutil.rmtree(p / "d1")
    yield tree(p), of(shutil.rmtree, p / "d1"), of(shutil.rmtree, p / "a.txt")
    shutil.rmtree(p / "d1", ignore_errors=True)


@check
def a_folder_and_a_file_take_turns(p, local):
    for _ in range(3):
        (p / "x").write_text("file")
        yield (p / "x").is_file(), os.listdir(p)
        (p / "x").unlink()
        (p / "x").mkdir()
        (p / "x/y").write_text("in folder")
        yield (p / "x").is_dir(), os.listdir(p / "x")
        shutil.rmtree(p / "x")
        yield (p / "x").exists(), of(os.stat, p / "x/y")


@check
def listing(p, local):
    fill(p)
    yield sorted(os.listdir(p)), sorted(os.listdir(p / "d1")), of(os.listdir, p / "none"), of(os.listdir, p / "a.txt")
    with os.scandir(p) as entries:
        yield sorted((e.name, e.is_dir(), e.is_file(), e.is_symlink(), e.stat().st_size * e.is_file(), e.inode() > 0) for e in entries)
    yield [(os.path.relpath(r, p), sorted(d), sorted(f)) for r, d, f in sorted(os.walk(p))]
    yield [(os.path.relpath(r, p), sorted(d), sorted(f)) for r, d, f in sorted(os.walk(p, topdown=False))]


@check
def listing_by_descriptor(p, local):
    fill(p)
    fd = os.open(p, os.O_RDONLY)
    yield sorted(os.listdir(fd)), sorted(os.listdir(fd))
    with os.scandir(fd) as entries:
        yield sorted((e.name, e.is_dir(), e.stat().st_size * e.is_file()) for e in entries)
    os.close(fd)
    yield sorted((os.path.relpath(r, p), sorted(d), sorted(f)) for r, d, f, _ in os.fwalk(p))
    above = os.open(p.parent, os.O_RDONLY)
    yield sorted((os.path.relpath(r, p.name), sorted(d), sorted(f)) for r, d, f, _ in os.fwalk(p.name, dir_fd=above))
    os.close(above)


@check
def paths_from_a_folders_descriptor(p, local):
    fill(p)
    d = os.open(p, os.O_RDONLY)
    at = {"dir_fd": d}
    f = os.open("a.txt", os.O_RDONLY, **at)
    yield os.read(f, 10), of(os.open, "none", os.O_RDONLY, **at), os.stat("b.txt", **at).st_size
    os.close(f)
    f = os.open("d1/new", os.O_WRONLY | os.O_CREAT, **at)
    os.write(f, b"new")
    os.close(f)
    os.mkdir("e1", **at)
    os.rename("b.txt", "e1/moved", src_dir_fd=d, dst_dir_fd=d)
    yield tree(p), os.access("a.txt", os.R_OK, **at), os.access("none", os.R_OK, **at)
    os.unlink("a.txt", **at)
    yield of(os.rmdir, "e1", **at), of(os.unlink, "e1", **at), of(os.unlink, "none", **at), of(os.rmdir, "d1/new", **at)
    e = os.open("e1", os.O_RDONLY, **at)
    yield os.listdir(e), sorted(os.listdir(os.open("..", os.O_RDONLY, dir_fd=e))), os.stat("../d1/new", dir_fd=e).st_size
    os.unlink("moved", dir_fd=e)
    os.rmdir("e1", **at)
    yield tree(p), of(os.stat, "/etc/hostname", dir_fd=d) is not None
    os.close(e)
    os.close(d)


@check
def paths_from_a_local_descriptor(p, local):
    fill(p)
    above = os.open(p.parent, os.O_RDONLY)
    f = os.open(f"{p.name}/a.txt", os.O_RDONLY, dir_fd=above)
    yield os.read(f, 10), os.stat(f"{p.name}/d1/d2/deep.txt", dir_fd=above).st_size
    os.close(f)
    os.close(above)
    (Path(local) / "l").write_text("local")
    here = os.open(local, os.O_RDONLY)
    there = os.open(p, os.O_RDONLY)
    os.rename("a.txt", "a.txt", src_dir_fd=there, dst_dir_fd=here)
    os.rename("l", "l", src_dir_fd=here, dst_dir_fd=there)
    yield tree(p), tree(local)
    os.close(here)
    os.close(there)


@check
def matching_names(p, local):
    fill(p)
    for name in (".hidden", ".delete_x", "c[1].txt"):
        (p / name).write_text(name)
    yield sorted(x.name for x in p.glob("*.txt")), sorted(x.name for x in p.glob(".delete_*")), sorted(x.name for x in p.rglob("*"))
    yield sorted(os.path.relpath(x, p) for x in glob.glob(f"{p}/**/*.txt", recursive=True)), glob.glob(f"{p}/nothing*")
    yield sorted(os.path.relpath(x, p) for x in glob.glob(f"{p}/*/d?/deep*")), [x.name for x in p.glob(glob.escape("c[1].txt"))]


@check
def a_folder_is_listed_while_it_changes(p, local):
    for i in range(20):
        (p / f"f{i}").write_text("x")
    removed = 0
    with os.scandir(p) as entries:
        for entry in entries:
            os.unlink(entry.path)
            removed += 1
    yield removed, os.listdir(p)


@check
def a_folder_with_many_files(p, local):
    for i in range(300):
        (p / f"{i:03}.png").write_bytes(b"%d" % i)
    yield len(os.listdir(p)), sorted(os.listdir(p))[::50], sum(e.stat().st_size for e in os.scandir(p))
    shutil.rmtree(p)
    yield p.exists()
    p.mkdir()


@check
def the_mapped_folders_parent_shows_it(p, local):
    yield p.name in os.listdir(p.parent), p.is_dir(), of(os.stat, p / "..") is not None, os.path.samefile(p / "..", p.parent)
