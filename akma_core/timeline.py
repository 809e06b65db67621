"""Frames, seconds and samples: how one becomes the other, where a crop begins and ends, where chunks are cut.

Every rounding between them is here, one rule each, so that picture, curve and sound agree to the sample.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from akma_core.errors import RequestError

CHUNK_SECONDS = (1, 2, 4)  # the first, the second, every other: so that watching can start early


@dataclass(frozen=True)
class Chunk:
    """A run of frames rendered into one segment; `start` counts from the first frame of the whole song."""

    index: int
    start: int
    frames: int


def frame_count(samples: int, rate: int, fps: Fraction) -> int:
    """Video frames that `samples` at `rate` Hz last: ceil((samples / rate) * fps) in float64 (AKMA 2022, step 2).

    Raises RequestError (field "fps") where fps is not positive or leaves a frame less than one sample.
    """
    if fps <= 0:
        raise RequestError("fps must be more than 0; ask for 24, 30 or 60", code="bad_fps", field="fps")
    frames = (samples / rate) * float(min(fps, Fraction(10**9)))  # beyond, the answer is the same
    if frames > samples:
        raise RequestError(
            f"this many fps leave less than one audio sample a frame ({samples} samples at {rate} Hz); "
            f"ask for fewer than {rate} fps",
            code="fps_too_high",
            field="fps",
        )
    return max(1, math.ceil(frames))


def sample_bounds(samples: int, parts: int) -> NDArray[np.int64]:
    """First sample of each of `parts` equal parts, and the end: int64 [parts + 1].

    round(k * samples / parts), half to even (AKMA 2022, step 3): with `parts` frames, the samples of each frame.
    """
    bounds: NDArray[np.int64] = np.rint(np.arange(parts + 1) * (samples / parts)).astype(np.int64)
    return bounds


def frame_at(seconds: float | Fraction, fps: Fraction) -> int:
    """Frame whose start is nearest to `seconds` >= 0; half a frame counts as the next."""
    return math.floor(seconds * fps + Fraction(1, 2))


def frames_in(seconds: float | Fraction, fps: Fraction) -> int:
    """Frames that cover `seconds`, at least 1; rounded first, so that 0.1 s at 30 fps is 3 frames and not 4."""
    return max(1, math.ceil(round(float(seconds * fps), 9)))


def sample_at(frame: int, fps: Fraction, rate: int) -> int:
    """Sample that sounds when `frame` begins."""
    return round(frame / fps * rate)


def crop(
    start: float | Fraction, duration: float | Fraction | None, fps: Fraction, total: int, song_seconds: float
) -> tuple[int, int]:
    """First frame and number of frames that `start` and `duration` (seconds; None: to the end) leave of `total`.

    RequestError (field "start") where `start` is beyond the end of a song of `song_seconds`.
    """
    if start >= song_seconds:
        message = f"start {start:g} is beyond the end of the song ({song_seconds:.3f} seconds)"
        raise RequestError(message, code="bad_setting", field="start")
    first = min(frame_at(start, fps), total - 1)
    return first, total - first if duration is None else min(total - first, frames_in(duration, fps))


def every_kth(shown: range, fps: Fraction, start: float, duration: float, wish: Fraction) -> range:
    """Every k-th of the frames `shown` of a video of `fps`, from `start` s on for `duration` s, at least one.

    k is what comes nearest to `wish` frames a second.
    """
    first = min(max(shown.start, round(start * fps)), shown.stop - 1)
    stop = min(max(first + 1, round((start + duration) * fps)), shown.stop)
    return range(first, stop, max(1, round(fps / wish)))


def chunk_frames(seconds: float, fps: Fraction) -> int:
    """Frames of a chunk that should last `seconds`: the nearest whole number, at least 1."""
    return max(1, round(seconds * fps))


def chunk_borders(frames: int, fps: Fraction, seconds: Sequence[float]) -> list[int]:
    """Frames at which chunks begin, and the end; the last of `seconds` is the length of all chunks that follow."""
    sizes = [chunk_frames(each, fps) for each in seconds]
    borders = [0]
    while borders[-1] < frames:
        borders.append(borders[-1] + sizes[min(len(borders), len(sizes)) - 1])
    return [*borders[:-1], frames]


def cut(first: int, borders: Sequence[int]) -> list[Chunk]:
    """Chunks between `borders`, whose frames count from `first`."""
    return [Chunk(k, first + start, stop - start) for k, (start, stop) in enumerate(pairwise(borders))]
