"""Jobs of the child process about songs that are kept: look at one, find its peaks, its loudness, its features.

What they find is kept by the caller, so that a changed setting costs the last step alone.
"""

import io
from collections import OrderedDict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from akma_core.audio.channels import Channels
from akma_core.audio.features.analysis_file import dump_analysis, load_analysis
from akma_core.audio.peaks import read_peaks
from akma_core.audio.reader import loudness, open_audio
from akma_core.errors import RequestError
from akma_core.modulation.analysis_json import analysis_json, song_json
from akma_core.modulation.columns import compute_columns
from akma_core.modulation.edited_hits import Hit
from akma_core.modulation.envelope import curve_of
from akma_core.modulation.hit_export import write_hits
from akma_core.modulation.presets import find_preset
from akma_core.modulation.resolve import Modulation, resolve
from akma_core.modulation.song import Heard, SongAnalysis, hear
from akma_core.modulation.song_hits import found_hits
from akma_core.render.planner import check_hits
from akma_core.settings import RenderSettings

LOOK = 10.0  # seconds that are spent on the samples of a song when it comes
KEPT = 256 << 20  # bytes of features in memory
Answer = tuple[dict[str, Any], bytes]

_heard: OrderedDict[tuple[str, str], tuple[Heard, tuple[str, str], int]] = OrderedDict()


def look(song: Path, name: str, longest: float) -> Answer:
    """Facts of a song, and its peaks where they are found in time; RequestError where it cannot be read."""
    reader = open_audio(song, longest)
    info = reader.info
    if info.duration > longest:
        message = f"{name}: lasts {info.duration:,.0f} seconds, and this service takes up to {longest:,.0f}"
        raise RequestError(f"{message}: give a part of it", code="audio_too_long", field="audio")
    found = read_peaks(reader, LOOK)
    facts = {"duration": info.duration, "sample_rate": info.sample_rate, "channels": info.channels}
    return facts, b"" if found is None else _packed(found)


def peaks(song: Path, name: str) -> Answer:  # noqa: ARG001  # every job has a name
    """Peaks as .npy, see read_peaks."""
    found = read_peaks(open_audio(song))
    assert found is not None
    return {}, _packed(found)


def song_loudness(song: Path, name: str, fps: str, channels: Channels) -> Answer:  # noqa: ARG001
    """Loudness per frame as .npy."""
    return {}, _packed(loudness(open_audio(song).mixed(channels), Fraction(fps)))


def song_features(song: Path, name: str, settings: str, source: str) -> Answer:  # noqa: ARG001
    """All features, and the bands that the rows of `settings` ask for of `source`, the mix or a stem, as .npz."""
    wish = RenderSettings.model_validate_json(settings)
    return {}, dump_analysis(hear(open_audio(song).mixed(wish.channels), _modulation(wish).rows, source))


def analysis(
    song: Path,
    name: str,  # noqa: ARG001
    settings: str,
    loudness: str,
    shown: tuple[float, float] | None,
    points: int,
    wanted: list[str] | None = None,
    stems: dict[str, tuple[str, str]] | None = None,
) -> Answer:
    """The curves that `settings` come to, and everything that was heard, as JSON; `song` is the file of features.

    `stems`: files of features and of loudness of each.
    """
    wish = RenderSettings.model_validate_json(settings)
    heard, told = _recalled(song, Path(loudness))
    duration = heard.analysis.duration
    check_hits(wish, duration)
    modulation, curve = _modulation(wish), curve_of(heard.loudness, wish)
    also = {each: _recalled(*map(Path, files))[0] for each, files in (stems or {}).items()}
    known = SongAnalysis(
        None, wish.fps, curve.values, {}, modulation, curves=wish.curves, grid=True, heard=heard, stems=also
    )
    columns, notes = compute_columns(modulation, known, curve.values, wish.fps)
    part = shown or (0.0, duration)
    return {}, analysis_json(told, modulation, columns, wish.fps, part, points, [*curve.notes, *notes], wanted)


def export_hits(song: Path, name: str, settings: str, suffix: str) -> Answer:
    """The hits of `settings`, or those that were found, as a file; `song` is the file of features."""
    wish = RenderSettings.model_validate_json(settings)
    heard = _load(song)
    check_hits(wish, heard.duration)
    hits: list[Hit] = found_hits(heard) if wish.hits is None else list(wish.hits)
    return {}, write_hits(suffix, hits, wish.fps, name, heard.duration)


def _modulation(settings: RenderSettings) -> Modulation:
    return resolve(settings, find_preset(settings.preset_name, files=False), own_curve=settings.own_curve)


def _recalled(features: Path, loud: Path) -> tuple[Heard, tuple[str, str]]:
    """Result found before, see song_json; from memory where this process had it of late."""
    key = str(features), str(loud)
    if key not in _heard:
        values = np.load(loud, allow_pickle=False)
        heard = Heard(_load(features), values)
        size = values.nbytes + sum(column.nbytes for column in heard.analysis.columns.values())
        _heard[key] = heard, song_json(heard.analysis), size
    _heard.move_to_end(key)
    while len(_heard) > 1 and sum(size for *_, size in _heard.values()) > KEPT:
        _heard.popitem(last=False)
    return _heard[key][:2]


def _load(features: Path) -> Any:
    found = load_analysis(features.read_bytes())
    if found is None:
        raise RequestError("what was found in the song is of another AKMA: ask again", code="bad_features")
    return found


def _packed(array: Any) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array, allow_pickle=False)
    return packed.getvalue()


SONG_JOBS: dict[str, Callable[..., Answer]] = {
    "look": look,
    "peaks": peaks,
    "loudness": song_loudness,
    "features": song_features,
    "analysis": analysis,
    "hits": export_hits,
}
