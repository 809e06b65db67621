"""One render by the command, as it should be."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from akma_core.render.plan import read_plan
from tests.support.command import Akma, options, tree
from tests.support.media import decode_video
from tests.support.songs import RATE, write_song


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
    assert "another plan (seeds top, seeds bottom, modulation)" in other.complaint
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
        "note: The loudness is 0"
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
