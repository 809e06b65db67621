"""Stills, clips and estimates of kept songs, with a real worker: the frames are those of the render."""

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from akma_core.audio.reader import digest, open_audio
from akma_core.settings import RenderSettings
from runners.device import Device
from tests.support.api_service import Service, error
from tests.support.songs import write_song
from tests.support.working import NAME, working


@pytest.fixture(scope="module")
def device(served: Service, network: Path) -> Iterator[Device]:
    with working(served, network) as device:
        yield device


@pytest.fixture
def song_id(ann: httpx.Client, song: Path) -> str:
    found: str = ann.post("/v1/songs", files={"audio": (song.name, song.read_bytes())}).json()["id"]
    return found


def rendered(device: Device, song: Path, frames: list[int], **settings: Any) -> list[np.ndarray]:
    """Those frames as a render makes them; `stem`: a file that rows call drums."""
    files = {"stem:drums": settings.pop("stem")} if "stem" in settings else {}
    wish = RenderSettings.parse({"model": NAME, **settings})
    reader = open_audio(song)
    planned = device.complete(device.plan(wish, reader, digest(song)), reader, files=files)
    return device.frames(planned.plan, planned.columns, frames)


def test_stills_are_the_frames_of_the_render(ann: httpx.Client, device: Device, song: Path, song_id: str) -> None:
    settings = {"model": NAME, "fps": "10", "hits": [0.5, [1.5, 0.5]], "preset": "pulse"}
    sent = {"settings": settings, "times": [0.5, 1.52, 3.0], "size": 64}
    told = ann.post(f"/v1/songs/{song_id}/stills", json=sent).json()["stills"]
    assert [still["frame"] for still in told] == [5, 15, 29]
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(still["png"])))) for still in told]
    for picture, expected in zip(pictures, rendered(device, song, [5, 15, 29], **settings), strict=True):
        assert np.array_equal(picture, expected)
    wide = {"settings": {**settings, "size": "128x32", "upscale": "realesr-animevideov3"}, "times": [1], "size": 32}
    (still,) = ann.post(f"/v1/songs/{song_id}/stills", json=wide).json()["stills"]
    assert Image.open(io.BytesIO(base64.b64decode(still["png"]))).size == (32, 16)
    shaped = {"settings": {**settings, "shape": "2:1"}, "times": [1], "size": 64}
    (still,) = ann.post(f"/v1/songs/{song_id}/stills", json=shaped).json()["stills"]
    assert Image.open(io.BytesIO(base64.b64decode(still["png"]))).size == (64, 32)


ROW = "loudness@drums -> exposure 1"


def test_stills_with_a_stem(ann: httpx.Client, device: Device, song: Path, song_id: str, tmp_path: Path) -> None:
    stem = write_song(tmp_path / "stem.wav", 2)
    stem_id = ann.post("/v1/songs", files={"audio": ("stem.wav", stem.read_bytes())}).json()["id"]
    settings: dict[str, Any] = {
        "model": NAME,
        "fps": "10",
        "preset": "akma",
        "modulation": ["loudness@drums -> exposure 1"],
    }
    sent = {"settings": settings, "times": [0.5, 1.5], "size": 64, "stems": {"drums": stem_id}}
    told = ann.post(f"/v1/songs/{song_id}/stills", json=sent).json()["stills"]
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(still["png"])))) for still in told]
    for picture, expected in zip(pictures, rendered(device, song, [5, 15], stem=stem, **settings), strict=True):
        assert np.array_equal(picture, expected)
    plain = rendered(device, song, [5], **{**settings, "modulation": []})
    assert not np.array_equal(pictures[0], plain[0])
    clip = {"settings": settings, "stems": {"drums": stem_id}, "duration": 0.5, "size": "64x64", "fps": 10}
    answer = ann.post(f"/v1/songs/{song_id}/clip", json=clip)
    assert (answer.status_code, answer.headers["AKMA-Frames"]) == (200, "5")
    error(ann.post(f"/v1/songs/{song_id}/stills", json={**sent, "stems": {}}), 422, "bad_modulation")


def test_a_clip_has_every_kth_frame_and_its_sound(
    served: Service, ann: httpx.Client, device: Device, song: Path, song_id: str
) -> None:
    settings = {"model": NAME, "fps": "10", "preset": "pulse", "start": 0.5}
    sent = {"settings": settings, "start": 1, "duration": 1.5, "fps": 5, "size": "64x64"}
    answer = ann.post(f"/v1/songs/{song_id}/clip", json=sent)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert (answer.headers["AKMA-Frames"], answer.headers["AKMA-First-Frame"], answer.headers["AKMA-Step"]) == (
        "8", "10", "2",
    )  # fmt: skip
    assert float(answer.headers["AKMA-Render-Seconds"]) > 0
    with av.open(io.BytesIO(answer.content), "r") as clip:
        assert clip.streams.video[0].average_rate == Fraction(5)
        pictures = [frame.to_ndarray(format="rgb24").astype(np.float64) for frame in clip.decode(video=0)]
        assert abs(float(clip.duration or 0) / 1e6 - 1.6) < 0.1
        assert len(clip.streams.audio) == 1
    expected = rendered(device, song, list(range(10, 25, 2)), **settings)
    for picture, frame in zip(pictures, expected, strict=True):
        assert np.abs(picture - frame).mean() < 12  # of 255, after H.264 with colour at half the size
    assert served.keys("previews/") == []


