"""A network on a device: loads, warms up, gives pictures in batches of one size."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.inputs import Inputs, as_inputs
from akma_core.modulation.walk import latent
from akma_core.networks import kinds
from akma_core.networks.canvas import canvas_of
from akma_core.networks.card import NetworkCard, read_card
from akma_core.networks.kernels.allocator import keep_mapped
from akma_core.networks.picture import to_uint8
from akma_core.render.plan import CanvasPart, NetworkPart
from akma_core.render.plan_base import DevicePart
from akma_core.settings import Noise
from runners.batching import BatchSplitter, batch_for
from runners.canvas import Shaper
from runners.colour import graded
from runners.cuda_graph import CudaBatches

AVERAGED = 64  # seeds


def choose_device(wish: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; RequestError where it is not there."""
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wish)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise RequestError(f"device {wish} is not here ({count} CUDA devices): use --device cpu", field="device")
    return device


def device_part(device: torch.device, card: NetworkCard, shape: str | None = None) -> DevicePart:
    """Decide how this device computes this network, for the plan; `shape` as in the settings.

    On a CPU every picture is computed by itself, so that neither batch nor number of threads changes a bit of it.
    """
    if device.type == "cpu":
        return DevicePart(kind="cpu", dtype="float32", batch=1)
    pixels = card.width * card.height
    drawn = canvas_of(shape, card) if shape else None
    area = drawn.width * drawn.height / pixels if drawn else 1.0  # memory follows it
    largest = round(kinds.of(card).largest_layer(card.config) * area)
    batch = batch_for(largest, round(pixels * area), torch.cuda.mem_get_info(device)[1])
    return DevicePart(kind="cuda", dtype="float16", batch=batch)


@torch.inference_mode()
def _average_w(generator: Any) -> Tensor:
    """Middle of all w, [w_dim]: the network's own, or that of some seeds where it has none."""
    own: Tensor | None = getattr(generator.mapping, "w_avg", None)
    if own is not None:
        return own
    c = torch.zeros(1, generator.c_dim)
    z = torch.from_numpy(np.stack([latent(seed, generator.z_dim) for seed in range(AVERAGED)]))
    return torch.stack([generator.mapping(z[k : k + 1], c)[0, 0] for k in range(AVERAGED)]).mean(0)


