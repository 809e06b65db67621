"""Accepted within caps and once, listed in pages, ended once, reassigned whole."""

import multiprocessing
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from akma_core.database import Caps, Database, Render
from akma_core.errors import RequestError
from tests.support.rows import ROOM, accept, begin, finish, new_render

PROCESSES, THREADS, EACH = 2, 4, 5


def _submit(database: Database, render: Render, caps: Caps) -> str:
    """The id of what was accepted; the error's code."""
    try:
        return database.accept(render, caps).id
    except RequestError as error:
        return error.code


def _submit_many(url: str, renders: list[Render], caps: Caps) -> list[str]:
    database = Database(url)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda render: _submit(database, render, caps), renders))
    finally:
        database.close()


def _at_once(url: str, renders: list[Render], caps: Caps) -> list[str]:
    """What becomes of all of them, submitted by threads of several processes."""
    parts = [(url, renders[part::PROCESSES], caps) for part in range(PROCESSES)]
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        return [each for part in pool.starmap(_submit_many, parts) for each in part]


def test_never_more_than_the_caps_whoever_submits_at_once(url: str) -> None:
    renders = [new_render(owner="ann" if k % 2 else "bob") for k in range(PROCESSES * THREADS * EACH)]
    answers = Counter(_at_once(url, renders, Caps(jobs=1000, seconds=85, key=5)))
    database = Database(url)
    waiting = database.waiting()
    database.close()
    assert max(Counter(render.owner for render in waiting).values()) <= 5
    assert sum(render.seconds for render in waiting) == 80
    assert answers.pop("queue_full") == len(renders) - 8
    assert set(answers) == {render.id for render in waiting}


def test_one_render_for_a_key_whoever_submits_at_once(url: str) -> None:
    renders = [new_render(idempotency_key=f"key-{k % 3}") for k in range(PROCESSES * THREADS * EACH)]
    answers = set(_at_once(url, renders, ROOM))
    database = Database(url)
    assert {render.id for render in database.waiting()} == answers
    assert {render.idempotency_key for render in database.waiting()} == {"key-0", "key-1", "key-2"}
    assert len(answers) == 3
    database.close()


def test_an_old_key_gives_the_old_render_even_when_the_queue_is_full(database: Database) -> None:
    first = database.accept(new_render(idempotency_key="k"), Caps(jobs=1, seconds=100, key=1))
    again = database.accept(new_render(idempotency_key="k"), Caps(jobs=1, seconds=100, key=1))
    assert again == replace(first, updated=again.updated)
    assert database.keyed("ann", "k") == again
    assert database.keyed("bob", "k") is None
    assert database.keyed("ann", None) is None
    with pytest.raises(RequestError, match="came with another request") as caught:
        database.accept(new_render(idempotency_key="k", fingerprint="g"), ROOM)
    assert (caught.value.code, caught.value.field) == ("idempotency_conflict", "Idempotency-Key")
    assert database.accept(new_render(idempotency_key="k", owner="bob"), ROOM).owner == "bob"


@pytest.mark.parametrize(
    ("caps", "owner"),
    [(Caps(jobs=2, seconds=1e9, key=9), "bob"), (Caps(9, 1e9, 2), "ann"), (Caps(9, 29.9, 9), "bob")],
)
def test_each_cap_counts_what_waits_or_runs(database: Database, caps: Caps, owner: str) -> None:
    one = begin(database, [300])
    accept(database)
    with pytest.raises(RequestError, match="try again later") as caught:
        database.accept(new_render(owner=owner), caps)
    assert caught.value.code == "queue_full"
    assert database.cancel(one)
    assert database.accept(new_render(owner=owner), caps).owner == owner


def test_the_cap_is_known_before_the_upload(database: Database) -> None:
    database.check_caps("ann", Caps(jobs=1, seconds=5, key=1))
    accept(database)
    for caps in (Caps(1, 100, 9), Caps(9, 5, 9), Caps(9, 100, 1)):
        with pytest.raises(RequestError) as caught:
            database.check_caps("ann", caps)
        assert caught.value.code == "queue_full"


