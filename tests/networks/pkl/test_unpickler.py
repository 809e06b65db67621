"""The restricted unpicklers: what a stranger's pickle asks for never happens, honest data come out whole."""

import copyreg
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.networks.pkl.allowlist import (
    ContainerUnpickler,
    Module,
    StorageUnpickler,
    load_container,
)
from akma_core.networks.pkl.unpickler import LONG_TEXT, MAX_TEXT, Text
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit

PLAIN = [
    *["PROTO", "FRAME", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"],
    *["BINBYTES", "SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE", "GLOBAL", "STACK_GLOBAL"],
    *["EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"],
    *["EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"],
    *["BINGET", "LONG_BINGET", "BINPUT", "LONG_BINPUT", "MEMOIZE"],
    "BYTEARRAY8",
]


def load(data: bytes) -> object:
    return load_container(memoryview(data))


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        load(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


PAYLOADS: dict[str, Callable[[Path], Call]] = {
    "os.system": lambda path: Call(Name("os", "system"), (f"touch {path}",)),
    "posix.system": lambda path: Call(Name("posix", "system"), (f"touch {path}",)),
    "subprocess.call": lambda path: Call(Name("subprocess", "call"), (["touch", str(path)],)),
    "builtins.exec": lambda path: Call(Name("builtins", "exec"), (f"open({str(path)!r}, 'w').close()",)),
    "builtins.eval": lambda path: Call(Name("builtins", "eval"), (f"open({str(path)!r}, 'w').close()",)),
    "os.mkdir": lambda path: Call(Name("os", "mkdir"), (str(path),)),
}
PLACES: dict[str, Callable[[Call], bytes]] = {
    "alone": dump,
    "in a container": lambda payload: pickles.container(augment_pipe=payload),
    "in a storage": lambda payload: nest(system=payload),
    "in a persistent id": lambda payload: nest(pid=("storage", payload, "1", "cpu", 1, None)),
    "as a persistent id": lambda payload: nest(pid=payload),
}


def nest(system: object = None, pid: object = None) -> bytes:
    return dump(Call(pickles.STORAGE, (pickles.storage_bytes(bytes(4), system=system, pid=pid),)))


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_work_where_pickles_are_trusted(name: str, tmp_path: Path) -> None:
    """Without this, a payload that never worked would pass the next test."""
    pickle.loads(dump(PAYLOADS[name](tmp_path / "sentinel")))  # noqa: S301
    assert (tmp_path / "sentinel").exists()


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("place", PLACES)
def test_no_payload_runs(name: str, place: str, tmp_path: Path) -> None:
    refuses(PLACES[place](PAYLOADS[name](tmp_path / "sentinel")), "which no StyleGAN network needs")
    assert not (tmp_path / "sentinel").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *[
            ("subprocess", "Popen"),
            ("builtins", "getattr"),
            ("builtins", "__import__"),
            ("__builtin__", "eval"),
        ],
        *[("collections", "OrderedDict.__init__.__globals__"), ("collections", "OrderedDict.fromkeys")],
        *[("numpy", "dtype.type"), ("numpy", "load"), ("torch", "load"), ("torch._utils", "_rebuild_tensor")],
        *[("torch.serialization", "load"), ("numpy.core.multiarray", "fromfile"), ("torch", "FloatStorage")],
        *[
            ("collections.OrderedDict", ""),
            ("", "collections.OrderedDict"),
            ("../../x", "y"),
            ("\n", "é" * 99),
        ],
    ],
)
def test_only_exact_names(module: str, name: str) -> None:
    refuses(dump(Name(module, name)), "which no StyleGAN network needs")


def test_only_exact_names_by_global_opcode() -> None:
    refuses(b"\x80\x02cos\nsystem\n.", "asks for os.system")
    refuses(b"\x80\x02c" + b"x" * 300 + b"\ny\n.", "makes no sense")
    assert load(b"\x80\x02c__builtin__\nset\n](X\x01\x00\x00\x00ae\x85R.") == {"a"}


