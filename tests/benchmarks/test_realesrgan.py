"""The benchmark of the upscalers: what it counts, and that a pass runs to its end."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from akma_core.networks.realesrgan.upscaler import Upscaler
from tests.support.upscaler_samples import small_compact, small_rrdb

FILE = Path(__file__).parents[2] / "benchmarks" / "realesrgan.py"
BENCHMARK = runpy.run_path(str(FILE))
flop, peak = BENCHMARK["flop"], BENCHMARK["peak"]


@pytest.mark.parametrize(
    ("device", "tera"),
    [("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA L4", 121), ("NVIDIA L40S", 362),
     ("NVIDIA A10G", 70), ("NVIDIA A100-SXM4-80GB", 312), ("Tesla T4", 65)],
)  # fmt: skip
def test_a_gpus_peak_is_its_own(device: str, tera: float, monkeypatch: pytest.MonkeyPatch) -> None:
    upscaler = Upscaler(small_compact(), name="small", digest="0" * 64)
    upscaler.device, upscaler.dtype = torch.device("cuda"), torch.float16
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: device)
    assert peak(upscaler, lambda: 0.0)[0] == tera * 1e12


def test_operations_are_counted_at_the_size_they_are_done_at() -> None:
    compact = Upscaler(small_compact(), name="small", digest="0" * 64)
    channels = [(3, 8), (8, 8), (8, 8), (8, 8), (8, 48)]
    assert flop(compact, 10, 7) == 70 * sum(2 * 9 * a * b for a, b in channels)
    half = Upscaler(small_rrdb(2), name="small", digest="0" * 64)
    assert flop(half, 9, 8) == flop(half, 10, 7), "the pixel-unshuffle of scale 2 fills up"


def test_a_whole_pass() -> None:
    command = [sys.executable, str(FILE), "--size", "16", "--rounds", "1", "--threads", "1", "--pass", "3"]
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True, timeout=120).stdout
    result = json.loads(said)
    assert result["pass_size"] == "16x16 to 64x64"
    stages = {stage: result[f"{stage}_frames_per_second"] for stage in ("decode", "network", "convert", "encode")}
    assert result["limit"] == min(stages, key=lambda stage: stages[stage])
    assert result["share_of_roofline"] > 0
    share = result["pass_frames_per_second"] / stages[result["limit"]]
    assert result["pass_against_limit"] == pytest.approx(share, rel=0.05)
