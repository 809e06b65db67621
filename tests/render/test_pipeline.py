import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from torch import Tensor

from akma_core.errors import FailureError
from akma_core.media.encoder_pool import encoders_for
from akma_core.media.segment import segment_info
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.inputs import Inputs, as_inputs
from akma_core.modulation.walk import latent
from akma_core.networks.card import read_card
from akma_core.render.pipeline import render_chunks
from akma_core.render.plan import NetworkPart, RenderPlan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from akma_core.timeline import Chunk
from runners.network import NetworkRunner, device_part
from tests.support.media import decode_video
from tests.support.songs import reader

CPU = torch.device("cpu")


class Stripes:
    """A network whose picture is its w: column x is w[x % 4], and whose call number `broken` fails."""

    def __init__(self, width: int = 64, height: int = 64, step: int = 2, broken: int = -1) -> None:
        self.width, self.height = width, height
        self.batch, self.step = 1, step
        self.notes: list[str] = []
        self.broken, self.calls = broken, 0
        self.rates: tuple[float, ...] = (0.0, 64.0)

    def mapping(self, network: NetworkPart, seeds: Sequence[int]) -> NDArray[np.float64]:
        return network.truncation_psi * np.stack([latent(seed, 4) for seed in seeds])

    def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
        w = as_inputs(inputs).ws[:, 0]
        assert 1 <= len(w) <= self.step
        if self.calls == self.broken:
            raise RuntimeError("the network broke")
        self.calls += 1
        columns = torch.from_numpy(w)[:, torch.arange(self.width) % 4] * 40 + 128
        return columns.clamp(0, 255).to(torch.uint8)[:, None, :, None].expand(-1, self.height, -1, 3)


def make(network: Path, seconds: float = 9, **fields: Any) -> RenderPlan:
    card = read_card(network)
    settings = RenderSettings.parse({"fps": 8, "seed": 1, "window_length": 5, "preset": "akma", **fields})
    return make_plan(settings, reader(seconds), "5" * 64, card, device_part(CPU, card))


def curve(plan: RenderPlan) -> NDArray[np.float64]:
    return np.linspace(0, 1, plan.total_frames) ** 2


def columns(plan: RenderPlan) -> dict[str, NDArray[np.float64]]:
    return {"curve": curve(plan)}


def segments(folder: Path) -> dict[str, bytes]:
    """The segments there are; each has its track beside it, and nothing else is there."""
    found = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    whole = {name: data for name, data in found.items() if name.endswith(".mp4")}
    tracks = {name.removesuffix(".flash") for name in found.keys() - whole.keys()}
    assert {name.removesuffix(".mp4") for name in whole} <= tracks
    assert all(f"{name}.flash" in found for name in tracks)
    return whole


def render(
    plan: RenderPlan, folder: Path, chunks: Iterable[Chunk] | None = None, pictures: Any = None,
    on_frames: Callable[[int], None] = lambda _: None,
) -> dict[str, bytes]:  # fmt: skip
    folder.mkdir(exist_ok=True)
    pictures = pictures or Stripes()
    todo = plan.chunks() if chunks is None else chunks
    render_chunks(
        plan, todo, Trajectory(plan, columns(plan), pictures), pictures, lambda c: folder / f"{c.index}.mp4", on_frames
    )
    return segments(folder)


