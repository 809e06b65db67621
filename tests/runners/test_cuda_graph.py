"""On a GPU: the published pictures, half precision beside float32, graphs beside plain calls, planes beside the CPU's.

Skipped without one; what can be tested without is in test_memory.py.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.inputs import Inputs, as_inputs
from akma_core.networks import builtin
from akma_core.networks.card import read_card
from akma_core.networks.kernels.compiled import TRITON
from runners import cuda_graph
from runners.cuda_graph import CudaBatches, Graph
from runners.network import NetworkRunner, device_part
from tests.support.golden import NAMES, Golden

from .test_network import CPU, some_w

CUDA = torch.device("cuda")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_a_short_batch_is_filled_with_its_last() -> None:
    w = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert as_inputs(w).filled(5).ws[:, 0, 0].tolist() == [0, 2, 4, 4, 4]
    assert np.array_equal(as_inputs(w).filled(3).ws[:, 0], w)


def squares(side: int = 7) -> Callable[..., Tensor]:
    """A network whose picture is the first row of its ws all over, moved by the camera and dimmed by the exposure."""

    def compute(
        ws: Tensor, transform: Tensor | None = None, colour: Tensor | None = None, _: Tensor | None = None
    ) -> Tensor:
        w = ws[:, 0, :3] if ws.ndim == 3 else ws[:, :3]
        w = w if transform is None else w + transform[:, 0, 2, None]
        w = w if colour is None else w * colour[:, :1]
        return (w[:, None, None] * 10).clamp(0, 255).to(torch.uint8).expand(-1, side, side, 3).contiguous()

    return compute


def planes_of(w: NDArray[np.float32]) -> NDArray[np.uint8]:
    planes: NDArray[np.uint8] = rgb_to_yuv420(squares()(torch.from_numpy(w))[:, :6, :6]).numpy()
    return planes


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A CPU as CUDA device: everything happens at once, and nothing can be captured."""

    class Thing:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no graphs here\nand a second line")

    for name in ("Stream", "Event", "CUDAGraph", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, Thing)
    for name in ("stream", "device"):
        monkeypatch.setattr(torch.cuda, name, nullcontext)
    monkeypatch.setattr(torch.cuda, "graph", refuse)
    monkeypatch.setattr(cuda_graph, "_pinned", torch.empty_like)
    return CPU


def test_batches_in_flight_keep_their_order(stand_in: torch.device) -> None:
    notes: list[str] = []
    batches = CudaBatches(squares(), 2, (4, 3), stand_in, notes)
    assert notes == ["no CUDA graph (no graphs here): rendered without, which is slower"]
    w = np.arange(33, dtype=np.float32).reshape(11, 3) % 25
    taken: list[int] = []

    def ws() -> Iterator[NDArray[np.float32]]:
        for k in range(0, 11, 2):
            taken.append(k)
            yield w[k : k + 2]

    found = []
    for planes in batches.planes(ws()):
        found.append(planes)
        assert len(taken) == min(len(found) + 1, 6)  # one ahead
    assert [len(p) for p in found] == [2, 2, 2, 2, 2, 1]
    assert np.array_equal(np.concatenate(found), planes_of(w))
    assert torch.equal(batches.pictures(w[:5]), squares()(torch.from_numpy(w[:5])))
    assert not list(batches.planes([]))


def test_a_batch_in_flight_survives_that_the_next_is_halved(stand_in: torch.device) -> None:
    plain, most = squares(), [4]

    def compute(w: Tensor, *_: Tensor | None) -> Tensor:
        if len(w) > most[0]:
            raise torch.OutOfMemoryError
        return plain(w)

    notes: list[str] = []
    batches = CudaBatches(compute, 4, (1, 3), stand_in, notes)
    w = np.arange(36, dtype=np.float32).reshape(12, 3) % 25

    def ws() -> Iterator[NDArray[np.float32]]:
        for k in range(0, 12, 4):
            most[0] = 4 if k < 4 else 1
            yield w[k : k + 4]

    found = list(batches.planes(ws()))
    assert [len(p) for p in found] == [4, 1, 1, 1, 1, 1, 1, 1, 1]
    assert np.array_equal(np.concatenate(found), planes_of(w))
    assert sum("memory ran out" in note for note in notes) == 2


def test_camera_and_colour_reach_the_graph(stand_in: torch.device) -> None:
    batches = CudaBatches(squares(), 2, (4, 3), stand_in, [])
    ws = np.random.default_rng(0).uniform(1, 9, (5, 4, 3)).astype(np.float32)
    transform = np.repeat(np.eye(3, dtype=np.float32)[None], 5, axis=0)
    transform[:, 0, 2] = np.arange(5)
    colour = np.linspace(0.5, 1.5, 15, dtype=np.float32).reshape(5, 3)
    for inputs in (Inputs(ws), Inputs(ws, transform), Inputs(ws, transform, colour), Inputs(ws[:, :1], None, colour)):
        given = [None if x is None else torch.from_numpy(x) for x in (inputs.transform, inputs.colour)]
        expected = squares()(torch.from_numpy(inputs.ws), *given)
        assert torch.equal(batches.pictures(inputs), expected)
        planes = list(batches.planes([inputs[:2], inputs[2:4], inputs[4:]]))
        assert np.array_equal(np.concatenate(planes), rgb_to_yuv420(expected[:, :6, :6]).numpy())


