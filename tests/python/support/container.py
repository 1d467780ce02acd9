"""How a container image starts InvokeAI with liteflare: nothing but two environment variables before a start command that stays as it is.

The image's Python has InvokeAI's packages and, beside them, the files of liteflare's wheel (`extension/test_wheel.py` installs that).
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from support.clouds import LITEFLARE, REPOSITORY


class Container:
    def __init__(self, folder: Path):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        packages = folder / f"lib/python{sysconfig.get_python_version()}/site-packages"
        shutil.copytree(REPOSITORY / "python/liteflare", packages / "liteflare")
        shutil.copy2(REPOSITORY / "python/liteflare.pth", packages)
        library = shutil.copy2(LITEFLARE.parent / "libliteflare.so", packages / "liteflare")
        (packages / "invokeai.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        self.environment = {"LD_PRELOAD": str(library), "LITEFLARE": "1"}
        self.start = ["/bin/sh", "-c", 'exec "$@"', "entrypoint", str(folder / "bin/python")]
