"""Files of torch.save, both forms: plain values and tensors come out, anything else is refused and does nothing."""

import argparse
import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from akma_core.errors import RequestError
from akma_core.networks.pkl.torch_save import Namespace, load_stream, load_zip
from akma_core.networks.pkl.torch_types import Tensor
from tests.support import pickles
from tests.support.pickles import Call, Name, Raw, dump, emit
from tests.support.stylegan2_files import saved

from .test_torch_zip import zipped

FLOAT = Raw(b"ctorch\nFloatStorage\n")
ODICT = Call(pickles.ODICT)


def pid(numel: object = 4, key: object = "0", kind: object = FLOAT, word: str = "storage", *rest: object) -> Raw:
    return Raw(emit((word, kind, key, "cuda:0", numel, *rest)) + b"Q")


def tensor(storage: Raw, *shape: int) -> Call:
    stride = tuple(int(np.prod(shape[k + 1 :])) for k in range(len(shape)))
    return Call(pickles.TENSOR, (storage, 0, shape, stride, False, ODICT))


def stream(value: object, keys: object = None, numbers: bytes | None = None, system: object = None) -> bytes:
    """The old form, opcode by opcode."""
    system = {"protocol_version": 1001, "little_endian": True} if system is None else system
    parts = (pickles.MAGIC, 1001, system, value, ["0"] if keys is None else keys)
    return b"".join(map(dump, parts)) + (struct.pack("<Q", 4) + bytes(16) if numbers is None else numbers)


def archive(value: object, **members: bytes) -> bytes:
    """The zip, opcode by opcode; `members` are storages, by key behind an underscore."""
    inside = {f"net/data/{key[1:]}": data for key, data in ({"_0": bytes(16)} | members).items()}
    return zipped({"net/data.pkl": dump(value), **inside})


def load(data: bytes) -> Any:
    return (load_zip if data[:2] == b"PK" else load_stream)(memoryview(data))


