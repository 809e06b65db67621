"""Weights from files: official ones come out whole, hostile ones are refused and do nothing."""

import io
import os
import pickle
import resource
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from akma_core.errors import RequestError
from akma_core.networks.realesrgan import file
from akma_core.networks.realesrgan.architecture import build
from akma_core.networks.realesrgan.file import blend, read_weights
from tests.support.upscaler_samples import small_state


def saved(value: object, new: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=new)
    return stream.getvalue()


def read(tmp_path: Path, data: bytes, name: str = "some.pth") -> dict[str, torch.Tensor]:
    (tmp_path / name).write_bytes(data)
    return read_weights(tmp_path / name).state


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("key", ["params", "params_ema"])
def test_an_official_file_comes_out_whole(tmp_path: Path, key: str, new: bool) -> None:
    state = small_state()
    found = read(tmp_path, saved({key: OrderedDict(state)}, new))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_the_average_is_preferred(tmp_path: Path) -> None:
    found = read(tmp_path, saved({"params": {"a": torch.zeros(2)}, "params_ema": {"a": torch.ones(2)}}))
    assert torch.equal(found["a"], torch.ones(2))


def test_parameters_and_views_are_read_as_tensors(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    found = read(tmp_path, saved({"params": {"p": torch.nn.Parameter(torch.ones(2)), "v": whole[2:5]}}))
    assert type(found["p"]) is torch.Tensor
    assert not found["p"].requires_grad
    assert found["v"].tolist() == [2, 3, 4]


def test_safetensors_come_out_whole(tmp_path: Path) -> None:
    state = small_state()
    found = read(tmp_path, save(state), "some.safetensors")
    assert all(torch.equal(found[name], state[name]) for name in state)


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.function, self.args


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_that_calls_is_refused_and_calls_nothing(tmp_path: Path, new: bool) -> None:
    target = tmp_path / "made"
    data = saved({"params": {"a": torch.zeros(1)}, "x": Calls(os.mkdir, str(target))}, new)
    with pytest.raises(RequestError, match="do not trust it"):
        read(tmp_path, data)
    assert not target.exists()
    torch.load(io.BytesIO(data), weights_only=False)
    assert target.exists(), "the file was not hostile"


def test_a_bare_pickle_is_refused_unread(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with pytest.raises(RequestError, match="neither"):
        read(tmp_path, pickle.dumps(Calls(os.mkdir, str(target))))
    assert not target.exists()


def zipped(members: dict[str, bytes], method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as container:
        for name, data in members.items():
            container.writestr(name, data)
    return stream.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        return {name: container.read(name) for name in container.namelist()}


def overlapping(count: int) -> bytes:
    """A container whose directory lists the same large member many times."""
    data = zipped({"a/data.pkl": b"x", "a/data/0": bytes(1 << 20)}, zipfile.ZIP_STORED)
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    second = data.index(b"PK\x01\x02", start + 1)
    tail = bytearray(data[end:])
    tail[8:12] = (count + 1).to_bytes(2, "little") * 2
    directory = data[start:second] + data[second:end] * count
    tail[12:16] = len(directory).to_bytes(4, "little")
    return data[:start] + directory + bytes(tail)


GOOD = saved({"params": {"a": torch.zeros(64)}})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither"),
        (b"<!DOCTYPE html>", "neither"),
        (GOOD[: len(GOOD) // 2], "damaged"),
        (zipped(unzipped(GOOD), zipfile.ZIP_DEFLATED), "not one that torch.save writes"),
        (zipped({f"a/{k}": b"" for k in range(5000)}, zipfile.ZIP_STORED), "not one that torch.save writes"),
        (overlapping(100), "more than it does"),
        (zipped({"a/data.pkl": bytes(5 << 20)}, zipfile.ZIP_STORED), "structure is larger"),
        (zipped({"a/data.pkl": b"}" * 1000}, zipfile.ZIP_STORED), "plain weights"),
        (zipped({"other": b""}, zipfile.ZIP_STORED), "plain weights"),
        (saved({"params": {"a": torch.zeros(4)}}, new=False)[:100], "makes no sense"),
        (saved({"params": {"a": torch.zeros(4)}}, new=False)[:-4], "plain weights"),
        (file.OLD + b"}" * (5 << 20), "makes no sense"),
        (saved([torch.zeros(1)]), "no plain tensors"),
        (saved({"weights": {}}), "no plain tensors"),
        (saved({"params": {}}), "no plain tensors"),
        (saved({"params": {1: torch.zeros(1)}}), "no plain tensors"),
        (saved({"params": {"a": [1.0]}}), "no plain tensors"),
        (saved({"params": {"a": torch.zeros(2, 2).to_sparse()}}), "no plain tensors"),
        (saved({"params": {"a": torch.zeros(1).expand(1 << 40)}}), "more than the file does"),
    ],
)
def test_refused_in_one_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as caught:
        read(tmp_path, data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("size", [b"J\xff\xff\xff\x7f", b"\x8a\x06" + bytes(5) + b"\x10"])  # 2^31 - 1 and 2^44
def test_a_tensor_larger_than_its_storage_takes_no_memory(tmp_path: Path, size: bytes) -> None:
    members = unzipped(GOOD)
    (name,) = (name for name in members if name.endswith(".pkl"))
    head, shape, tail = members[name].partition(b"K@\x85")
    assert shape
    members[name] = head + size + shape[2:] + tail
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RequestError):
        build(read(tmp_path, zipped(members, zipfile.ZIP_STORED)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_an_odd_file_is_read_without_a_word(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    members = unzipped(GOOD)
    (name,) = (name for name in members if name.endswith(".pkl"))
    members[name] = b"\x80\x39" + members[name][2:]
    assert "a" in read(tmp_path, zipped(members, zipfile.ZIP_STORED))
    assert not recwarn.list


def test_other_paths_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.pth")
    for path in (tmp_path, tmp_path / "missing.pth", tmp_path / "pipe.pth"):
        with pytest.raises(RequestError, match="no such file"):
            read_weights(path)
    with pytest.raises(RequestError, match="safetensors are damaged"):
        read(tmp_path, b"\xff" * 64, "a.safetensors")
    monkeypatch.setattr(file, "MAX_FILE", 1000)
    with pytest.raises(RequestError, match="larger than"):
        read(tmp_path, GOOD)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(GOOD) - 1), to=st.binary(min_size=1, max_size=8), new=st.booleans())
def test_a_changed_file_is_read_or_refused(tmp_path: Path, at: int, to: bytes, new: bool) -> None:
    data = bytearray(GOOD if new else saved({"params": {"a": torch.zeros(64)}}, new=False))
    at %= len(data)
    data[at : at + len(to)] = to
    try:
        build(read(tmp_path, bytes(data)))
    except RequestError as error:
        refused = error.message
    assert "\n" not in refused  # one tensor is never a network


def test_blend_is_the_first_by_its_strength() -> None:
    strong, weak = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, 6.0])}
    assert blend(strong, weak, 1.0)["a"].tolist() == [1, 2]
    assert blend(strong, weak, 0.0)["a"].tolist() == [3, 6]
    assert blend(strong, weak, 0.25)["a"].tolist() == [2.5, 5]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_blend_refuses_a_strength_out_of_range(strength: float) -> None:
    with pytest.raises(RequestError, match="from 0 to 1"):
        blend({"a": torch.zeros(1)}, {"a": torch.zeros(1)}, strength)


def test_blend_refuses_different_networks() -> None:
    with pytest.raises(RequestError, match="differ in architecture"):
        blend({"a": torch.zeros(1)}, {"a": torch.zeros(2)}, 0.5)
