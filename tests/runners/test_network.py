from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.modulation.inputs import Inputs, noise_seeds
from akma_core.modulation.layers import row_slice
from akma_core.modulation.walk import latent
from akma_core.networks import kinds
from akma_core.networks.builtin import find
from akma_core.networks.card import read_card
from akma_core.networks.picture import to_uint8
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.config import GeneratorConfig, ws_rates
from akma_core.render.plan import NetworkPart
from akma_core.render.plan_base import DevicePart
from akma_core.settings import Noise
from runners.colour import graded
from runners.network import NetworkRunner, choose_device, device_part

CPU = torch.device("cpu")


def part(folder: Path, class_index: int = 0, psi: float = 1) -> NetworkPart:
    card = read_card(folder)
    return NetworkPart(
        name=card.name, digest=card.digest, width=card.width, height=card.height,
        class_index=class_index, truncation_psi=psi,
    )  # fmt: skip


def some_w(runner: NetworkRunner, folder: Path, count: int) -> NDArray[np.float32]:
    return runner.mapping(part(folder), range(count)).astype(np.float32)


@pytest.mark.parametrize("psi", [1, 0.6, -1])
def test_mapping_is_the_networks_truncated_once(network: Path, psi: float) -> None:
    mapping = file.load(network).mapping
    with torch.inference_mode():
        w = mapping(torch.from_numpy(np.stack([latent(5, 32)])))[:, 0].double().numpy()
    average = mapping.w_avg.double().numpy()
    got = NetworkRunner(network, CPU, 1).mapping(part(network, psi=psi), [5])
    assert got.dtype == np.float64
    assert np.abs(got - (average + psi * (w - average))).max() < 1e-5


def test_a_seeds_w_does_not_depend_on_its_company(network: Path) -> None:
    runner = NetworkRunner(network, CPU, 1)
    together = runner.mapping(part(network), [3, 1, 4, 1, 5])
    assert together.shape == (5, 32)
    assert np.array_equal(together[1], together[3])
    assert np.array_equal(together[2:3], runner.mapping(part(network), [4]))


def test_classes_differ(conditional_network: Path) -> None:
    runner = NetworkRunner(conditional_network, CPU, 1)
    w = [runner.mapping(part(conditional_network, k), [7])[0] for k in range(3)]
    assert np.abs(w[0] - w[1]).max() > 0.01
    assert np.abs(w[1] - w[2]).max() > 0.01
    generator = file.load(conditional_network)
    with torch.inference_mode():
        expected = generator.mapping(torch.from_numpy(latent(7, 32))[None], torch.tensor([[0.0, 1, 0]]))[0, 0]
    assert np.array_equal(w[1].astype(np.float32), expected.numpy())


def test_pictures_are_the_generators(network: Path) -> None:
    runner = NetworkRunner(network, CPU, 1)
    w = some_w(runner, network, runner.step)
    got = runner.pictures(w)
    assert got.dtype == torch.uint8
    assert got.shape == (len(w), 64, 64, 3)
    generator = file.load(network)
    with torch.inference_mode():
        one = to_uint8(generator.synthesis(torch.from_numpy(w[:1])[:, None].repeat(1, generator.cfg.num_ws, 1)))
    assert (got[0].int() - one[0].int()).abs().max() <= 1
    assert got.float().std() > 10


@pytest.mark.parametrize("batch", [1, 4])
def test_a_picture_does_not_depend_on_its_company(network: Path, batch: int) -> None:
    runner = NetworkRunner(network, CPU, batch)
    runner.step = 8
    w = some_w(runner, network, 7)
    together = runner.pictures(w)
    assert together.shape[0] == 7
    assert torch.equal(together, runner.pictures(w))
    short = torch.cat([runner.pictures(w[k : k + batch]) for k in range(0, 7, batch)])
    assert torch.equal(together, short)
    if batch == 1:
        assert torch.equal(together.flip(0), torch.cat([runner.pictures(w[k : k + 1]) for k in reversed(range(7))]))