def refuses(data: bytes, match: str | None = None) -> None:
    with pytest.raises(RequestError, match=match) as caught:
        load(data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_torch_saves(new: bool, protocol: int) -> None:
    whole = torch.arange(12.0).view(3, 4)
    value = {
        **{"a": whole, "t": whole.T, "part": whole[1:, ::2], "p": torch.nn.Parameter(torch.ones(2))},
        **{"half": torch.ones(2).half(), "brain": torch.ones(2).bfloat16(), "scalar": torch.tensor(3.0)},
        **{"long": torch.arange(3), "bool": torch.ones(2) > 0, "state": torch.nn.Linear(2, 1).state_dict()},
        **{"options": argparse.Namespace(lr=0.1, arch="stylegan2"), "list": [1, 2.5, None, (True, "x")]},
        **{"steps": {0: 1, 7: 2}, "mean": np.float64(0.5), "size": torch.Size([1, 2]), "kind": torch.float32},
        **{"path": Path("a/b"), "device": torch.device("cuda", 0), "none": b"", "bytes": b"\xff\0a"},
    }
    found = load(saved(value, new=new, protocol=protocol))
    for name in ("a", "t", "part", "p", "half", "scalar", "long", "bool"):
        assert isinstance(found[name], Tensor)
        np.testing.assert_array_equal(found[name].view(), value[name].detach().numpy(), strict=True)  # type: ignore[attr-defined]
    assert isinstance(found["options"], Namespace)
    assert found["options"].values == {"lr": 0.1, "arch": "stylegan2"}
    assert (found["list"], found["steps"], found["mean"]) == ([1, 2.5, None, (True, "x")], {0: 1, 7: 2}, 0.5)
    assert found["bytes"].tobytes() == b"\xff\0a"
    assert found["state"].keys() == {"weight", "bias"}


def test_both_forms_by_hand() -> None:
    for data in (archive(tensor(pid(), 4)), stream(tensor(pid(4, "0", FLOAT, "storage", None), 4))):
        assert load(data).view().tolist() == [0, 0, 0, 0]


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.function, self.args


@pytest.mark.parametrize("new", [True, False])
def test_a_call_is_refused_and_not_made(tmp_path: Path, new: bool) -> None:
    target = tmp_path / "made"
    data = saved({"g_ema": Calls(os.mkdir, str(target))}, new=new)
    refuses(data, "mkdir, which no StyleGAN network needs; do not trust it")
    assert not target.exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert target.exists(), "the file was not hostile"


GLOBALS = {
    **{
        ("torch.storage", "_load_from_bytes"): True,
        ("torch", "load"): True,
        ("torch.jit._serialization", "load"): True,
    },
    **{("torch.hub", "load"): True, ("torch._tensor", "_rebuild_from_type_v2"): True, ("os", "system"): True},
    **{("torch._utils", "_rebuild_sparse_tensor"): False, ("torch._utils", "_rebuild_qtensor"): False},
    **{("torch._utils", "_rebuild_device_tensor_from_numpy"): False, ("__main__", "Generator"): False},
    **{("model", "Generator"): False, ("torch.nn.modules.linear", "Linear"): False, ("builtins", "getattr"): True},
    **{("argparse", "ArgumentParser"): True, ("collections", "OrderedDict.__init__.__globals__"): True},
    **{("torch_utils.persistence", "_reconstruct_persistent_obj"): False, ("model", "Generator.forward"): True},
}


@pytest.mark.parametrize(("module", "name"), GLOBALS)
def test_only_known_names(module: str, name: str) -> None:
    for form in (archive, stream):
        data = form({"x": Call(Name(module, name), ())})
        refuses(data, "which no StyleGAN network needs")
        with pytest.raises(RequestError) as caught:
            load(data)
        assert ("do not trust it" in caught.value.message) is GLOBALS[module, name]


NAMESPACE = Name("argparse", "Namespace")
OBJECTS = {
    "options with arguments": Call(NAMESPACE, ({},), opcode=pickle.NEWOBJ),
    "options called": Call(NAMESPACE, ()),
    "options with slots": Call(NAMESPACE, (), state=(None, {"a": 1}), opcode=pickle.NEWOBJ),
    "options twice": Raw(emit(Call(NAMESPACE, (), state={"a": 1}, opcode=pickle.NEWOBJ)) + emit({"b": 2}) + b"b"),
    "a dict with attributes": Call(pickles.ODICT, (), state={"__class__": 1}),
    "a dict with more than _metadata": Call(pickles.ODICT, (), state={"_metadata": {}, "a": 1}),
    "a dict with slots": Call(pickles.ODICT, (), state=(None, {"_metadata": {}})),
    **{
        f"codec {codec}": Call(Name("_codecs", "encode"), ("text", codec))
        for codec in ("zlib_codec", "bz2", "rot13", "idna", "utf-8", 3, None)
    },
    "text that is not latin1": Call(Name("_codecs", "encode"), ("\u0100", "latin1")),
    "a key that collides": {2**61 - 1: 1},
    "a key below zero": {-1: 1},
    "a key that is a float": {1.5: 1},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_refuses_objects_in_other_forms(name: str) -> None:
    for form in (archive, stream):
        refuses(form({"x": OBJECTS[name]}))


def test_metadata_of_a_state_dict_is_dropped() -> None:
    state = Call(pickles.ODICT, (), items={"a": 1}, state={"_metadata": Call(pickles.ODICT)})
    assert load(archive(state)) == {"a": 1}


def test_text_made_bytes_again_and_again_is_bounded() -> None:
    code = emit(Name("_codecs", "encode")) + b"q\0" + emit(("x" * 100_000, "latin1")) + b"q\1" + b"h\0h\1R" * 10_000
    refuses(zipped({"net/data.pkl": b"\x80\x02" + code + b"."}), "more work")


def test_optimisers_of_a_million_entries_are_bounded() -> None:
    refuses(archive({"g_optim": Raw(b"](" + b"K\1" * 10**6 + b"e")}), "more work")


IDS = {
    "a module": pid(4, "0", FLOAT, "module"),
    "six parts in a zip": pid(4, "0", FLOAT, "storage", None),
    "another word": pid(4, "0", FLOAT, "memory"),
    "a type that is none": pid(4, "0", Name("collections", "OrderedDict")),
    "a type that is text": pid(4, "0", "FloatStorage"),
    "a key that is a number": pid(4, 0),
    "a key that is a path": pid(4, "../data.pkl"),
    "a missing storage": pid(4, "1"),
    "numel of more": pid(5),
    "numel of less": pid(3),
    "numel of 2^60": pid(2**60),
    "numel below zero": pid(-4),
    "numel that is true": pid(True),
    "numel that is text": pid("4"),
    "another number type": pid(4, "0", Raw(b"ctorch\nDoubleStorage\n")),
    "no tuple": Raw(emit("0") + b"Q"),
    "a list": Raw(emit(["storage", FLOAT, "0", "cpu", 4]) + b"Q"),
}


@pytest.mark.parametrize("name", IDS)
def test_refuses_storages_that_are_not_there(name: str) -> None:
    refuses(archive(tensor(IDS[name], 2)), "do not run|module|storage|lacks|sense")


def test_refuses_one_storage_of_two_types() -> None:
    double = pid(2, "0", Raw(b"ctorch\nDoubleStorage\n"))
    refuses(archive([tensor(pid(), 4), tensor(double, 2)]), "two types")
    old = [tensor(pid(4, "0", FLOAT, "storage", None), 4), tensor(pid(3, "0", FLOAT, "storage", None), 3)]
    refuses(stream(old), "two types")


GOOD = tensor(pid(4, "0", FLOAT, "storage", None), 4)
FOUR = struct.pack("<Q", 4) + bytes(16)
STREAMS = {
    "a view as the sixth part": stream(tensor(pid(4, "0", FLOAT, "storage", ("1", 0, 4)), 4)),
    "five parts": stream(tensor(pid(), 4)),
    "a module": stream(Raw(emit(("module", Name("collections", "OrderedDict"), "a.py", "import os")) + b"Q")),
    "keys that are missing": stream(GOOD, []),
    "keys too many": stream(GOOD, ["0", "1"], FOUR * 2),
    "keys repeated": stream(GOOD, ["0", "0"], FOUR * 2),
    "keys that are numbers": stream(GOOD, [0]),
    "keys in a tuple": stream(GOOD, ("0",)),
    "another length": stream(GOOD, numbers=struct.pack("<Q", 3) + bytes(12)),
    "a length below zero": stream(GOOD, numbers=struct.pack("<q", -4) + bytes(16)),
    "2^60 numbers": stream(
        tensor(pid(2**60, "0", FLOAT, "storage", None), 4), numbers=struct.pack("<Q", 2**60) + b"abc"
    ),
    "numbers cut": stream(GOOD)[:-1],
    "bytes behind": stream(GOOD) + b"\0",
    "big-endian": stream(GOOD, system={"little_endian": False}),
    "no system": stream(GOOD, system=[]),
    "another protocol": stream(GOOD).replace(dump(1001), dump(1000), 1),
}


@pytest.mark.parametrize("name", STREAMS)
def test_refuses_streams_that_contradict_themselves(name: str) -> None:
    load(stream(GOOD))
    refuses(STREAMS[name])


def test_tensors_outside_their_storage() -> None:
    for shape in ((5,), (2, 3), (2**40,)):
        refuses(archive(tensor(pid(), *shape)), "outside its storage")
    repeated = Call(pickles.TENSOR, (pid(), 0, (2**40,), (0,), False, ODICT))
    refuses(archive(repeated), "outside its storage")
    hooks = Call(pickles.TENSOR, (pid(), 0, (4,), (1,), False, {"a": 1}))
    refuses(archive(hooks), "hooks")


def test_an_ordered_dict_with_items_in_its_call_is_refused() -> None:
    refuses(archive(Call(pickles.ODICT, ([("a", 1)],))))
    assert load(saved(OrderedDict(a=1))) == {"a": 1}
