import json
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from akma_core.errors import FailureError, RequestError
from akma_core.files import sha256_of
from akma_core.media.resize import resize
from akma_core.media.video_reader import FrameReader, open_video
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.upscale.pipeline import UpscaleOutput, UpscalePlan, _ahead, make_plan
from tests.support.clips import ROTATED, Doubled, frames_of, make_clip, packets


def work_on(source: Path, output: Path, network: Any = None, **settings: Any) -> UpscaleOutput:
    clip = open_video(source)
    plan = make_plan(clip, network or Doubled(), settings.get("outscale"), settings.get("crf", 16.0))
    return UpscaleOutput(output.with_suffix(plan.suffix), plan, clip)


def whole(source: Path, output: Path, **settings: Any) -> Path:
    work = work_on(source, output, **settings)
    with work.owned():
        work.finish(work.upscale(Doubled()))
    return work.video


# --- the plan


def test_a_plan_says_what_decides_the_video(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", fps=Fraction(24000, 1001), sound="aac")
    plan = work_on(source, tmp_path / "out").plan
    assert (plan.width, plan.height, plan.frames, plan.suffix) == (96, 64, 24, ".mp4")
    assert plan.source.sha256 == sha256_of(source)
    assert UpscalePlan.model_validate_json(plan.model_dump_json()) == plan
    assert plan.digest == work_on(source, tmp_path / "elsewhere").plan.digest
    others = [
        work_on(source, tmp_path / "out", **{name: value}).plan for name, value in (("outscale", 1.5), ("crf", 9))
    ]
    other_clip = work_on(make_clip(tmp_path / "b.mp4", frames=23), tmp_path / "out").plan
    assert len({plan.digest, other_clip.digest, *(other.digest for other in others)}) == 4


@pytest.mark.parametrize(
    ("size", "outscale", "expected"),
    [
        ((48, 32), None, (96, 64)),
        ((47, 31), None, (94, 62)),
        ((47, 31), 1.0, (48, 32)),
        ((47, 31), 1.5, (70, 46)),
        ((48, 32), 4.0, (192, 128)),
    ],
)
def test_sizes_are_even(
    tmp_path: Path, size: tuple[int, int], outscale: float | None, expected: tuple[int, int]
) -> None:
    source = make_clip(tmp_path / "a.mkv", frames=3, size=size, pixels="yuv444p")
    work = work_on(source, tmp_path / "out", outscale=outscale)
    assert (work.plan.width, work.plan.height) == expected
    with work.owned():
        work.finish(work.upscale(Doubled()))
    frames, _ = frames_of(work.video)
    assert frames.shape == (3, expected[1], expected[0])


def test_a_size_that_no_encoder_takes_is_refused_at_once(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=2, size=(8194, 16))
    with pytest.raises(RequestError, match="16384"):
        work_on(source, tmp_path / "out")


def test_chunks_are_a_second_long_and_cover_everything(tmp_path: Path) -> None:
    plan = work_on(make_clip(tmp_path / "a.mp4", frames=25, fps=10), tmp_path / "out").plan
    assert [(chunk.index, chunk.start, chunk.frames) for chunk in plan.chunks()] == [
        (0, 0, 10),
        (1, 10, 10),
        (2, 20, 5),
    ]


# --- the pictures


def test_the_video_is_the_clip_twice_as_large(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=30, sound="aac", layout="mono", options={"crf": "4"})
    output = whole(source, tmp_path / "out", crf=4.0)
    assert frames_of(output)[1] == frames_of(source)[1]
    assert packets(output, "audio") == packets(source, "audio")
    wanted = FrameReader(open_video(source)).read(0, 30).astype(int)
    got = FrameReader(open_video(output)).read(0, 30).reshape(30, 32, 2, 48, 2, 3).mean((2, 4))
    for k in range(30):
        assert np.abs(got[k] - wanted[k])[2:-6, 2:-2].mean() < 4
        assert np.abs(got[k] - wanted[k - 1])[2:-6, 2:-2].mean() > 8


def test_the_real_network_does_what_it_does_alone(tmp_path: Path) -> None:
    network = load_upscaler("realesr-animevideov3")
    source = make_clip(tmp_path / "a.mkv", frames=3, size=(32, 24), pixels="yuv444p")
    work = work_on(source, tmp_path / "out", network, crf=1.0)
    with work.owned():
        work.finish(work.upscale(network))
    rgb = network(torch.from_numpy(FrameReader(open_video(source)).read(0, 3))).numpy().astype(float)
    luma = rgb @ (0.2126, 0.7152, 0.0722) * 219 / 255 + 16
    frames, _ = frames_of(work.video)
    assert frames.shape == (3, 96, 128)
    assert np.abs(frames - luma).mean() < 0.6
    assert work.plan.network.name == "realesr-animevideov3"


def test_a_rotated_clip_with_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 40, 90, 91, 500, 501, 777]
    source = make_clip(tmp_path / "a.mov", times=times, time_base=Fraction(1, 1000), display=ROTATED, sound="pcm_s16le")
    output = whole(source, tmp_path / "out")
    assert open_video(output).look.display == ROTATED
    assert [round(time * 1000) for time in frames_of(output)[1]] == times
    assert packets(output, "audio") == packets(source, "audio")


