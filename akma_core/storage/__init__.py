"""Storage of renders and imported networks: a folder (`file:///data/akma`) or a bucket (`gs://bucket/prefix`).

What lies where, below the URL; `gcloud storage cp gs://bucket/prefix/renders/ID/video.mp4 .` fetches a video by hand:

    renders/ID/audio.wav           the song as it was uploaded, with its own suffix
    renders/ID/plan.json           what was decided before the first frame
    renders/ID/curve.npy           AKMA's curve, one float64 a frame
    renders/ID/curves.npz          every curve and event that the plan's rows use
    renders/ID/chunks/00003.mp4    one segment a chunk, by its index
    renders/ID/chunks/00003.flash  the track of its flashes: its pictures made small
    renders/ID/sound/00003.mp4     the encoded sound of that chunk
    renders/ID/video.mp4           all of them joined
    renders/ID/manifest.json       the plan, and what came of it
    renders/ID/done                the marker: written last, and only once everything above is safe
    models/DIGEST/network.json     the card of an imported network
    models/DIGEST/network.safetensors
    upscalers/DIGEST/upscaler.json        the card of an imported upscaler
    upscalers/DIGEST/upscaler.safetensors
    songs/SHA256/audio.wav         a song that was uploaded by itself, once for all who own it
    songs/SHA256/peaks.npy, loudness-30-1.npy, features-VERSION.npz   what was found in it
    seeds/DIGEST/LOOK/7.jpg        the picture that a network makes of a seed
    previews/, imports/            what is fetched within minutes; the rest of it is swept away after a day

A key is there when its bytes are safe, whole, and not before. Nobody may conclude from `video.mp4` that a render is
done: `done` says so, put with `if_absent=True`, which exactly one of any number of workers gets True from.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

from akma_core.errors import RequestError
from akma_core.home import home
from akma_core.storage.base import MAX_BYTES, Entry, MissingKeyError, Storage, check_key
from akma_core.storage.folder import FileStorage

__all__ = ["MAX_BYTES", "Entry", "FileStorage", "MissingKeyError", "Storage", "default_url", "open_storage"]

BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")  # cloud.google.com/storage/docs/buckets#naming
DEADLINE = 120.0  # seconds, what Google's own library takes


def open_storage(url: str, *, deadline: float = DEADLINE) -> Storage:
    """The storage at `url`; nothing is touched yet, `check()` does that.

    `deadline`: seconds above 0 that one exchange with a bucket is tried for before it fails; a large file is many.
    Raises RequestError where the URL is not one, FailureError where there are no credentials for a bucket.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "file":
        return FileStorage(_folder(url, rest))
    if separator and scheme == "gs":
        name, _, prefix = rest.partition("/")
        if not BUCKET.fullmatch(name):
            raise _refused(url, "has no bucket's name: write gs://bucket or gs://bucket/prefix")
        prefix = prefix.strip("/")
        if prefix:
            prefix = _checked(url, prefix) + "/"
        from akma_core.storage.bucket import BucketStorage  # half a second that a folder does not need

        return BucketStorage(name, prefix, deadline=deadline)
    raise _refused(url, "is neither file:///a/folder nor gs://bucket/prefix")


def default_url(environ: Mapping[str, str] = os.environ) -> str:
    """AKMA_STORAGE, or the folder `storage` in AKMA's home. RequestError where there is no home at all."""
    return environ.get("AKMA_STORAGE") or (home(environ) / "storage").as_uri()


def _folder(url: str, rest: str) -> Path:
    """The folder of a file URL, byte for byte what `Path.as_uri` made it from; a bare `~` as the host is the home."""
    host, slash, path = rest.partition("/")
    host = "" if host == "localhost" else host
    if "?" in rest or "#" in rest:
        raise _refused(url, "has a ? or a #: write %3F or %23 for one in a folder's name")
    if not slash or not path or (host and not host.startswith("~")):
        raise _refused(url, "names no folder: write file:/// and the whole path, file:///data/akma")
    folder = os.fsdecode(unquote_to_bytes(path))
    if "\0" in folder:
        raise _refused(url, "has a zero byte")
    root = _expanded(Path(host)) if host else Path("/")
    return root / folder.lstrip("/")


def _checked(url: str, prefix: str) -> str:
    try:
        return check_key(prefix)
    except RequestError as error:
        raise _refused(url, f"has a bad prefix: {error}") from None


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        message = f"there is no home folder for {path}: set AKMA_HOME to a whole path"
        raise RequestError(message, code="bad_storage", field="storage") from None


def _refused(url: str, reason: str) -> RequestError:
    return RequestError(f"storage {url[:200]!a} {reason}", code="bad_storage", field="storage")
