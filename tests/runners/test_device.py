"""Turns on a device, and which networks stay loaded on it."""

import random
import threading
import time
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.audio.reader import digest, open_audio
from akma_core.errors import RequestError
from akma_core.render.plan import RenderPlan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import Noise, RenderSettings
from runners.device import LOADED, Device, slug
from runners.model_store import resolve
from runners.priority_lock import LAST, Order, PriorityLock

SECONDS = 20.0  # after which something hangs


class Crowd:
    """Threads that want the device; `order` is who had the device, one after the other."""

    def __init__(self) -> None:
        self.lock = PriorityLock()
        self.order: list[str] = []
        self.threads: list[threading.Thread] = []

    def come(
        self, name: str, *, urgent: bool = False, work: Callable[[], None] = lambda: None, order: Order = LAST
    ) -> None:
        """Returns when it waits."""

        def have() -> None:
            with self.lock.acquire(order, urgent=urgent):
                self.order.append(name)
                work()

        before = self.waiting
        self.threads.append(threading.Thread(target=have, daemon=True))
        self.threads[-1].start()
        until(lambda: self.waiting > before)

    @property
    def waiting(self) -> int:
        return len(self.lock._queue) + len(self.lock._urgent)

    def end(self) -> list[str]:
        for thread in self.threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "somebody waits for ever"
        return self.order


def until(true: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < SECONDS
        time.sleep(0.001)


def test_who_comes_first_is_first_and_the_urgent_before() -> None:
    crowd = Crowd()
    with crowd.lock.acquire():
        for name in ("a", "b"):
            crowd.come(name)
        for name in ("u", "v"):
            crowd.come(name, urgent=True)
        crowd.come("c")
    assert crowd.end() == ["u", "v", "a", "b", "c"]


@pytest.mark.parametrize("trial", range(5))
def test_giving_way_lets_in_the_urgent_only_and_comes_back(trial: int) -> None:
    crowd = Crowd()
    with crowd.lock.acquire():
        for name in ("a", "b", "c"):
            crowd.come(name)
        crowd.lock.give_way()
        crowd.order.append("batch 1")
        for name in ("u", "v")[: 1 + trial % 2]:
            crowd.come(name, urgent=True)
        crowd.lock.give_way()
        crowd.order.append("batch 2")
    assert crowd.end() == ["batch 1", *("u", "v")[: 1 + trial % 2], "batch 2", "a", "b", "c"]


def test_giving_way_lets_in_those_before_it_and_nobody_behind() -> None:
    """The first second of a new video does not wait for the end of another's chunk."""
    crowd = Crowd()
    with crowd.lock.acquire((2.0, 1)):
        for name, order in (("later", (3.0, 1)), ("same", (2.0, 1)), ("first", (2.0, 0)), ("before", (1.0, 7))):
            crowd.come(name, order=order)
        crowd.lock.give_way()
        crowd.order.append("batch 1")
        crowd.lock.give_way()
        crowd.order.append("batch 2")
    assert crowd.end() == ["before", "first", "batch 1", "batch 2", "same", "later"]


def test_one_that_fails_frees_the_device() -> None:
    lock = PriorityLock()
    with pytest.raises(ZeroDivisionError), lock.acquire():
        raise ZeroDivisionError
    with lock.acquire():
        pass


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=12), st.integers(0, 2**32))
def test_everybody_gets_the_device_and_nobody_shares_it(callers: list[tuple[bool, int]], seed: int) -> None:
    lock, inside, done = PriorityLock(), [0], []

    def use() -> None:
        inside[0] += 1
        assert inside[0] == 1
        time.sleep(0)
        inside[0] -= 1

    def call(number: int, urgent: bool, batches: int) -> None:
        chance = random.Random(seed + number)
        time.sleep(chance.random() * 0.003)
        with lock.acquire(urgent=urgent):
            for _ in range(batches):
                use()
                if not urgent:
                    lock.give_way()
        done.append(number)

    threads = [threading.Thread(target=call, args=(n, *caller), daemon=True) for n, caller in enumerate(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(done) == list(range(len(callers)))
    assert (lock._queue, lock._urgent, lock._busy) == ([], [], False)


class Network:
    """Loaded in no time."""


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Device:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))
    return Device("cpu")


@pytest.fixture
def plan(device: Device, song: Path, network: Path) -> RenderPlan:
    wish = RenderSettings.parse({"fps": 8, "window_length": 5, "model": str(network)})
    return device.plan(wish, open_audio(song), digest(song))


