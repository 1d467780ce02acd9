"""Bytes: written, read, mapped, sent, copied and locked."""

import fcntl
import mmap
import os
import shutil
from pathlib import Path

from check import check, of


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
    yield (
        of(os.lseek, fd, -1, os.SEEK_SET),
        of(os.posix_fallocate, fd, 0, 100),
        os.fstat(fd).st_size,
        of(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED),
    )
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
