"""The curve of a song and the notes that go with it."""

from pathlib import Path

import pytest

from akma_core.audio.reader import open_audio
from akma_core.modulation.song_curve import song_curve
from akma_core.settings import RenderSettings

CASES = Path(__file__).parents[1] / "golden" / "cases"


@pytest.mark.parametrize(("channels", "highest", "words"), [("mean", 0.0, "cancel each other"), ("left", 1.0, "")])
def test_opposite_phase(channels: str, highest: float, words: str) -> None:
    settings = RenderSettings.parse({"channels": channels})
    curve, peaks = song_curve(open_audio(CASES / "opposite-phase.wav"), settings.fps, settings, 10)
    assert curve.values.max() == pytest.approx(highest)
    assert peaks.shape == (10, 2)
    assert words in " ".join(curve.notes)
    assert "silent" not in " ".join(curve.notes)
