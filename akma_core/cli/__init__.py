"""The commands of `akma`, a module each: `add` says what it takes, `run` does it and imports what is heavy."""

import sys
from pathlib import Path

_PACKAGED = Path(__file__).parents[1] / "served"
SERVED = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parents[2]
"""Folder with service.py and runners/: the top of a clone, or a folder inside the package where a wheel was installed.

A wheel has no "runners" of its own at the top of site-packages, where another package may have that name.
"""
if str(SERVED) not in sys.path:
    sys.path.insert(0, str(SERVED))
