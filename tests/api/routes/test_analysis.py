"""Analysis and hits of a song over HTTP, against what the modules say themselves."""

import io
import json
from fractions import Fraction
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from akma_core.audio.reader import loudness, open_audio
from akma_core.modulation.columns import compute_columns
from akma_core.modulation.edited_hits import MAX_HITS
from akma_core.modulation.envelope import curve_of
from akma_core.modulation.presets import find_preset
from akma_core.modulation.resolve import resolve
from akma_core.modulation.song import SongAnalysis
from akma_core.modulation.song_curve import song_curve
from akma_core.settings import RenderSettings
from tests.support.api_service import Service, error


@pytest.fixture
def song_id(ann: httpx.Client, song: Path) -> str:
    found: str = ann.post("/v1/songs", files={"audio": (song.name, song.read_bytes())}).json()["id"]
    return found


@pytest.mark.parametrize("preset", ["pulse", "club", "akma"])
def test_the_curves_are_those_of_a_render(ann: httpx.Client, song: Path, song_id: str, preset: str) -> None:
    told = ann.post(f"/v1/songs/{song_id}/analysis", json={"preset": preset, "fps": "24"}).json()
    settings = RenderSettings.parse({"preset": preset, "fps": "24"})
    reader = open_audio(song)
    curve = curve_of(loudness(reader, Fraction(24)), settings)
    modulation = resolve(settings, find_preset(preset), own_curve=False)
    columns, _ = compute_columns(
        modulation, SongAnalysis(reader, Fraction(24), curve.values, {}, modulation), curve.values, Fraction(24)
    )
    assert set(told["curves"]) == {name for name, column in columns.items() if column.ndim == 1}
    for name, each in told["curves"].items():
        assert each["rate"] == 24
        assert np.abs(np.array(each["values"]) - columns[name]).max() <= 0.0006, name
    for name, each in told["events"].items():
        assert np.abs(np.array(each).reshape(-1, 2) - columns[name]).max(initial=0) <= 6e-5, name
    assert [row["target"] for row in told["rows"]] == [row.target for row in modulation.rows]
    assert told["duration"] == 3.0
    assert told["sections"][0]["start"] == 0
    assert set(told["tempo"]) == {"bpm", "confidence"}


def test_a_row_of_a_stem_is_of_the_stem(
    ann: httpx.Client, bob: httpx.Client, song: Path, song_id: str, tmp_path: Path
) -> None:
    stem = tmp_path / "stem.wav"
    rng = np.random.default_rng(1)
    soundfile.write(stem, rng.uniform(-1, 1, (88_200, 2)) * np.linspace(0, 0.5, 88_200)[:, None], 44_100)
    stem_id = ann.post("/v1/songs", files={"audio": ("stem.wav", stem.read_bytes())}).json()["id"]
    fields = {
        "preset": "akma", "fps": "12", "channels": "left",
        "modulation": ["loudness@drums -> exposure 0.2", "loudness@drums -> contrast 0.2 band=100,500"],
    }  # fmt: skip
    told = ann.post(f"/v1/songs/{song_id}/analysis", json={**fields, "stems": {"drums": stem_id}}).json()
    settings = RenderSettings.parse(fields)
    reader = open_audio(song).mixed("left")
    curve = curve_of(loudness(reader, Fraction(12)), settings)
    modulation = resolve(settings, find_preset("akma"), own_curve=False)
    analysis = SongAnalysis(reader, Fraction(12), curve.values, {"stem:drums": stem}, modulation)
    columns, _ = compute_columns(modulation, analysis, curve.values, Fraction(12))
    assert sum("drums" in name for name in columns) == 2
    for name, column in columns.items():
        assert np.abs(np.array(told["curves"][name]["values"]) - column).max() <= 0.0006, name
    assert ann.post(f"/v1/songs/{song_id}/hits.csv", json={**fields, "stems": {"drums": stem_id}}).status_code == 200
    error(ann.post(f"/v1/songs/{song_id}/analysis", json=fields), 422, "bad_modulation")
    error(ann.post(f"/v1/songs/{song_id}/analysis", json={**fields, "stems": {"drums": "0" * 64}}), 404, "not_found")
    error(ann.post(f"/v1/songs/{song_id}/analysis", json={**fields, "stems": [stem_id]}), 422, "bad_setting")
    soundfile.write(tmp_path / "own.wav", rng.uniform(-1, 1, 48_000), 48_000)
    own = bob.post("/v1/songs", files={"audio": ("own.wav", (tmp_path / "own.wav").read_bytes())}).json()["id"]
    error(bob.post(f"/v1/songs/{own}/analysis", json={**fields, "stems": {"drums": stem_id}}), 404, "not_found")


