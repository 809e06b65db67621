"""AKMA's curve of a song, with the notes on how the song was read."""

from dataclasses import replace
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.channels import Channels
from akma_core.audio.reader import AudioReader, scan
from akma_core.modulation.envelope import Curve, CurveSettings, curve_of


class SongSettings(CurveSettings, Protocol):
    """Settings of a curve, and the channels that make it."""

    @property
    def channels(self) -> Channels: ...


def song_curve(
    reader: AudioReader, fps: Fraction, settings: SongSettings, columns: int = 1
) -> tuple[Curve, NDArray[np.float64]]:
    """The curve of a song at `fps`, and the peaks of `columns` equal parts of it, float64 [columns, 2]."""
    loudness, peaks = scan(reader.mixed(settings.channels), fps, columns)
    curve = curve_of(loudness, settings)
    return replace(curve, notes=tuple(dict.fromkeys((*reader.notes, *curve.notes)))), peaks
