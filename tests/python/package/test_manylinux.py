"""The wheel that `scripts/wheel` makes is what its name says: for each Linux on this machine's processor with glibc 2.28 or newer."""

import os
import re
import shutil
import subprocess
import zipfile

import pytest

from support.clouds import REPOSITORY
from support.debian import Debian
from support.place import KEEP

PROGRAMS = ["liteflare", "libliteflare.so"]
# What PEP 600's policy for manylinux_2_28 lets a wheel expect of the system, as far as we use it.
LIBRARIES = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"}
LOADERS = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
TAG = f"py3-none-manylinux_2_28_{os.uname().machine}"
PATH = "/usr/local/bin:/usr/bin:/bin"
# Names that this glibc does not have and our library does: whoever looks them up gets them, and they work.
NEWER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
def size(name, *arguments):
    room = ctypes.create_string_buffer(256)
    flags = [0] if name.startswith("fstatat") else []
    assert getattr(libc, name)(*arguments, room, *flags) == 0, name
    return int.from_bytes(room[48:56], "little")  # st_size, on x86-64 and AArch64
for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY)
    asked = {"stat": [path.encode()], "lstat64": [path.encode()], "fstat": [fd], "fstatat64": [-100, path.encode()]}
    print(os.stat(path).st_size, *(size(name, *arguments) for name, arguments in asked.items()))
    assert libc.close_range(fd, fd, 0) == 0
    libc.closefrom(fd)
"""


@pytest.fixture(scope="session")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["unzip", "-q", wheel, "-d", folder], check=True)  # zipfile forgets which files may be executed
    return folder


def test_its_tag(wheel):
    assert wheel.name.endswith(f"-{TAG}.whl")
    with zipfile.ZipFile(wheel) as archive:
        [about] = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
        text = archive.read(about).decode()
    assert re.findall("^Tag: (.*)$", text, re.MULTILINE) == [TAG]
    assert "Root-Is-Purelib: false" in text


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_symbol_is_newer_than_glibc_2_28(unpacked, program):
    text = subprocess.check_output(["objdump", "-T", unpacked / "liteflare" / program], text=True)
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", text)}
    assert (2, 17) in versions, "objdump sees versions: clock_gettime's, on both processors"
    assert max(versions) <= (2, 28)


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_needs_no_other_library(unpacked, program):
    text = subprocess.check_output(["readelf", "-d", unpacked / "liteflare" / program], text=True)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))
    assert "libc.so.6" in needed and needed <= LIBRARIES | LOADERS


def test_it_asks_the_process_for_no_symbol_of_sqlites(unpacked):
    """This and the next are `tests/integration/library.rs`, which cannot see this library: another linker made it."""
    text = subprocess.check_output(["nm", "-D", "--undefined-only", unpacked / "liteflare/libliteflare.so"], text=True)
    assert "pthread_" in text and "sqlite3" not in text


def test_it_exports_what_the_library_of_this_system_exports(unpacked):
    text = subprocess.check_output(["nm", "-D", "--defined-only", unpacked / "liteflare/libliteflare.so"], text=True)
    listed = (REPOSITORY / "src/hook/exports.txt").read_text().splitlines()
    assert sorted(line.split()[-1] for line in text.splitlines()) == sorted(
        {"sqlite3_liteflare_init", *(line.split()[0] for line in listed)}
    )


@pytest.fixture(scope="session")
def debian11(unpacked, tmp_path_factory):
    """Debian 11: glibc 2.31, where `stat` and its like are still `__xstat`, and Python 3.9."""
    with Debian(tmp_path_factory.mktemp("debian11"), "bullseye", ["python3", "coreutils", "dash"]) as system:
        shutil.copytree(unpacked / "liteflare", system.folder / "opt/liteflare")
        shutil.copy(KEEP, system.folder / "opt/keep.py")
        yield system


@pytest.fixture(scope="session")
def certificates(debian11):
    """Where the system has its CA certificates; without a file there, it has none."""
    path = debian11.folder / "etc/ssl/certs/ca-certificates.crt"
    path.parent.mkdir(parents=True)
    return path


def test_a_system_without_certificates_is_told_so(debian11, certificates, place):
    certificates.unlink(missing_ok=True)
    settings = {**place.settings, "PATH": PATH, "LITEFLARE_ROOT": "/srv/none", "LITEFLARE_TIMEOUT": "1s"}
    done = debian11.run("/opt/liteflare/liteflare", "run", "--", "/usr/bin/python3", "/opt/keep.py", "/srv/none", environment=settings)
    assert done.returncode == 1 and "(ca-certificates)" in done.stderr


def test_it_runs_on_glibc_2_31(debian11, certificates, place):
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", certificates)
    root = "/srv/" + place.root.parent.name
    settings = {**place.settings, "PATH": PATH, "LITEFLARE_ROOT": root}

    def run(*command):
        done = debian11.run("/opt/liteflare/liteflare", "run", "--", *command, environment=settings)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    run("/usr/bin/python3", "/opt/keep.py", root)
    place.assert_kept(debian11.folder / root[1:])
    # Programs that were built for this glibc.
    image = f"{root}/outputs/images/cat.png"
    assert run("ls", "-l", f"{root}/outputs/images").split()[-1] == "cat.png"
    assert run("stat", "-c", "%s %F", image) == "5000 regular file\n"
    assert run("sh", "-c", f"cp -a {image} /tmp/copy.png && cat /tmp/copy.png") == "miaow" * 1000
    assert run("/usr/bin/python3", "-c", NEWER, "/tmp/copy.png", image) == "5000 5000 5000 5000 5000\n" * 2


def test_the_local_cloud_runs_on_glibc_2_31(debian11):
    """The command itself: `liteflare dev` is a server with all that it is linked with."""
    command = debian11.command("/opt/liteflare/liteflare", "dev", environment={"PATH": PATH})
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        lines = []
        while not lines or lines[-1] not in ("ready\n", ""):
            lines.append(server.stdout.readline())
        server.terminate()
        assert (server.wait(timeout=20), server.stderr.read()) == (0, "")
    assert lines[-1] == "ready\n" and lines[0].startswith("export LITEFLARE_D1_API=http://127.0.0.1:")
