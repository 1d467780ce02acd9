"""The wheel: the package under `python/`, with the library and the command that Cargo builds put beside it.

Beside our two licences it has what `scripts/notices` gathers of those whose work is linked in.

The `.pth` file in site-packages is what loads the extension when `LITEFLARE=1`. Nothing in the wheel depends on the Python
version, so it is tagged `py3-none-<platform>`.
"""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

HERE = Path(__file__).resolve().parent


class BuildWithCargo(build_py):
    def run(self):
        super().run()
        built = self.build_with_cargo()
        site_packages = Path(self.build_lib)
        for name in ["liteflare", "libliteflare.so"]:
            shutil.copy2(built / name, site_packages / "liteflare" / name)
        shutil.copy2(HERE / "python/liteflare.pth", site_packages)

    def build_with_cargo(self) -> Path:
        """The folder with what was built: for this system, or, as `scripts/wheel` wants it, for any with a certain glibc."""
        target = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target"))
        profile = os.environ.get("LITEFLARE_WHEEL_PROFILE", "release")
        options = ["--locked", "--lib", "--bins", "--profile", "dev" if profile == "debug" else profile]
        triple, dot, glibc = os.environ.get("LITEFLARE_WHEEL_TARGET", "").partition(".")
        if not triple:
            subprocess.check_call(["cargo", "build", *options], cwd=HERE)
            return target / profile
        subprocess.check_call(["cargo-zigbuild", "build", *options, "--target", triple + dot + glibc], cwd=HERE)
        return target / triple / profile


class PlatformWheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    def has_ext_modules(self):
        return True


# Before `setup`, which looks for the files that pyproject.toml lists as licences. For the system that is built for.
target, _, _ = os.environ.get("LITEFLARE_WHEEL_TARGET", "").partition(".")
subprocess.check_call([HERE / "scripts/notices", *filter(None, [target])])

setup(
    version=tomllib.loads((HERE / "Cargo.toml").read_text())["package"]["version"],
    packages=["liteflare", "liteflare.path"],
    package_dir={"": "python"},
    cmdclass={"build_py": BuildWithCargo, "bdist_wheel": PlatformWheel},
    distclass=BinaryDistribution,
)