def test_only_known_opcodes() -> None:
    """A change of either list has to be made here, too."""
    by_name = {opcode.name: ord(opcode.code) for opcode in pickletools.opcodes}
    plain = {by_name[name] for name in PLAIN}
    assert set(ContainerUnpickler.dispatch) == plain | {by_name[name] for name in ("REDUCE", "NEWOBJ", "BUILD")}
    assert set(StorageUnpickler.dispatch) == plain | {by_name["BINPERSID"]}
    for code in set(range(256)) - set(ContainerUnpickler.dispatch) - {by_name["STOP"]}:
        refuses(b"\x80\x04}" + bytes([code]) + bytes(16), f"opcode 0x{code:02x}")


def test_extension_registry_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AKMA_SENTINEL", raising=False)
    copyreg.add_extension("os", "putenv", 240)
    try:
        refuses(b"\x80\x02\x82\xf0" + emit((b"AKMA_SENTINEL", b"1")) + b"R.", "opcode 0x82")
    finally:
        copyreg.remove_extension("os", "putenv", 240)
    assert "AKMA_SENTINEL" not in os.environ


@pytest.mark.parametrize(
    "value",
    [
        Call(pickles.DTYPE, ("f8", False, True), opcode=pickle.NEWOBJ),
        Call(pickles.ODICT, ([("a", 1)],), opcode=pickle.NEWOBJ),
        Call({}, (), opcode=pickle.NEWOBJ),
        Call(pickles.ODICT, ([("a", 1)],)),
        Call(pickles.NDARRAY, ((2**40,),)),
        Call(pickles.NDARRAY, ()),
        Call("text", ()),
        Call(pickles.ODICT, []),
        Call(pickles.ODICT, (), state={"__class__": "x"}),
        Call(pickles.ODICT, (), state=(None, {"__class__": Name("builtins", "set")})),
        Call(pickles.DTYPE, ("f8", False, True), state=(None, {"__class__": 1})),
        Raw(emit(pickles.ODICT) + emit((None, {"build": 1})) + b"b"),
        Raw(emit(pickles.module("Generator", {})) + emit((None, {"state": 1})) + b"b"),
        pickles.module("Generator", {}, version=7),
        pickles.module("Generator", []),
        Call(pickles.PERSISTENT, ()),
        Call(pickles.PERSISTENT, (None,)),
        Call(Name("builtins", "set"), (["a", ()],)),
        Call(Name("builtins", "set"), ("abc",)),
        Raw(b"}" + emit((1, 2)) + emit(3) + b"s"),
        Raw(b"}(" + emit("a") + b"u"),
        Raw(b"}" + emit("k" * 257) + b"Ns"),
        Raw(emit("a") + emit("b") + emit("c") + b"s"),
        Raw(emit(()) + emit("b") + b"a"),
        Raw(emit(()) + b"(" + emit("b") + b"e"),
        Raw(b"\x8f(" + emit(1) + b"\x90"),
        Raw(b"](" + emit("a") + b"\x90"),
        *map(
            Raw,
            (
                b"",
                b"R",
                b"\x81",
                b"Nb",
                b"t",
                b"u",
                b"\x86",
                b"h\x07",
                b"\x93",
                b"\x80\x09",
                b"X\x01\0\0\0\xff",
            ),
        ),
    ],
    ids=str,
)
def test_refuses_what_makes_no_sense(value: object) -> None:
    refuses(dump(value))


def test_huge_memo_index_takes_no_memory() -> None:
    """The C unpickler allocates four gigabytes for these nine bytes."""
    tracemalloc.start()
    try:
        refuses(b"\x80\x02Nr\xff\xff\xff\x0f.", "memo")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_frames_and_lengths_beyond_the_end_take_no_memory() -> None:
    tracemalloc.start()
    try:
        for code in (
            b"B\xff\xff\xff\xff",
            b"X\xff\xff\xff\0",
            b"\x95" + b"\xff" * 8,
            b"\x8a\xff",
            b"C\xff",
            b"",
        ):
            refuses(b"\x80\x04" + code, "cut short" if code[:1] != b"X" else "cut short|more work")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


