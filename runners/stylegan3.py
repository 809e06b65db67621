"""A StyleGAN3 network on a device: loads, warms up, gives pictures in batches of one size."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.networks.card import NetworkCard
from akma_core.networks.memory import keep_mapped
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import to_uint8
from akma_core.plan import DevicePart, NetworkPart
from akma_core.walk import latent


def choose_device(wish: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`; RequestError where it is not there."""
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(wish)
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise RequestError(f"device {wish} is not here ({count} CUDA devices): use --device cpu", field="device")
    return device


def device_part(device: torch.device, card: NetworkCard) -> DevicePart:
    """How this device computes this network: what the plan records.

    On a CPU every picture is computed by itself, so that neither batch nor number of threads changes a bit of it.
    """
    if device.type == "cpu":
        return DevicePart(kind="cpu", dtype="float32", batch=1)
    return DevicePart(kind="cuda", dtype="float32", batch=max(1, min(8, 2**20 // (card.width * card.height))))


class StyleGAN3Runner:
    """Implements akma_core.render.Pictures: one network on one device, for one caller at a time."""

    def __init__(self, folder: Path, device: torch.device, batch: int) -> None:
        keep_mapped()
        self.device = device
        self.batch = batch
        generator = file.load(folder)
        # The mapping stays on the CPU and takes one seed at a time: w is then the same on every device.
        self._mapping = generator.mapping
        self._synthesis = generator.synthesis.to(device)
        self._z_dim, self._c_dim = generator.z_dim, generator.c_dim
        workers = torch.get_num_threads() if device.type == "cpu" else 1
        self.step = max(workers, batch)
        # A thread a picture: no barriers inside the network, a third less time than threads inside every operation.
        self._pool = ThreadPoolExecutor(workers, "picture", torch.set_num_threads, (1,)) if workers > 1 else None

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

    def pictures(self, w: NDArray[np.float32]) -> Tensor:
        """[n, w_dim] -> [n, H, W, 3] uint8 on the device; n is at most `step`."""
        batches = [w[k : k + self.batch] for k in range(0, len(w), self.batch)]
        parts = self._pool.map(self._batch, batches) if self._pool else map(self._batch, batches)
        return torch.cat(list(parts))

    @torch.inference_mode()
    def _batch(self, w: NDArray[np.float32]) -> Tensor:
        # A short batch is filled up: another size is rounded differently.
        full = np.concatenate([w, np.repeat(w[-1:], self.batch - len(w), axis=0)])
        ws = torch.from_numpy(full).to(self.device)[:, None].expand(-1, self._synthesis.num_ws, -1)
        return to_uint8(self._synthesis(ws))[: len(w)]
