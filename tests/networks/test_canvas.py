"""Shapes to canvases."""

import pytest

from akma_core.errors import RequestError
from akma_core.networks.builtin import find
from akma_core.networks.canvas import Canvas, canvas_of

INK = find("ink")[1]


@pytest.mark.parametrize(
    ("shape", "size", "sixteenths"),
    [
        ("16:9", (456, 256), (30, 16)),
        ("9:16", (256, 456), (16, 30)),
        ("1:1", (256, 256), (16, 16)),
        ("4:1", (1024, 256), (64, 16)),
        ("2.39:1", (612, 256), (40, 16)),
        ("640x360", (640, 360), (40, 24)),
        ("320x180", (320, 180), (20, 12)),
        ("64x64", (64, 64), (4, 4)),
    ],
)
def test_shapes(shape: str, size: tuple[int, int], sixteenths: tuple[int, int]) -> None:
    canvas = canvas_of(shape, INK)
    assert canvas == Canvas(*size)
    assert canvas.sixteenths(INK) == sixteenths
    assert all(count * 16 >= side for count, side in zip(sixteenths, size, strict=True))


@pytest.mark.parametrize("shape", ["62x128", "9:1", "1:9", "4096x256", "16/9", "0:1", "16:", "٣:٤", ""])
def test_what_is_no_canvas_is_one_line(shape: str) -> None:
    with pytest.raises(RequestError) as caught:
        canvas_of(shape, INK)
    assert caught.value.field == "shape"
    assert "\n" not in caught.value.message


def test_a_part_of_the_picture_is_for_networks_that_go_on_beyond_it() -> None:
    for card in (INK.model_copy(update={"canvas": "square"}), INK.model_copy(update={"kind": "stylegan2"})):
        with pytest.raises(RequestError, match="shape 320x180 is smaller than network ink draws"):
            canvas_of("320x180", card)
