"""Stages of a render: plan it, encode its sound, render a chunk, join everything.

Every stage may be begun again at any point, by any worker: it looks in storage for what is there, and what it puts
there is the same each time. So a process may be killed anywhere in here. What storage lost or damaged is made again.
"""

import json
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from akma_core import metrics
from akma_core.audio.reader import open_audio
from akma_core.database import Database, Render
from akma_core.errors import FailureError
from akma_core.jobs.objects import DamagedError, RenderObjects, RenderStoppedError
from akma_core.jobs.plan_store import Job, PlanStore
from akma_core.jobs.progress import ProgressTracker
from akma_core.log import event
from akma_core.machine import cores
from akma_core.media.audio_segments import AudioSegments, encode
from akma_core.media.mux import AudioTrack, finish
from akma_core.render.flashes import manifest_part, meter_of, note_of, track_of, track_path
from akma_core.render.interfaces import Device
from akma_core.render.manifest import MAX_MANIFEST, manifest
from akma_core.render.pipeline import render_chunks
from akma_core.render.plan import RenderPlan
from akma_core.render.trajectory import Trajectory
from akma_core.storage import Storage
from akma_core.storage.layout import (
    DONE,
    MANIFEST,
    PLAN,
    SOUND_NOTES,
    VIDEO,
    chunk_name,
    flash_name,
    render_key,
    sound_name,
)
from akma_core.timeline import Chunk

KEPT = 8  # plans in memory
MOST_CHUNKS = 8  # in work at once: what one worker has taken, no other takes
WAITED = 0.1  # share of a chunk's time from which on waiting for its encoder is told
Order = tuple[float, ...]
"""Place of a chunk on the device: smaller ones first."""


