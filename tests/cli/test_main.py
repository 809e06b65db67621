import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from akma_core.cli import main
from akma_core.render.manifest import read_plan
from akma_core.settings import RenderSettings
from tests.support.media import decode_video
from tests.support.songs import RATE, write_song


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("akma: ")
        assert "internal error" not in lines[0]
        return lines[0]


Akma = Callable[..., Result]


@pytest.fixture
def akma(capfd: pytest.CaptureFixture[str]) -> Akma:
    """The command in this process; what FFmpeg or libsndfile print counts as well."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        try:
            code = main.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capfd.readouterr())

    return run


def options(network: Path, **more: Any) -> list[str]:
    """Settings of a small render, as typed."""
    fields = {"model": network, "fps": 8, "window_length": 5, "device": "cpu", **more}
    return [word for key, value in fields.items() for word in (f"--{key.replace('_', '-')}", str(value))]


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder for outputs."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


# --- one render, as it should be -------------------------------------------------------------------------------


def test_the_same_request_is_the_same_video(akma: Akma, song: Path, network: Path, out: Path) -> None:
    for name in ("a", "b"):
        result = akma("render", song, "-o", out / f"{name}.mp4", *options(network))
        assert (result.code, len(result.out.splitlines())) == (0, 3)
        assert "24 frames at 8 fps" in result.out
        assert result.err.splitlines()[-1].startswith("100%  24/24 frames")
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "a.mp4", "b.json", "b.mp4"]
    assert (out / "a.mp4").read_bytes() == (out / "b.mp4").read_bytes()
    assert (out / "a.json").read_bytes() == (out / "b.json").read_bytes()
    planes, _ = decode_video(out / "a.mp4")
    assert planes.shape == (24, 96, 64)
    assert np.abs(planes[0].astype(int) - planes[-1]).mean() > 1  # it moves


def test_an_output_that_exists(akma: Akma, song: Path, network: Path, out: Path) -> None:
    video = out / "v.mp4"
    assert akma("render", song, "-o", video, *options(network)).code == 0
    before, inode = tree(out), video.stat().st_ino

    again = akma("render", song, "-o", video, *options(network))
    assert (again.code, again.err) == (0, "")
    assert "done already" in again.out
    assert (tree(out), video.stat().st_ino) == (before, inode)

    other = akma("render", song, "-o", video, *options(network, seed=3))
    assert other.code == 2
    assert "another plan (seeds top, seeds bottom)" in other.complaint
    assert (tree(out), video.stat().st_ino) == (before, inode)

    replaced = akma("render", song, "-o", video, "--overwrite", *options(network, seed=3))
    assert replaced.code == 0
    assert sorted(tree(out)) == sorted(before)
    assert all(tree(out)[name] != before[name] for name in before)
    assert akma("render", song, "-o", video, *options(network, seed=3)).code == 0


def test_a_foreign_file_beside_the_video_is_not_lost(akma: Akma, song: Path, network: Path, out: Path) -> None:
    (out / "v.json").write_text('{"mine": 1}')
    result = akma("render", song, "-o", out / "v.mp4", *options(network))
    assert result.code == 2
    assert "v.json exists" in result.complaint
    assert tree(out) == {"v.json": b'{"mine": 1}'}


def test_a_manifest_renders_the_same_again(akma: Akma, song: Path, network: Path, out: Path) -> None:
    wish = options(
        network, fps="11.988", seeds_top="5-9", start=1, duration=1.5, truncation_psi=0.7, audio_codec="flac"
    )
    assert akma("render", song, "-o", out / "a.mp4", *wish).code == 0
    again = akma("render", "--manifest", out / "a.json", song, "-o", out / "b.mp4")
    assert again.code == 0
    assert (out / "a.mp4").read_bytes() == (out / "b.mp4").read_bytes()
    assert (out / "a.json").read_bytes() == (out / "b.json").read_bytes()
    plan = read_plan((out / "b.json").read_bytes(), "b.json")
    assert (plan.seeds_top, plan.first_frame, plan.frames) == ((5, 6, 7, 8, 9), 12, 18)


def test_a_manifest_goes_with_its_song_and_its_network_only(
    akma: Akma, song: Path, network: Path, conditional_network: Path, out: Path, tmp_path: Path
) -> None:
    assert akma("render", song, "-o", out / "a.mp4", *options(network)).code == 0
    before = tree(out)
    again = ["render", "--manifest", out / "a.json", "-o", out / "b.mp4"]
    assert "is not the song of" in akma(*again, write_song(tmp_path / "other.wav", 3, pitch=221)).complaint
    assert "is not the network of" in akma(*again, song, "--model", conditional_network).complaint
    assert "leave out --fps" in akma(*again, song, "--fps", 9).complaint
    assert "cannot read" in akma(*again[:2], out / "no.json", *again[3:], song).complaint
    (tmp_path / "x.json").write_text("{}")
    assert "x.json is not a manifest" in akma(*again[:2], tmp_path / "x.json", *again[3:], song).complaint
    assert tree(out) == before


def test_a_manifest_changed_by_hand_is_refused(akma: Akma, song: Path, network: Path, out: Path) -> None:
    assert akma("render", song, "-o", out / "a.mp4", *options(network)).code == 0
    facts = json.loads((out / "a.json").read_text())
    changes: list[tuple[str, str | None, Any]] = [
        ("audio", "samples", 23_999), ("seeds_top", None, [1, 2, 3]), ("frames", None, 99),
        ("curve", "window_length", 4), ("encoder", "preset", "warp"), ("network", "class_index", 7),
        ("libraries", None, 3),
    ]  # fmt: skip
    before = tree(out)
    for part, field, value in changes:
        plan = dict(facts["plan"])
        plan[part] = value if field is None else {**plan[part], field: value}
        changed = out.parent / "changed.json"
        changed.write_text(json.dumps({**facts, "plan": plan}))
        result = akma("render", "--manifest", changed, song, "-o", out / "b.mp4")
        assert (result.code, part) == (2, part)
        assert result.complaint
        assert tree(out) == before


def test_notes_are_told_and_kept(akma: Akma, song: Path, network: Path, out: Path, tmp_path: Path) -> None:
    result = akma("render", song, "-o", out / "a.mp4", *options(network, window_length=33))
    assert result.err.startswith("note: The clip has 24 frames, fewer than window_length 33")
    assert "fewer than window_length" in json.loads((out / "a.json").read_text())["notes"][0]
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    assert (
        "note: The audio is silent"
        in akma("render", tmp_path / "silence.wav", "-o", out / "s.mp4", *options(network)).err
    )


def test_a_name_that_is_no_text(akma: Akma, song: Path, network: Path, tmp_path: Path) -> None:
    """A folder named in another encoding: the video comes, and what is printed is readable."""
    folder = tmp_path / os.fsdecode(b"na\xefve")
    folder.mkdir()
    result = akma("render", song, "-o", folder / "v.mp4", *options(network))
    assert result.code == 0
    assert r"na\udcefve" in result.out
    assert (folder / "v.mp4").stat().st_size > 1000
    assert akma("waveform", song, "-o", folder / "v.npy").code == 0


# --- wrong requests: exit code 2, one line, nothing new on disk ------------------------------------------------


def bad_song(name: str, folder: Path) -> Path:
    path = folder / f"{name}.wav"
    match name:
        case "text":
            path.write_text("These are no samples.\n" * 50)
        case "empty":
            path.touch()
        case "truncated header":
            path.write_bytes(write_song(path, 1).read_bytes()[:20])
        case "zero frames":
            soundfile.write(path, np.zeros((0, 2)), RATE)
        case "NaN":
            samples = np.full(3 * RATE, 0.1)
            samples[2 * RATE] = np.nan
            soundfile.write(path, samples, RATE, subtype="FLOAT")
        case "folder":
            path.mkdir()
    return path


@pytest.mark.parametrize("command", ["render", "waveform"])
@pytest.mark.parametrize("name", ["text", "empty", "truncated header", "zero frames", "NaN", "folder", "missing"])
def test_songs_that_are_none(akma: Akma, network: Path, out: Path, tmp_path: Path, command: str, name: str) -> None:
    path = bad_song(name, tmp_path)
    before = tree(tmp_path)
    wish = [*options(network), "-o", out / "v.mp4"] if command == "render" else ["-o", out / "v.png"]
    result = akma(command, path, *wish)
    assert result.code == 2
    assert path.name in result.complaint
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"window_length": 32}, "window_length should be odd"),
        ({"window_length": 0}, "window_length"),
        ({"polyorder": 5}, "polyorder should be smaller than window_length (5)"),
        ({"polyorder": 7}, "polyorder"),
        ({"compression": 0}, "compression should be greater than 0"),
        ({"compression": -1}, "compression"),
        ({"compression": "nan"}, "compression"),
        ({"fps": 0}, "fps should be between 1 and 240"),
        ({"fps": 1000}, "fps should be between 1 and 240"),
        ({"fps": "fast"}, "fps"),
        ({"start": 3}, "start 3 is beyond the end of the song (3.000 seconds)"),
        ({"start": 1e300}, "start"),
        ({"start": -1}, "start"),
        ({"duration": 0}, "duration"),
        ({"bogus": 1}, "--bogus"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["render", "waveform"])
def test_wrong_settings(
    akma: Akma, song: Path, network: Path, out: Path, command: str, wish: dict[str, Any], says: str
) -> None:
    if command == "render":
        result = akma("render", song, "-o", out / "v.mp4", *options(network, **wish))
    else:
        words = [word for key, value in wish.items() for word in (f"--{key.replace('_', '-')}", value)]
        result = akma("waveform", song, "-o", out / "v.npy", "--window-length", 5, *words)
    assert result.code == 2
    assert says in result.complaint
    assert not tree(out)


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"seeds_top_num": 3}, "seeds_top_num"),
        ({"seeds_bottom_num": 3}, "seeds_bottom_num"),
        ({"seeds_top": "1,2,3"}, "seeds_top should have at least 4"),
        ({"seeds_top": "1,2,3,x"}, "seeds_top should be seeds such as"),
        ({"seeds_bottom": "4-1"}, "seeds_bottom"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"model": "inks"}, "unknown model 'inks'"),
        ({"class": 1}, "class 1 does not exist"),
        ({"truncation_psi": "much"}, "truncation_psi"),
        ({"crf": 99}, "crf"),
        ({"bit_rate": "1"}, "bit_rate"),
        ({"audio_codec": "mp3"}, "audio_codec"),
        ({"device": "tpu"}, "device"),
        ({"device": "cuda:99"}, "device cuda:99 is not here"),
        ({"trunc": 0.5}, "--trunc"),  # no abbreviations
    ],
    ids=str,
)
def test_wrong_settings_of_a_render(
    akma: Akma, song: Path, network: Path, out: Path, wish: dict[str, Any], says: str
) -> None:
    result = akma("render", song, "-o", out / "v.mp4", *options(network, **wish))
    assert result.code == 2
    assert says in result.complaint
    assert not tree(out)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["rendr"], "invalid choice"),
        (["render", "-o", "v.mp4"], "AUDIO"),
        (["render", "song.wav"], "-o"),
        (["render", "song.wav", "-o"], "expected one argument"),
        (["waveform", "-o", "v.png"], "AUDIO"),
        (["waveform", "song.wav"], "-o"),
        (["seeds"], "-o"),
        (["models"], "VERB"),
        (["models", "show"], "model"),
        (["models", "show", "inks"], "unknown model"),
        (["models", "delete"], "invalid choice"),
    ],
    ids=str,
)
def test_wrong_arguments(
    akma: Akma, arguments: list[str], says: str, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out)
    result = akma(*arguments)
    assert (result.code, result.out) == (2, "")
    assert says in result.complaint
    assert not tree(out)


@pytest.mark.parametrize(
    ("command", "name", "says"),
    [
        ("render", "v.avi", "use .mp4, .mov or .mkv"),
        ("render", "v", "use .mp4, .mov or .mkv"),
        ("render", "no/v.mp4", "does not exist: make it first"),
        ("render", "folder.mp4", "is a folder"),
        ("render", "x" * 300 + ".mp4", "too long"),
        ("render", "../song.mp4", "is the song itself"),
        ("waveform", "v.txt", "use .png, .json, .csv, .npy"),
        ("waveform", "v", "use .png, .json, .csv, .npy"),
        ("waveform", "no/v.png", "does not exist: make it first"),
        ("waveform", "folder.png", "is a folder"),
        ("waveform", "x" * 300 + ".png", "too long"),
    ],
)
def test_wrong_outputs(
    akma: Akma, song: Path, network: Path, out: Path, tmp_path: Path, command: str, name: str, says: str
) -> None:
    (out / "folder.mp4").mkdir()
    (out / "folder.png").mkdir()
    shutil.copy(song, tmp_path / "song.mp4")  # judged by its bytes: it is a song
    before = tree(tmp_path)
    wish = [*options(network), "--overwrite"] if command == "render" else []
    result = akma(command, tmp_path / "song.mp4", "-o", out / name, *wish)
    assert result.code == 2
    assert says in result.complaint
    assert tree(tmp_path) == before


@pytest.mark.parametrize(("command", "name"), [("render", "v.mp4"), ("waveform", "v.png")])
def test_a_folder_that_may_not_be_written(
    akma: Akma, song: Path, network: Path, out: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str
) -> None:
    out.chmod(0o555)
    if os.access(out, os.W_OK):  # root may write anywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    result = akma(command, song, "-o", out / name, *(options(network) if command == "render" else []))
    out.chmod(0o755)
    assert result.code == 2
    assert "cannot be written to" in result.complaint
    assert not tree(out)


def test_sound_that_the_codec_does_not_carry_is_refused_before_the_render(
    akma: Akma, network: Path, out: Path, tmp_path: Path
) -> None:
    song = write_song(tmp_path / "three.wav", 1, channels=3)
    result = akma("render", song, "-o", out / "v.mp4", *options(network, audio_codec="flac"))
    assert result.code == 2
    assert "flac does not carry 3 channels" in result.complaint
    assert not tree(out)


def test_a_network_whose_weights_were_changed(akma: Akma, song: Path, network: Path, out: Path, tmp_path: Path) -> None:
    shutil.copytree(network, tmp_path / "copy")
    with (tmp_path / "copy" / "network.safetensors").open("ab") as file:
        file.write(b"x")
    result = akma("render", song, "-o", out / "v.mp4", *options(tmp_path / "copy"))
    assert result.code == 2
    assert "not the card's" in result.complaint
    assert not (out / "v.mp4").exists()


def test_a_fault_of_our_own_is_one_line_and_a_traceback_only_when_asked_for(
    akma: Akma, song: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("akma_core.audio.reader.scan", broken)
    result = akma("waveform", song, "-o", out / "v.npy")
    assert result.code == 1
    assert result.err.startswith("akma: internal error (ZeroDivisionError: one two)")
    assert len(result.err.splitlines()) == 1
    monkeypatch.setenv("AKMA_DEBUG", "1")
    assert "Traceback" in akma("waveform", song, "-o", out / "v.npy").err


# --- the other commands ----------------------------------------------------------------------------------------


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


# --- help ------------------------------------------------------------------------------------------------------

RANGES = {
    "fps": ["1 to 240", "default: 30"],
    "window_length": ["frames", "odd", "1 to 9999", "default: 33"],
    "polyorder": ["0 to 15", "default: 3"],
    "compression": ["above 0 to 1000", "default: 1.0"],
    "model": ["default: ink"],
    "class": ["0 to", "default: 0"],
    "original": ["default: off"],
    "seeds_top_num": ["4 or more", "default: 0.8 for each second"],
    "seeds_bottom_num": ["4 or more", "default: 0.27 for each second"],
    "seeds_top": ["at least 4", "default: drawn"],
    "seeds_bottom": ["at least 4", "default: drawn"],
    "seed": ["0 to 4294967295", "default: follows from the song"],
    "truncation_psi": ["-10 to 10", "default: 1.0"],
    "upscale": ["realesr-animevideov3", "default: none"],
    "outscale": ["1 to 4", "default: the upscaler's, 4"],
    "size": ["16x16 to 8192x8192", "default: as outscale"],
    "start": ["second", "0 or more", "default: 0.0"],
    "duration": ["seconds", "above 0", "default: to the end"],
    "crf": ["1 (", "51 (", "default: 16.0"],
    "bit_rate": ["bits a second", "10k to 1000M", "default: none"],
    "encoder": ["auto, x264, or nvenc", "default: auto"],
    "audio_codec": ["aac", "alac", "flac", "default: aac"],
    "device": ["auto, cpu, cuda or cuda:N", "default: auto"],
    "manifest": ["default: none"],
    "overwrite": ["default: refuse"],
}


def test_help_gives_every_option_with_its_range_and_default(akma: Akma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    fields = {field.alias or name for name, field in RenderSettings.model_fields.items()}
    assert fields == RANGES.keys() - {"manifest", "overwrite"}
    commands = {"render": set(RANGES), "waveform": {"fps", "window_length", "polyorder", "compression", "original",
                "start", "duration"}, "seeds": {"model", "class", "truncation_psi", "device", "seeds"}}  # fmt: skip
    for command, expected in commands.items():
        shown = akma(command, "--help")
        assert (shown.code, shown.err) == (0, "")
        found = dict(re.findall(r"^  (?:-\w.*, )?--([a-z-]+)(?: [^ ]+)? +(.*)$", shown.out, re.MULTILINE))
        assert {name.replace("-", "_") for name in found} - {"help", "output"} == expected
        for name in expected - {"seeds"}:
            for words in RANGES[name]:
                assert words in found[name.replace("_", "-")], name
    assert "default: 0-15" in akma("seeds", "--help").out
    for command in ("render", "upscale", "waveform", "seeds", "models"):
        assert re.search(rf"^    {command} ", akma("--help").out, re.MULTILINE)


def test_version(akma: Akma) -> None:
    assert re.fullmatch(r"akma \d+\.\d+\.\d+\n", akma("--version").out)


def test_help_and_waveform_do_without_torch(song: Path, out: Path) -> None:
    code = f"""