@pytest.fixture
def exact() -> Any:
    """Float32 convolutions without TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@gpu
def test_triton_is_here() -> None:
    assert TRITON, "a CUDA build of torch brings it"


@gpu
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("exact")
def test_golden_pictures_in_float32(name: str) -> None:
    golden = Golden(name)
    generator = golden.generator()
    synthesis = generator.synthesis.to(CUDA)
    img = synthesis(golden["ws"].to(CUDA)).cpu()
    assert (img - golden["img"]).abs().max() < 1e-4


@gpu
@pytest.mark.parametrize("name", NAMES)
def test_golden_pictures_in_half_precision(name: str) -> None:
    golden = Golden(name)
    synthesis = golden.generator().synthesis.to(CUDA)
    synthesis.use_fp16()
    img = synthesis(golden["ws"].to(CUDA)).cpu()
    error = (img.clamp(-1, 1) - golden["img"].clamp(-1, 1)).square().mean().sqrt()
    assert 20 * math.log10(2 / float(error)) > 45


@gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.usefixtures("exact")
def test_the_kernel_beside_plain_torch(dtype: torch.dtype) -> None:
    """Every layer of the built-in network, which is an R of 256 pixels."""
    from akma_core.networks.stylegan3 import file

    generator = file.load(builtin.find("ink")[0])
    synthesis = generator.synthesis.to(CUDA)
    for layer in synthesis.layers[:-1]:
        activation = layer.activation
        assert activation is not None
        assert activation.gpu_plan(dtype, CUDA) is not None
        n, channels = layer.geometry.conv_size, 40
        x = torch.randn(2, channels, n, n, device=CUDA).to(dtype)
        scale, out_scale = torch.rand(2, 2, channels, device=CUDA) + 0.5
        bias = torch.randn(channels, device=CUDA)
        got = activation(x, scale, bias, out_scale).float()
        expected = activation.reference(x.float(), scale, bias, out_scale)
        assert (got - expected).abs().max() < (1e-2 if dtype == torch.float16 else 1e-5)
        assert torch.equal(got, activation(x, scale, bias, out_scale).float()), "the same bits every time"


@gpu
def test_ink_beside_the_cpu() -> None:
    folder, card = builtin.find("ink")
    cpu, cuda = NetworkRunner(folder, CPU, 1), NetworkRunner(folder, CUDA, 2, "float16")
    assert not cuda.notes, "the graph was captured"
    w = some_w(cpu, folder, 4)
    a, b = cpu.pictures(w).float(), cuda.pictures(w).cpu().float()
    error = (a - b).square().mean().sqrt()
    assert 20 * math.log10(255 / float(error)) > 45
    assert device_part(CUDA, card).dtype == "float16"


@gpu
def test_a_graph_is_its_plain_calls(network: Path) -> None:
    runner = NetworkRunner(network, CUDA, 4, "float16")
    assert not runner.notes
    w = some_w(runner, network, 4)
    with torch.inference_mode():
        plain = runner._compute(torch.from_numpy(w).to(CUDA)[:, None], None, None)
    assert torch.equal(runner.pictures(w), plain)
    assert torch.equal(runner.pictures(w), plain)


@gpu
def test_planes_are_the_cpus_of_the_same_pictures(network: Path) -> None:
    runner = NetworkRunner(network, CUDA, 4, "float16")
    w = some_w(runner, network, 27)
    ws = [w[k : k + 4] for k in range(0, 27, 4)]
    planes = list(runner.planes(ws))
    assert [len(p) for p in planes] == [4, 4, 4, 4, 4, 4, 3]
    pictures = torch.cat([runner.pictures(part) for part in ws]).cpu()
    assert np.array_equal(np.concatenate(planes), rgb_to_yuv420(pictures).numpy())
    # Left in the middle and begun anew: no picture of the last one turns up.
    left = runner.planes(ws)
    next(left)
    assert np.array_equal(next(iter(runner.planes(ws[3:]))), planes[3])


@gpu
def test_memory_that_runs_out_halves_the_batch() -> None:
    plain = squares()

    def compute(w: Tensor, *_: Tensor | None) -> Tensor:
        if len(w) > 2:
            raise torch.OutOfMemoryError
        return plain(w)

    notes: list[str] = []
    batches = CudaBatches(compute, 8, (1, 3), CUDA, notes)
    assert len(notes) == 2
    w = np.arange(21, dtype=np.float32).reshape(7, 3)
    assert torch.equal(batches.pictures(w).cpu(), plain(torch.from_numpy(w)))
    planes = list(batches.planes([w[:5], w[5:]]))
    assert [len(p) for p in planes] == [2, 2, 1, 2]
    assert np.array_equal(np.concatenate(planes), planes_of(w))


@gpu
def test_what_cannot_be_captured_is_rendered_without_a_graph() -> None:
    plain = squares()

    def compute(w: Tensor, *_: Tensor | None) -> Tensor:
        if torch.cuda.is_current_stream_capturing():
            raise RuntimeError("not in a graph")
        return plain(w)

    notes: list[str] = []
    graph = Graph(compute, 2, (1, 3), CUDA, notes)
    assert len(notes) == 1
    assert "not in a graph" in notes[0]
    graph.ws.fill_(7)
    graph.run()
    assert (graph.rgb == 70).all()


@gpu
def test_the_plans_batch_fits(network: Path) -> None:
    part = device_part(CUDA, read_card(network))
    runner = NetworkRunner(network, CUDA, part.batch, part.dtype)
    assert not runner.notes
    assert len(runner.pictures(some_w(runner, network, 1))) == 1
