"""What programs do with files: many small checks, each in an empty folder of its own. `python checks FOLDER SCRATCH [CHECK…]`

In: a folder, and a scratch folder on the local disk. Out: for each check, what it saw, as texts. The same checks on a local folder
and on a mapped one must see the same. A check is a generator of what it sees; an OSError is seen as its errno.
"""

import errno
import json
import sys
from pathlib import Path

import at_once
import attributes
import contents
import descriptors
import folders
import libraries
import moving
import naming
import opening
from check import CHECKS


def main(root, local, *names):
    results = {}
    for name, function in CHECKS.items():
        if names and name not in names:
            continue
        folder, scratch = Path(root) / name, Path(local) / name
        scratch.mkdir(parents=True)
        seen = []
        try:
            folder.mkdir()
            for value in function(folder, scratch):
                seen.append(repr(value))
        except OSError as error:
            seen.append(f"{errno.errorcode[error.errno]} {error.filename}")
        except Exception as error:
            seen.append(repr(error))
        results[name] = [text.replace(str(scratch), "LOCAL").replace(str(folder), "ROOT") for text in seen]
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