def test_pages_have_every_render_once_though_times_are_equal(database: Database) -> None:
    ids = [accept(database, created=1000.0 + k // 4, owner="ann" if k % 3 else "bob") for k in range(17)]
    for owner, wanted in ((None, ids), ("bob", ids[::3])):
        seen: list[Render] = []
        while page := database.page(owner, (seen[-1].created, seen[-1].id) if seen else None, 3):
            assert len(page) <= 3
            seen += page
        assert sorted(render.id for render in seen) == sorted(wanted)
        assert seen == sorted(seen, key=lambda render: (render.created, render.id), reverse=True)


def test_a_render_ends_once(database: Database) -> None:
    render_id = accept(database)
    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(lambda k: database.fail(render_id, f"code-{k}", "why"), range(6)))
    assert sum(ended) == 1
    render = database.get(render_id)
    assert render is not None
    assert (render.status, render.error_code, render.is_over) == ("failed", f"code-{ended.index(True)}", True)
    assert not database.update(render_id, stage="rendering")
    assert not database.start(render_id, [1, 2])
    assert not database.reassign(render_id, "", "v")
    assert database.segments(render_id) == []
    assert database.update(render_id, unless_over=False, webhook="sent")
    assert not database.fail("nobody", "internal", "why")


def test_a_render_is_reassigned_to_one_version_and_all_of_it_begins_again(database: Database) -> None:
    render_id = begin(database, [30, 60])
    finish(database, render_id, 0)
    database.update(render_id, sound=1)
    with ThreadPoolExecutor(4) as pool:
        reassigned = list(pool.map(lambda k: database.reassign(render_id, "", f"v{k}"), range(4)))
    assert sum(reassigned) == 1
    render = database.get(render_id)
    assert render is not None
    assert (render.version, render.attempt) == (f"v{reassigned.index(True)}", 1)
    assert (render.status, render.stage, render.chunks, render.sound) == ("queued", "waiting", None, 0)
    assert database.segments(render_id) == []
    assert database.alive([render_id], render.version) == {render_id}
    assert database.alive([render_id], "another") == set()


def test_a_forgotten_render_leaves_nothing(database: Database) -> None:
    gone, kept = begin(database, [30]), begin(database, [30])
    for each in (gone, kept):
        database.note(each, "a line")
    database.forget(gone)
    assert (database.get(gone), database.segments(gone), database.notes(gone)) == (None, [], [])
    assert database.get(kept)
    assert len(database.segments(kept)) == len(database.notes(kept)) == 1
    assert database.alive([gone, kept]) == {kept}


def test_what_is_over_comes_in_the_order_in_which_it_ended(database: Database) -> None:
    ids = [accept(database, created=1000.0 - k) for k in range(3)]
    accept(database)
    for each in ids:
        database.fail(each, "internal", "why")
    assert [render.id for render in database.over()] == ids
    assert database.counts() == {"failed": (3, 30.0), "queued": (1, 10.0)}


def test_a_webhook_is_unsent_until_something_became_of_it(database: Database) -> None:
    waits, silent, told = (
        accept(database, webhook_url="https://a/"),
        accept(database),
        accept(database, webhook_url="https://a/"),
    )
    for each in (silent, told):
        database.cancel(each)
    assert [render.id for render in database.unsent()] == [told]
    database.update(told, unless_over=False, webhook="sent")
    assert database.unsent() == []
    assert waits in {render.id for render in database.waiting()}


def test_progress_says_whether_a_device_is_there(database: Database) -> None:
    render_id = accept(database)
    assert not database.progress([render_id])[render_id].has_device
    database.beat("w-0", "1", "cpu", "cpu", 0)
    assert database.progress([render_id])[render_id].has_device
