"""Fewer pictures at once where memory runs out, on a card and on a CPU, and nothing lost by it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.errors import FailureError
from akma_core.modulation.inputs import Inputs
from akma_core.networks.card import read_card
from akma_core.render.plan_base import DevicePart
from runners.batching import BatchSplitter, batch_for, ran_out
from runners.network import NetworkRunner, device_part

from .test_network import CPU, some_w

GB = 1 << 30
MALLOC = RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: ...")
ERRORS = [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), MALLOC]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_parts_are_halved_until_they_fit(error: Exception) -> None:
    tried: list[int] = []

    def work(part: NDArray[np.float32]) -> NDArray[np.float32]:
        tried.append(len(part))
        if len(part) > 2:
            raise error
        return part * 2

    notes: list[str] = []
    portions = BatchSplitter(8, notes)
    w = np.arange(11, dtype=np.float32)[:, None]
    assert np.array_equal(np.concatenate(list(portions.each(work, w))), w * 2)
    assert tried == [8, 4, 2, 2, 2, 2, 2, 1]
    assert portions.size == 2
    assert [note.partition(";")[0].split()[-4] for note in notes] == ["4", "2"]
    assert len(list(portions.each(work, w[:2]))) == 1
    assert len(notes) == 2  # what has been learnt stays


def test_one_picture_too_many_is_a_failure() -> None:
    def work(_: NDArray[np.float32]) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(FailureError, match="out of memory for a single picture") as caught:
        list(BatchSplitter(3, []).each(work, np.zeros((3, 1), np.float32)))
    assert caught.value.code == "out_of_memory"


def test_other_errors_pass() -> None:
    def work(_: NDArray[np.float32]) -> None:
        raise RuntimeError("the network broke")

    notes: list[str] = []
    with pytest.raises(RuntimeError, match="the network broke"):
        list(BatchSplitter(4, notes).each(work, np.zeros((3, 1), np.float32)))
    assert not notes
    assert all(map(ran_out, ERRORS))
    assert not ran_out(ValueError("DefaultCPUAllocator"))


class Narrow:
    """Stands before a network and refuses batches above a size."""

    def __init__(self, runner: NetworkRunner, most: int, error: Exception) -> None:
        self.sizes: list[int] = []

        def before(_: Any, given: tuple[Tensor, ...]) -> None:
            self.sizes.append(len(given[0]))
            if len(given[0]) > most:
                raise error

        runner._synthesis.register_forward_pre_hook(before)


def test_a_batch_that_does_not_fit_is_split_and_told(network: Path) -> None:
    expected = NetworkRunner(network, CPU, 2)
    w = some_w(expected, network, 7)
    runner = NetworkRunner(network, CPU, 4)
    runner._pool = None
    narrow = Narrow(runner, 2, torch.OutOfMemoryError("CUDA out of memory"))
    pictures = torch.cat([runner.pictures(w[:4]), runner.pictures(w[4:])])
    assert narrow.sizes == [4, 2, 2, 2, 2]  # 7 pictures in twos, the last filled up
    assert torch.equal(pictures, torch.cat([expected.pictures(w[k : k + 2]) for k in range(0, 7, 2)]))
    assert [note.partition(";")[0] for note in runner.notes] == [
        "memory ran out: from then on 2 pictures at once"
    ]  # fmt: skip


def test_fewer_at_once_on_a_cpu_are_the_same_pictures(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = NetworkRunner(network, CPU, 1)
    w = some_w(runner, network, 4)
    expected = torch.cat([runner.pictures(w[k : k + 1]) for k in range(4)])
    failures = [MALLOC]
    together = runner._at_once

    def once(part: Inputs) -> Tensor:
        if len(part) > 1 and failures:
            raise failures.pop()
        return together(part)

    monkeypatch.setattr(runner, "_at_once", once)
    runner._splitter.size = 4
    assert torch.equal(runner.pictures(w), expected)
    assert runner._splitter.size == 2
    assert len(runner.notes) == 1


def test_planes_are_of_the_pictures(network: Path) -> None:
    from akma_core.media.yuv import rgb_to_yuv420

    runner = NetworkRunner(network, CPU, 1)
    w = some_w(runner, network, 3)
    planes = list(runner.planes([w[:1], w[1:]]))
    assert [p.shape for p in planes] == [(1, 96, 64), (2, 96, 64)]
    assert np.array_equal(np.concatenate(planes), rgb_to_yuv420(runner.pictures(w)).numpy())


@pytest.mark.parametrize(
    ("picture_mb", "side", "total_gb", "batch"),
    [
        (437, 1024, 80, 8),  # T-1024 on an H100
        (437, 1024, 8, 4),
        (437, 1024, 2, 1),
        (437, 1024, 0.1, 1),
        (30, 256, 80, 32),
        (30, 256, 4, 32),
        (120, 512, 4, 8),
        (2000, 2048, 80, 2),
        (9000, 8192, 80, 1),
    ],
)
def test_a_cards_batch(picture_mb: float, side: int, total_gb: float, batch: int) -> None:
    assert batch_for(int(picture_mb * 1e6), side * side, int(total_gb * GB)) == batch


def test_a_card_computes_in_half_precision_and_as_much_as_it_holds(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = read_card(network)
    published = {"z_dim": 512, "w_dim": 512, "img_resolution": 1024}
    large = card.model_copy(update={"config": published, "width": 1024, "height": 1024})
    for free, total, batch in [(79, 80, 8), (1, 80, 8), (7, 8, 4)]:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, f=free, t=total: (f * GB, t * GB))
        assert device_part(torch.device("cuda"), large) == DevicePart(kind="cuda", dtype="float16", batch=batch)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (80 * GB, 80 * GB))
    assert device_part(torch.device("cuda:0"), card).batch == 32


def test_half_precision_can_be_asked_for_on_a_cpu(network: Path) -> None:
    full, half = NetworkRunner(network, CPU, 1), NetworkRunner(network, CPU, 1, "float16")
    w = some_w(full, network, 1)
    difference = (full.pictures(w).int() - half.pictures(w).int()).abs()
    assert 0 < difference.max() <= 3
    assert difference.float().mean() < 0.5
