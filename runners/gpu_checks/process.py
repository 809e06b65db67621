"""The process of one check: figures on stdout, a JSON object a line, as they are found; what went wrong last."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path


def main(name: str, device: str, versus: str) -> None:
    """Run the check called `name` on `device`. What a library writes to stdout goes nowhere."""
    if device == "cpu":
        os.environ["TRITON_INTERPRET"] = "1"  # read when kernels are defined
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

        def tell(line: object) -> None:
            print(json.dumps(line), file=out, flush=True)

        import torch

        from runners.gpu_checks.bench import Bench
        from runners.gpu_checks.catalog import CHECKS

        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="akma-gpu-") as folder:
            bench = Bench(torch.device(device), Path(folder), Path(versus) if versus else None)
            try:
                for figure in CHECKS[name].run(bench):
                    tell({"figure": figure.as_dict()})
            except Exception as error:
                if os.environ.get("AKMA_DEBUG"):
                    raise
                text = " ".join(str(error).split())[:300]
                tell({"error": f"{type(error).__name__}: {text}"})
        tell({"seconds": round(time.perf_counter() - began, 3)})


if __name__ == "__main__":
    main(*sys.argv[1:4])
