"""`akma doctor --gpu`: the whole GPU path checked and timed, each part by itself."""

import argparse
import json

from akma_core.errors import FailureError, RequestError

FILE = "gpu-checks.json"  # in AKMA_HOME


def run(options: argparse.Namespace, device: str) -> None:
    """Print a line a check; RequestError for a wrong name, FailureError where something is bad or there is no card."""
    from runners.gpu_checks.catalog import BUDGET, CHECKS

    if unknown := [name for name in options.only if name not in CHECKS]:
        raise RequestError(f"there is no check {unknown[0]}: choose from {', '.join(CHECKS)}", code="bad_arguments")
    if options.dry_run:
        print(f"At most {BUDGET:.0f} s a call; what is left then is done by the next. Seconds are each check's limit.")
        for name, check in CHECKS.items():
            where = "needs a card" if check.needs_card else "with --versus" if check.optional else ""
            print(f"{name:<28} {check.seconds:>4.0f} s  {where:<13} {check.about}")
        return
    import torch

    from akma_core.home import home
    from runners.gpu_checks.suite import Suite
    from runners.network import choose_device

    chosen = choose_device(device)
    if chosen.type == "cpu" and device != "cpu":
        message = "torch sees no GPU here: see akma doctor device, or rehearse on the CPU with --device cpu"
        raise FailureError(message, code="unfit")
    if options.versus and not (options.versus / "training").is_dir():
        message = f"{options.versus} is no checkout of stylegan3: give the folder that has training/"
        raise RequestError(message, code="bad_arguments", field="versus")
    versus = str(options.versus.absolute()) if options.versus else ""
    suite = Suite(home() / FILE, str(chosen), versus)
    results = []
    if not options.json:
        print(f"{suite.machine['device']}, torch {torch.__version__}, CUDA {torch.version.cuda}", flush=True)
    for result in suite.run(options.only):
        results.append(result)
        if not options.json:
            print("\n".join(result.lines), flush=True)
    wrong = [result.name for result in results if result.state == "bad"]
    if options.json:
        checks = [result.as_dict() for result in results]
        print(json.dumps({"ok": not wrong, "machine": suite.machine, "checks": checks}, indent=1))
    if wrong:
        raise FailureError(f"{len(wrong)} of {len(results)} checks are bad: {', '.join(wrong)}", code="unfit")
