"""Songs that are uploaded once: kept by their digest, and with them what was found in them."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool

from akma_core.api.auth import Caller
from akma_core.api.local_files import LocalFiles
from akma_core.api.upload import Received
from akma_core.audio.peaks import Peaks
from akma_core.database import Database, Song
from akma_core.errors import RequestError
from akma_core.modulation.presets import find_preset
from akma_core.modulation.resolve import resolve
from akma_core.modulation.rows import Row
from akma_core.modulation.song import features_version
from akma_core.sandbox.pool import SandboxPool
from akma_core.settings import RenderSettings
from akma_core.storage import Storage
from akma_core.storage.layout import features_key, loudness_key, peaks_key, song_key

Found = tuple[str, Callable[[], Awaitable[None]]]
"""Key of what is found in a song, and what puts it there."""
MOST_FOUND = 8  # files of loudness, and of features, that are kept of a song: other fps and bands are rare


class SongLibrary:
    """Songs of all owners; one object of one event loop."""

    def __init__(
        self, database: Database, storage: Storage, probe: SandboxPool, folder: Path, seconds: float, most: int
    ) -> None:
        """`folder`: this process' own, for copies; `seconds`: the longest song; `most`: songs of an owner."""
        self._database, self._storage, self._probe = database, storage, probe
        self._files = LocalFiles(storage, folder)
        self._seconds, self._most = seconds, most

    async def keep(self, owner: str, upload: Received) -> tuple[Song, bool]:
        """Keep an upload, and whether it is new to its owner; RequestError where it is no song, or one too many."""
        known = await run_in_threadpool(self._database.song, upload.sha256, owner)
        anybodys = known or await run_in_threadpool(self._database.song, upload.sha256, None)
        if known is None:
            await run_in_threadpool(self._check_room, owner)
        peaks = b""
        if anybodys is not None:
            facts = {name: getattr(anybodys, name) for name in ("duration", "sample_rate", "channels")}
        else:
            facts, peaks = await self._probe.song("look", upload.path, upload.name, owner, longest=self._seconds)
        now = await run_in_threadpool(self._database.now)
        song = Song(
            owner=owner, id=upload.sha256, created=now, used=now, name=upload.name, bytes=upload.size,
            audio=song_key(upload.sha256, upload.path.suffix), **facts,
        )  # fmt: skip
        # The row goes first: from then on nobody clears the bytes away that may be there already.
        song, new = await run_in_threadpool(self._database.keep_song, song)
        try:
            if not await run_in_threadpool(self._storage.exists, song.audio):
                await run_in_threadpool(self._storage.put_file, song.audio, upload.path)
            if peaks:
                await run_in_threadpool(self._storage.put_bytes, peaks_key(song.id), peaks)
        except BaseException:
            if new:
                await run_in_threadpool(self._database.forget_song, song.id, owner)
            raise
        return song, new

    async def find(self, caller: Caller, song_id: str) -> Song:
        """A song of the caller's, or anybody's for administrators and links; RequestError, code not_found."""
        return await run_in_threadpool(self.find_now, caller, song_id)

    def find_now(self, caller: Caller, song_id: str) -> Song:
        """The same, at once: it blocks."""
        song = self._database.song(song_id, caller.name if caller.role == "user" else None)
        if song is None:
            message = "there is no such song, or it is not yours: upload it to /v1/songs"
            raise RequestError(message, code="not_found", field="song")
        self._database.touch_song(song)
        return song

    def file(self, song: Song) -> AbstractAsyncContextManager[Path]:
        """The song on this machine, for as long as the block lasts; MissingKeyError where it was cleared away."""
        return self._files.held(song.audio)

    async def peaks(self, song: Song, owner: str) -> Peaks:
        """All peaks of a song, see audio.peaks."""
        key = peaks_key(song.id)
        async with self._files.held(key, partial(self._find, "peaks", song, owner, key)) as path:
            return await run_in_threadpool(lambda: np.load(path, allow_pickle=False))

    async def analysis(
        self,
        song: Song,
        settings: RenderSettings,
        owner: str,
        shown: tuple[float, float] | None,
        points: int,
        wanted: list[str] | None,
        stems: Mapping[str, Song],
    ) -> bytes:
        """See modulation.analysis_json; only what the settings change is computed again."""
        wish = settings.model_dump_json(by_alias=True)
        async with AsyncExitStack() as held:
            files = {
                name: [str(await held.enter_async_context(self._files.held(*found))) for found in both]
                for name, both in self._of_all(song, settings, owner, stems).items()
            }
            features, loudness = files.pop("mix")
            _, data = await self._probe.song(
                "analysis", Path(features), song.name, owner, settings=wish, loudness=loudness, shown=shown,
                points=points, wanted=wanted, stems=files,
            )  # fmt: skip
        return data

    async def hits(self, song: Song, settings: RenderSettings, suffix: str, owner: str) -> bytes:
        """The hits of the settings, or those that are found, as a file: see modulation.hit_export."""
        wish = settings.model_dump_json(by_alias=True)
        async with self._files.held(*self._features(song, settings, owner, "mix")) as path:
            _, data = await self._probe.song("hits", path, song.name, owner, settings=wish, suffix=suffix)
        return data

    async def heard(
        self, song: Song, settings: RenderSettings, owner: str, stems: Mapping[str, Song]
    ) -> dict[str, list[str]]:
        """Keys of features and loudness, of the song ("mix") and of each stem, which are there then: for a worker."""
        found = self._of_all(song, settings, owner, stems)
        for each in chain.from_iterable(found.values()):
            await self._files.stored(*each)
        return {name: [key for key, _ in both] for name, both in found.items()}

    def _of_all(
        self, song: Song, settings: RenderSettings, owner: str, stems: Mapping[str, Song]
    ) -> dict[str, tuple[Found, Found]]:
        """Features and loudness of the song ("mix") and of each stem, all of whose channels count."""
        whole = settings.model_copy(update={"channels": "mean"})
        return {
            name: (self._features(each, wish, owner, name), self._loudness(each, wish, owner))
            for name, each, wish in [("mix", song, settings), *((name, stem, whole) for name, stem in stems.items())]
        }

    def _features(self, song: Song, settings: RenderSettings, owner: str, source: str) -> Found:
        """A song's features, and the bands that the settings' rows ask for of this source."""
        key = features_key(song.id, settings.channels, features_version(_rows(settings), source))
        wish = settings.model_dump_json(by_alias=True)
        return key, partial(self._find, "features", song, owner, key, settings=wish, source=source)

    def _loudness(self, song: Song, settings: RenderSettings, owner: str) -> Found:
        fps, channels = settings.fps, settings.channels
        key = loudness_key(song.id, channels, fps)
        return key, partial(self._find, "loudness", song, owner, key, fps=str(fps), channels=channels)

    async def _find(self, job: str, song: Song, owner: str, key: str, **request: Any) -> None:
        """Have something found in a song and keep it under `key`."""
        async with self.file(song) as path:
            data = await self._probe.study(job, path, song.name, owner, **request)
        await run_in_threadpool(self._put, key, data)

    def _put(self, key: str, data: bytes) -> None:
        folder, _, name = key.rpartition("/")
        kind = name.partition("-")[0]
        alike = [entry for entry in self._storage.list(f"{folder}/") if entry.key.startswith(f"{folder}/{kind}-")]
        for entry in sorted(alike, key=lambda each: each.modified)[: max(0, len(alike) + 1 - MOST_FOUND)]:
            self._storage.delete(entry.key)
        self._storage.put_bytes(key, data)

    def _check_room(self, owner: str) -> None:
        if len(self._database.song_page(owner, None, self._most)) >= self._most:
            message = f"{self._most} of your songs are kept, the most there may be: delete one"
            raise RequestError(message, code="too_many", field="audio")


def end_of(song: Song, start: float, end: float | None) -> float:
    """Last second of a part of a song; RequestError where the part is empty, or behind the song."""
    stop = song.duration if end is None else min(end, song.duration)
    if start >= stop:
        message = f"start should be before end and before the song's end ({song.duration:.3f} seconds)"
        raise RequestError(message, code="bad_setting", field="start")
    return stop


def _rows(settings: RenderSettings) -> tuple[Row, ...]:
    preset = find_preset(settings.preset_name, files=False)
    return resolve(settings, preset, own_curve=settings.own_curve).rows
