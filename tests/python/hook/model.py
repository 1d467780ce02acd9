"""Random operations on files, drawn from a seed. In: a folder, a seed and a number. Out: what each operation answered, a line each,
and the tree at the end. The same seed draws the same operations, whatever the folder: a local one is the model for a mapped one.
"""

import errno
import os
import random
import shutil
import sys
from pathlib import Path

NAMES = ["a", "b", "c.png", "d", "e f", "ü"]


class World:
    def __init__(self, root, local, seed):
        self.root, self.local, self.random = root, local, random.Random(seed)
        self.open = {}  # descriptors, by the number of the step that opened them

    def path(self):
        depth = self.random.choice([1, 1, 1, 2, 2, 3])
        return self.root / "/".join(self.random.choice(NAMES) for _ in range(depth))

    def data(self):
        return bytes([self.random.randrange(256)]) * self.random.choice([0, 1, 10, 5000, 70000])

    def descriptor(self):
        return self.open.pop(self.random.choice(sorted(self.open))) if self.open else None

    def held(self):
        return self.open[self.random.choice(sorted(self.open))] if self.open else None

    # Each operation draws all it needs before it does anything, so that a failure draws nothing less.

    def op_write(self):
        path, data = self.path(), self.data()
        return path, lambda: path.write_bytes(data)

    def op_append(self):
        path, data = self.path(), self.data()

        def work():
            with open(path, "ab") as f:
                f.write(data)

        return path, work

    def op_read(self):
        path = self.path()
        return path, lambda: short(path.read_bytes())

    def op_open(self):
        path, step = self.path(), self.random.random()
        flags = self.random.choice(
            [os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_TRUNC,
             os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_CREAT | os.O_APPEND]
        )  # fmt: skip

        def work():
            fd = os.open(path, flags)
            if os.path.isdir(path):
                os.close(fd)
                return "folder"
            self.open[step] = fd

        return f"{path} {flags}", work

    def op_use(self):
        fd, at, data = self.held(), self.random.randrange(100), self.data()
        use = self.random.choice(["read", "write", "pwrite", "stat", "truncate", "sync"])
        calls = {
            "read": lambda: short(os.pread(fd, 100000, 0)),
            "write": lambda: os.write(fd, data),
            "pwrite": lambda: os.pwrite(fd, data, at),
            "stat": lambda: (os.fstat(fd).st_size, os.fstat(fd).st_nlink),
            "truncate": lambda: os.ftruncate(fd, at),
            "sync": lambda: os.fsync(fd),
        }
        return use, calls[use] if fd is not None else lambda: None

    def op_close(self):
        fd = self.descriptor()
        return "", lambda: os.close(fd) if fd is not None else None

    op_close_too = op_close

    def op_duplicate(self):
        fd, step = self.held(), self.random.random()

        def work():
            if fd is not None:
                self.open[step] = os.dup(fd)

        return "", work

    def op_unlink(self):
        path = self.path()
        return path, lambda: os.unlink(path)

    def op_mkdir(self):
        path = self.path()
        return path, lambda: os.mkdir(path)

    op_mkdir_too = op_mkdir

    def op_rmdir(self):
        path = self.path()
        return path, lambda: os.rmdir(path)

    def op_rename(self):
        a, b = self.path(), self.path()
        return f"{a} {b}", lambda: os.rename(a, b)

    op_rename_too = op_rename

    def op_truncate(self):
        path, size = self.path(), self.random.choice([0, 3, 6000])
        return path, lambda: os.truncate(path, size)

    def op_stat(self):
        path = self.path()

        def work():
            found = os.stat(path)
            return os.path.isdir(path), found.st_size if path.is_file() else None

        return path, work

    def op_list(self):
        path = self.random.choice([self.root, self.path()])
        return path, lambda: sorted(os.listdir(path))

    def op_rmtree(self):
        path = self.path()
        return path, lambda: shutil.rmtree(path)

    def op_copy(self):
        a, b = self.path(), self.path()
        return f"{a} {b}", lambda: str(shutil.copy(a, b))

    def op_move_out_and_in(self):
        a, b = self.path(), self.path()
        local = self.local / "moved"

        def work():
            # Folders are copied and not renamed: more than one step. A file that is open does not go along (docs/SEMANTICS.md).
            if a.is_file() and not self.open:
                shutil.move(a, local)
                shutil.move(local, b)

        return f"{a} {b}", work


def short(data):
    return len(data), data[:20]


def main(root, local, seed, count):
    root, local = Path(root), Path(local)
    world = World(root, local, int(seed))
    operations = sorted(name for name in dir(World) if name.startswith("op_"))
    for step in range(int(count)):
        name = world.random.choice(operations)
        what, work = getattr(world, name)()
        try:
            answer = work()
        except shutil.Error as error:
            answer = f"{type(error).__name__} {error}"
        except OSError as error:
            answer = errno.errorcode[error.errno]
        print(f"{step} {name} {what}: {answer!r}".replace(str(root), "").replace(str(local), "LOCAL"))
        if local.joinpath("moved").exists():
            local.joinpath("moved").unlink()
    for fd in world.open.values():
        os.close(fd)
    for path in sorted(root.rglob("*")):
        print(path.relative_to(root), "folder" if path.is_dir() else short(path.read_bytes()))


if __name__ == "__main__":
    main(*sys.argv[1:])
