"""The two networks: upstream's names, the published formulas, and nothing but them accepted."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.networks.realesrgan.architecture import Network, build
from akma_core.networks.realesrgan.rrdb import RRDBNet
from akma_core.networks.realesrgan.srvgg import SRVGGNetCompact
from tests.support.upscaler_samples import small_compact, small_rrdb, small_state

State = dict[str, Tensor]


def conv(state: State, name: str, x: Tensor) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)


def published_compact(state: State, x: Tensor, scale: int) -> Tensor:
    last = max(int(name.split(".")[1]) for name in state)
    y = x
    for k in range(0, last, 2):
        y = F.prelu(conv(state, f"body.{k}", y), state[f"body.{k + 1}.weight"])
    return F.pixel_shuffle(conv(state, f"body.{last}", y), scale) + F.interpolate(x, scale_factor=scale)


def published_rrdb(state: State, x: Tensor, scale: int) -> Tensor:
    def lrelu(y: Tensor) -> Tensor:
        return F.leaky_relu(y, 0.2)

    def dense(prefix: str, y: Tensor) -> Tensor:
        grown = [y]
        for k in range(1, 5):
            grown.append(lrelu(conv(state, f"{prefix}.conv{k}", torch.cat(grown, 1))))
        return conv(state, f"{prefix}.conv5", torch.cat(grown, 1)) * 0.2 + y

    first = conv(state, "conv_first", F.pixel_unshuffle(x, 4 // scale))
    y = first
    for b in range(1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))):
        z = y
        for r in (1, 2, 3):
            z = dense(f"body.{b}.rdb{r}", z)
        y = z * 0.2 + y
    y = first + conv(state, "conv_body", y)
    y = lrelu(conv(state, "conv_up1", F.interpolate(y, scale_factor=2)))
    y = lrelu(conv(state, "conv_up2", F.interpolate(y, scale_factor=2)))
    return conv(state, "conv_last", lrelu(conv(state, "conv_hr", y)))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("network", "published"),
    [
        (small_compact(4), published_compact),
        (small_compact(2), published_compact),
        (small_rrdb(4), published_rrdb),
        (small_rrdb(2), published_rrdb),
    ],
)
def test_network_computes_the_published_formula(
    network: Network, published: Callable[[State, Tensor, int], Tensor], layout: torch.memory_format
) -> None:
    x = torch.rand((2, 3, 12, 10), generator=torch.Generator().manual_seed(1)).to(memory_format=layout)
    before = x.clone()
    with torch.inference_mode():
        y = network(x)
    expected = published(network.state_dict(), x, network.scale)
    assert y.shape == (2, 3, 12 * network.scale, 10 * network.scale)
    assert expected.std() > 0.05
    assert torch.allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(x, before)


def test_official_networks_have_the_official_names_and_sizes() -> None:
    with torch.device("meta"):
        general, x4plus, x2plus = SRVGGNetCompact(num_conv=32), RRDBNet(), RRDBNet(scale=2)
    assert {k: tuple(v.shape) for k, v in general.state_dict().items() if k in ("body.65.weight", "body.66.bias")} == {
        "body.65.weight": (64,),
        "body.66.bias": (48,),
    }
    assert sum(p.numel() for p in general.parameters()) == 1_213_296
    assert sum(p.numel() for p in x4plus.parameters()) == 16_697_987
    assert len(x4plus.state_dict()) == 702
    assert x4plus.state_dict()["body.22.rdb3.conv5.weight"].shape == (64, 192, 3, 3)
    assert x2plus.state_dict()["conv_first.weight"].shape == (64, 12, 3, 3)
    assert general.overlap == 34


@pytest.mark.parametrize("network", [small_compact(3), small_rrdb(4), small_rrdb(2)])
def test_build_finds_the_architecture_from_the_shapes(network: Network) -> None:
    random = torch.random.get_rng_state()
    state = network.state_dict()
    built = build({name: value.half() for name, value in state.items()})
    assert type(built) is type(network)
    assert built.scale == network.scale
    assert not built.training
    for name, value in built.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, state[name].half().float())
    assert not any(p.requires_grad or p.is_meta for p in built.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)


def change(**values: Tensor | None) -> State:
    """A small state dict with tensors replaced, or left out where None."""
    changed = small_state() | {name.replace("_", "."): value for name, value in values.items() if value is not None}
    return {name: value for name, value in changed.items() if values.get(name.replace(".", "_"), value) is not None}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({}, "neither"),
        ({"conv_first.weight": torch.zeros(64)}, "neither"),
        ({"body.0.weight": torch.zeros(10_000, 3, 3, 3)}, "neither"),
        ({"conv_first.weight": torch.zeros(8, 5, 3, 3), "body.0.rdb1.conv1.weight": torch.zeros(4, 8, 3, 3)}, "RRDB"),
        ({"conv_first.weight": torch.zeros(8, 3, 3, 3), "body.700.weight": torch.zeros(1)}, "numbered"),
        (change(body_9_weight=torch.zeros(8)), "scale"),
        (change(body_8_weight=torch.zeros(47, 8, 3, 3)), "scale"),
        (change(body_4_weight=torch.zeros(8, 9, 3, 3)), "shape"),
        (change(body_4_bias=None), "found nothing"),
        (change(body_8_weight=torch.full((48, 8, 3, 3), torch.nan)), "NaN"),
        (change(body_1_weight=torch.full((8,), torch.inf)), "NaN"),
        (change(body_1_weight=torch.zeros(8, dtype=torch.int32)), "floats"),
        (change(body_1_weight=torch.zeros(8, device="meta")), "floats"),
        (change(body_1_bias=torch.zeros(8)), "belongs to no SRVGGNetCompact"),
        (change(other=torch.zeros(8)), "belongs to no SRVGGNetCompact"),
    ],
)
def test_build_refuses_in_one_line(state: State, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as caught:
        build(state)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200


def test_an_enormous_tensor_is_refused_by_its_shape_alone() -> None:
    enormous = torch.zeros(1).expand(48, 8, 3, 3_000_000_000)
    with pytest.raises(RequestError, match="shape"):
        build(change(body_8_weight=enormous))
