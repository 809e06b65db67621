import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from PIL import Image

from akma_core.audio.reader import digest, loudness, open_audio
from akma_core.errors import FailureError, RequestError
from akma_core.modulation.envelope import reactive_curve
from akma_core.networks import builtin
from akma_core.render.plan import RenderPlan, UpscalePart
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.sandbox.child import Limits, RenderEstimate
from akma_core.sandbox.pool import SandboxPool
from akma_core.settings import RenderSettings
from tests.support.songs import bad_song, write_song

CARD = builtin.find("ink")[1]
CPU = DevicePart(kind="cpu", dtype="float32", batch=1)
WIDE = Limits(seconds=3600, pixels=1 << 26, frames=1 << 20)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@contextmanager
def running(**arguments: Any) -> Iterator[SandboxPool]:
    probe = SandboxPool(**arguments)
    probe.start()
    try:
        yield probe
    finally:
        probe.close()


@pytest.fixture(scope="module")
def probe() -> Iterator[SandboxPool]:
    with running() as probe:
        yield probe


Inspect = Callable[..., RenderEstimate]


@pytest.fixture
def inspect(portal: BlockingPortal, probe: SandboxPool) -> Inspect:
    return partial(inspected, portal, probe)


def inspected(
    portal: BlockingPortal,
    probe: SandboxPool,
    song: Path,
    limits: Limits = WIDE,
    upscale: UpscalePart | None = None,
    owner: str = "somebody",
    **settings: Any,
) -> RenderEstimate:
    sha256 = digest(song) if song.is_file() else "0" * 64
    wish = RenderSettings.parse(settings)
    part = upscale.model_dump() if upscale else None
    facts: RenderEstimate = portal.call(probe.inspect, song, song.name, sha256, wish, CARD, part, limits, owner)
    return facts


def planned(song: Path, upscale: UpscalePart | None = None, **settings: Any) -> RenderPlan:
    """As the command line does, in this process."""
    return make_plan(RenderSettings.parse(settings), open_audio(song), digest(song), CARD, CPU, upscale)


def children(probe: SandboxPool) -> list[int]:
    return [child._process.pid for child in probe._idle if child]


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"fps": "29.97", "start": 1, "duration": 1.5}, {"size": "640x360", "window_length": 999}]
)
def test_facts_are_those_of_the_plan(inspect: Inspect, song: Path, settings: dict[str, Any]) -> None:
    plan, facts = planned(song, **settings), inspect(song, **settings)
    assert (facts.frames, facts.width, facts.height, facts.fps) == (
        plan.frames,
        plan.width,
        plan.height,
        str(plan.fps),
    )
    assert (facts.notes, facts.duration) == (plan.notes, 3.0)
    assert facts.seconds == pytest.approx(float(plan.frames / plan.fps))


def test_an_upscaler_makes_it_larger(inspect: Inspect, song: Path) -> None:
    part = UpscalePart(name="x", digest="0" * 64, scale=4)
    assert (inspect(song, upscale=part).width, inspect(song, upscale=part, outscale=2).width) == (1024, 512)


def test_the_waveform_is_the_curve(portal: BlockingPortal, probe: SandboxPool, song: Path) -> None:
    settings = RenderSettings.parse({"fps": 25, "window_length": 9, "start": 1, "duration": 1})
    draw = partial(probe.waveform, song, "Sö.wav", settings, WIDE, "somebody")
    told = json.loads(portal.call(partial(draw, png=False)))
    whole = reactive_curve(loudness(open_audio(song), settings.fps), window_length=9).values
    assert (told["fps"], told["first_frame"], told["frames"], told["window_length"]) == ("25", 25, 25, 9)
    assert told["curve"] == whole[25:50].tolist()
    picture = Image.open(io.BytesIO(portal.call(partial(draw, png=True))))
    assert (picture.size, picture.format) == ((1600, 500), "PNG")


