"""StyleGAN2 in PyTorch containers: both dialects of settings, forks, and what must be refused in one line."""

import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest

from akma_core.errors import RequestError
from akma_core.networks.checkpoint import Checkpoint
from akma_core.networks.reader import parse
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit
from tests.support.stylegan2_files import container, flat_kwargs, nested_kwargs, weights_of


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        parse(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message
    assert "do not trust" not in caught.value.message


def read(kwargs: dict[str, Any], states: dict[str, dict[str, object]] | None = None, **settings: Any) -> Checkpoint:
    return parse(container(weights_of(**settings), kwargs, states))


def test_defaults_of_the_dialects() -> None:
    nested, flat = read(nested_kwargs()).settings, read(flat_kwargs()).settings
    assert (nested["conv_clamp"], nested["num_fp16_res"]) == (None, 0)
    assert (flat["conv_clamp"], flat["num_fp16_res"]) == (256, 4)
    assert read(flat_kwargs(conv_clamp=None, num_fp16_res=0)).settings == nested


@pytest.mark.parametrize(
    ("state", "clamp"), [({}, None), ({"fused_modconv_default": "inference_only"}, 256)], ids=["nested", "flat"]
)
def test_the_block_says_the_dialect_where_the_settings_do_not(state: dict[str, object], clamp: int | None) -> None:
    states = {"synthesis.b4": state}
    kwargs = {key: value for key, value in nested_kwargs().items() if key != "synthesis_kwargs"}
    least = read(kwargs | {"img_resolution": 4}, states, img_resolution=4, channel_max=512)
    assert least.settings["conv_clamp"] == clamp
    both = nested_kwargs(channel_max=2) | {"channel_max": 2}
    assert read(both, states).settings["conv_clamp"] == clamp


def test_a_setting_given_twice_must_be_the_same() -> None:
    assert read(nested_kwargs(num_fp16_res=2) | {"num_fp16_res": 2}).settings["num_fp16_res"] == 2
    refuses(container(kwargs=nested_kwargs(num_fp16_res=2) | {"num_fp16_res": 3}), "given twice")
    refuses(container(kwargs=nested_kwargs(use_noise=True) | {"use_noise": 1}), "given twice")


def test_layers_must_clamp_as_the_settings_say() -> None:
    states: dict[str, dict[str, object]] = {"synthesis.b8.conv1": {"conv_clamp": 256}}
    assert read(flat_kwargs(), states).settings["conv_clamp"] == 256
    refuses(container(kwargs=nested_kwargs(), states=states), "another conv_clamp")
    refuses(container(kwargs=flat_kwargs(), states={"synthesis.b8.torgb": {"conv_clamp": None}}), "another conv_clamp")
    refuses(container(kwargs=flat_kwargs(), states={"synthesis.b8.torgb": {"conv_clamp": "256"}}), "another conv_clamp")


def test_harmless_settings_of_forks() -> None:
    kwargs = nested_kwargs(fp16_channels_last=True, activation="lrelu", kernel_size=3) | {
        "epochs": 12.5,
        "mapping_kwargs": {"num_layers": 2, "w_avg_beta": 0.995, "embed_features": 99, "layer_features": None},
    }
    states: dict[str, dict[str, object]] = {"": {"res": 16, "output_shape": [1, 3, 16, 16], "fmap_base": 16384}}
    plain = read(nested_kwargs()).settings
    assert read(kwargs, states).settings == plain
    assert read(nested_kwargs(resample_filter=[2, 6, 6, 2])).settings["resample_filter"] == [2, 6, 6, 2]
    assert read(nested_kwargs(resample_filter=None)).settings["resample_filter"] == [1]


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_architectures(architecture: str) -> None:
    expected = weights_of(architecture=architecture)
    found = read(nested_kwargs(architecture=architecture), architecture=architecture)
    assert found.state_dict.keys() == expected.keys()


def test_wide_networks() -> None:
    """The fork of eps696: const and noise have the proportions of init_res."""
    found = read(nested_kwargs() | {"init_res": [3, 5]}, init_res=(3, 5))
    assert found.settings["init_res"] == [3, 5]
    assert found.state_dict["synthesis.b16.conv1.noise_const"].shape == (12, 20)
    refuses(container(kwargs=nested_kwargs() | {"init_res": [3, 5]}), "imply")
    for wrong in ([4], [0, 4], [4, 10**6], "44", [4, 4, 4]):
        refuses(container(kwargs=nested_kwargs() | {"init_res": wrong}), "init_res")


def test_classes_and_widths() -> None:
    mapping = {"num_layers": 2, "embed_features": 3, "layer_features": 5}
    expected = weights_of(c_dim=2, embed_features=3, layer_features=5)
    found = parse(container(expected, nested_kwargs() | {"c_dim": 2, "mapping_kwargs": mapping}))
    assert found.state_dict.keys() == expected.keys()
    assert found.state_dict["mapping.embed.weight"].shape == (3, 2)


def test_without_w_avg() -> None:
    weights = weights_of()
    del weights["mapping.w_avg"]
    kwargs = nested_kwargs() | {"mapping_kwargs": {"num_layers": 2, "w_avg_beta": None}}
    assert parse(container(weights, kwargs)).settings["has_w_avg"] is False


def test_numpy_scalars_and_easydicts_in_settings() -> None:
    inner = Call(pickles.EASYDICT, items={"channel_max": pickles.scalar("i8", struct.pack("<q", 2))}, opcode=b"\x81")
    kwargs = nested_kwargs() | {"synthesis_kwargs": inner}
    assert read(kwargs).settings == read(nested_kwargs()).settings


IMPOSSIBLE = [
    *[("img_resolution", value) for value in (2**20, 3, 0, -4, True, 64.0, 48, 2, "16", None)],
    *[("z_dim", True), ("w_dim", 10**9), ("c_dim", -1), ("c_dim", None), ("img_channels", 0), ("unknown", 1)],
    *[("mapping_kwargs", []), ("mapping_kwargs", {"a": 1}), ("mapping_kwargs", {"num_layers": 10**6})],
    *[("mapping_kwargs", {"lr_multiplier": value}) for value in (0, float("nan"), "0.01", -1)],
    *[("mapping_kwargs", {"activation": "relu"}), ("synthesis_kwargs", []), ("../../x", 1)],
]
IMPOSSIBLE_SYNTHESIS = [
    *[("channel_base", 10**9), ("channel_base", "32768"), ("channel_max", 0), ("channel_max", 1e9)],
    *[("architecture", "alias"), ("architecture", 3), ("activation", "relu"), ("activation", None)],
    *[("conv_clamp", value) for value in (0, -1, float("nan"), float("inf"), "256")],
    *[("kernel_size", 9), ("kernel_size", True), ("num_fp16_res", -1), ("num_fp16_res", 4.0), ("use_noise", 1)],
    *[
        ("resample_filter", value)
        for value in ([1] * 10**5, [[1, 3], [3, 1]], [0, 0], [1, -1], [float("nan")], [], "1")
    ],
    *[("channels_dict", {}), ("blur", 1)],
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_refuses_impossible_settings(name: str, value: object) -> None:
    refuses(container(kwargs=nested_kwargs() | {name: value}))


@pytest.mark.parametrize("dialect", [nested_kwargs, flat_kwargs])
@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE_SYNTHESIS)
def test_refuses_impossible_settings_of_the_synthesis(dialect: Any, name: str, value: object) -> None:
    refuses(container(kwargs=dialect(**{name: value})))


def test_refuses_missing_settings() -> None:
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution"):
        refuses(container(kwargs={k: v for k, v in nested_kwargs().items() if k != name}), f"lack {name}")


def test_large_settings_take_no_memory() -> None:
    """The shapes are compared before any weight is made."""
    kwargs = nested_kwargs(channel_max=4096, channel_base=2**24) | {"img_resolution": 4096, "w_dim": 8192}
    data = container(kwargs=kwargs)
    tracemalloc.start()
    try:
        refuses(data, "lacks tensors")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def changed(name: str, value: Any) -> bytes:
    weights = weights_of()
    if value is None:
        del weights[name]
        return container(weights)
    return container(weights | {name: np.asarray(value, np.float32)})


WRONG = {
    "noise that would broadcast": ("synthesis.b8.conv0.noise_const", np.ones((1, 1))),
    "a strength of each channel": ("synthesis.b8.conv0.noise_strength", np.ones(2)),
    "no const": ("synthesis.b4.const", None),
    "no middle block": ("synthesis.b8.conv0.weight", None),
    "conv0 in b4": ("synthesis.b4.conv0.weight", np.ones((2, 2, 3, 3))),
    "another block": ("synthesis.b32.conv0.weight", np.ones((2, 2, 3, 3))),
    "kernels of 1": ("synthesis.b8.conv1.weight", np.ones((2, 2, 1, 1))),
    "w_avg of another width": ("mapping.w_avg", np.ones(5)),
    "NaN": ("synthesis.b8.conv1.bias", np.array([1, np.nan])),
    "infinity in noise": ("synthesis.b8.conv1.noise_const", np.full((8, 8), np.inf)),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_weights_that_do_not_fit(name: str) -> None:
    refuses(changed(*WRONG[name]))


def test_refuses_torgb_in_a_middle_block_of_orig() -> None:
    skip = weights_of()
    refuses(container(skip, nested_kwargs(architecture="orig")), "unknown tensors")


def test_refuses_a_const_of_a_million_channels() -> None:
    view = pickles.view(pickles.storage(bytes(64)), 0, (2**20, 4, 4), (0, 0, 0))
    refuses(container(tensors={"synthesis.b4.const": view}), "outside its storage")


def test_filters_are_checked_and_dropped() -> None:
    taps = np.array([1, 3, 3, 1]) / 8
    good = np.outer(taps, taps).astype(np.float32)
    found = parse(container(weights_of() | {"synthesis.b8.conv0.resample_filter": good}))
    assert not any("filter" in name for name in found.state_dict)
    for wrong in (good.T[:3], good * 2, good + 0.01, good.ravel(), good * np.nan):
        refuses(container(weights_of() | {"synthesis.b8.conv0.resample_filter": wrong.copy()}), "not the filter")
    taps = np.ones(8) / 8
    found = parse(container(weights_of() | {"synthesis.b8.resample_filter": taps.astype(np.float32)},
                            nested_kwargs(resample_filter=[1] * 8)))  # fmt: skip
    assert found.settings["resample_filter"] == [1] * 8


OTHERS = {
    "StyleGAN-XL": (
        dump({"G_ema": pickles.plain_module("SuperresGenerator", state={"_init_kwargs": {}})}),
        "StyleGAN-XL",
    ),
    "StyleGAN-XL's stem": (
        container(kwargs=nested_kwargs() | {"mapping_kwargs": {"rand_embedding": False}}),
        "StyleGAN-XL",
    ),
    "pretrained classes": (dump({"G_ema": Name("torch.nn.modules.sparse", "Embedding")}), "StyleGAN-XL"),
    "a discriminator of StyleGAN-XL": (dump({"D": Name("pg_modules.discriminator", "D")}), "StyleGAN-XL"),
    "R3GAN": (dump({"G_ema": Name("R3GAN.Networks", "Generator")}), "R3GAN"),
    "R3GAN by its settings": (container(kwargs={"WidthPerStage": [1]}), "R3GAN"),
    "EG3D": (dump({"G_ema": pickles.plain_module("TriPlaneGenerator", state={"_init_kwargs": {}})}), "EG3D"),
    "Progressive GAN": (dump(Name("tfutil", "Network")), "Progressive GAN"),
    "a whole module": (dump({"G_ema": Name("__main__", "Generator")}), "save the state dict"),
    "cyclic settings": (container(kwargs=Raw(b"}q\0" + emit("mapping_kwargs") + b"h\0s")), None),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_named(name: str) -> None:
    refuses(*OTHERS[name])
