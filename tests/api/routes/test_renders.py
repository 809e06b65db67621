import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akma_core.audio.reader import digest
from akma_core.database import ChunkProgress
from akma_core.settings import RenderSettings
from tests.support.api_service import KEYS, Service, error, service, submit
from tests.support.songs import bad_song, write_song
from tests.support.web import talk

TINY: dict[str, Any] = {"fps": "8", "window_length": "5", "size": "64x64"}
ID = "0123456789abcdef" * 2


# --- submitting ------------------------------------------------------------------------------------------------


def test_a_song_is_accepted(served: Service, ann: httpx.Client, song: Path) -> None:
    response = submit(ann, song, **TINY)
    assert response.status_code == 202
    told = response.json()
    assert response.headers["Location"] == told["links"]["self"] == f"/v1/renders/{told['id']}"
    assert (told["status"], told["stage"], told["name"], told["model"]) == ("queued", "waiting", "song.wav", "ink")
    assert (told["frames_total"], told["frames_done"], told["duration"]) == (24, 0, 3.0)
    assert (told["width"], told["height"], told["fps"]) == (64, 64, "8")
    assert (told["frames_per_second"], told["seconds_left"], told["error"], told["webhook"]) == (None,) * 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["created"])
    assert told["settings"] == RenderSettings.parse(TINY).model_dump(mode="json", by_alias=True)
    assert served.storage.get_bytes(f"renders/{told['id']}/audio.wav") == song.read_bytes()
    assert served.leftovers == []
    assert ann.get(told["links"]["self"]).json()["id"] == told["id"]


def test_settings_as_json_and_songs_of_any_name(ann: httpx.Client, song: Path) -> None:
    wish = {"settings": json.dumps({"fps": 8, "seeds_top": [3, 14, 15, 16]}), "seeds_bottom": "1-4"}
    with song.open("rb") as file:
        told = ann.post("/v1/renders", files={"audio": ("../../Lied ü.WAV", file)}, data=wish).json()
    assert (told["name"], told["fps"]) == ("Lied ü.WAV", "8")
    assert (told["settings"]["seeds_top"], told["settings"]["seeds_bottom"]) == ([3, 14, 15, 16], [1, 2, 3, 4])


def test_an_idempotency_key(served: Service, ann: httpx.Client, bob: httpx.Client, song: Path) -> None:
    key = {"Idempotency-Key": "once"}
    first, again, other = (submit(client, song, key, **TINY) for client in (ann, ann, bob))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    error(submit(ann, song, key, fps="9"), 409, "idempotency_conflict")
    error(submit(ann, song, {"Idempotency-Key": "x" * 201}), 422, "bad_header")
    assert len(served.database.page("bob", None, 99)) == 1


