"""Where `keep.py` keeps its row and its file: a database and a bucket of a cloud, and what they and the disk hold afterwards.

In: a cloud and the folder that the application takes for its root. Out: the settings, and `assert_kept`.
"""

import os
import subprocess
from pathlib import Path

from support import clouds
from support.bucket import Bucket

KEEP = clouds.REPOSITORY / "tests/python/package/keep.py"


class Place:
    def __init__(self, cloud, root: Path):
        self.settings = {**cloud.database(), **cloud.bucket()}
        self.root = root

    def environment(self, **more):
        foreign = ("LITEFLARE", "CLOUDFLARE", "R2_", "PYTHON", "VIRTUAL_ENV", "LD_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**kept, **self.settings, **more}

    def run(self, *command, **more) -> str:
        """The command's output; it must succeed and say nothing on stderr."""
        done = subprocess.run(command, env=self.environment(**more), capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def assert_kept(self, root: Path | None = None):
        """The row is in D1, the file is in R2, and neither is on the disk."""
        root = root or self.root
        assert clouds.query(self.settings, "SELECT * FROM images") == [["cat.png", 512]]
        bucket = Bucket(self.settings)
        assert bucket.sizes() == {"images/cat.png": 5000}
        assert bucket.get("images/cat.png") == b"miaow" * 1000
        files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        assert list(files) == ["databases/invokeai.db"] and not files["databases/invokeai.db"].startswith(b"SQLite format 3")
