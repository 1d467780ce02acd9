"""Attributes: what `stat` and its like say, and what can be set."""

import os
import shutil
import stat

from check import check, fill, of


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
    yield (
        [of(os.access, p / name, mode) for name in ("f", "d", "none") for mode in (os.F_OK, os.R_OK, os.W_OK)],
        os.access(p / "d", os.X_OK),
        os.access(p / "f", os.X_OK),
    )
    yield os.access(p / "f", os.R_OK, effective_ids=True), shutil.which("f", path=str(p))


@check
def resolving(p, local):
    fill(p)
    root = os.path.realpath(p)
    yield (
        os.path.realpath(p / "a.txt")[len(root) :],
        (p / "d1/../d1/d2/./deep.txt").resolve().relative_to(root),
        os.path.realpath(p / "none")[len(root) :],
    )
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
    yield (
        of(os.chmod, p / "f", 0o644),
        of(os.utime, p / "f"),
        of(os.utime, p / "f", (1, 1)),
        of(os.chown, p / "f", -1, -1),
        of(shutil.copystat, p / "f", p / "f"),
    )
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
