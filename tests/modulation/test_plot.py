"""The picture of a curve, read back pixel by pixel."""

import io
import logging
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from akma_core.modulation.envelope import Curve, reactive_curve
from akma_core.modulation.plot import COLUMNS, plot_curve

GLOW = np.array([0xFF, 0x9D, 0x4D])
LEFT, RIGHT, TOP, BOTTOM = 60, 1540, 95, 435  # the axes, px


def picture(values: NDArray[np.float64], peaks: NDArray[np.float64] | None = None, **options: Any) -> NDArray[np.int64]:
    """The plot as [500, 1600, 3] of 0..255."""
    peaks = np.zeros((COLUMNS, 2)) if peaks is None else peaks
    given = {"name": "song.wav", "fps": Fraction(30), "duration": 60.0, **options}
    png = plot_curve(Curve(values, 33, 3), peaks, **given)
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(np.int64)


def curve_rows(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean row of the curve's colour in each column of the axes; NaN where it does not show."""
    lit = np.abs(pixels - GLOW).sum(axis=2)[:, LEFT:RIGHT] < 60
    rows = np.arange(len(pixels))[:, None]
    counts = lit.sum(axis=0)
    return np.where(counts > 0, (lit * rows).sum(axis=0) / np.maximum(counts, 1), np.nan)


@pytest.mark.parametrize("frames", [200, 2_000, 50_000])
def test_the_curve_is_where_its_values_are(frames: int) -> None:
    pixels = picture(np.linspace(0, 1, frames))
    assert pixels.shape == (500, 1600, 3)
    rows = curve_rows(pixels)[40:-40]
    assert not np.isnan(rows).any()
    columns = np.arange(len(rows))
    slope, _ = np.polyfit(columns, rows, 1)
    assert np.abs(rows - np.polyval(np.polyfit(columns, rows, 1), columns)).max() < 2
    assert slope * (RIGHT - LEFT) == pytest.approx(-(BOTTOM - TOP) / 1.05, rel=0.03)


def test_the_waveform_shows_where_the_song_is_loud() -> None:
    peaks = np.zeros((COLUMNS, 2))
    peaks[: COLUMNS // 2] = [-0.3, 0.3]
    pixels = picture(np.zeros(500), peaks)
    background = pixels[5, 5]
    covered = (np.abs(pixels - background).sum(axis=2) > 30)[TOP + 30 : BOTTOM - 30].mean(axis=0)
    assert covered[LEFT + 20 : 780].min() > 0.95
    assert covered[820 : RIGHT - 20].max() < 0.05


def test_a_crop_shades_what_is_outside() -> None:
    values = np.full(1800, 0.5)
    lit = ~np.isnan(curve_rows(picture(values, crop=(15.0, 30.0))))
    quarter = len(lit) // 4
    assert lit[quarter + 5 : 2 * quarter - 5].all()
    assert not lit[: quarter - 5].any()
    assert not lit[2 * quarter + 5 :].any()


def test_the_parameters_are_in_the_caption() -> None:
    one, other = picture(np.zeros(60)), picture(np.zeros(60), compression=2.0)
    changed = np.argwhere((one != other).any(axis=2))
    assert len(changed) > 0
    assert changed[:, 0].max() < 70
    assert changed[:, 1].min() > 800


@pytest.mark.parametrize(
    "name",
    [
        "$x_1^2$",
        "a_b$\\frac{1}",
        "$",
        "夜の歌 \U0001f3b5",
        "a\nb\x00\x1b[31m\udc80\u202e",
        "",
        "n" * 4000,
        "\\",
    ],
)
def test_any_name_is_drawn_as_it_is(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pixels = picture(np.zeros(60), name=name)
    assert not caplog.records
    ink = (pixels[20:70, LEFT:1000].sum(axis=2) > 500).any()
    assert ink == bool(name)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("duration", [0.0001, 0.7, 59.96, 3599.0, 4e5])
def test_any_length(frames: int, duration: float) -> None:
    rows = curve_rows(picture(np.full(frames, 0.5), np.zeros((1, 2)), duration=duration))
    assert not np.isnan(rows[len(rows) // 2])


def test_an_unclamped_curve_fits() -> None:
    click = np.zeros(100)
    click[50] = 1
    curve = reactive_curve(click, original=True)
    assert curve.values.min() < 0
    assert not np.isnan(curve_rows(picture(curve.values))[30:-30]).any()


def test_matplotlib_comes_late_and_without_pyplot() -> None:
    code = (
        "import sys\nfrom fractions import Fraction\nimport numpy as np\n"
        "from akma_core.modulation.envelope import Curve\nfrom akma_core.modulation.plot import plot_curve\n"
        "assert 'matplotlib' not in sys.modules\n"
        "plot_curve(Curve(np.zeros(9), 3, 1), np.zeros((9, 2)), name='a', fps=Fraction(30), duration=0.3)\n"
        "assert not {'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
