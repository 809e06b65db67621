import base64
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from akma_core.api.routes import health, preview
from akma_core.audio.reader import loudness, open_audio
from akma_core.errors import FailureError, RequestError
from akma_core.modulation.envelope import reactive_curve
from akma_core.settings import RenderSettings
from tests.support.api_service import Service, error, hand
from tests.support.songs import bad_song

PNG, JSON = {"Accept": "image/png"}, {"Accept": "application/json"}


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker, whatever tests before this one had."""
    monkeypatch.setattr("akma_core.database.Database.workers", lambda *_: [])


def post(
    client: httpx.Client, path: str, song: Path | None = None, accept: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    files: Any = {"audio": (song.name, song.read_bytes())} if song else {}
    if song is None:  # a multipart form all the same, as curl -F sends it
        files = {name: (None, str(value).encode()) for name, value in fields.items()}
        fields = {}
    return client.post(f"/v1/{path}", files=files, data=fields, headers=accept)


def size(response: httpx.Response) -> tuple[int, int]:
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png"), response.text
    return Image.open(io.BytesIO(response.content)).size


# --- the curve -------------------------------------------------------------------------------------------------


def test_the_curve(served: Service, ann: httpx.Client, song: Path) -> None:
    response = post(ann, "waveform", song, fps="8", window_length="5", start="1")
    assert response.headers["Content-Type"] == "application/json"
    told = response.json()
    curve = reactive_curve(loudness(open_audio(song), RenderSettings.parse({"fps": 8}).fps), window_length=5)
    assert (told["fps"], told["first_frame"], told["frames"]) == ("8", 8, 16)
    assert told["curve"] == curve.values[8:].tolist()
    assert size(post(ann, "waveform", song, PNG)) == (1600, 500)
    assert post(ann, "waveform", song, settings='{"fps": 9}').json()["frames"] == 27
    assert served.leftovers == []


@pytest.mark.parametrize("name", ["form-filename-star.bin", "form-no-filename.bin", "form-json-blob.bin"])
def test_forms_as_clients_send_them(ann: httpx.Client, name: str) -> None:
    body = (Path(__file__).parents[2] / "golden" / "cases" / name).read_bytes()
    response = ann.post("/v1/waveform", content=body, headers={"Content-Type": "multipart/form-data; boundary=B"})
    assert response.status_code == 200, response.text
    assert response.json()["fps"] == ("24" if "json" in name else "30")


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"fps": "0"}, "bad_setting", "fps should be between 1 and 240"),
        ({"start": "3"}, "bad_setting", "start 3 is beyond the end of the song (3.000 seconds)"),
        ({"model": "ink"}, "unknown_setting", "unknown setting 'model'"),
        ({"bogus": "1"}, "unknown_setting", "unknown setting 'bogus'"),
    ],
    ids=str,
)
def test_curves_that_are_none(ann: httpx.Client, song: Path, fields: dict[str, Any], code: str, says: str) -> None:
    assert says in error(post(ann, "waveform", song, **fields), 422, code)


@pytest.mark.parametrize("name", ["text", "truncated header", "zero frames", "NaN"])
@pytest.mark.parametrize("path", ["waveform", "preview"])
def test_songs_that_are_none(served: Service, ann: httpx.Client, tmp_path: Path, path: str, name: str) -> None:
    response = post(ann, path, bad_song(name, tmp_path))
    assert error(response, 422, response.json()["error"]["code"]).startswith(f"{name}.wav: ")
    assert served.leftovers == served.keys("previews/") == []


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"), ("", "application/json"), ("image/png", "image/png"), ("image/*", "image/png"),
        ("image/png;q=0.5, application/json;q=0.4", "image/png"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/json;q=0, */*", "image/png"), ("text/html", None), ("image/png;q=0", None),
    ],
)  # fmt: skip
def test_what_is_accepted(ann: httpx.Client, song: Path, accept: str, kind: str | None) -> None:
    response = post(ann, "waveform", song, {"Accept": accept})
    if kind is None:
        error(response, 406, "not_acceptable")
    else:
        assert response.headers["Content-Type"] == kind


# --- stills ----------------------------------------------------------------------------------------------------


def test_stills_of_a_song(served: Service, ann: httpx.Client, song: Path) -> None:
    with hand(served) as requests:
        assert size(post(ann, "preview", song, fps="8")) == (64, 64)
        assert size(post(ann, "preview", song, PNG, times="0, 1.5,2.9", start="0")) == (64, 64)
        stills = post(ann, "preview", song, JSON, start="1", duration="1").json()["stills"]
    assert [request["times"] for request in requests] == [
        [0.375, 1.125, 1.875, 2.625],
        [0, 1.5, 2.9],
        [1.125, 1.375, 1.625, 1.875],
    ]
    assert requests[0]["settings"] == RenderSettings.parse({"fps": 8}).model_dump(mode="json", by_alias=True)
    assert requests[0]["audio"] == f"previews/{requests[0]['id']}/audio.wav"
    assert [(still["time"], still["seed"]) for still in stills] == [(time, None) for time in requests[2]["times"]]
    sides = [Image.open(io.BytesIO(base64.b64decode(still["png"]))).width for still in stills]
    assert sides == [16, 17, 18, 19]
    assert served.leftovers == served.keys("previews/") == []


def test_stills_of_seeds(served: Service, ann: httpx.Client) -> None:
    with hand(served) as requests:
        assert size(post(ann, "preview", seeds="0-8", truncation_psi="0.7")) == (64, 64)
        stills = post(ann, "preview", None, JSON, seeds="3,5", settings='{"fps": 24}').json()["stills"]
    assert (requests[0]["audio"], requests[0]["times"], requests[0]["seeds"]) == (None, [], list(range(9)))
    assert requests[0]["settings"]["truncation_psi"] == 0.7
    assert [still["seed"] for still in stills] == [3, 5]
    assert served.keys("previews/") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"times": "3"}, "times"), ({"times": "x"}, "times"), ({"times": ""}, "times"), ({"times": "-1"}, "times"),
        ({"times": ",".join("1" * 10)}, "times"), ({"times": "nan"}, "times"),
        ({"times": "0.5", "start": "1"}, "times"), ({"seeds": "1"}, "seeds"), ({"fps": "x"}, "fps"),
        ({"model": "../x"}, "model"), ({"settings": '{"times": 1}'}, "times"),
        ({"webhook_url": "https://example.com"}, "webhook_url"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_wishes(served: Service, ann: httpx.Client, song: Path, fields: dict[str, Any], field: str) -> None:
    with hand(served) as requests:
        response = post(ann, "preview", song, **fields)
        error(response, 422, response.json()["error"]["code"])
        assert response.json()["error"].get("field") == field
    assert [*requests, *served.leftovers, *served.keys("previews/")] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"seeds": "x"}, "seeds"), ({"seeds": "0-9"}, "seeds"), ({"seeds": ""}, "seeds"),
     ({"seeds": "1", "model": "y"}, "model"), ({"fps": "30"}, "audio"), ({"seeds": "1", "times": "1"}, "times")],
    ids=str,
)  # fmt: skip
def test_wrong_wishes_without_a_song(ann: httpx.Client, fields: dict[str, Any], field: str) -> None:
    response = post(ann, "preview", **fields)
    error(response, 422, response.json()["error"]["code"])
    assert response.json()["error"]["field"] == field


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("0123456789.,-x ٣"), max_size=12))
def test_times_are_in_the_song_or_refused(text: str) -> None:
    try:
        moments = preview._times(text, 1.0, 10.0)
    except RequestError as caught:
        refused: Any = caught
    else:
        refused = None
        assert 1 <= len(moments) <= 9
        assert all(1 <= moment < 10 for moment in moments)
    if refused:
        assert (refused.code, refused.field) == ("bad_setting", "times")


def test_nobody_to_make_stills(served: Service, ann: httpx.Client, song: Path, idle: None) -> None:
    del idle
    refused = post(ann, "preview", song)
    assert "no worker is there" in error(refused, 503, "no_worker")
    assert served.leftovers == served.keys("previews/") == []


def test_a_worker_without_time(served: Service, ann: httpx.Client, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.database.beat("busy", "1", "cpu", "cpu", 0)
    monkeypatch.setattr(preview, "PREVIEW_SECONDS", 0.3)
    began = time.monotonic()
    assert "within 0.3 seconds" in error(post(ann, "preview", song), 504, "no_answer")
    assert time.monotonic() - began < 5
    assert served.keys("previews/") == []


def test_a_worker_that_fails(served: Service, ann: httpx.Client, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise FailureError("the device is lost", code="device_lost")

    monkeypatch.setattr("tests.support.api_service._preview", fail)
    served.database.claim("busy")  # what the test before left
    with hand(served):
        assert error(post(ann, "preview", song), 500, "device_lost") == "the device is lost"
    assert served.keys("previews/") == []


# --- health ----------------------------------------------------------------------------------------------------


@pytest.fixture
def each_time() -> Iterator[None]:
    """The health is checked for whoever asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(health, "FRESH", 0.0)
        yield