def test_resize() -> None:
    flat = torch.full((2, 10, 14, 3), 200, dtype=torch.uint8)
    assert resize(flat, 10, 14) is flat
    assert (resize(flat, 6, 9) == 200).all()
    ramp = torch.arange(64, dtype=torch.uint8)[None, None, :, None].expand(1, 8, 64, 3).contiguous()
    small = resize(ramp, 4, 32)
    assert small.shape == (1, 4, 32, 3)
    assert (small[0, 0, 4:28, 0].float() - (torch.arange(4, 28) * 2 + 0.5)).abs().max() <= 1


# --- stopped and gone on


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=60, fps=10, sound="aac", options={"g": "7", "bf": "3"})
    straight = whole(source, tmp_path / "straight").read_bytes()
    work, seen = work_on(source, tmp_path / "out"), 0

    def stop(frames: int) -> None:
        nonlocal seen
        seen += frames
        if seen > 33:
            raise KeyboardInterrupt

    with work.owned(), pytest.raises(KeyboardInterrupt):
        work.upscale(Doubled(), stop)
    assert not work.video.exists()
    network = Doubled()
    with work.owned():
        missing = work.missing()
        assert [chunk.index for chunk in missing] == [3, 4, 5]
        work.path(list(work.plan.chunks())[1]).unlink()
        work.finish(work.upscale(network))
    assert network.pictures == 40
    assert work.video.read_bytes() == straight
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.mp4", "out.json", "out.mp4", "straight.json", "straight.mp4",
    ]  # fmt: skip


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.upscale.test_pipeline import work_on
from tests.support.clips import Doubled
work, seen = work_on(Path(sys.argv[1]), Path(sys.argv[2])), 0
def die(frames):
    global seen
    seen += frames
    if seen == 25: os.kill(os.getpid(), signal.SIGKILL)
with work.owned():
    work.finish(work.upscale(Doubled(), die))
"""


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=40, fps=10)
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED, source, tmp_path / "out.mp4"], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    work, network = work_on(source, tmp_path / "out"), Doubled()
    assert not work.video.exists()
    with work.owned():
        work.finish(work.upscale(network))
    assert network.pictures == 20
    assert work.video.read_bytes() == whole(source, tmp_path / "straight").read_bytes()


def test_the_manifest(tmp_path: Path) -> None:
    tags = {"colorspace": 1}
    source = make_clip(tmp_path / "a.avi", frames=12, codec="mjpeg", pixels="yuvj420p", tags=tags)
    work = work_on(source, tmp_path / "out")
    with work.owned():
        manifest = work.finish((*work.upscale(Doubled()), "one more"))
    facts = json.loads(manifest.read_text())
    assert facts["digest"] == work.plan.digest
    assert facts["video"] == {"bytes": work.video.stat().st_size, "sha256": sha256_of(work.video), "frames": 12}
    assert facts["notes"] == [*work.plan.notes, "one more"]
    assert UpscalePlan.model_validate(facts["plan"]) == work.plan


# --- bounds


def test_few_pictures_wait_at_a_time() -> None:
    made, taken = 0, 0

    def items() -> Iterator[int]:
        nonlocal made
        for made in range(1, 101):
            assert made - taken <= 5
            yield made

    for item in _ahead(items()):
        taken += 1
        assert item == taken
    assert (made, taken) == (100, 100)


def test_the_decoder_stops_with_the_rest() -> None:
    before = threading.active_count()
    source = _ahead(iter(range(1000)))
    assert next(source) == 0
    source.close()
    assert threading.active_count() == before

    def broken() -> Iterator[int]:
        yield 1
        raise RequestError("no more")

    source = _ahead(broken())
    assert next(source) == 1
    with pytest.raises(RequestError, match="no more"):
        next(source)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may become larger than `size` bytes, as on a disk with no more room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 2_000, 30_000])
def test_a_full_disk(tmp_path: Path, room: int) -> None:
    """At the first chunk, in one, at the end."""
    source = make_clip(tmp_path / "a.mp4", frames=30, fps=10, sound="aac")
    work = work_on(source, tmp_path / "out")
    with work.owned(), full_disk(room), pytest.raises(FailureError) as caught:
        work.finish(work.upscale(Doubled()))
    assert caught.value.code == "disk_full"
    assert not work.video.exists()
    with work.owned():
        work.finish(work.upscale(Doubled()))
    assert len(frames_of(work.video)[0]) == 30


# --- the command
