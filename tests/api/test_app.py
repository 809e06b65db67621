"""The application as a whole."""

import subprocess
import sys

HEAVY = {"torch", "numba", "scipy.signal", "scipy.ndimage", "scipy.stats", "scipy.interpolate", "matplotlib"}


def test_it_starts_without_what_only_jobs_need() -> None:
    code = "import sys, akma_core.api.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
