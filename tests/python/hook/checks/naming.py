"""Names: signs, scripts, control characters, and how long they may be."""

import os
import shutil

from check import check, of


def names_of(p, *names):
    for name in names:
        path = os.path.join(os.fsencode(p), os.fsencode(name))
        with open(path, "wb") as f:
            f.write(os.fsencode(name))
        yield os.path.exists(path), open(path, "rb").read(), os.stat(path).st_size
    yield sorted(os.listdir(os.fsencode(p)))
    for name in names:
        os.rename(os.path.join(p, name), os.path.join(p, name + "2"))
    yield sorted(os.listdir(p))
    for name in names:
        os.unlink(os.path.join(p, name + "2"))
    yield os.listdir(p)


@check
def names_with_spaces_and_signs(p, local):
    yield from names_of(
        p, "a b", "100%", "a+b", "a&b=c", "what?", "#1", "it's", 'say "x"', "~", "a;b", "[x]", "{y}", "<z>", "a|b", "back\\slash",
        "*", "$HOME", "%41", "%2F", "..x", "x..", "...", "-rf",
    )  # fmt: skip


@check
def names_in_many_scripts(p, local):
    yield from names_of(p, "ü.png", "u\u0308.png", "日本語", "emoji 🎉", "\u202eabc", "Ω≈ç", "\ufeffbom", "\u00a0")


@check
def names_with_control_characters(p, local):
    yield from names_of(p, "new\nline", "tab\tbed", "\x01", "\x7f", "cr\rcr")


@check
def names_that_begin_with_others(p, local):
    yield from names_of(p, "a", "ab", "a.b", "a-b", "abc", "A", "a0")


@check
def names_beside_a_folder_of_the_same_beginning(p, local):
    (p / "a").mkdir()
    for name in ("a/x", "a-b", "a.b", "a0", "ab"):
        (p / name).write_text(name)
    yield sorted(os.listdir(p)), os.listdir(p / "a"), [x.is_dir() for x in sorted(p.iterdir())]
    shutil.rmtree(p / "a")
    yield sorted(os.listdir(p))


@check
def the_longest_name(p, local):
    name = "n" * 255
    (p / name).write_text("x")
    yield os.listdir(p) == [name], (p / name).read_text(), of(open, p / ("n" * 256), "w"), of(os.stat, p / ("n" * 256))
    yield of(os.mkdir, p / ("n" * 256)), of(os.rename, p / name, p / ("n" * 256)), of(os.unlink, p / ("n" * 256))
    yield of(open, "/" + "x" * 5000), of(open, str(p) + "/x" * 2500, "w")
