"""The curve as a file: a picture, or one value a frame as JSON, CSV or a float64 array."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.reader import AudioReader
from akma_core.errors import RequestError
from akma_core.modulation.envelope import Curve
from akma_core.modulation.overview import Overview, with_overview
from akma_core.timeline import crop


class CurveView(Protocol):
    """Settings that a curve was asked for with, and the part of it that is meant."""

    @property
    def fps(self) -> Fraction: ...
    @property
    def start(self) -> float: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def compression(self) -> float: ...
    @property
    def original(self) -> bool: ...


FORMATS = (".png", ".json", ".csv", ".npy")


def curve_json(curve: Curve, settings: CurveView, duration: float) -> bytes:
    """`curve` as JSON, one value a frame that `settings` show, of a song of `duration` seconds."""
    first, frames = crop(settings.start, settings.duration, settings.fps, len(curve.values), duration)
    facts = {
        "fps": str(settings.fps),
        "duration": duration,
        "window_length": curve.window_length,
        "polyorder": curve.polyorder,
        "compression": settings.compression,
        "original": settings.original,
        "first_frame": first,
        "frames": frames,
        "notes": list(curve.notes),
        "curve": curve.values[first : first + frames].tolist(),
    }
    return (json.dumps(facts) + "\n").encode()


def write_curve(
    path: Path, suffix: str, curve: Curve, peaks: NDArray[np.float64], settings: CurveView, reader: AudioReader,
    overview: Overview | None = None,
) -> None:  # fmt: skip
    """Write `curve` to `path` in the format of `suffix`; numbers are those of the frames that `settings` show.

    `overview`: what else moves the picture, for pictures and JSON.
    """
    first, count = crop(settings.start, settings.duration, settings.fps, len(curve.values), reader.info.duration)
    values = curve.values[first : first + count]
    fps = float(settings.fps)
    if suffix == ".npy":
        with path.open("wb") as file:
            np.save(file, values)
    elif suffix == ".csv":
        rows = (f"{k},{k / fps:.6f},{value!r}\n" for k, value in enumerate(values.tolist(), first))
        with path.open("w", encoding="utf-8") as text:
            text.write("frame,second,curve\n")
            text.writelines(rows)
    elif suffix == ".json":
        data = curve_json(curve, settings, reader.info.duration)
        path.write_bytes(with_overview(data, overview) if overview else data)
    elif suffix == ".png":
        from akma_core.modulation.plot import plot_curve

        shown = (first / fps, (first + count) / fps) if count < len(curve.values) else None
        path.write_bytes(
            plot_curve(
                curve, peaks, name=reader.path.name, fps=settings.fps, duration=reader.info.duration,
                compression=settings.compression, crop=shown, overview=overview,
            )
        )  # fmt: skip
    else:
        raise RequestError(f"cannot write {suffix} files: use {', '.join(FORMATS)}", field="output")
