"""HEAD is GET without a body, wherever GET is."""

from pathlib import Path

import httpx
import pytest

from tests.support.api_service import Service, submit

PATHS = [
    "/v1", "/v1/health", "/v1/docs", "/v1/openapi.json", "/v1/renders", "/v1/models", "/v1/models/ink", "/v1/presets",
    "/metrics", "/v1/renders/0123456789abcdef0123456789abcdef", "/v1/nothing",
]  # fmt: skip
CHANGING = {"content-length", "date", "age"}


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(ann: httpx.Client, path: str) -> None:
    got, headed = ann.get(path), ann.head(path)
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert {name: headed.headers[name] for name in headed.headers if name not in CHANGING} == {
        name: got.headers[name] for name in got.headers if name not in CHANGING
    }
    assert ("content-length" in headed.headers) == ("content-length" in got.headers)


def test_head_of_a_render_and_of_its_endless_events(served: Service, ann: httpx.Client, song: Path) -> None:
    render_id = submit(ann, song, fps="8", window_length="5", size="64x64").json()["id"]
    for what in ("", "/log", "/events"):
        headed = ann.head(f"/v1/renders/{render_id}{what}", timeout=10)
        assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-type"].startswith("text/event-stream")
    assert ann.head(f"/v1/renders/{render_id}/video").status_code == 409
    assert httpx.head(f"{served.url}/v1/renders").status_code == 401
    served.database.cancel(render_id)
