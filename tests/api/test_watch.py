import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from akma_core.api import watch
from akma_core.api.auth import Caller
from akma_core.api.watch import SLICE, RenderWatcher
from akma_core.database import Database
from akma_core.errors import RequestError
from tests.support.app import House, keeping

ANN, BOB = Caller("ann", "user"), Caller("bob", "user")


def test_nobody_waits_for_what_nobody_watches() -> None:
    async def main() -> None:
        watcher = RenderWatcher(None)  # type: ignore[arg-type]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watcher.next(), 0.05)
        assert not watcher.leaving

    asyncio.run(main())


def test_listeners_are_woken_a_slice_in_each_turn_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.01)
    monkeypatch.setattr(watch, "take_snapshots", lambda *_: {})
    count, woken, by_turn = 5 * SLICE, 0, []

    async def main() -> None:
        watcher = RenderWatcher(None)  # type: ignore[arg-type]

        async def listen(stays: bool) -> None:
            nonlocal woken
            with watcher.watching("a"):
                if stays:
                    await watcher.next()
                    woken += 1

        tasks = [asyncio.create_task(listen(True)) for _ in range(count)]
        gone = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
        gone.cancel()
        while woken < count:
            before = woken
            await asyncio.sleep(0)
            by_turn.append(woken - before)
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert max(by_turn) <= SLICE
    assert sum(by_turn) == count


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with keeping(tmp_path_factory.mktemp("house")) as house:
        yield house


def test_who_comes_at_the_same_time_shares_a_look(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id, looks, goes_on = house.accept("ann"), 0, threading.Event()
    original = Database.progress

    def slow(self: Database, ids: Iterable[str]) -> Any:
        nonlocal looks
        looks += 1
        assert goes_on.wait(10)
        return original(self, ids)

    monkeypatch.setattr(Database, "progress", slow)

    async def main() -> None:
        watcher = RenderWatcher(house.state)
        asking = [asyncio.create_task(watcher.look_at(ANN, render_id)) for _ in range(20)]
        other = asyncio.create_task(watcher.look_at(BOB, render_id))
        await asyncio.sleep(0)
        goes_on.set()
        assert {found.render.id for found in await asyncio.gather(*asking)} == {render_id}
        with pytest.raises(RequestError, match="there is no such render, or it is not yours"):
            await other
        assert looks == 1
        house.database.cancel(render_id)  # what comes later looks anew
        assert (await watcher.look_at(ANN, render_id)).render.status == "cancelled"
        with pytest.raises(RequestError):
            await watcher.look_at(ANN, "f" * 32)

    asyncio.run(main())
