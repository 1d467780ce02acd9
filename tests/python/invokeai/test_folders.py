"""Wherever InvokeAI's own configuration puts its database and its media, they are on D1 and in R2, and nothing is on the disk.

Its own code is asked where that is, by a command of its name that stops there, writes a file into each folder, and makes a table.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.bucket import Bucket
from support.clouds import LITEFLARE, REPOSITORY, query

COMMAND = """#!{python}
import json, sqlite3
from invokeai.frontend.cli.arg_parser import InvokeAIArgs
InvokeAIArgs.parse_args()
from invokeai.app.services.config.config_default import get_config
config = get_config()
outputs, models = config.outputs_path, config.models_path
folders = [outputs / "images", outputs / "videos", config.style_presets_path / "images", config.workflow_thumbnails_path, models / "model_images"]
for folder in folders:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file").write_text("x")
config.db_path.parent.mkdir(parents=True, exist_ok=True)
db = sqlite3.connect(config.db_path)
db.execute("CREATE TABLE made(x)")
print(json.dumps([str(config.db_path), *map(str, folders)]))
"""
PREFIXES = ["images", "videos", "style_presets", "workflow_thumbnails", "model_images"]
FILE = "schema_version: 4.0.3\n\n"
ALL = "db_dir: {to}/db\noutputs_dir: {to}/out\nstyle_presets_dir: {to}/presets\nworkflow_thumbnails_dir: {to}/thumbs\nmodels_dir: {to}/models\n"
# The name: what is in files below the root, the environment, the arguments, and where the database must be then. `{top}` is the folder
# that all is in, `{root}` the root in it; the command is started in `{top}`.
CASES = {
    "nothing said": ({}, {"INVOKEAI_ROOT": "{root}"}, [], "{root}/databases"),
    "folders in the file": ({"invokeai.yaml": FILE + ALL.format(to="my")}, {"INVOKEAI_ROOT": "{root}"}, [], "{root}/my/db"),
    "folders elsewhere": ({"invokeai.yaml": FILE + ALL.format(to="{top}/big disk")}, {"INVOKEAI_ROOT": "{root}"}, [], "{top}/big disk/db"),
    "folders above": ({"invokeai.yaml": FILE + ALL.format(to="../up")}, {"INVOKEAI_ROOT": "{root}"}, [], "{top}/up/db"),
    "an old file": (
        {"invokeai.yaml": "InvokeAI:\n  Paths:\n    outdir: '{top}/old out'\n    db_dir: d\n  Other:\n    db_di: x\n"},
        {"INVOKEAI_ROOT": "{root}"}, [], "{root}/d",
    ),
    "variables": (
        {"invokeai.yaml": FILE + ALL.format(to="ignored")},
        {"INVOKEAI_ROOT": "{root}", "INVOKEAI_DB_DIR": "v/db", "invokeai_outputs_dir": "{top}/v out", "INVOKEAI_STYLE_PRESETS_DIR": ""},
        [], "{root}/v/db",
    ),
    "another file": ({"other.yaml": FILE + "db_dir: o\n", "invokeai.yaml": FILE}, {"INVOKEAI_ROOT": "{root}"}, ["--conf", "other.yaml"], "{root}/o"),
    "a root on the command line": ({"invokeai.yaml": FILE}, {"INVOKEAI_ROOT": "/nowhere"}, ["--ro", "root"], "{root}/databases"),
    "a home": ({"invokeai.yaml": FILE}, {"INVOKEAI_ROOT": "~/root", "HOME": "{top}"}, [], "{root}/databases"),
    "a virtual environment": ({".venv/pyvenv.cfg": ""}, {"VIRTUAL_ENV": "{root}/.venv"}, [], "{root}/databases"),
    "a relative root": ({"invokeai.yaml": FILE}, {"INVOKEAI_ROOT": "./root"}, [], "{root}/databases"),
    "a root behind a link": ({"invokeai.yaml": FILE}, {"INVOKEAI_ROOT": "{top}/link"}, [], "{root}/databases"),
}  # fmt: skip


@pytest.fixture
def place(cloud, tmp_path):
    """A folder with a root, a link to it, and the command; and a cloud's settings."""
    top = tmp_path.resolve() / "top"
    (top / "root").mkdir(parents=True)
    (top / "link").symlink_to("root")
    command = top / "invokeai-web"
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    return top, {**cloud.database(), **cloud.bucket()}


def start(top: Path, settings: dict, name: str, by: str):
    files, variables, arguments, database = CASES[name]
    fill = lambda text: text.replace("{top}", str(top)).replace("{root}", str(top / "root"))
    for path, text in files.items():
        (top / "root" / path).parent.mkdir(exist_ok=True)
        (top / "root" / path).write_text(fill(text))
    ours = ("LITEFLARE", "CLOUDFLARE", "INVOKEAI", "R2_", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {**settings, "HF_HUB_OFFLINE": "1", **{name: fill(value) for name, value in variables.items()}}
    command = [str(top / "invokeai-web"), *arguments]
    if by == "run":
        command = [str(LITEFLARE), "run", "--", *command]
    else:
        library, loader = LITEFLARE.with_name("libliteflare.so"), REPOSITORY / "python/liteflare/path"
        environment |= {"LITEFLARE": "yes", "LD_PRELOAD": str(library), "LITEFLARE_LIBRARY": str(library), "PYTHONPATH": str(loader)}
    done = subprocess.run(command, env=environment, cwd=top, capture_output=True, text=True, timeout=120)
    return done, Path(fill(database)) / "invokeai.db", environment


# Those whose root is another's without `liteflare run`, which looks at the command line.
FIXED = ["variables", "a root on the command line", "a virtual environment", "a relative root"]


@pytest.mark.parametrize(("name", "by"), [(name, "run") for name in CASES] + [(name, "fixed command") for name in FIXED])
@pytest.mark.any_cloud
def test_it_is_served_where_it_is(place, name, by):
    top, settings = place
    done, database, _ = start(top, settings, name, by)
    assert done.returncode == 0, done.stderr
    said = [Path(path) for path in json.loads(done.stdout.splitlines()[-1])]
    assert said[0] == database
    assert query(settings, "SELECT name FROM sqlite_schema WHERE name = 'made'") == [["made"]]
    assert sorted(Bucket(settings).sizes()) == sorted(f"{prefix}/file" for prefix in PREFIXES)
    assert database.read_text().startswith("liteflare: this database lives in Cloudflare D1"), "a marker"
    assert not [folder for folder in said[1:] if (folder / "file").exists()]


@pytest.mark.any_cloud
def test_doctor_and_verify_look_where_it_is(place):
    top, settings = place
    done, database, environment = start(top, settings, "folders elsewhere", "run")
    assert done.returncode == 0, done.stderr
    command = [str(LITEFLARE), "doctor", "--json", "--python", sys.executable]
    checks = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True).stdout)["checks"]
    details = {check["name"]: check["detail"] for check in checks}
    file = top / "root/invokeai.yaml"
    assert details["LITEFLARE_DB"] == f"{database} ({file})"
    assert details["LITEFLARE_R2_PATHS"].startswith(f"{top}/big disk/out/images=images:") and details["LITEFLARE_R2_PATHS"].endswith(
        f"({file})"
    )
    assert f"{top}/big disk/out/images" in details["hook"]
