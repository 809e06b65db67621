"""The reader of ncnn files: all of what it should read, none of what it should not."""

import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.networks.realesrgan.architecture import build
from akma_core.networks.realesrgan.ncnn import FLOAT16, name_layers, read_ncnn
from tests.support.upscaler_samples import small_compact, small_rrdb


def written(layers: list[tuple[torch.Tensor, torch.Tensor | None]], flag: int = FLOAT16) -> tuple[bytes, bytes]:
    """.param and .bin as ncnn would write them, by the description of its format."""
    lines, data = ["Input in 0 1 data"], b""
    for k, (weight, bias) in enumerate(layers):
        if bias is None:
            lines.append(f"PReLU p{k} 1 1 a b 0={len(weight)}")
            data += weight.numpy().tobytes()
            continue
        lines.append(f"Convolution c{k} 1 1 a b 0={len(weight)} 1=3 4=1 5=1 6={weight.numel()} -23310=1,2.0e-01")
        numbers = (weight.half() if flag == FLOAT16 else weight).numpy().tobytes()
        data += struct.pack("<I", flag) + numbers + bytes(-len(numbers) % 4) + bias.numpy().tobytes()
    return "\n".join(["7767517", f"{len(lines)} 9", *lines, ""]).encode(), data


def of_compact(flag: int = FLOAT16) -> tuple[bytes, bytes]:
    state = small_compact().state_dict()
    return written([(state[f"body.{k}.weight"], state.get(f"body.{k}.bias")) for k in range(9)], flag)


@pytest.mark.parametrize("flag", [FLOAT16, 0, 0x0002C056])
def test_a_compact_network_comes_back(flag: int) -> None:
    read = build(name_layers(read_ncnn(*of_compact(flag)))).state_dict()
    for name, value in small_compact().state_dict().items():
        stored = value.half().float() if flag == FLOAT16 and value.ndim == 4 else value
        assert torch.equal(read[name], stored), name


def test_an_rrdb_network_comes_back() -> None:
    state = small_rrdb().state_dict()
    names = ["conv_first"]
    names += [f"body.{b}.rdb{r}.conv{c}" for b in (0, 1) for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    files = written([(state[f"{name}.weight"], state[f"{name}.bias"]) for name in names], 0)
    read = build(name_layers(read_ncnn(*files))).state_dict()
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_an_odd_number_of_halves_is_padded() -> None:
    weight = torch.arange(9.0).reshape(1, 1, 3, 3)
    param, data = written([(weight, torch.tensor([7.0]))])
    assert len(data) == 4 + 18 + 2 + 4
    (layer,) = read_ncnn(param, data)
    assert layer.bias is not None
    assert torch.equal(layer.weight.float(), weight)
    assert layer.bias.item() == 7


PARAM, DATA = of_compact()


@pytest.mark.parametrize(
    ("param", "data", "reason"),
    [
        (b"", DATA, "not text of ncnn"),
        (b"\xff\xfe", DATA, "not text of ncnn"),
        (b"7767518" + PARAM[7:], DATA, "does not begin"),
        (PARAM.replace(b"10 9", b"11 9"), DATA, "does not begin"),
        (PARAM + b"\n" * (1 << 20), DATA, "larger than"),
        (b"7767517\n5000 1\n" + b"Input in 0 1 data\n" * 5000, DATA, "more layers"),
        (PARAM.replace(b"PReLU", b"Python", 1), DATA, "a layer 'Python'"),
        (PARAM.replace(b"1=3", b"1=5", 1), DATA, "not 3x3"),
        (PARAM.replace(b"5=1", b"5=0", 1), DATA, "not 3x3"),
        (PARAM.replace(b" 6=", b" 7=", 1), DATA, "makes no sense"),
        (PARAM.replace(b"0=8", b"0=-8", 1), DATA, "not 3x3"),
        (PARAM.replace(b"0=8", b"0=0", 1), DATA, "not 3x3"),
        (PARAM.replace(b"p1 1 1", b"p1 1 99"), DATA, "too few blobs"),
        (PARAM.replace(b"p1 1 1 a b 0=8", b"p1 1 1 a b 0=999999999999999"), DATA, "cut short"),
        (PARAM.replace(b"p1 1 1 a b 0=8", b"p1 1 1 a b 0=0"), DATA, "cut short"),
        (PARAM, DATA[:-1], "cut short"),
        (PARAM, b"", "cut short"),
        (PARAM, DATA + b"\0", "1 bytes too many"),
        (PARAM, b"\1\2\3\4" + DATA[4:], "neither float16 nor float32"),
    ],
)
def test_refused_in_one_line(param: bytes, data: bytes, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as caught:
        read_ncnn(param, data)
    assert caught.value.code == "bad_network"
    assert "\n" not in caught.value.message


def test_layers_that_are_no_network_are_refused() -> None:
    conv = (torch.zeros(8, 8, 3, 3), torch.zeros(8))
    with pytest.raises(RequestError, match="not those of a Real-ESRGAN"):
        name_layers(read_ncnn(*written([conv] * 7)))


@given(
    at=st.integers(0, len(PARAM) - 1),
    to=st.binary(max_size=4),
    cut=st.integers(0, 4),
    data=st.sampled_from([DATA, b""]),
)
def test_a_changed_file_is_read_or_refused(at: int, to: bytes, cut: int, data: bytes) -> None:
    changed = PARAM[:at] + to + PARAM[at + cut :]
    try:
        layers = read_ncnn(changed, data)
    except RequestError:
        return
    stored = sum(x.numel() * x.element_size() for layer in layers for x in (layer.weight, layer.bias) if x is not None)
    assert stored <= len(data)
