"""Descriptors: copied, moved, closed."""

import fcntl
import os
from pathlib import Path

from check import check, of


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
