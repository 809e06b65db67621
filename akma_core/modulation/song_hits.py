"""The hits that were found in a song, each with its drum."""

from akma_core.audio.features.analysis import Analysis

from .edited_hits import STROKES, Hit, named_hits

WANTED = ("hits", *STROKES)
"""Of an analysis."""


def found_hits(heard: Analysis) -> list[Hit]:
    """The hits that were found, each with the drum that it is where one is heard."""
    return named_hits(heard.events["hits"], {name: heard.events[name] for name in STROKES})
