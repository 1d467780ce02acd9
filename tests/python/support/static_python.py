"""A Python with SQLite linked into it statically, its symbols hidden, as uv's standalone Pythons have it.

Those come from GitHub. This one is made here in a few seconds: Debian's own `libpython`, CPython's `_sqlite3` from Debian's source
package of the same version, and the SQLite that Cargo brings (libsqlite3-sys), in one program.
"""

import glob
import json
import os
import subprocess
import tarfile
from pathlib import Path

DEBIAN = "/usr/bin/python3"
MAIN = """
#include <Python.h>
PyMODINIT_FUNC PyInit__sqlite3(void);
int main(int argc, char **argv) {
    return PyImport_AppendInittab("_sqlite3", PyInit__sqlite3) ? 1 : Py_BytesMain(argc, argv);
}
"""
VARIABLES = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"


def build(folder: Path) -> Path:
    variables = json.loads(subprocess.check_output([DEBIAN, "-c", VARIABLES], text=True))
    headers = Path(variables["INCLUDEPY"])
    assert headers.is_dir(), f"{headers} is missing: apt-get install libpython3-dev"
    sources = module_sources(f"python{variables['VERSION']}", folder)
    [sqlite] = glob.glob(f"{cargo_home()}/registry/src/*/libsqlite3-sys-*/sqlite3")
    (folder / "main.c").write_text(MAIN)
    python = folder / "python"
    command = ["cc", "-O0", "-w", "-no-pie", f"-I{sqlite}", f"-I{headers}", f"-I{headers}/internal", "-DPy_BUILD_CORE_BUILTIN"]
    command += ["-DPY_SQLITE_ENABLE_LOAD_EXTENSION", '-DSQLITE_API=__attribute__((visibility("hidden")))']
    command += [folder / "main.c", *sources, f"{sqlite}/sqlite3.c", f"{variables['LIBPL']}/{variables['LIBRARY']}"]
    libraries = f"{variables['LINKFORSHARED']} {variables['MODLIBS']} {variables['LIBS']} {variables['SYSLIBS']}".split()
    subprocess.run([*command, *libraries, "-o", python], check=True)
    return python


def module_sources(package: str, folder: Path) -> list[Path]:
    """CPython's `Modules/_sqlite`, out of Debian's source package, which apt fetches into the folder."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    (folder / "sources.list.d").mkdir()
    for number, (suffix, text) in enumerate(source_entries()):
        (folder / f"sources.list.d/{number}{suffix}").write_text(text)
    options = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": folder / "sources.list.d", "Dir::State::lists": lists}
    apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", *(f"-o{name}={value}" for name, value in options.items())]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "source", "--download-only", package], check=True, cwd=folder)
    [archive] = folder.glob(f"{package}_*.orig.tar.*")
    with tarfile.open(archive) as tar:
        members = [member for member in tar if "/Modules/_sqlite/" in member.name]
        tar.extractall(folder, members, filter="data")
    return sorted(folder.glob("*/Modules/_sqlite/*.c"))


def source_entries():
    """Debian's own places for packages among those that apt knows, as places for their sources; without security updates, whose
    sources not every mirror has."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        text = path.read_text() if path.is_file() else ""
        if path.suffix == ".sources":
            entries = [entry for entry in text.split("\n\n") if "debian-archive-keyring" in entry and "security" not in entry]
            yield path.suffix, "\n\n".join(entries).replace("Types: deb\n", "Types: deb-src\n")
        elif path.name in ("sources.list", "debian.list"):
            entries = [line for line in text.splitlines() if line.startswith("deb ") and "security" not in line]
            yield ".list", "".join(f"deb-src {line[4:]}\n" for line in entries)


def cargo_home() -> Path:
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
