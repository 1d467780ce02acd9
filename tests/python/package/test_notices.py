"""The wheel brings what the licences of those whose work is in it ask for."""

import json
import os
import re
import subprocess
import zipfile

import pytest

from support.clouds import REPOSITORY

TARGET = f"{os.uname().machine}-unknown-linux-gnu"
RULE = "=" * 100


@pytest.fixture(scope="module")
def licences(wheel):
    """The files among the wheel's licences, by name."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/licenses/" in name and not name.endswith("/")]
        return {name.rpartition("/")[2]: archive.read(name).decode() for name in names}


@pytest.fixture(scope="module")
def notices(licences):
    """What is said of whom, and the texts: for each the crates that it belongs to."""
    head, *sections = licences["THIRD-PARTY.txt"].split(f"\n{RULE}\n")
    return head, list(zip(sections[::2], sections[1::2], strict=True))


def linked() -> set[str]:
    """The crates that are linked, as Cargo has them: `name version`."""
    command = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--target", TARGET, "--format", "{p}"]
    lines = subprocess.check_output(command, cwd=REPOSITORY, text=True).splitlines()
    crates = {line.split(" (")[0].replace(" v", " ") for line in lines if line}
    return {crate for crate in crates if not crate.startswith("liteflare ")}


def test_it_brings_our_licences_and_those_of_others(licences):
    ours = {name: (REPOSITORY / name).read_text() for name in ["LICENSE-MIT", "LICENSE-APACHE"]}
    assert licences.keys() == {*ours, "THIRD-PARTY.txt", "THIRD-PARTY-RUST.html"}
    assert all(licences[name] == text for name, text in ours.items())
    assert "Copyright notices for The Rust Standard Library" in licences["THIRD-PARTY-RUST.html"]


def test_each_crate_is_named_with_its_licence(notices):
    head, _ = notices
    named = dict(re.findall(r"^(\S+ \d\S*): (.+)$", head, re.MULTILINE))
    crates = linked()
    assert len(crates) > 100 and {"libsqlite3-sys", "ring", "rustls"} <= {crate.split()[0] for crate in crates}
    assert named.keys() == crates and "None" not in named.values()
    assert "public domain" in head and "May you do good and not evil." in head


def test_no_text_is_missing(notices):
    _, texts = notices
    assert {crate for names, _ in texts for crate in names.split(", ")} == linked()
    for names, text in texts:
        assert len(text.split()) >= 20, f"{names}: {text}"


def test_the_gateway_ships_no_work_of_others():
    """What its bundle is made of is ours: its packages check it and upload it."""
    package = json.loads((REPOSITORY / "gateway/package.json").read_text())
    assert "dependencies" not in package and package["devDependencies"]
