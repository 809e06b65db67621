"""TensorFlow pickles: settings and names as the specification says, the source inside untouched, the rest refused."""

import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akma_core.errors import RequestError
from akma_core.networks.reader import parse
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit
from tests.support.stylegan2_files import (
    NETWORK,
    STATIC,
    array,
    container,
    gs,
    network,
    network_state,
    tensorflow,
    variables,
    weights_of,
)


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        parse(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def settings(**static: Any) -> dict[str, Any]:
    given = {key: value for key, value in (STATIC | static).items() if value is not ...}
    return parse(tensorflow(static_kwargs=given)).settings


def test_settings_of_the_tiny_network() -> None:
    found = parse(tensorflow()).settings
    assert (found["z_dim"], found["w_dim"], found["img_resolution"], found["c_dim"]) == (4, 4, 16, 0)
    assert (found["channel_base"], found["channel_max"], found["layer_features"]) == (32768, 2, 4)
    assert (found["conv_clamp"], found["num_fp16_res"], found["resample_filter"]) == (None, 0, [1, 3, 3, 1])


def test_settings_of_stylegan2_ada() -> None:
    found = parse(tensorflow(version=5, static_kwargs=STATIC | {"num_fp16_res": 4, "conv_clamp": 256}, input_shapes=[]))
    assert (found.settings["conv_clamp"], found.settings["num_fp16_res"]) == (256, 4)


def test_harmless_settings() -> None:
    more = {
        **{"truncation_cutoff": None, "style_mixing_prob": 0.9, "dlatent_avg_beta": 0.995, "fused_modconv": True},
        **{"dtype": "float32", "fmap_decay": 1.0, "fmap_min": 1, "normalize_latents": True, "randomize_noise": False},
        **{"resolution_w": 16, "resolution_h": 16, "synthesis_func": "G_synthesis", "mapping_func": "G_mapping"},
        **{"nonlinearity": "lrelu", "mapping_nonlinearity": "lrelu", "label_fmaps": 512, "structure": "auto"},
    }
    assert settings(**more) == settings()
    assert settings(resample_kernel=None)["resample_filter"] == [1, 1]
    assert settings(latent_size=array(np.array(4, "<i8"), "i8")) == settings()


def test_the_last_of_three_networks_or_one_alone() -> None:
    weights = weights_of()
    other = gs({name: value + 1 for name, value in weights.items()})
    for data in (dump((other, None, gs())), dump(gs()), dump([other, None, gs()])):
        assert (parse(data).state_dict["mapping.w_avg"] == weights["mapping.w_avg"]).all()


def test_classes_and_architectures() -> None:
    for more in ({"c_dim": 3, "embed_features": 5}, {"architecture": "resnet"}, {"architecture": "orig"}):
        expected = weights_of(**more)
        static = STATIC | {"label_size": more.get("c_dim", 0), "architecture": more.get("architecture", "skip")}
        found = parse(tensorflow(expected, static_kwargs=static))
        assert found.state_dict.keys() == expected.keys()
        for name, value in found.state_dict.items():
            np.testing.assert_allclose(value, expected[name], atol=3e-7, err_msg=name)


def test_no_noise_inputs() -> None:
    expected = weights_of(use_noise=False)
    assert parse(tensorflow(expected, static_kwargs=STATIC | {"use_noise": False})).state_dict.keys() == expected.keys()


def test_conditional_networks_of_2019() -> None:
    """LabelConcat: no bias, and z is normalised together with the class."""
    expected = weights_of(c_dim=3, embedding="concat")
    concat = expected.pop("mapping.embed.weight")
    own = {"mapping": {"LabelConcat/weight": array(np.ascontiguousarray(concat.T))}}
    found = parse(tensorflow(expected, own, static_kwargs=STATIC | {"label_size": 3}))
    assert (found.settings["embedding"], found.settings["c_dim"]) == ("concat", 3)
    np.testing.assert_array_equal(found.state_dict["mapping.embed.weight"], concat)


def grown(lod: object, **more: object) -> bytes:
    """A network of configurations B to D: like orig, and a ToRGB of each level beside the layers."""
    weights = weights_of(architecture="orig")
    own = variables(weights)["synthesis"]
    changes: dict[str, object] = {"lod": lod}
    for rest in ("weight", "bias", "mod_weight", "mod_bias"):
        changes[f"ToRGB_lod0/{rest}"] = own[f"16x16/ToRGB/{rest}"]
        changes[f"ToRGB_lod1/{rest}"] = own[f"16x16/ToRGB/{rest}"]
        changes[f"16x16/ToRGB/{rest}"] = ...
    static = STATIC | {"synthesis_func": "G_synthesis_stylegan_revised"}
    return tensorflow(weights, {"synthesis": changes, "": {"lod": ...}}, static_kwargs=static, **more)


def test_progressively_grown_networks() -> None:
    expected = weights_of(architecture="orig")
    found = parse(grown(array(np.zeros((), np.float32))))
    assert found.settings["architecture"] == "orig"
    for name, value in found.state_dict.items():
        np.testing.assert_allclose(value, expected[name], atol=3e-7, err_msg=name)
    refuses(grown(array(np.ones((), np.float32) * 0.5)), "progressive growing")
    refuses(grown(...), "progressive growing")


IMPOSSIBLE: list[tuple[str, object]] = [
    *[("resolution", value) for value in (2**20, 3, 0, -4, True, 64.0, 32, "16", None)],
    *[("fmap_base", 10**9), ("fmap_base", "16384"), ("fmap_base", True), ("fmap_max", 0), ("mapping_layers", 10**6)],
    *[("label_size", 3), ("label_size", -1), ("architecture", "alias"), ("nonlinearity", "relu"), ("unknown", 1)],
    *[("mapping_nonlinearity", "elu"), ("conv_clamp", 0), ("conv_clamp", float("nan")), ("mapping_lrmul", 0)],
    *[("mapping_lrmul", float("inf")), ("resample_kernel", [0, 0]), ("resample_kernel", [1] * 10**4)],
    *[("resample_kernel", [[1, 3], [3, 1]]), ("fmap_decay", 2), ("fmap_min", 16), ("normalize_latents", False)],
    *[("resolution_w", 32), ("dtype", "float16"), ("synthesis_func", "G_synthesis_stylegan"), ("use_noise", "yes")],
    *[("synthesis_func", Name("builtins", "bool")), ("num_channels", 0), ("latent_size", [4])],
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_refuses_impossible_settings(name: str, value: object) -> None:
    refuses(tensorflow(static_kwargs=STATIC | {name: value}))


def test_refuses_classes_that_are_not_those_of_the_weights() -> None:
    data = tensorflow(weights_of(c_dim=3), static_kwargs=STATIC | {"label_size": 2})
    refuses(data, "embed.weight has shape")


SOURCES = {
    "a program": "open('sentinel', 'w').close()\nimport os; os.environ['AKMA_SENTINEL'] = '1'",
    "bytes": b"import os",
    "a number": 7,
    "a list": ["import os"],
    "dotted": "os.system",
    "100 MB": Raw(b"X" + struct.pack("<I", 100 << 20) + b"#" * (100 << 20)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_source_inside_is_never_run_nor_kept(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = tensorflow(build_module_src=SOURCES[name], build_func_name=SOURCES[name] if name != "100 MB" else "G")
    tracemalloc.start()
    try:
        found = parse(data)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert found.state_dict.keys() == weights_of().keys()
    assert not list(tmp_path.iterdir())
    assert "AKMA_SENTINEL" not in os.environ


STATE = network_state({})
FORMS = {
    "called": dump(Call(NETWORK, ())),
    "called with a state": dump(Call(NETWORK, (STATE,))),
    "made with arguments": dump(Call(NETWORK, ("Gs",), state=STATE, opcode=pickle.NEWOBJ)),
    "slot state": dump(Call(NETWORK, (), state=(None, STATE), opcode=pickle.NEWOBJ)),
    "state is a list": dump(Call(NETWORK, (), state=[STATE], opcode=pickle.NEWOBJ)),
    "built twice": dump(Raw(emit(network(STATE)) + emit(STATE) + b"b")),
    "never built": dump(Call(NETWORK, (), opcode=pickle.NEWOBJ)),
    "a key": dump({"a": Raw(b"}" + emit(network(STATE)) + b"Ns")}),
    "a persistent object in it": tensorflow(extra=pickles.module("Generator", {})),
    "a storage in it": tensorflow(extra=pickles.storage(bytes(4))),
    "in a PyTorch container": container(states={"": {"network": network(STATE)}}),
    "another class of tflib": dump(Name("dnnlib.tflib.ops.fused", "upfirdn")),
    "TensorFlow's own": dump((network(STATE), Name("tensorflow.python.framework.ops", "Graph"))),
}


@pytest.mark.parametrize("name", FORMS)
def test_refuses_networks_in_other_forms(name: str) -> None:
    refuses(FORMS[name])


def parts(**components: object) -> bytes:
    own = variables(weights_of())
    known = {part: network(network_state(own[part])) for part in ("synthesis", "mapping")}
    found = {name: value for name, value in (known | components).items() if value is not ...}
    return dump(network(network_state(own[""], found)))


def test_refuses_components_that_are_not_those_two() -> None:
    parse(parts())
    twice = Raw(b"}(" + emit("synthesis") + emit(network(STATE)) + b"q\0" + emit("mapping") + b"h\0u")
    itself = Raw(
        emit(NETWORK) + b")\x81q\0" + emit(network_state({}, {"synthesis": Raw(b"h\0"), "mapping": None})) + b"b"
    )
    deep = network(STATE)
    for data in (
        parts(mapping=...),
        parts(more=network(STATE)),
        parts(mapping={}),
        parts(mapping=None),
        parts(mapping=network(network_state({}, {"deeper": deep}))),
        dump(network(network_state({}, twice))),
        dump(itself),
        dump(network(network_state({}, []))),
    ):
        refuses(data)


def test_deep_networks_are_harmless() -> None:
    """Each is a component of the next."""
    wrap = emit("components") + b"}" + emit("mapping")
    head = emit(NETWORK) + b"q\0"
    code = b"N" + b"".join(b"q\1" + b"h\0)\x81}" + wrap + b"h\1ssb" for _ in range(10_000))
    refuses(b"\x80\x04" + head + code + b".")


GOOD = array(np.ones(4, np.float32))
BIG = pickles.dtype("f4", (3, ">", None, None, None, -1, -1, 0))
VARIABLES = {
    "not a list": {"a": GOOD},
    "missing": ...,
    "not pairs": [GOOD],
    "triples": [("dlatent_avg", GOOD, GOOD)],
    "name twice": [("dlatent_avg", GOOD), ("dlatent_avg", GOOD)],
    "name is bytes": [(b"dlatent_avg", GOOD)],
    "name of 1 MB": [("a" * 10**6, GOOD)],
    "name with ..": [("../../x", GOOD)],
    "too many": [(f"a{k}", GOOD) for k in range(3000)],
    "no array": [("dlatent_avg", [1.0] * 4)],
    "a float": [("dlatent_avg", 1.0)],
    "big-endian": [("dlatent_avg", pickles.ndarray(BIG, (4,), bytes(16)))],
    "objects": [("dlatent_avg", pickles.ndarray("O8", (1,), [Name("os", "system")]))],
    "text": [("dlatent_avg", pickles.ndarray("U4", (4,), bytes(64)))],
    "float16": [("dlatent_avg", array(np.ones(4, "<f2"), "f2"))],
    "float64": [("dlatent_avg", array(np.ones(4, "<f8"), "f8"))],
    "integers": [("dlatent_avg", array(np.ones(4, "<i4"), "i4"))],
    "subclass": [("dlatent_avg", pickles.ndarray("f4", (4,), bytes(16), kind=Name("numpy", "memmap")))],
    "bytes too few": [("dlatent_avg", array(np.ones(4, "<f4"), raw=bytes(15)))],
    "a scalar": [("dlatent_avg", array(np.ones((), np.float32)))],
    "Fortran order": [("dlatent_avg", Call(pickles.RECONSTRUCT, (pickles.NDARRAY, (0,), b"b"),
                                           state=(1, (4,), pickles.dtype("f4"), True, bytes(16))))],
    "never set": [("dlatent_avg", Call(pickles.RECONSTRUCT, (pickles.NDARRAY, (0,), b"b")))],
    "set twice": [("dlatent_avg", Raw(emit(GOOD) + emit((1, (4,), pickles.dtype("f4"), False, bytes(16))) + b"b"))],
    "NaN": [("dlatent_avg", array(np.full(4, np.nan, np.float32)))],
}  # fmt: skip


@pytest.mark.parametrize("name", VARIABLES)
def test_refuses_variables_that_are_no_float_arrays(name: str) -> None:
    own = variables(weights_of())
    components = {part: network(network_state(own[part])) for part in ("synthesis", "mapping")}
    refuses(dump(network(network_state({}, components, variables=VARIABLES[name]))))


@pytest.mark.parametrize("version", [..., True, "4", 10**9, None, 4.0, -1, 0])
def test_refuses_unknown_versions(version: object) -> None:
    refuses(tensorflow(version=version), "unknown version")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_stylegan1_is_named(version: int) -> None:
    refuses(tensorflow(version=version), "this is a StyleGAN1 network")


def test_configuration_a_is_named() -> None:
    noise = {"synthesis": {"4x4/Const/Noise/weight": array(np.ones(2, np.float32))}}
    refuses(tensorflow(own=noise), "this is a StyleGAN1 network")


ROOTS = {
    "two networks": dump((network(STATE), gs())),
    "Gs is None": dump((network(STATE), network(STATE), None)),
    "a discriminator": dump((gs(), gs(), network(network_state({"4x4/Dense0/weight": GOOD})))),
    "a mapping network": dump(network(network_state({"Dense0/weight": GOOD}))),
    "a dict": dump({"Gs": gs()}),
}


@pytest.mark.parametrize("name", ROOTS)
def test_refuses_files_without_a_whole_gs(name: str) -> None:
    refuses(ROOTS[name], "Gs")


def test_refuses_weights_that_do_not_fit() -> None:
    four = np.ones((4, 4, 1, 1), np.float32)
    wrong: list[dict[str, object]] = [
        {"noise1": array(np.ones((1, 1, 1, 1), np.float32))},
        {"noise40": array(np.ones((1, 1, 4, 4), np.float32))},
        {"8x8/Conv1/weight": array(four)},
        {"8x8/Conv1/weight": ...},
        {"8x8/Conv1/noise_strength": array(np.ones(2, np.float32))},
        {"more": GOOD},
        {"8x8/Conv/weight": array(four)},
    ]
    for changes in wrong:
        refuses(tensorflow(own={"synthesis": changes}))
