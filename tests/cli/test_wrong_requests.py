"""Wrong requests: exit code 2, one line, nothing new on disk."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Akma, options, tree
from tests.support.songs import bad_song, write_song


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

    monkeypatch.setattr("akma_core.modulation.song_curve.scan", broken)
    result = akma("waveform", song, "-o", out / "v.npy")
    assert result.code == 1
    assert result.err.startswith("akma: internal error (ZeroDivisionError: one two)")
    assert len(result.err.splitlines()) == 1
    monkeypatch.setenv("AKMA_DEBUG", "1")
    assert "Traceback" in akma("waveform", song, "-o", out / "v.npy").err