def test_the_curve_of_one_channel(ann: httpx.Client, tmp_path: Path) -> None:
    sides = np.random.default_rng(5).uniform(-1, 1, (48_000, 2)) * np.stack([np.linspace(0, 1, 48_000)] * 2, axis=1)
    sides[:, 1] = sides[::-1, 1]
    soundfile.write(tmp_path / "sides.wav", sides, 48_000)
    sent = ann.post("/v1/songs", files={"audio": ("sides.wav", (tmp_path / "sides.wav").read_bytes())}).json()
    reader = open_audio(tmp_path / "sides.wav")
    for channels in ("left", "right", "mean"):
        settings = RenderSettings.parse({"channels": channels})
        told = ann.post(f"/v1/songs/{sent['id']}/analysis", json={"channels": channels}).json()
        curve, _ = song_curve(reader, settings.fps, settings)
        assert np.abs(np.array(told["curves"]["curve"]["values"]) - curve.values).max() <= 0.0006, channels


def test_part_of_the_curves(ann: httpx.Client, song_id: str) -> None:
    whole = ann.post(f"/v1/songs/{song_id}/analysis").json()["curves"]["curve"]
    part = ann.post(f"/v1/songs/{song_id}/analysis?start=1&end=2").json()["curves"]["curve"]
    assert part["values"] == whole["values"][30:60]
    coarse = ann.post(f"/v1/songs/{song_id}/analysis?points=9").json()["curves"]["curve"]
    assert (coarse["rate"], len(coarse["values"])) == (3.0, 9)
    assert coarse["values"][0] == max(whole["values"][:10])
    named = ann.post(f"/v1/songs/{song_id}/analysis?curve=curve").json()["curves"]
    assert named.pop("curve") == whole
    assert named
    assert all(each == {"rate": 30.0, "values": []} for each in named.values())
    none = ann.post(f"/v1/songs/{song_id}/analysis?curve=").json()["curves"]
    assert [*none] == ["curve", *named]
    assert none["curve"]["values"] == []


def test_edited_hits_take_the_place_of_found_ones(ann: httpx.Client, song_id: str) -> None:
    found = ann.post(f"/v1/songs/{song_id}/analysis").json()
    assert found["edited"] is False
    drawn = [{"time": 0.5, "strength": 1.0}, {"time": 1.25, "strength": 0.25, "drum": "kick"}]
    told = ann.post(f"/v1/songs/{song_id}/analysis", json={"hits": drawn[::-1]}).json()
    assert (told["hits"], told["edited"]) == (drawn, True)
    steps = next(events for name, events in told["events"].items() if name.startswith("hit"))
    assert [time for time, _ in steps] == [0.5, 1.25]
    club = ann.post(f"/v1/songs/{song_id}/analysis", json={"hits": drawn, "preset": "club"}).json()
    kicks = next(events for name, events in club["events"].items() if name.startswith("kick"))
    assert [time for time, _ in kicks] == [1.25]
    assert ann.post(f"/v1/songs/{song_id}/analysis", json={"hits": []}).json()["hits"] == []


