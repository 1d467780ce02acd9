"""Loads liteflare's SQLite extension into this process when SQLite is first imported.

In: `_sqlite3`, the module Python's `sqlite3` is made of, and the library beside this file, or that of `LITEFLARE_LIBRARY`.
Out: every later `sqlite3.connect` sees liteflare. When that cannot be had the process ends with status 1 before the
import returns: an application that was promised D1 must not begin a local database instead.

Imported by `liteflare.pth` (the wheel) or `path/sitecustomize.py` (`liteflare run`), only where `LITEFLARE` is set, and not
to an off.
A process that never imports `sqlite3` pays for one entry in `sys.meta_path`.
"""

import os
import sys

BESIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libliteflare.so")
SWITCH = os.environ.get("LITEFLARE", "")
ON = ("1", "true", "yes", "on")
# `python -I` and `-E` take no code from the environment, so neither do we. LITEFLARE itself still counts: it names no code, the path
# hook under LD_PRELOAD obeys it whatever Python's options are, and files in R2 with a local database would be the worst of all.
LIBRARY = (not sys.flags.ignore_environment and os.environ.get("LITEFLARE_LIBRARY")) or BESIDE


class CannotLoad(Exception):
    """The reason, as a sentence for the person who must act."""


class Finder:
    """Stands first in `sys.meta_path`, waits for `_sqlite3`, and is gone once it was found."""

    def find_spec(self, name, path=None, target=None):
        if name != "_sqlite3":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                spec.loader = Loader(spec.loader)
                return spec
        return None


class Loader:
    """Python's own loader of `_sqlite3`, with liteflare behind it."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def create_module(self, spec):
        return self.inner.create_module(spec)

    def exec_module(self, module):
        self.inner.exec_module(module)
        load_or_exit(module)


def load_or_exit(_sqlite3):
    try:
        load(_sqlite3)
    except Exception as error:
        reason = str(error) if isinstance(error, CannotLoad) else f"{type(error).__name__}: {error}"
        end(f"{reason}; not starting, since LITEFLARE={SWITCH} is set")


def end(reason):
    """Not an exception: `except ImportError` and threads would let the application go on without D1."""
    os.write(2, f"liteflare: {sys.executable}: {reason}\n".encode())
    os._exit(1)


def load(_sqlite3):
    if not os.path.isfile(LIBRARY):
        raise CannotLoad(f"the library {LIBRARY} is missing: install the wheel again or set LITEFLARE_LIBRARY")
    if hasattr(_sqlite3.Connection, "enable_load_extension"):
        load_by_sql(_sqlite3)
    else:
        load_by_ctypes(_sqlite3)
    verify(_sqlite3)


def load_by_sql(_sqlite3):
    connection = _sqlite3.connect(":memory:")
    try:
        connection.enable_load_extension(True)
        connection.load_extension(LIBRARY)
    except _sqlite3.Error as error:
        raise CannotLoad(f"SQLite {_sqlite3.sqlite_version} does not load {LIBRARY}: {error}") from error
    finally:
        connection.close()


def load_by_ctypes(_sqlite3):
    """For a Python built without extension loading (pyenv's default): the same calls on the SQLite that `_sqlite3` uses."""
    import ctypes

    sqlite = linked_sqlite(_sqlite3, ctypes)
    db, message = ctypes.c_void_p(), ctypes.c_char_p()
    try:
        code = sqlite.sqlite3_open(b":memory:", ctypes.byref(db))
        code = code or sqlite.sqlite3_enable_load_extension(db, 1)
        code = code or sqlite.sqlite3_load_extension(db, os.fsencode(LIBRARY), None, ctypes.byref(message))
        if code:
            reason = message.value.decode(errors="replace") if message.value else f"error {code}"
            raise CannotLoad(f"SQLite {_sqlite3.sqlite_version} does not load {LIBRARY}: {reason}")
    finally:
        sqlite.sqlite3_close(db)


def linked_sqlite(_sqlite3, ctypes):
    """A handle of `_sqlite3` itself: symbols are looked up in it and what it is linked with, never in a second SQLite."""
    path = getattr(_sqlite3, "__file__", None)
    handle = ctypes.CDLL(path) if path else None
    if handle is None or not hasattr(handle, "sqlite3_load_extension"):
        raise CannotLoad(
            "this Python neither loads SQLite extensions nor links SQLite dynamically: use Debian's or uv's Python, or"
            " build one with PYTHON_CONFIGURE_OPTS=--enable-loadable-sqlite-extensions"
        )
    return handle


def verify(_sqlite3):
    connection = _sqlite3.connect(":memory:")
    try:
        connection.execute("SELECT liteflare_version()").fetchone()
    except _sqlite3.Error as error:
        raise CannotLoad(f"{LIBRARY} was loaded, but a new connection does not see it ({error})") from error
    finally:
        connection.close()


if SWITCH.lower() in ON:
    if "_sqlite3" in sys.modules:
        load_or_exit(sys.modules["_sqlite3"])
    else:
        sys.meta_path.insert(0, Finder())
else:  # to take it for off would begin a local database
    end(f"LITEFLARE={SWITCH!r} is wrong: expected {', '.join(ON)}; 0, false, no, off; not starting")
