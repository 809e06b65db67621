"""Flashes of a render: a track beside each segment, and the verdict on all of them together."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold import HELD, STRICT, Hold, PixelHold
from akma_core.media.flash.hold_of_means import MeanHold
from akma_core.media.flash.meter import FlashMeter, Verdict
from akma_core.media.flash.report import as_json
from akma_core.media.flash.standards import Name
from akma_core.media.flash.track import join, pack
from akma_core.media.video_reader import FrameReader, open_video
from akma_core.render.plan import RenderPlan
from akma_core.timeline import Chunk

GATE_OF_MEANS: tuple[Name, ...] = ("ofcom2017", "itu_r1702_4", "iso")
"""Standards that the hold kept where means were counted: a quarter of the picture. Today's: hold.HELD."""


def grid_of(plan: RenderPlan) -> Grid:
    """Reduction of a plan's pictures to the meter's grid."""
    return (Grid.points if _points(plan) else Grid.coarse)(plan.width, plan.height)


def _points(plan: RenderPlan) -> bool:
    return plan.flash is not None and plan.flash.cells == "points"


def track_path(segment: Path) -> Path:
    """Path of the track beside a segment."""
    return segment.with_suffix(".flash")


def track_of(plan: RenderPlan, segment: Path) -> bytes:
    """The track of a segment: the one beside it, or where that is lost what the segment shows."""
    path = track_path(segment)
    if path.exists():
        return path.read_bytes()
    video = open_video(segment)
    return pack(grid_of(plan).small(FrameReader(video).read(0, video.frames)))


def hold_of(plan: RenderPlan, chunk: Chunk) -> Hold | None:
    """Hold that a chunk's frames go through before the encoder; None for plans made before flashes were counted."""
    if plan.flash is None:
        return None
    grid, fps, limit = grid_of(plan), float(plan.fps), plan.flash.limit
    if not _points(plan):
        return MeanHold(grid, fps, chunk.frames, limit=limit)
    return PixelHold(grid, fps, chunk.frames, limit=limit, standards=held_to(plan))


def held_to(plan: RenderPlan) -> tuple[Name, ...]:
    """Standards that a plan's hold keeps, and that make a render safe."""
    if not _points(plan):
        return GATE_OF_MEANS
    return STRICT if plan.flash is not None and plan.flash.strict else HELD


def meter_of(plan: RenderPlan, tracks: Iterable[bytes]) -> FlashMeter:
    """The meter over all chunks' tracks, in order: the seconds over the joins are seconds like any others."""
    return join(grid_of(plan), float(plan.fps), tracks)


def manifest_part(plan: RenderPlan, meter: FlashMeter) -> dict[str, Any]:
    """The manifest's word on flashes: safe or not, and each standard's verdict and worst seconds."""
    limit = plan.flash is not None and plan.flash.limit
    return {"safe": not _failed(plan, meter), "limit": limit, **as_json(meter.verdicts())}


def note_of(plan: RenderPlan, meter: FlashMeter) -> list[str]:
    """A note where a render is not safe."""
    failed = _failed(plan, meter)
    if not failed:
        return []
    worst = max((w for v in failed for w in (v.general, v.red)), key=lambda w: w.transitions)
    which = ", ".join(verdict.standard for verdict in failed)
    return [f"flashes more than {which} allow: {worst.transitions} transitions in the second from {worst.second:.1f} s"]


def _failed(plan: RenderPlan, meter: FlashMeter) -> list[Verdict]:
    """Verdicts that keep a render from being called safe."""
    verdicts = meter.verdicts().values()
    return [v for v in verdicts if not v.passed and v.standard in held_to(plan)]