def test_nothing_is_read_again_for_another_setting(served: Service, ann: httpx.Client, song_id: str) -> None:
    ann.post(f"/v1/songs/{song_id}/analysis", json={"fps": 30})
    kept = [entry for entry in served.storage.list(f"songs/{song_id}/") if "audio" not in entry.key]
    for number in range(12):
        ann.post(f"/v1/songs/{song_id}/analysis", json={"fps": 30, "compression": 1 + number / 8})
    assert [entry for entry in served.storage.list(f"songs/{song_id}/") if "audio" not in entry.key] == kept
    for fps in range(2, 20):
        ann.post(f"/v1/songs/{song_id}/analysis", json={"fps": fps})
    assert len([key for key in served.keys(f"songs/{song_id}/") if "loudness" in key]) == 8


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("csv", "text/csv"), ("json", "application/json"), ("edl", "text/plain"), ("fcpxml", "application/xml")],
)
def test_hits_as_files(ann: httpx.Client, song_id: str, suffix: str, kind: str) -> None:
    drawn = [{"time": 0.5, "strength": 0.75, "drum": "kick"}]
    answer = ann.post(f"/v1/songs/{song_id}/hits.{suffix}", json={"hits": drawn, "fps": 25})
    assert answer.headers["Content-Type"].startswith(kind)
    assert f"hits.{suffix}" in answer.headers["Content-Disposition"]
    if suffix == "json":
        assert answer.json()["hits"] == drawn
    else:
        mark = {"csv": "0.5,0.75,kick", "edl": "01:00:00:12 01:00:00:13", "fcpxml": 'start="12/25s"'}[suffix]
        assert mark in answer.text
    assert ann.post(f"/v1/songs/{song_id}/hits.exe").status_code == 422


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"hits": [{"time": 9}]}, 422, "bad_setting"),
        ({"hits": [{"time": -1}]}, 422, "bad_setting"),
        ({"hits": [{"time": 1, "strength": 2}]}, 422, "bad_setting"),
        ({"hits": [{"time": 1, "drum": "bongo"}]}, 422, "bad_setting"),
        ({"hits": [[1, 2, 3]]}, 422, "bad_setting"),
        ({"hits": "[NaN]"}, 422, "bad_setting"),
        ({"hits": {"time": 1}}, 422, "bad_setting"),
        ({"hits": [0.1] * (MAX_HITS + 1)}, 422, "bad_setting"),
        ({"bogus": 1}, 422, "unknown_setting"),
        ({"modulation": ["file:x -> walk.blend"]}, 422, "bad_modulation"),
        ({"modulation": ["bogus -> walk.blend"]}, 422, "bad_setting"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bodies_that_make_no_sense(ann: httpx.Client, song_id: str, sent: object, status: int, code: str) -> None:
    message = error(ann.post(f"/v1/songs/{song_id}/analysis", json=sent), status, code)
    assert len(message) < 400


@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"fps": NaN}', b'{"fps": 1, "fps": 2}', b"\xff", b"[" * 50_000, b'{"a":' * 20 + b"1"]
)
def test_bodies_that_are_no_json(ann: httpx.Client, song_id: str, data: bytes) -> None:
    answer = ann.post(f"/v1/songs/{song_id}/analysis", content=data)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] in ("bad_setting", "bad_body")


def test_a_body_without_end(ann: httpx.Client, song_id: str) -> None:
    body = io.BytesIO(b'{"a": "' + b"x" * (9 << 20))
    error(ann.post(f"/v1/songs/{song_id}/analysis", content=body.getvalue()), 413, "too_large")


def test_songs_of_others(bob: httpx.Client, ann: httpx.Client, song_id: str) -> None:
    error(bob.post(f"/v1/songs/{song_id}/analysis"), 404, "not_found")
    error(bob.post(f"/v1/songs/{song_id}/hits.csv"), 404, "not_found")
    assert json.loads(ann.post(f"/v1/songs/{song_id}/analysis").content)["fps"] == "30"
