"""Golden networks of all formats: every weight as the published code had it; files are known by their content."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.networks import kinds
from akma_core.networks.reader import parse
from tests.support import stylegan2_files as files
from tests.support.golden import FOLDER, NAMES

PICKLES = ("sg2_t64", "sg2_cond", "sg2_clamp", "sg2_resnet", "sg2_orig", "sg2_tf", *NAMES)
TORCH = ("sg2_ros", "sg2_ros_train")


def golden(name: str) -> dict[str, NDArray[Any]]:
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_bit_for_bit(name: str) -> None:
    found = kinds.read(FOLDER / f"{name}.pkl")
    arrays = golden(name)
    expected = {key[3:]: value for key, value in arrays.items() if key.startswith("sd.") and not key.endswith("filter")}
    assert found.kind == ("stylegan2" if name.startswith("sg2") else "stylegan3")
    assert found.state_dict.keys() == expected.keys()
    for key, array in found.state_dict.items():
        np.testing.assert_array_equal(array, expected[key], strict=True, err_msg=key)
        assert array.flags["C_CONTIGUOUS"], key
        assert array.flags["OWNDATA"], key
    stored = json.loads(str(arrays["init_kwargs"]))
    for key in stored.keys() & found.settings.keys():
        assert found.settings[key] == stored[key], key


@pytest.mark.parametrize("name", TORCH)
def test_torch_files_under_canonical_names(name: str) -> None:
    """Against the weights under rosinality's names, by the table of the specification."""
    found, arrays = kinds.read(FOLDER / f"{name}.pt"), golden(name)
    assert found.kind == "stylegan2"
    their = {key[3:]: value for key, value in arrays.items() if key.startswith("sd.")}
    ours = found.state_dict
    levels = len(found.settings["channels"]) - 1
    pairs = [("input.input", "synthesis.b4.const"), ("conv1", "synthesis.b4.conv1"), ("to_rgb1", "synthesis.b4.torgb")]
    pairs += [(f"style.{j + 1}", f"mapping.fc{j}") for j in range(found.settings["mapping_layers"])]
    for k in range(levels):
        block = f"synthesis.b{8 << k}"
        pairs += [(f"convs.{2 * k}", f"{block}.conv0"), (f"convs.{2 * k + 1}", f"{block}.conv1")]
        pairs += [(f"to_rgbs.{k}", f"{block}.torgb")]
    seen = 1  # w_avg, below
    for theirs, canonical in pairs:
        for rest, own, is_divided in (
            ("", "", False),
            (".weight", ".weight", False),
            (".bias", ".bias", False),
            (".activate.bias", ".bias", False),
            (".conv.weight", ".weight", ".conv" in canonical),
            (".conv.modulation.weight", ".affine.weight", False),
            (".conv.modulation.bias", ".affine.bias", False),
            (".noise.weight", ".noise_strength", False),
        ):
            if theirs + rest in their:
                stored, array = their[theirs + rest], ours[canonical + own]
                scale = np.sqrt(np.prod(array.shape[1:])) if is_divided else 1
                np.testing.assert_allclose(array * scale, stored.reshape(array.shape), rtol=3e-7, err_msg=theirs)
                seen += 1
    for k in range(2 * levels + 1):
        block = f"synthesis.b{4 << (k + 1) // 2}.conv{1 - k % 2}"
        np.testing.assert_array_equal(ours[f"{block}.noise_const"], their[f"noises.noise_{k}"][0, 0])
        seen += 1
    assert seen == len(ours)
    average = arrays["latent_avg"] if "latent_avg" in arrays else arrays["w_avg_4096"]
    np.testing.assert_allclose(ours["mapping.w_avg"], average, atol=5e-7)


FORMATS = {
    "PyTorch, nested": files.container(),
    "PyTorch, flat": files.container(kwargs=files.flat_kwargs()),
    "TensorFlow": files.tensorflow(),
    "torch zip": files.saved(files.checkpoint()),
    "torch stream": files.saved(files.checkpoint(), new=False),
    "torch zip, protocol 4": files.saved(files.checkpoint(), protocol=4),
    "torch stream, protocol 5": files.saved(files.checkpoint(), new=False, protocol=5),
}


@pytest.mark.parametrize("name", FORMATS)
def test_one_network_in_every_format(name: str) -> None:
    expected = files.weights_of()
    found = parse(FORMATS[name])
    assert found.kind == "stylegan2"
    assert found.state_dict.keys() == expected.keys()
    for key, array in found.state_dict.items():
        np.testing.assert_allclose(array, expected[key], rtol=3e-7, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_name_does_not_matter(name: str, tmp_path: Path) -> None:
    for file in ("net.pkl", "net.pt", "net.safetensors", "net"):
        (tmp_path / file).write_bytes(FORMATS[name])
        assert kinds.detect(tmp_path / file) == "stylegan2"


@pytest.mark.parametrize("name", FORMATS)
def test_truncation_anywhere(name: str) -> None:
    data = FORMATS[name]
    for part in range(64):
        with pytest.raises(RequestError, match="empty" if part == 0 else "cut short|broken"):
            parse(data[: len(data) * part // 64])
    for longer in (data + b"\0", data + data):
        with pytest.raises(RequestError, match=r"something follows|cut short|overlap|not where"):
            parse(longer)


@settings(max_examples=200, deadline=2000)
@given(
    st.sampled_from(sorted(FORMATS)),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 4),
    st.sampled_from([b"R", b"(", b"N\x94", b"h\x00", b"\xff\xff\xff\xff"]) | st.binary(max_size=4),
)
def test_mutations_load_or_are_refused(name: str, place: float, cut: int, insert: bytes) -> None:
    data = FORMATS[name]
    at = int(place * len(data))
    with contextlib.suppress(RequestError):
        found = parse(data[:at] + insert + data[at + cut :])
        assert all(np.isfinite(array).all() for array in found.state_dict.values())
