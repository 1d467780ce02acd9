"""Carries out a Dockerfile's steps in a folder with a Debian system, which stands for the image it is built from.

In: the Dockerfile, what it may copy, the folder. Out: what the image would start. It knows the instructions that ours uses and refuses
others, so that none goes untested.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path


@dataclass
class Image:
    environment: dict
    entrypoint: list = field(default_factory=list)
    cmd: list = field(default_factory=list)
    healthcheck: list = field(default_factory=list)


def instructions(text: str):
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n", "", "\n".join(lines)).splitlines():
        name, argument = line.split(maxsplit=1)
        yield name, argument.strip()


def build(dockerfile: Path, context: Path, system, base: Image) -> Image:
    image = Image(dict(base.environment), base.entrypoint, base.cmd)
    ignore = dockerfile.with_name(dockerfile.name + ".dockerignore").read_text().splitlines()
    for name, argument in instructions(dockerfile.read_text()):
        match name:
            case "ARG" | "FROM":
                pass  # the image it begins with is the folder
            case "COPY":
                *sources, target = argument.split()
                copy(context, sources, system.folder / target[1:], ignore)
            case "RUN":
                done = system.run("/bin/sh", "-c", argument, environment=image.environment)
                assert done.returncode == 0, f"RUN {argument}\n{done.stdout}{done.stderr}"
            case "ENTRYPOINT":
                image.entrypoint, image.cmd = json.loads(argument), []  # as Docker has it: CMD is not inherited then
            case "CMD":
                image.cmd = json.loads(argument)
            case "HEALTHCHECK":
                image.healthcheck = json.loads(argument.partition("CMD ")[2])
            case _:
                raise NotImplementedError(f"{name}: teach this file to carry it out")
    return image


def copy(context: Path, patterns: list[str], target: Path, ignore: list[str]):
    found = [path for pattern in patterns for path in context.glob(pattern) if is_in(path.relative_to(context), ignore)]
    assert found, f"COPY {patterns}: there is nothing to copy"
    target.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copy(path, target)


def is_in(path: Path, ignore: list[str]) -> bool:
    """Whether the context has the file: the last line of `.dockerignore` that fits it decides."""
    included = True
    for line in ignore:
        if line and not line.startswith("#") and fnmatch(str(path), line.removeprefix("!")):
            included = line.startswith("!")
    return included
