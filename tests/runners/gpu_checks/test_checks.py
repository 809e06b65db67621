"""Every check that a CPU can stand in for, run as on a card but small, and what each must find where something is off.

The kernels run in Triton's interpreter. No card is needed; what the interpreter says is not what a card says.
"""

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when the kernel is defined

from akma_core.media.encoder import X264
from runners.gpu_checks import batches, kernels, memory, nvenc, precision, roofline, speeds, upscalers, versus
from runners.gpu_checks.bench import Bench
from runners.gpu_checks.catalog import CHECKS
from runners.gpu_checks.networks import Shape
from runners.network import NetworkRunner

CPU = torch.device("cpu")
triton = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
QUICK = (
    "half-t", "half-r", "half-f", "graphs", "batches", "memory", "out-of-memory", "upscalers", "roofline",
    "speed-t-256", "speed-f-512",
)  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(CPU, tmp_path)


@pytest.mark.parametrize("name", QUICK)
def test_a_check_on_the_cpu(bench: Bench, name: str) -> None:
    figures = list(CHECKS[name].run(bench))
    assert figures
    assert not [figure.told for figure in figures if not figure.good]


@triton
@pytest.mark.parametrize("name", ["kernels-t", "kernels-f"])
def test_kernels_in_the_interpreter(bench: Bench, name: str) -> None:
    figures = list(CHECKS[name].run(bench))
    assert {figure.name.split(",")[0].split()[1] for figure in figures} == {"fp16", "fp32"}
    assert all(0 < figure.value <= (figure.at_most or 0) for figure in figures), [f.told for f in figures]


@triton
def test_a_kernel_that_is_wrong_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from akma_core.networks.stylegan2 import epilogue_triton

    right = epilogue_triton.finish
    monkeypatch.setattr(epilogue_triton, "finish", lambda x, e, taps: right(x, replace(e, slope=0.3), taps))
    assert not any(figure.good for figure in kernels.stylegan2(bench))


def test_half_precision_that_loses_too_much_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    right = precision.pictures_of

    def coarse(synthesis: torch.nn.Module, w: torch.Tensor, *, half: bool) -> torch.Tensor:
        pictures = right(synthesis, w, half=False)
        return pictures // 8 * 8 if half else pictures

    monkeypatch.setattr(precision, "pictures_of", coarse)
    assert [figure.good for figure in precision.stylegan2(bench)] == [True, False]


def test_batches_that_differ_are_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    right = NetworkRunner.pictures
    calls = iter(range(10**6))
    monkeypatch.setattr(NetworkRunner, "pictures", lambda self, w: right(self, w) + next(calls) % 2)
    wrong = {figure.name.partition(" ")[2] for figure in batches.graphs(bench) if not figure.good}
    assert "values other the second time" in wrong


def test_memory_that_does_not_run_out_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TOO_MUCH", 1e-6)
    assert [figure.good for figure in memory.runs_out(bench)] == [False, True]


def test_segments_of_one_encoder_join_and_others_are_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(figure.good for figure in nvenc.compared(bench, X264))
    right, made = nvenc.write, iter(range(10))

    def dimmed(path: Path, encoder: Any, planes: Any) -> None:
        right(path, encoder, planes // 2 if next(made) < nvenc.SEGMENTS else planes)

    monkeypatch.setattr(nvenc, "write", dimmed)
    wrong = {figure.name for figure in nvenc.compared(bench, X264) if not figure.good}
    assert {"mean of Y from x264's", "pictures against x264's"} <= wrong


def test_an_upscaler_on_the_cpu_tells_each_stage(bench: Bench) -> None:
    figures = {figure.name: figure for figure in CHECKS["speed-animevideov3-512"].run(bench)}
    told = " ".join(figures)
    assert all(word in told for word in ("upscaler", "conversion", "copy", "encoder x264", "roofline", "limited by"))
    assert all(figure.value > 0 for figure in figures.values())


def test_costs_are_the_published_networks() -> None:
    """571 GFLOP a picture of T-1024 and 2.0 GB of fp16 traffic: shared/specs, worked out by hand."""
    cost = roofline.cost_of("t", Shape("t-1024").config(small=False))
    assert cost.operations == pytest.approx(571e9, rel=0.05)
    assert cost.traffic == pytest.approx(2.0e9, rel=0.1)


def test_costs_of_an_upscaler_are_its_convolutions() -> None:
    from akma_core.networks.realesrgan.srvgg import SRVGGNetCompact

    network = SRVGGNetCompact(64, 16, 4).eval()
    weights = sum(p.numel() for p in network.parameters() if p.ndim == 4)
    assert roofline.cost_of_upscaler(network, 512, 2).operations == pytest.approx(2 * 512**2 * weights)


def test_a_checkout_of_published_code(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the published names, around the plain form: another computation of the same networks."""
    folder = tmp_path / "checkout" / "training"
    folder.mkdir(parents=True)
    for module, package in (("networks_stylegan3", "stylegan3"), ("networks_stylegan2", "stylegan2")):
        text = f"""
from akma_core.networks.{package}.config import GeneratorConfig
from akma_core.networks.{package}.generator import Generator as Ours

def Generator(**settings):
    return Ours(GeneratorConfig(**settings), compiled=False)
"""
        (folder / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))  # so that what the check adds is taken away again
    for name in ["training", *(name for name in sys.modules if name.startswith("training."))]:
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name))  # and what it removes is there again
    figures = list(versus.check(replace(bench, versus=tmp_path / "checkout")))
    assert len(figures) == 5 * len(versus.NAMES)
    assert not [figure.told for figure in figures if not figure.good]
    assert not list(versus.check(bench))


def test_targets_are_of_checks_that_exist() -> None:
    known = {check.arguments for check in CHECKS.values()}
    assert all(
        ((name,) in known) or (name.rpartition("-")[0], int(name.rpartition("-")[2])) in known
        for name in speeds.TARGETS
    )
    assert set(upscalers.here()) <= set(upscalers.NAMES)
