"""A render on a local disk: finished chunks wait in `.VIDEO.mp4.parts/<plan digest>` until the video is whole.

Under the final name there is a whole video or none; whatever stops a render, the same command goes on where it was.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from akma_core.audio.reader import AudioReader
from akma_core.errors import RequestError
from akma_core.files import sync, writing
from akma_core.media.encoder import segment_info
from akma_core.media.mux import CONTAINERS, AudioTrack, container_format, finish
from akma_core.networks.card import sha256_of
from akma_core.render.plan import Chunk, RenderPlan

MAX_MANIFEST = 64 << 20  # bytes
MAX_NAME = 230  # bytes; file systems take 255, and temporary files beside the output have longer names


class Plan(Protocol):
    """What chunks on a disk ask of the plan that they follow."""

    @property
    def digest(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def frames(self) -> int: ...
    def chunks(self) -> Iterator[Chunk]: ...
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]: ...


def manifest_path(video: Path) -> Path:
    return video.with_suffix(".json")


def check_folder(path: Path, field: str = "output") -> None:
    """RequestError where no file can be made at `path`."""
    folder = path.parent
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise RequestError(f"the name {path.name[:40]}... is too long: choose another", code="bad_output", field=field)
    if not folder.is_dir():
        raise RequestError(f"folder {folder} does not exist: make it first", code="no_folder", field=field)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RequestError(f"folder {folder} cannot be written to: choose another", code="no_folder", field=field)
    if path.is_dir():
        raise RequestError(f"{path} is a folder: give the name of a file", code="bad_output", field=field)


def check_output(video: Path, codec: str) -> None:
    """RequestError where `video` cannot be written, with sound in `codec`, whatever is in it."""
    container_format(video, codec)
    check_folder(video)
    if manifest_path(video).is_dir():
        message = f"{manifest_path(video)} is a folder, and the manifest goes there: choose another name"
        raise RequestError(message, code="bad_output", field="output")


def is_done(video: Path, plan: Plan, *, overwrite: bool) -> bool:
    """True where `video` is this plan's already; RequestError where another file would be lost."""
    manifest = _read_manifest(manifest_path(video))
    if video.exists():
        if manifest and manifest.get("digest") == plan.digest and manifest["video"]["bytes"] == video.stat().st_size:
            return True
        what = f"made with another plan ({_difference(manifest, plan)})" if manifest else "that AKMA has no manifest of"
        if not overwrite:
            message = f"{video} exists, {what}: give --overwrite or another name"
            raise RequestError(message, code="output_exists", field="output")
    elif manifest_path(video).exists() and not overwrite:
        owner = "no manifest of AKMA's" if manifest is None else _owner(video, manifest)
        if owner:
            message = f"{manifest_path(video)} exists and is {owner}: give --overwrite or another name"
            raise RequestError(message, code="output_exists", field="output")
    return False


class ChunkFolder:
    """The folder of one video's finished chunks, owned by one process at a time."""

    def __init__(self, video: Path, plan: Plan) -> None:
        self.video = video
        self.plan = plan
        self._root = video.with_name(f".{video.name}.parts")
        self._folder = self._root / plan.digest

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder; RequestError while another process does."""
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._root / "lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                message = f"another akma render is writing {self.video}: wait for it"
                raise RequestError(message, code="output_busy", field="output") from None
            for leftover in self._folder.glob("*.tmp"):
                leftover.unlink()
            yield

    def path(self, chunk: Chunk) -> Path:
        """Where the segment of a chunk goes."""
        return self._folder / f"chunk{chunk.index:05d}.mp4"

    def missing(self) -> list[Chunk]:
        """Chunks that have no whole segment yet; what is broken is removed."""
        todo = []
        for chunk in self.plan.chunks():
            info = segment_info(self.path(chunk))
            if info is None or info.frames != chunk.frames:
                self.path(chunk).unlink(missing_ok=True)
                todo.append(chunk)
        return todo

    def publish(self, whole: Path, notes: Iterable[str]) -> Path:
        """Put the finished video and its manifest in place; returns the manifest. `notes` are on top of the plan's."""
        final = manifest_path(self.video)
        written = self._folder / "manifest.json"
        with writing(self._folder):
            written.write_bytes(manifest(self.plan, notes, whole))
            sync(written)
            # In this order: a crash in between leaves no video under the name, never one with another's manifest.
            self.video.unlink(missing_ok=True)
            written.replace(final)
            whole.replace(self.video)
        shutil.rmtree(self._root, ignore_errors=True)
        return final

    @property
    def whole(self) -> Path:
        """Where the whole video is written, beside its chunks."""
        return self._folder / f"video{self.video.suffix}"


class RenderOutput(ChunkFolder):
    """The chunks of a render."""

    def __init__(self, video: Path, plan: RenderPlan) -> None:
        super().__init__(video, plan)
        self.plan: RenderPlan = plan

    def finish(self, reader: AudioReader, notes: Iterable[str] = ()) -> Path:
        """Join the segments, add the sound, put manifest and video in place; returns the manifest.

        `notes`: what went otherwise than planned while it was rendered.
        """
        plan = self.plan
        track = AudioTrack(reader, plan.first_sample, plan.last_sample, plan.audio.codec)
        finish([self.path(chunk) for chunk in plan.chunks()], plan.make_encoder(), track, self.whole)
        return self.publish(self.whole, [*notes, *track.notes])


def manifest(plan: Plan, notes: Iterable[str], whole: Path) -> bytes:
    """The manifest of the finished video `whole`, JSON; `notes` are on top of the plan's."""
    written = {
        "akma": "manifest",
        "digest": plan.digest,
        "plan": plan.model_dump(mode="json", by_alias=True),
        "notes": [*plan.notes, *notes],
        "video": {"bytes": whole.stat().st_size, "sha256": sha256_of(whole), "frames": plan.frames},
    }
    return (json.dumps(written, indent=1) + "\n").encode()


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file by `write(temporary)` and put it in place at once; FailureError where the disk does not take it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            write(temporary)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_manifest(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > MAX_MANIFEST:
            return None
        manifest = json.loads(path.read_bytes())
        known = manifest["akma"] == "manifest" and isinstance(manifest["plan"], dict)
        return manifest if known and isinstance(manifest["video"]["bytes"], int) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _owner(video: Path, manifest: dict[str, Any]) -> str | None:
    """Another video beside `video` that `manifest` belongs to: song.mp4 and song.mkv share song.json."""
    for other in (video.with_suffix(suffix) for suffix in CONTAINERS if suffix != video.suffix):
        if other.is_file() and other.stat().st_size == manifest["video"]["bytes"]:
            return f"that of {other.name}"
    return None


def _difference(manifest: dict[str, Any] | None, plan: Plan) -> str:
    """Names of what differs, for one line."""
    old, new = (manifest or {})["plan"], plan.model_dump(mode="json", by_alias=True)
    names = [name for name in new if name not in ("settings", "notes") and old.get(name) != new[name]]
    return ", ".join(names).replace("_", " ") or "the video was changed since"
