"""Further videos of the kinds that people have: other codecs, containers, layouts, places of the fault."""

from pathlib import Path

import av
import numpy as np
import pytest

from akma_core.media.video_reader import FrameReader, open_video
from tests.support.odd_videos import ODD_VIDEOS
from tests.upscale.test_cases import heard
from tests.upscale.test_command import Command, upscale  # noqa: F401

LOSSY = ("aac", "ac3", "mp3float", "adpcm_ima_wav", "pcm_mulaw")


@pytest.mark.parametrize("name", ODD_VIDEOS)
def test_a_video_is_whole_or_has_a_note(
    upscale: Command,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    odd = ODD_VIDEOS[name]
    error = upscale(odd.write(tmp_path), "-o", tmp_path / "out", "--outscale", 1)
    assert error is None, error
    said = capsys.readouterr().err
    assert odd.note is None or odd.note in said
    assert "damaged" not in said
    (path,) = (path for path in (tmp_path / "out").iterdir() if path.suffix != ".json")
    clip = open_video(path)
    shown = [float(picture.mean()) for picture in FrameReader(clip).read(0, clip.frames)]
    assert len(shown) == len(odd.pictures)
    assert np.abs(np.array(shown) - odd.pictures).max() < 7
    times = (clip.times - clip.times[0]) * float(clip.time_base)
    assert times == pytest.approx(np.arange(len(times)) / float(odd.fps), abs=0.09)
    assert np.diff(times).min() > 0.02
    with av.open(str(path)) as container:
        sounds = container.streams.audio
        assert len(sounds) == (odd.sound is not None)
        if odd.sound:
            rate, codec = sounds[0].rate, sounds[0].codec_context.name
            assert odd.lossless == (codec not in LOSSY)
            assert len(heard(path)) / rate == pytest.approx(odd.sound, abs=0.1)
        for stream in container.streams:
            assert not {key for key in stream.metadata if key.startswith(("BPS", "NUMBER_OF_BYTES"))}
