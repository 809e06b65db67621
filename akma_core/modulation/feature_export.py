"""The columns of a song as a picture, as JSON and as arrays, with its beats and sections."""

import io
import json
from fractions import Fraction
from typing import Any

import numpy as np

from .song import SongAnalysis
from .types import Columns

WIDTH, ROW_HEIGHT = 16.0, 0.9  # inches
POINTS = 4000  # of a drawn curve: more than pixels


def features_json(columns: Columns, song: SongAnalysis, fps: Fraction, name: str) -> bytes:
    """Everything as JSON: curves one value a frame, events [[s, strength]], beats, downbeats, sections, tempo."""
    facts: dict[str, Any] = {
        "song": name,
        "fps": str(fps),
        "tempo": song.tempo or None,
        "beats": np.round(song.beats(), 4).tolist(),
        "downbeats": np.round(song.downbeats(), 4).tolist(),
        "sections": [section.model_dump() for section in song.sections()],
        "curves": {name: np.round(each, 6).tolist() for name, each in columns.items() if each.ndim == 1},
        "events": {name: np.round(each, 4).tolist() for name, each in columns.items() if each.ndim == 2},
    }
    return (json.dumps(facts) + "\n").encode()


def features_npz(columns: Columns, song: SongAnalysis, fps: Fraction, _name: str) -> bytes:
    """Everything as arrays by name."""
    packed = io.BytesIO()
    arrays: dict[str, Any] = {name: column for name, column in columns.items() if name != "file"}
    np.savez(packed, fps=float(fps), beats=song.beats(), downbeats=song.downbeats(), **arrays)
    return packed.getvalue()


def features_png(columns: Columns, song: SongAnalysis, fps: Fraction, name: str) -> bytes:
    """A picture: a row for each column over the song's seconds, sections as bands, downbeats as lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1.2 + ROW_HEIGHT * len(columns)), dpi=100, layout="constrained")
    rows = np.atleast_1d(np.asarray(figure.subplots(len(columns), 1, sharex=True)))
    seconds = song.frames / float(fps)
    labels = sorted({section.label for section in song.sections()})
    starts = [section.start for section in song.sections()]
    for axes, (title, column) in zip(rows, columns.items(), strict=True):
        for section, start, stop in zip(song.sections(), starts, [*starts[1:], seconds], strict=True):
            shade = 0.97 - 0.09 * (labels.index(section.label) % 4)
            axes.axvspan(start, stop, color=(shade, shade, shade), lw=0)
        if len(song.downbeats()) < WIDTH * 10:  # more would be a grey area
            for time in song.downbeats():
                axes.axvline(time, color="0.6", lw=0.4)
        if column.ndim == 2:
            axes.vlines(column[:, 0], 0, column[:, 1], color="tab:red", lw=0.8)
        else:
            # Of a long song the highest value of each stretch, so that no peak is lost.
            first = np.unique(np.linspace(0, len(column), POINTS, endpoint=False).astype(np.int64))
            axes.fill_between(first / float(fps), np.maximum.reduceat(column, first), color="tab:blue", lw=0)
        axes.set(ylim=(0, 1), yticks=[], xlim=(0, seconds))
        axes.set_title(title, loc="left", fontsize=8, pad=2)
    rows[-1].set_xlabel(f"seconds of {name}; sections {', '.join(labels)} as bands, first beats of bars as lines")
    packed = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(packed, format="png")
    return packed.getvalue()
