"""The vector type says what numpy says."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

from akma_core.networks.kernels.simd import LANES, added, fma, load, maximum, minimum, prefetch, splat, spread, store


@numba.njit
def work(a, b, out):  # type: ignore[no-untyped-def]
    prefetch(a, 1 << 40)
    x, y = load(a, 0), load(b, 3)
    store(out, 0, x + y)
    store(out, LANES, x * y)
    store(out, 2 * LANES, fma(x, y, splat(b[0])))
    store(out, 3 * LANES, maximum(x, y))
    store(out, 4 * LANES, minimum(x, y))
    store(out, 5 * LANES, x - y)
    store(out, 6 * LANES, spread(b, 2))
    store(out, 7 * LANES, splat(added(x)))


def test_operations() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(LANES).astype(np.float32), rng.standard_normal(LANES + 3).astype(np.float32)
    out = np.zeros((8, LANES), np.float32)
    work(a, b, out.reshape(-1))
    y = b[3:]
    assert (out[0] == a + y).all()
    assert (out[1] == a * y).all()
    exact = a.astype(np.float64) * y + b[0]
    assert (out[2] == exact.astype(np.float32)).all()
    assert (out[3] == np.maximum(a, y)).all()
    assert (out[4] == np.minimum(a, y)).all()
    assert (out[5] == a - y).all()
    assert (out[6] == b[2]).all()
    assert np.abs(out[7] - a.sum()).max() < 1e-5


CALLED = "from akma_core.networks.kernels.simd import jit\n\n@jit()\ndef called():\n    return {}\n"
CALLER = """
from akma_core.networks.kernels.simd import jit
from called import called

@jit()
def caller():
    return called()

print(caller(), sum(caller.stats.cache_hits.values()))
"""


def test_machine_code_is_kept_until_anything_that_it_calls_changes(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    environment.pop("NUMBA_CACHE_DIR", None)
    outputs = []
    for value in (1, 1, 2):
        (tmp_path / "called.py").write_text(CALLED.format(value))
        command = [sys.executable, "-B", str(tmp_path / "caller.py")]
        outputs.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert outputs == ["1 0\n", "1 1\n", "2 0\n"]
