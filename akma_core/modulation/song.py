"""The features of a song and of its stems at the frames of a video, computed when a row asks for them."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from akma_core.audio.reader import AudioReader, digest, loudness, open_audio
from akma_core.errors import RequestError

from . import features
from .features import Kind
from .files import FileFeature, read_feature
from .resolve import Section
from .types import Floats


class SongAnalysis:
    """Implements analysis.Analysis. Nothing of a song is held but a number or two a hundredth of a second."""

    def __init__(self, reader: AudioReader, fps: Fraction, curve: Floats, files: Mapping[str, Path]) -> None:
        """`curve`: AKMA's, [frames]. `files`: stem:NAME and curve:NAME -> path. RequestError for a bad file."""
        self.fps, self.frames = fps, len(curve)
        self._readers = {"mix": reader}
        self._curve = curve
        self._files: dict[str, FileFeature] = {}
        self.digests = {name: digest(path) for name, path in sorted(files.items())}
        """SHA-256 of each file."""
        for key, path in files.items():
            kind, name = key.split(":", 1)
            if kind == "stem":
                self._readers[name] = open_audio(path)
            else:
                self._files[name] = read_feature(path)

    def kind(self, feature: str) -> Kind:
        """Kind of a feature, also of a file's. RequestError where there is no such file."""
        known = features.find(feature)
        return self._file(feature).kind if known is None else known.kind

    def curve(self, feature: str, source: str, band: tuple[float, float] | None) -> Floats:
        """Values of a curve [frames]. RequestError where there is no such source or file."""
        reader = self._reader(source)
        if feature == "curve":
            return self._curve
        if feature == "constant":
            return np.ones(self.frames)
        if feature.startswith("file:"):
            return self._file(feature).at_frames(self.frames, self.fps)
        if feature == "loudness" and band is None:
            return self._fitted(loudness(reader, self.fps))
        raise NotImplementedError

    def events(self, feature: str, source: str) -> Floats:
        """Times in s and strengths of events, [n, 2]. RequestError where there is no such source or file."""
        self._reader(source)
        if feature.startswith("file:"):
            return self._file(feature).events()
        raise NotImplementedError

    def rms(self, seconds: float) -> Floats:
        """Root mean square of the song over `seconds` around the middle of each frame, [frames]."""
        raise NotImplementedError

    def beats(self) -> Floats:
        """Times of the beats in s, [n]; none where the song has no steady pulse."""
        raise NotImplementedError

    def downbeats(self) -> Floats:
        """Times of the first beats of bars in s, [n]; none where there are no steady bars."""
        raise NotImplementedError

    def sections(self) -> list[Section]:
        """Parts of the song in order, the first from 0 s on."""
        raise NotImplementedError

    def _reader(self, source: str) -> AudioReader:
        if source not in self._readers:
            stems = ", ".join(name for name in self._readers if name != "mix") or "none"
            message = f"there is no stem {source!r} (given: {stems}): give --stem {source}=FILE"
            raise RequestError(message, code="bad_modulation", field="modulation")
        return self._readers[source]

    def _file(self, feature: str) -> FileFeature:
        name = feature.removeprefix("file:")
        if name not in self._files:
            given = ", ".join(self._files) or "none"
            message = f"there is no curve {name!r} (given: {given}): give --curve {name}=FILE"
            raise RequestError(message, code="bad_modulation", field="modulation")
        return self._files[name]

    def _fitted(self, values: Floats) -> Floats:
        """As many values as the song has frames: a stem may end earlier (silence) or later (cut)."""
        return np.pad(values[: self.frames], (0, max(0, self.frames - len(values))))
