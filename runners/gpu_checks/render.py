"""A short render by the real command: killed and resumed, and the same plan on a CPU."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import soundfile
import torch

from akma_core.files import sha256_of
from akma_core.media.segment import segment_info

from .bench import Bench
from .figure import Figure, Figures, psnr
from .networks import Shape, folder_of

SECONDS, SMALL_SECONDS = 60, 11
FPS = 8
LIMIT = 42.0  # dB: half precision's 45 with what the codec loses at its finest
PATIENCE = 60.0  # seconds for a render


def resumed(bench: Bench) -> Figures:
    """A render that is killed after its first chunk and begun again gives the bytes of one that was not."""
    song = _song(bench)
    whole, cut = bench.folder / "whole.mp4", bench.folder / "cut.mp4"
    _finish(_start(bench, song, whole))
    process = _start(bench, song, cut)
    deadline = time.monotonic() + PATIENCE
    while not _segments(cut) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = len(_segments(cut))
    yield Figure("chunks that the killed render left", kept, at_least=1)
    yield Figure("whole videos that it left", float(cut.exists()), at_most=0)
    said = _finish(_start(bench, song, cut))
    yield Figure("chunks that were taken up again", float("going on" in said) * kept, at_least=1)
    yield Figure("videos with other bytes", float(sha256_of(whole) != sha256_of(cut)), at_most=0)


def on_cpu(bench: Bench) -> Figures:
    """The manifest of a render on the device rendered again on a CPU: how far its pictures are."""
    song = _song(bench, SMALL_SECONDS)
    there, here = bench.folder / "there.mp4", bench.folder / "here.mp4"
    _finish(_start(bench, song, there, "--duration", "2", "--crf", "1"))
    _finish(_start(bench, song, here, manifest=there.with_suffix(".json"), device="cpu"))
    a, b = _luma(there), _luma(here)
    yield Figure("frames that are missing", abs(len(a) - len(b)), at_most=0)
    count = min(len(a), len(b))
    yield Figure("the device's video against the CPU's", psnr(a[:count], b[:count]), "dB", at_least=LIMIT)


def _song(bench: Bench, seconds: int | None = None) -> Path:
    seconds = seconds or (SMALL_SECONDS if bench.small else SECONDS)
    path, rate = bench.folder / f"{seconds}.wav", 8000
    time_ = np.arange(seconds * rate) / rate
    soundfile.write(path, np.sin(2 * np.pi * 220 * time_) * np.abs(np.sin(np.pi * time_)) * 0.5, rate)
    return path


def _start(
    bench: Bench, song: Path, video: Path, *more: str, manifest: Path | None = None, device: str = ""
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", "-m", "akma_core.cli", "render", str(song), "-o", str(video)]
    command += ["--device", device or str(bench.device), "--encoder", "x264"]
    folder, _ = folder_of(Shape("t-256" if bench.small else "ink"), bench)
    command += ["--model", str(folder)] if bench.small else []
    if manifest:
        command += ["--manifest", str(manifest)]
    else:
        command += ["--seed", "1", "--fps", str(FPS if bench.small else 30), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _finish(process: "subprocess.Popen[str]") -> str:
    """Output of the process, once it has ended well; RuntimeError otherwise."""
    said = process.communicate(timeout=PATIENCE)[1]
    if process.returncode:
        raise RuntimeError(f"akma render ended with {process.returncode}: {said.strip()[-300:]}")
    return said


def _segments(video: Path) -> list[Path]:
    """Finished chunks of a render under way."""
    found = video.parent.glob(f".{video.name}.parts/*/chunk*.mp4")
    return [path for path in found if segment_info(path) is not None]


def _luma(video: Path) -> torch.Tensor:
    with av.open(str(video)) as container:
        width = container.streams.video[0].width
        frames = [frame.to_ndarray(format="gray")[:, :width] for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames))
