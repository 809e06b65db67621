"""Settings of a StyleGAN3 generator as its file keeps them: plain values within their ranges, or one clear sentence."""

import json
import struct

import pytest

from akma_core.errors import RequestError
from akma_core.networks.pkl.allowlist import load_container
from akma_core.networks.pkl.container import generator_of
from akma_core.networks.reader import parse
from akma_core.networks.stylegan3.pytorch import check_kwargs
from tests.support import pickles
from tests.support.pickles import KWARGS, Call, Raw, container, emit, generator


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        parse(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def test_arguments_are_plain_and_separate() -> None:
    kwargs = KWARGS | {
        "mapping_kwargs": Call(pickles.EASYDICT, items={"num_layers": 8}, opcode=b"\x81"),
        "magnitude_ema_beta": pickles.scalar("f8", struct.pack("<d", 0.999)),
        "num_layers": pickles.scalar("i8", struct.pack("<q", 14)),
        "conv_clamp": None,
        "use_radial_filters": True,
    }
    found = check_kwargs(generator_of(load_container(memoryview(container(generator(kwargs=kwargs))))).init_kwargs)
    assert found["mapping_kwargs"] == {"num_layers": 8}
    assert json.loads(json.dumps(found)) == found
    assert {type(value) for value in found.values()} == {int, float, bool, dict, type(None)}


def kwargs_with(**changes: object) -> bytes:
    return container(generator(kwargs=KWARGS | changes))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("img_resolution", 2**20), ("img_resolution", 48), ("img_resolution", 8), ("img_resolution", 64.0)],
        *[("channel_max", 10**9), ("channel_max", 1e9), ("channel_max", 0), ("channel_base", 2**200)],
        *[("num_layers", 10**6), ("num_layers", 2), ("num_critical", 14), ("num_critical", -1)],
        *[("z_dim", True), ("z_dim", "4"), ("w_dim", 8193), ("c_dim", -1), ("c_dim", None), ("w_dim", [4])],
        *[("img_channels", 0), ("conv_kernel", 10**6), ("filter_size", 10**6), ("lrelu_upsampling", 1000)],
        *[("margin_size", 10**9), ("output_scale", float("nan")), ("conv_clamp", float("inf"))],
        *[("first_cutoff", 0), ("first_stopband", -1.0), ("last_stopband_rel", 1e30), ("num_fp16_res", 99)],
        *[("use_radial_filters", 1), ("magnitude_ema_beta", 2), ("unknown", 1), ("../../x", 1)],
        *[("mapping_kwargs", None), ("mapping_kwargs", {"num_layers": 10**6}), ("mapping_kwargs", {"a": 1})],
        *[("mapping_kwargs", {"lr_multiplier": 0}), ("mapping_kwargs", Raw(b"}q\0" + emit("a") + b"h\0s"))],
    ],
)
def test_refuses_impossible_settings(name: str, value: object) -> None:
    refuses(kwargs_with(**{name: value}), "setting|img_resolution|num_critical|mapping_kwargs")


def test_refuses_missing_settings() -> None:
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution"):
        refuses(container(generator(kwargs={k: v for k, v in KWARGS.items() if k != name})), f"lack {name}")
    refuses(container(generator(kwargs=[])), "missing")
    refuses(container(generator(state={"_init_args": (512,)})), "unnamed")


def test_refuses_weights_that_the_settings_do_not_imply() -> None:
    refuses(container(), "lacks tensors")