def test_the_same_key_at_the_same_time(served: Service, song: Path) -> None:
    with served.client("bob") as client, ThreadPoolExecutor(8) as pool:
        before = served.keys("renders/")
        answers = list(pool.map(lambda _: submit(client, song, {"Idempotency-Key": "race"}, **TINY), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    (render_id,) = {answer.json()["id"] for answer in answers}
    assert set(served.keys("renders/")) - set(before) == {f"renders/{render_id}/audio.wav"}


def test_a_full_queue_says_when_to_come_back(tmp_path: Path, song: Path) -> None:
    with service(tmp_path, max_queued_jobs=2, max_jobs_per_key=1) as served, served.client("ann") as client:
        assert submit(client, song, {"Idempotency-Key": "a"}, **TINY).status_code == 202
        full = submit(client, song, **TINY)
        assert "1 of your renders" in error(full, 429, "queue_full")
        assert int(full.headers["Retry-After"]) > 0
        assert submit(client, song, {"Idempotency-Key": "a"}, **TINY).status_code == 202
        with served.client("bob") as other:
            assert submit(other, song, **TINY).status_code == 202
        head = f"POST /v1/renders HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEYS['root']}\r\nConnection: close\r\n"
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000000\r\n\r\n"
        refused = talk(int(served.url.rpartition(":")[2]), head.encode())  # before a body that never comes
        assert refused.startswith(b"HTTP/1.1 429")
        assert b"the queue is full (2 renders" in refused
        assert len(served.keys("renders/")) == 2


# --- what is refused, in the command line's words ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"window_length": 32}, "window_length should be odd"),
        ({"window_length": 0}, "window_length"),
        ({"window_length": 5, "polyorder": 5}, "polyorder should be smaller than window_length (5)"),
        ({"compression": 0}, "compression should be greater than 0"),
        ({"compression": "nan"}, "compression"),
        ({"fps": 0}, "fps should be between 1 and 240"),
        ({"fps": "fast"}, "fps should be a number of frames a second"),
        ({"start": 3}, "start 3 is beyond the end of the song (3.000 seconds)"),
        ({"start": 1e300}, "start"),
        ({"start": -1}, "start"),
        ({"duration": 0}, "duration"),
        ({"bogus": 1}, "unknown setting 'bogus'"),
        ({"seeds_top_num": 3}, "seeds_top_num"),
        ({"seeds_top": "1,2,3"}, "seeds_top should have at least 4"),
        ({"seeds_top": "1,2,3,x"}, "seeds_top should be seeds such as"),
        ({"seeds_bottom": "4-1"}, "seeds_bottom"),
        ({"seed": 2**32}, "seed"),
        ({"model": "inks"}, "unknown model 'inks'"),
        ({"model": "../ink"}, "unknown model '../ink'"),
        ({"class": 1}, "class 1 does not exist"),
        ({"truncation_psi": "much"}, "truncation_psi"),
        ({"crf": 99}, "crf"),
        ({"bit_rate": "1"}, "bit_rate"),
        ({"audio_codec": "mp3"}, "audio_codec"),
        ({"device": "tpu"}, "device"),
        ({"device": "cuda:99"}, "device should be auto, cpu or cuda"),
        ({"trunc": 0.5}, "unknown setting 'trunc'"),
        ({"settings": "{"}, "settings are no JSON"),
        ({"settings": "[]"}, "settings should be a JSON object"),
        ({"settings": '{"fps": 9}', "fps": 9}, "fps is given twice"),
    ],
    ids=str,
)
def test_wrong_settings(served: Service, ann: httpx.Client, song: Path, wish: dict[str, Any], says: str) -> None:
    before = served.keys("renders/")
    response = submit(ann, song, **{**TINY, **wish} if "settings" not in wish else wish)
    assert response.status_code == 422
    assert says in error(response, 422, response.json()["error"]["code"])
    assert (served.keys("renders/"), served.leftovers) == (before, [])


@pytest.mark.parametrize("name", ["text", "truncated header", "zero frames", "NaN"])
def test_songs_that_are_none(served: Service, ann: httpx.Client, tmp_path: Path, name: str) -> None:
    response = submit(ann, bad_song(name, tmp_path))
    assert response.json()["error"]["field"] == "audio"
    assert error(response, 422, response.json()["error"]["code"]).startswith(f"{name}.wav: ")
    assert served.leftovers == []


def test_bodies_that_are_none(ann: httpx.Client, song: Path) -> None:
    error(submit(ann, bad_song("empty", song.parent)), 422, "bad_body")
    error(ann.post("/v1/renders", json={"fps": 30}), 422, "bad_setting")  # which takes songs that are kept
    error(ann.post("/v1/renders", data={"fps": "30"}), 415, "unsupported_type")
    error(ann.post("/v1/renders", files={"fps": (None, "30")}), 422, "bad_body")
    error(ann.post("/v1/renders", files={"audio": (None, "http://example.com/song.wav")}), 422, "bad_body")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=2000), head=st.sampled_from([b"", b"RIFF", b"ID3", b"fLaC", b"OggS"]))
def test_any_bytes_are_refused_in_a_line(served: Service, data: bytes, head: bytes) -> None:
    with served.client() as client:
        response = client.post("/v1/renders", files={"audio": ("x.wav", head + data)})
        assert error(response, 422, response.json()["error"]["code"]).startswith("x.wav: ")


