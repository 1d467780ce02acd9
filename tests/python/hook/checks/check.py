"""What a check is, and what many of them need."""

import errno
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
