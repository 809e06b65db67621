"""An upscaler: 8-bit pictures in, larger 8-bit pictures out, in pieces where memory asks for it."""

import torch
from torch import Tensor

from akma_core.errors import RequestError

from .architecture import Network
from .tiles import choose, spans

CPU_MEMORY = 2 << 30  # bytes; fixed, not what happens to be free, so that the same render gives the same tiles
DEVICE_SHARE = 0.5  # of an accelerator's memory


class Upscaler:
    """A network of Real-ESRGAN on a device.

    Pictures too large for the memory budget are done in tiles whose seams cannot be seen: at most one 8-bit step from
    the untiled result.
    """

    scale: int
    """Factor of width and height."""
    name: str
    digest: str
    """SHA-256 of the file or files with the weights."""

    def __init__(
        self,
        network: Network,
        *,
        name: str,
        digest: str,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        memory: int | None = None,
    ) -> None:
        """`memory`: bytes that the network's activations may take; None: 2 GiB, or half of an accelerator's."""
        self.scale, self.name, self.digest = network.scale, name, digest
        self.device, self.dtype = torch.device(device), dtype
        self.network = network.to(self.device, dtype)
        for weight in self.network.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.memory = memory or _budget(self.device)

    def __call__(self, rgb: Tensor) -> Tensor:
        """uint8 [n, h, w, 3] -> uint8 [n, scale * h, scale * w, 3], rounded to nearest, on the device of `rgb`.

        RequestError where the memory budget does not hold a single tile.
        """
        if rgb.dtype != torch.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3 or not rgb.numel():
            raise ValueError(f"expected uint8 [n, h, w, 3], got {rgb.dtype} {list(rgb.shape)}")
        n, h, w, _ = rgb.shape
        s, unit = self.scale, self.network.modulus
        padded = _repeat_edge(rgb, unit)
        down, across = self._windows(-(-h // unit), -(-w // unit))
        batch = max(1, self._pixels() // (h * w)) if down * across == 1 else 1
        out = torch.empty((n, s * h, s * w, 3), dtype=torch.uint8, device=rgb.device)
        overlap = self.network.overlap // unit
        with torch.inference_mode():
            for first in range(0, n, batch):
                for y in spans(-(-h // unit), down, overlap):
                    for x in spans(-(-w // unit), across, overlap):
                        tile = padded[
                            first : first + batch, y.start * unit : y.stop * unit, x.start * unit : x.stop * unit
                        ]
                        top, left = (y.keep_start - y.start) * unit * s, (x.keep_start - x.start) * unit * s
                        into = out[
                            first : first + batch,
                            y.keep_start * unit * s : y.keep_stop * unit * s,
                            x.keep_start * unit * s : x.keep_stop * unit * s,
                        ]
                        into.copy_(self._run(tile)[:, top : top + into.shape[1], left : left + into.shape[2]])
        return out

    def _run(self, rgb: Tensor) -> Tensor:
        # [n, h, w, 3] seen as [n, 3, h, w] is already channels last.
        x = rgb.to(self.device).permute(0, 3, 1, 2).to(self.dtype).div_(255)
        y: Tensor = self.network(x)
        y = y.float().mul_(255).round_().clamp_(0, 255)
        return y.to(torch.uint8).permute(0, 2, 3, 1)

    def _pixels(self) -> int:
        """Input pixels that the memory budget holds."""
        return self.memory // (self.network.numbers_held * self.dtype.itemsize)

    def _windows(self, rows: int, columns: int) -> tuple[int, int]:
        unit = self.network.modulus
        found = choose(rows, columns, self.network.overlap // unit, self._pixels() // unit**2)
        if found is None:
            smallest = (2 * self.network.overlap + unit) ** 2 * self.network.numbers_held * self.dtype.itemsize
            message = (
                f"{self.name} needs {smallest / 1e6:.0f} MB for a tile, more than the {self.memory / 1e6:.0f} allowed"
            )
            raise RequestError(f"{message}: allow more memory", code="too_little_memory", field="upscale")
        return found


def _repeat_edge(rgb: Tensor, unit: int) -> Tensor:
    """The picture with its last row and column repeated until both are multiples of `unit`."""
    _, h, w, _ = rgb.shape
    if h % unit == 0 and w % unit == 0:
        return rgb
    down, right = -h % unit, -w % unit
    rows = torch.arange(h + down, device=rgb.device).clamp_(max=h - 1)
    columns = torch.arange(w + right, device=rgb.device).clamp_(max=w - 1)
    return rgb[:, rows][:, :, columns]


def _budget(device: torch.device) -> int:
    if device.type != "cuda":
        return CPU_MEMORY
    return int(torch.cuda.get_device_properties(device).total_memory * DEVICE_SHARE)
