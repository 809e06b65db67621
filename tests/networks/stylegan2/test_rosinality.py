"""rosinality's .pt: settings from shapes, the estimated average w, and what must be refused in one line."""

import argparse
import math
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks.checkpoint import Checkpoint
from akma_core.networks.reader import parse
from akma_core.networks.stylegan2 import rosinality
from tests.support.stylegan2_files import checkpoint, saved, state_dict, weights_of


def refuses(value: object, match: str | None = None) -> None:
    for new in (True, False):
        with pytest.raises(RequestError, match=match) as caught:
            parse(saved(value, new=new))
        assert caught.value.code == "bad_network"
        assert "\n" not in caught.value.message
        assert "do not trust" not in caught.value.message


def read(value: object) -> Checkpoint:
    return parse(saved(value))


def with_weights(**changes: Any) -> dict[str, object]:
    """A checkpoint whose g_ema has other tensors; the names' dots are double underscores, None removes."""
    state = state_dict()
    for name, value in changes.items():
        key = name.replace("__", ".")
        if value is None:
            del state[key]
        else:
            state[key] = value
    return checkpoint(state)


def test_settings_follow_from_the_shapes() -> None:
    found = read(checkpoint()).settings
    assert (found["z_dim"], found["w_dim"], found["c_dim"], found["img_resolution"]) == (4, 4, 0, 16)
    assert (found["architecture"], found["conv_clamp"], found["num_fp16_res"]) == ("skip", None, 0)
    assert (found["mapping_layers"], found["lr_multiplier"], found["channels"]) == (2, 0.01, [2, 2, 2])


def test_channels_that_the_formula_gives_are_left_to_it() -> None:
    """512 at 4 pixels, as in every published network."""
    weights = weights_of(channel_max=512, img_resolution=4)
    found = read(checkpoint(weights=weights)).settings
    assert (found["channels"], found["channel_base"], found["channel_max"]) == (None, 32768, 512)


def test_forms_of_latent_avg() -> None:
    average = torch.arange(4.0)
    for form in (average, average[None], torch.nn.Parameter(average)):
        assert read(checkpoint(latent_avg=form)).state_dict["mapping.w_avg"].tolist() == [0, 1, 2, 3]
    refuses(checkpoint(latent_avg=torch.ones(5)), "w_avg has shape")
    refuses(checkpoint(latent_avg=1.0), "other things than tensors")


@pytest.mark.parametrize("average", [..., None])
def test_the_average_of_a_training_checkpoint_is_estimated(average: object) -> None:
    """Against the mapping network written out in torch."""
    weights = weights_of()
    found = read(checkpoint(latent_avg=average)).state_dict["mapping.w_avg"]
    x = torch.from_numpy(np.random.RandomState(0).randn(4096, 4).astype(np.float32))
    x = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
    for j in range(2):
        weight, bias = (torch.from_numpy(weights[f"mapping.fc{j}.{part}"]) for part in ("weight", "bias"))
        x = torch.nn.functional.leaky_relu(x @ (weight * 0.01 / math.sqrt(4)).T + bias * 0.01, 0.2) * math.sqrt(2)
    np.testing.assert_allclose(found, x.mean(0), atol=1e-7)
    assert (found == read(checkpoint(latent_avg=average)).state_dict["mapping.w_avg"]).all()


def test_an_estimate_that_would_take_minutes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosinality, "MAX_ESTIMATE", 31)
    refuses(checkpoint(latent_avg=...), "too large for its average w")
    read(checkpoint())
    state = state_dict()
    state["style.2.weight"] = torch.full((4, 4), 3e38)
    monkeypatch.setattr(rosinality, "MAX_ESTIMATE", 32)
    state["style.1.weight"] = torch.full((4, 4), 3e38)
    refuses(checkpoint(state, latent_avg=...), "infinite w")


