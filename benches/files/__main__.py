"""What the files cost: images saved and served through the hook, on a local folder, with boto3, and through FUSE; and what the hook costs
where it has nothing to do. In one run, the sides taking turns.

    cargo build --release
    pip install pillow boto3; apt-get install gcc rclone s3fs      # without rclone or s3fs their columns are left out
    PYTHONPATH=tests/python python benches/files [images] [unmapped]      # for the tests' relay

Images: each turn saves one PNG of about 1 MB and its thumbnail as InvokeAI does (mkdir, exists, PIL), or serves one (resolve, open, read). Every
side is a process of its own and the cloud is `liteflare dev`, behind a relay that lets each answer come 0 or 50 ms later. A time is the
median of a side's turns, a ratio the median of the turns' ratios to the local folder. What is served was there before the side began;
"later" is after more than a second, when the hook asks whether the image is still the same.

Unmapped: local files only, with the hook switched on and without it. Of many short rounds that alternate the fastest counts, since
whatever else the machine does only makes a round slower.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import unmapped
from support.relay import Relay

REPOSITORY = Path(__file__).resolve().parents[2]
LITEFLARE = REPOSITORY / "target/release/liteflare"
TURNS = 15
WARM = 2  # turns before the first that counts
ACTIONS = {
    "save": "save a new image",
    "write": "of that, the files",
    "first": "serve for the first time",
    "later": "serve again, later",
    "again": "serve again at once",
}


class Side:
    """A process that does one thing after the other, and says how long each took."""

    def __init__(self, name: str, command: list, environment: dict):
        self.name = name
        child = [sys.executable, Path(__file__).with_name("side.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*map(str, command), *map(str, child)], env={**os.environ, **environment}, **pipes)

    def seconds(self, action: str, name: str) -> float:
        print(action, name, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        assert answer, f"{self.name} ended while it was to {action}"
        return float(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Cloud:
    def __init__(self, home: Path):
        command = [LITEFLARE, "dev", "--dir", home / "cloud", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.settings = {}
        while (line := self.process.stdout.readline().strip()) != "ready":
            name, _, value = line.removeprefix("export ").partition("=")
            self.settings[name] = value.strip("'\"")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def keys(settings: dict) -> dict:
    """The settings of a bucket as the AWS tools want them."""
    return {
        "AWS_ACCESS_KEY_ID": settings["R2_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": settings["R2_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": "auto",
        "BENCH_ENDPOINT": settings["LITEFLARE_R2_ENDPOINT"],
        "BENCH_BUCKET": settings["LITEFLARE_R2_BUCKET"],
    }


def take_sides(home: Path, settings: dict, names: list[str], made: list[Side], mounts: list):
    """The local folder first: it is what the others are compared with."""
    local, mapped = home / "local", home / "mapped"
    provide({"BENCH_FOLDER": str(local)}, names)
    made.append(Side("local", [], {"BENCH_FOLDER": str(local)}))
    for prefix in ("hook", "boto3", "s3fs", "rclone"):
        provide({**keys(settings), "BENCH_PREFIX": prefix}, names)
    hook = {**settings, "LITEFLARE_R2_PATHS": f"{mapped}=hook"}
    made.append(Side("hook", [LITEFLARE, "run", "--"], {**hook, "BENCH_FOLDER": str(mapped)}))
    made.append(Side("boto3", [], {**keys(settings), "BENCH_PREFIX": "boto3"}))
    for name, start in {"s3fs": mount_s3fs, "rclone": mount_rclone}.items():
        folder = home / name
        folder.mkdir(exist_ok=True)
        if not shutil.which(name) or not os.path.exists("/dev/fuse"):
            print(f"{name} cannot run here: left out")
            continue
        process = start(folder, settings)
        mounts.append((folder, process))
        wait_for_mount(folder, process, name)
        made.append(Side(name, [], {"BENCH_FOLDER": str(folder / name)}))


def provide(environment: dict, names: list[str]):
    """By a process of its own, so that no side has seen the files."""
    side = Side("provider", [], environment)
    for name in names:
        side.seconds("provide", name)
    side.stop()


def mount_s3fs(folder: Path, settings: dict) -> subprocess.Popen:
    """Uploads when a file is closed, as the hook does; keeps names and bytes of what it has seen."""
    options = f"url={settings['LITEFLARE_R2_ENDPOINT']},use_path_request_style,listobjectsv2,endpoint=auto,use_cache={folder}-cache"
    command = ["s3fs", settings["LITEFLARE_R2_BUCKET"], folder, "-f", "-o", options]
    return mounting(command, settings)


def mount_rclone(folder: Path, settings: dict) -> subprocess.Popen:
    """Uploads some time after a file was closed, which no other side does: the program is not told whether it worked."""
    remote = f":s3,provider=Cloudflare,region=auto,env_auth=true,endpoint='{settings['LITEFLARE_R2_ENDPOINT']}':{settings['LITEFLARE_R2_BUCKET']}"
    command = ["rclone", "mount", remote, folder, "--vfs-cache-mode", "full", "--cache-dir", f"{folder}-cache", "--config", "/dev/null"]
    return mounting(command, settings)


def mounting(command: list, settings: dict) -> subprocess.Popen:
    environment = {**os.environ, **keys(settings)}
    environment.pop("AWS_CA_BUNDLE", None)  # rclone refuses it
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_mount(folder: Path, process: subprocess.Popen, name: str):
    deadline = time.monotonic() + 20
    while not os.path.ismount(folder):
        assert process.poll() is None and time.monotonic() < deadline, f"{name} did not mount"
        time.sleep(0.1)


def unmount(mounts: list):
    for folder, process in mounts:
        subprocess.run(["fusermount3" if shutil.which("fusermount3") else "fusermount", "-u", "-z", folder], check=False)
        process.terminate()
        process.wait(30)


def images(home: Path):
    cloud = Cloud(home)
    try:
        for milliseconds in (0, 50):
            run_images(home / f"{milliseconds}", cloud.settings, milliseconds)
    finally:
        cloud.stop()


def run_images(home: Path, settings: dict, milliseconds: int):
    home.mkdir()
    relay = Relay(settings["LITEFLARE_R2_ENDPOINT"], delay=milliseconds / 1000)
    if milliseconds:
        settings = {**settings, "LITEFLARE_R2_ENDPOINT": relay.url}
    taking: list[Side] = []
    mounts: list = []
    try:
        names = [str(uuid.uuid4()) for _ in range(TURNS + WARM)]
        take_sides(home, settings, names, taking, mounts)
        times = {action: measure(taking, action, names) for action in ACTIONS}
    finally:
        for side in taking:
            side.stop()
        unmount(mounts)
        relay.stop()
        shutil.rmtree(home, ignore_errors=True)
    print(f"\nround trip {milliseconds} ms{'':>12}" + "".join(f"{side.name:>20}" for side in taking))
    for action, label in ACTIONS.items():
        local = times[action][0]
        cells = [f"{median(own) * 1000:.2f} ms ({median(a / b for a, b in zip(own, local, strict=True)):.1f}x)" for own in times[action]]
        print(f"{label:<28}" + "".join(f"{cell:>20}" for cell in cells))


def measure(taking: list[Side], action: str, served: list[str]) -> list[list[float]]:
    """Each side's times, turn by turn."""
    rounds = []
    for turn, name in enumerate(served):
        name = name if action in ("first", "later", "again") else str(uuid.uuid4())
        order = [(turn + n) % len(taking) for n in range(len(taking))]
        took = {n: taking[n].seconds(action, name) for n in order}
        rounds.append([took[n] for n in range(len(taking))])
    return [list(own) for own in zip(*rounds[WARM:], strict=True)]


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["images", "unmapped"]
    assert LITEFLARE.exists(), "cargo build --release first"
    with tempfile.TemporaryDirectory() as folder:
        if "images" in wanted:
            images(Path(folder))
        if "unmapped" in wanted:
            unmapped.run(Path(folder), LITEFLARE)