FOUR = struct.pack("<4f", 1, 2, 3, 4)
REPEAT = 100_000
INNER = pickles.storage_bytes(FOUR, system={"little_endian": True, "x": Raw(b"N" + b"\x85" * 400)})
BOMBS = {
    "many opcodes": b"\x80\x04" + b"\x8f\x94" * 400_000 + b".",
    "much text": dump(["x" * LONG_TEXT] * (MAX_TEXT // LONG_TEXT + 1)),
    "nested marks": b"\x80\x04" + b"(" * REPEAT,
    "a storage read again and again": b"\x80\x04"
    + (emit(pickles.STORAGE) + b"q\0" + emit((INNER,)) + b"q\1" + b"h\0h\1R" * REPEAT + b"."),
    "a list made a set again and again": b"\x80\x04"
    + (emit(Name("builtins", "set")) + b"q\0" + emit((["x"] * 50_000,)) + b"q\1" + b"h\0h\1R" * REPEAT + b"."),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_early(name: str) -> None:
    start = time.process_time()
    refuses(BOMBS[name], "nested too deep" if name == "nested marks" else "more work")
    assert time.process_time() - start < 20  # half a second on an idle machine, minutes without a limit


@pytest.mark.parametrize("step", [b"\x85", b"\x94\x85", b"N\x86"], ids=repr)
def test_deep_nesting_is_harmless(step: bytes) -> None:
    assert type(load(b"\x80\x04]" + step * REPEAT + b".")) is tuple


def test_deep_modules_are_harmless() -> None:
    """Each is the state of the next, so that reading, and letting go, could recurse."""
    meta = {"type": "class", "version": 6, "class_name": "M"}
    wrap = b"q\1h\0" + emit(meta) + emit("state") + b"}" + emit("m") + b"h\1ss\x85R"
    value = load(b"\x80\x04" + emit(pickles.PERSISTENT) + b"q\0N" + wrap * 20_000 + b".")
    assert isinstance(value, Module)
    assert isinstance(value.state["m"], Module)


def test_cycles_are_harmless() -> None:
    value = load(b"\x80\x04}q\0" + emit("self") + b"h\0s.")
    assert isinstance(value, dict)
    assert value["self"] is value


def test_long_text_is_not_decoded() -> None:
    tracemalloc.start()
    try:
        text = b"\xff" * (100 << 20)
        data = b"\x80\x04X" + struct.pack("<I", len(text)) + text + b"."
        before = tracemalloc.get_traced_memory()[0]
        value = load(data)
        assert tracemalloc.get_traced_memory()[0] - before < 1 << 20
    finally:
        tracemalloc.stop()
    assert isinstance(value, Text)
    assert len(value.data) == len(text)


@pytest.mark.parametrize(
    ("key", "good"), [(0, True), (10**6, True), (10**6 + 1, False), (2**61 - 1, False), (-1, False)]
)
def test_whole_numbers_as_keys_are_small(key: int, good: bool) -> None:
    """Multiples of 2^61 - 1 collide."""
    if good:
        assert load(dump({key: None})) == {key: None}
    else:
        refuses(dump({key: None}), "dict of names")


def test_nothing_may_follow_the_end() -> None:
    refuses(dump(1) + b"\0", "something follows its end")
    assert load(dump(1)) == 1


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**600), 2**600)
        | st.floats(allow_nan=False)
        | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), inner, max_size=4)
            | st.sets(st.text(st.characters(codec="utf-8"), max_size=9), max_size=4)
        ),
        max_leaves=12,
    ),
    st.sampled_from([2, 3, 4, 5]),
)
def test_reads_what_python_writes(value: object, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value
