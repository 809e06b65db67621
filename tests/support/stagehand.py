"""Real stages on a fake device: a lamp that is as bright as the curve, and counts what it is asked for."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core import timeline
from akma_core.audio.reader import AudioReader
from akma_core.config import read_environment
from akma_core.database import Database
from akma_core.jobs import poison, workflows
from akma_core.jobs.stages import Stages
from akma_core.modulation.inputs import Inputs, as_inputs
from akma_core.modulation.song import Heard
from akma_core.networks.card import NetworkCard
from akma_core.render.curves import Planned, complete
from akma_core.render.plan import NetworkPart, RenderPlan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from akma_core.storage import FileStorage
from runners.priority_lock import PriorityLock
from tests.support.rows import accept

VERSION = "1"
CARD = NetworkCard(name="lamp", kind="stylegan3", config={}, width=64, height=64, weights_sha256="a" * 64)


class Lamp:
    """Every picture is a ramp, brighter the louder it is; `on_pictures` is called before each batch."""

    batch, step = 1, 2
    rates: tuple[float, ...] = (0.0,)

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.pictures_made = 0
        self.on_pictures: Callable[[], None] = lambda: None

    def mapping(self, _network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        return np.array([[seed % 7 / 7] for seed in seeds])

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        w = as_inputs(inputs).ws[:, 0]
        self.on_pictures()
        self.pictures_made += len(w)
        levels = torch.from_numpy(w[:, :1] * 100) + torch.linspace(20, 120, 64)
        return levels.clamp(0, 255).to(torch.uint8)[:, None, :, None].expand(-1, 64, 64, 3)


class FakeStudio(PriorityLock):
    """Implements akma_core.jobs.stages.Device."""

    profile = "lamp"

    def __init__(self) -> None:
        super().__init__()
        self.lamp = Lamp()
        self.planned = 0
        self.seed_that_kills = -1

    def plan(self, settings: RenderSettings, reader: AudioReader, song: str) -> RenderPlan:
        self.planned += 1
        return make_plan(settings, reader, song, CARD, DevicePart(kind="cpu", dtype="float32", batch=1))

    def complete(
        self, plan: RenderPlan, reader: AudioReader, heard: Heard | None = None, files: Mapping[str, Path] | None = None
    ) -> Planned:
        return complete(plan, reader, CARD, files, heard)

    def pictures(self, plan: RenderPlan) -> Lamp:
        if plan.settings.seed == self.seed_that_kills:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.lamp


class FakeStorage(FileStorage):
    """Tells what is put, in order; `on_put` is called before each."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.put: list[str] = []
        self.on_put: Callable[[str], None] = lambda _: None

    def put_file(self, key: str, path: Path, content_type: str | None = None) -> None:
        self.on_put(key)
        super().put_file(key, path, content_type)
        self.put.append(key)

    def put_bytes(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        self.on_put(key)
        placed = super().put_bytes(key, data, if_absent=if_absent)
        self.put.append(key)
        return placed


@dataclass
class Stage:
    """A worker's stages, and the parts that they are on."""

    folder: Path
    database: Database
    storage: FakeStorage
    device: FakeStudio = field(default_factory=FakeStudio)

    def __post_init__(self) -> None:
        self.stages = self.another(VERSION)

    def another(self, version: str) -> Stages:
        """Those of a process that comes next."""
        return Stages(self.database, self.storage, self.device, self.folder / "work", "w-0", version)

    def accept(self, song: Path, **settings: object) -> str:
        """The id of a render of this version; 8 frames a second."""
        wish = RenderSettings.parse({"fps": 8, "window_length": 5, "preset": "akma", **settings})
        render_id = accept(self.database, settings=wish.model_dump_json(by_alias=True))
        self.database.update(render_id, audio=f"renders/{render_id}/audio.wav")
        self.storage.put_file(f"renders/{render_id}/audio.wav", song)
        if self.stages.version == VERSION:
            assert self.database.reassign(render_id, "", VERSION)
        return render_id

    def plan(self, render_id: str) -> RenderPlan:
        plan, begun = self.stages.plan(render_id, lambda: 1)
        assert begun
        return plan

    def everything(self, render_id: str) -> RenderPlan:
        """All but the join."""
        plan = self.plan(render_id)
        for chunk in plan.chunks():
            self.stages.chunk(render_id, chunk.index)
        self.stages.sound(render_id)
        return plan

    def keys(self, render_id: str) -> list[str]:
        prefix = f"renders/{render_id}/"
        return [entry.key.removeprefix(prefix) for entry in self.storage.list(prefix)]

    def left(self) -> list[Path]:
        """What lies in the folder of work."""
        return [path for path in (self.folder / "work").rglob("*") if path.is_file()]


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    database = Database(f"sqlite:///{folder}/akma.sqlite")
    try:
        yield Stage(folder, database, FakeStorage(folder / "storage"))
    finally:
        database.close()


class KilledError(BaseException):
    """kill -9, as far as a process can do it to itself."""


def kill_at(hand: Stage, what: str) -> None:
    """The process ends when it is about to put a key that ends so; once."""

    def on_put(key: str) -> None:
        if key.endswith(what):
            hand.storage.on_put = lambda _: None
            raise KilledError

    hand.storage.on_put = on_put


def cancel_at(hand: Stage, render_id: str, what: str) -> None:
    """The render is cancelled when a key with `what` in it is about to be put."""

    def on_put(key: str) -> None:
        if what in key:
            hand.database.cancel(render_id)

    hand.storage.on_put = on_put


def main(folder: Path, poisonous: int) -> None:
    """A worker in a process of its own, until nothing waits; the seed `poisonous` kills it."""
    poison.MAX_CRASHES, poison.MAX_TRIES, workflows.VERSION_TIMEOUT, workflows.SHUTDOWN_GRACE = 1, 1, -1.0, 2
    timeline.CHUNK_SECONDS = (0.5, 0.5, 0.5)  # type: ignore[assignment]
    with stage(folder) as hand:
        hand.stages = hand.another(workflows.version("lamp"))
        hand.device.seed_that_kills = poisonous
        work = workflows.Jobs(read_environment(), hand.database, hand.stages, "w-0")
        work.start()
        while hand.database.waiting():
            for each in (hand.stages.watch, work.recover, work.dispatch, work.fail_poisoned):
                each()
            time.sleep(0.05)
        work.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