def with_digest(plan: RenderPlan, letter: str) -> RenderPlan:
    return plan.model_copy(update={"network": plan.network.model_copy(update={"digest": letter * 64})})


def test_a_device_has_a_name_and_a_profile(device: Device) -> None:
    assert (device.name, device.profile) == ("CPU", "cpu")
    with pytest.raises(RequestError):
        Device("cuda:97")


def test_a_network_is_loaded_once_and_few_are(
    device: Device, plan: RenderPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(plan: RenderPlan) -> Any:
        loaded.append(plan.network.digest[0])
        return Network()

    monkeypatch.setattr(device, "_load", load)
    plans = {letter: with_digest(plan, letter) for letter in "abc"}
    first: object = device.pictures(plans["a"])
    assert device.pictures(plans["a"]) is first
    assert device.pictures(plans["a"].model_copy(update={"fps": Fraction(9)})) is first
    device.pictures(plans["b"])
    assert device.pictures(plans["a"]) is first
    assert len(device._loaded) == LOADED
    gone = weakref.ref(device.pictures(plans["b"]))
    device.pictures(plans["a"])
    device.pictures(plans["c"])
    assert gone() is None
    assert loaded == ["a", "b", "c"]
    assert device.pictures(plans["a"]) is first


def test_what_makes_other_pictures_is_another_network(
    device: Device, plan: RenderPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_load", lambda _: Network())
    part = plan.device
    others = [
        plan.model_copy(update={"width": 32}),
        plan.model_copy(update={"device": part.model_copy(update={"batch": 2})}),
        plan.model_copy(update={"device": part.model_copy(update={"dtype": "float16"})}),
    ]
    for other in others:
        assert device.pictures(plan) is not device.pictures(other)


def test_single_frames_are_those_of_the_video(
    device: Device, plan: RenderPlan, song: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = device._load
    monkeypatch.setattr("runners.device.resolve", lambda _: resolve(str(network)))
    planned = device.complete(plan, open_audio(song))
    runner = load(planned.plan)
    trajectory = Trajectory(planned.plan, planned.columns, runner)
    frames = device.frames(planned.plan, planned.columns, [0, 11])
    assert np.array_equal(frames[0], runner.pictures(trajectory(0, 1))[0].numpy())
    assert np.array_equal(frames[1], runner.pictures(trajectory(10, 12))[1].numpy())


def test_stills_come_between_batches(device: Device, network: Path) -> None:
    wish = RenderSettings.parse({"model": str(network)})
    found: list[int] = []
    with device.acquire():
        thread = threading.Thread(target=lambda: found.extend(p.shape[0] for p in device.stills(wish, [0, 1])))
        thread.start()
        while thread.is_alive():
            device.give_way()
            time.sleep(0.001)
    assert found == [64, 64]


def test_a_class_that_is_not_there_is_the_users(device: Device, network: Path) -> None:
    with pytest.raises(RequestError, match="class 3 does not exist"):
        next(iter(device.stills(RenderSettings.parse({"model": str(network), "class": 3}), [0])))


def test_a_network_that_is_gone_is_told(device: Device, plan: RenderPlan, network: Path) -> None:
    gone = with_digest(plan, "b").model_copy(update={"settings": RenderSettings.parse({"model": str(network)})})
    with pytest.raises(RequestError):
        device.pictures(gone)


def test_a_slug_is_a_name_for_anything() -> None:
    assert slug("NVIDIA H100 80GB HBM3") == "nvidia-h100-80gb-hbm3"
    assert slug("CPU") == "cpu"


def test_stills_have_the_noise_that_is_asked_for(device: Device, network: Path) -> None:
    """Each kind on its own runner; what is drawn follows from the seeds alone."""

    def stills(noise: str, seed: int = 0) -> list[bytes]:
        fields = {"model": str(Path(__file__).parents[1] / "golden/sg2_t64.pkl"), "noise": noise, "seed": seed}
        return [picture.tobytes() for picture in device.stills(RenderSettings.parse(fields), [3, 3, 4])]

    const, none, drawn = (stills(noise) for noise in get_args(Noise))
    assert len({const[0], none[0], drawn[0]}) == 3
    assert drawn[0] == drawn[1] != drawn[2]
    assert stills("random") == drawn
    assert stills("random", 1)[0] != drawn[0]
    without = Path(__file__).parents[1] / "golden/sg2_orig.pkl"  # a StyleGAN2 trained without
    for model, noise in ((network, "none"), (without, "random")):
        with pytest.raises(RequestError, match="has no noise inputs"):
            next(iter(device.stills(RenderSettings.parse({"model": str(model), "noise": noise}), [0])))
