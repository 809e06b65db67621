"""The child process in which songs are read, and what it can do with them; akma_core.sandbox.pool has a few of them.

Importing this is cheap: what reads songs is imported in the child.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

from akma_core.errors import AkmaError, FailureError, RequestError
from akma_core.networks.card import NetworkCard
from akma_core.settings import RenderSettings

SECONDS = 120  # that a job may take, by the clock
CPU_SECONDS = 60  # of one reading; an hour of MP3 or Opus takes some 15
LOOK = 10.0  # seconds that are spent on the samples of a song; in them go an hour of WAV or half an hour of MP3
QUICK = 2.0  # seconds after which a job gives way to those that are quicker
NICE, SLOW_NICE = 5, 10  # behind the API, which answers while songs are read, and what a slow job adds to that
ADDRESS_SPACE = 4 << 30  # bytes; x264 reserves 1.7 GB for the largest video


@dataclass(frozen=True)
class Limits:
    """Limits of a request."""

    seconds: float
    """of song"""
    pixels: int
    """of a picture of the video"""
    frames: int
    """of the video"""


@dataclass(frozen=True)
class RenderEstimate:
    """Estimate of a render."""

    frames: int
    seconds: float
    """of video"""
    width: int
    height: int
    fps: str
    duration: float
    """of the whole song, seconds"""
    notes: tuple[str, ...]
    """what is decided otherwise than asked"""


def unreadable(name: str, reason: str) -> RequestError:
    """Make the error about a song that no job survives."""
    message = f"{_short(name)}: {reason}; export it again, as WAV or FLAC"
    return RequestError(message, code="audio_unreadable", field="audio")


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


def main() -> None:
    """Do jobs, a line of JSON each, until stdin ends; answer with a line of JSON and so many bytes."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what a library prints is no answer
        with suppress(OSError, ValueError):  # where the platform has no such limit
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(NICE)
        _warm()
        out.write(b"ready\n")
        out.flush()
        for line in sys.stdin.buffer:
            request = json.loads(line)
            _allow(request.pop("cpu", CPU_SECONDS))
            slowed = threading.Event()
            timer = threading.Timer(QUICK, _slow_down, (slowed,))
            timer.start()
            answer, data = _do(request)
            timer.cancel()
            told = {**answer, "bytes": len(data), **({"slowed": True} if slowed.is_set() else {})}
            out.write(json.dumps(told).encode() + b"\n" + data)
            out.flush()


def _warm() -> None:
    """Import all that a job needs, and draw once: matplotlib finds its fonts then."""
    import numpy as np

    from akma_core.modulation.envelope import Curve
    from akma_core.modulation.plot import plot_curve
    from akma_core.render import planner  # noqa: F401
    from akma_core.sandbox import song_jobs  # noqa: F401

    for part in ("cluster.hierarchy", "fft", "ndimage", "signal", "sparse"):  # which else load when they are used
        import_module(f"scipy.{part}")
    plot_curve(Curve(np.zeros(2), 1, 0), np.zeros((2, 2)), name="", fps=Fraction(30), duration=1.0)


def _slow_down(slowed: threading.Event) -> None:
    """Give way to quick jobs from now on; there is no way back, so the pool then takes another child."""
    slowed.set()
    os.nice(SLOW_NICE)


def _allow(seconds: int) -> None:
    """So much time of a CPU from now on: should nobody be left to kill this process, the system does."""
    with suppress(OSError, ValueError):
        used = time.process_time()
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (round(used) + seconds, hard))


