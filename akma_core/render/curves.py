"""The part of a plan that the song decides: columns of its rows, sections, palettes, and the frames of a loop."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akma_core.audio.reader import AudioReader
from akma_core.modulation.columns import compute_columns, digests, load_columns
from akma_core.modulation.directions import read_direction
from akma_core.modulation.envelope import curve_of
from akma_core.modulation.palettes import draw_palettes
from akma_core.modulation.resolve import Loop, Modulation
from akma_core.modulation.song import Heard, SongAnalysis
from akma_core.modulation.song_curve import song_curve
from akma_core.modulation.types import Columns, Floats
from akma_core.networks.card import NetworkCard
from akma_core.render.plan import RenderPlan
from akma_core.timeline import frame_at


@dataclass(frozen=True)
class Planned:
    """A plan with everything that it was made for."""

    plan: RenderPlan
    columns: Columns
    notes: tuple[str, ...]
    """Notes on the curves, a sentence each."""


def complete(
    plan: RenderPlan,
    reader: AudioReader,
    card: NetworkCard,
    files: Mapping[str, Path] | None = None,
    heard: Heard | None = None,
    stems: Mapping[str, Heard] | None = None,
) -> Planned:
    """Analyse the song for a plan that was just made. `files`: stems and curves by name, see SongAnalysis.

    `heard`, `stems`: what was found in the song and in stems before, for previews: another thread count may have
    rounded it otherwise.

    Memory does not grow with the song but for its columns. RequestError where a row asks for what is not there.
    """
    curve = song_curve(reader, plan.fps, plan.curve)[0] if heard is None else curve_of(heard.loudness, plan.curve)
    modulation = plan.modulation
    if modulation is None:  # version 1
        return Planned(plan, {"curve": curve.values}, curve.notes)
    analysis = SongAnalysis(
        reader.mixed(plan.curve.channels),
        plan.fps,
        curve.values,
        files or {},
        modulation,
        curves=plan.settings.curves,
        grid=plan.settings.loop,
        heard=heard,
        stems=stems,
    )
    notes = [*curve.notes]
    changes: dict[str, object] = {}
    if plan.settings.loop or "loop" in (modulation.walk.top, modulation.walk.bottom):
        first, frames = plan.first_frame, plan.frames
        if plan.settings.loop:
            first, frames, note = whole_bars(analysis, plan)
            notes.extend(note)
        changes["loop"] = Loop(first=first, frames=frames)
        plan = plan.model_copy(update={"first_frame": first, "frames": frames})
    if modulation.walk.palettes == "sections" and not modulation.palettes:
        sections = tuple(analysis.sections())
        rng = np.random.default_rng(np.random.SeedSequence(entropy_of(plan)).spawn(4)[3])
        choices = card.seeds_top, card.seeds_bottom
        palettes = draw_palettes(sections, curve.values, plan.fps, choices, rng)
        changes |= {"sections": sections, "palettes": palettes}
    modulation = modulation.model_copy(update=changes)
    columns = _columns(modulation, analysis, curve.values, plan, card, notes)
    modulation = modulation.model_copy(update={"columns": digests(columns), "files": analysis.digests})
    return Planned(plan.model_copy(update={"modulation": modulation}), columns, tuple(dict.fromkeys(notes)))


def replay(
    plan: RenderPlan,
    reader: AudioReader,
    card: NetworkCard,
    files: Mapping[str, Path] | None = None,
    stored: bytes = b"",
) -> Planned:
    """The columns of a plan made before: `stored` ones (curves.npz) if they are its own, else computed again.

    Where other library versions compute others, the plan is one of its own, and its notes say so.
    """
    if plan.modulation is None:
        return complete(plan, reader, card)
    if columns := load_columns(stored, plan.modulation) if stored else None:
        return Planned(plan, columns, ())
    again = complete(plan, reader, card, files)
    assert again.plan.modulation
    old, new = plan.modulation.columns, again.plan.modulation.columns
    if old and old != new:
        changed = ", ".join(sorted(name for name in new if new[name] != old.get(name)))
        note = f"computed again with other results: {changed}; the picture moves a little otherwise there"
        made = again.plan.model_copy(update={"notes": (*again.plan.notes, note)})
        return Planned(made, again.columns, again.notes)
    return again


def entropy_of(plan: RenderPlan) -> int:
    """Number that a plan's seeds are drawn by: the one asked for, or the song's digest."""
    return plan.settings.seed if plan.settings.seed is not None else int(plan.audio.sha256, 16)


def whole_bars(analysis: SongAnalysis, plan: RenderPlan) -> tuple[int, int, list[str]]:
    """First frame and frames of the whole bars nearest to what the plan shows, and a note where there are no bars."""
    bars = analysis.downbeats()
    first, stop = plan.first_frame, plan.first_frame + plan.frames
    frames = np.array([frame_at(max(0.0, float(time)), plan.fps) for time in bars], np.int64)
    frames = frames[(frames >= 0) & (frames <= plan.total_frames)]
    if len(frames) < 2:
        return first, plan.frames, ["The song has no steady bars: the loop is as long as asked for."]
    begin = int(frames[:-1][np.argmin(np.abs(frames[:-1] - first))])
    later = frames[frames > begin]
    end = int(later[np.argmin(np.abs(later - stop))])
    return begin, end - begin, []


def _columns(
    modulation: Modulation, analysis: SongAnalysis, curve: Floats, plan: RenderPlan, card: NetworkCard, notes: list[str]
) -> Columns:
    columns, more = compute_columns(modulation, analysis, curve, plan.fps)
    notes.extend(more)
    directions = {}
    for row in modulation.rows:
        if row.direction and row.direction.endswith(".npy"):
            directions[row.direction] = read_direction(Path(row.direction), int(card.config["w_dim"]))
    return {**columns, **directions}