import sys
from akma_core.cli import main
waveform = ["waveform", {str(song)!r}, "-o", {str(out / "c.png")!r}]
for arguments in (["--help"], ["render", "--help"], ["models", "list"], waveform):
    try:
        assert main(arguments) == 0
    except SystemExit as stop:
        assert not stop.code
    assert "torch" not in sys.modules, arguments
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "c.png").exists()


# --- what stops a render, in processes of their own ------------------------------------------------------------

LONG = {"fps": 24}  # 24, 48, 96 and 48 frames of a song of 9 seconds: some two seconds of work


@dataclass(frozen=True)
class Long:
    """A render that is long enough to be stopped, and what comes out of it where nothing stops it."""

    song: Path
    network: Path
    video: bytes
    manifest: bytes

    def arguments(self, video: Path) -> list[str]:
        return ["render", str(self.song), "-o", str(video), *options(self.network, **LONG)]

    @property
    def digest(self) -> str:
        return str(json.loads(self.manifest)["digest"])


@pytest.fixture(scope="module")
def long(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Long:
    folder = tmp_path_factory.mktemp("long")
    song = write_song(folder / "long.wav", 9)
    assert main.main(["render", str(song), "-o", str(folder / "v.mp4"), *options(network, **LONG)]) == 0
    return Long(song, network, (folder / "v.mp4").read_bytes(), (folder / "v.json").read_bytes())


class Running:
    """A render in a process of its own, stopped in the middle of its second or a later chunk."""

    def __init__(self, long: Long, video: Path) -> None:
        self.folder = video.parent / f".{video.name}.parts" / long.digest
        command = [sys.executable, "-W", "error", "-m", "akma_core.cli", *long.arguments(video)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 60
            while not (self.chunks() and list(self.folder.glob("*.tmp"))):
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.002)
            self.process.send_signal(signal.SIGSTOP)
            assert 1 <= len(self.chunks()) < 4
            assert not video.exists()
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def chunks(self) -> dict[str, tuple[int, int]]:
        """Finished chunks: inode and time of writing."""
        found = {path.name: path.stat() for path in self.folder.glob("chunk*.mp4")}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}

    def end(self, how: signal.Signals) -> Result:
        """Let it feel a signal, and wait until it has gone."""
        self.process.send_signal(how)
        self.process.send_signal(signal.SIGCONT)
        output, errors = self.process.communicate(timeout=60)
        return Result(self.process.returncode, output, errors)


