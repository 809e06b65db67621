"""Checks of the device for `akma doctor`: is it there, is it fast, do the encoders open."""

import importlib.util
import os
import re
import shutil
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import torch

from akma_core.doctor.finding import CheckContext, CheckResult, bad, failed, ok, summary, warn
from akma_core.errors import RequestError
from akma_core.machine import cores, memory
from akma_core.networks.kernels import compiled as kernels
from akma_core.networks.realesrgan import catalog as upscaling
from akma_core.render.plan import NetworkPart

GB = 10**9
MEMORY = 4.0 * GB  # bytes; what a network of 1024 pixels takes on a CPU
SLOW = 1.0  # seconds a picture of ink
RUNS = 3
SOUNDS = {"aac": "flt", "alac": "s32", "flac": "s32"}  # codecs, and how their samples come
NODES = re.compile(r"nvidia\d+")  # in /dev, one for each GPU
DRIVER = re.compile(r"Kernel Module.*?\s(\d+\.[\d.]+)")


def device(wish: CheckContext) -> CheckResult:
    """The device that was asked for, and what it is."""
    asked = wish.environment.device
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not there and (asked.startswith("cuda") or (asked == "auto" and _nodes())):
        why, advice = _obstacle()
        what = f"device {asked} is asked for, and" if asked != "auto" else "there is a GPU, but"
        return bad(f"{what} {why}", f"{advice}; or set AKMA_DEVICE=cpu")
    if not there or asked == "cpu":
        return _processor()
    index = int(asked.partition(":")[2] or 0)
    if index >= there:
        return bad(f"device {asked} is asked for, and there are {there} GPUs", "count them from cuda:0")
    return _gpu([index] if ":" in asked else range(there))


def _nodes() -> list[str]:
    folder = Path("/dev")
    return [path.name for path in folder.iterdir() if NODES.fullmatch(path.name)] if folder.is_dir() else []


def _obstacle() -> tuple[str, str]:
    """Why torch sees no GPU, and what helps."""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build for CPUs", "install torch's CUDA build"
    if not _nodes():
        return "there is none in /dev", "install NVIDIA's driver, or give the container its GPUs: docker run --gpus all"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides it", "unset that"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        return f"torch cannot use it ({str(error).splitlines()[0][:200]})", "bring NVIDIA's driver up to date"
    return "torch cannot use it", "bring NVIDIA's driver up to date"


def _processor() -> CheckResult:
    count, size = cores(), memory()
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        size = min(size, int(text))
    instructions = torch.backends.cpu.get_cpu_capability().replace("AVX", "AVX-").replace("AVX-2", "AVX2")
    text = f"CPU, {count} core{'s' * (count != 1)}, {size / GB:.0f} GB, {instructions}"
    return warn(text, "networks of 1024 pixels want 4 GB of memory") if size < MEMORY else ok(text)


def _gpu(indices: Sequence[int]) -> CheckResult:
    """Each of them computes something."""
    names, troubles = [], []
    for index in indices:
        about = torch.cuda.get_device_properties(index)
        name = f"cuda:{index} {about.name}"
        names.append(f"{name}, {about.total_memory / GB:.0f} GB, compute capability {about.major}.{about.minor}")
        try:
            right = torch.arange(1000, device=index).sum().item() == 499500
            free, total = torch.cuda.mem_get_info(index)
        except RuntimeError as error:
            reason = str(error).splitlines()[0][:200]
            troubles.append(bad(f"{name} does not compute ({reason})", "install a torch and a driver made for it"))
            continue
        if not right:
            troubles.append(bad(f"{name} computes wrongly", "do not use it"))
        if free < total / 2:
            message = f"{name} has {free / GB:.0f} of {total / GB:.0f} GB free"
            troubles.append(warn(message, "stop what else uses it: see nvidia-smi"))
    if importlib.util.find_spec("triton") is None:
        troubles.append(warn("without Triton a GPU runs at a part of its speed", "pip install triton"))
    elif not any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))):
        troubles.append(warn("Triton finds no C compiler", "install gcc and libc6-dev"))
    driver = Path("/proc/driver/nvidia/version")
    match = DRIVER.search(driver.read_text()) if driver.is_file() else None
    return summary(
        f"{'; '.join(names)}, driver {match[1] if match else 'unknown'}, CUDA {torch.version.cuda}", troubles
    )


