"""Everything that will move a picture, over the whole song: used curves, events, beats and sections."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from akma_core.audio.channels import Channels
from akma_core.audio.reader import AudioReader

from .columns import BEATS, CURVE, compute_columns
from .envelope import Curve
from .own_curves import OwnCurve
from .presets import find_preset
from .resolve import Section, Wishes, resolve
from .song import SongAnalysis
from .types import Columns, Floats


@dataclass(frozen=True, eq=False)
class Overview:
    """Parts of a song that the rows of a request use, beside AKMA's curve."""

    columns: Columns
    """Curves 0..1 [frames] and events [n, 2] (s, strength), by the words of the rows that use them."""
    hits: Floats
    """Times and strengths of the hits, [n, 2]: those that the rows use, none where they use none."""
    beats: Floats
    downbeats: Floats
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = field(default=())


class SongWishes(Wishes, Protocol):
    """Settings of what moves the picture, and of the song that it moves with."""

    @property
    def preset_name(self) -> str: ...
    @property
    def own_curve(self) -> bool: ...
    @property
    def fps(self) -> Fraction: ...
    @property
    def curves(self) -> Mapping[str, OwnCurve]: ...
    @property
    def channels(self) -> Channels: ...


def overview_of(
    reader: AudioReader,
    settings: SongWishes,
    curve: Curve,
    files: Mapping[str, Path] | None = None,
    *,
    presets: bool = True,
) -> Overview:
    """Analyse the song for the rows that `settings` come to. `presets`: also of .toml files, see find_preset.

    RequestError where a row asks for what is not there.
    """
    preset = find_preset(settings.preset_name, files=presets)
    modulation = resolve(settings, preset, own_curve=settings.own_curve)
    song = SongAnalysis(
        reader.mixed(settings.channels),
        settings.fps,
        curve.values,
        files or {},
        modulation,
        curves=settings.curves,
        grid=True,
    )
    columns, notes = compute_columns(modulation, song, curve.values, settings.fps)
    used = {name: column for name, column in columns.items() if name not in (CURVE, "constant", BEATS)}
    hits = next((column for name, column in used.items() if name.split()[0] == "hit"), np.zeros((0, 2)))
    return Overview(used, hits, song.beats(), song.downbeats(), tuple(song.sections()), tuple(notes))


def facts_of(overview: Overview, first: int, frames: int) -> dict[str, Any]:
    """The overview as JSON has it: curves of the frames first..first + frames, everything else of the whole song."""
    return {
        "curves": {
            name: np.round(column[first : first + frames], 6).tolist()
            for name, column in overview.columns.items()
            if column.ndim == 1
        },
        "events": {name: np.round(column, 4).tolist() for name, column in overview.columns.items() if column.ndim == 2},
        "beats": np.round(overview.beats, 4).tolist(),
        "downbeats": np.round(overview.downbeats, 4).tolist(),
        "sections": [section.model_dump() for section in overview.sections],
    }


def with_overview(data: bytes, overview: Overview) -> bytes:
    """The JSON of a curve (export.curve_json) with what else moves the picture."""
    facts = json.loads(data)
    facts["notes"] = [*facts["notes"], *overview.notes]
    return (json.dumps(facts | facts_of(overview, facts["first_frame"], facts["frames"])) + "\n").encode()