def goes_on(akma: Akma, long: Long, video: Path, kept: dict[str, tuple[int, int]], running: Running) -> None:
    """The same command finishes the render and touches no finished chunk."""
    touched: list[str] = []
    written = Path.replace

    def watch(self: Path, target: Path) -> Path:
        touched.append(Path(target).name)
        return written(self, target)

    frames = sum((24, 48, 96, 48)[int(name[5:10])] for name in kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", watch)
        result = akma(*long.arguments(video))
    assert result.code == 0
    assert result.err.splitlines()[0] == f"going on: {frames} of 216 frames are there already"
    assert f"rendered {216 - frames} frames" in result.out
    assert sorted(name for name in touched if name.startswith("chunk")) == sorted(
        {f"chunk{k:05d}.mp4" for k in range(4)} - kept.keys()
    )
    assert video.read_bytes() == long.video
    assert video.with_suffix(".json").read_bytes() == long.manifest
    assert not running.folder.parent.exists()


@pytest.fixture
def running(long: Long, out: Path) -> Iterator[Running]:
    running = Running(long, out / "v.mp4")
    yield running
    running.end(signal.SIGKILL)


def test_kill(akma: Akma, long: Long, running: Running, out: Path) -> None:
    """kill -9 in the middle; while it still lives, nobody else writes the same video."""
    second = akma(*long.arguments(out / "v.mp4"))
    assert second.code == 2
    assert "another akma render is writing" in second.complaint
    other = akma(*long.arguments(out / "v.mp4"), "--seed", 1)
    assert other.code == 2
    assert "another akma render is writing" in other.complaint

    kept = running.chunks()
    assert running.end(signal.SIGKILL).code == -signal.SIGKILL
    assert running.chunks() == kept
    assert list(running.folder.glob("*.tmp"))  # it did stop in the middle
    goes_on(akma, long, out / "v.mp4", kept, running)


def test_interrupt(akma: Akma, long: Long, running: Running, out: Path) -> None:
    result = running.end(signal.SIGINT)
    assert result.code == 130
    told = [line for line in result.err.splitlines() if not re.match(r" *\d+%  \d+/216 frames", line)]
    assert told == ["akma: interrupted; the same command goes on from the finished chunks"]
    assert result.out == ""
    assert sorted(path.name for path in out.iterdir()) == [".v.mp4.parts"]
    assert not list(running.folder.glob("*.tmp"))
    kept = running.chunks()
    assert 1 <= len(kept) < 4
    goes_on(akma, long, out / "v.mp4", kept, running)


def test_a_full_disk(akma: Akma, long: Long, out: Path) -> None:
    """No file may grow beyond what the first chunks take: the disk's limit, as far as a process can tell."""
    code = """
import resource, sys
from akma_core.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""
    with av.open(io.BytesIO(long.video), "r") as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    limit = (sum(sizes[24:72]) + sum(sizes[72:168])) // 2  # more than the second chunk, less than the third
    video = out / "v.mp4"
    command = [sys.executable, "-W", "error", "-c", code, str(limit), *long.arguments(video)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if not re.match(r" *\d+%  \d+/216 frames", line)]
    assert len(told) == 1
    assert re.match(r"akma: no room left to write .*: free some space on that disk and run the same again", told[0])
    assert sorted(path.name for path in out.iterdir()) == [".v.mp4.parts"]
    folder = out / ".v.mp4.parts" / long.digest
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["chunk00000.mp4", "chunk00001.mp4"]
    result = akma(*long.arguments(video))
    assert result.code == 0
    assert result.err.startswith("going on: 72 of 216 frames are there already")
    assert video.read_bytes() == long.video


def test_a_process_of_its_own_says_one_line(out: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "akma_core.cli", "waveform", __file__, "-o", str(out / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"akma: test_cli\.py: .*\n", done.stderr)
    assert not tree(out)


def test_a_reader_that_went_away() -> None:
    """`akma models list | head -0` says nothing."""
    command = f"{sys.executable} -W error -m akma_core.cli models show ink | head -c 0"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
