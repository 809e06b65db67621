"""Runs the `akma` command: python -m akma_core.cli."""

import sys

from akma_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
