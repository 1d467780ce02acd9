"""docs/SEMANTICS.md promises nothing without a test."""

import re

from support.clouds import REPOSITORY


def test_each_line_names_a_test_that_exists():
    sources = [
        path.read_text()
        for folder in ("tests", "src")
        for kind in ("py", "rs")
        for path in (REPOSITORY / folder).rglob(f"*.{kind}")
        if "node_modules" not in path.parts
    ]
    sources = "\n".join(sources)
    known = set(re.findall(r"^\s*(?:def|fn) (\w+)\(", sources, re.M)) | set(re.findall(r"^([A-Z]+) = ", sources, re.M))
    known |= set(re.findall(r'\{"(\w+)", \w+\}', (REPOSITORY / "tests/python/hook/program.c").read_text()))
    text = (REPOSITORY / "docs/SEMANTICS.md").read_text()
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    promises = [cells for cells in lines if cells[-1] != "shown by"]
    assert len(promises) > 30 and all(len(cells) == 3 for cells in promises)
    for operation, _, tests in promises:
        named = re.findall(r"`(\w+)`", tests)
        assert named and set(named) <= known, f"{operation}: {set(named) - known} is not there"
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named <= known, named - known
