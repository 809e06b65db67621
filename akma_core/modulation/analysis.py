"""The part of a song's analysis that planning needs."""

from typing import Protocol

from .features import Kind
from .resolve import Section
from .types import Floats


class Analysis(Protocol):
    """The features of one song at its video's frames; computed when asked for, over the whole song."""

    frames: int
    """Values over the whole song."""

    def curve(self, feature: str, source: str, band: tuple[float, float] | None, /) -> Floats:
        """Values [frames], finite. RequestError where there is no such source or file."""

    def events(self, feature: str, source: str, /) -> Floats:
        """Times in s, rising, and strengths 0..1: [n, 2]. RequestError where there is no such source or file."""

    def kind(self, feature: str) -> Kind:
        """Kind of a feature, also of a file's. RequestError where there is no such file."""

    def rms(self, seconds: float, /) -> Floats:
        """Root mean square of the song over `seconds` around the middle of each frame, [frames]."""

    def beats(self) -> Floats:
        """Times of the beats in s, rising, [n]; none where the song has no steady pulse."""

    def downbeats(self) -> Floats:
        """Times of the first beats of bars in s, rising, [n]; none where there are no steady bars."""

    def sections(self) -> list[Section]:
        """Parts of the song in order, the first from 0 s on; labels repeat where the song does. At least one."""
