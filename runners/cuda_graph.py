"""A network on a CUDA device: one graph over a fixed batch, its planes copied out while the next batch is computed."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.inputs import Inputs, as_inputs
from runners.batching import BatchSplitter, ran_out

SLOTS = 2  # one that is computed, one that is copied
WARM_UPS = 2  # the first compiles kernels and chooses algorithms, the second shows that nothing is left to choose

Compute = Callable[[Tensor, Tensor | None, Tensor | None, Tensor | None], Tensor]
"""ws [n, rows, w_dim], camera transform [n, 3, 3], colour factors [n, 3], noise seeds [n] -> uint8 [n, H, W, 3]."""


class Graph:
    """`compute` over a fixed batch, recorded once, so that a batch costs one launch instead of some hundred."""

    def __init__(
        self,
        compute: Compute,
        batch: int,
        shape: tuple[int, int],
        device: torch.device,
        notes: list[str],
        *,
        coloured: bool = False,
        drawn: bool = False,
    ) -> None:
        """`shape`: rows and width of ws. `coloured`: with colour factors, `drawn`: with noise seeds; both cost.

        Raises what `compute` raises.
        """
        self.batch, self.coloured = batch, coloured
        self.ws = torch.zeros(batch, *shape, device=device)
        """Buffer for the next ws."""
        self.transform = torch.eye(3, device=device).repeat(batch, 1, 1)
        self.colour = torch.ones(batch, 3, device=device) if coloured else None
        self.noise_seeds = torch.zeros(batch, dtype=torch.int64, device=device) if drawn else None
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
        """Start computing `rgb` and `planes` [batch, H * 3 / 2, W] of the inputs; the next run overwrites them."""
        if self._graph:
            self._graph.replay()
        else:
            self.rgb, self.planes = self._both()

    def _both(self) -> tuple[Tensor, Tensor]:
        rgb = self._compute(self.ws, self.transform, self.colour, self.noise_seeds)
        height, width = rgb.shape[1] // 2 * 2, rgb.shape[2] // 2 * 2
        return rgb, rgb_to_yuv420(rgb[:, :height, :width])


class Slot:
    """Buffers of one batch on its way: inputs to the device, planes from it."""

    def __init__(self, graph: Graph) -> None:
        static = graph.ws, graph.transform, graph.colour, graph.noise_seeds
        self._inputs = [None if each is None else (_pinned(each), each) for each in static]
        self.planes, self.host = torch.empty_like(graph.planes), _pinned(graph.planes)
        self.made, self.copied = torch.cuda.Event(), torch.cuda.Event()  # type: ignore[no-untyped-call]
        self.count = 0

    def send(self, inputs: Inputs) -> None:
        """Start copying `inputs` of a whole batch to where the graph reads them."""
        transform = np.eye(3, dtype=np.float32)[None] if inputs.transform is None else inputs.transform
        arrays = inputs.ws, transform, inputs.colour, inputs.noise_seeds
        for buffers, array in zip(self._inputs, arrays, strict=True):
            if buffers is None:
                continue
            pinned, static = buffers
            if array is not None:
                pinned.copy_(torch.from_numpy(array).expand_as(pinned))
            static.copy_(pinned, non_blocking=True)

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

    Where memory runs out the batch is halved, and `notes` says so; a short batch is filled up with its last frame.
    """

    def __init__(
        self,
        compute: Compute,
        batch: int,
        shape: tuple[int, int],
        device: torch.device,
        notes: list[str],
        *,
        drawn: bool = False,
    ) -> None:
        """`shape`: rows and width of ws. `drawn`: inputs have noise seeds."""
        self._compute, self._shape, self._device, self._notes = compute, shape, device, notes
        self._drawn = drawn
        self._splitter = BatchSplitter(batch, notes)
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph: Graph | None = None
        self._slots: list[Slot] = []
        list(self.planes([np.zeros((1, shape[1]), np.float32)]))

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        """Inputs of n frames -> uint8 [n, H, W, 3] on the device."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            return torch.cat(list(self._splitter.each(self._picture, as_inputs(inputs))))

    def planes(self, batches: Iterable[Inputs | NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """I420 planes [n, H * 3 / 2, W] of batches in order, in as many pieces or more; odd sizes are cut."""
        waiting: Slot | None = None
        for batch in batches:
            parts = self._splitter.each(self._start, as_inputs(batch))
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

    def _picture(self, inputs: Inputs) -> Tensor:
        slot = self._run(inputs)
        assert self._graph
        return self._graph.rgb[: slot.count].clone()

    def _start(self, inputs: Inputs) -> Slot:
        slot = self._run(inputs)
        assert self._graph
        slot.planes.copy_(self._graph.planes)  # out of the next run's way
        slot.made.record()
        with torch.cuda.stream(self._side):
            self._side.wait_event(slot.made)
            slot.host.copy_(slot.planes, non_blocking=True)
            slot.copied.record()
        return slot

    def _run(self, inputs: Inputs) -> Slot:
        """Start the network on `inputs`, filled up to the batch: another size is rounded differently."""
        wanted, coloured = self._splitter.size, inputs.colour is not None
        if self._graph is None or (self._graph.batch, self._graph.coloured) != (wanted, coloured):
            self._graph, self._slots = None, []  # first of all free what is there
            self._graph = Graph(
                self._compute, wanted, self._shape, self._device, self._notes, coloured=coloured, drawn=self._drawn
            )
            self._slots = [Slot(self._graph) for _ in range(SLOTS)]
        slot = self._slots.pop(0)
        self._slots.append(slot)
        slot.copied.synchronize()
        slot.made.synchronize()
        slot.count = len(inputs)
        slot.send(inputs.filled(self._graph.batch))
        self._graph.run()
        slot.made.record()  # the inputs have been read once this has passed
        return slot