@pytest.mark.usefixtures("each_time")
def test_health(served: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.client("") as nobody:
        with hand(served):
            response = nobody.get("/v1/health")
            assert (response.status_code, response.json()["status"]) == (200, "ready")
            assert response.json()["workers"] >= 1
            monkeypatch.setattr(health, "TIMEOUT", 0.2)
            monkeypatch.setattr("akma_core.storage.FileStorage.size", lambda *_: time.sleep(1))
            began = time.monotonic()
            response = nobody.get("/v1/health")
            assert (response.status_code, response.json()["status"]) == (503, "unready")
            assert "in time" in response.json()["reason"]
            assert time.monotonic() - began < 0.9
            monkeypatch.undo()
            time.sleep(1)
        monkeypatch.setattr("akma_core.database.Database.workers", lambda *_: [])
        response = nobody.get("/v1/health")
        assert (response.status_code, response.json()["workers"]) == (503, 0)
        assert "no worker" in response.json()["reason"]


def test_health_is_checked_once_a_second(served: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[int] = []

    def workers(*_: Any) -> list[Any]:
        checked.append(1)
        return []

    monkeypatch.setattr("akma_core.database.Database.workers", workers)
    time.sleep(health.FRESH)
    with served.client("") as nobody:
        for _ in range(5):
            assert "no worker" in nobody.get("/v1/health").json()["reason"]
        assert len(checked) == 1
        time.sleep(health.FRESH)
        nobody.get("/v1/health")
    assert len(checked) == 2


@pytest.mark.usefixtures("each_time")
def test_health_when_the_database_is_gone(served: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise FailureError("the database does not answer (gone)", code="database_unreachable")

    monkeypatch.setattr("akma_core.database.Database.workers", gone)
    with served.client("") as nobody:
        response = nobody.get("/v1/health")
    assert (response.status_code, json.loads(response.text)["reason"]) == (
        503,
        "the database does not answer: try again later",
    )
