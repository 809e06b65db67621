"""`akma presets`, `akma features`, and renders by rows of one's own."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import Akma


def test_presets_are_listed_and_shown(akma: Akma, out: Path) -> None:
    listed = akma("presets")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.startswith("pulse ")
    assert "\nakma " in listed.out
    shown = akma("presets", "show", "pulse")
    mine = out / "mine.toml"
    mine.write_text(shown.out)
    assert akma("presets", "show", mine).out == shown.out
    assert "unknown preset 'nobody'" in akma("presets", "show", "nobody").complaint


def test_features_as_numbers_and_as_a_picture(akma: Akma, song: Path, out: Path) -> None:
    facts = out / "f.json"
    assert akma("features", song, "-o", facts, "--modulate", "loudness band=50,90 -> exposure 0.1").code == 2
    rows = ("--preset", "club", "--modulate", "brightness -> exposure 0.1")
    for path in (facts, out / "f.npz", out / "f.png"):
        done = akma("features", song, "-o", path, *rows)
        assert done.code == 0, done.err
        assert "curves and events" in done.out
    told = json.loads(facts.read_text())
    assert {"curve", "brightness", "constant"} <= told["curves"].keys()
    assert len({len(values) for values in told["curves"].values()}) == 1
    assert any(name.startswith("kick") for name in told["events"])
    with np.load(out / "f.npz") as arrays:
        assert np.allclose(arrays["brightness"], told["curves"]["brightness"], atol=1e-5)
    assert (out / "f.png").read_bytes().startswith(b"\x89PNG")
    assert "use .png, .json, .npz" in akma("features", song, "-o", out / "f.gif").complaint


@pytest.fixture
def events(out: Path) -> Path:
    path = out / "events.csv"
    path.write_text("time,strength\n0.2,1\n0.6,0.5\n")
    return path


def test_a_render_by_ones_own_rows_is_made_again_from_its_manifest(
    akma: Akma, song: Path, network: Path, out: Path, events: Path
) -> None:
    first, second = out / "a.mp4", out / "b.mp4"
    fast = ("--model", network, "--fps", 12, "--size", "32x32", "--device", "cpu")
    rows = ("--modulate", "file:marks -> pull 0.8", "--modulate", "loudness@drums -> camera.x 0.1")
    files = ("--curve", f"marks={events}", "--stem", f"drums={song}")
    done = akma("render", song, "-o", first, *fast, *rows, *files)
    assert done.code == 0, done.err
    plan = json.loads((out / "a.json").read_text())["plan"]
    assert plan["version"] == 2
    assert plan["modulation"]["rows"][-2:] == ["file:marks -> pull 0.8", "loudness@drums -> camera.x 0.1"]
    assert plan["modulation"]["files"].keys() == {"curve:marks", "stem:drums"}
    missing = akma("render", "--manifest", out / "a.json", song, "-o", second, "--model", network, "--device", "cpu")
    assert "there is no curve 'marks' (given: none): give --curve marks=FILE" in missing.complaint
    again = akma(
        "render", "--manifest", out / "a.json", song, "-o", second, "--model", network, "--device", "cpu", *files
    )
    assert again.code == 0, again.err
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--modulate", "kick -> pull decay=-1"),
            "modulation row 1 (kick -> pull): decay must be greater than 0, not -1",
        ),
        (
            ("--modulate", "kick@drums -> pull"),
            "modulation row 1 (kick -> pull): there is no stem 'drums' (given: none)",
        ),
        (("--modulate", "kick -> class:1"), "modulation row 1 (kick -> class): network"),
        (("--preset", "nobody"), "unknown preset 'nobody': give pulse, akma"),
        (("--original", "--modulate", "hit -> pull"), "original"),
        (("--strength", "3"), "strength should be less than or equal to 2"),
        (("--keyframe", "seed 1 then 2"), "keys should be such as seed 12 at 0:31 hold 2"),
        (("--keyframe", "seed 1 at 2 hold 5", "--keyframe", "seed 2 at 3"), "keys seed 2 at 3 s comes before seed 1"),
        (("--stem", "drums"), "--stem should be NAME=FILE"),
        (("--curve", "x=/nowhere.csv", "--modulate", "file:x -> exposure"), "nowhere.csv"),
        (("--modulate", "loudness -> direction:none.npy"), "cannot read direction none.npy"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(
    akma: Akma, song: Path, network: Path, out: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    done = akma("render", song, "-o", out / "v.mp4", "--model", network, "--fps", 12, *arguments)
    assert done.code == 2
    assert complaint in done.complaint
    assert not (out / "v.mp4").exists()
