"""Sandbox: untrusted songs are read in child processes only; whatever crashes, hangs or swells there is one line here.

A child does one job at a time, within limits of memory and time, without the service's secrets in its environment.
One that dies takes nobody else's job with it, and is replaced; one that did its share is replaced as well.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread

from akma_core.errors import AkmaError, FailureError
from akma_core.networks.card import NetworkCard
from akma_core.sandbox.child import SECONDS, Limits, RenderEstimate, unreadable
from akma_core.sandbox.fair_queue import FairQueue
from akma_core.settings import RenderSettings

CHILDREN = 3  # one owner's songs take all but one of them
LONG = 900.0  # seconds that the analysis of a long song may take
SONGS = 200  # that a child reads before another takes its place: what decodes them may leak
OWN_FILES = frozenset({"analysis", "hits", "plot"})  # jobs that read what AKMA found before, and no song
KEPT = {
    "AKMA_HOME",
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "MPLCONFIGDIR",
}
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a child is one thread's work


class SandboxPool:
    """A few children: `start()` before the first job, `close()` after the last. It serves any number of tasks."""

    def __init__(self, children: int = CHILDREN, seconds: float = SECONDS, songs: int = SONGS) -> None:
        self._seconds, self._songs = seconds, songs
        self._lock = threading.Lock()
        self._idle: list[_Child | None] = [None] * children
        self.queue = FairQueue(children)
        self._threads = CapacityLimiter(children)
        self._pictures = CapacityLimiter(max(1, children - 1))  # one is always left for those that submit

    def start(self) -> None:
        """Begin the children, which get ready by themselves."""
        self._idle = [child or _Child() for child in self._idle]

    def close(self) -> None:
        for child in self._idle:
            if child:
                child.kill()
        self._idle = [None] * len(self._idle)

    async def inspect(
        self,
        song: Path,
        name: str,
        sha256: str,
        settings: RenderSettings,
        card: NetworkCard,
        upscale: dict[str, Any] | None,
        limits: Limits,
        owner: str,
    ) -> RenderEstimate:
        """Open the song and plan its render on a CPU, so that what is wrong is told now, in the command line's words.

        `name`: what errors call the song; `upscale`: plan.UpscalePart as a dictionary; `owner`: whose song it is, for a
        fair order. RequestError, or FailureError where the child cannot be had.
        """
        answer, _ = await self._run(
            owner,
            job="inspect",
            song=str(song),
            name=name,
            sha256=sha256,
            settings=settings.model_dump_json(by_alias=True),
            card=card.model_dump(mode="json"),
            upscale=upscale,
            limits=asdict(limits),
        )
        return RenderEstimate(**{**answer, "notes": tuple(answer["notes"])})

    async def waveform(
        self, song: Path, name: str, settings: RenderSettings, limits: Limits, owner: str, *, png: bool
    ) -> bytes:
        """Compute the curve: a PNG of 1600 x 500 pixels, or JSON as export.curve_json. RequestError."""
        wish = settings.model_dump_json(by_alias=True)
        async with self._pictures:
            _, data = await self._run(
                owner, job="waveform", song=str(song), name=name, settings=wish, limits=asdict(limits), png=png
            )
        return data

    async def plot(self, curve: Path, plan: Path, name: str, owner: str) -> bytes:
        """Draw the PNG of a render's stored curve, float64 [frames of the song] as .npy, with its plan as JSON."""
        async with self._pictures:
            _, data = await self._run(owner, job="plot", song=str(curve), plan=str(plan), name=name)
        return data

    async def song(self, job: str, song: Path, name: str, owner: str, **request: Any) -> tuple[dict[str, Any], bytes]:
        """Have a job of akma_core.sandbox.song_jobs done: a quick one. RequestError."""
        return await self._run(owner, job=job, song=str(song), name=name, **request)

    async def study(self, job: str, song: Path, name: str, owner: str, **request: Any) -> bytes:
        """The same of a long one, which may take minutes for hours of song; its bytes."""
        async with self._pictures:
            _, data = await self._run(owner, LONG, job=job, song=str(song), name=name, cpu=round(LONG), **request)
        return data

    async def _run(self, owner: str, seconds: float | None = None, **request: Any) -> tuple[dict[str, Any], bytes]:
        async with self.queue.place(owner):
            return await to_thread.run_sync(partial(self._call, request, seconds), limiter=self._threads)

    def _call(self, request: dict[str, Any], seconds: float | None) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            child = self._idle.pop()
        try:
            if child and not child.lives:
                child = self._replaced(child)
            child = child or _Child()
            answer, data = child.call(request, seconds or self._seconds)
            if child.songs >= self._songs or answer.pop("slowed", False):
                child = self._replaced(child)
        except BaseException:
            child = self._replaced(child)
            raise
        finally:
            with self._lock:
                self._idle.append(child)
        if error := answer.get("error"):
            raise AkmaError.from_dict(error)
        return answer, data

    def _replaced(self, child: "_Child | None") -> "_Child | None":
        if child:
            child.kill()
        with suppress(FailureError):  # then the next job tries again, and tells
            return _Child()
        return None


class _Child:
    """One process, seen from here."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[2])
        environment = {key: value for key, value in os.environ.items() if key in KEPT} | ALONE | {"PYTHONPATH": root}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "akma_core.sandbox.child"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise _unavailable(error.strerror or str(error)) from error
        self._ready = False
        self.songs = 0

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        with suppress(OSError), self._process:  # which closes the pipes and waits
            pass

    def call(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """Have one job done; RequestError where the child does not survive it, and no other call after that."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(seconds, expire)
        timer.start()
        try:
            return self._exchange(request)
        except (OSError, ValueError):
            if not self._ready:
                raise _unavailable("it does not start") from None
            reason = f"takes longer than {seconds:g} seconds to read" if expired.is_set() else "cannot be read"
            raise unreadable(request["name"], reason) from None
        finally:
            timer.cancel()
            timer.join()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        if not self._ready:
            if stdout.readline() != b"ready\n":
                raise ValueError
            self._ready = True
        self.songs += request["job"] not in OWN_FILES
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        size = answer.pop("bytes")
        data = stdout.read(size)
        if len(data) < size:
            raise ValueError
        return answer, data


def _unavailable(reason: str) -> FailureError:
    return FailureError(f"the process that reads songs is not to be had ({reason})", code="probe_failed")
