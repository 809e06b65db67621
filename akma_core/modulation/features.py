"""Names of the features that may stand at the left of a row."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["curve", "events"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
"""Name of a stem, or of a curve of one's own."""
FILE = re.compile(f"file:{NAME.pattern}", re.ASCII)
CHROMA = re.compile(r"chroma:([0-9]|1[01])", re.ASCII)


@dataclass(frozen=True)
class Feature:
    """A feature by name."""

    kind: Kind
    text: str
    """Meaning, for people."""
    unit: bool = True
    """Values are 0..1 already; others are scaled by percentiles where a row does not say how."""


FEATURES = {
    "loudness": Feature("curve", "mean of |sample| over each frame, AKMA's; band = [lo, hi] in Hz: that band's", False),
    "low": Feature("curve", "loudness from 20 to 150 Hz", False),
    "mid": Feature("curve", "loudness from 150 to 2000 Hz", False),
    "high": Feature("curve", "loudness from 2000 to 16000 Hz", False),
    "percussive": Feature("curve", "loudness of the percussive part", False),
    "harmonic": Feature("curve", "loudness of the harmonic part", False),
    "brightness": Feature("curve", "where the middle of the spectrum lies, low to high"),
    "phase": Feature("curve", "0 at a beat, rising to 1 at the next"),
    "swing": Feature("curve", "(1 + sin(pi beat)) / 2: to one side on a beat, to the other on the next"),
    "curve": Feature("curve", "AKMA's curve, shaped by its smoothing, detail and compression"),
    "constant": Feature("curve", "1 throughout"),
    "onset": Feature("events", "every onset"),
    "hit": Feature("events", "the onsets that the ear takes for hits: kick, snare, tom; without drums, every onset"),
    "kick": Feature("events", "kick drum"),
    "snare": Feature("events", "snare drum"),
    "hat": Feature("events", "hi-hat"),
    "tom": Feature("events", "tom"),
    "cymbal": Feature("events", "cymbal"),
    "note": Feature("events", "notes"),
    "beat": Feature("events", "beats"),
    "downbeat": Feature("events", "first beats of bars"),
    "section": Feature("events", "first moments of sections"),
}
CHROMA_FEATURE = Feature("curve", "strength of a pitch class, chroma:0 (C) to chroma:11 (B)", False)


def find(name: str) -> Feature | None:
    """The feature of that name; None for a file's, whose kind its content tells. ValueError for an unknown one."""
    if FILE.fullmatch(name):
        return None
    if CHROMA.fullmatch(name):
        return CHROMA_FEATURE
    if name not in FEATURES:
        raise ValueError(
            f"unknown feature {name[:40]!r}: give {', '.join(FEATURES)}, chroma:0 to chroma:11, or file:NAME"
        )
    return FEATURES[name]
