"""A C program that goes through every function of libc's that has to do with files, on a local folder and on a mapped one."""

import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("program.c")
PARTS = re.findall(r'\{"(\w+)", \w+\}', SOURCE.read_text())
# How programs are compiled decides which names of a function they call: `open`, `open64`, `__open64_2`, ...
COMPILED = {
    "plainly": ["-O0"],
    "fortified": ["-O2", "-D_FORTIFY_SOURCE=2"],
    "with 64-bit offsets": ["-O2", "-D_FILE_OFFSET_BITS=64", "-D_FORTIFY_SOURCE=2"],
}


@pytest.fixture(scope="session", params=COMPILED)
def program(request, tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "program"
    subprocess.run(["gcc", "-w", *COMPILED[request.param], "-o", program, SOURCE], check=True)
    return program


@pytest.mark.parametrize("part", PARTS)
def test_a_c_program_finds_the_files_of_a_disk(program, part, mapped, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()

    def on_disk(*arguments):
        return subprocess.run([program, disk, *arguments], capture_output=True, text=True, check=True).stdout

    assert mapped.run(program, mapped.folder, part) == on_disk(part)
    # Another process finds what this one has left open at its end.
    assert mapped.run(program, mapped.folder, "show", "left") == on_disk("show", "left")
    assert not any(path.is_file() for path in mapped.folder.rglob("*"))