@pytest.mark.usefixtures("device")
def test_a_moved_hit_moves_the_clip(ann: httpx.Client, song_id: str) -> None:
    clips = []
    for hit in (1.0, 1.5, 1.0):
        settings = {"model": NAME, "fps": "10", "preset": "pulse", "hits": [hit]}
        sent = {"settings": settings, "start": 0.5, "duration": 1.5, "size": "64x64"}
        clips.append(ann.post(f"/v1/songs/{song_id}/clip", json=sent).content)
    assert clips[0] == clips[2] != clips[1]


@pytest.mark.usefixtures("device")
def test_estimates(ann: httpx.Client, song_id: str) -> None:
    settings = {"model": NAME, "fps": "10"}
    sent = {"settings": settings, "start": 1, "duration": 1.5, "fps": 5, "size": "64x64", "estimate": True}
    clip = ann.post(f"/v1/songs/{song_id}/clip", json=sent).json()
    assert clip["frames"] == 8
    assert 0 < clip["seconds"] < 30
    assert (clip["device"], clip["waiting"]) == ("CPU", 0)
    whole = ann.post("/v1/renders/estimate", json={"song": song_id, "settings": {**settings, "start": 1}}).json()
    assert (whole["frames"], whole["width"], whole["height"], whole["devices"]) == (20, 64, 64, 1)
    assert whole["seconds"] == pytest.approx(clip["seconds"] / 8 * 20, abs=0.06)
    assert whole["device"] == "CPU"
    # What a clip has taken is what the next estimate says.
    made = ann.post(f"/v1/songs/{song_id}/clip", json={**sent, "estimate": False})
    after = ann.post(f"/v1/songs/{song_id}/clip", json=sent).json()
    assert after["seconds"] == pytest.approx(float(made.headers["AKMA-Render-Seconds"]), abs=0.01)


def test_seeds_as_pictures(ann: httpx.Client, device: Device) -> None:
    model = ann.get(f"/v1/models/{NAME}").json()
    path = model["seeds"].replace("{seed}", "7")
    answer = ann.get(path, params={"v": model["digest"][:16], "size": 32})
    assert "immutable" in answer.headers["Cache-Control"]
    picture = np.asarray(Image.open(io.BytesIO(answer.content)), np.float64)
    assert picture.shape == (32, 32, 3)
    (made,) = device.stills(RenderSettings.parse({"model": NAME}), [7])
    small = np.asarray(Image.fromarray(made).resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    assert np.abs(picture - small).mean() < 12
    assert ann.get(path, headers={"If-None-Match": ann.get(path).headers["ETag"]}).status_code == 304
    assert ann.head(path).status_code == 200
    other = ann.get(f"/v1/models/{NAME}/seeds/7.jpg?size=32&truncation_psi=0.5")
    assert other.headers["Cache-Control"] == "private, no-cache"
    assert other.content != answer.content
    error(ann.get(f"/v1/models/{NAME}/seeds/7.jpg?v={'0' * 16}"), 404, "not_found")
    error(ann.get(f"/v1/models/{NAME}/seeds/7.jpg?class=3"), 422, "bad_setting")
    error(ann.get("/v1/models/nobody/seeds/7.jpg"), 422, "unknown_model")
    for wrong in ("seeds/-1.jpg", "seeds/4294967296.jpg", "seeds/x.jpg", "seeds/7.jpg?size=4000", "seeds/7.png"):
        assert ann.get(f"/v1/models/{NAME}/{wrong}").status_code in (404, 422)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("stills", {}),
        ("stills", {"times": []}),
        ("stills", {"times": [1] * 10}),
        ("stills", {"times": [4]}),
        ("stills", {"times": ["1"]}),
        ("stills", {"times": [True]}),
        ("stills", {"times": [1], "size": 8}),
        ("stills", {"times": [1], "settings": []}),
        ("stills", {"times": [1], "settings": {"fps": 0}}),
        ("clip", {"start": 4}),
        ("clip", {"duration": 9}),
        ("clip", {"duration": 0}),
        ("clip", {"fps": 500}),
        ("clip", {"size": "9999x9999"}),
        ("clip", {"size": 128}),
        ("clip", {"bogus": 1}),
        ("clip", {"settings": {"model": "../../etc"}}),
        ("clip", {"settings": {"hits": [99]}}),
    ],
    ids=str,
)
@pytest.mark.usefixtures("device")
def test_what_cannot_be(ann: httpx.Client, song_id: str, path: str, sent: dict[str, Any]) -> None:
    answer = ann.post(f"/v1/songs/{song_id}/{path}", json=sent)
    assert answer.status_code == 422, answer.text
    assert "\n" not in answer.json()["error"]["message"]


def test_songs_of_others(bob: httpx.Client, song_id: str) -> None:
    error(bob.post(f"/v1/songs/{song_id}/stills", json={"times": [1]}), 404, "not_found")
    error(bob.post(f"/v1/songs/{song_id}/clip", json={}), 404, "not_found")
    error(bob.post("/v1/renders/estimate", json={"song": song_id}), 404, "not_found")
    error(bob.post("/v1/renders/estimate", json={}), 422, "bad_setting")
