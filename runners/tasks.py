"""Worker tasks: stills before a render, networks to import."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from akma_core.audio.reader import digest, open_audio
from akma_core.database import Database
from akma_core.errors import AkmaError, RequestError
from akma_core.log import event
from akma_core.media.contact_sheet import contact_sheet
from akma_core.media.still import png
from akma_core.settings import RenderSettings
from akma_core.storage import Storage
from runners.device import Device
from runners.model_store import import_network
from runners.previews import Previews, WithdrawnError

MAX_STILLS = 64
Answer = dict[str, Any]


class WorkerTasks:
    """Takes tasks from the database, one at a time."""

    def __init__(self, database: Database, storage: Storage, device: Device, worker: str, folder: Path) -> None:
        """`folder`: this worker's own, for copies of songs."""
        self._database, self._storage, self._device, self._worker = database, storage, device, worker
        quick, slow = (Previews(storage, device, folder / name) for name in ("quick", "slow"))
        self._quick = {"preview": self.preview, "stills": quick.stills, "seeds": quick.seeds}
        self._slow = {"import": self.import_network, "clip": slow.clip, "measure": slow.measure}

    def one(self, *, slow: bool | None = None) -> bool:
        """Do one if there is one; what goes wrong with it is its answer. `slow`: only what takes long, or only not."""
        known: dict[str, Callable[..., Answer]] = {**self._quick, **self._slow}
        claimed = self._database.claim(self._worker, self._slow if slow else None, self._slow if slow is False else ())
        if claimed is None:
            return False
        task, kind, request = claimed
        work = known.get(kind)
        if kind == "clip":
            work = partial(known[kind], is_wanted=partial(self._database.is_wanted, task))
        try:
            if work is None:
                raise RequestError(f"unknown task {kind[:40]!r}", code="bad_task")
            self._database.answer(task, work(request))
            event("task_done", task=task, kind=kind)
        except AkmaError as error:
            answer = {"failure": error.exit_code == 1, "field": error.field}
            self._database.answer(task, answer, error.code, error.message)
            event("task_refused", "warning", task=task, kind=kind, error=error.message)
        except WithdrawnError:
            event("task_withdrawn", task=task, kind=kind)
        except Exception as error:
            message = f"a fault in AKMA itself ({type(error).__name__})"
            self._database.answer(task, {"failure": True}, "internal", message)
            event("task_failed", "error", task=task, kind=kind, error=repr(error))
        return True

    def preview(self, request: Answer) -> Answer:
        """Stills of a song at some seconds, or of seeds; their keys in storage."""
        settings = RenderSettings.parse(request["settings"])
        seeds, times = request.get("seeds") or [], request.get("times") or []
        if len(seeds) + len(times) > MAX_STILLS:
            raise RequestError(f"at most {MAX_STILLS} stills at a time", code="bad_setting", field="times")
        if request.get("audio"):
            pictures, stills = self._of_song(settings, request["audio"], times)
        else:
            pictures = list(self._device.stills(settings, seeds))
            stills = [{"seed": seed} for seed in seeds]
        labels = [str(still["seed"]) if "seed" in still else f"{still['time']:.1f} s" for still in stills]
        prefix = f"previews/{request['id']}"
        for index, (picture, still) in enumerate(zip(pictures, stills, strict=True)):
            still["key"] = f"{prefix}/{index:02d}.png"
            self._storage.put_bytes(still["key"], png(Image.fromarray(picture)))
        self._storage.put_bytes(f"{prefix}/sheet.png", png(contact_sheet(pictures, labels)))
        return {"sheet": f"{prefix}/sheet.png", "stills": stills}

    def _of_song(self, settings: RenderSettings, key: str, times: list[float]) -> tuple[list[Any], list[Answer]]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(key).name
            self._storage.get_file(key, path)
            with open_audio(path) as reader:
                plan = self._device.plan(settings, reader, digest(path))
                planned = self._device.complete(plan, reader)
                plan = planned.plan
        last = plan.first_frame + plan.frames - 1
        wanted = times or [float((plan.first_frame + plan.frames * k // 8) / plan.fps) for k in (1, 3, 5, 7)]
        frames = [min(max(plan.first_frame, round(time * plan.fps)), last) for time in wanted]
        stills = [{"time": float(frame / plan.fps), "frame": frame} for frame in frames]
        return self._device.frames(plan, planned.columns, frames), stills

    def import_network(self, request: Answer) -> Answer:
        """Import a network's file from storage, read as data; its card."""
        with tempfile.TemporaryDirectory() as folder:
            pkl = Path(folder) / "network.pkl"
            self._storage.get_file(request["key"], pkl)
            words = request.get("licence") or "", request.get("note") or ""
            try:
                card = import_network(self._storage, pkl, request["name"], *words, self._device.stills_of)
            except RequestError as error:  # where it lies here is nothing for a client
                message = error.message.replace(f"{folder}/", "")
                raise RequestError(message, code=error.code, field=error.field) from None
        return {**card.model_dump(mode="json"), "digest": card.digest}
