"""Containers: official ones come out bit for bit, all others end in one clear sentence and nothing else."""

import contextlib
import os
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.networks.checkpoint import checked, floats
from akma_core.networks.pkl.allowlist import load_container
from akma_core.networks.pkl.container import PickledGenerator, generator_of
from akma_core.networks.reader import parse
from tests.support import pickles
from tests.support.golden import FOLDER
from tests.support.pickles import KWARGS, Call, Name, Raw, container, dump, emit, generator

SMALLEST = FOLDER / "t64_clamp.pkl"


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        parse(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def read(data: bytes) -> PickledGenerator:
    """The generator before its settings and shapes are looked at: the tiny one has few of StyleGAN3's weights."""
    return generator_of(load_container(memoryview(data)))


def weights(data: bytes) -> dict[str, NDArray[np.float32]]:
    return {name: floats(name, tensor.view()) for name, tensor in read(data).tensors.items()}


def test_reads_the_tiny_generator() -> None:
    assert read(container()).init_kwargs == KWARGS
    assert read(container()).modules.keys() == {"", "mapping", "synthesis", "synthesis.input"}
    found = weights(container())
    assert found.keys() == {"mapping.w_avg", "synthesis.input.freqs"}
    np.testing.assert_array_equal(found["synthesis.input.freqs"], pickles.FREQS, strict=True)
    np.testing.assert_array_equal(found["mapping.w_avg"], pickles.W_AVG, strict=True)


@given(
    hnp.arrays(
        st.sampled_from(["<f2", "<f4", "<f8"]),
        hnp.array_shapes(max_dims=4, max_side=5),
        elements=st.floats(-1000, 1000, width=16),
    ),
    st.randoms(use_true_random=False),
)
def test_any_view_comes_out_as_numpy_sees_it(array: NDArray[Any], random: Any) -> None:
    axes = random.sample(range(array.ndim), array.ndim)
    transposed = array.transpose(axes)[1:] if array.shape[axes[0]] > 1 else array.transpose(axes)
    offset = transposed.ctypes.data - array.ctypes.data
    stride = tuple(step // array.itemsize for step in transposed.strides)
    kind = {"<f2": "Half", "<f4": "Float", "<f8": "Double"}[array.dtype.str]
    store = pickles.storage(array.tobytes(), kind, array.size)
    view = pickles.view(store, offset // array.itemsize, transposed.shape, stride)
    found = weights(container(generator(freqs=view)))["synthesis.input.freqs"]
    np.testing.assert_array_equal(found, transposed.astype(np.float32), strict=True)
    assert found.flags["C_CONTIGUOUS"]
    assert found.flags["OWNDATA"]


def test_bfloat16_becomes_float32() -> None:
    raw = struct.pack("<3H", 0x3F80, 0xC000, 0x3DCD)  # 1, -2 and about 0.1
    view = pickles.view(pickles.storage(raw, "BFloat16", 3), 0, (3,), (1,))
    found = weights(container(generator(freqs=view)))["synthesis.input.freqs"]
    np.testing.assert_array_equal(found, np.array([1, -2, 0.10009765625], "<f4"), strict=True)


def test_full_training_container() -> None:
    """G, D, an augment pipe and EasyDicts by NEWOBJ, which carry no weight into the result."""
    discriminator = pickles.plain_module(
        "Discriminator", parameters={"weight": pickles.parameter(pickles.tensor(np.ones((2, 3), "<f4")))}
    )
    augment = pickles.plain_module(
        "AugmentPipe", buffers={"Hz": pickles.tensor(np.arange(3)), "p": pickles.tensor(np.ones((), "<f4"))}
    )
    training = {"class_name": "training.dataset.ImageFolderDataset", "path": "x.zip", "max_size": 70000}
    data = container(
        generator(),
        G=generator(),
        D=discriminator,
        augment_pipe=augment,
        training_set_kwargs=Call(pickles.EASYDICT, items=training, opcode=b"\x81"),
        more=Call(Name("dnnlib", "EasyDict"), items={"xflip": False}, opcode=b"\x81"),
    )
    assert read(data).tensors.keys() == read(container()).tensors.keys()


def test_hostile_source_is_never_run_nor_kept(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    source = f"open({str(sentinel)!r}, 'w').close()\nimport os; os.environ['AKMA_SENTINEL'] = '1'\n#".ljust(4 << 20)
    data = container(generator(source=source))
    tracemalloc.start()
    try:
        found = read(data)
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
    assert found.tensors.keys() == read(container()).tensors.keys()
    assert not sentinel.exists()
    assert "AKMA_SENTINEL" not in os.environ


GOOD = pickles.tensor(np.ones(4, "<f4"))
WRONG = {
    "no G_ema": (dump({"G": None}), "holds no generator"),
    "G_ema is None": (dump({"G_ema": None}), "holds no generator"),
    "G_ema is a dict": (dump({"G_ema": {}}), "holds no generator"),
    "a list": (dump([generator()]), "holds no generator"),
    "another class": (container(generator(class_name="Discriminator")), "not a generator of StyleGAN2 or StyleGAN3"),
    "an empty generator": (container(pickles.plain_module("Generator")), "not a generator of StyleGAN2 or StyleGAN3"),
    "numpy array": (container(generator(freqs=pickles.ndarray("f4", (1,), bytes(4)))), "small number of tensors"),
    "text": (container(generator(freqs="text")), "small number of tensors"),
    "module of text": (container(generator(parts={"more": "text"})), "small tree"),
    "children in a list": (container(generator(state={"_modules": []})), "impossible name"),
    "one name twice": (container(generator(state={"_buffers": {"mapping": GOOD}})), "one name"),
    "hooks": (container(generator(state={"_forward_hooks": {"a": Name("dnnlib", "EasyDict")}})), "hooks"),
    "hooks of another kind": (container(generator(state={"_new_hooks": {"0": 1}})), "hooks"),
    "hooks in a list": (container(generator(state={"_forward_pre_hooks": [1]})), "hooks"),
    "attributes": (container(generator(state={f"a{i}": i for i in range(300)})), "too many attributes"),
    "tensors": (container(generator(state={"_buffers": {f"a{i}": GOOD for i in range(257)}})), "impossible name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_refuses_wrong_content(name: str) -> None:
    refuses(*WRONG[name])


NUMBERS = {
    "NaN": (pickles.tensor(np.array([1, np.nan], "<f4")), "freqs holds NaN"),
    "infinity": (pickles.tensor(np.array([-np.inf], "<f2")), "freqs holds NaN"),
    "larger than a float32": (pickles.tensor(np.array([1e39], "<f8")), "freqs holds NaN"),
    "integers": (pickles.tensor(np.arange(4)), "not a tensor of floats"),
    "empty": (pickles.tensor(np.ones(0, "<f4")), "not a tensor of floats"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_refuses_what_are_no_finite_floats(name: str) -> None:
    freqs, match = NUMBERS[name]
    with pytest.raises(RequestError, match=match):
        weights(container(generator(freqs=freqs)))


@pytest.mark.parametrize("name", ["../../x", "a.b", "", "a/b", "a\0", "ü", "x" * 65, "a\n"])
@pytest.mark.parametrize("group", ["_modules", "_buffers", "_parameters"])
def test_refuses_names_that_could_reach_a_file(name: str, group: str) -> None:
    parts: dict[str, object] = {"_modules": {name: pickles.plain_module("M")}}
    state = parts.get(group) or {name: GOOD}
    refuses(container(pickles.plain_module("Generator", state={group: state})), "impossible name")


def nested(levels: int) -> Call:
    inner = pickles.plain_module("M")
    for _ in range(levels):
        inner = pickles.module("M", {"_modules": {"m": inner}})
    return inner


def test_refuses_module_graphs_that_are_no_small_tree() -> None:
    itself = Raw(b"}q\0" + emit("m") + emit(pickles.module("M", {"_modules": Raw(b"h\0")})) + b"q\1s")
    refuses(dump({"G": itself, "G_ema": Raw(b"h\1")}), "small tree")
    shared = Raw(emit(pickles.plain_module("M")) + b"q\0")
    refuses(container(generator(parts={"a": shared, "b": Raw(b"h\0")})), "small tree")
    refuses(container(generator(parts={"deep": nested(20)})), "small tree")
    crowd = [pickles.module("M", {"_modules": {f"m{i}": nested(0) for i in range(200)}}) for _ in range(3)]
    refuses(container(generator(parts={"a": crowd[0], "b": crowd[1], "c": crowd[2]})), "small tree")
    read(container(generator(parts={"deep": nested(4)})))


def test_refuses_many_modules_that_share_their_weights() -> None:
    """A small file whose weights would have two million names."""
    first = pickles.module("M", {"_parameters": Raw(emit({f"a{i}": GOOD for i in range(200)}) + b"q\0")})
    more = [pickles.module("M", {"_parameters": Raw(b"h\0")}) for _ in range(200)]
    parts: dict[str, object] = {f"m{i}": part for i, part in enumerate([first, *more])}
    refuses(container(generator(parts=parts)), "small number of tensors")


def test_refuses_one_storage_behind_many_weights() -> None:
    """A megabyte that would become two gigabytes; refused before the first of it is made."""
    first = Raw(emit(pickles.view(pickles.storage(bytes(1 << 20)), 0, (1 << 18,), (1,))) + b"q\0")
    parts: dict[str, object] = {f"a{i}": Raw(b"h\0") if i else first for i in range(200)}
    data = container(generator(state={"_buffers": parts}))
    views = {name: tensor.view() for name, tensor in read(data).tensors.items()}
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match="larger than the file"):
            checked("stylegan3", {}, views, {name: view.shape for name, view in views.items()}, len(data))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_shared_lists_are_visited_once() -> None:
    """26 lists, each holding the one before twice: 67 million visits as a tree."""
    start = time.perf_counter()
    read(container(generator(state={"attribute": shared_lists(26)}), more=shared_lists(26)))
    refuses(container(generator(kwargs=KWARGS | {"w_dim": shared_lists(26)})), "w_dim")
    refuses(container(generator(kwargs=KWARGS | {"mapping_kwargs": {"num_layers": shared_lists(26)}})), "num_layers")
    refuses(container(generator(freqs=shared_lists(26))), "small number of tensors")
    assert time.perf_counter() - start < 2


def shared_lists(levels: int) -> Raw:
    """Lists by APPENDS, each holding the one before twice."""
    code = b"]q\0"
    for _ in range(levels):
        code = b"](" + code + b"h\0eq\0"
    return Raw(code)


def test_truncation_anywhere() -> None:
    data = SMALLEST.read_bytes()
    for part in range(64):
        refuses(data[: len(data) * part // 64], "empty" if part == 0 else "cut short")
    refuses(data[:-1], "cut short")
    refuses(data + b"\0", "something follows its end")
    refuses(data + data, "something follows its end")


edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 4),
        st.sampled_from([b"", b"R", b"(", b"N\x94", b"h\x00", b"\xff\xff\xff\xff"]) | st.binary(max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=300, deadline=2000)
@given(edits)
def test_mutations_load_or_are_refused(edits: list[tuple[float, int, bytes]]) -> None:
    data = SMALLEST.read_bytes()
    for place, cut, insert in edits:
        at = int(place * len(data))
        data = data[:at] + insert + data[at + cut :]
    with contextlib.suppress(RequestError):
        found = parse(data)
        assert all(np.isfinite(array).all() for array in found.state_dict.values())