class Stages:
    """The stages on one device; `folder` is for what is in work, and this worker's own. `version`: see jobs.version."""

    def __init__(
        self, database: Database, storage: Storage, device: Device, folder: Path, worker: str, version: str
    ) -> None:
        self.busy = ProgressTracker()
        self.stopping = threading.Event()
        self.version = version
        self._database, self._storage, self._device = database, storage, device
        self._objects = RenderObjects(database, storage)
        self._plans = PlanStore(database, self._objects, device, version)
        self._folder, self._worker = folder, worker
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._over: set[str] = set()
        self._lock = threading.Lock()

    @property
    def chunks_at_once(self) -> int:
        """Chunks to have in work: one is computed and one encoded; on a GPU as many are encoded as the cores carry."""
        return 2 if self._device.profile == "cpu" else max(2, min(MOST_CHUNKS, cores() // 2 + 1))

    def clean(self) -> None:
        """Remove what a process of the same name left, once it is sure that it has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def check(self, render_id: str) -> None:
        """RenderStoppedError where there is no use in going on; cheap."""
        if self.stopping.is_set() or render_id in self._over:
            raise RenderStoppedError

    def watch(self) -> None:
        """Look which of the renders in work are over; called several times a second."""
        with self.busy.lock:
            working = {render_id for render_id, _ in self.busy.chunks}
        if working:
            self._over = working - self._database.alive(working, self.version)

    def plan(self, render_id: str, base: Callable[[], int]) -> tuple[RenderPlan, bool]:
        """Make the plan and the curve, once; False where the render is over. `base`: priority of its first chunk."""
        with metrics.stage("plan"):
            render = self._render(render_id)
            if render.chunks is None and self._storage.exists(render_key(render_id, PLAN)):
                self._clear(render_id)  # another version's, or half a plan
            if not self._plans.is_sound(render_id):
                self._make_plan(render)
            plan = self._plans.plan(render_id)
        for note in dict.fromkeys(plan.notes):
            self._database.note(render_id, note)
        begun = self._database.start(
            render_id,
            [chunk.frames for chunk in plan.chunks()],
            started=render.started or self._database.now(),
            width=plan.width,
            height=plan.height,
            frames=plan.frames,
            base=render.base or base(),
        )
        return plan, begun

    def _make_plan(self, render: Render) -> None:
        with self._song(render) as path, self._files(render) as files:
            self._plans.make(render, path, files)

    def sound(self, render_id: str) -> None:
        """Encode the sound, a piece a chunk; pieces that are in storage stay."""
        render = self._render(render_id)
        plan = self._job(render_id).plan
        kept = {entry.key: entry.size for entry in self._storage.list(f"renders/{render_id}/sound/")}
        known = self._database.expected(render_id)

        def is_there(index: int) -> bool:
            name = sound_name(index)  # its bytes are read when all is joined
            return name in known and kept.get(render_key(render_id, name)) == known[name].bytes

        with self._song(render) as path, open_audio(path) as reader, self._workspace(render_id, "sound") as folder:
            track = AudioTrack(reader, plan.first_sample, plan.last_sample, plan.audio.codec)
            for index in encode(track, plan.chunk_ends, lambda index: folder / f"{index:05d}.mp4", is_there):
                self.check(render_id)
                self._objects.put_file(render_id, sound_name(index), folder / f"{index:05d}.mp4", self.version)
                (folder / f"{index:05d}.mp4").unlink()
                # The last one counts when the notes are there too: then the video may be joined.
                if not self._database.update(render_id, sound=min(index + 1, plan.chunk_count - 1)):
                    raise RenderStoppedError
            self._objects.put_bytes(render_id, SOUND_NOTES, json.dumps(track.notes).encode(), self.version)
        self._database.update(render_id, sound=plan.chunk_count)

    def chunk(self, render_id: str, index: int) -> int:
        """Render one chunk unless it is in storage; returns how many of the render's chunks are missing then."""
        render, _ = self._render(render_id), self._job(render_id)  # a lost plan is made again before there is a place
        # As the queue has it: fair, a render's chunks in order; of two whose turn it is, the one that begins a video.
        order = float(render.base + index), float(index), render.created
        with self._device.reserved(order):
            rendered, notes = self._chunk(render_id, index, order)
        event("chunk_rendered" if rendered else "chunk_found", render=render_id, chunk=index)
        for note in notes:
            self._database.note(render_id, f"chunk {index}: {note}")
        return self._database.finish_segment(render_id, index, self._worker, notes, rendered=rendered)

    def _chunk(self, render_id: str, index: int, order: Order) -> tuple[bool, list[str]]:
        """Render a chunk that is not in storage as it was put; returns if it was rendered, and notes."""
        job = self._job(render_id)
        names = [chunk_name(index), *([flash_name(index)] if job.plan.flash else [])]
        if all(self._objects.is_sound(render_id, name) for name in names):
            return False, []
        with metrics.stage("chunk"), self._workspace(render_id, f"{index:05d}") as folder:
            path = folder / "chunk.mp4"
            self.busy.begin(render_id, index)
            try:
                notes = self._render_chunk(render_id, job, job.chunks[index], path, order)
                with metrics.stage("upload"):
                    # The track goes first: a chunk is only there with it.
                    if job.plan.flash:
                        self._objects.put_file(render_id, flash_name(index), track_path(path), self.version)
                    self._objects.put_file(render_id, chunk_name(index), path, self.version)
            finally:
                self.busy.end(render_id, index)
        return True, notes

    def _render_chunk(self, render_id: str, job: Job, chunk: Chunk, path: Path, order: Order) -> list[str]:
        @contextmanager
        def acquire() -> Iterator[None]:
            with self._device.acquire(order, last=True), metrics.stage("network"):
                self.check(render_id)
                yield

        def between() -> None:
            self._device.give_way()
            self.check(render_id)

        def on_frames(frames: int) -> None:
            metrics.frames(frames)
            self.busy.add(render_id, chunk.index, frames)

        with self._device.acquire(order):
            self.check(render_id)
            pictures = self._device.pictures(job.plan)
        # Not cached: it references the network, which could then never be evicted.
        trajectory = Trajectory(job.plan, job.columns, pictures)
        before = len(pictures.notes)
        waited = render_chunks(
            job.plan, [chunk], trajectory, pictures, lambda _: path, on_frames, acquire=acquire, between=between
        )
        if waited > WAITED:
            event("encoder_limits", render=render_id, chunk=chunk.index, waited=round(waited, 2))
        return pictures.notes[before:]

    def finish(self, render_id: str) -> bool:
        """Join chunks and sound, put video, manifest and, last, the marker; False where the render is over."""
        done = render_key(render_id, DONE)
        with metrics.stage("join"):
            render = self._render(render_id)
            joined = self._storage.exists(done)
            if not (joined and all(self._objects.is_sound(render_id, name) for name in (VIDEO, MANIFEST))):
                self._database.update(render_id, stage="joining")
                self._join(render, self._job(render_id))
                self._storage.put_bytes(done, f"{time.time():.3f}\n".encode(), if_absent=True)
        size = sum(entry.size for entry in self._storage.list(f"renders/{render_id}/"))
        video = json.loads(self._objects.get_bytes(render_id, MANIFEST, MAX_MANIFEST))["video"]
        self.forget(render_id)
        return self._database.finish(
            render_id,
            bytes=size,
            video_bytes=video["bytes"],
            video_sha256=video["sha256"],
        )

    def _join(self, render: Render, job: Job) -> None:
        with self._workspace(render.id, "join") as folder:
            plan = job.plan
            chunks, pieces = [], []
            for chunk in job.chunks:
                self._render(render.id)
                index, again = chunk.index, partial(self.chunk, render.id, chunk.index)
                chunks.append(folder / f"chunk{index:05d}.mp4")
                pieces.append(folder / f"sound{index:05d}.mp4")
                self._get_file(render.id, chunk_name(index), chunks[-1], again)
                self._get_file(render.id, sound_name(index), pieces[-1], partial(self.sound, render.id))
                if plan.flash:
                    self._get_file(render.id, flash_name(index), track_path(chunks[-1]), again)
            whole = folder / "video.mp4"
            finish(chunks, plan.make_encoder(), AudioSegments(pieces), whole)
            notes = [note for row in self._database.segments(render.id) for note in json.loads(row["notes"])]
            self._get_file(render.id, SOUND_NOTES, folder / "notes.json", partial(self.sound, render.id))
            notes += json.loads((folder / "notes.json").read_bytes())
            flashes = None
            if plan.flash:
                meter = meter_of(plan, (track_of(plan, chunk) for chunk in chunks))
                notes, flashes = [*notes, *note_of(plan, meter)], manifest_part(plan, meter)
            written = manifest(plan, dict.fromkeys(notes), whole, flashes)
            with metrics.stage("upload"):
                self._objects.put_file(render.id, VIDEO, whole, self.version)
            self._objects.put_bytes(render.id, MANIFEST, written, self.version)

    def _get_file(self, render_id: str, name: str, path: Path, make: Callable[[], object]) -> None:
        """Get an object; where it is damaged it is made again, once."""
        try:
            self._objects.get_file(render_id, name, path)
        except DamagedError as error:
            event("object_damaged", "warning", render=render_id, object=name)
            self._database.note(render_id, f"{error.message}: made again")
            self._storage.delete(render_key(render_id, name))
            make()
            self._objects.get_file(render_id, name, path)

    def _clear(self, render_id: str) -> None:
        """Begin a render again from its song; the plan goes last, so that half of this is done again."""
        prefix = f"renders/{render_id}"
        self._storage.delete(render_key(render_id, DONE))
        self._storage.delete_prefix(f"{prefix}/chunks/")
        self._storage.delete_prefix(f"{prefix}/sound/")
        self._storage.delete(render_key(render_id, PLAN))
        self.forget(render_id)

    def forget(self, render_id: str) -> None:
        """Remove what this process keeps of a render."""
        with self._lock:
            self._jobs.pop(render_id, None)
        shutil.rmtree(self._folder / render_id, ignore_errors=True)

    def _render(self, render_id: str) -> Render:
        render = self._database.get(render_id)
        if render is None or render.is_over or render.version != self.version or self.stopping.is_set():
            raise RenderStoppedError
        return render

    def _job(self, render_id: str) -> Job:
        """Plan and curves, from storage the first time; from the song where storage lost them."""
        render = self._render(render_id)
        with self._lock:
            job = self._jobs.get(render_id)
            if job is None:
                try:
                    job = self._plans.job(render_id)
                except DamagedError as error:
                    event("object_damaged", "warning", render=render_id, error=error.message)
                    self._make_plan(render)
                    job = self._plans.job(render_id)
                self._jobs[render_id] = job
            self._jobs.move_to_end(render_id)
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        return job

    @contextmanager
    def _song(self, render: Render) -> Iterator[Path]:
        """The song on this machine's disk, for as long as the block lasts."""
        with self._workspace(render.id, "song") as folder:
            path = folder / Path(render.audio).name
            self._objects.get_song(render, path)
            yield path

    @contextmanager
    def _files(self, render: Render) -> Iterator[dict[str, Path]]:
        """Its stems on this machine's disk, by name, for as long as the block lasts."""
        keys: dict[str, str] = json.loads(render.files or "{}")
        with self._workspace(render.id, "files") as folder:
            files = {}
            for number, (name, key) in enumerate(keys.items()):
                files[name] = folder / f"{number}{Path(key).suffix}"
                self._objects.get_stem(key, files[name])
            yield files

    @contextmanager
    def _workspace(self, render_id: str, name: str) -> Iterator[Path]:
        folder = self._folder / render_id / f"{name}-{threading.get_ident()}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise FailureError(f"cannot make {folder}: {error.strerror}", code="write_failed") from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