def _do(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    name, song = request["name"], Path(request["song"])
    error: AkmaError
    from akma_core.sandbox.song_jobs import SONG_JOBS

    try:
        return (JOBS_BY_NAME | SONG_JOBS)[request.pop("job")](**{**request, "song": song})
    except AkmaError as caught:
        error = caught
    except MemoryError:
        error = unreadable(name, "needs more memory to read than there is for a song")
    except Exception as caught:
        error = FailureError(f"internal error ({type(caught).__name__}: {str(caught)[:200]})", code="probe_failed")
    told = error.to_dict()
    return {"error": {**told, "message": told["message"].replace(song.name, _short(name))}}, b""


def _inspect(
    song: Path,
    name: str,
    sha256: str,
    settings: str,
    card: dict[str, Any],
    upscale: dict[str, Any] | None,
    limits: dict[str, Any],
) -> tuple[dict[str, Any], bytes]:
    from akma_core.audio.reader import open_audio
    from akma_core.render.plan import UpscalePart
    from akma_core.render.plan_base import DevicePart
    from akma_core.render.planner import make_plan, video_size

    wish, network = RenderSettings.model_validate_json(settings), NetworkCard.model_validate(card)
    part = UpscalePart.model_validate(upscale) if upscale else None
    reader = open_audio(song, limits["seconds"])
    _check_length(reader, name, wish, Limits(**limits))
    (width, height), _ = video_size(wish, network, part)
    if width * height > limits["pixels"]:
        message = f"the video would be {width}x{height}, and this service makes up to {limits['pixels']:,} pixels"
        raise RequestError(f"{message}: ask for a smaller size", code="too_many_pixels", field="size")
    if wish.encoder == "nvenc":  # which the workers may have
        wish = wish.model_copy(update={"encoder": "auto"})
    plan = make_plan(wish, reader, sha256, network, DevicePart(kind="cpu", dtype="float32", batch=1), part)
    until = time.monotonic() + LOOK
    for _ in reader.blocks(dtype="float32"):
        if time.monotonic() > until:
            break
    facts = RenderEstimate(
        frames=plan.frames,
        seconds=float(plan.frames / plan.fps),
        width=plan.width,
        height=plan.height,
        fps=str(plan.fps),
        duration=reader.info.duration,
        notes=plan.notes,
    )
    return asdict(facts), b""


def _check_length(reader: Any, name: str, settings: RenderSettings, limits: Limits) -> None:
    from akma_core.timeline import crop, frame_count

    duration = reader.info.duration
    if duration > limits.seconds:
        message = (
            f"lasts {duration:,.0f} seconds, and this service takes up to {limits.seconds:,.0f}: give a part of it"
        )
        raise RequestError(f"{_short(name)}: {message}", code="audio_too_long", field="audio")
    total = frame_count(reader.info.samples, reader.info.sample_rate, settings.fps)
    if crop(settings.start, settings.duration, settings.fps, total, duration)[1] > limits.frames:
        message = f"more than {limits.frames:,} frames, the most that this service makes: ask for fewer fps, or a part"
        raise RequestError(message, code="too_many_frames", field="fps")


def _waveform(song: Path, name: str, settings: str, limits: dict[str, Any], png: bool) -> tuple[dict[str, Any], bytes]:
    from akma_core.audio.reader import open_audio
    from akma_core.modulation.export import curve_json
    from akma_core.modulation.overview import overview_of, with_overview
    from akma_core.modulation.plot import COLUMNS, plot_curve
    from akma_core.modulation.song_curve import song_curve
    from akma_core.timeline import crop

    wish = RenderSettings.model_validate_json(settings)
    reader = open_audio(song, limits["seconds"])
    _check_length(reader, name, wish, Limits(**limits))
    curve, peaks = song_curve(reader, wish.fps, wish, COLUMNS)
    duration, fps = reader.info.duration, float(wish.fps)
    # An hour's analysis takes a while: it is made for those who say what moves the picture.
    asked = wish.preset is not None or wish.modulation or wish.hits is not None
    overview = overview_of(reader, wish, curve, presets=False) if asked else None
    if png:
        first, frames = crop(wish.start, wish.duration, wish.fps, len(curve.values), duration)
        shown = (first / fps, (first + frames) / fps) if frames < len(curve.values) else None
        return {}, plot_curve(
            curve, peaks, name=name, fps=wish.fps, duration=duration, compression=wish.compression, crop=shown,
            overview=overview,
        )  # fmt: skip
    data = curve_json(curve, wish, duration)
    return {}, with_overview(data, overview) if overview else data


def _plot(song: Path, plan: str, name: str) -> tuple[dict[str, Any], bytes]:
    import numpy as np

    from akma_core.modulation.envelope import Curve
    from akma_core.modulation.plot import COLUMNS, plot_curve
    from akma_core.render.plan import RenderPlan

    made = RenderPlan.model_validate_json(Path(plan).read_bytes())
    values = np.load(song)
    starts = np.arange(min(COLUMNS, len(values))) * len(values) // min(COLUMNS, len(values))
    loud = np.maximum.reduceat(np.abs(values), starts)
    fps = float(made.fps)
    shown = (made.first_frame / fps, (made.first_frame + made.frames) / fps)
    return {}, plot_curve(
        Curve(values, made.curve.window_length, made.curve.polyorder),
        np.stack([-loud, loud], axis=1),  # the samples themselves are not at hand
        name=name,
        fps=made.fps,
        duration=made.audio.samples / made.audio.sample_rate,
        compression=made.curve.compression,
        crop=shown if made.frames < made.total_frames else None,
    )


JOBS_BY_NAME: dict[str, Callable[..., tuple[dict[str, Any], bytes]]] = {
    "inspect": _inspect,
    "waveform": _waveform,
    "plot": _plot,
}

if __name__ == "__main__":
    main()
