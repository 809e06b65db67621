"""What holds of every storage, in a folder and in a bucket."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from akma_core.errors import AkmaError, FailureError, RequestError
from akma_core.files import sha256_of
from akma_core.storage import FileStorage, MissingKeyError, Storage, open_storage
from tests.support.gcs import bucket

HOSTILE = ["", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", "a//b", "a/", "./a", ".incoming/a", "a/.b", "a\\b"]
HOSTILE += ["a\0b", "a\n", "\na", "a b", "a\x7f", "é", "a*", "~/a", "C:a", "a" * 201, "a/" * 250 + "a", "\ud800"]


@pytest.fixture(scope="module", params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "folder":
        yield (tmp_path_factory.mktemp("a folder") / "made%20by it").as_uri()
    else:
        with bucket() as emulator, pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
            yield "gs://akma/some/prefix"


@pytest.fixture(scope="module")
def shared(url: str) -> Storage:
    return open_storage(url, deadline=20)


@pytest.fixture
def storage(shared: Storage) -> Iterator[Storage]:
    yield shared
    for entry in shared.list():
        shared.delete(entry.key)


def refusal(kind: type[AkmaError], work: Callable[[], object]) -> AkmaError:
    with pytest.raises(kind) as caught:
        work()
    assert caught.value.message.isprintable()
    return caught.value


def keys(storage: Storage, prefix: str = "") -> list[str]:
    return [entry.key for entry in storage.list(prefix)]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, (8 << 20) + 1])
def test_what_is_put_is_got(storage: Storage, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    source = tmp_path / "source"
    source.write_bytes(data)
    storage.put_file("renders/1/a.mp4", source)
    assert storage.put_bytes("renders/1/b.json", data) is True
    for key in ("renders/1/a.mp4", "renders/1/b.json"):
        assert storage.get_bytes(key) == data
        storage.get_file(key, tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == data
        assert b"".join(storage.open_range(key, 0, size)) == data
        assert storage.size(key) == size
        assert storage.exists(key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["got", "source"]


def test_what_is_put_again_is_replaced(storage: Storage, tmp_path: Path) -> None:
    storage.put_bytes("a", b"a long one")
    assert storage.put_bytes("a", b"other") is True
    assert storage.get_bytes("a") == b"other"
    (tmp_path / "file").write_bytes(b"third")
    storage.put_file("a", tmp_path / "file", "text/plain")
    assert storage.get_bytes("a") == b"third"
    assert keys(storage) == ["a"]
    storage.put_bytes("a", b"fourth")
    with (tmp_path / "file").open("rb") as reader:
        storage.get_file("a", tmp_path / "file")
        assert reader.read() == b"third"  # never half of each
    assert (tmp_path / "file").read_bytes() == b"fourth"


def test_a_missing_key(storage: Storage, tmp_path: Path) -> None:
    storage.put_bytes("a/b", b"1")
    for key in ("missing", "a", "a/missing", "a/b/c"):
        for work in (
            partial(storage.get_bytes, key),
            partial(storage.get_file, key, tmp_path / "got"),
            partial(storage.open_range, key, 0, 1),
        ):
            assert refusal(MissingKeyError, work).code == "not_found"
        assert storage.size(key) is None
        assert not storage.exists(key)
        storage.delete(key)
    assert list(tmp_path.iterdir()) == []
    assert keys(storage) == ["a/b"]


def test_no_more_is_read_than_is_allowed(storage: Storage) -> None:
    storage.put_bytes("a", b"12345")
    assert storage.get_bytes("a", limit=5) == b"12345"
    assert refusal(RequestError, lambda: storage.get_bytes("a", limit=4)).code == "too_large"


@settings(deadline=None)
@given(start=st.integers(0, 45), length=st.integers(0, 45), piece=st.integers(1, 50))
@example(start=0, length=40, piece=8)
@example(start=39, length=1, piece=1)
@example(start=40, length=1, piece=7)
def test_ranges_are_slices(shared: Storage, start: int, length: int, piece: int) -> None:
    data = bytes(range(40))
    if not shared.exists("ranges"):
        shared.put_bytes("ranges", data)
    module = sys.modules[type(shared).__module__]
    with mock.patch.object(module, "PIECE", piece):
        pieces = list(shared.open_range("ranges", start, start + length))
    assert b"".join(pieces) == data[start : start + length]
    assert all(0 < len(part) <= piece for part in pieces)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (-3, -1)])
def test_what_is_no_range(storage: Storage, start: int, stop: int) -> None:
    storage.put_bytes("a", b"12345")
    with pytest.raises(ValueError, match="no range"):
        storage.open_range("a", start, stop)


def test_a_range_that_nobody_reads_to_its_end(storage: Storage) -> None:
    storage.put_bytes("a", b"1")
    storage.open_range("a", 0, 1)  # the warning of a file left open would fail this
    assert next(storage.open_range("a", 0, 1)) == b"1"


def test_the_first_of_many_threads_wins(storage: Storage) -> None:
    together = Barrier(8)

    def put(number: int) -> bool:
        together.wait()
        return storage.put_bytes("done", b"%d" % number * 1000, if_absent=True)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            won = list(pool.map(put, range(8)))
            assert won.count(True) == 1
            assert storage.get_bytes("done") == b"%d" % won.index(True) * 1000
            storage.delete("done")


def race(url: str, number: int, start: float) -> list[bool]:
    storage = open_storage(url, deadline=20)
    won = []
    for lap in range(20):
        time.sleep(max(0.0, start + lap / 20 - time.time()))
        won.append(storage.put_bytes(f"renders/{lap}/done", b"%d" % number, if_absent=True))
    return won


def test_the_first_of_many_processes_wins(storage: Storage, url: str) -> None:
    start = time.time() + 3  # seconds, for all to be there
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        racers = [pool.submit(race, url, number, start) for number in range(4)]
        for lap, won in enumerate(zip(*(racer.result() for racer in racers), strict=True)):
            assert won.count(True) == 1
            assert storage.get_bytes(f"renders/{lap}/done") == b"%d" % won.index(True)


def test_a_listing_is_in_order(storage: Storage) -> None:
    names = ["a-b", "a.b", "a/b", "a/c/d", "a/c-d", "a0", "aa/x", "b", "Z"]
    for number, name in enumerate(names):
        storage.put_bytes(name, b"x" * number)
    assert keys(storage) == sorted(names)
    assert keys(storage, "a/") == ["a/b", "a/c-d", "a/c/d"]
    assert keys(storage, "a/c/") == ["a/c/d"]
    assert keys(storage, "b/") == keys(storage, "none/") == []
    for entry in storage.list():
        assert entry.size == names.index(entry.key)
        assert entry.modified.utcoffset() == timedelta(0)
        assert abs(entry.modified - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_listing_is_longer_than_a_page(storage: Storage) -> None:
    names = [f"many/{number:05d}" for number in range(1100)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda name: storage.put_bytes(name, b""), names))
    assert keys(storage) == names
    storage.delete_prefix("many/")
    assert keys(storage) == []


def test_a_prefix_is_deleted_and_its_neighbours_are_not(storage: Storage) -> None:
    for key in ("a/1", "a/b/2", "ab", "a-b", "b/a/1"):
        storage.put_bytes(key, b"")
    storage.delete_prefix("a/")
    storage.delete_prefix("never/")
    assert keys(storage) == ["a-b", "ab", "b/a/1"]
    for prefix in ("", "ab", "/", "../", "a/../b/"):
        assert refusal(RequestError, partial(storage.delete_prefix, prefix)).code == "bad_key"
    assert keys(storage) == ["a-b", "ab", "b/a/1"]


def every_use(storage: Storage, key: str, file: Path) -> list[Callable[[], object]]:
    """All that asks for the bytes of a key, or changes them."""
    return [
        partial(storage.put_bytes, key, b"x"),
        partial(storage.put_bytes, key, b"x", if_absent=True),
        partial(storage.put_file, key, file),
        partial(storage.get_bytes, key),
        partial(storage.get_file, key, file),
        partial(storage.open_range, key, 0, 1),
        partial(storage.size, key),
        partial(storage.exists, key),
        partial(storage.delete, key),
        partial(storage.delete_prefix, key + "/"),
        partial(storage.list, key + "/"),
    ]


@pytest.mark.parametrize("key", HOSTILE, ids=ascii)
def test_hostile_keys(storage: Storage, tmp_path: Path, key: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    uses = every_use(storage, key, file)
    uses += [partial(storage.url, key), partial(storage.signed_url, key, 60)]
    for use in uses:
        assert refusal(RequestError, use).code == "bad_key"
    assert keys(storage) == []
    assert file.read_bytes() == b"mine"


@given(key=st.text("abAB09._-/\\ \0\n~é*", max_size=12) | st.text(max_size=4))
def test_any_key_is_below_the_root_or_refused(key: str) -> None:
    root = Path("/nowhere/at all")
    harmless = re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", key, re.ASCII)
    if harmless:
        assert FileStorage(root).url(key) == f"file:///nowhere/at%20all/{key}"
    else:
        assert refusal(RequestError, lambda: FileStorage(root).url(key)).code == "bad_key"


def test_a_check_leaves_nothing(storage: Storage) -> None:
    storage.check()
    assert keys(storage) == []


def test_files_that_cannot_be_read_or_written(storage: Storage, tmp_path: Path) -> None:
    storage.put_bytes("a", b"1")
    assert refusal(FailureError, lambda: storage.put_file("b", tmp_path / "missing")).code == "read_failed"
    assert refusal(FailureError, lambda: storage.put_file("b", tmp_path)).code == "read_failed"
    assert refusal(FailureError, lambda: storage.get_file("a", tmp_path / "missing" / "got")).code == "write_failed"
    assert keys(storage) == ["a"]


BIG = """
import hashlib, resource, sys
from pathlib import Path
from akma_core.storage import open_storage
def grown(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10  # MiB
storage, source, got = open_storage(sys.argv[1], deadline=60), Path(sys.argv[2]), Path(sys.argv[3])
storage.put_bytes("warm", b"x"); storage.get_bytes("warm"); storage.delete("warm")
before = grown()
storage.put_file("renders/1/video.mp4", source)
storage.get_file("renders/1/video.mp4", got)
ranged = hashlib.sha256()
for piece in storage.open_range("renders/1/video.mp4", 0, 1 << 40):
    ranged.update(piece)
print(grown() - before, ranged.hexdigest())
"""


def test_memory_does_not_grow_with_a_file(storage: Storage, url: str, tmp_path: Path) -> None:
    source, got = tmp_path / "source", tmp_path / "got"
    source.write_bytes(os.urandom(50_000_000))
    command = [sys.executable, "-W", "error", "-c", BIG, url, str(source), str(got)]
    grown, digest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert got.read_bytes() == source.read_bytes()
    assert digest == sha256_of(source)
    assert storage.size("renders/1/video.mp4") == 50_000_000
    assert int(grown) < 32
