"""The overview of what moves a picture: as JSON, and drawn, also for an hour."""

import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akma_core.audio.reader import open_audio
from akma_core.modulation.envelope import Curve
from akma_core.modulation.overview import Overview, facts_of, overview_of, with_overview
from akma_core.modulation.plot import COLUMNS, plot_curve
from akma_core.modulation.plot_overview import MOST_ROWS, height_of
from akma_core.modulation.resolve import Section
from akma_core.modulation.song_curve import song_curve
from akma_core.settings import RenderSettings

EVENT, NIGHT = (255, 111, 125), (14, 17, 22)


def overview(seconds: float, rows: int = 3, events: int = 40) -> Overview:
    rng = np.random.default_rng(0)
    hits = np.column_stack([np.sort(rng.uniform(0, seconds, events)), rng.uniform(0.2, 1, events)])
    curves = {f"loudness window={2 * k + 1}": rng.random(round(seconds * 30)).astype(np.float32) for k in range(rows)}
    beats = np.arange(0, seconds, 0.5)
    sections = (
        Section(start=0, label="A"),
        Section(start=seconds / 3, label="B"),
        Section(start=seconds / 2, label="A"),
    )
    return Overview({**curves, "hit loudness=2": hits}, hits, beats, beats[::4], sections, ("a note",))


def drawn(seconds: float, of: Overview | None) -> np.ndarray:
    curve = Curve(np.linspace(0, 1, round(seconds * 30)), 33, 3)
    peaks = np.tile([-0.5, 0.5], (COLUMNS, 1))
    png = plot_curve(curve, peaks, name="song", fps=Fraction(30), duration=seconds, overview=of)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize(("seconds", "events"), [(20.0, 40), (3600.0, 9000)])
def test_every_row_is_drawn_and_the_marks_are_told_apart(seconds: float, events: int) -> None:
    of = overview(seconds, events=events)
    picture = drawn(seconds, of)
    assert picture.shape == (500 + height_of(of), 1600, 3)
    last = picture[-72:-14, 60:1540].astype(int)
    red = (np.abs(last - EVENT).max(2) < 60).mean()
    assert 0.005 < red < 0.9  # neither lost nor one red area
    assert (picture[500 - 1] == NIGHT).all(1).mean() > 0.5


def test_without_it_the_picture_is_what_it_was_and_rows_have_a_limit() -> None:
    assert drawn(5, None).shape == (500, 1600, 3)
    assert height_of(overview(5, rows=40)) == height_of(overview(5, rows=MOST_ROWS))


def test_json_has_the_frames_that_are_shown_and_everything_else_whole() -> None:
    of = overview(20)
    facts = facts_of(of, 30, 60)
    assert {len(values) for values in facts["curves"].values()} == {60}
    assert len(facts["events"]["hit loudness=2"]) == 40
    assert [section["label"] for section in facts["sections"]] == ["A", "B", "A"]
    told = json.loads(with_overview(b'{"first_frame": 30, "frames": 60, "notes": ["one"], "curve": [1]}', of))
    assert told["notes"] == ["one", "a note"]
    assert told["curve"] == [1]
    assert told["beats"][:2] == [0, 0.5]


def test_of_a_song(song: Path) -> None:
    heard = open_audio(song)
    settings = RenderSettings.parse({"preset": "pulse"})
    curve, _ = song_curve(heard, settings.fps, settings)
    found = overview_of(heard, settings, curve)
    assert "constant" not in found.columns
    assert any(name.startswith("loudness") for name in found.columns)
    assert all(len(column) == len(curve.values) for column in found.columns.values() if column.ndim == 1)
    assert found.sections[0].start == 0
