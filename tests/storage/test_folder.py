"""What holds of a folder as storage, and of the URLs of both kinds."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import FailureError, RequestError
from akma_core.storage import FileStorage, MissingKeyError, default_url, folder, open_storage
from akma_core.storage.folder import LEFTOVER
from tests.storage.test_storage import every_use, keys, refusal

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def storage(root: Path) -> FileStorage:
    return FileStorage(root)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def test_links_are_not_followed(root: Path, storage: FileStorage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    storage.put_bytes("inside", b"1")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "dangling").symlink_to(outside / "new")
    (root / "loop").symlink_to("loop")
    (root / "near").symlink_to("inside")
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    for key in ("folder/secret", "folder/new", "file", "dangling", "loop", "near"):
        for use in every_use(storage, key, mine):
            assert refusal(RequestError, use).code == "bad_key"
    assert keys(storage) == ["inside"]
    storage.check()
    assert files(outside) == [outside / "secret"]
    assert (outside / "secret").read_bytes() == b"secret"
    assert mine.read_bytes() == b"mine"


def test_a_root_behind_a_link(root: Path, tmp_path: Path) -> None:
    root.mkdir()
    (tmp_path / "link").symlink_to(root)
    FileStorage(tmp_path / "link").put_bytes("a", b"1")
    assert FileStorage(root).get_bytes("a") == b"1"


def test_what_is_not_a_key_is_not_listed(root: Path, storage: FileStorage) -> None:
    storage.put_bytes("a/b", b"1")
    for name in (".hidden", "a/.b.tmp", "a/with space", "é"):
        (root / name).write_bytes(b"")
    os.mkfifo(root / "pipe")
    (root / "empty").mkdir()
    assert keys(storage) == ["a/b"]
    assert storage.size("pipe") is None
    refusal(MissingKeyError, lambda: storage.get_bytes("pipe"))


def test_a_key_is_not_a_folder_as_well(storage: FileStorage) -> None:
    storage.put_bytes("a/b", b"1")
    for key in ("a", "a/b/c", "a/b/c/d"):
        for if_absent in (False, True):
            work = partial(storage.put_bytes, key, b"2", if_absent=if_absent)
            assert refusal(RequestError, work).code == "bad_key"
    storage.delete("a/b")
    assert storage.put_bytes("a", b"2")


def test_a_folder_goes_with_its_last_key(root: Path, storage: FileStorage) -> None:
    for key in ("a/b/c", "a/b/d", "a/e/f"):
        storage.put_bytes(key, b"")
    storage.delete("a/b/c")
    assert (root / "a/b").is_dir()
    storage.delete_prefix("a/b/")
    assert not (root / "a/b").exists()
    storage.delete("a/e/f")
    assert sorted(root.iterdir()) == [root / ".incoming"]


def test_putting_while_others_delete(root: Path, storage: FileStorage) -> None:
    def put_and_delete(number: int) -> None:
        for _ in range(200):
            assert storage.put_bytes(f"a/b/{number}", b"", if_absent=True)
            assert len(keys(storage, "a/")) <= 8
            storage.delete(f"a/b/{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put_and_delete, range(8)))
    assert files(root) == []


def test_a_range_is_of_one_version(storage: FileStorage) -> None:
    storage.put_bytes("a", b"x" * (folder.PIECE + 1))
    pieces = storage.open_range("a", 0, folder.PIECE + 1)
    storage.put_bytes("a", b"y")
    assert b"".join(pieces) == b"x" * (folder.PIECE + 1)
    pieces = storage.open_range("a", 0, 1)
    storage.delete("a")
    assert list(pieces) == [b"y"]


PUT = """
import sys
from pathlib import Path
from akma_core.storage import open_storage
open_storage(sys.argv[1]).put_file("a/b", Path(sys.argv[2]))
"""


@contextmanager
def killed_while_putting(root: Path, pipe: Path) -> Iterator[None]:
    """The block runs while another process has put a half; that process is killed at its end."""
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", PUT, root.as_uri(), str(pipe)]) as process, pipe.open("wb") as half:
        half.write(b"x" * 3_000_000)
        half.flush()
        yield
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("there", [None, b"the old one"])
def test_a_writer_that_is_killed_leaves_no_key(
    root: Path, storage: FileStorage, tmp_path: Path, there: bytes | None
) -> None:
    if there:
        storage.put_bytes("a/b", there)
    with killed_while_putting(root, tmp_path / "pipe"):
        assert [path.stat().st_size > 1_000_000 for path in files(root / ".incoming")] == [True]
        assert keys(storage) == (["a/b"] if there else [])
    assert (storage.get_bytes("a/b") if storage.exists("a/b") else None) == there
    (leftover,) = files(root / ".incoming")
    storage.check()
    assert files(root / ".incoming") == [leftover]  # it may be somebody's who still writes
    os.utime(leftover, (0, time.time() - LEFTOVER - 60))
    storage.check()
    assert files(root / ".incoming") == []
    assert storage.put_bytes("a/b", b"new")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk(root: Path, storage: FileStorage, tmp_path: Path) -> None:
    source, got = tmp_path / "source", tmp_path / "got"
    source.write_bytes(b"x" * 3_000_000)
    storage.put_bytes("a", b"old")
    storage.put_file("large", source)
    with largest_file(2_000_000):
        assert refusal(FailureError, lambda: storage.put_file("a", source)).code == "disk_full"
        assert refusal(FailureError, lambda: storage.put_bytes("b", source.read_bytes())).code == "disk_full"
        assert refusal(FailureError, lambda: storage.get_file("large", got)).code == "disk_full"
    with largest_file(0):
        assert refusal(FailureError, storage.check).code == "disk_full"
    assert files(root) == [root / "a", root / "large"]
    assert storage.get_bytes("a") == b"old"
    assert files(tmp_path) == [root / "a", root / "large", source]


@pytest.fixture
def read_only() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)  # root may write anywhere
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_that_cannot_be_written_to(read_only: Path) -> None:
    for root in (read_only, read_only / "new"):
        error = refusal(RequestError, FileStorage(root).check)
        assert (error.code, error.field) == ("bad_storage", "storage")
        assert str(root) in error.message
        assert "Permission denied" in error.message
        assert refusal(FailureError, partial(FileStorage(root).put_bytes, "a", b"")).code == "write_failed"


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        assert refusal(RequestError, FileStorage(root).check).code == "bad_storage"
    assert keys(FileStorage(tmp_path / "file")) == []


def test_nobody_signs_links_to_files(storage: FileStorage) -> None:
    storage.put_bytes("a", b"")
    assert storage.signed_url("a", 60) is None


@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=4))
def test_any_folder_has_a_url(parts: list[bytes]) -> None:
    parts = [part.replace(b"/", b"-").replace(b"\0", b"~") for part in parts]
    root = Path("/nowhere", *map(os.fsdecode, parts))
    url = open_storage(root.as_uri()).url("a/b")
    assert url == (Path(os.path.normpath(root)) / "a/b").as_uri()


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///data/akma", "/data/akma"),
        ("file:///data/akma/", "/data/akma"),
        ("file://localhost/data", "/data"),
        ("file:///a%20b/c d/100%25/%7e", "/a b/c d/100%/~"),
        ("file:///~/akma", "/~/akma"),
        ("file://~/my%20akma", "/home/ann/my akma"),
        ("file:////data", "/data"),
        ("file:///a/../b", "/b"),
    ],
)
def test_file_urls(url: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert open_storage(url).url("k") == Path(folder, "k").as_uri()


NO_URLS = ["", "/data", "data", "file:/data", "file://", "file:///", "file://data", "file://data/akma", "FILE:///a"]
NO_URLS += ["file:///a?b", "file:///a#b", "file:///a%00b", "file://~nobody-of-that-name/x", "http://x/y", "s3://b/c"]
NO_URLS += ["gs://", "gs:///a", "gs://UPPER", "gs://a/b", "gs://bucket/../x", "gs://bucket/a//b", "gs://bucket/a b"]
NO_URLS += ["gs://b\nucket", "gs://user@bucket/x"]


@pytest.mark.parametrize("url", NO_URLS, ids=ascii)
def test_what_is_no_url(url: str) -> None:
    error = refusal(RequestError, lambda: open_storage(url))
    assert (error.code, error.field) == ("bad_storage", "storage")


def test_the_default_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_url({}) == default_url({"AKMA_STORAGE": "", "AKMA_HOME": ""}) == "file:///home/ann/.akma/storage"
    assert default_url({"AKMA_HOME": "/data/a b"}) == "file:///data/a%20b/storage"
    assert default_url({"AKMA_HOME": "~/x"}) == "file:///home/ann/x/storage"
    assert default_url({"AKMA_HOME": "x"}) == (Path.cwd() / "x/storage").as_uri()
    assert default_url({"AKMA_HOME": "/x", "AKMA_STORAGE": "gs://bucket/p"}) == "gs://bucket/p"
    assert refusal(RequestError, lambda: default_url({"AKMA_HOME": "~nobody-of-that-name"})).code == "bad_storage"
    monkeypatch.setenv("AKMA_HOME", "/from/environment")
    monkeypatch.delenv("AKMA_STORAGE", raising=False)
    assert default_url() == "file:///from/environment/storage"


def test_a_folder_does_without_the_library_of_buckets() -> None:
    code = "import sys, akma_core.storage as s; s.open_storage('file:///x'); print('google' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
