"""Shapes are looked at before anything is allocated."""

import numpy as np
import pytest

from akma_core.errors import RequestError
from akma_core.networks.checkpoint import check_shapes, checked


def test_check_shapes() -> None:
    shapes: dict[str, tuple[int, ...]] = {"a.weight": (2, 3), "b": ()}
    check_shapes(shapes, shapes)
    with pytest.raises(RequestError, match=r"lacks tensors \(c\)") as caught:
        check_shapes(shapes, shapes | {"c": (1,)})
    assert caught.value.code == "bad_network"
    with pytest.raises(RequestError, match=r"has unknown tensors \(b\)"):
        check_shapes(shapes, {"a.weight": (2, 3)})
    with pytest.raises(RequestError, match=r"a.weight has shape \(2, 3\), but its settings imply \(3, 2\)"):
        check_shapes(shapes, shapes | {"a.weight": (3, 2)})


def test_long_names_are_cut() -> None:
    with pytest.raises(RequestError) as caught:
        check_shapes({"x" * 10**6: ()}, {})
    assert len(caught.value.message) < 250


def test_checked_gives_float32_in_memory_of_its_own() -> None:
    stored = np.arange(6.0).reshape(2, 3)
    found = checked("some", {"a": 1}, {"w": stored.T}, {"w": (3, 2)}, stored.nbytes)
    array = found.state_dict["w"]
    np.testing.assert_array_equal(array, stored.T.astype(np.float32), strict=True)
    assert array.flags["C_CONTIGUOUS"]
    assert array.flags["OWNDATA"]
    with pytest.raises(RequestError, match="larger than the file"):
        checked("some", {}, {"w": stored}, {"w": (2, 3)}, stored.nbytes - 1)
