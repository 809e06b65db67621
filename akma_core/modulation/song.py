"""The features of a song and of its stems at the frames of a video, all that its rows ask for in one pass over each."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import scipy

from akma_core.audio.features import analysis
from akma_core.audio.features.analysis_file import VERSION
from akma_core.audio.features.column import FRAME_RATE
from akma_core.audio.features.curve_files import CurveFile, read_curve_file
from akma_core.audio.features.frames import frame_curve
from akma_core.audio.reader import AudioReader, digest, loudness, open_audio
from akma_core.errors import RequestError

from . import features
from .edited_hits import events_of
from .features import Kind
from .own_curves import OwnCurve
from .resolve import Modulation, Section
from .rows import Row
from .types import Floats

NAMES = {"onset": "onsets", "hit": "hits", "beat": "beats", "downbeat": "downbeats", "section": "sections"}
NAMES |= {"phase": "beats", "swing": "beats"}  # what the analysis calls a feature, or makes it of
OWN = ("loudness", "curve", "constant")  # not the analysis's
RMS = "rms"
RMS_BAND = (20.0, 16_000.0)  # Hz


@dataclass(frozen=True)
class Heard:
    """Findings of a song kept from before, so that it need not be read again."""

    analysis: analysis.Analysis
    """Of all of analysis.WANTED, and of `bands_of`."""
    loudness: Floats
    """At the frames of the video, see audio.reader.loudness."""


class SongAnalysis:
    """Implements analysis.Analysis. Nothing of a song is held but some numbers for each hundredth of a second."""

    def __init__(
        self,
        reader: AudioReader | None,
        fps: Fraction,
        curve: Floats,
        files: Mapping[str, Path],
        modulation: Modulation,
        *,
        curves: Mapping[str, OwnCurve] | None = None,
        grid: bool = False,
        heard: Heard | None = None,
        stems: Mapping[str, Heard] | None = None,
    ) -> None:
        """`curve`: AKMA's, [frames]. `files`: stem:NAME and curve:NAME -> path; `curves`: the settings', which files
        of their names replace. `grid`: beats, bars and sections will be asked for. `heard`: what a reader would have
        to be read for; without one there must be a reader. `stems`: the same of stems, which are no files then.

        RequestError for a bad file.
        """
        self.fps, self.frames = fps, len(curve)
        self._curve = curve
        self._heard = {**({} if heard is None else {"mix": heard}), **(stems or {})}
        self._readers: dict[str, AudioReader | None] = {"mix": reader} | dict.fromkeys(stems or {})
        self._hits = modulation.hits
        self._files: dict[str, CurveFile] = {name: each.file for name, each in (curves or {}).items()}
        for key, path in files.items():
            kind, name = key.split(":", 1)
            if kind == "stem":
                self._readers[name] = open_audio(path)
            else:
                self._files[name] = read_curve_file(path)
        own = {f"curve:{name}": each.digest for name, each in (curves or {}).items()}
        self.digests = dict(sorted((own | {name: digest(path) for name, path in files.items()}).items()))
        """SHA-256 of each file and curve."""
        self._rows, self._more = modulation.rows, {"tempo", "beats", "downbeats", "sections"} if grid else set()
        if modulation.walk.palettes == "sections":
            self._more.add("sections")
        if any(row.beats_per_seed is not None for row in self._rows):
            self._more.add("beats")
        self._analysed = cache(self._analyse)
        self._loudness = cache(self._loudness_of)

    def kind(self, feature: str) -> Kind:
        """Kind of a feature, also of a file's. RequestError where there is no such file."""
        known = features.find(feature)
        return self._file(feature).kind if known is None else known.kind

    def curve(self, feature: str, source: str, band: tuple[float, float] | None, /) -> Floats:
        """Values of a curve [frames]. RequestError where there is no such source or file."""
        self._check_source(source)
        if feature == "curve":
            return self._curve
        if feature == "constant":
            return np.ones(self.frames)
        if feature.startswith("file:"):
            rows = self._file(feature).rows
            return np.interp(np.arange(self.frames) / float(self.fps), rows[:, 0], rows[:, 1])
        if feature == "loudness" and band is None:
            return self._loudness(source)
        if feature in ("phase", "swing"):
            beat = self._beat_count(self._analysed(source).events["beats"][:, 0])
            return beat % 1 if feature == "phase" else (1 + np.sin(np.pi * beat)) / 2
        column = self._analysed(source).columns[_column(feature, band)]
        return frame_curve(column, float(self.fps), self.frames).astype(np.float64)

    def events(self, feature: str, source: str, /) -> Floats:
        """Times in s and strengths 0..1 of events, [n, 2]. RequestError where there is no such source or file."""
        self._check_source(source)
        if feature.startswith("file:"):
            return self._file(feature).rows
        if source == "mix" and self._hits is not None and (drawn := events_of(self._hits, feature)) is not None:
            return drawn
        if feature == "section":
            return np.array([[section.start, 1.0] for section in self._analysed(source).sections[1:]]).reshape(-1, 2)
        return self._analysed(source).events[NAMES.get(feature, feature)]

    def rms(self, seconds: float, /) -> Floats:
        """Root mean square of the song over `seconds` around the start of each frame, [frames]; its scale is open."""
        level = self._analysed("mix").columns[RMS].astype(np.float64)
        power = scipy.ndimage.uniform_filter1d(level**2, max(1, round(seconds * FRAME_RATE)), mode="constant")
        at = np.arange(self.frames) / float(self.fps) * FRAME_RATE
        return np.sqrt(np.maximum(np.interp(at, np.arange(len(power)), power), 0.0))

    def beats(self) -> Floats:
        """Times of the beats in s, [n]; none where the song has no steady pulse."""
        return self._analysed("mix").events["beats"][:, 0]

    def downbeats(self) -> Floats:
        """Times of the first beats of bars in s, [n]; none where there are no steady bars."""
        return self._analysed("mix").events["downbeats"][:, 0]

    @property
    def tempo(self) -> float:
        """Beats a minute; 0 where the song has no steady pulse."""
        return self._analysed("mix").tempo.bpm if len(self.beats()) else 0.0

    def sections(self) -> list[Section]:
        """Parts of the song in order, the first from 0 s on; at least one."""
        found = self._analysed("mix").sections
        return [Section(start=each.start, label=each.label) for each in found] or [Section(start=0.0, label="A")]

    def _loudness_of(self, source: str) -> Floats:
        if source in self._heard:
            return self._fitted(self._heard[source].loudness)
        return self._fitted(loudness(self._reader(source), self.fps))

    def _reader(self, source: str) -> AudioReader:
        reader = self._readers[source]
        if reader is None:
            raise ValueError("a song without a reader must have been heard")
        return reader

    def _analyse(self, source: str) -> analysis.Analysis:
        """All that the rows ask of a source, in one pass."""
        if source in self._heard:
            return self._heard[source].analysis
        rows = [row for row in self._rows if row.source == source]
        wanted = {name for row in rows if (name := _name(row)) is not None}
        bands = bands_of(rows)
        if source == "mix":
            wanted |= self._more
            bands[RMS] = RMS_BAND
        reader = self._reader(source)
        return analysis.analyse(reader.blocks(dtype="float32"), reader.info.sample_rate, wanted, bands)

    def _beat_count(self, beats: Floats) -> Floats:
        """Beats gone at each frame, [frames]; one throughout where there is no pulse, the middle of the swing."""
        if len(beats) < 2:
            return np.full(self.frames, 1.0)
        at = np.arange(self.frames) / float(self.fps)
        before, after = (at - beats[0]) / (beats[1] - beats[0]), (at - beats[-1]) / (beats[-1] - beats[-2])
        count = np.interp(at, beats, np.arange(len(beats)))
        # Beyond the first and the last beat they go on at the same pace.
        count = np.where(at < beats[0], before, np.where(at > beats[-1], len(beats) - 1 + after, count))
        return np.asarray(count, np.float64)

    def _check_source(self, source: str) -> None:
        if source not in self._readers:
            stems = ", ".join(name for name in self._readers if name != "mix") or "none"
            message = f"there is no stem {source!r} (given: {stems}): give --stem {source}=FILE"
            raise RequestError(message, code="bad_modulation", field="modulation")

    def _file(self, feature: str) -> CurveFile:
        name = feature.removeprefix("file:")
        if name not in self._files:
            given = ", ".join(self._files) or "none"
            message = f"there is no curve {name!r} (given: {given}): give --curve {name}=FILE"
            raise RequestError(message, code="bad_modulation", field="modulation")
        return self._files[name]

    def _fitted(self, values: Floats) -> Floats:
        """As many values as the song has frames: a stem may end earlier (silence) or later (cut)."""
        return np.pad(values[: self.frames], (0, max(0, self.frames - len(values))))


