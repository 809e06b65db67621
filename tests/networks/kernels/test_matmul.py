"""The compiled product of matrices against numpy's."""

from collections.abc import Callable

import numpy as np
import pytest

from akma_core.networks.kernels.matmul import narrow, wide


@pytest.mark.parametrize(("product", "at_once", "columns"), [(wide, 8, 32), (narrow, 6, 16)], ids=["wide", "narrow"])
@pytest.mark.parametrize(("rows", "depth"), [(1, 1), (8, 5), (13, 40), (64, 100)])
def test_a_product(product: Callable[..., None], at_once: int, columns: int, rows: int, depth: int) -> None:
    rng = np.random.default_rng(rows)
    filled = -(-rows // at_once) * at_once
    a, b = rng.standard_normal((filled, depth + 3)).astype(np.float32), rng.standard_normal((depth, columns))
    c = np.full((filled + 2, columns), 7, np.float32)
    weights = np.concatenate([[9.0], b.ravel()]).astype(np.float32)
    product(a.reshape(-1), 2, depth + 3, rows, weights, 1, depth, c.reshape(-1), columns)
    expected = a.reshape(-1)[2:][: rows * (depth + 3)].reshape(-1)
    expected = np.stack([expected[k * (depth + 3) :][:depth] for k in range(rows)]) @ weights[1:].reshape(depth, -1)
    assert np.abs(c[1 : 1 + rows] - expected).max() < 1e-4
    assert (c[0] == 7).all()
    assert (c[1 + filled :] == 7).all()