def test_a_short_batch_is_filled_up(network: Path) -> None:
    """Another size is rounded otherwise, on a GPU at the latest."""
    runner = NetworkRunner(network, CPU, 4)
    sizes: list[int] = []
    runner._synthesis.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    assert len(runner.pictures(some_w(runner, network, 3))) == 3
    assert sizes == [4]


def test_the_number_of_threads_changes_nothing(network: Path) -> None:
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            runner = NetworkRunner(network, CPU, 1)
            assert runner.step == count
            w = some_w(runner, network, 6)
            found.append(torch.cat([runner.pictures(w[k : k + count]) for k in range(0, 6, count)]))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_choose_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    for wish in ("cuda", "cuda:0"):
        with pytest.raises(RequestError, match="0 CUDA devices"):
            choose_device(wish)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cuda:1").index == 1
    with pytest.raises(RequestError, match="2 CUDA devices") as caught:
        choose_device("cuda:2")
    assert caught.value.field == "device"


def test_a_cpu_computes_picture_by_picture(network: Path) -> None:
    assert device_part(CPU, read_card(network)) == DevicePart(kind="cpu", dtype="float32", batch=1)


def test_a_folder_that_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="not a network card"):
        NetworkRunner(tmp_path, CPU, 1)


def test_layers_camera_and_colour_reach_the_pictures(network: Path) -> None:
    runner = NetworkRunner(network, CPU, 1)
    w = some_w(runner, network, 4)
    ws = np.repeat(w[:2, None], len(runner.rates), axis=1)
    ws[:, 3:] = w[2:, None]
    transform = np.repeat(np.eye(3, dtype=np.float32)[None], 2, axis=0)
    transform[1, 0, 2] = 0.25
    colour = np.array([[1, 1, 1], [0.5, 1, 0]], np.float32)
    got = runner.pictures(Inputs(ws, transform, colour))
    expected = runner._synthesis(torch.from_numpy(ws), transform=torch.from_numpy(transform))
    assert torch.equal(got, to_uint8(graded(expected, torch.from_numpy(colour))))
    assert not torch.equal(got[1], runner.pictures(Inputs(ws, transform))[1])
    assert not torch.equal(runner.pictures(Inputs(ws, transform))[1], runner.pictures(Inputs(ws))[1])
    assert not torch.equal(runner.pictures(Inputs(ws)), runner.pictures(w[:2]))
    same = np.repeat(w[:2, None], len(runner.rates), axis=1)
    assert torch.equal(runner.pictures(Inputs(same)), runner.pictures(w[:2]))


def test_rates_tell_coarse_from_fine() -> None:
    rates = ws_rates(GeneratorConfig.from_init_kwargs(find("ink")[1].config).layers)
    assert row_slice("coarse", rates) == list(range(6))  # the rows that the presets were measured with
    assert row_slice("middle", rates) == list(range(6, 11))
    assert row_slice("fine", rates) == list(range(11, 16))


def test_noise_is_the_networks_own_or_none_or_drawn_for_each_frame(tmp_path: Path) -> None:
    kinds.convert(Path(__file__).parents[1] / "golden/sg2_t64.pkl", tmp_path, name="net")
    kept, none, drawn = (NetworkRunner(tmp_path, CPU, 1, noise=mode) for mode in get_args(Noise))
    w = np.repeat(some_w(kept, tmp_path, 1), 4, axis=0)[:, None]
    still = kept.pictures(Inputs(w))
    assert (still == still[0]).all()
    smooth = none.pictures(Inputs(w))
    assert (smooth == smooth[0]).all()
    assert (smooth[0] != still[0]).any()
    grain = drawn.pictures(Inputs(w, noise_seeds=noise_seeds(7, range(4))))
    assert all((a != b).any() for k, a in enumerate(grain) for b in [*grain[:k], still[0], smooth[0]])
    assert torch.equal(drawn.pictures(Inputs(w[:1], noise_seeds=noise_seeds(7, [2])))[0], grain[2])
    assert (drawn.pictures(Inputs(w[:1], noise_seeds=noise_seeds(8, [2])))[0] != grain[2]).any()
