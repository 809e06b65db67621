"""Flashes of a render: tracks beside segments, and one verdict over the joins."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from akma_core.media.encoder import Encoder
from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold_of_means import MeanHold
from akma_core.media.flash.track import pack
from akma_core.media.segment import SegmentWriter
from akma_core.render.flashes import grid_of, held_to, hold_of, manifest_part, meter_of, note_of, track_of, track_path
from akma_core.render.plan import FlashPart, RenderPlan
from tests.render.test_plan import plan as planned
from tests.support.flashes import flicker


@pytest.fixture
def plan() -> RenderPlan:
    return planned()


def flashing(plan: RenderPlan, hertz: float) -> np.ndarray:
    """Planes of all its frames, dark and bright in turn."""
    bright = (np.arange(plan.frames) / float(plan.fps) * hertz) % 1 >= 0.5
    planes = np.full((plan.frames, plan.height * 3 // 2, plan.width), 128, np.uint8)
    planes[:, : plan.height] = np.where(bright, 210, 50)[:, None, None]
    return planes


def tracks(plan: RenderPlan, planes: np.ndarray) -> list[bytes]:
    found, at = [], 0
    for chunk in plan.chunks():
        hold = hold_of(plan, chunk)
        assert hold is not None
        hold(planes[at : at + chunk.frames])
        at += chunk.frames
        found.append(pack(hold.small))
    return found


def test_a_render_that_flashes_is_held_and_safe_or_told_where(plan: RenderPlan) -> None:
    assert plan.flash is not None
    assert plan.flash.limit
    planes = flashing(plan, 5)
    meter = meter_of(plan, tracks(plan, planes))
    assert manifest_part(plan, meter)["safe"] is True
    assert note_of(plan, meter) == []
    assert "strict" not in plan.flash.model_dump()
    strict = plan.model_copy(update={"flash": FlashPart(limit=True, cells="points", strict=True)})
    assert strict.digest != plan.digest
    assert set(held_to(strict)) == set(held_to(plan)) | {"wcag2_2"}
    off = plan.model_copy(update={"flash": FlashPart(limit=False, cells="points")})
    meter = meter_of(off, tracks(off, planes))
    part = manifest_part(off, meter)
    assert (part["safe"], part["limit"]) == (False, False)
    worst = part["standards"]["iso"]["general"]
    assert worst["transitions"] > 6
    assert f"{worst['transitions']} transitions in the second from" in note_of(off, meter)[0]


def test_a_plan_of_before_holds_nothing_and_keeps_its_digest(plan: RenderPlan) -> None:
    before = plan.model_copy(update={"flash": None})
    assert hold_of(before, next(iter(plan.chunks()))) is None
    assert before.digest != plan.digest
    assert "flash" not in before.model_dump_json(exclude={"flash": True, "settings": True})


def test_a_plan_that_counted_means_keeps_its_bytes_its_grid_and_its_hold(plan: RenderPlan) -> None:
    before = plan.model_copy(update={"flash": FlashPart(limit=True)})
    assert json.loads(before.model_dump_json())["flash"] == {"limit": True}
    assert before.digest != plan.digest
    assert grid_of(before) == Grid.coarse(plan.width, plan.height)
    assert isinstance(hold_of(before, next(iter(plan.chunks()))), MeanHold)
    # Small fields were not held: what fails in them alone was called safe.
    meter = meter_of(before, [pack(flicker([60, 160] * 8, grid_of(before), rows=10))])
    assert not meter.verdicts()["trace24"].passed
    assert manifest_part(before, meter)["safe"] == meter.verdicts()["iso"].passed


def test_a_lost_track_is_made_of_the_segment(plan: RenderPlan, tmp_path: Path) -> None:
    planes = flashing(plan, 2)[:8]
    path = tmp_path / "0.mp4"
    with SegmentWriter(path, Encoder(width=plan.width, height=plan.height, fps=Fraction(plan.fps), crf=16)) as segment:
        segment.write(planes)
    kept = pack(grid_of(plan).small(planes))
    found = meter_of(plan, [track_of(plan, path)])
    assert found.pictures == 8
    track_path(path).write_bytes(kept)
    assert track_of(plan, path) == kept