class NetworkRunner:
    """A FrameSource and YuvSource: one network on one device, for one caller at a time."""

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        batch: int,
        dtype: Literal["float32", "float16"] = "float32",
        finish: Callable[[Tensor], Tensor] | None = None,
        size: tuple[int, int] | None = None,
        noise: Noise = "const",
        canvas: CanvasPart | None = None,
    ) -> None:
        """`batch` and `dtype` as in the plan's DevicePart. Warms up, so that the first picture takes no longer.

        `finish` makes other pictures of pictures, uint8 [n, H, W, 3] on the device: see runners.realesrgan. `size`:
        width and height, pixels, for networks that compute pictures of any size, and of a `canvas` (None: the card's).
        `noise`: see NetworkPart; random wants noise_seeds in every input.
        """
        keep_mapped()
        self.device = device
        self.batch = batch
        self.notes: list[str] = []
        """Notes on what went otherwise than planned, for the manifest."""
        card, generator = read_card(folder), kinds.load(folder)
        # The mapping stays on the CPU and takes one seed at a time: w is then the same on every device.
        self._mapping = generator.mapping
        self._synthesis = generator.synthesis if device.type == "cpu" else generator.synthesis.to(device)
        kind = kinds.of(card)
        self._size = (size or (card.width, card.height)) if kind.ANY_SIZE else None
        self._moves = kind.MOVES
        self._noise: dict[str, str] = {"noise_mode": noise} if kind.has_noise(card.config) else {}
        self._shaped = None if canvas is None else Shaper(canvas, size or (card.width, card.height))
        self._canvas = {} if canvas is None or canvas.way != "wide" else {"canvas": (canvas.columns, canvas.rows)}
        if dtype == "float16" and hasattr(self._synthesis, "use_fp16"):
            self._synthesis.use_fp16()
        # w and the opposite of w are as far from the middle of all w.
        panelled = self._shaped is not None and self._shaped.panelled
        self._average = _average_w(generator).to(device) if panelled else None
        self._finish = finish
        self._z_dim, self._c_dim = generator.z_dim, generator.c_dim
        self.rates = kind.rates(card.config)
        self._cuda: CudaBatches | None = None
        workers = torch.get_num_threads() if device.type == "cpu" else 1
        self.step = max(workers, batch)
        self._splitter = BatchSplitter(self.step, self.notes)
        # A thread a picture: no barriers inside the network, a third less time than threads inside every operation.
        self._pool = ThreadPoolExecutor(workers, "picture", torch.set_num_threads, (1,)) if workers > 1 else None
        if device.type == "cuda":
            # TF32 rounds as fp16 does: what is good enough above is so in the layers below.
            torch.backends.cudnn.allow_tf32 = dtype == "float16"
            torch.backends.cudnn.deterministic = True
            shape = generator.num_ws, generator.w_dim
            # What moves by itself has steps of its own for each picture, which no graph can hold.
            self._cuda = None
            if not self._moves:
                drawn = noise == "random"
                self._cuda = CudaBatches(self._compute, batch, shape, device, self.notes, drawn=drawn)

    @torch.inference_mode()
    def mapping(self, network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        """w of each seed, [n, w_dim], of the plan's class and truncated once."""
        c = torch.zeros(1, self._c_dim)
        if self._c_dim:
            c[0, network.class_index] = 1
        rows = [
            self._mapping(torch.from_numpy(latent(seed, self._z_dim))[None], c, network.truncation_psi)[0, 0]
            for seed in seeds
        ]
        return torch.stack(rows).double().numpy()

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        """Inputs of n <= `step` frames -> [n, H, W, 3] uint8 on the device."""
        inputs = as_inputs(inputs)
        if self._cuda:
            return self._cuda.pictures(inputs)
        return torch.cat(list(self._splitter.each(self._at_once, inputs)))

    def eager(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        """As `pictures`, by plain calls: what a CUDA graph is checked against."""
        return self._at_once(as_inputs(inputs))

    def planes(self, batches: Iterable[Inputs | NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """I420 planes in order, see akma_core.render.interfaces.YuvSource."""
        if self._cuda:
            yield from self._cuda.planes(batches)
            return
        for inputs in batches:
            rgb = self.pictures(inputs)
            yield rgb_to_yuv420(rgb[:, : rgb.shape[1] // 2 * 2, : rgb.shape[2] // 2 * 2]).cpu().numpy()

    def _at_once(self, inputs: Inputs) -> Tensor:
        """All of `inputs` on the CPU, a batch a thread."""
        size = min(self.batch, self._splitter.size)
        batches = [inputs[k : k + size] for k in range(0, len(inputs), size)]
        if self._pool is None or len(batches) == 1:
            return torch.cat([self._batch(batch, size) for batch in batches])
        started = [self._pool.submit(self._batch, batch, size) for batch in batches]
        wait(started)  # all of them, also where one fails: before less is tried their memory must be free
        return torch.cat([each.result() for each in started])

    @torch.inference_mode()
    def _batch(self, inputs: Inputs, size: int) -> Tensor:
        # A short batch is filled up: another size is rounded differently.
        full = inputs.filled(size)
        seconds = np.zeros(len(full)) if full.seconds is None else full.seconds
        transform, colour = (
            None if array is None else torch.from_numpy(array).to(self.device)
            for array in (full.transform, full.colour)
        )
        ws, time = torch.from_numpy(full.ws).to(self.device), torch.from_numpy(seconds)
        seeds = None if full.noise_seeds is None else torch.from_numpy(full.noise_seeds).to(self.device)
        return self._compute(ws, transform, colour, seeds, time)[: len(inputs)]

    def _compute(
        self,
        ws: Tensor,
        transform: Tensor | None,
        colour: Tensor | None,
        noise_seeds: Tensor | None = None,
        seconds: Tensor | None = None,
    ) -> Tensor:
        """[n, num_ws or 1, w_dim], [n, 3, 3], [n, 3], [n] -> uint8 [n, H, W, 3], all on the device.

        `seconds` [n], float64, of networks that move by themselves.
        """
        given = transform, colour, noise_seeds, seconds
        rgb = self._drawn(ws, *given)
        if self._shaped:
            rgb = self._shaped(rgb, None if self._average is None else self._drawn(2 * self._average - ws, *given))
        return self._finish(rgb) if self._finish else rgb

    def _drawn(
        self,
        ws: Tensor,
        transform: Tensor | None,
        colour: Tensor | None,
        noise_seeds: Tensor | None,
        seconds: Tensor | None,
    ) -> Tensor:
        """The network's own pictures, or of a wide canvas, uint8."""
        if self._moves:
            width, height = self._size or (None, None)
            rgb = self._synthesis(ws, seconds, transform, width, height)
        else:
            every = ws.expand(-1, self._synthesis.num_ws, -1)
            extras = {**self._noise, **self._canvas}
            rgb = self._synthesis(every, transform=transform, noise_seeds=noise_seeds, **extras)
        return to_uint8(rgb if colour is None else graded(rgb, colour))
