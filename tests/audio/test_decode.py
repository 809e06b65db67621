"""Limits of length while a song is counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from akma_core.audio import decode
from akma_core.audio.reader import open_audio
from akma_core.errors import RequestError


def write(path: Path, seconds: float, **how: str) -> Path:
    soundfile.write(path, np.zeros(int(48000 * seconds), np.float32), 48000, **how)
    return path


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.wav", {"format": "WAV"}),
        ("a.flac", {"format": "FLAC"}),
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", {"format": "MP3"}),
    ],
)
def test_a_song_that_is_too_long_is_refused_before_it_is_decoded(
    tmp_path: Path, name: str, how: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name, 20, **how)
    assert open_audio(path, longest=20.5).info.samples >= 20 * 48000
    monkeypatch.setattr(decode, "_counted", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(RequestError, match=rf"^{name}: lasts .* up to 10") as caught:
        open_audio(path, longest=10)
    assert caught.value.code == "audio_too_long"


def test_counting_ends_where_the_limit_is_passed() -> None:
    taken: list[int] = []

    def lengths() -> Iterator[int]:
        for _ in range(100):
            taken.append(1)
            yield 48000

    with pytest.raises(RequestError, match="lasts 6 seconds or more"):
        decode._counted(Path("x.ogg"), lengths(), 48000, 5)
    assert len(taken) == 6
