"""Two hundred random files, healthy and broken: whole, with a note of what is missing, or refused before any work."""

import json
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from akma_core.cli.main import main
from tests.support.clips import Doubled
from tests.support.mixture import SONGS, VIDEOS, draw

SEED = 11
HARMLESS = ("colours are", "encoded as", "became 8")  # notes that tell of nothing missing


@pytest.mark.parametrize("number", range(130))
def test_a_song(tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int) -> None:
    rng = np.random.default_rng([SEED, number])
    file = draw(rng, SONGS, [9_000, 25_000, 50_000])
    path, output = tmp_path / f"song{file.suffix}", tmp_path / "curve.json"
    path.write_bytes(file.data)
    code = main(["waveform", str(path), "-o", str(output)])
    said = capsys.readouterr().err
    if code:
        assert (code, len(said.splitlines()), output.exists()) == (2, 1, False), (file.name, said)
        return
    told = json.loads(output.read_text())
    rate = 48000 if file.name.startswith(("vorbis", "opus")) else 44100
    samples = round(told["duration"] * rate)
    whole = file.length - file.padding / 2 <= samples <= file.length + file.padding
    assert whole or told["notes"], (file.name, file.length, samples)


class Same(Doubled):
    scale = 1

    def __call__(self, rgb: Tensor) -> Tensor:
        self.pictures += len(rgb)
        return rgb


@pytest.mark.parametrize("number", range(70))
def test_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    rng, network = np.random.default_rng([SEED, 1000 + number]), Same()
    file = draw(rng, VIDEOS, [9, 14])
    path, out = tmp_path / f"video{file.suffix}", tmp_path / "out"
    path.write_bytes(file.data)
    monkeypatch.setattr("runners.realesrgan.open_upscaler", lambda *_, **__: network)
    code = main(["upscale", str(path), "-o", str(out)])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("akma: ")]
    if code:
        assert (code, len(said), network.pictures) == (2, 1, 0), (file.name, said)
        return
    (manifest,) = out.glob("*.json")
    told = json.loads(manifest.read_text())
    notes = [note for note in told["notes"] if not any(words in note for words in HARMLESS)]
    assert told["video"]["frames"] == file.length or notes, (file.name, file.length, told["video"]["frames"])
