"""The analysis of a song as a file, so that it is made once: arrays by name, read as data."""

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

import numpy as np

from akma_core.audio.features.analysis import Analysis
from akma_core.audio.features.sections import Section
from akma_core.audio.features.tempo import Tempo

VERSION = 2
"""Raised whenever the analysis finds something else than before."""


def dump_analysis(analysis: Analysis) -> bytes:
    """The analysis as .npz."""
    told = {
        "version": VERSION,
        "duration": analysis.duration,
        "tempo": asdict(analysis.tempo),
        "sure": [analysis.beat_confidence, analysis.downbeat_confidence, analysis.beats_per_bar],
        "sections": [asdict(section) for section in analysis.sections],
        "columns": list(analysis.columns),
        "events": list(analysis.events),
    }
    arrays: dict[str, Any] = {f"c{i:03d}": column for i, column in enumerate(analysis.columns.values())}
    arrays |= {f"e{i:03d}": events for i, events in enumerate(analysis.events.values())}
    packed = io.BytesIO()
    np.savez(packed, told=np.frombuffer(json.dumps(told).encode(), np.uint8), **arrays)
    return packed.getvalue()


def load_analysis(data: bytes) -> Analysis | None:
    """The analysis in such bytes; None where they are of another version or none at all."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            told = json.loads(file["told"].tobytes())
            if told["version"] != VERSION:
                return None
            return Analysis(
                duration=float(told["duration"]),
                columns={name: file[f"c{i:03d}"] for i, name in enumerate(told["columns"])},
                events={name: file[f"e{i:03d}"] for i, name in enumerate(told["events"])},
                tempo=Tempo(**told["tempo"]),
                beat_confidence=told["sure"][0],
                downbeat_confidence=told["sure"][1],
                beats_per_bar=told["sure"][2],
                sections=[Section(**section) for section in told["sections"]],
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