def bands_of(rows: Iterable[Row]) -> dict[str, tuple[float, float]]:
    """Bands of loudness that rows ask for, in Hz, by the name of their column."""
    return {_column(row.feature, row.band): row.band for row in rows if row.band is not None}


def hear(reader: AudioReader, rows: Iterable[Row], source: str = "mix") -> analysis.Analysis:
    """All features of a song, and the bands that `rows` ask for of `source`: see Heard.

    One pass, memory flat but for columns.
    """
    bands = bands_of(row for row in rows if row.source == source) | {RMS: RMS_BAND}
    return analysis.analyse(reader.blocks(dtype="float32"), reader.info.sample_rate, bands=bands)


def features_version(rows: Iterable[Row], source: str = "mix") -> str:
    """Name of what `hear` finds: letters, digits and -."""
    bands = sorted(bands_of(row for row in rows if row.source == source))
    more = f"-{hashlib.sha256(repr(bands).encode()).hexdigest()[:12]}" if bands else ""
    return f"{VERSION}{more}"


def _name(row: Row) -> str | None:
    """Name of a row's feature in the analysis; None for one that is not the analysis's."""
    if row.feature in OWN or row.feature.startswith("file:"):
        return None
    return _column(NAMES.get(row.feature, row.feature), None)


def _column(feature: str, band: tuple[float, float] | None) -> str:
    if band is not None:
        return f"band {band[0]:g} {band[1]:g}"
    return analysis.CHROMA[int(feature.removeprefix("chroma:"))] if feature.startswith("chroma:") else feature