def within(seconds: float, work: Callable[[], object]) -> BaseException | None:
    """What `work` raises; a work that hangs fails the test instead of the run."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised[0] if raised else None


def encoders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "encoder"]


def test_motion_is_akmas_formula_truncated_once(network: Path) -> None:
    plan = make(network, truncation_psi=0.5, seeds_top="1-8", seeds_bottom="20-25")
    runner = NetworkRunner(network, CPU, 1)
    whole = NetworkPart.model_validate({**plan.network.model_dump(), "truncation_psi": 1.0})
    average = runner.mapping(NetworkPart.model_validate({**plan.network.model_dump(), "truncation_psi": 0.0}), [0])

    def walk(seeds: tuple[int, ...]) -> NDArray[np.float64]:
        w = average + 0.5 * (runner.mapping(whole, seeds) - average)
        knots = np.linspace(0, plan.total_frames, len(seeds))
        frames = interp1d(knots, w, kind="cubic", axis=0)(np.arange(plan.total_frames))
        return np.asarray(frames, np.float64)

    top, bottom, c = walk(plan.seeds_top), walk(plan.seeds_bottom), curve(plan)
    expected = [bottom[f] * (1 - c[f]) + top[f] * c[f] for f in range(plan.total_frames)]
    got = Trajectory(plan, columns(plan), runner)(0, plan.total_frames).ws[:, 0]
    assert got.dtype == np.float32
    assert np.abs(average).max() > 0.1
    assert np.abs(got - expected).max() < 1e-5


def test_a_parts_frames_are_the_wholes(network: Path) -> None:
    whole, part = make(network, 30), make(network, 30, start=11, duration=4)
    assert (part.first_frame, part.frames) == (88, 32)
    of_whole, of_part = (Trajectory(plan, columns(whole), Stripes()) for plan in (whole, part))
    assert np.array_equal(of_part(88, 120).ws, of_whole(0, whole.total_frames).ws[88:120])


def test_a_parts_pictures_are_the_wholes(network: Path, tmp_path: Path) -> None:
    shown = partial(make, network, crf=1)
    render(shown(), tmp_path / "whole")
    render(shown(start=2, duration=1), tmp_path / "part")
    whole = np.concatenate([decode_video(tmp_path / "whole" / f"{k}.mp4")[0] for k in range(4)])
    part, _ = decode_video(tmp_path / "part" / "0.mp4")
    assert len(whole) == 72
    assert np.abs(whole[16:24].astype(int) - part).max() <= 4
    assert np.abs(whole[24:32].astype(int) - part).max() > 20  # so that the pictures do move


def test_a_curve_of_another_length_is_refused(network: Path) -> None:
    plan = make(network)
    with pytest.raises(ValueError, match="71 frames for 72"):
        Trajectory(plan, {"curve": curve(plan)[1:]}, Stripes())


def test_a_runner_of_another_batch_is_refused(network: Path, tmp_path: Path) -> None:
    plan = make(network).model_copy(update={"device": DevicePart(kind="cpu", dtype="float32", batch=4)})
    with pytest.raises(ValueError, match="batch 1 cannot match a plan of batch 4"):
        render(plan, tmp_path)
    assert not segments(tmp_path)


def test_any_order_gives_the_same_segments(network: Path, tmp_path: Path) -> None:
    plan = make(network)
    chunks = list(plan.chunks())
    runner = NetworkRunner(network, CPU, 1)
    straight = render(plan, tmp_path / "straight", pictures=runner)
    assert list(straight) == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert len(set(straight.values())) == 4
    assert render(plan, tmp_path / "backwards", chunks[::-1], runner) == straight
    fresh = NetworkRunner(network, CPU, 1)
    for chunk in (chunks[2], chunks[0], chunks[3], chunks[1], chunks[0]):
        render(plan, tmp_path / "singly", [chunk], fresh)
    assert segments(tmp_path / "singly") == straight


@pytest.mark.parametrize("step", [1, 3, 100])
def test_how_many_pictures_are_asked_for_at_once_changes_nothing(network: Path, tmp_path: Path, step: int) -> None:
    plan = make(network)
    assert render(plan, tmp_path / "a", pictures=Stripes(step=step)) == render(plan, tmp_path / "b")


def test_segments_hold_the_chunks_frames(network: Path, tmp_path: Path) -> None:
    plan = make(network)
    heard: list[int] = []
    render(plan, tmp_path, on_frames=heard.append)
    for chunk in plan.chunks():
        info = segment_info(tmp_path / f"{chunk.index}.mp4")
        assert info is not None
        assert info.frames == chunk.frames
    assert sum(heard) == plan.frames
    assert max(heard) == 2


def test_odd_pictures_are_cut(network: Path, tmp_path: Path) -> None:
    plan = make(network, 2)
    render(plan, tmp_path, pictures=Stripes(65, 67))
    assert decode_video(tmp_path / "0.mp4")[0].shape == (8, 96, 64)


def test_no_chunks_are_no_segments(network: Path, tmp_path: Path) -> None:
    assert render(make(network), tmp_path, []) == {}
    assert not encoders()


@pytest.mark.parametrize("stop_at", [1, 8, 9, 30, 72])
def test_a_cancel_keeps_finished_segments_and_no_half(network: Path, tmp_path: Path, stop_at: int) -> None:
    class CancelledError(Exception):
        pass

    done = 0

    def on_frames(frames: int) -> None:
        nonlocal done
        done += frames
        if done >= stop_at:
            raise CancelledError

    plan = make(network)
    whole = render(plan, tmp_path / "whole")
    error = within(60, lambda: render(plan, tmp_path / "cut", on_frames=on_frames))
    assert isinstance(error, CancelledError)
    kept = segments(tmp_path / "cut")
    assert kept.items() <= whole.items()
    assert sum(chunk.frames for chunk in plan.chunks() if f"{chunk.index}.mp4" in kept) < stop_at
    assert not encoders()


@pytest.mark.parametrize("call", [0, 3, 4, 5, 20])
def test_the_networks_error_surfaces(network: Path, tmp_path: Path, call: int) -> None:
    plan = make(network)
    whole = render(plan, tmp_path / "whole")
    error = within(60, lambda: render(plan, tmp_path / "cut", pictures=Stripes(broken=call)))
    assert isinstance(error, RuntimeError)
    assert str(error) == "the network broke"
    kept = segments(tmp_path / "cut")
    assert kept.items() <= whole.items()
    assert sum(chunk.frames for chunk in plan.chunks() if f"{chunk.index}.mp4" in kept) <= 2 * call
    assert not encoders()


def test_the_encoders_error_surfaces_though_more_waits_than_fits(network: Path, tmp_path: Path) -> None:
    plan, pictures = make(network, 60), Stripes(step=1)
    trajectory = Trajectory(plan, columns(plan), pictures)
    error = within(
        60,
        lambda: render_chunks(plan, plan.chunks(), trajectory, pictures, lambda c: tmp_path / "no" / f"{c.index}.mp4"),
    )
    assert isinstance(error, FailureError)
    assert error.code == "write_failed"
    assert pictures.calls <= 10  # it stops, and does not render the song for nobody
    assert not encoders()


def test_pictures_of_another_size_surface(network: Path, tmp_path: Path) -> None:
    plan = make(network)
    error = within(60, lambda: render(plan, tmp_path, pictures=Stripes(16, 16)))
    assert isinstance(error, ValueError)
    assert not segments(tmp_path)


def test_the_network_waits_for_a_slow_encoder(network: Path, tmp_path: Path) -> None:
    pictures, ahead, encoded = Stripes(), [0], 0

    def on_frames(frames: int) -> None:
        nonlocal encoded
        encoded += frames
        threading.Event().wait(0.01)
        ahead.append(pictures.calls - encoded // 2)

    plan = make(network)
    render(plan, tmp_path, pictures=pictures, on_frames=on_frames)
    # Of each encoder four are waiting or being encoded, and one is told of while the next is made.
    assert 1 <= max(ahead) <= 5 * encoders_for(plan.make_encoder(), gpu=False)


class Machine(Stripes):
    """A device of its own: makes batches one ahead, as a GPU does, and says who else had it in between."""

    def planes(self, batches: Iterable[Inputs | NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        waiting = None
        for inputs in batches:
            if waiting is not None:
                yield waiting
            waiting = rgb_to_yuv420(self.pictures(inputs)).numpy()
        if waiting is not None:
            yield waiting


@pytest.mark.parametrize("encoders", [1, 2, 3])
def test_a_slow_encoder_does_not_hold_the_device(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoders: int
) -> None:
    """The device is given back while encoders are full, and the segments stay what they are."""
    monkeypatch.setattr("akma_core.media.encoder_pool.encoders_for", lambda *_, **__: encoders)
    plan, pictures, held, given_back = make(network), Machine(), threading.Lock(), 0
    whole = render(plan, tmp_path / "whole")

    @contextmanager
    def acquire() -> Iterator[None]:
        nonlocal given_back
        with held:
            yield
        given_back += 1

    def on_frames(_: int) -> None:
        threading.Event().wait(0.04)

    folder = tmp_path / "shared"
    folder.mkdir()
    trajectory = Trajectory(plan, columns(plan), pictures)
    waited = render_chunks(
        plan, plan.chunks(), trajectory, pictures, lambda c: folder / f"{c.index}.mp4", on_frames, acquire=acquire
    )
    assert segments(folder) == whole
    assert given_back > 3
    assert 0.1 < waited <= 1


def test_a_slow_device_makes_one_chunk_after_the_other(network: Path, tmp_path: Path) -> None:
    plan, made = make(network), []

    class Slow(Stripes):
        def pictures(self, inputs: Inputs | NDArray[np.float32]) -> Tensor:
            threading.Event().wait(0.02)
            return super().pictures(inputs)

    class Heard(Trajectory):
        def __call__(self, start: int, stop: int) -> Inputs:
            made.append(start)
            return super().__call__(start, stop)

    pictures = Slow()
    waited = render_chunks(
        plan, plan.chunks(), Heard(plan, columns(plan), pictures), pictures, lambda c: tmp_path / f"{c.index}.mp4"
    )
    assert made == sorted(made)
    assert waited < 0.2
