"""How far a render is, where a new one stands, and that the last chunk is noticed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.database import ChunkProgress, Database
from tests.support.rows import accept, begin, finish, set_clock


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/akma.sqlite")
    yield database
    database.close()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 120), st.booleans(), st.integers(0, 120), st.floats(0, 50)), min_size=1, max_size=8
    )
)
def test_progress_is_the_sum_of_its_chunks(sqlite: Database, chunks: list[tuple[int, bool, int, float]]) -> None:
    render_id = begin(sqlite, [frames for frames, *_ in chunks])
    sqlite.pulse("w", [ChunkProgress(render_id, k, min(done, n), rate) for k, (n, _, done, rate) in enumerate(chunks)])
    finish(sqlite, render_id, *[k for k, (_, whole, *_) in enumerate(chunks) if whole])
    far = sqlite.progress([render_id])[render_id]
    wholes = [whole for _, whole, *_ in chunks]
    assert far.frames_done == sum(n if whole else min(done, n) for n, whole, done, _ in chunks)
    assert far.rate == pytest.approx(sum(rate for _, whole, _, rate in chunks if not whole))
    assert far.segments == (wholes.index(False) if False in wholes else len(wholes))
    assert far.position is None


def test_a_rate_of_long_ago_says_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = begin(database, [100])
    database.pulse("w", [ChunkProgress(render_id, 0, 50, 25.0)])
    assert database.progress([render_id])[render_id].rate == 25
    set_clock(monkeypatch, database, 11)
    far = database.progress([render_id])[render_id]
    assert (far.rate, far.frames_done) == (0, 50)


def test_positions_count_those_before_it(database: Database) -> None:
    ids = [accept(database, created=1000.0 + k) for k in range(3)]
    running = begin(database, [1], created=999.0)
    far = database.progress([*ids, running, "nobody"])
    assert [far[each].position for each in ids] == [0, 1, 2]
    assert far[running].position is far["nobody"].position is None
    assert (far["nobody"].frames_done, far["nobody"].segments) == (0, 0)


def test_a_plan_made_twice_keeps_what_is_whole(database: Database) -> None:
    render_id = begin(database, [30, 60])
    finish(database, render_id, 0)
    assert database.start(render_id, [30, 60])
    assert [row["whole"] for row in database.segments(render_id)] == [1, 0]


def test_a_whole_chunk_hears_no_late_pulse(database: Database) -> None:
    render_id = begin(database, [30])
    finish(database, render_id, 0)
    database.pulse("w", [ChunkProgress(render_id, 0, 3, 9.0)])
    (row,) = database.segments(render_id)
    assert (row["done"], row["rate"], row["rendered"]) == (30, 0, 1)
    database.finish_segment(render_id, 0, "v", ["found"], rendered=False)
    (row,) = database.segments(render_id)
    assert (row["worker"], row["notes"], row["rendered"]) == ("v", '["found"]', 1)


def test_of_those_that_finish_at_once_one_hears_that_nothing_is_missing(database: Database) -> None:
    for _ in range(15):
        render_id = begin(database, [1] * 4)
        start = Barrier(4)

        def last(index: int, render_id: str = render_id, start: Barrier = start) -> int:
            start.wait()
            return finish(database, render_id, index)

        with ThreadPoolExecutor(4) as pool:
            assert 0 in pool.map(last, range(4))


def test_a_new_render_stands_beside_the_next_chunks_of_the_others(database: Database) -> None:
    assert database.fair_start_tag() == 0
    one = begin(database, [1] * 9, base=1)
    finish(database, one, 0, 1, 2, 4)
    assert database.fair_start_tag() == 1 + 4
    other = begin(database, [1] * 9, base=3)
    assert database.fair_start_tag() == 3
    database.update(other, stage="joining")
    assert database.fair_start_tag() == 5
    database.fail(one, "internal", "why")
    assert database.fair_start_tag() == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), min_size=2, max_size=6))
def test_the_first_chunk_of_a_new_render_is_among_the_next(sqlite: Database, lengths: list[tuple[int, int]]) -> None:
    """Renders come one by one while chunks are done in order of priority: one chunk of each other is before it."""
    for render in sqlite.waiting():
        sqlite.cancel(render.id)
    queue: list[tuple[int, int, str]] = []  # priority, index, render: as DBOS sorts them
    for length, work in lengths:
        base = sqlite.fair_start_tag() + 1
        render_id = begin(sqlite, [1] * length, base=base)
        queue += [(base + index + 1, index, render_id) for index in range(length)]
        queue.sort()
        ahead = [each for *_, each in queue[: queue.index((base + 1, 0, render_id))]]
        assert max((ahead.count(each) for each in ahead), default=0) <= 2
        for _, index, each in queue[:work]:
            finish(sqlite, each, index)
            if each not in [other for *_, other in queue[work:]]:
                sqlite.update(each, stage="joining")
        del queue[:work]
