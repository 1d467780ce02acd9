"""Loads liteflare in a Python that has no liteflare wheel: `liteflare run` puts this folder first in PYTHONPATH.

Python imports one `sitecustomize` at start. This one steps aside afterwards, so that one of the user's or Debian's runs too.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if entry != _here]

if os.environ.get("LITEFLARE", "").lower() not in ("", "0", "false", "no", "off"):
    _packages = os.path.dirname(os.path.dirname(_here))
    sys.path.insert(0, _packages)
    try:
        import liteflare.autoload  # noqa: F401
    finally:
        sys.path.remove(_packages)

_self = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _self
