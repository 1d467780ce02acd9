"""What programs do with files: many small checks, each in an empty folder of its own.

In: a folder, and a scratch folder on the local disk. Out: for each check, what it saw, as texts. The same checks on a local folder
and on a mapped one must see the same. A check is a generator of what it sees; an OSError is seen as its errno.
"""

import errno
import fcntl
import glob
import io
import json
import mmap
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from pathlib import Path

CHECKS = {}


def check(function):
    CHECKS[function.__name__] = function
    return function


def of(function, *args, **options):
    """What a call returns, or its errno."""
    try:
        return function(*args, **options)
    except OSError as error:
        return errno.errorcode[error.errno]


def tree(folder):
    """Every path below a folder, with the bytes of files."""
    seen = []
    for path in sorted(Path(folder).rglob("*")):
        seen.append((str(path.relative_to(folder)), "folder" if path.is_dir() else path.read_bytes()[:100]))
    return seen


def fill(folder):
    """A small tree: two files, and one in a folder in a folder."""
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("bb")
    (folder / "d1/d2").mkdir(parents=True)
    (folder / "d1/d2/deep.txt").write_text("deep")
    return folder


# Opening


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


# Names


def names_of(p, *names):
    for name in names:
        path = os.path.join(os.fsencode(p), os.fsencode(name))
        with open(path, "wb") as f:
            f.write(os.fsencode(name))
        yield os.path.exists(path), open(path, "rb").read(), os.stat(path).st_size
    yield sorted(os.listdir(os.fsencode(p)))
    for name in names:
        os.rename(os.path.join(p, name), os.path.join(p, name + "2"))
    yield sorted(os.listdir(p))
    for name in names:
        os.unlink(os.path.join(p, name + "2"))
    yield os.listdir(p)


@check
def names_with_spaces_and_signs(p, local):
    yield from names_of(p, "a b", "100%", "a+b", "a&b=c", "what?", "#1", "it's", 'say "x"', "~", "a;b", "[x]", "{y}", "<z>", "a|b", "back\\slash", "*", "$HOME", "%41", "%2F", "..x", "x..", "...", "-rf")


@check
def names_in_many_scripts(p, local):
    yield from names_of(p, "ü.png", "u\u0308.png", "日本語", "emoji 🎉", "\u202eabc", "Ω≈ç", "\ufeffbom", "\u00a0")


@check
def names_with_control_characters(p, local):
    yield from names_of(p, "new\nline", "tab\tbed", "\x01", "\x7f", "cr\rcr")


@check
def names_that_begin_with_others(p, local):
    yield from names_of(p, "a", "ab", "a.b", "a-b", "abc", "A", "a0")


@check
def names_beside_a_folder_of_the_same_beginning(p, local):
    (p / "a").mkdir()
    for name in ("a/x", "a-b", "a.b", "a0", "ab"):
        (p / name).write_text(name)
    yield sorted(os.listdir(p)), os.listdir(p / "a"), [x.is_dir() for x in sorted(p.iterdir())]
    shutil.rmtree(p / "a")
    yield sorted(os.listdir(p))


@check
def the_longest_name(p, local):
    name = "n" * 255
    (p / name).write_text("x")
    yield os.listdir(p) == [name], (p / name).read_text(), of(open, p / ("n" * 256), "w"), of(os.stat, p / ("n" * 256))
    yield of(os.mkdir, p / ("n" * 256)), of(os.rename, p / name, p / ("n" * 256)), of(os.unlink, p / ("n" * 256))
    yield of(open, "/" + "x" * 5000), of(open, str(p) + "/x" * 2500, "w")


# Bytes


@check
def an_empty_file(p, local):
    (p / "f").touch()
    yield (p / "f").exists(), (p / "f").stat().st_size, (p / "f").read_bytes(), os.listdir(p)
    with open(p / "f", "rb") as f:
        yield f.read(), f.seek(0, 2)


