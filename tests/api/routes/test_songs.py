"""Songs over HTTP, through the real app and the real sandbox."""

import hashlib
from pathlib import Path

import httpx
import numpy as np
import pytest

from akma_core.audio.reader import open_audio, peaks
from tests.support.api_service import Service, error


def upload(client: httpx.Client, song: Path, name: str = "") -> httpx.Response:
    return client.post("/v1/songs", files={"audio": (name or song.name, song.read_bytes())})


@pytest.fixture
def song_id(ann: httpx.Client, song: Path) -> str:
    found: str = upload(ann, song).json()["id"]
    return found


def test_a_song_is_kept_once_and_owned_by_each_who_sent_it(
    served: Service, ann: httpx.Client, bob: httpx.Client, root: httpx.Client, song: Path
) -> None:
    first = upload(ann, song)
    assert first.status_code == 201
    told = first.json()
    assert told["id"] == hashlib.sha256(song.read_bytes()).hexdigest()
    assert (told["name"], told["duration"], told["bytes"]) == (song.name, 3.0, song.stat().st_size)
    assert told["expires_at"] > told["created_at"]
    assert first.headers["Location"] == f"/v1/songs/{told['id']}"
    again = upload(ann, song, "other name.wav")
    assert (again.status_code, again.json()["name"]) == (200, "other name.wav")
    error(bob.get(f"/v1/songs/{told['id']}"), 404, "not_found")
    assert bob.get("/v1/songs").json() == {"songs": [], "next": None}
    assert upload(bob, song).status_code == 201
    assert len([key for key in served.keys("songs/") if "audio" in key]) == 1
    assert bob.get(f"/v1/songs/{told['id']}").json()["id"] == told["id"]
    assert root.get(f"/v1/songs/{told['id']}").status_code == 200
    assert bob.delete(f"/v1/songs/{told['id']}").status_code == 204
    error(bob.delete(f"/v1/songs/{told['id']}"), 404, "not_found")
    assert ann.get(f"/v1/songs/{told['id']}").status_code == 200
    assert served.leftovers == []


def test_the_list_in_pages(ann: httpx.Client, song: Path, tmp_path: Path) -> None:
    data = song.read_bytes()
    ids = []
    for number in range(3):
        other = tmp_path / f"{number}.wav"
        other.write_bytes(data + bytes(2 * number + 2))  # behind the last chunk, where nobody reads
        ids.append(upload(ann, other).json()["id"])
    first = ann.get("/v1/songs", params={"limit": 2}).json()
    assert [each["id"] for each in first["songs"]] == ids[:0:-1]
    rest = ann.get("/v1/songs", params={"limit": 2, "cursor": first["next"]}).json()
    assert ids[0] in [each["id"] for each in rest["songs"]]
    error(ann.get("/v1/songs", params={"cursor": "1_x"}), 422, "bad_cursor")
    for each in ids:
        assert ann.delete(f"/v1/songs/{each}").status_code == 204


def test_the_peaks_are_those_of_the_samples(ann: httpx.Client, song: Path, song_id: str) -> None:
    told = ann.get(f"/v1/songs/{song_id}/peaks", params={"points": 300}).json()
    assert (told["start"], told["end"], told["points"]) == (0, 3.0, 300)
    wanted = peaks(open_audio(song), 300)
    assert np.abs(np.array([told["min"], told["max"]]).T - np.clip(wanted, -1, 1)).max() < 2e-4
    part = ann.get(f"/v1/songs/{song_id}/peaks", params={"points": 100, "start": 1, "end": 2}).json()
    assert (part["start"], part["end"], part["min"]) == (1, 2, told["min"][100:200])
    error(ann.get(f"/v1/songs/{song_id}/peaks", params={"start": 3}), 422, "bad_setting")
    error(ann.get(f"/v1/songs/{song_id}/peaks", params={"start": "nan"}), 422, "bad_request")
    error(ann.get(f"/v1/songs/{song_id}/peaks", params={"points": 0}), 422, "bad_request")


def test_the_audio_with_ranges_and_links(served: Service, ann: httpx.Client, song: Path, song_id: str) -> None:
    data, path = song.read_bytes(), f"/v1/songs/{song_id}/audio"
    whole = ann.get(path)
    assert (whole.content, whole.headers["Content-Type"]) == (data, "audio/wav")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    part = ann.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    assert ann.get(path, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert ann.head(path).headers["Content-Length"] == str(len(data))
    assert ann.get(path, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    link = ann.get(f"/v1/songs/{song_id}").json()["links"]["audio"]
    with served.client("") as nobody:
        assert nobody.get(link).content == data
        error(nobody.get(path), 401, "unauthorized")
        error(nobody.get(link[:-1]), 403, "forbidden")
        error(nobody.get(link.replace("/audio?", "/peaks?")), 401, "unauthorized")
        error(nobody.get(link.replace(song_id, "0" * 64)), 403, "forbidden")


@pytest.mark.parametrize("path", ["", "/peaks", "/audio"])
def test_ids_that_are_none(ann: httpx.Client, path: str) -> None:
    error(ann.get(f"/v1/songs/{'0' * 64}{path}"), 404, "not_found")
    for wrong in ("0" * 63, "A" * 64, "..%2f..%2fetc"):
        assert ann.get(f"/v1/songs/{wrong}{path}").status_code in (404, 422)


def test_what_is_no_song(served: Service, ann: httpx.Client, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_bytes(b"not a song" * 100)
    before = served.keys("songs/")
    assert "notes.txt" in error(upload(ann, text), 422, "audio_unknown")
    error(ann.post("/v1/songs", data={"audio": "x"}), 415, "unsupported_type")
    assert served.keys("songs/") == before
    assert served.leftovers == []