def _on_gpu(wish: CheckContext) -> bool:
    return torch.cuda.is_available() and wish.environment.device != "cpu"


def compiled(wish: CheckContext) -> CheckResult:
    """Check that a CPU has the fast kernels."""
    if _on_gpu(wish):
        return ok("not needed: a GPU renders")
    if os.environ.get("AKMA_COMPILED") == "0":
        return warn("AKMA_COMPILED=0: plain torch takes 2 to 4 times as long", "unset AKMA_COMPILED")
    if not kernels.available():
        return warn("Numba does not work here: plain torch takes 2 to 4 times as long", "pip install --upgrade numba")
    from akma_core.networks.stylegan3 import filtered_lrelu_numba

    functions = vars(filtered_lrelu_numba).values()
    caches = [function.stats.cache_path for function in functions if hasattr(function, "stats")]
    if not all(caches):
        advice = "set NUMBA_CACHE_DIR to a folder of this user's"
        return warn("Numba has no place for its machine code: every start compiles for half a minute", advice)
    return ok(f"by Numba{' for AMX' if kernels.has_amx() else ''}, kept in {caches[0]}")


def picture(wish: CheckContext) -> CheckResult:
    """Pictures of the built-in network, as a render makes them."""
    from akma_core.networks.builtin import find
    from runners.network import NetworkRunner, choose_device, device_part

    folder, card = find("ink")
    chosen = choose_device(wish.environment.device)
    part = device_part(chosen, card)
    runner = NetworkRunner(folder, chosen, part.batch, part.dtype)
    network = NetworkPart(
        name=card.name, digest=card.digest, width=card.width, height=card.height, class_index=0, truncation_psi=1
    )
    w = runner.mapping(network, range(runner.step)).astype("float32")
    pictures = runner.pictures(w).cpu()  # warms up, which may take a compilation
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        pictures = runner.pictures(w).cpu()
        seconds.append((time.perf_counter() - began) / len(w))
    if pictures.float().std() < 1:
        return bad("ink's pictures are blank", "do not use this device: set AKMA_DEVICE to another")
    text = f"ink {min(seconds):.2g} s a picture: a minute of video takes {min(seconds) * 30:.2g} minutes"
    return warn(text, "use a GPU, or a CPU with more cores") if min(seconds) > SLOW else ok(text)


def encoders(wish: CheckContext) -> CheckResult:
    """Check that H.264 and each sound open, and NVENC where it is asked for."""
    import av

    from akma_core.media.encoder import NVENC, Encoder, choose
    from akma_core.media.mux import SoundFormat

    encoder = Encoder(width=1280, height=720, fps=Fraction(30), crf=16.0)
    encoder.check()
    choose(encoder, wish.encoder, gpu=False)  # raises where NVENC was asked for
    nvenc = choose(encoder, "auto", gpu=True).codec == NVENC
    troubles = []
    for codec, sample in SOUNDS.items():
        try:
            SoundFormat(codec, 48000, 2, sample).encoder()
        except (av.FFmpegError, ValueError):
            troubles.append(bad(f"the encoder {codec} does not open", "pip install --force-reinstall av"))
    return summary(f"libx264, {', '.join(SOUNDS)}; NVENC {'opens' if nvenc else 'does not open here'}", troubles)


def upscalers(_wish: CheckContext) -> CheckResult:
    """Check that the upscalers that have a name are installed, and whole."""
    here, missing, troubles = [], [], []
    for name, card in upscaling.cards().items():
        if not upscaling.installed(card):
            missing.append(name)
            continue
        here.append(name)
        try:
            upscaling.read_files(card)
        except RequestError as error:
            troubles.append(failed(error))
    more = f"; not installed: {', '.join(missing)} (pip install akma[x4plus])" if missing else ""
    return summary(", ".join(here) + more, troubles)
