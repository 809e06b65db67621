"""Places are shared fairly by owners."""

import anyio
import pytest
from anyio import create_task_group, sleep

from akma_core.sandbox.fair_queue import FairQueue

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def hold(queue: FairQueue, owner: str, seconds: float, began: list[str]) -> None:
    async with queue.place(owner):
        began.append(owner)
        await sleep(seconds)


async def test_one_owner_leaves_a_place_to_others() -> None:
    queue, began = FairQueue(3), list[str]()
    async with create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(hold, queue, "greedy", 60, began)
        await sleep(0.01)
        assert began == ["greedy", "greedy"]
        with anyio.fail_after(1):
            await hold(queue, "other", 0, began)
        assert queue.waiting == 18
        tasks.cancel_scope.cancel()
    assert queue.waiting == 0


async def test_who_has_used_less_comes_first() -> None:
    queue, began = FairQueue(2), list[str]()
    async with create_task_group() as tasks:
        for owner in ("a", "a", "a", "b", "c"):
            tasks.start_soon(hold, queue, owner, 0.05, began)
            await sleep(0)
    assert began[:2] == ["a", "b"]
    assert began.index("c") < 3
    assert sorted(began) == ["a", "a", "a", "b", "c"]


async def test_one_place_serves_everybody_in_turn() -> None:
    queue, began = FairQueue(1), list[str]()
    async with create_task_group() as tasks:
        for owner in "aaab":
            tasks.start_soon(hold, queue, owner, 0.01, began)
            await sleep(0)
    assert "".join(began) == "abaa"


async def test_cancelled_waiters_take_nothing_with_them() -> None:
    queue, began = FairQueue(1), list[str]()
    async with queue.place("a"):
        for _ in range(5):
            with anyio.move_on_after(0.002):
                await hold(queue, "b", 0, began)
        assert queue.waiting == 0
    with anyio.fail_after(1):
        await hold(queue, "c", 0, began)
    assert began == ["c"]