# --- looking ---------------------------------------------------------------------------------------------------


def test_progress_is_told(served: Service, ann: httpx.Client, song: Path) -> None:
    render_id = submit(ann, song, **TINY).json()["id"]
    assert ann.get(f"/v1/renders/{render_id}").json()["queue_position"] >= 0
    database = served.database
    assert database.start(render_id, [8, 16], started=time.time())
    database.finish_segment(render_id, 0, "w", [], rendered=True)
    database.pulse("w", [ChunkProgress(render_id, 1, 4, 2.0)])
    told = ann.get(f"/v1/renders/{render_id}").json()
    assert (told["status"], told["frames_done"], told["frames_per_second"]) == ("running", 12, 2.0)
    assert (told["seconds_left"], told["queue_position"]) == (6.0, None)
    database.finish_segment(render_id, 1, "w", [], rendered=True)
    database.finish(render_id)
    told = ann.get(f"/v1/renders/{render_id}").json()
    assert (told["status"], told["frames_done"], told["seconds_left"]) == ("done", 24, None)
    assert told["started"] <= told["finished"]
    assert "is done" in error(ann.delete(f"/v1/renders/{render_id}?only_cancel=true"), 409, "already_over")
    assert served.keys(f"renders/{render_id}/")
    assert ann.delete(f"/v1/renders/{render_id}").json()["status"] == "done"
    assert served.keys(f"renders/{render_id}/") == []
    error(ann.get(f"/v1/renders/{render_id}"), 404, "not_found")
    error(ann.delete(f"/v1/renders/{render_id}"), 404, "not_found")


def test_a_failure_says_why(served: Service, ann: httpx.Client, song: Path) -> None:
    render_id = submit(ann, song, **TINY).json()["id"]
    served.database.fail(render_id, "audio_damaged", "song.wav: ends early")
    told = ann.get(f"/v1/renders/{render_id}").json()
    assert told["error"] == {"code": "audio_damaged", "message": "song.wav: ends early"}
    error(ann.delete(f"/v1/renders/{render_id}?only_cancel=true"), 409, "already_over")
    assert ann.delete(f"/v1/renders/{render_id}").json()["status"] == "failed"
    error(ann.get(f"/v1/renders/{render_id}"), 404, "not_found")


def test_cancelling(served: Service, ann: httpx.Client, root: httpx.Client, song: Path) -> None:
    mine, other = (submit(ann, song, **TINY).json()["id"] for _ in range(2))
    for query in ("", "?only_cancel=true"):
        response = ann.delete(f"/v1/renders/{mine}{query}")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert served.database.alive([mine, other]) == {other}
    assert root.delete(f"/v1/renders/{other}").json()["status"] == "cancelled"


def test_others_renders_are_not_there(ann: httpx.Client, bob: httpx.Client, root: httpx.Client, song: Path) -> None:
    render_id = submit(ann, song, **TINY).json()["id"]
    for method in ("GET", "DELETE"):
        hidden = error(bob.request(method, f"/v1/renders/{render_id}"), 404, "not_found")
        assert hidden == error(bob.request(method, f"/v1/renders/{ID}"), 404, "not_found")
    assert ann.get(f"/v1/renders/{render_id}").json()["status"] == "queued"
    assert root.get(f"/v1/renders/{render_id}").status_code == 200


def test_pages(served: Service, ann: httpx.Client, root: httpx.Client, song: Path) -> None:
    for client in (ann, ann, ann, root):
        submit(client, song, **TINY)
    whole = [render.id for render in served.database.page("ann", None, 1000)]
    found: list[str] = []
    parameters: dict[str, Any] = {"limit": 2}
    while True:
        page = ann.get("/v1/renders", params=parameters).json()
        found += [render["id"] for render in page["renders"]]
        if page["cursor"] is None:
            break
        parameters["cursor"] = page["cursor"]
    assert found == whole
    assert len(root.get("/v1/renders", params={"limit": 100}).json()["renders"]) > len(whole)
    for wrong in ({"limit": 0}, {"limit": 101}, {"limit": "x"}, {"cursor": "x"}, {"cursor": "9" * 99}):
        assert ann.get("/v1/renders", params=wrong).status_code == 422