@check
def forty_megabytes(p, local):
    block = bytes(range(256)) * 4096  # 1 MB
    with open(p / "f", "wb") as f:
        for _ in range(40):
            f.write(block)
    yield (p / "f").stat().st_size
    with open(p / "f", "rb") as f:
        f.seek(39 << 20)
        yield f.read(4), sum(f.read()) % 1000
    shutil.copyfile(p / "f", p / "g")
    yield (p / "g").read_bytes() == block * 40
    with open(p / "g", "r+b") as f:
        f.seek(20 << 20)
        f.write(b"changed")
    data = (p / "g").read_bytes()
    yield data[20 << 20 : (20 << 20) + 8], len(data)


@check
def truncating(p, local):
    (p / "f").write_bytes(b"0123456789")
    os.truncate(p / "f", 4)
    yield (p / "f").read_bytes()
    os.truncate(p / "f", 8)
    yield (p / "f").read_bytes(), (p / "f").stat().st_size
    with open(p / "f", "r+b") as f:
        f.truncate(2)
        yield os.fstat(f.fileno()).st_size, (p / "f").stat().st_size
    yield (p / "f").read_bytes(), of(os.truncate, p / "none", 0), of(os.truncate, p, 0), of(os.truncate, p / "f", -1)
    os.truncate(p / "f", 0)
    yield (p / "f").read_bytes()


@check
def reading_while_another_descriptor_writes(p, local):
    with open(p / "f", "wb", buffering=0) as writer:
        writer.write(b"one")
        with open(p / "f", "rb", buffering=0) as reader:
            yield reader.read()
            writer.write(b"two")
            yield reader.read(), os.fstat(reader.fileno()).st_size
        yield (p / "f").read_bytes()
    yield (p / "f").read_bytes()


@check
def a_reader_sees_a_later_writer(p, local):
    (p / "f").write_bytes(b"before")
    with open(p / "f", "rb", buffering=0) as reader:
        with open(p / "f", "r+b") as writer:
            writer.write(b"AFTER!")
        yield reader.read()


@check
def two_writers_share_one_file(p, local):
    a, b = (os.open(p / "f", os.O_RDWR | os.O_CREAT) for _ in range(2))
    os.write(a, b"aaaa")
    yield os.read(b, 10)
    os.pwrite(b, b"BB", 1)
    os.close(a)
    yield (p / "f").read_bytes()
    os.pwrite(b, b"CC", 4)
    os.close(b)
    yield (p / "f").read_bytes()


