"""Objects that are large, or say that they are: a program reads and writes them without a second copy in its memory, and one that does not fit is
an error of that `open`, with a line in the log, and the program goes on."""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

MIB = 1 << 20
# More than the cache would hold, and more than the program below may take beside what the requests under way need.
SIZE = 80 * MIB
ROOM = 76 * MIB
PLACE = 70 * MIB  # of what changes

# `limit(room)`: from now on this process gets so much more address space, where what a file in memory holds does not count.
CHILD = """
import errno, hashlib, os, resource, signal, sys
from pathlib import Path
p = Path(sys.argv[1])
def limit(room):
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))
def digest(path):
    sum = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            sum.update(piece)
    return sum.hexdigest()
def code(work):
    try:
        work()
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
"""


@pytest.mark.any_cloud
def test_a_large_object_is_never_a_second_time_in_memory(mapped, tmp_path):
    large = b"".join(bytes([number]) * MIB for number in range(SIZE // MIB))
    mapped.bucket.put(f"{mapped.prefix}/small", b"small")
    mapped.behind_a_relay()
    local = tmp_path / "local"
    asked = mapped.steps(
        CHILD
        + f"""
(p / "small").read_text()  # all threads are there
limit({ROOM})
with open(p / "large", "wb", buffering=0) as file:
    for number in range({SIZE // MIB}):
        file.write(bytes([number]) * {MIB})
step("written")
sum = digest(p / "large")
assert sum == {hashlib.sha256(large).hexdigest()!r}, sum
step("read")
with open(p / "large", "rb"):
    assert digest(p / "large") == sum
step("read twice at once")
with open(p / "large", "r+b", buffering=0) as file:
    os.pwrite(file.fileno(), os.pread(file.fileno(), 10, {PLACE}), {PLACE})
step("the same")
with open(p / "large", "r+b", buffering=0) as file:
    os.pwrite(file.fileno(), b"changed", {PLACE})
    os.fsync(file.fileno())
step("changed")
os.rename(p / "large", {str(local)!r})
step("taken out")
os.rename({str(local)!r}, p / "again")
step("brought back")
""",
        MALLOC_ARENA_MAX="1",  # a thread's own arena takes 64 MiB of address space, and no memory
    )
    ranges = -(-SIZE // (8 * MIB))
    parts = {"put": ranges + 2}
    asked = {name: {kind: count for kind, count in step.items() if kind in ("put", "get")} for name, step in asked.items()}
    assert asked["written"] == {"get": 1} | parts, "and the small one"
    assert asked["read"] == {"get": ranges}
    assert asked["read twice at once"]["get"] <= ranges + 1, "what is open here is not fetched again"
    assert asked["the same"] == {"get": ranges}
    assert asked["changed"] == {"get": ranges} | parts
    assert asked["taken out"] == {"get": ranges}
    assert asked["brought back"] == parts
    changed = large[:PLACE] + b"changed" + large[PLACE + 7 :]
    objects = mapped.objects()
    assert objects.keys() == {"small", "again"} and objects["again"] == changed


@pytest.mark.any_cloud
def test_a_file_that_must_be_new_and_does_not_fit_is_an_error(mapped):
    """R2 takes such a file in one piece only, which has to be in memory."""
    done = mapped.try_to(
        sys.executable,
        "-c",
        CHILD
        + f"""
(p / "small").write_text("small")
limit({ROOM})
file = open(p / "new", "xb", buffering=0)
for number in range({SIZE // MIB}):
    file.write(bytes([number]) * {MIB})
print(code(lambda: os.fsync(file.fileno())), flush=True)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.close()
""",
        mapped.folder,
    )
    assert (done.returncode, done.stdout) == (0, "ENOMEM\n"), done.stderr
    assert len(mapped.objects()["new"]) == SIZE


class Liar(BaseHTTPRequestHandler):
    """Has every object, and says of each that it has as many bytes as its name says."""

    def do_GET(self):
        self.server.asked.append(self.path)
        size = int(self.path.rsplit("/", 1)[1].split("?")[0])
        body = bytes(min(size, 8 * MIB))
        self.send_response(206)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.send_header("Content-Range", f"bytes 0-{len(body) - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def liar(mapped):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    mapped.environment["LITEFLARE_R2_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.any_cloud
@pytest.mark.parametrize("size, expected", [(1 << 40, "ENOMEM"), (6 << 40, "EFBIG"), (1 << 63, "EFBIG"), ((1 << 64) - 1, "EFBIG")])
def test_an_object_that_does_not_fit_is_an_error_of_its_open(mapped, liar, size, expected):
    code = (
        CHILD + 'print(code(lambda: open(p / sys.argv[2])), code(lambda: open(p / sys.argv[2], "r+")), code(lambda: open(p / "4").read()))'
    )
    done = mapped.try_to(sys.executable, "-c", code, mapped.folder, size)
    assert (done.returncode, done.stdout) == (0, f"{expected} {expected} done\n"), done.stderr
    lines = [line for line in done.stderr.splitlines() if str(size) in line]
    assert len(lines) == 2 and all(f"{mapped.prefix}/{size}" in line for line in lines), "one for each attempt"
    assert len([path for path in liar.asked if f"/{size}" in path]) == 2, "nothing but the beginning was asked for"


@pytest.mark.any_cloud
def test_a_process_that_may_not_write_large_files_is_told_and_not_killed(mapped, liar):
    code = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
print([code(lambda: open(p / size)) for size in ("1000", "1001", "100000000")])
"""
    done = mapped.try_to(sys.executable, "-c", CHILD + code, mapped.folder)
    assert (done.returncode, json.loads(done.stdout.replace("'", '"'))) == (0, ["done", "EFBIG", "EFBIG"]), done.stderr