def test_a_stored_curve_as_a_picture(portal: BlockingPortal, probe: SandboxPool, song: Path, tmp_path: Path) -> None:
    plan = planned(song, start=1)
    np.save(tmp_path / "curve.npy", reactive_curve(loudness(open_audio(song), plan.fps)).values)
    (tmp_path / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    data = portal.call(probe.plot, tmp_path / "curve.npy", tmp_path / "plan.json", "Song.wav", "somebody")
    assert Image.open(io.BytesIO(data)).size == (1600, 500)


# --- errors: the command line's own ------------------------------------------------------------------------------


def command_line(song: Path, **settings: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        loudness(open_audio(song), planned(song, **settings).fps)
    return caught.value


@pytest.mark.parametrize("name", ["text", "empty", "truncated header", "zero frames", "NaN", "folder", "missing"])
def test_songs_that_are_none(inspect: Inspect, tmp_path: Path, name: str) -> None:
    path = bad_song(name, tmp_path)
    with pytest.raises(RequestError) as caught:
        inspect(path)
    said = command_line(path)
    assert (caught.value.message, caught.value.code, caught.value.field) == (said.message, said.code, said.field)


@pytest.mark.parametrize(
    "settings", [{"start": 3}, {"class": 1}, {"class": 2, "fps": 240}, {"fps": 240, "start": 99}], ids=str
)
def test_settings_that_do_not_fit(inspect: Inspect, song: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        inspect(song, **settings)
    assert caught.value.message == command_line(song, **settings).message


def test_errors_call_the_song_what_its_owner_calls_it(
    portal: BlockingPortal, probe: SandboxPool, tmp_path: Path
) -> None:
    path = tmp_path / "0123abcd.wav"
    path.write_text("no song\n" * 50)
    with pytest.raises(RequestError, match=r"^Mein Lied\.wav: ") as caught:
        portal.call(
            probe.inspect, path, "Mein Lied.wav", "0" * 64, RenderSettings.parse({}), CARD, None, WIDE, "somebody"
        )
    assert "0123abcd" not in caught.value.message
    with pytest.raises(RequestError, match=r"^Mein Lied: "):
        portal.call(partial(probe.waveform, path, "Mein Lied", RenderSettings.parse({}), WIDE, "somebody", png=True))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (replace(WIDE, seconds=2.9), "audio_too_long"),
        (replace(WIDE, pixels=256 * 256 - 1), "too_many_pixels"),
        (replace(WIDE, frames=89), "too_many_frames"),
    ],
)
def test_limits(inspect: Inspect, song: Path, limits: Limits, code: str) -> None:
    with pytest.raises(RequestError) as caught:
        inspect(song, limits)
    assert caught.value.code == code
    if code != "audio_too_long":
        assert inspect(song, limits, duration=0.5, size="64x64").frames == 15


# --- children that die, hang and swell ---------------------------------------------------------------------------


def wait_until_dead(pid: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if "Z (zombie)" in Path(f"/proc/{pid}/status").read_text():
                return
        except OSError:
            return
        assert time.monotonic() < until
        time.sleep(0.02)


@LINUX
def test_a_child_that_hangs_is_replaced(portal: BlockingPortal, song: Path) -> None:
    with running(children=1) as probe:
        assert inspected(portal, probe, song).frames == 90
        (pid,) = children(probe)
        probe._seconds = 0.5
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(RequestError, match=r"song\.wav: takes longer than 0.5 seconds") as caught:
            inspected(portal, probe, song)
        assert (caught.value.code, caught.value.field) == ("audio_unreadable", "audio")
        assert not Path(f"/proc/{pid}").exists()
        probe._seconds = 60
        assert inspected(portal, probe, song).frames == 90


@LINUX
def test_a_child_that_dies_takes_one_job_with_it(portal: BlockingPortal, song: Path) -> None:
    with running(children=2) as probe:
        for _ in range(2):
            assert inspected(portal, probe, song).frames == 90
        victim = children(probe)[-1]  # the next one that is used
        os.kill(victim, signal.SIGSTOP)
        threading.Timer(0.3, os.kill, (victim, signal.SIGKILL)).start()
        wish = RenderSettings.parse({})
        inspect = partial(probe.inspect, song, song.name, digest(song), wish, CARD, None, WIDE, "somebody")
        future = portal.start_task_soon(inspect)
        time.sleep(0.1)
        assert inspected(portal, probe, song, owner="another").frames == 90
        with pytest.raises(RequestError, match="cannot be read; export it again"):
            future.result(20)
        assert len(children(probe)) == 2


@LINUX
def test_a_child_that_died_idle_is_not_noticed(portal: BlockingPortal, song: Path) -> None:
    with running(children=1, songs=2) as probe:
        inspected(portal, probe, song)
        (pid,) = children(probe)
        os.kill(pid, signal.SIGKILL)
        wait_until_dead(pid)
        assert inspected(portal, probe, song).frames == 90
        before = children(probe)
        assert inspected(portal, probe, song).frames == 90
        assert children(probe) != before  # it had read its two songs


@LINUX
def test_a_child_has_limits_and_no_secrets(portal: BlockingPortal, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKMA_API_KEYS", "a:user:very-secret-0123456789")
    with running(children=1) as probe:
        inspected(portal, probe, song)
        process = Path("/proc") / str(children(probe)[0])
        assert b"very-secret" not in (process / "environ").read_bytes()
        assert "torch" not in (process / "maps").read_text()
        limits = {line[:26].strip(): line[26:].split() for line in (process / "limits").read_text().splitlines()}
        assert limits["Max address space"][0] == str(4 << 30)
        assert 50 < int(limits["Max cpu time"][0]) < 100


@LINUX
def test_children_end_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import os, signal\nfrom akma_core.sandbox.pool import SandboxPool\n"
        "probe = SandboxPool(children=1)\nprobe.start()\n"
        "print(probe._idle[0]._process.pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, tmp_path / "parent.py"], env=environment, capture_output=True, text=True, timeout=60
    )
    wait_until_dead(int(done.stdout))


def test_a_pool_without_children_says_so(
    portal: BlockingPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = write_song(tmp_path / "song.wav", 1)
    with running(children=1) as probe:
        probe.close()
        monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
        for _ in range(2):
            with pytest.raises(FailureError, match="is not to be had"):
                inspected(portal, probe, song)
        monkeypatch.undo()
        assert inspected(portal, probe, song).frames == 30
