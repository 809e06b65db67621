"""The smaller commands: waveform, seeds, models."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from akma_core.render.plan import read_plan
from tests.support.command import Akma, options, tree
from tests.support.media import decode_video
from tests.support.songs import RATE


@pytest.mark.parametrize(
    ("crop", "frames"), [([], slice(None)), (["--start", "1", "--duration", "1.5"], slice(12, 30))]
)
def test_waveform_gives_the_same_values_in_all_formats(
    akma: Akma, song: Path, out: Path, crop: list[str], frames: slice
) -> None:
    wish = ["--fps", "12", "--window-length", "7", "--compression", "0.8"]
    akma("waveform", song, "-o", out / "whole.npy", *wish)
    for suffix in ("png", "json", "csv", "npy"):
        result = akma("waveform", song, "-o", out / f"c.{suffix}", *wish, *crop)
        assert (result.code, result.err) == (0, "")
        assert "36 frames at 12 fps, 3.000 s" in result.out
    values = np.load(out / "whole.npy")[frames]
    assert values.max() > 0.5 > values.min() >= 0
    assert np.array_equal(np.load(out / "c.npy"), values)
    assert json.loads((out / "c.json").read_text())["curve"] == values.tolist()
    with (out / "c.csv").open(newline="") as file:
        assert [float(row["curve"]) for row in csv.DictReader(file)] == values.tolist()
    with Image.open(out / "c.png") as picture:
        assert picture.format == "PNG"
    assert sorted(tree(out)) == ["c.csv", "c.json", "c.npy", "c.png", "whole.npy"]


def test_waveform_is_the_curve_of_the_render(akma: Akma, song: Path, network: Path, out: Path) -> None:
    akma("waveform", song, "-o", out / "c.json")
    akma("render", song, "-o", out / "v.mp4", "--model", network, "--duration", 0.1, "--device", "cpu")
    curve = json.loads((out / "c.json").read_text())
    plan = read_plan((out / "v.json").read_bytes(), "v.json")
    assert (curve["window_length"], curve["polyorder"]) == (plan.curve.window_length, plan.curve.polyorder) == (33, 3)
    assert len(curve["curve"]) == plan.total_frames == 90


def test_original_keeps_the_overshoot(akma: Akma, out: Path, tmp_path: Path) -> None:
    samples = np.zeros(3 * RATE)
    samples[RATE] = 1
    soundfile.write(tmp_path / "click.wav", samples, RATE)
    for name, flag in (("a", []), ("b", ["--original"])):
        assert akma("waveform", tmp_path / "click.wav", "-o", out / f"{name}.npy", *flag).code == 0
    clamped, original = np.load(out / "a.npy"), np.load(out / "b.npy")
    assert original.min() < 0 == clamped.min()
    assert np.array_equal(clamped, original.clip(0, 1))


def test_seeds(akma: Akma, network: Path, out: Path) -> None:
    folder = out / "seeds"
    result = akma("seeds", "--model", network, "--seeds", "7,0-2,12345", "-o", folder, "--device", "cpu")
    assert (result.code, result.err) == (0, "")
    names = ["seed0000.png", "seed0001.png", "seed0002.png", "seed0007.png", "seed12345.png", "sheet.png"]
    assert sorted(tree(folder)) == names
    with Image.open(folder / "sheet.png") as sheet, Image.open(folder / "seed0007.png") as first:
        assert (sheet.size, first.size) == ((192, 128), (64, 64))
        corner = np.asarray(first)[20:]  # below its label
        assert np.array_equal(np.asarray(sheet)[20:64, :64], corner)
    before = tree(folder)
    assert len({before[name] for name in names}) == 6
    akma("seeds", "--model", network, "--seeds", "7", "-o", folder, "--device", "cpu", "--truncation-psi", "0.5")
    after = tree(folder)
    assert sorted(name for name in names if after[name] != before[name]) == ["seed0007.png", "sheet.png"]


def test_seeds_are_the_pictures_of_the_video(akma: Akma, network: Path, out: Path) -> None:
    """Where a walk starts, its first seed is seen; silence shows the quiet walk."""
    samples = np.concatenate([np.zeros(RATE), np.full(RATE, 0.5)])
    soundfile.write(out / "quiet.wav", samples, RATE)
    wish = options(network, crf=1, window_length=1, polyorder=0, seeds_bottom="42,1,2,3")
    assert akma("render", out / "quiet.wav", "-o", out / "v.mp4", *wish).code == 0
    assert akma("seeds", "--model", network, "--seeds", "42", "-o", out / "s", "--device", "cpu").code == 0
    with Image.open(out / "s" / "seed0042.png") as picture:
        rgb = np.asarray(picture).astype(float)
    luma = 16 + rgb @ [0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255]
    assert np.abs(decode_video(out / "v.mp4")[0][0][:64] - luma).max() < 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seeds", "x"], "seeds should be seeds such as"),
        (["--seeds", ""], "seeds"),
        (["--class", "1"], "class 1 does not exist"),
        (["--model", "inks"], "unknown model"),
        (["--fps", "8"], "--fps"),
        (["-o", "file"], "is a file"),
        (["-o", "no/folder"], "does not exist"),
    ],
    ids=str,
)
def test_wrong_seeds(
    akma: Akma, network: Path, out: Path, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out / "file").write_text("mine")
    monkeypatch.chdir(out)
    result = akma("seeds", "-o", "new", "--model", network, "--device", "cpu", *arguments)
    assert result.code == 2
    assert says in result.complaint
    assert tree(out) == {"file": b"mine"}


def test_models(akma: Akma, network: Path) -> None:
    listed = akma("models", "list")
    assert (listed.code, listed.err) == (0, "")
    assert re.search(r"^ink +stylegan3 R 256x256 +[0-9a-f]{12} +MIT$", listed.out, re.MULTILINE)
    shown = akma("models", "show", "ink")
    assert re.search(r"^digest +[0-9a-f]{64}$", shown.out, re.MULTILINE)
    assert re.search(r"^width +256$", shown.out, re.MULTILINE)
    assert f"folder          {network}" in akma("models", "show", network).out
