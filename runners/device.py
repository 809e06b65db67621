"""One device and the networks that are loaded on it: what a worker renders with."""

import gc
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.audio.reader import AudioReader
from akma_core.errors import RequestError
from akma_core.modulation.inputs import Inputs, noise_seeds
from akma_core.modulation.song import Heard
from akma_core.modulation.types import Columns
from akma_core.networks.builtin import BUILT_IN
from akma_core.render.curves import Planned, complete
from akma_core.render.plan import CanvasPart, NetworkPart, RenderPlan
from akma_core.render.planner import check_noise, make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from runners.canvas import choose
from runners.model_store import resolve
from runners.network import NetworkRunner, choose_device, device_part
from runners.priority_lock import PriorityLock
from runners.realesrgan import find_upscaler, finish, upscale_part

LOADED = 2  # networks at a time
MEASURED = 4  # pictures that tell how fast a network is
TILE = 64  # pixels of a side that tell how fast an upscaler is


@dataclass(frozen=True)
class Key:
    """Key of a loaded network: plans with the same key share it."""

    network: str
    upscaler: str | None
    size: tuple[int, int]
    canvas: CanvasPart | None
    dtype: str
    batch: int
    noise: str = "const"


class Device(PriorityLock):
    """Implements akma_core.jobs.stages.Device."""

    def __init__(self, device: str) -> None:
        """`device`: auto, cpu, cuda or cuda:N; RequestError where it is not there."""
        super().__init__()
        self._device = choose_device(device)
        self.name = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "CPU"
        self.profile = slug(self.name)
        self._loaded: OrderedDict[Key, NetworkRunner] = OrderedDict()
        self._lock = threading.Lock()

    def plan(self, settings: RenderSettings, reader: AudioReader, song: str) -> RenderPlan:
        """Decide a render for this device."""
        folder, card = resolve(settings.model)
        upscaler = find_upscaler(settings, self._device)
        part = device_part(self._device, card, settings.shape)
        canvas = choose(settings.shape, card, folder, settings.canvas)
        return make_plan(settings, reader, song, card, part, upscale_part(upscaler), canvas)

    def pictures(self, plan: RenderPlan) -> NetworkRunner:
        """The plan's network, loaded now if it is not; to be called by the holder."""
        key = Key(
            plan.network.digest,
            plan.upscale.digest if plan.upscale else None,
            (plan.width, plan.height),
            plan.network.canvas,
            plan.device.dtype,
            plan.device.batch,
            plan.network.noise,
        )
        return self._kept(key, lambda: self._load(plan))

    def _kept(self, key: Key, load: Callable[[], NetworkRunner]) -> NetworkRunner:
        with self._lock:
            if key not in self._loaded:
                while len(self._loaded) >= LOADED:
                    self._loaded.popitem(last=False)
                    gc.collect()  # a network is in circles with its walks
                self._loaded[key] = load()
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def _load(self, plan: RenderPlan) -> NetworkRunner:
        name, wanted = plan.network.name, plan.network.digest
        folder, card = resolve(name if name in BUILT_IN else wanted)
        if card.digest != wanted:
            message = f"network {name} is not here any more: import it again"
            raise RequestError(message, code="other_network", field="model")
        finishing = finish(plan, find_upscaler(plan.settings, self._device))
        size = plan.network.width, plan.network.height
        device, network = plan.device, plan.network
        return NetworkRunner(
            folder, self._device, device.batch, device.dtype, finishing, size, network.noise, network.canvas
        )

    def complete(
        self,
        plan: RenderPlan,
        reader: AudioReader,
        heard: Heard | None = None,
        files: Mapping[str, Path] | None = None,
        stems: Mapping[str, Heard] | None = None,
    ) -> Planned:
        """The plan with what the song's analysis decides: its columns. Arguments: see curves.complete."""
        name = plan.network.name
        _, card = resolve(name if name in BUILT_IN else plan.network.digest)
        return complete(plan, reader, card, files, heard, stems)

    def frames(self, plan: RenderPlan, columns: Columns, frames: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Single frames of a plan, [H, W, 3] each, between the batches of whatever renders."""
        pictures, trajectory = self._alone(plan, columns)
        return [self._one(pictures, trajectory(frame, frame + 1)) for frame in frames]

    def every(self, plan: RenderPlan, columns: Columns, frames: range) -> Iterator[NDArray[np.uint8]]:
        """Frames of a plan at even steps, [n, H, W, 3] as many as are computed at once, between a render's batches."""
        pictures, trajectory = self._alone(plan, columns)
        for k in range(0, len(frames), pictures.step):
            part = frames[k : k + pictures.step]
            inputs = trajectory(part[0], part[-1] + 1)[:: frames.step]
            with self.acquire(urgent=True):
                found = pictures.pictures(inputs).cpu().numpy()
            yield found

    def _alone(self, plan: RenderPlan, columns: Columns) -> tuple[NetworkRunner, Trajectory]:
        """Pictures of a plan one at a time, in a network of its own where that has another batch: it may be at work."""
        alone = plan.model_copy(update={"device": plan.device.model_copy(update={"batch": 1})})
        with self.acquire(urgent=True):
            pictures = self.pictures(alone)
            return pictures, Trajectory(alone, columns, pictures)

    def seconds_a_picture(self, settings: RenderSettings) -> tuple[float, float]:
        """Seconds that the network takes for a picture, and the upscaler for a pixel of it, measured now."""
        plain = settings.model_copy(update={"upscale": "none", "size": None, "outscale": None})
        list(self.stills(plain, range(2)))
        began = time.perf_counter()
        list(self.stills(plain, range(MEASURED)))
        picture = (time.perf_counter() - began) / MEASURED
        upscaler = find_upscaler(settings, self._device)
        if upscaler is None:
            return picture, 0.0
        tile = torch.zeros(1, TILE, TILE, 3, dtype=torch.uint8, device=self._device)
        for _ in range(2):  # the first one warms up
            with self.acquire(urgent=True):
                began = time.perf_counter()
                upscaler(tile).cpu()
                pixel = (time.perf_counter() - began) / TILE**2
        return picture, pixel

    def stills(self, settings: RenderSettings, seeds: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """A picture [H, W, 3] of each seed, one after the other. RequestError at the first where that cannot be."""
        folder, card = resolve(settings.model)
        if settings.class_index >= max(card.classes, 1):
            message = f"class {settings.class_index} does not exist: the network has {card.classes}"
            raise RequestError(message, code="bad_setting", field="class")
        check_noise(settings, card)
        part = NetworkPart(
            name=card.name, digest=card.digest, width=card.width, height=card.height,
            class_index=settings.class_index, truncation_psi=settings.truncation_psi, noise=settings.noise,
        )  # fmt: skip
        dtype = device_part(self._device, card).dtype
        # as of a plan that leaves the size alone
        key = Key(card.digest, None, (card.width, card.height), None, dtype, 1, settings.noise)
        with self.acquire(urgent=True):
            runner = self._kept(key, lambda: NetworkRunner(folder, self._device, 1, dtype, noise=settings.noise))
        for k in range(0, len(seeds), runner.step):
            now = seeds[k : k + runner.step]
            ws = runner.mapping(part, now).astype(np.float32)[:, None]
            drawn = noise_seeds(settings.seed or 0, now) if settings.noise == "random" else None  # a seed as its frame
            with self.acquire(urgent=True):
                found = runner.pictures(Inputs(ws, noise_seeds=drawn)).cpu().numpy()
            yield from found

    def stills_of(self, folder: Path, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """The same of the network in a folder."""
        return list(self.stills(RenderSettings.parse({"model": str(folder.absolute())}), seeds))

    def _one(self, runner: NetworkRunner, inputs: Inputs | NDArray[np.float32]) -> NDArray[np.uint8]:
        with self.acquire(urgent=True):
            return runner.pictures(inputs)[0].cpu().numpy()

    def warm(self) -> None:
        """Load the built-in network and make a picture, so that the first render need not wait for that."""
        list(self.stills(RenderSettings.parse({}), [0]))


def slug(text: str) -> str:
    """Small letters, digits and -."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
