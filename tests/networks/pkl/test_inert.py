"""Harmless things that networks carry along are accepted as data; only what is dangerous is called so."""

import pathlib
import pickle
import struct
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks.pkl.allowlist import load_container
from akma_core.networks.pkl.inert import Inert
from akma_core.networks.pkl.numpy_types import Array
from akma_core.networks.reader import parse
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit
from tests.support.stylegan2_files import container, saved, weights_of

HARMLESS = [
    *[pathlib.PurePosixPath("a/b"), pathlib.PureWindowsPath("c:/x"), pathlib.Path("net.pkl")],
    *[torch.device("cuda", 0), torch.device("cpu"), torch.Size([1, 3]), torch.float32, torch.bfloat16, torch.bool],
    *[torch.strided, np.float32, np.int64, np.bool_],
    *[datetime(2020, 1, 2, tzinfo=UTC), timedelta(1), Fraction(1, 3), UUID(int=7), range(3), slice(1, 2), 1j],
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", HARMLESS, ids=repr)
def test_harmless_types(value: object, protocol: int) -> None:
    found = load_container(memoryview(pickle.dumps([value], protocol)))
    assert isinstance(found, list)
    assert type(found[0]) is Inert or hasattr(found[0], "build")


PLAIN = [set(), {"a"}, b"", b"\xff\0", bytearray(b"ab"), np.float64(0.5), np.int32(-7), np.bool_(True), {3: 4}]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_of_every_protocol(value: Any, protocol: int) -> None:
    found: Any = load_container(memoryview(pickle.dumps([value], protocol)))
    assert found == [value]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_arrays_of_every_protocol(protocol: int, order: Any) -> None:
    array = np.arange(6, dtype="<f4").reshape(2, 3, order=order)
    for each in (array, array[:0], array[0, 0:1], array.T[::2], np.array(np.float32(3)), np.arange(3) > 1):
        found: Any = load_container(memoryview(pickle.dumps([each], protocol)))
        assert type(found[0]) is Array
        if found[0].values is not None:
            np.testing.assert_array_equal(found[0].values, each, strict=True)
        else:
            assert not each.flags["C_CONTIGUOUS"]


FROMBUFFER = Name("numpy._core.numeric", "_frombuffer")


def bytearray8(data: bytes) -> Raw:
    return Raw(b"\x96" + struct.pack("<Q", len(data)) + data)


@pytest.mark.parametrize("core", ["core", "_core"])
def test_frombuffer(core: str) -> None:
    name = Name(f"numpy.{core}.numeric", "_frombuffer")
    found: Any = load_container(memoryview(dump(Call(name, (bytearray8(bytes(8)), pickles.dtype("f4"), (2,), "C")))))
    assert found.values.tolist() == [0, 0]


BUFFERS = {
    "bytes too few": (bytearray8(bytes(7)), pickles.dtype("f4"), (2,), "C"),
    "shape too large": (bytearray8(bytes(8)), pickles.dtype("f4"), (2**62, 4), "C"),
    "a list for a shape": (bytearray8(bytes(8)), pickles.dtype("f4"), [2], "C"),
    "negative": (bytearray8(bytes(8)), pickles.dtype("f4"), (-2,), "C"),
    "another order": (bytearray8(bytes(8)), pickles.dtype("f4"), (2,), "A"),
    "axes that are none": (bytearray8(bytes(8)), pickles.dtype("f4"), (2,), "K", Name("os", "system")),
    "objects": (bytearray8(bytes(8)), pickles.dtype("O8"), (1,), "C"),
    "a code for a type": (bytearray8(bytes(8)), "f4", (2,), "C"),
    "text": ("abcdefgh", pickles.dtype("f4"), (2,), "C"),
    "2^60 bytes": (Raw(b"\x96" + struct.pack("<Q", 2**60)), pickles.dtype("f4"), (2,), "C"),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_refuses_dishonest_buffers(name: str) -> None:
    with pytest.raises(RequestError):
        load_container(memoryview(dump(Call(FROMBUFFER, BUFFERS[name]))))


def test_numpy_types_as_old_numpy_wrote_them() -> None:
    for flags, good in (
        ((0, 1), True),
        ((False, True), True),
        ((1, 0), False),
        ((0.0, 1.0), False),
        ((None, 1), False),
    ):
        data = dump(Call(pickles.DTYPE, ("f8", *flags), state=(3, "<", None, None, None, -1, -1, 0)))
        if good:
            load_container(memoryview(data))
        else:
            with pytest.raises(RequestError, match="not plain numbers"):
                load_container(memoryview(data))


def test_inert_things_have_no_slots() -> None:
    for state in ((None, {"__class__": 1}), [1], None):
        device = Raw(emit(Call(Name("torch", "device"), ("cpu",))) + emit(state) + b"b")
        with pytest.raises(RequestError):
            load_container(memoryview(dump(device)))
    load_container(memoryview(dump(Call(Name("pathlib", "PosixPath"), ("a",), state={"_raw": "a"}))))


def test_a_network_with_harmless_attributes() -> None:
    inside = {
        "path": Call(Name("pathlib", "PosixPath"), ("/", "data")),
        "device": Call(Name("torch", "device"), ("cuda", 0)),
        "shape": Call(Name("torch", "Size"), ((1, 3),)),
        "dtype": Name("torch", "float32"),
        "history": Call(FROMBUFFER, (bytearray8(bytes(8)), pickles.dtype("f4"), (2,), "C")),
        "levels": {4: 512, 8: 256},
    }
    assert parse(container(states={"": inside, "synthesis.b4": inside})).state_dict.keys() == weights_of().keys()


def protocol2(data: bytes) -> Call:
    """Bytes as protocol 2 keeps them."""
    return Call(Name("_codecs", "encode"), (data.decode("latin-1"), "latin1"))


@pytest.mark.parametrize("width", [2, 40], ids=["short text", "long text"])
def test_storages_of_protocol_2(width: int) -> None:
    weights = weights_of(w_dim=width)
    storages = {
        name: pickles.view(Call(pickles.STORAGE, (protocol2(pickles.storage_bytes(array.tobytes())),)), 0, array.shape,
                           tuple(step // 4 for step in array.strides))
        for name, array in weights.items()
    }  # fmt: skip
    kwargs: dict[str, object] = {"z_dim": 4, "c_dim": 0, "w_dim": width, "img_resolution": 16, "img_channels": 3}
    kwargs |= {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": {"channel_max": 2}}
    found = parse(container(weights, kwargs, None, dict(storages)))
    for name, array in found.state_dict.items():
        np.testing.assert_array_equal(array, weights[name], err_msg=name)


WORDS = [
    *[("os", "system", True), ("builtins", "eval", True), ("__builtin__", "eval", True), ("subprocess", "Popen", True)],
    *[("torch", "load", True), ("torch.hub", "load", True), ("numpy", "load", True), ("pip._internal", "main", True)],
    *[("collections", "OrderedDict.fromkeys", True), ("numpy.testing._private.utils", "runstring", True)],
    *[("training.networks", "Foo", False), ("__main__", "Generator", False), ("torch", "FloatStorage", False)],
    *[("torch.nn.modules.linear", "Linear", False), ("torch.optim.adam", "Adam", False), ("mymodule", "x", False)],
]


@pytest.mark.parametrize(("module", "name", "dangerous"), WORDS)
def test_only_what_is_dangerous_is_called_so(module: str, name: str, dangerous: bool) -> None:
    for load in (lambda data: load_container(memoryview(data)), parse):
        with pytest.raises(RequestError, match="which no StyleGAN network needs") as caught:
            load(dump([Name(module, name)]))
        assert ("do not trust it" in caught.value.message) is dangerous


def test_damage_is_not_called_dangerous() -> None:
    for data in (b"\x80\x04N.", b"\x80\x02Nr\xff\xff\xff\x0f.", dump({"G_ema": 1}), saved([1])[:-3], saved([1])):
        with pytest.raises(RequestError) as caught:
            parse(data)
        assert "trust" not in caught.value.message
