"""What the allowed names build: honest numbers stay views of the file, dishonest ones are refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.networks.pkl.allowlist import load_container
from akma_core.networks.pkl.torch_types import Storage, Tensor
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit


def load(data: bytes) -> object:
    return load_container(memoryview(data))


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        load(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


NUMPY = {
    "object scalar": pickles.scalar("O", bytes(8)),
    "object array": pickles.ndarray("O8", (1,), bytes(8)),
    "object code in the state": pickles.dtype("f8", (3, "|", None, None, None, -1, -1, 63)),
    "structured": pickles.dtype("f8", (3, "<", None, ("a",), {"a": 0}, 8, 1, 0)),
    "subarray": pickles.dtype("f8", (3, "<", ("f8", (2,)), None, None, -1, -1, 0)),
    "big endian": pickles.dtype("f8", (3, ">", None, None, None, -1, -1, 0)),
    "void": pickles.dtype("V8"),
    "text": pickles.dtype("U4"),
    "unhashable code": pickles.dtype([]),
    "short scalar": pickles.scalar("f8", bytes(7)),
    "long scalar": pickles.scalar("f8", bytes(16)),
    "empty scalar": pickles.scalar("f8", b""),
    "scalar of a list": Call(pickles.SCALAR, (pickles.dtype("f8"), [0])),
    "subtype": pickles.ndarray("f8", (1,), bytes(8), kind=Name("builtins", "set")),
    "memmap": pickles.ndarray("f8", (1,), bytes(8), kind=Name("numpy", "memmap")),
    "bytes too few": pickles.ndarray("f8", (2,), bytes(8)),
    "shape too large": pickles.ndarray("f8", (2**62, 4), bytes(8)),
    "negative shape": pickles.ndarray("f8", (-1, -1), bytes(8)),
    "many dimensions": pickles.ndarray("f8", (1,) * 64, bytes(8)),
    "shape is a list": pickles.ndarray("f8", [1], bytes(8)),
    "objects in a list": pickles.ndarray("f8", (1,), [Call(pickles.ODICT)]),
}


@pytest.mark.parametrize("name", NUMPY)
def test_refuses_special_numpy(name: str) -> None:
    refuses(dump(NUMPY[name]))


def test_reads_plain_numpy() -> None:
    value = [pickles.scalar("i4", struct.pack("<i", -7)), pickles.ndarray("f4", (2, 1), bytes(8))]
    loaded = load(dump(value))
    assert isinstance(loaded, list)
    assert type(loaded[0]) is int
    assert loaded[0] == -7


FOUR = struct.pack("<4f", 1, 2, 3, 4)
STORAGES = {
    "zip": b"PK\x03\x04" + bytes(64),
    "empty": b"",
    "text": b"not a storage at all",
    "no numbers": pickles.storage_bytes(b"", numel=4),
    "one byte more": pickles.storage_bytes(FOUR + b"\0", numel=4),
    "cut": pickles.storage_bytes(FOUR)[:-1],
    "2^60 numbers": pickles.storage_bytes(b"\1\2\3", numel=2**60),
    "2^60 length": pickles.storage_bytes(FOUR, length=2**60),
    "negative numel": pickles.storage_bytes(FOUR, numel=-4, length=4),
    "big endian": pickles.storage_bytes(FOUR, system={"little_endian": False}),
    "module id": pickles.storage_bytes(FOUR, pid=("module", Raw(b"ctorch\nFloatStorage\n"), "1", "cpu", 4, None)),
    "view id": pickles.storage_bytes(FOUR, pid=("storage", Raw(b"ctorch\nFloatStorage\n"), "1", "cpu", 4, ("2", 0, 1))),
    "text id": pickles.storage_bytes(FOUR, pid="storage"),
    "other key": pickles.storage_bytes(FOUR, pid=("storage", Raw(b"ctorch\nFloatStorage\n"), "2", "cpu", 4, None)),
    "type of another stream": pickles.storage_bytes(FOUR, pid=("storage", pickles.ODICT, "1", "cpu", 4, None)),
    "complex": pickles.storage_bytes(FOUR, "ComplexFloat"),
    "untyped": pickles.storage_bytes(FOUR, "Untyped"),
    "a call": pickles.storage_bytes(FOUR, system=Call(Raw(b"ctorch\nFloatStorage\n"), (4,))),
}


@pytest.mark.parametrize("name", STORAGES)
def test_refuses_dishonest_storages(name: str) -> None:
    refuses(dump(Call(pickles.STORAGE, (STORAGES[name],))), "zip format" if name == "zip" else None)


def test_persistent_ids_belong_in_storages_only() -> None:
    refuses(b"\x80\x04" + emit(("storage", "x", "1", "cpu", 1, None)) + b"Q.", "opcode 0x51")
    refuses(b"\x80\x02Pstorage\n.", "opcode 0x50")


def test_storage_stays_a_view_of_the_file() -> None:
    value = load(dump(pickles.storage(FOUR)))
    assert isinstance(value, Storage)
    assert (value.dtype, value.numel, value.data.tobytes()) == (np.dtype("<f4"), 4, FOUR)
    with pytest.raises(TypeError):
        value.data[0] = 0


STORE = pickles.storage(FOUR)
VIEWS = {
    "one too long": pickles.view(STORE, 0, (5,), (1,)),
    "offset": pickles.view(STORE, 1, (4,), (1,)),
    "offset alone": pickles.view(STORE, 4, (), ()),
    "offset of an empty view": pickles.view(STORE, 5, (0,), (1,)),
    "stride": pickles.view(STORE, 0, (2, 2), (3, 1)),
    "negative offset": pickles.view(STORE, -1, (1,), (1,)),
    "negative stride": pickles.view(STORE, 3, (4,), (-1,)),
    "negative size": pickles.view(STORE, 0, (-1,), (1,)),
    "repeated": pickles.view(STORE, 0, (2**40,), (0,)),
    "repeated five times": pickles.view(STORE, 0, (5,), (0,)),
    "repeated in two dimensions": pickles.view(STORE, 0, (4, 2), (1, 0)),
    "64 dimensions": pickles.view(STORE, 0, (1,) * 64, (1,) * 64),
    "strides short of the shape": pickles.view(STORE, 0, (2, 2), (1,)),
    "huge beside zero": pickles.view(STORE, 0, (2**62, 0), (0, 0)),
    "huge stride of one": pickles.view(STORE, 0, (1,), (2**62,)),
    "huge numbers": pickles.view(STORE, 2**2000, (2**2000,), (2**2000,)),
    "bool size": pickles.view(STORE, 0, (True,), (1,)),
    "float size": pickles.view(STORE, 0, (1.0,), (1,)),
    "list size": pickles.view(STORE, 0, [4], [1]),
    "no storage": pickles.view({}, 0, (4,), (1,)),
    "hooks": pickles.view(STORE, 0, (4,), (1,), {"a": Name("collections", "OrderedDict")}),
    "hooks are a list": pickles.view(STORE, 0, (4,), (1,), []),
    "metadata": pickles.view(STORE, 0, (4,), (1,), {}, {"conj": True}),
    "more arguments": pickles.view(STORE, 0, (4,), (1,), {}, None, None),
    "parameter of a storage": pickles.parameter(STORE),
    "parameter with hooks": pickles.parameter(pickles.view(STORE, 0, (4,), (1,)), {"a": 1}),
}


@pytest.mark.parametrize("name", VIEWS)
def test_refuses_views_outside_their_storage(name: str) -> None:
    refuses(dump(VIEWS[name]))


@given(
    numel=st.integers(0, 12),
    offset=st.integers(-1, 12),
    axes=st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 12)), max_size=3),
)
def test_views_are_inside_or_refused(numel: int, offset: int, axes: list[tuple[int, int]]) -> None:
    """Against the indices themselves: every element inside, and no more of them than numbers."""
    shape, stride = tuple(size for size, _ in axes), tuple(step for _, step in axes)
    reached = [offset + sum(i * s for i, s in zip(at, stride, strict=True)) for at in np.ndindex(*shape)]
    fits = all(0 <= index < numel for index in reached) and len(reached) <= numel
    data = dump(pickles.view(pickles.storage(bytes(4 * numel), "Float", numel), offset, shape, stride))
    try:
        value = load(data)
    except RequestError:
        # Steps that are never taken may be refused, honest writers keep them small.
        assert not fits or min((offset, *stride)) < 0 or max((*stride, *shape, offset)) > numel
    else:
        assert isinstance(value, Tensor)
        assert fits
