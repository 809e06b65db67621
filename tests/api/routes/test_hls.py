import asyncio
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import av
import httpx
import numpy as np
import pytest

from akma_core.api import watch
from akma_core.api.auth import LINKED
from akma_core.api.cache import SingleFlightCache
from akma_core.api.routes import hls
from akma_core.media import hls as fragments
from tests.support.app import House, keeping
from tests.support.media import decode_video


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, keeping(tmp_path_factory.mktemp("house")) as house:
        patch.setattr(watch, "EVERY", 0.1)
        yield house


@pytest.fixture
def begun(house: House) -> str:
    """A render of which two chunks are there."""
    render_id = house.accept()
    house.plan(render_id)
    house.sound(render_id, 0, 1, 2)
    house.chunk(render_id, 0, 1)
    return render_id


def uris(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def play(url: str) -> tuple[list[Any], list[Fraction], int]:
    """Pictures, their times in seconds, and how many samples sound: as a player sees them, over HTTP."""
    with av.open(url, timeout=10) as container:
        pictures, times, samples = [], [], 0
        frame: Any
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                pictures.append(frame.to_ndarray())
                times.append((frame.pts or 0) * Fraction(frame.time_base or 0))
            else:
                samples += frame.samples
    return pictures, times, samples


def test_a_finished_render_plays_from_a_signed_link(house: House) -> None:
    render_id = house.done()
    pictures, times, samples = play(f"{house.path(render_id, '/stream.m3u8')}?token={house.token(render_id)}")
    expected = np.concatenate([decode_video(path)[0] for path in house.made.segments])
    assert np.array_equal(np.stack(pictures), expected)
    assert times == [Fraction(k, 12) for k in range(36)]
    assert 3 * 48000 <= samples < 3 * 48000 + 3 * 1024


def test_it_is_watched_while_it_grows(house: House, begun: str) -> None:
    """The player asks for the playlist again until it has an end; the chunks come meanwhile."""
    url = f"{house.path(begun, '/stream.m3u8')}?token={house.token(begun)}"
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play, url)
        time.sleep(0.3)
        assert not playing.done()
        house.finish(begun)
        pictures, times, _ = playing.result(30)
    assert len(pictures) == 36
    assert times == [Fraction(k, 12) for k in range(36)]


def test_the_playlist_is_what_is_there(house: House, begun: str) -> None:
    answer = house.get(begun, "/stream.m3u8")
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["cache-control"] == "no-store"
    assert uris(answer.text) == ["segments/00000.m4s", "segments/00001.m4s"]
    assert '#EXT-X-MAP:URI="segments/init.mp4"' in answer.text
    assert re.findall(r"#EXTINF:([\d.]+),", answer.text) == ["0.250000", "0.250000"]
    assert "ENDLIST" not in answer.text
    house.chunk(begun, 3)  # behind a gap
    assert len(uris(house.get(begun, "/stream.m3u8").text)) == 2
    house.chunk(begun, 2)  # without the sound of 3
    assert len(uris(house.get(begun, "/stream.m3u8").text)) == 3
    house.finish(begun)
    whole = house.get(begun, "/stream.m3u8")
    assert len(uris(whole.text)) == len(house.made.segments)
    assert whole.text.startswith(answer.text)
    assert whole.text.endswith("#EXT-X-ENDLIST\n")
    assert "no-store" not in whole.headers["cache-control"]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_it_ends_where_the_render_ended(house: House, begun: str, status: str) -> None:
    house.end(begun, status)
    text = house.get(begun, "/stream.m3u8").text
    assert len(uris(text)) == 2
    assert text.endswith("#EXT-X-ENDLIST\n")
    nothing = house.accept()
    house.end(nothing, status)
    assert house.get(nothing, "/stream.m3u8").status_code == 404


def test_a_token_goes_on_into_the_fragments(house: House, begun: str) -> None:
    token = house.token(begun)
    answer = httpx.get(house.path(begun, "/stream.m3u8"), params={"token": token})
    for uri in [*uris(answer.text), f"segments/init.mp4?token={token}"]:
        assert uri.endswith(f"?token={token}")
        assert LINKED.fullmatch(f"/v1/renders/{begun}/{uri.partition('?')[0]}")
        assert httpx.get(f"{house.path(begun)}/{uri}").status_code == 200
        assert httpx.get(f"{house.path(begun)}/{uri.partition('?')[0]}").status_code == 401
    assert house.get(begun, "/segments/00000.m4s", name="bob").status_code == 404
    assert house.get(begun, "/stream.m3u8", name="bob").status_code == 404


