import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from akma_core.errors import RequestError
from akma_core.modulation.envelope import Curve, reactive_curve
from akma_core.modulation.export import FORMATS, write_curve
from akma_core.settings import RenderSettings
from tests.support.songs import reader

PEAKS = np.tile([-0.5, 0.5], (2000, 1))


def some_curve(frames: int) -> Curve:
    return reactive_curve(np.random.default_rng(1).uniform(0, 1, frames), window_length=7, compression=1.5)


def write(folder: Path, suffix: str, curve: Curve, **fields: Any) -> Path:
    path = folder / f"curve.of.{suffix[1:]}"  # whose own suffix does not count
    settings = RenderSettings.parse({"fps": "29.97", "window_length": 7, "compression": 1.5, **fields})
    seconds = len(curve.values) / (30000 / 1001)
    write_curve(path, suffix, curve, PEAKS, settings, reader(seconds))
    return path


@pytest.mark.parametrize(
    ("crop", "shown"),
    [({}, slice(None)), ({"start": 1, "duration": 1}, slice(30, 60)), ({"start": 2}, slice(60, None))],
)
def test_numbers_are_equal_to_the_bit_in_all_formats(tmp_path: Path, crop: dict[str, float], shown: slice) -> None:
    curve = some_curve(90)
    expected = curve.values[shown]
    npy = np.load(write(tmp_path, ".npy", curve, **crop), allow_pickle=False)
    assert npy.dtype == np.float64
    assert np.array_equal(npy, expected)

    facts = json.loads(write(tmp_path, ".json", curve, **crop).read_text())
    assert facts["curve"] == expected.tolist()
    assert facts["first_frame"] == (shown.start or 0)
    assert (facts["fps"], facts["window_length"], facts["polyorder"]) == ("30000/1001", 7, 3)
    assert (facts["compression"], facts["original"], facts["notes"]) == (1.5, False, [])

    with write(tmp_path, ".csv", curve, **crop).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["curve"]) for row in rows] == expected.tolist()
    frames = range(90)[shown]
    assert [int(row["frame"]) for row in rows] == list(frames)
    assert [float(row["second"]) for row in rows] == [round(float(f / Fraction(30000, 1001)), 6) for f in frames]


def test_notes_are_told(tmp_path: Path) -> None:
    curve = reactive_curve(np.ones(5), window_length=7)
    facts = json.loads(write(tmp_path, ".json", curve).read_text())
    assert facts["window_length"] == 5
    assert facts["notes"] == list(curve.notes) != []


def test_a_picture(tmp_path: Path) -> None:
    curve = some_curve(90)
    whole = write(tmp_path, ".png", curve).read_bytes()
    with Image.open(tmp_path / "curve.of.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height > 100
    assert write(tmp_path, ".png", curve).read_bytes() == whole
    assert write(tmp_path, ".png", curve, start=1, duration=1).read_bytes() != whole


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_start_beyond_the_end(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(RequestError, match="beyond the end"):
        write(tmp_path, suffix, some_curve(90), start=4)
    assert not list(tmp_path.iterdir())


def test_another_format(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.txt"):
        write(tmp_path, ".txt", some_curve(90))
