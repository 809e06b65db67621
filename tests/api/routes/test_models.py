from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from akma_core.networks import builtin
from akma_core.networks.realesrgan.catalog import cards
from tests.support.api_service import Service, error, hand, service
from tests.support.songs import write_song

INK = builtin.find("ink")[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("home"), max_upload_bytes=1 << 20) as served:
        yield served


def import_network(
    client: httpx.Client, data: bytes = b"pickle", file: str = "net.pkl", **fields: str
) -> httpx.Response:
    return client.post("/v1/models", files={"file": (file, data)}, data=fields)


def test_what_there_is(served: Service) -> None:
    with served.client("ann") as ann:
        told = ann.get("/v1/models").json()
        ink = next(model for model in told["models"] if model["name"] == "ink")
        assert (ink["width"], ink["height"], ink["digest"], ink["built_in"]) == (256, 256, INK.digest, True)
        assert {upscaler["name"] for upscaler in told["upscalers"]} >= set(cards())
        assert ann.get("/v1/models/ink").json() == ink
        assert ann.get("/v1/models/realesr-animevideov3").json()["scale"] == 4
        error(ann.get("/v1/models/inks"), 404, "not_found")


@pytest.mark.parametrize("name", ["..%2fink", "%00", "a" * 5000, "%F0%9F%8E%B5", "ink%2f", "ink%0a"])
def test_names_that_are_none(root: httpx.Client, name: str) -> None:
    assert root.get(f"/v1/models/{name}").status_code in (404, 422)


def test_a_network_is_removed_unless_a_render_needs_it(served: Service, root: httpx.Client, tmp_path: Path) -> None:
    with hand(served):
        assert import_network(root, name="old-sea").status_code == 201
    song = write_song(tmp_path / "a.wav", 1)
    with served.client("ann") as ann, song.open("rb") as file:
        answer = ann.post("/v1/renders", files={"audio": ("a.wav", file)}, data={"model": "old-sea", "fps": "5"})
        assert answer.status_code == 202, answer.text
        error(ann.delete("/v1/models/old-sea"), 403, "forbidden")
        assert "in use" in error(root.delete("/v1/models/old-sea"), 409, "in_use")
        ann.delete(f"/v1/renders/{answer.json()['id']}")
    assert root.delete("/v1/models/old-sea").json()["name"] == "old-sea"
    error(root.get("/v1/models/old-sea"), 404, "not_found")
    error(root.delete("/v1/models/old-sea"), 404, "not_found")
    assert "built in" in error(root.delete("/v1/models/ink"), 422, "bad_name")
    assert served.keys("models/") == []


def test_only_administrators_bring_networks(served: Service) -> None:
    with served.client("ann") as ann:
        error(import_network(ann), 403, "forbidden")
    assert served.leftovers == served.keys("imports/") == []


def test_a_network_is_imported_and_can_be_asked_for(served: Service, root: httpx.Client, tmp_path: Path) -> None:
    with hand(served) as requests:
        response = import_network(root, name="baltic", licence="mine", note="blue")
        assert response.status_code == 201
        unnamed = import_network(root, file="../My Net.pt")
    told = response.json()
    assert (told["name"], told["licence"], told["width"], told["built_in"]) == ("baltic", "mine", 256, False)
    assert response.headers["Location"] == "/v1/models/baltic"
    assert unnamed.json()["name"] == "my-net"
    assert {name: requests[0][name] for name in ("name", "licence", "note")} == {
        "name": "baltic",
        "licence": "mine",
        "note": "blue",
    }
    assert served.leftovers == served.keys("imports/") == []  # the upload is needed no more

    song = write_song(tmp_path / "song.wav", 1)  # the second import, of the same weights, took the first one's place
    accepted = root.post("/v1/renders", files={"audio": song.read_bytes()}, data={"model": "my-net"})
    assert (accepted.status_code, accepted.json()["model"]) == (202, "my-net")
    assert root.get("/v1/models/my-net").json()["digest"] == INK.digest


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"name": "ink"}, "bad_name", "'ink' cannot be a name"),
        ({"name": "../x"}, "bad_name", "cannot be a name"),
        ({"name": "x.pkl"}, "bad_name", "cannot be a name"),
        ({"name": "X" * 500}, "bad_name", "at most 62 characters"),
        ({"note": "x" * 2001}, "bad_setting", "note should have at most 2000 characters"),
        ({"fps": "30"}, "unknown_setting", "unknown setting 'fps'"),
    ],
    ids=str,
)
def test_wrong_wishes(served: Service, root: httpx.Client, fields: dict[str, Any], code: str, says: str) -> None:
    with hand(served) as requests:
        assert says in error(import_network(root, **fields), 422, code)
    assert [*requests, *served.leftovers, *served.keys("imports/")] == []


def test_files_that_are_none(served: Service, root: httpx.Client) -> None:
    with hand(served):
        assert "give a .pkl or .pt" in error(import_network(root, b"no pickle", name="a"), 422, "bad_network")
    error(root.post("/v1/models", data={"name": "a"}), 415, "unsupported_type")
    error(import_network(root, b""), 422, "bad_body")
    error(import_network(root, b"x" * ((1 << 20) + 1)), 413, "too_large")
    assert served.leftovers == served.keys("imports/") == []


def test_nobody_there_to_import(served: Service, root: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akma_core.database.Database.workers", lambda *_: [])
    refused = import_network(root, name="a")
    assert "no worker is there" in error(refused, 503, "no_worker")
    assert int(refused.headers["Retry-After"]) > 0
    assert served.leftovers == served.keys("imports/") == []
