"""Where InvokeAI's configuration puts its database and media: what the commands make of it. (`invokeai/test_folders.py` asks InvokeAI.)"""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from support.clouds import LITEFLARE, REPOSITORY


def yaml(commands, text):
    (commands.root / "invokeai.yaml").write_text(text)


def fill(root, database="databases", outputs="outputs", images=("a.png", "b.png")):
    """A root with images of which there are rows, as InvokeAI has them."""
    (root / database).mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(root / database / "invokeai.db") as db:
        db.execute("CREATE TABLE images(image_name TEXT PRIMARY KEY)")
        db.executemany("INSERT INTO images VALUES (?)", [(name,) for name in images])
    db.close()
    folder = root / outputs / "images"
    (folder / "thumbnails").mkdir(parents=True)
    for name in images:
        (folder / name).write_bytes(b"image")
        (folder / "thumbnails" / name.replace(".png", ".webp")).write_bytes(b"small")
    return folder


def carry_out(commands, *args, **changes) -> str:
    """The output of a command that tells its progress and must succeed."""
    done = commands.run(*args, **changes)
    assert done.returncode == 0, done.stderr
    return done.stdout


KEYS = ["images/a.png", "images/b.png", "images/thumbnails/a.webp", "images/thumbnails/b.webp"]


def test_a_root_is_imported_from_where_its_folders_are(commands):
    yaml(commands, "schema_version: 4.0.3\ndb_dir: my/db\noutputs_dir: my/out\n")
    fill(commands.root, "my/db", "my/out")
    said = carry_out(commands, "import", commands.root)
    assert "2 rows in 1 tables" in said and "media: 4 files" in said and str(commands.root / "my/db/invokeai.db") in said
    assert sorted(commands.bucket.sizes()) == KEYS and commands.rows("SELECT count(*) FROM images") == [[2]]
    report = json.loads(commands.run("verify", "--json").stdout)
    assert report["equal"] and report["objects"] == 4


@pytest.mark.any_cloud
def test_an_export_is_a_root_of_its_own(commands, tmp_path):
    yaml(commands, "outputs_dir: my/out\n")
    fill(commands.root, outputs="my/out")
    carry_out(commands, "import", commands.root)
    carry_out(commands, "export", tmp_path / "export")
    assert (tmp_path / "export/outputs/images/a.png").read_bytes() == b"image"
    assert (tmp_path / "export/databases/invokeai.db").exists() and not (tmp_path / "export/my").exists()


@pytest.mark.any_cloud
def test_a_root_from_elsewhere_sends_nothing_outside_of_it(commands, tmp_path):
    """Whoever made it may have written `outputs_dir: ~/.ssh` into its settings."""
    private = fill(tmp_path / "private", outputs="")
    yaml(commands, f"outputs_dir: {private.parent}\n")
    fill(commands.root)
    done = commands.run("import", commands.root)
    assert done.returncode == 1 and "is outside of the root and was not sent" in done.stderr and str(private) in done.stdout
    assert commands.bucket.sizes() == {}
    carry_out(commands, "import", commands.root, "--follow-links")
    assert sorted(commands.bucket.sizes()) == KEYS
    yaml(commands, f"db_dir: {tmp_path / 'private/databases'}\n")
    assert "only the root's own settings file says" in commands.refuse("import", commands.root, "--replace")


@pytest.mark.any_cloud
def test_what_a_person_names_may_be_outside(commands, tmp_path):
    outside = fill(tmp_path / "disk", "db", "out").parent
    done = carry_out(commands, "import", commands.root, INVOKEAI_OUTPUTS_DIR=outside, LITEFLARE_DB=tmp_path / "disk/db/invokeai.db")
    assert "2 rows in 1 tables" in done and sorted(commands.bucket.sizes()) == KEYS


@pytest.mark.any_cloud
def test_an_import_names_files_that_are_missing(commands):
    images = fill(commands.root)
    (images / "b.png").unlink()
    done = commands.run("import", commands.root)
    assert done.returncode == 1 and "1 files are missing" in done.stderr and "object images/b.png: it is missing" in done.stderr
    assert commands.rows("SELECT count(*) FROM images") == [[2]] and len(commands.bucket.sizes()) == 3


@pytest.mark.any_cloud
def test_verify_compares_media_in_folders_of_any_name(commands):
    images = fill(commands.root)
    paths = {"LITEFLARE_R2_PATHS": f"{images.parent}=all"}
    carry_out(commands, "import", commands.root, **paths)
    assert sorted(commands.bucket.sizes()) == [f"all/{key}" for key in KEYS]
    carry_out(commands, "run", "--", "rm", images / "b.png", **paths)
    report = json.loads(commands.run("verify", "--json", **paths).stdout)
    assert report["media"]["first"] == [{"place": "object all/images/b.png", "problem": "it is missing, a row of images needs it"}]


@pytest.mark.any_cloud
def test_settings_that_cannot_be_understood_stop_the_start(commands):
    yaml(commands, "outputs_dir: [\n")
    code, checks = commands.doctor()
    assert code == 1 and "invokeai.yaml: line 2" in checks["LITEFLARE_DB"]["detail"]
    done = commands.application("")
    assert done.returncode != 0 and "invokeai.yaml: line 2" in done.stderr
    assert not any((commands.root / "databases").iterdir())


@pytest.mark.any_cloud
def test_folders_inside_each_other_are_refused(commands):
    yaml(commands, "workflow_thumbnails_dir: outputs/images/thumbs\n")
    code, checks = commands.doctor()
    assert code == 1 and "overlap" in checks["LITEFLARE_R2_PATHS"]["detail"]


@pytest.mark.any_cloud
def test_a_database_in_memory_goes_with_no_bucket(commands):
    yaml(commands, "use_memory_db: true\n")
    code, checks = commands.doctor()
    assert code == 1 and "keeps InvokeAI's database in memory" in checks["r2"]["detail"]
    (commands.root / "outputs/images").mkdir(parents=True)
    done = commands.run("run", "--", "sh", "-c", "echo x >outputs/images/x".replace("outputs", str(commands.root / "outputs")))
    assert done.returncode != 0 and "in memory" in done.stderr and not any((commands.root / "outputs/images").iterdir())


@pytest.mark.any_cloud
def test_a_bucket_without_the_hook_ends_the_start(commands):
    library, loader = LITEFLARE.with_name("libliteflare.so"), REPOSITORY / "python/liteflare/path"
    (commands.root / "databases").mkdir()
    environment = commands.environment(LITEFLARE="1", LITEFLARE_LIBRARY=library, PYTHONPATH=loader)
    code = f"import sqlite3; sqlite3.connect({str(commands.root / 'databases/invokeai.db')!r}).execute('CREATE TABLE t(x)')"
    start = lambda **more: subprocess.run([sys.executable, "-c", code], env={**environment, **more}, capture_output=True, text=True)
    done = start()
    assert done.returncode == 1 and done.stderr.count("WARN") == 1
    for way in ["liteflare run -- COMMAND", f"LD_PRELOAD={os.path.realpath(library)}", "unset LITEFLARE_R2_BUCKET"]:
        assert way in done.stderr
    assert start(LD_PRELOAD=str(library)).returncode == 0
    assert commands.rows("SELECT name FROM sqlite_schema WHERE name = 't'") == [["t"]]
