"""Encoders side by side: the bytes of one after the other, bounded memory, errors of any of them."""

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from akma_core.errors import FailureError
from akma_core.media import encoder_pool
from akma_core.media.encoder import NVENC, Encoder
from akma_core.media.encoder_pool import EncoderPool, encoders_for
from akma_core.media.segment import SegmentWriter
from akma_core.timeline import Chunk

ENCODER = Encoder(width=64, height=96, fps=Fraction(8), crf=16.0)
CHUNKS = [Chunk(k, 10 * k, 10) for k in range(4)]


def planes(chunk: Chunk, start: int, stop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    made = np.random.default_rng(chunk.index)
    return made.integers(16, 235, (chunk.frames, 144, 64), np.uint8)[start:stop]


def alone(folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for chunk in CHUNKS:
        with SegmentWriter(folder / f"{chunk.index}", ENCODER) as segment:
            segment.write(planes(chunk, 0, 10))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("encoders", [1, 2, 4])
def test_segments_are_those_of_one_after_the_other(tmp_path: Path, encoders: int) -> None:
    expected, folder = alone(tmp_path / "alone"), tmp_path / "pool"
    heard: list[int] = []
    folder.mkdir()
    with EncoderPool(
        ENCODER, lambda c: folder / f"{c.index}", heard.append, gpu=True, step=2, encoders=encoders
    ) as pool:
        for first in range(0, 4, encoders):
            for start in range(0, 10, 2):
                for chunk in CHUNKS[first : first + encoders]:
                    pool.put(chunk, planes(chunk, start, start + 2))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected
    assert sum(heard) == 40


def waiting(goes_on: threading.Event) -> Callable[[int], None]:
    """What hears of frames, and keeps an encoder until `goes_on`."""

    def hear(_: int) -> None:
        goes_on.wait()

    return hear


def test_room_is_bounded_and_waited_for(tmp_path: Path) -> None:
    goes_on = threading.Event()
    with EncoderPool(ENCODER, lambda c: tmp_path / f"{c.index}", waiting(goes_on), gpu=True, encoders=2) as pool:
        for chunk in CHUNKS[:2]:
            for k in range(encoder_pool.WAITING):
                assert pool.has_room(chunk)
                pool.put(chunk, planes(chunk, k, k + 1))
            assert not pool.has_room(chunk)
        assert not pool.has_room(CHUNKS[2])
        threading.Timer(0.2, goes_on.set).start()
        pool.wait(CHUNKS[:2])
        assert pool.waited >= 0.1
        for chunk in CHUNKS[:2]:
            pool.put(chunk, planes(chunk, 4, 10))


def test_large_pictures_wait_in_fewer_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoder_pool, "ROOM", 2 * encoder_pool.frame_bytes(ENCODER))
    goes_on = threading.Event()
    with EncoderPool(ENCODER, lambda c: tmp_path / f"{c.index}", waiting(goes_on), gpu=True, encoders=1) as pool:
        for k in range(2):
            pool.put(CHUNKS[0], planes(CHUNKS[0], k, k + 1))
        assert not pool.has_room(CHUNKS[0])
        goes_on.set()
        pool.put(CHUNKS[0], planes(CHUNKS[0], 2, 10))


def test_an_error_of_one_ends_all(tmp_path: Path) -> None:
    pool = EncoderPool(
        ENCODER, lambda c: tmp_path / "no" / "x" if c.index else tmp_path / "0", lambda _: None, gpu=True
    )

    def work() -> None:
        with pool:
            pool.put(CHUNKS[0], planes(CHUNKS[0], 0, 1))
            while True:
                pool.put(CHUNKS[1], planes(CHUNKS[1], 0, 1))

    with pytest.raises(FailureError):
        work()
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name == "encoder"]


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    memory = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 64 << 30}
    monkeypatch.setattr(os, "sysconf", memory.__getitem__)
    assert encoders_for(ENCODER, gpu=True) == 9
    assert encoders_for(ENCODER, gpu=False) == 8
    large = Encoder(width=3840, height=2160, fps=Fraction(30), crf=16.0)
    assert encoders_for(large, gpu=True) == 9
    memory["SC_PHYS_PAGES"] = 8 << 30
    assert encoders_for(large, gpu=True) == 4
    assert encoders_for(large.by(NVENC), gpu=True) == encoder_pool.SESSIONS
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert encoders_for(ENCODER, gpu=True) == 2
    assert encoders_for(ENCODER, gpu=False) == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert encoders_for(ENCODER, gpu=False) == 1
