"""Plan and curves of a render, in storage: made from its song, once, and again where storage lost them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akma_core.audio.reader import digest, open_audio
from akma_core.database import Database, Render
from akma_core.jobs.objects import DamagedError, RenderObjects, RenderStoppedError, checksum_of
from akma_core.modulation.columns import CURVE as AKMA_CURVE
from akma_core.modulation.columns import dump_columns, load_columns
from akma_core.modulation.types import Columns
from akma_core.render.interfaces import Device
from akma_core.render.plan import RenderPlan
from akma_core.settings import RenderSettings
from akma_core.storage.layout import COLUMNS, CURVE, PLAN
from akma_core.timeline import Chunk

MAX_PLAN = 1 << 26  # bytes of plan.json
MAX_CURVES = 1 << 30  # bytes of curves.npz


@dataclass
class Job:
    """A render that this worker is busy with."""

    plan: RenderPlan
    columns: Columns
    chunks: list[Chunk]


class PlanStore:
    """See the module. `version`: see jobs.workflows.version."""

    def __init__(self, database: Database, objects: RenderObjects, device: Device, version: str) -> None:
        self._database, self._objects, self._device, self._version = database, objects, device, version

    def is_sound(self, render_id: str) -> bool:
        """True where all of it is there as it was put."""
        return all(self._objects.is_sound(render_id, name) for name in (PLAN, CURVE, COLUMNS))

    def make(self, render: Render, song: Path, files: Mapping[str, Path]) -> None:
        """Plan and curves from the song and its stems, `files`. RenderStoppedError where the render is over.

        Where it has chunks of a plan that was lost, and this is another one, the render is begun again.
        """
        with open_audio(song) as reader:
            settings = RenderSettings.model_validate_json(render.settings)
            planned = self._device.complete(self._device.plan(settings, reader, digest(song)), reader, files=files)
        notes = [*planned.plan.notes, *planned.notes]
        if settings.device not in ("auto", kind := planned.plan.device.kind):
            notes.append(f"device {settings.device} was asked for; the worker that was free has {kind}")
        made = planned.plan.model_copy(update={"notes": tuple(notes)})
        text = made.model_dump_json(by_alias=True, indent=1).encode()
        before = self._database.checksum(render.id, PLAN)
        if render.chunks and before and before != checksum_of(text):
            self._database.reassign(render.id, self._version, self._version)
            raise RenderStoppedError
        packed = io.BytesIO()
        np.save(packed, planned.columns[AKMA_CURVE])
        self._objects.put_bytes(render.id, CURVE, packed.getvalue(), self._version)
        # The columns go first: a plan is only there with them. Two workers make the same of both.
        self._objects.put_bytes(render.id, COLUMNS, dump_columns(planned.columns), self._version)
        self._objects.put_bytes(render.id, PLAN, text, self._version)

    def plan(self, render_id: str) -> RenderPlan:
        """The plan in storage; DamagedError where it is not as it was put."""
        return RenderPlan.model_validate_json(self._objects.get_bytes(render_id, PLAN, MAX_PLAN))

    def job(self, render_id: str) -> Job:
        """Plan and columns in storage; DamagedError where they are not as they were put."""
        plan = self.plan(render_id)
        columns = load_columns(self._objects.get_bytes(render_id, COLUMNS, MAX_CURVES), plan.modulation)
        if columns is None:
            raise DamagedError(f"{COLUMNS} of render {render_id} is not what its plan was made with")
        return Job(plan, columns, list(plan.chunks()))