def test_links_open_without_a_key(served: Service, ann: httpx.Client, song: Path) -> None:
    links = submit(ann, song, **TINY).json()["links"]
    with served.client("") as nobody:
        error(nobody.get(links["self"]), 401, "unauthorized")
        for name in ("video", "manifest"):
            assert nobody.get(links[name]).status_code in (404, 409)
            error(nobody.get(links[name].partition("?")[0]), 401, "unauthorized")
            error(nobody.get(links[name][:-1] + "~"), 403, "forbidden")


@pytest.mark.parametrize(
    "path",
    ["..%2f..%2fetc%2fpasswd", "%00", "a" * 5000, "%F0%9F%8E%B5", "%ff", ID.upper(), f"{ID}%0a", f"{ID}.mp4", "%2e%2e"],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_ids_that_are_none(ann: httpx.Client, path: str, method: str) -> None:
    response = ann.request(method, f"/v1/renders/{path}")
    assert response.status_code in (404, 405, 422)
    assert response.json()["error"]["message"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_id_that_is_none(served: Service, text: str) -> None:
    with served.client() as client:
        response = client.get(f"/v1/renders/{quote(text, safe='')}")
        assert response.status_code in (404, 422)


def test_nobody_blocks_others(served: Service) -> None:
    """While some upload slowly, a status is told at once."""
    stop = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        while not stop.wait(0.1):
            yield b"x" * 100

    def upload() -> int:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with served.client() as client:
            return client.post("/v1/renders", content=slowly(), headers=headers).status_code

    with ThreadPoolExecutor(30) as pool, served.client() as client:
        uploads = [pool.submit(upload) for _ in range(30)]
        time.sleep(0.5)
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert client.get("/v1/renders?limit=1").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        stop.set()
        assert {upload.result() for upload in uploads} == {422}
    assert slowest < 2
    assert served.leftovers == []


def test_leftovers_of_a_process_that_died_go(tmp_path: Path) -> None:
    dead = tmp_path / "uploads" / "0123456789abcdef"
    dead.mkdir(parents=True)
    (dead / "song.wav").write_bytes(b"x" * 1000)
    dead.with_suffix(".lock").touch()
    with service(tmp_path) as first, first.client() as client:
        assert not dead.exists()
        before = set((tmp_path / "uploads").iterdir())
        with service(tmp_path):  # another process on this machine
            assert before < set((tmp_path / "uploads").iterdir())
        assert before == {*(tmp_path / "uploads").iterdir()} & before
        assert client.get("/v1/renders").status_code == 200


def test_the_digest_in_the_ledger_is_the_songs(served: Service, ann: httpx.Client, tmp_path: Path) -> None:
    one, two = (write_song(tmp_path / f"{pitch}.wav", 1, pitch=pitch) for pitch in (220, 330))
    assert digest(one) != digest(two)
    renders = [served.database.get(submit(ann, path).json()["id"]) for path in (one, one, two)]
    assert len({render and render.fingerprint for render in renders}) == 2


def test_the_callers_own_words_come_back(ann: httpx.Client, song: Path) -> None:
    words = {"show": 7, "who": "Jörg"}
    told = submit(ann, song, **TINY, metadata=json.dumps(words)).json()
    assert told["metadata"] == ann.get(told["links"]["self"]).json()["metadata"] == words
    assert told["video"] is None
    for wrong in ("[1]", "x", json.dumps({"x": "y" * 5000})):
        answer = submit(ann, song, **TINY, metadata=wrong)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "metadata")


def test_empty_fields_are_left_out_and_an_empty_cursor_is_the_first_page(ann: httpx.Client, song: Path) -> None:
    answer = submit(ann, song, **TINY, seed="", model="", webhook_url="", metadata="")
    assert answer.status_code == 202
    assert answer.json()["settings"]["model"] == "ink"
    assert ann.get("/v1/renders?cursor=").json()["renders"]
