"""Opening files: modes, flags, and the spellings of a path."""

import fcntl
import os
import stat
import tempfile
from pathlib import Path

from check import check, fill, of


@check
def a_written_file_is_read_back(p, local):
    (p / "f").write_bytes(b"hello")
    yield (p / "f").read_bytes(), (p / "f").stat().st_size, (p / "f").exists(), (p / "g").exists()


@check
def a_missing_file_does_not_open(p, local):
    for mode in ("r", "r+", "rb"):
        yield of(open, p / "none", mode)
    yield of(open, p / "no/such", "r")


@check
def an_exclusive_open_makes_a_new_file_only(p, local):
    with open(p / "f", "x") as f:
        f.write("1")
        yield of(open, p / "f", "x")
    yield of(open, p / "f", "x"), (p / "f").read_text()
    yield of(os.open, p / "f", os.O_CREAT | os.O_EXCL | os.O_RDONLY)


@check
def opening_to_write_empties_the_file_at_once(p, local):
    (p / "f").write_text("old content")
    with open(p / "f", "w"):
        yield (p / "f").stat().st_size, (p / "f").read_bytes()
    yield (p / "f").read_bytes()


@check
def opening_with_o_trunc_and_no_o_creat(p, local):
    yield of(os.open, p / "f", os.O_WRONLY | os.O_TRUNC)
    (p / "f").write_text("old content")
    os.close(os.open(p / "f", os.O_WRONLY | os.O_TRUNC))
    yield (p / "f").read_bytes()


@check
def appending_goes_to_the_end(p, local):
    for part in ("one", "two"):
        with open(p / "f", "a") as f:
            yield f.tell()
            f.write(part)
    yield (p / "f").read_text()
    fd = os.open(p / "f", os.O_WRONLY | os.O_APPEND)
    os.lseek(fd, 0, 0)
    os.write(fd, b"three")
    os.close(fd)
    yield (p / "f").read_text()


@check
def appending_writers_do_not_overwrite_each_other(p, local):
    a, b = (os.open(p / "f", os.O_WRONLY | os.O_APPEND | os.O_CREAT) for _ in range(2))
    for _ in range(3):
        os.write(a, b"a")
        os.write(b, b"b")
    os.close(a)
    os.close(b)
    yield (p / "f").read_bytes()


@check
def reading_and_writing_one_file(p, local):
    with open(p / "f", "w+b") as f:
        f.write(b"x" * 100)
        f.seek(10)
        yield f.read(5)
        f.seek(0)
        f.write(b"YY")
        f.flush()
        yield os.fstat(f.fileno()).st_size, (p / "f").stat().st_size
    with open(p / "f", "r+b") as f:
        f.seek(50)
        f.write(b"Z")
    yield (p / "f").read_bytes()


@check
def writing_past_the_end_leaves_zeros(p, local):
    with open(p / "f", "wb") as f:
        f.seek(5000)
        f.write(b"end")
    yield (p / "f").stat().st_size, (p / "f").read_bytes()[:3], (p / "f").read_bytes()[-4:]


@check
def descriptors_allow_what_they_were_opened_for(p, local):
    fd = os.open(p / "f", os.O_WRONLY | os.O_CREAT)
    yield of(os.read, fd, 1), of(os.write, fd, b"1")
    os.close(fd)
    fd = os.open(p / "f", os.O_RDONLY)
    yield of(os.write, fd, b"1"), of(os.read, fd, 1), of(os.ftruncate, fd, 0)
    yield fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE, os.get_inheritable(fd)
    os.close(fd)
    yield of(os.read, fd, 1), of(os.close, fd), of(os.fstat, fd)


@check
def a_folder_opens_for_reading_only(p, local):
    (p / "d").mkdir()
    (p / "f").write_text("x")
    yield of(open, p / "d", "r"), of(open, p / "d", "w"), of(open, p / "d", "a"), of(open, p / "d", "x")
    yield of(os.open, p / "f", os.O_RDONLY | os.O_DIRECTORY), of(os.open, p / "none", os.O_RDONLY | os.O_DIRECTORY)
    fd = os.open(p / "d", os.O_RDONLY)
    yield stat.S_ISDIR(os.fstat(fd).st_mode), of(os.read, fd, 1), of(os.fsync, fd), of(os.write, fd, b"x")
    os.close(fd)


@check
def opening_below_a_file_fails(p, local):
    (p / "f").write_text("x")
    yield of(open, p / "f/below", "r"), of(open, p / "f/below", "w"), of(os.stat, p / "f/below")
    yield of(os.mkdir, p / "f/below"), of(os.unlink, p / "f/below"), of(os.listdir, p / "f/below")


@check
def opening_in_a_missing_folder_fails(p, local):
    yield of(open, p / "no/f", "w"), of(open, p / "no/f", "x"), of(open, p / "no/f", "a"), of(os.mkdir, p / "no/d")
    (p / "f").write_text("x")
    yield of(os.rename, p / "f", p / "no/f"), (p / "f").exists(), of(tempfile.mkstemp, dir=p / "no")


@check
def trailing_slashes_say_folder(p, local):
    (p / "d").mkdir()
    (p / "f").write_text("x")
    yield of(os.stat, f"{p}/f/"), of(open, f"{p}/f/"), of(open, f"{p}/new/", "w"), of(os.unlink, f"{p}/f/")
    yield os.path.isdir(f"{p}/d/"), of(os.listdir, f"{p}/d/"), of(os.rename, f"{p}/f", f"{p}/g/"), of(os.access, f"{p}/f/", os.F_OK)
    yield of(os.mkdir, f"{p}/e/"), of(os.rmdir, f"{p}/e/"), of(os.rename, f"{p}/d/", f"{p}/dd/"), sorted(os.listdir(p))


@check
def paths_are_found_in_any_spelling(p, local):
    fill(p)
    yield Path(f"{p}/d1/../a.txt").read_text(), Path(f"{p}//d1///d2/./deep.txt").read_text(), Path(f"{p}/./b.txt").read_text()
    yield of(os.stat, f"{p}/none/../a.txt"), of(os.stat, f"{p}/a.txt/.."), of(os.stat, f"{p}/a.txt/.")
    yield of(open, ""), of(os.stat, ""), of(os.mkdir, f"{p}/d1/."), of(os.rmdir, f"{p}/d1/d2/.")


@check
def relative_paths_follow_the_working_folder(p, local):
    fill(p)
    before = os.getcwd()
    try:
        os.chdir(local)
        target = os.path.relpath(p, local)
        yield Path(target, "a.txt").read_text(), os.path.exists("a.txt"), os.path.isdir(target)
        Path("here.txt").write_text("local")
        Path(target, "there.txt").write_text("mapped")
        yield (p / "there.txt").read_text(), (Path(local) / "here.txt").read_text()
        os.chdir(before)
        yield os.path.exists("there.txt")
    finally:
        os.chdir(before)
