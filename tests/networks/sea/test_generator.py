"""Pictures of the sea: exact, the same however they are computed, continuous, and moving."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from akma_core.networks.kernels.compiled import available
from akma_core.networks.sea import surface, tensors
from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.generator import SeaGenerator

LEVEL = 2 / 255
"""One step of an 8-bit picture in the range -1..1."""
TIME = 123.4


@pytest.fixture(scope="module")
def sea() -> SeaGenerator:
    return SeaGenerator(SeaConfig())


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


def seeds(sea: SeaGenerator, *numbers: int) -> Tensor:
    z = np.stack([np.random.RandomState(seed).randn(sea.z_dim) for seed in numbers])
    return sea.mapping(torch.from_numpy(z))[:, None]


def at(*times: float) -> Tensor:
    return torch.tensor(times, dtype=torch.float64)


def test_a_window_has_the_bits_of_the_whole(sea: SeaGenerator) -> None:
    ws = seeds(sea, 3)
    whole = sea.synthesis(ws, at(TIME), None, 80, 45)
    part = sea.synthesis(ws, at(TIME), None, 80, 45, window=(17, 33, 20, 29))
    assert torch.equal(part, whole[:, :, 17:37, 33:62])


def test_neither_threads_nor_batch_change_a_bit(sea: SeaGenerator) -> None:
    ws, times = seeds(sea, 3, 4), at(TIME, 7)
    torch.set_num_threads(2)
    together = sea.synthesis(ws, times, None, 48, 40)
    torch.set_num_threads(1)
    for k in range(2):
        assert torch.equal(sea.synthesis(ws[k : k + 1], times[k : k + 1], None, 48, 40)[0], together[k])


@pytest.mark.skipif(not available(), reason="without Numba both are torch")
def test_torch_gives_the_same_picture(sea: SeaGenerator) -> None:
    plain = SeaGenerator(SeaConfig(), compiled=False)
    ws = seeds(sea, 27)  # a storm, with sun and foam
    difference = (plain.synthesis(ws, at(TIME), None, 40, 32) - sea.synthesis(ws, at(TIME), None, 40, 32)).abs()
    assert difference.max() < LEVEL / 2


def test_w_is_continuous(sea: SeaGenerator) -> None:
    calm, storm = sea.mapping(torch.tensor([[-1.5] + [0.3] * 15, [1.5] + [-0.4] * 15]))
    shares = torch.tensor([0.5, 0.5001, 0.51])[:, None]
    a, b, c = sea.synthesis((calm + (storm - calm) * shares)[:, None], at(TIME, TIME, TIME), None, 64, 64)
    small, large = (a - b).abs().mean(), (a - c).abs().mean()
    assert 0 < small < large / 20
    assert large < 4 * LEVEL


def test_time_is_continuous_and_moves_the_water_only(sea: SeaGenerator) -> None:
    a, b, c = sea.synthesis(seeds(sea, 5).expand(3, -1, -1), at(TIME, TIME + 1e-4, TIME + 1 / 24), None, 64, 64)
    small, frame = (a - b).abs().mean(), (a - c).abs().mean()
    assert 0 < small < frame / 50
    assert LEVEL / 4 < frame < 16 * LEVEL


def test_the_same_view_at_every_size(sea: SeaGenerator) -> None:
    """A larger picture has more pixels of the same view, a wider one more of it to both sides."""
    ws = seeds(sea, 6)
    small = sea.synthesis(ws, at(TIME), None, 32, 32)
    large = sea.synthesis(ws, at(TIME), None, 96, 96)
    assert (torch.nn.functional.avg_pool2d(large, 3) - small).abs().mean() < 6 * LEVEL
    wide = sea.synthesis(ws, at(TIME), None, 64, 32)
    assert torch.equal(wide[..., 16:48], small)


def test_a_camera_moves_the_picture_exactly(sea: SeaGenerator) -> None:
    ws, size = seeds(sea, 6), 64
    shift = torch.eye(3)[None].clone()
    shift[0, 0, 2] = 8 / size
    moved = sea.synthesis(ws, at(TIME), shift, size, size)
    still = sea.synthesis(ws, at(TIME), None, size, size)
    assert torch.equal(moved[..., :-8], still[..., 8:])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from([-1e30, -40.0, -3.0, 0.0, 2.0, 40.0, 1e30]), min_size=16, max_size=16),
       st.sampled_from([-1e6, 0.0, 5.5, 3e5]))  # fmt: skip
def test_any_w_is_a_picture(sea: SeaGenerator, w: list[float], time: float) -> None:
    picture = sea.synthesis(torch.tensor(w)[None, None], at(time), None, 24, 24)
    assert torch.isfinite(picture).all()
    assert picture.abs().max() <= 1


def test_truncation_leads_to_the_mean(sea: SeaGenerator) -> None:
    z = torch.randn(3, 16)
    assert torch.equal(sea.mapping(z, truncation_psi=0), sea.mapping.w_avg.expand(3, -1))
    half = sea.mapping(z, truncation_psi=0.5)
    assert torch.allclose(half - sea.mapping.w_avg, (sea.mapping(z) - sea.mapping.w_avg) / 2)


@torch.inference_mode()
def test_several_threads_in_inference_mode(sea: SeaGenerator) -> None:
    torch.set_num_threads(2)
    assert sea.synthesis(seeds(sea, 1), at(TIME), None, 24, 40).shape == (1, 3, 40, 24)


def test_torch_leaves_nothing_behind_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that has shapes and no numbers, where mixing it with the CPU, or asking for a number, is an error."""
    for name in ("APPROACH", "STEPS", "REFINE"):
        monkeypatch.setattr(surface, name, 1)
    monkeypatch.setattr(tensors, "SAMPLES", 1)
    synthesis = SeaGenerator(SeaConfig(), compiled=False).synthesis.to("meta")
    picture = synthesis(torch.zeros(1, 1, 16, device="meta"), at(0.0), torch.eye(3)[None], 16, 8)
    assert picture.shape == (1, 3, 8, 16)
    assert picture.device.type == "meta"


@pytest.mark.skipif(not available(), reason="without Numba it is torch's")
def test_compiled_the_device_only_receives() -> None:
    moved = SeaGenerator(SeaConfig()).synthesis.to("meta")
    assert moved(torch.zeros(1, 1, 16), at(0.0), None, 16, 8).device.type == "meta"
