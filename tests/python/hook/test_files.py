"""The same work on a local folder and on a mapped one, with equal results; and nothing of it on the disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).with_name("checks")
# What differs from a disk, and why (docs/SEMANTICS.md).
DIFFERENT = {
    "paths_are_found_in_any_spelling": "`..` is taken by its letters, also after a name that is a file or not there",
    "names_with_control_characters": "R2's client takes no control characters in a key: EINVAL",
}


def test_python_finds_the_files_of_a_disk(mapped, tmp_path):
    (tmp_path / "disk").mkdir()
    plain = subprocess.run([sys.executable, CHECKS, tmp_path / "disk", tmp_path / "local1"], capture_output=True, text=True, check=True)
    expected = json.loads(plain.stdout)
    found = json.loads(mapped.run(sys.executable, CHECKS, mapped.folder, tmp_path / "local2"))
    different = {name for name in expected if expected[name] != found[name]}
    assert different == set(DIFFERENT), {name: (expected[name], found[name]) for name in different - set(DIFFERENT)}
    assert len(expected) > 80 and mapped.is_empty_on_disk()


PROGRAMS = """
set -e
cd "$2"
mkdir -p src/a/b; printf one > src/one; printf two > src/a/two; printf '' > src/a/b/empty; head -c 300000 /dev/zero > src/zeros
cp src/one "$1/copied"; cp -r src "$1/tree"; mv "$1/copied" "$1/tree/moved"
mv src/zeros "$1/tree/a/zeros"; test ! -e src/zeros
cat "$1/tree/moved" "$1/tree/a/two"; echo
find "$1" -type f | sort | sed "s|$1||"; find "$1" -type d | sort | sed "s|$1||"
diff -r src/a/b "$1/tree/a/b"; sha256sum "$1/tree/a/zeros" | cut -c1-64
tar -cf t.tar -C / "${1#/}"; tar -tf t.tar | sed "s|${1#/}||" | sort; mkdir untarred; tar -xf t.tar -C untarred; find untarred -type f | wc -l
echo appended >> "$1/tree/moved"; cat < "$1/tree/moved"; wc -c < "$1/tree/a/zeros"; head -c 3 "$1/tree/moved"; echo
mv "$1/tree" "$1/renamed"; ls "$1" "$1/renamed" | sed "s|$1||"; mv "$1/renamed/a/zeros" back; wc -c < back
touch "$1/new"; stat -c '%s %F' "$1/new" "$1/renamed/moved"; du -b --apparent-size "$1/renamed/moved" | cut -f1
rm "$1/renamed/moved" "$1/new"; rm -r "$1/renamed"; ls -A "$1"
# Empty folders go from one program to the next.
mkdir "$1/empty"; test -d "$1/empty"; ls -A "$1"; stat -c %F "$1/empty"; mkdir "$1/empty" 2> /dev/null || echo exists
mkdir -p "$1/empty/in/side"; find "$1/empty" -type d | sort | sed "s|$1||"; rmdir "$1/empty" 2> /dev/null || echo not empty
mv "$1/empty" "$1/moved"; find "$1" -mindepth 1 | sort | sed "s|$1||"; tar -cf t2.tar -C "$1" moved; tar -tf t2.tar | sort
tar -xf t2.tar -C "$1" --one-top-level=again; find "$1/again" | sort | sed "s|$1||"
printf x > "$1/moved/in/side/file"; rm "$1/moved/in/side/file"; rmdir "$1/moved/in/side"; rm -r "$1/moved" "$1/again"; ls -A "$1"
# bash's own matching, and what it knows after a program has ended.
cd "$1"; test -e made || touch made; test -e made && echo made; mkdir d; touch d/1.png d/2.png .h; echo * d/*.png */ .[a-z]* none*
shopt -s globstar nullglob; echo ** none*; for f in d/*; do rm "$f"; done; echo d/*; rmdir d; rm made .h; ls -A; cd /
"""


def test_programs_of_the_shell_find_the_files_of_a_disk(mapped, tmp_path):
    for name in ("disk", "work1", "work2"):
        (tmp_path / name).mkdir()
    script = tmp_path / "programs.sh"
    script.write_text(PROGRAMS)
    plain = subprocess.run(["bash", script, tmp_path / "disk", tmp_path / "work1"], capture_output=True, text=True, timeout=60)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert mapped.run("bash", script, mapped.folder, tmp_path / "work2") == plain.stdout
    assert mapped.is_empty_on_disk()


def test_what_a_bucket_has_not(mapped):
    code = """
import errno, os, sys
p = sys.argv[1]
def of(call, *args, **options):
    try: return call(*args, **options)
    except OSError as error: return errno.errorcode[error.errno]
open(p + "/f", "w").write("x")
os.mkdir(p + "/d")
print(of(os.link, p + "/f", p + "/g"), of(os.symlink, "f", p + "/s"), of(os.readlink, p + "/f"), of(os.link, "/etc/hostname", p + "/h"))
print(of(os.open, p, os.O_TMPFILE | os.O_RDWR))
print(of(os.getxattr, p + "/f", "user.x"), of(os.listxattr, p + "/f"), of(os.setxattr, p + "/f", "user.x", b"1"), of(os.removexattr, p + "/f", "user.x"))
os.chmod(p + "/f", 0o600)
print(oct(os.stat(p + "/f").st_mode), oct(os.stat(p + "/d").st_mode), sorted(os.listdir(p)))
"""
    said = mapped.run(sys.executable, "-c", code, mapped.folder).splitlines()
    assert said == [
        "EPERM EPERM EINVAL EPERM",
        "ENOTSUP",  # on Linux the same number as EOPNOTSUPP
        "ENODATA [] ENOTSUP ENODATA",
        "0o100644 0o40755 ['d', 'f']",
    ]


@pytest.mark.parametrize("setting", ["R2_SECRET_ACCESS_KEY", "LITEFLARE_R2_BUCKET"])
def test_a_wrong_setting_is_an_error_and_never_a_local_file(mapped, setting):
    write = f"import sys; f = open({str(mapped.folder)!r} + '/x', 'w'); f.write('x'); f.close()"
    with pytest.raises(AssertionError, match="Input/output error"):
        mapped.run(sys.executable, "-c", write, **{setting: "wrong"}, LITEFLARE_TIMEOUT="2s")
    assert mapped.is_empty_on_disk()


@pytest.mark.parametrize("place", ["the root", "a mapped folder"])
def test_a_settings_file_with_secrets_is_read_past_the_hook(mapped, place):
    """Its links are looked at, and it may lie in a mapped folder: neither may wait for the store that it is read for."""
    root = mapped.folder.parent
    folder = "outputs/images" if place == "the root" else "."
    keys = {name.lower().removeprefix("liteflare_"): value for name, value in mapped.environment.items() if "R2" in name}
    keys["r2_paths"] = f"{folder}={mapped.prefix}"
    (root / "liteflare.toml").write_text("".join(f"{key} = '{value}'\n" for key, value in keys.items()))
    (root / "liteflare.toml").chmod(0o600)
    (root / folder).mkdir(parents=True, exist_ok=True)
    mapped.environment = {name: value for name, value in mapped.environment.items() if "R2" not in name}
    mapped.run("sh", "-c", f"echo here >{root / folder}/x", LITEFLARE_ROOT=root)
    assert mapped.objects() == {"x": b"here\n"}


def test_a_deletion_is_in_the_bucket_once_its_folder_was_synced(mapped):
    """Even if the process is killed right then: InvokeAI drops its journal of deletions after such an `fsync`."""
    program = f"""if True:
        import os, signal
        os.listdir({str(mapped.folder)!r}); os.mkdir({str(mapped.folder / "new")!r})
        open({str(mapped.folder / "new/x")!r}, "w").write("x")
        os.unlink({str(mapped.folder / "new/x")!r})
        folder = os.open({str(mapped.folder / "new")!r}, os.O_RDONLY)
        os.fsync(folder)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with pytest.raises(AssertionError):
        mapped.run(sys.executable, "-c", program)
    assert mapped.run("ls", "-A", mapped.folder / "new") == ""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_may_use_any_descriptor(mapped, shell):
    """`exec 3>file` puts the file where it likes, past `open`: our connections must not be there."""
    lines = [f"exec {n}>{mapped.folder}/f; echo {n} >&{n}; exec {n}>&-; cat {mapped.folder}/f" for n in range(3, 10)]
    assert mapped.run(shell, "-ec", "\n".join(lines)) == "".join(f"{n}\n" for n in range(3, 10))
