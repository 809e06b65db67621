"""Page faults of a network's activations, by when the allocator was told to keep memory, and by the environment.

    python benchmarks/allocator.py

Blocks of the sizes of T-512's layers are allocated and freed by two threads, picture after picture, in a process of
their own; a figure is the page faults of a picture once all is warm (median), 4096 bytes each. "late": threads ended
before keep_mapped was called, as those of a song's analysis do. Their arenas go to the threads that render, and from
such an arena glibc gives every large block back to the kernel, whatever the settings say.
"""

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

SIZES = (36, 52, 52, 84, 84, 148, 148, 276, 276, 276, 532, 532)
CHANNELS = (512, 512, 512, 512, 512, 512, 406, 323, 203, 128, 81, 64)
HUGE = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}
SMALLER = {"MALLOC_MMAP_THRESHOLD_": "100000000", "MALLOC_TRIM_THRESHOLD_": "100000000"}
ENVIRONMENTS = {"none": {}, "4 GB": HUGE, "100 MB": SMALLER}
ROUNDS = 8


def faults(when: str) -> float:
    """Page faults a picture, in this process; `when` is early, late or never."""
    from akma_core.networks.kernels.allocator import keep_mapped

    if when == "early":
        keep_mapped()
    import torch

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: float(torch.ones(1000).sum()), range(8)))
    if when == "late":
        keep_mapped()

    def picture(_: int) -> None:
        held: list[torch.Tensor] = []
        for size, channels in zip(SIZES, CHANNELS, strict=True):
            for side in (size + 2, size):
                block = torch.empty(side * side * channels)
                block[::1024] = 1
                held = [*held[-1:], block]

    found = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            list(pool.map(picture, range(2)))
            found.append((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 2)
    return median(found[ROUNDS // 2 :])


def measured(when: str, environment: dict[str, str]) -> float:
    """The same in a process of its own."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    command = [sys.executable, __file__, when]
    done = subprocess.run(command, env=bare | environment, capture_output=True, text=True, check=True, cwd=ROOT)
    return float(json.loads(done.stdout))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(faults(sys.argv[1])))
    else:
        print("keep_mapped   page faults a picture, MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ being")
        print(f"{'':12}" + "".join(f"{name:>10}" for name in ENVIRONMENTS))
        for when in ("never", "late", "early"):
            row = [measured(when, environment) for environment in ENVIRONMENTS.values()]
            print(f"{when:12}" + "".join(f"{number:10.0f}" for number in row), flush=True)