def test_whole_training_checkpoints() -> None:
    moments = {"step": 3, "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(2)}
    group = {"lr": 0.002, "betas": (0.0, 0.99), "amsgrad": False, "maximize": None, "params": [0, 1]}
    optimiser = {"state": {0: moments, 1: moments}, "param_groups": [group]}
    options = argparse.Namespace(arch="stylegan2", size=16, lr=0.002, ckpt=None)
    more = {"g": state_dict(), "d": torch.nn.Linear(2, 2).state_dict(), "g_optim": optimiser, "d_optim": optimiser}
    value = checkpoint(args=options, ada_aug_p=0.1, latent_avg=..., **more)
    for new in (True, False):
        found = parse(saved(value, new=new))
        assert found.state_dict.keys() == weights_of().keys()


def test_files_without_noise_inputs() -> None:
    state = OrderedDict((name, value) for name, value in state_dict().items() if not name.startswith("noises."))
    found = read(checkpoint(state))
    assert found.settings["use_noise"] is False
    assert not any("noise" in name for name in found.state_dict)
    refuses(with_weights(noises__noise_2=None), "lacks tensors")


def test_a_state_dict_alone() -> None:
    assert read(state_dict()).settings == read(checkpoint()).settings


def test_other_number_types() -> None:
    halves = OrderedDict((name, value.half()) for name, value in state_dict().items())
    found = read(checkpoint(halves)).state_dict
    np.testing.assert_allclose(found["mapping.fc0.weight"], weights_of()["mapping.fc0.weight"], rtol=1e-3)
    rounded = OrderedDict((name, value.bfloat16()) for name, value in state_dict().items() if "kernel" not in name)
    found = read(checkpoint(rounded)).state_dict
    np.testing.assert_allclose(found["mapping.fc0.weight"], weights_of()["mapping.fc0.weight"], rtol=1e-2)
    integers = OrderedDict((name, value.long()) for name, value in state_dict().items() if "kernel" not in name)
    refuses(checkpoint(integers), "not a tensor of floats")


BLUR = torch.ones(4, 4) / 4
WRONG = {
    "g_ema is a list of pairs": (checkpoint(list(state_dict().items())), "no g_ema"),
    "g_ema is None": ({"g_ema": None}, "no g_ema"),
    "no g_ema": ({"g": state_dict()}, "no g_ema"),
    "a list": ([state_dict()], "no g_ema"),
    "a tensor": (torch.ones(3), "no g_ema"),
    "keys that are numbers": (checkpoint(dict[object, object](state_dict()) | {3: torch.ones(1)}), "dict of names"),
    "empty": (checkpoint({}), "dict of names"),
    "a value that is none": (checkpoint({**state_dict(), "more": 1.0}), "other things than tensors"),
    "a discriminator": (checkpoint({"final_conv.0.weight": torch.ones(1)}), "no g_ema"),
    "convs.5 without convs.4": (with_weights(convs__5__conv__weight=torch.ones(1, 2, 2, 3, 3)), "without a gap"),
    "an odd number of convs": (with_weights(convs__3__conv__weight=None), "make no StyleGAN2"),
    "more to_rgbs": (with_weights(to_rgbs__2__bias=torch.ones(1, 3, 1, 1)), "unknown tensors"),
    "fewer to_rgbs": (with_weights(to_rgbs__1__bias=None), "lacks tensors"),
    "style without a gap": (with_weights(style__4__weight=torch.ones(4, 4)), "without a gap"),
    "style.0": (with_weights(style__0__weight=torch.ones(4, 4)), "without a gap"),
    "style.01": (with_weights(style__01__weight=torch.ones(4, 4)), "without a gap"),
    "style of one axis": (with_weights(style__1__weight=torch.ones(4)), "misshapen"),
    "a class": (with_weights(embed__weight=torch.ones(4, 4)), "unknown tensors"),
    "another kernel": (with_weights(convs__0__conv__blur__kernel=BLUR), "another filter"),
    "a kernel of NaN": (with_weights(convs__0__conv__blur__kernel=BLUR * math.nan), "another filter"),
    "a kernel where none is": (with_weights(convs__1__conv__blur__kernel=BLUR), "no filter"),
    "a kernel of a block too many": (with_weights(to_rgbs__7__upsample__kernel=BLUR), "no filter"),
    "noise that would broadcast": (with_weights(noises__noise_1=torch.ones(1, 1, 1, 1)), "has shape"),
    "a noise too many": (with_weights(noises__noise_5=torch.ones(1, 1, 32, 32)), "unknown tensors"),
    "noise of number 99999": (with_weights(noises__noise_99999=torch.ones(1, 1, 4, 4)), "unknown tensors"),
    "strengths of each channel": (with_weights(conv1__noise__weight=torch.ones(2)), "has shape"),
    "NaN": (with_weights(conv1__activate__bias=torch.tensor([1, math.nan])), "NaN"),
    "infinity": (with_weights(noises__noise_0=torch.full((1, 1, 4, 4), math.inf)), "NaN"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_what_is_no_generator(name: str) -> None:
    refuses(*WRONG[name])


def test_many_levels_and_many_layers_are_refused_at_once() -> None:
    state = state_dict()
    for k in range(80):
        state[f"convs.{k}.conv.weight"] = torch.ones(1, 1, 1, 3, 3)
    refuses(checkpoint(state), "make no StyleGAN2")
    state = state_dict()
    for k in range(100):
        state[f"style.{k + 1}.weight"] = torch.ones(1)
    refuses(checkpoint(state), "make no StyleGAN2")
    crowd = dict.fromkeys((f"style.{k}.weight" for k in range(10_000)), torch.ones(1))
    refuses(checkpoint(state_dict() | crowd), "dict of names")


def test_views_of_one_storage_do_not_grow() -> None:
    """Hundreds of tensors that share one run of numbers: more than the file has."""
    state = state_dict()
    run = torch.zeros(1, 1, 256, 256)
    for k in range(5):
        state[f"noises.noise_{k}"] = run
    refuses(checkpoint(state), "has shape")
    weights = weights_of(img_resolution=256)
    large = state_dict(weights)
    shared = torch.zeros(1, 1, 256, 256)
    for k in range(13):
        side = 4 << (k + 1) // 2
        large[f"noises.noise_{k}"] = shared[:, :, :side, :side]
    zeros = torch.zeros(256 * 256)
    for name, value in large.items():
        if "kernel" not in name and "noise_" not in name:
            large[name] = zeros[: value.numel()].view(value.shape)
    refuses(checkpoint(large, latent_avg=zeros[:4]), "larger than the file")


OTHERS = {
    "swagan by its options": (checkpoint(args=argparse.Namespace(arch="swagan")), "SWAGAN"),
    "swagan by its weights": (with_weights(to_rgb1__iwt__ll=torch.ones(2, 2)), "SWAGAN"),
    "lucidrains": ({"GAN": {"G.blocks.0.weight": torch.ones(1)}, "version": "1.8.9"}, "lucidrains"),
    "lucidrains, older": ({"S.net.0.weight": torch.ones(1), "G.blocks.0.x": torch.ones(1)}, "lucidrains"),
    "an upscaler": ({"params_ema": {"conv_first.weight": torch.ones(1)}}, "import-upscaler"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_named(name: str) -> None:
    refuses(*OTHERS[name])


def test_whole_modules_are_refused_by_name() -> None:
    for new in (True, False):
        with pytest.raises(
            RequestError, match=r"torch\.nn\.modules\.linear\.Linear as an object|whole modules"
        ) as caught:
            parse(saved(torch.nn.Linear(2, 2), new=new))
        assert "state dict" in caught.value.message