def test_a_token_is_no_way_into_the_playlist(house: House, begun: str) -> None:
    answer = house.get(begun, "/stream.m3u8?token=x%0A%23EXT-X-ENDLIST%0Ahttp://evil.example/")
    assert "evil.example/" not in answer.text.replace("%2F", "/").split("?token=")[0]
    assert all(uri.startswith("segments/") for uri in uris(answer.text))
    assert "\n#EXT-X-ENDLIST" not in answer.text


def test_fragments_are_those_of_hls(house: House, begun: str) -> None:
    made = house.made
    assert house.get(begun, "/segments/init.mp4").content == made.init()
    answer = house.get(begun, "/segments/00001.m4s")
    assert answer.content == made.fragment(1)
    assert answer.headers["content-type"] == "video/mp4"
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["00002.m4s", "99999.m4s", "999999.m4s"])
def test_fragments_that_are_not_there(house: House, begun: str, name: str) -> None:
    answer = house.get(begun, f"/segments/{name}")
    assert answer.status_code == 404
    assert "file:" not in answer.text


@pytest.mark.parametrize(
    "name", ["1.m4s", "x", "init.mp4%00", "..%2finit.mp4", "0" * 5000 + ".m4s", "00000.m4s.", "٠٠٠٠٠.m4s"]
)
def test_names_that_are_none(house: House, begun: str, name: str) -> None:
    assert house.get(begun, f"/segments/{name}").status_code in (404, 422)


def test_a_player_that_is_early_waits_for_the_first_chunk(house: House) -> None:
    render_id = house.accept()
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(house.get, render_id, "/stream.m3u8")
        time.sleep(0.3)
        house.plan(render_id)
        house.chunk(render_id, 0)
        time.sleep(0.3)
        assert not early.done()  # without its sound it is no chunk
        house.sound(render_id, 0)
        assert uris(early.result(5).text) == ["segments/00000.m4s"]


def test_a_player_that_is_much_too_early(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hls, "HOLD", 0.2)
    answer = house.get(house.accept(), "/stream.m3u8")
    assert answer.status_code == 503  # which players ask again after
    assert answer.json()["error"]["code"] == "not_begun"
    assert int(answer.headers["retry-after"]) > 0


def test_many_who_want_one_fragment_have_it_made_once(
    house: House, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, original, together = [], fragments.fragment, threading.Barrier(8)

    def slow(*arguments: Any) -> bytes:
        made.append(arguments)
        time.sleep(0.3)
        return original(*arguments)

    def ask(_: int) -> bytes:
        together.wait(5)
        return house.get(begun, "/segments/00001.m4s").content

    monkeypatch.setattr(fragments, "fragment", slow)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    house.get(begun, "/segments/00001.m4s")
    assert len(made) == 1


def test_a_shelf_keeps_what_was_asked_for_last() -> None:
    async def main() -> None:
        cache, made = SingleFlightCache(100), []

        async def want(key: str, size: int) -> None:
            async def make() -> bytes:
                made.append(key)
                return bytes(size)

            assert len(await cache.get(key, make)) == size
            assert cache.size <= 100

        for key, size in (
            ("a", 40),
            ("b", 40),
            ("a", 40),
            ("c", 40),
            ("a", 40),
            ("b", 40),
            ("huge", 101),
            ("huge", 101),
        ):
            await want(key, size)
        assert made == ["a", "b", "c", "b", "huge", "huge"]

    asyncio.run(main())


def test_a_shelf_when_those_who_asked_go_away_or_fail() -> None:
    async def main() -> None:
        cache, gate = SingleFlightCache(100), asyncio.Event()

        async def make() -> bytes:
            await gate.wait()
            return b"made"

        first, second = (asyncio.create_task(cache.get("k", make)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        gate.set()
        assert await second == b"made"

        async def fail() -> bytes:
            raise ValueError("no")

        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await cache.get("f", fail)
        assert cache.size == 4

    asyncio.run(main())