@check
def mapping_a_file_into_memory(p, local):
    (p / "f").write_bytes(b"x" * 10000)
    with open(p / "f", "r+b") as f:
        with mmap.mmap(f.fileno(), 0) as m:
            yield m[:3], len(m), m.find(b"y")
            m[5000:5003] = b"abc"
            m.flush()
    yield (p / "f").read_bytes()[4999:5004]
    with open(p / "f", "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
        yield m[5000:5003]


@check
def a_mapping_outlives_its_descriptor(p, local):
    (p / "f").write_bytes(b"x" * 5000)
    with open(p / "f", "rb") as f:
        m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    os.unlink(p / "f")
    yield m[4990:], (p / "f").exists()
    m.close()


@check
def sending_a_file_to_another(p, local):
    (p / "f").write_bytes(b"0123456789" * 1000)
    for target in (p / "g", Path(local) / "g"):
        with open(p / "f", "rb") as source, open(target, "wb") as sink:
            yield os.sendfile(sink.fileno(), source.fileno(), 10, 100)
        yield target.read_bytes()


@check
def copying_ranges_between_descriptors(p, local):
    (p / "f").write_bytes(b"0123456789" * 1000)
    with open(p / "f", "rb") as source, open(p / "g", "wb") as sink:
        yield os.copy_file_range(source.fileno(), sink.fileno(), 25, offset_src=5)
    yield (p / "g").read_bytes()


@check
def copying_ranges_from_and_to_the_disk(p, local):
    """`EXDEV` and `EINVAL` tell a program to copy by reading and writing; either way the copy is right."""
    (p / "f").write_bytes(b"0123456789" * 1000)
    for source, target in ((p / "f", Path(local) / "out"), (Path(local) / "out", p / "back")):
        shutil.copyfile(source, target)
        yield target.read_bytes() == (p / "f").read_bytes()


@check
def vectors_and_positions(p, local):
    fd = os.open(p / "f", os.O_RDWR | os.O_CREAT)
    yield os.writev(fd, [b"ab", b"cd"]), os.pread(fd, 2, 1), os.lseek(fd, 0, os.SEEK_CUR), os.lseek(fd, -1, os.SEEK_END)
    yield of(os.lseek, fd, -1, os.SEEK_SET), of(os.posix_fallocate, fd, 0, 100), os.fstat(fd).st_size, of(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
    yield len((p / "f").read_bytes())


@check
def locks(p, local):
    with open(p / "f", "w") as a, open(p / "f", "r+") as b:
        fcntl.flock(a, fcntl.LOCK_EX)
        yield of(fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(a, fcntl.LOCK_UN)
        yield of(fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield of(fcntl.lockf, a, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Descriptors


@check
def copies_of_a_descriptor_keep_the_file_open(p, local):
    f = open(p / "f", "wb", buffering=0)
    copy = os.dup(f.fileno())
    f.write(b"1")
    f.close()
    os.write(copy, b"2")
    os.close(copy)
    yield (p / "f").read_bytes()


@check
def a_descriptor_moved_onto_another(p, local):
    a, b = (os.open(p / name, os.O_WRONLY | os.O_CREAT) for name in "ab")
    os.write(b, b"first")
    os.dup2(a, b)
    yield (p / "b").read_bytes()
    os.write(b, b"second")
    os.close(a)
    os.close(b)
    yield (p / "a").read_bytes(), (p / "b").read_bytes()
    c = os.open(p / "c", os.O_WRONLY | os.O_CREAT)
    d = os.open(os.devnull, os.O_WRONLY)
    os.dup2(d, c)
    os.write(c, b"lost")
    os.close(c)
    os.close(d)
    yield (p / "c").read_bytes()


@check
def a_failed_dup2_closes_nothing(p, local):
    a = os.open(p / "a", os.O_WRONLY | os.O_CREAT)
    yield of(os.dup2, 987, a), of(os.write, a, b"still open"), of(os.dup2, a, a) == a
    os.close(a)
    yield (p / "a").read_bytes()


@check
def fcntl_copies_a_descriptor(p, local):
    a = os.open(p / "a", os.O_WRONLY | os.O_CREAT)
    copy = fcntl.fcntl(a, fcntl.F_DUPFD_CLOEXEC, 100)
    yield copy >= 100, os.fstat(copy).st_ino == os.fstat(a).st_ino
    os.close(a)
    os.write(copy, b"copied")
    os.close(copy)
    yield (p / "a").read_bytes()


@check
def a_stream_over_a_descriptor(p, local):
    fd = os.open(p / "f", os.O_RDWR | os.O_CREAT)
    with os.fdopen(fd, "w+") as f:
        f.write("text\n" * 3)
        f.seek(0)
        yield f.readlines()
    yield (p / "f").read_text()


@check
def a_range_of_descriptors_is_closed(p, local):
    fds = [os.open(p / name, os.O_WRONLY | os.O_CREAT) for name in "ab"]
    for fd in fds:
        os.write(fd, b"kept")
    for fd in fds:  # one by one: what lies between is not ours to close
        os.closerange(fd, fd + 1)
    yield (p / "a").read_bytes(), (p / "b").read_bytes(), [of(os.fstat, fd) for fd in fds]


@check
def a_number_that_was_ours_is_anothers_now(p, local):
    fd = os.open(p / "f", os.O_WRONLY | os.O_CREAT)
    os.close(fd)
    other = os.open(Path(local) / "other", os.O_RDWR | os.O_CREAT)
    os.write(other, b"local")
    yield other == fd, os.fstat(other).st_size, os.path.getsize(p / "f")
    os.close(other)
    yield (Path(local) / "other").read_bytes(), (p / "f").read_bytes()


@check
def thousands_of_descriptors(p, local):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 6000), hard))
    (p / "f").write_text("x")
    first = os.open(p / "f", os.O_RDONLY)
    high = fcntl.fcntl(first, fcntl.F_DUPFD, 5000)
    writer = os.open(p / "g", os.O_WRONLY | os.O_CREAT)
    moved = fcntl.fcntl(writer, fcntl.F_DUPFD, 5001)
    os.close(writer)
    os.write(moved, b"high")
    yield os.fstat(high).st_size, os.path.samestat(os.fstat(high), os.stat(p / "f"))
    for fd in (first, high, moved):
        os.close(fd)
    yield (p / "g").read_bytes(), of(os.fstat, high)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Deleting and renaming


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


# Folders


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


# Attributes


@check
def what_stat_says(p, local):
    (p / "f").write_bytes(b"x" * 1234)
    (p / "d").mkdir()
    f, d = os.stat(p / "f"), os.stat(p / "d")
    yield stat.S_ISREG(f.st_mode), f.st_size, f.st_nlink, stat.S_ISDIR(d.st_mode), f.st_uid == os.geteuid(), f.st_blksize
    yield os.path.samestat(f, os.lstat(p / "f")), os.path.samestat(f, os.stat(p / "d/../f")), f.st_ino != d.st_ino, f.st_dev == d.st_dev
    fd = os.open(p / "f", os.O_RDONLY)
    yield os.path.samestat(os.fstat(fd), f), os.fstat(fd).st_mtime == f.st_mtime, os.path.samestat(os.stat(fd), f)
    os.close(fd)
    yield of(os.stat, p / "none"), of(os.lstat, p / "none"), f.st_blocks > 0, os.path.ismount(p), os.path.islink(p / "f")
    yield os.path.samestat(os.stat(p), os.stat(p / ".")), os.path.samestat(os.stat(p / "d/.."), os.stat(p))


@check
def times_are_those_of_writing(p, local):
    import time

    start = time.time() - 2
    (p / "f").write_text("x")
    first = os.stat(p / "f").st_mtime
    yield start < first < time.time() + 2, os.stat(p / "f").st_mtime == first
    with open(p / "f") as f:
        yield os.fstat(f.fileno()).st_mtime == first


@check
def access(p, local):
    (p / "f").write_text("x")
    (p / "d").mkdir()
    yield [of(os.access, p / name, mode) for name in ("f", "d", "none") for mode in (os.F_OK, os.R_OK, os.W_OK)], os.access(p / "d", os.X_OK), os.access(p / "f", os.X_OK)
    yield os.access(p / "f", os.R_OK, effective_ids=True), shutil.which("f", path=str(p))


@check
def resolving(p, local):
    fill(p)
    root = os.path.realpath(p)
    yield os.path.realpath(p / "a.txt")[len(root) :], (p / "d1/../d1/d2/./deep.txt").resolve().relative_to(root), os.path.realpath(p / "none")[len(root) :]
    yield of((p / "none").resolve, strict=True), of(os.readlink, p / "a.txt"), of(os.readlink, p / "none"), of(os.readlink, p / "d1")
    yield (p / "a.txt").absolute() == p / "a.txt", os.path.samefile(p / "a.txt", p / "d1/../a.txt"), (p / "a.txt").is_symlink()


@check
def setting_attributes_of_what_is_not_there(p, local):
    none = p / "none"
    yield of(os.chmod, none, 0o600), of(os.utime, none), of(os.chown, none, -1, -1), of(os.truncate, none, 1), of(os.statvfs, none)
    yield of(os.getxattr, none, "user.x"), of(os.setxattr, none, "user.x", b"1"), of(os.listxattr, none), of(os.removexattr, none, "user.x")


@check
def setting_attributes_of_what_is_there(p, local):
    (p / "f").write_text("x")
    yield of(os.chmod, p / "f", 0o644), of(os.utime, p / "f"), of(os.utime, p / "f", (1, 1)), of(os.chown, p / "f", -1, -1), of(shutil.copystat, p / "f", p / "f")
    fd = os.open(p / "f", os.O_RDWR)
    yield of(os.fchmod, fd, 0o644), of(os.utime, fd), of(os.fchown, fd, -1, -1)
    os.close(fd)
    yield (p / "f").read_text(), of(os.utime, p / "f", ns=(-1, 10**9)), (p / "f").touch()


@check
def there_is_room(p, local):
    yield shutil.disk_usage(p).free > 10**6, os.statvfs(p).f_namemax, os.statvfs(p / ".").f_bavail > 0, of(os.statvfs, p / "none")
    fd = os.open(p, os.O_RDONLY)
    yield os.fstatvfs(fd).f_bavail > 0
    os.close(fd)


# Python's and others' libraries


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


# Several at once


@check
def many_threads_with_files_of_their_own(p, local):
    errors = []

    def work(number):
        try:
            for turn in range(20):
                path = p / f"{number}-{turn}"
                path.write_bytes(b"%d" % number * 1000)
                assert path.read_bytes() == b"%d" % number * 1000
                if turn % 2:
                    path.rename(p / f"{number}-{turn}r")
                if turn % 3 == 0:
                    next(p.glob(f"{number}-{turn}*")).unlink()
                assert (p / f"{number}-none").exists() is False
        except Exception as error:  # noqa: BLE001
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    yield errors, sorted(os.listdir(p))


@check
def many_threads_on_one_file(p, local):
    (p / "f").write_bytes(b"0" * 100)
    errors = []

    def work(number):
        try:
            for _ in range(20):
                with open(p / "f", "r+b", buffering=0) as f:
                    f.seek(number)
                    f.write(b"%x" % number)
                assert len((p / "f").read_bytes()) == 100
        except Exception as error:  # noqa: BLE001
            errors.append(repr(error))

    threads = [threading.Thread(target=work, args=[n]) for n in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    yield errors, (p / "f").read_bytes()


@check
def one_thread_of_many_makes_the_file(p, local):
    def work(path, made):
        result = of(os.open, path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        if isinstance(result, int):
            os.write(result, b"made")
            os.close(result)
        made.append(isinstance(result, int))

    for round in range(8):
        path, made = p / f"f{round}", []
        threads = [threading.Thread(target=work, args=[path, made]) for _ in range(16)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        yield sorted(made), path.read_bytes()


@check
def a_forked_child_shares_open_files(p, local):
    f = open(p / "f", "w+b", buffering=0)
    f.write(b"parent ")
    if (child := os.fork()) == 0:
        f.write(b"child ")
        os._exit(0)
    yield os.waitpid(child, 0)[1]
    f.write(b"parent again")
    f.close()
    yield (p / "f").read_bytes()


@check
def programs_write_into_a_file_opened_for_them(p, local):
    with open(p / "out", "wb") as f:
        f.write(b"before ")
        f.flush()
        subprocess.run(["/bin/echo", "from echo"], stdout=f, check=True)
        f.write(b"after")
    yield (p / "out").read_bytes()
    subprocess.run(["/bin/sh", "-c", f"echo one > '{p}/sh'; /bin/echo two >> '{p}/sh'; cat < '{p}/sh'"], check=True, stdout=subprocess.DEVNULL)
    yield (p / "sh").read_bytes()


@check
def a_program_runs_while_a_file_is_being_written(p, local):
    with open(p / "f", "w") as f:
        f.write("one ")
        f.flush()
        yield subprocess.run(["true"]).returncode, subprocess.run(["false"], close_fds=False).returncode
        f.write("two")
    yield (p / "f").read_text()


def main(root, local, *names):
    results = {}
    for name, function in CHECKS.items():
        if names and name not in names:
            continue
        folder, scratch = Path(root) / name, Path(local) / name
        scratch.mkdir(parents=True)
        seen = []
        try:
            folder.mkdir()
            for value in function(folder, scratch):
                seen.append(repr(value))
        except OSError as error:
            seen.append(f"{errno.errorcode[error.errno]} {error.filename}")
        except Exception as error:  # noqa: BLE001
            seen.append(repr(error))
        results[name] = [text.replace(str(scratch), "LOCAL").replace(str(folder), "ROOT") for text in seen]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
