import numpy as np
import pytest
from numpy.typing import NDArray

from akma_core.media.contact_sheet import MAX_SIDE, contact_sheet


def flat(value: int, height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (2, 1)), (4, (2, 2)), (5, (3, 2)), (16, (4, 4))])
def test_rows_and_columns(count: int, grid: tuple[int, int]) -> None:
    sheet = contact_sheet([flat(90)] * count, [""] * count)
    assert sheet.size == (60 * grid[0], 40 * grid[1])


def test_pictures_come_row_by_row_and_the_rest_is_black() -> None:
    levels = [50, 100, 150, 200, 250]
    sheet = np.asarray(contact_sheet([flat(level) for level in levels], [""] * 5))
    for k, level in enumerate(levels):
        y, x = k // 3 * 40, k % 3 * 60
        assert (sheet[y : y + 40, x : x + 60] == level).all()
    assert (sheet[40:, 120:] == 0).all()


def test_labels_are_in_the_corner_of_their_picture() -> None:
    plain = np.asarray(contact_sheet([flat(90)] * 4, [""] * 4)).astype(int)
    labelled = np.asarray(contact_sheet([flat(90)] * 4, ["", "", "", "7"])).astype(int)
    y, x = np.nonzero(np.abs(plain - labelled).max(axis=2))
    assert 60 <= x.min() < x.max() < 90
    assert 40 <= y.min() < y.max() < 65
    assert labelled.max() > 200


def test_large_pictures_are_scaled_down() -> None:
    sheet = contact_sheet([flat(120, 512, 1024)], [""])
    assert sheet.size == (MAX_SIDE, MAX_SIDE // 2)
    assert (np.asarray(sheet) == 120).all()
    assert contact_sheet([flat(9, 2, 16384)], [""]).size == (MAX_SIDE, 1)


def test_every_picture_has_a_label() -> None:
    with pytest.raises(ValueError, match="shorter"):
        contact_sheet([flat(1), flat(2)], ["one"])
