"""A network on a CUDA device: one graph over a fixed batch, its planes copied out while the next batch is computed."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.yuv import rgb_to_yuv420
from runners.batching import BatchSplitter, ran_out

SLOTS = 2  # one that is computed, one that is copied
WARM_UPS = 2  # the first compiles kernels and chooses algorithms, the second shows that nothing is left to choose


class Graph:
    """`compute` over a fixed batch, recorded once, so that a batch costs one launch instead of some hundred."""

    def __init__(
        self, compute: Callable[[Tensor], Tensor], batch: int, w_dim: int, device: torch.device, notes: list[str]
    ) -> None:
        """`compute`: [batch, w_dim] on the device -> uint8 RGB [batch, H, W, 3]. Raises what it raises."""
        self.batch = batch
        self.w = torch.zeros(batch, w_dim, device=device)
        """Buffer for the next w."""
        self._compute = compute
        self._graph: torch.cuda.CUDAGraph | None = None
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self.rgb, self.planes = self._both()
        aside.synchronize()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.empty_cache()  # a graph has memory of its own, and cannot take what the warm-up left
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.rgb, self.planes = self._both()
            self._graph = graph
        except RuntimeError as error:
            if ran_out(error):
                raise
            notes.append(f"no CUDA graph ({str(error).splitlines()[0][:120]}): rendered without, which is slower")

    def run(self) -> None:
        """Start computing `rgb` and `planes` [batch, H * 3 / 2, W] of `w`; the next run overwrites them."""
        if self._graph:
            self._graph.replay()
        else:
            self.rgb, self.planes = self._both()

    def _both(self) -> tuple[Tensor, Tensor]:
        rgb = self._compute(self.w)
        height, width = rgb.shape[1] // 2 * 2, rgb.shape[2] // 2 * 2
        return rgb, rgb_to_yuv420(rgb[:, :height, :width])


class Slot:
    """Buffers of one batch on its way: w to the device, planes from it."""

    def __init__(self, graph: Graph) -> None:
        self.w, self.planes, self.host = _pinned(graph.w), torch.empty_like(graph.planes), _pinned(graph.planes)
        self.made, self.copied = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.count = 0

    def planes_of_batch(self) -> NDArray[np.uint8]:
        """Wait for the planes; they are the caller's to keep."""
        self.copied.synchronize()
        planes: NDArray[np.uint8] = self.host[: self.count].numpy().copy()
        return planes


def _pinned(like: Tensor) -> Tensor:
    """Memory of the machine that a device reads and writes by itself."""
    return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)


class CudaBatches:
    """Pictures and planes of `compute` (see Graph) in fixed batches; warmed up when made.

    Where memory runs out the batch is halved, and `notes` says so; a short batch is filled up with its last w.
    """

    def __init__(
        self, compute: Callable[[Tensor], Tensor], batch: int, w_dim: int, device: torch.device, notes: list[str]
    ) -> None:
        self._compute, self._w_dim, self._device, self._notes = compute, w_dim, device, notes
        self._splitter = BatchSplitter(batch, notes)
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: Graph | None = None
        self._slots: list[Slot] = []
        list(self.planes([np.zeros((1, w_dim), np.float32)]))

    def pictures(self, w: NDArray[np.float32]) -> Tensor:
        """[n, w_dim] -> uint8 [n, H, W, 3] on the device."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            return torch.cat(list(self._splitter.each(self._picture, w)))

    def planes(self, ws: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """I420 planes [n, H * 3 / 2, W] for w [n, w_dim] in order, in as many pieces or more; odd sizes are cut."""
        waiting: Slot | None = None
        for w in ws:
            parts = self._splitter.each(self._start, w)
            while True:
                # The modes are this thread's, not this generator's: they must not be on while others run.
                with torch.inference_mode(), torch.cuda.device(self._device):
                    started = next(parts, None)
                if started is None:
                    break
                if waiting:
                    yield waiting.planes_of_batch()
                waiting = started
        if waiting:
            yield waiting.planes_of_batch()

    def _picture(self, w: NDArray[np.float32]) -> Tensor:
        slot = self._run(w)
        assert self._graph
        return self._graph.rgb[: slot.count].clone()

    def _start(self, w: NDArray[np.float32]) -> Slot:
        slot = self._run(w)
        assert self._graph
        slot.planes.copy_(self._graph.planes)  # out of the next run's way
        slot.made.record()
        with torch.cuda.stream(self._side):
            self._side.wait_event(slot.made)
            slot.host.copy_(slot.planes, non_blocking=True)
            slot.copied.record()
        return slot

    def _run(self, w: NDArray[np.float32]) -> Slot:
        """Start the network on `w`, filled up to the batch: another size is rounded differently."""
        if self._graph is None or self._graph.batch != self._splitter.size:
            self._graph, self._slots = None, []  # first of all free what is there
            self._graph = Graph(self._compute, self._splitter.size, self._w_dim, self._device, self._notes)
            self._slots = [Slot(self._graph) for _ in range(SLOTS)]
        slot = self._slots.pop(0)
        self._slots.append(slot)
        slot.copied.synchronize()
        slot.made.synchronize()
        slot.count = len(w)
        slot.w.copy_(torch.from_numpy(filled(w, self._graph.batch)))
        self._graph.w.copy_(slot.w, non_blocking=True)
        self._graph.run()
        slot.made.record()  # w has been read once this has passed
        return slot


def filled(w: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """`w` [n <= batch, w_dim] with its last row repeated up to `batch` rows."""
    return np.concatenate([w, np.repeat(w[-1:], batch - len(w), axis=0)])
