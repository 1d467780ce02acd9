"""The command `liteflare`: becomes the program that stands beside this file, so that it finds its library there too."""

import os
import sys


def main() -> None:
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "liteflare")
    os.execv(program, ["liteflare", *sys.argv[1:]])


if __name__ == "__main__":
    main()
