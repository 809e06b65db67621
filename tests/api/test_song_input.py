"""`song=` in place of `audio`, in every route that takes a song."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api_service import Service, error, hand


@pytest.fixture
def song_id(ann: httpx.Client, song: Path) -> str:
    found: str = ann.post("/v1/songs", files={"audio": (song.name, song.read_bytes())}).json()["id"]
    return found


def form(**fields: str) -> dict[str, tuple[None, str]]:
    """A multipart form without a file, as curl -F sends it."""
    return {name: (None, value) for name, value in fields.items()}


def test_a_render_of_a_kept_song(served: Service, ann: httpx.Client, song: Path, song_id: str) -> None:
    told = ann.post("/v1/renders", files=form(song=song_id, fps="8")).json()
    assert (told["status"], told["song"], told["name"], told["frames_total"]) == ("queued", song_id, song.name, 24)
    render = served.database.get(told["id"])
    assert render is not None
    assert served.storage.get_bytes(render.audio) == song.read_bytes()
    assert served.keys(f"renders/{told['id']}/") == []
    same = ann.post("/v1/renders", files={"audio": (song.name, song.read_bytes())}, data={"fps": "8"}).json()
    other = served.database.get(same["id"])
    assert other is not None
    assert other.fingerprint == render.fingerprint
    assert same["song"] is None
    assert ann.get(f"/v1/songs/{song_id}").json()["expires_at"] is None


def test_a_render_as_json(ann: httpx.Client, song_id: str) -> None:
    sent = {"song": song_id, "settings": {"fps": "8", "hits": [0.5]}, "metadata": {"a": 1}}
    told = ann.post("/v1/renders", json=sent).json()
    assert (told["settings"]["fps"], told["metadata"]) == ("8", {"a": 1})
    assert told["settings"]["hits"] == [{"time": 0.5, "strength": 1.0}]
    again = [ann.post("/v1/renders", json=sent, headers={"Idempotency-Key": "k"}).json()["id"] for _ in range(2)]
    assert again[0] == again[1]
    error(ann.post("/v1/renders", json={**sent, "fps": 9}), 422, "bad_setting")
    error(ann.post("/v1/renders", json={"song": song_id, "settings": []}), 422, "bad_setting")


def test_the_curve_and_stills_of_a_kept_song(served: Service, ann: httpx.Client, song: Path, song_id: str) -> None:
    kept = ann.post("/v1/waveform", files=form(song=song_id, fps="8")).json()
    sent = ann.post("/v1/waveform", files={"audio": (song.name, song.read_bytes())}, data={"fps": "8"}).json()
    assert kept == sent
    with hand(served) as requests:
        answer = ann.post("/v1/preview", files=form(song=song_id, times="1"), headers={"Accept": "application/json"})
    assert [still["frame"] for still in answer.json()["stills"]] == [30]
    assert requests[0]["audio"].startswith(f"songs/{song_id}/audio")
    assert served.storage.exists(requests[0]["audio"])


@pytest.mark.parametrize("path", ["renders", "waveform", "preview"])
def test_songs_that_are_none(ann: httpx.Client, bob: httpx.Client, song: Path, song_id: str, path: str) -> None:
    error(bob.post(f"/v1/{path}", files=form(song=song_id)), 404, "not_found")
    error(ann.post(f"/v1/{path}", files=form(song="0" * 64)), 404, "not_found")
    for wrong in ("x", "../" * 10, "A" * 64):
        error(ann.post(f"/v1/{path}", files=form(song=wrong)), 422, "bad_setting")
    both = {"audio": (song.name, song.read_bytes()), **form(song=song_id)}
    assert "both given" in error(ann.post(f"/v1/{path}", files=both), 422, "bad_setting")  # type: ignore[arg-type]
    for sent in ({}, {"song": 7}, {"song": None}, {"song": [song_id]}):
        error(ann.post(f"/v1/{path}", json=sent), 422, "bad_setting")


def test_a_song_whose_bytes_are_gone(served: Service, ann: httpx.Client, song: Path, song_id: str) -> None:
    key = next(key for key in served.keys(f"songs/{song_id}/") if "audio" in key)
    served.storage.delete(key)
    error(ann.post("/v1/renders", files=form(song=song_id)), 404, "not_found")
    error(ann.get(f"/v1/songs/{song_id}/audio"), 404, "not_found")
    assert ann.post("/v1/songs", files={"audio": (song.name, song.read_bytes())}).status_code == 200
    assert ann.get(f"/v1/songs/{song_id}/audio").status_code == 200


def test_stems_of_a_render(served: Service, ann: httpx.Client, bob: httpx.Client, song_id: str) -> None:
    row = {"preset": "pulse", "modulation": ["kick@drums -> pull 0.4"], "fps": "8"}
    sent = {"song": song_id, "settings": row, "stems": {"drums": song_id}}
    told = ann.post("/v1/renders", json=sent).json()
    render = served.database.get(told["id"])
    assert render is not None
    assert render.files is not None
    assert json.loads(render.files) == {"stem:drums": render.audio}
    as_form = form(song=song_id, settings=json.dumps(row), stems=json.dumps({"drums": song_id}))
    other = served.database.get(ann.post("/v1/renders", files=as_form).json()["id"])
    assert other is not None
    assert other.fingerprint == render.fingerprint
    assert "there is no stem drums" in error(
        ann.post("/v1/renders", json={"song": song_id, "settings": row}), 422, "bad_modulation"
    )
    error(ann.post("/v1/renders", json={**sent, "stems": {"drums": "0" * 64}}), 404, "not_found")
    for wrong in (
        {"mix": song_id},
        {"a b": song_id},
        [song_id],
        {str(k): song_id for k in range(9)},
        {"drums": 1},
        "{",
    ):
        error(ann.post("/v1/renders", json={**sent, "stems": wrong}), 422, "bad_setting")
    assert bob.get("/v1/songs").status_code == 200


def test_curves_of_a_render(served: Service, ann: httpx.Client, song: Path, song_id: str) -> None:
    text, rows = "time,value\n0,0\n3,1\n", ["file:light -> exposure 0.2", "file:marks -> pull 0.4"]
    settings = {"fps": "8", "modulation": rows, "curves": {"light": text, "marks": [0.5, [1, 0.25]]}}
    told = ann.post("/v1/renders", json={"song": song_id, "settings": settings}).json()
    assert told["settings"]["curves"]["marks"] == {"events": [[0.5, 1.0], [1.0, 0.25]]}
    as_form: dict[str, Any] = {
        "audio": (song.name, song.read_bytes()),
        "curve_light": ("light.csv", text.encode(), "text/csv"),  # as curl -F curve_light=@light.csv sends it
        "curve_marks": (None, b"[0.5, [1, 0.25]]"),
    }
    sent = {"fps": "8", "modulation": json.dumps(rows)}
    other = ann.post("/v1/renders", files=as_form, data=sent).json()
    renders = [served.database.get(each["id"]) for each in (told, other)]
    assert renders[0] is not None
    assert renders[1] is not None
    assert renders[0].fingerprint == renders[1].fingerprint
    told = ann.post(f"/v1/songs/{song_id}/analysis", json=settings).json()
    assert told["curves"]["file:light"]["values"][:4] == [0, 0.042, 0.083, 0.125]
    assert told["events"]["file:marks"] == [[0.5, 1.0], [1.0, 0.25]]
    drawn = ann.post("/v1/waveform", files=as_form, data=sent).json()
    assert drawn["events"]["file:marks"] == [[0.5, 1.0], [1.0, 0.25]]


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (b"time,value\n0,x\n", "curves light, line 2: strength or value must be a number"),
        (b"", "curves light: is empty"),
        (b"\xff\xfe", "curve_light is not UTF-8 text"),
        (b"[" * 5000, "curves light: is not JSON that can be read"),
    ],
)
def test_wrong_curves_are_one_line(ann: httpx.Client, song_id: str, curve: bytes, words: str) -> None:
    sent = {**form(song=song_id, modulation="file:light -> exposure"), "curve_light": ("light.csv", curve)}
    answer = ann.post("/v1/renders", files=sent)  # type: ignore[arg-type]
    assert answer.status_code in (400, 422)
    assert words in answer.json()["error"]["message"]


def test_a_row_of_no_curve(ann: httpx.Client, song_id: str) -> None:
    wrong = {"modulation": ["file:light -> exposure"]}
    for path, sent in (("renders", {"song": song_id, "settings": wrong}), (f"songs/{song_id}/analysis", wrong)):
        message = error(ann.post(f"/v1/{path}", json=sent), 422, "bad_modulation")
        assert "row 1 (file:light -> exposure): there is no curve light: give it in curves" in message
    both = {**form(song=song_id, curves='{"a": [1]}'), "curve_b": (None, "[1]")}
    assert "curves is given twice" in error(ann.post("/v1/renders", files=both), 422, "bad_setting")
