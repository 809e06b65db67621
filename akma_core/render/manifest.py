"""The manifest: JSON beside a finished video that says how it was made and renders it again."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from akma_core.errors import RequestError
from akma_core.files import sha256_of, sync, temporary, writing
from akma_core.media.mux import CONTAINERS
from akma_core.timeline import Chunk

MAX_MANIFEST = 64 << 20  # bytes


class Plan(Protocol):
    """A plan as a manifest and a chunk folder need it: a render's or an upscaled video's."""

    @property
    def digest(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def frames(self) -> int: ...
    def chunks(self) -> Iterator[Chunk]: ...
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]: ...


def manifest_path(video: Path) -> Path:
    """Path of the manifest of `video`: song.mp4 has song.json."""
    return video.with_suffix(".json")


def manifest(plan: Plan, notes: Iterable[str], whole: Path, flashes: dict[str, Any] | None = None) -> bytes:
    """The manifest of the finished video `whole`, JSON; `notes` are on top of the plan's. `flashes`: see flashes.py."""
    written: dict[str, Any] = {
        "akma": "manifest",
        "digest": plan.digest,
        "plan": plan.model_dump(mode="json", by_alias=True),
        "notes": [*plan.notes, *notes],
        "video": {"bytes": whole.stat().st_size, "sha256": sha256_of(whole), "frames": plan.frames},
    }
    if flashes is not None:
        written["flashes"] = flashes
    return (json.dumps(written, indent=1) + "\n").encode()


def publish(video: Path, whole: Path, manifest: bytes) -> Path:
    """Put the finished video `whole`, on the same disk, and its manifest in place; returns the manifest's path.

    FailureError where the disk does not take them: `whole` is then still there.
    """
    final, written = manifest_path(video), temporary(whole)
    try:
        with writing(video):
            written.write_bytes(manifest)
            sync(written)
            # In this order: a crash in between leaves no video under the name, never one with another's manifest.
            video.unlink(missing_ok=True)
            written.replace(final)
            whole.replace(video)
    finally:
        written.unlink(missing_ok=True)
    return final


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
