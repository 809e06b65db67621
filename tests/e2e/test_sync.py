"""Sound and picture in step, from the song to the finished file: a click is on screen while it sounds.

The network is a lamp whose brightness is the curve; all the rest is real.
"""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.audio.reader import digest, loudness, open_audio
from akma_core.modulation.envelope import reactive_curve
from akma_core.modulation.inputs import Inputs, as_inputs
from akma_core.networks.card import read_card
from akma_core.render.pipeline import render_chunks
from akma_core.render.plan import NetworkPart
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.render.render_folder import RenderFolder
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings

RATE = 8000
LOUD, QUIET = (1, 2, 3, 4), (5, 6, 7, 8)


class Lamp:
    """w is 1 on the loud walk and 0 on the quiet one; the picture is as bright as w."""

    batch, step = 1, 256
    rates: tuple[float, ...] = (0.0,)
    notes: list[str] = []  # noqa: RUF012

    def mapping(self, _network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        return np.array([[float(seed in LOUD)] for seed in seeds])

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        levels = torch.from_numpy(as_inputs(inputs).ws[:, 0, 0] * 200 + 20).clamp(0, 255).to(torch.uint8)
        return levels[:, None, None, None].expand(-1, 64, 64, 3)


def click_track(path: Path, seconds: float, times: Sequence[float]) -> None:
    samples = np.zeros(round(seconds * RATE))
    for time in times:
        at = round(time * RATE)
        samples[at : at + 8] = 0.9
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def brightness(path: Path) -> tuple[NDArray[np.float64], list[float]]:
    """Mean of each frame's luma, and the second at which it comes on."""
    levels, starts = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            levels.append(float(frame.to_ndarray(format="gray")[0].mean()))
            assert frame.time is not None
            starts.append(frame.time)
    return np.array(levels), starts


def loudest(path: Path, around: float, width: float) -> float:
    """Second of the loudest sample within `width` of `around`."""
    best, when = 0.0, -1.0
    with av.open(str(path)) as container:
        container.seek(int(max(0, around - 5) * av.time_base), any_frame=False)
        for frame in container.decode(audio=0):
            assert frame.time is not None
            if frame.time > around + width:
                break
            samples = np.abs(frame.to_ndarray()).max(axis=0)
            times = frame.time + np.arange(len(samples)) / frame.sample_rate
            samples = np.where(np.abs(times - around) < width, samples, 0)
            if samples.max() > best:
                best, when = float(samples.max()), float(times[samples.argmax()])
    assert best > 0.1
    return when


HOUR_FPS = os.environ.get("AKMA_TEST_HOUR_FPS", "5")


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"),
    [
        (6, "30", (10, 75, 149, 171)),
        (6, "30000/1001", (10, 75, 149)),
        (6, "24", (30, 31, 120)),
        pytest.param(
            3600, HOUR_FPS, tuple(int(s * Fraction(HOUR_FPS)) for s in (2, 1800, 3590, 3598)), marks=pytest.mark.slow
        ),
    ],
)
def test_a_click_is_seen_while_it_sounds(
    tmp_path: Path, network: Path, seconds: float, fps: str, frames: tuple[int, ...]
) -> None:
    rate = Fraction(fps)
    times = [float((frame + Fraction(1, 2)) / rate) for frame in frames]
    song, video = tmp_path / "clicks.wav", tmp_path / "clicks.mp4"
    click_track(song, seconds, times)
    settings = RenderSettings.parse(
        {
            "preset": "akma",
            "fps": fps,
            "window_length": 5,
            "polyorder": 2,
            "seeds_top": list(LOUD),
            "seeds_bottom": list(QUIET),
        }
    )
    reader = open_audio(song)
    device = DevicePart(kind="cpu", dtype="float32", batch=1)
    plan = make_plan(settings, reader, digest(song), read_card(network), device)
    curve = reactive_curve(loudness(reader, plan.fps), window_length=5, polyorder=2).values
    lamp = Lamp()
    work = RenderFolder(video, plan)
    with work.owned():
        render_chunks(plan, work.missing(), Trajectory(plan, {"curve": curve}, lamp), lamp, work.path)
        work.finish(reader)

    levels, starts = brightness(video)
    assert len(levels) == plan.frames == -(-seconds * rate // 1)
    for frame, time in zip(frames, times, strict=True):
        near = slice(max(0, frame - 4), frame + 5)
        lone = not any(other != frame and abs(other - frame) < 5 for other in frames)
        if lone:
            assert curve[near].argmax() + near.start == frame
            assert levels[near].argmax() + near.start == frame
        heard = loudest(video, time, float(2 / rate) if lone else float(1 / rate) / 2)
        on, off = starts[frame], starts[frame] + float(1 / rate)
        assert on <= heard < off, f"frame {frame} is on screen from {on} to {off}, the click sounds at {heard}"
