"""Posters of renders, and the list by status."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from akma_core.api.poster import poster_of
from tests.support.app import House, keeping


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping(tmp_path_factory.mktemp("house")) as house:
        yield house


def picture(answer: httpx.Response) -> np.ndarray:
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg"), answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.int16)


def test_a_poster_is_a_frame_of_what_is_finished(house: House) -> None:
    render_id = house.accept()
    assert house.get(render_id, "/poster.jpg").status_code == 409
    house.plan(render_id)
    house.chunk(render_id, 0)
    early = house.get(render_id, "/poster.jpg")
    assert early.headers["Cache-Control"] == "private, no-cache"
    expected = Image.open(io.BytesIO(poster_of(house.made.segments[0].read_bytes())))
    assert np.abs(picture(early) - np.asarray(expected.convert("RGB"), np.int16)).max() == 0
    house.finish(render_id)
    done = house.get(render_id, "/poster.jpg")
    middle = house.made.segments[len(house.made.segments) // 2]
    assert done.content == poster_of(middle.read_bytes())
    assert house.get(render_id, "/poster.jpg", if_none_match=done.headers["ETag"]).status_code == 304
    assert house.get(render_id, "/poster.jpg", name="bob").status_code == 404
    link = house.get(render_id).json()["links"]["poster"]
    assert httpx.get(house.url + link).content == done.content


def test_a_render_that_ended_without_a_chunk_has_none(house: House) -> None:
    render_id = house.accept()
    house.database.cancel(render_id)
    assert house.get(render_id, "/poster.jpg").status_code == 404


def test_renders_by_status(house: House) -> None:
    cancelled, queued = house.accept(owner="bob"), house.accept(owner="bob")
    house.database.cancel(cancelled)

    def ids(status: str) -> list[str]:
        answer = httpx.get(f"{house.url}/v1/renders", params={"status": status}, headers=house.as_("bob"))
        return [each["id"] for each in answer.json()["renders"]]

    assert (ids("cancelled"), ids("queued"), ids("done")) == ([cancelled], [queued], [])
    assert httpx.get(f"{house.url}/v1/renders?status=x", headers=house.as_("bob")).status_code == 422
