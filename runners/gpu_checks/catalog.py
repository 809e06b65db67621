"""The checks of `akma doctor --gpu` in order: what each looks at, how long it may take, and whether a CPU can do it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from .bench import Bench
from .figure import Figures
from .networks import RESOLUTIONS

BUDGET = 480.0  # seconds that one call may take; what is left then is done by the next


@dataclass(frozen=True)
class GpuCheck:
    """A check by itself: `module:function`, or a function with arguments after it."""

    about: str
    where: str
    seconds: float
    """Time limit, its process' start included."""
    needs_card: bool = False
    """True where a CPU cannot stand in."""
    arguments: tuple[object, ...] = ()
    optional: bool = False
    """True where it is done only if it is asked for."""

    def run(self, bench: Bench) -> Figures:
        """The figures, as they are found."""
        module, _, name = self.where.partition(":")
        function: Callable[..., Figures] = getattr(import_module(f"{__package__}.{module}"), name)
        if self.arguments:
            made: Callable[[Bench], Figures] = function(*self.arguments)  # type: ignore[assignment]
            return made(bench)
        return function(bench)


def _speeds() -> dict[str, GpuCheck]:
    shapes = ["ink", *(f"{kind}-{resolution}" for kind in "trf" for resolution in RESOLUTIONS)]
    found = {
        f"speed-{name}": GpuCheck(f"ms of each stage: {name}", "speeds:network", 40, arguments=(name,))
        for name in shapes
    }
    for name in ("realesr-animevideov3", "realesrgan-x4plus"):
        for side in (512, 1024):
            check = GpuCheck(
                f"ms of each stage: {name} on {side} pixels", "speeds:upscaler", 30,
                needs_card=name == "realesrgan-x4plus", arguments=(name, side),
            )  # fmt: skip
            found[f"speed-{name.partition('-')[2]}-{side}"] = check
    return found


CHECKS: dict[str, GpuCheck] = {
    "card": GpuCheck("the card computes", "card:card", 30),
    "compile": GpuCheck("all kernels compile", "card:compiled", 120),
    "kernels-t": GpuCheck("filtered leaky ReLU of T against float32 torch", "kernels:stylegan3_t", 60),
    "kernels-r": GpuCheck("filtered leaky ReLU of R against float32 torch", "kernels:stylegan3_r", 60),
    "kernels-f": GpuCheck("pass after StyleGAN2's convolutions against float32 torch", "kernels:stylegan2", 60),
    "half-t": GpuCheck("half precision against float32: StyleGAN3 T", "precision:stylegan3_t", 40),
    "half-r": GpuCheck("half precision against float32: StyleGAN3 R", "precision:stylegan3_r", 40),
    "half-f": GpuCheck("half precision against float32: StyleGAN2", "precision:stylegan2", 40),
    "half-ink": GpuCheck("half precision against float32: ink", "precision:ink", 30, needs_card=True),
    "graphs": GpuCheck("CUDA graphs against eager, the same batch twice", "batches:graphs", 60),
    "batches": GpuCheck("other batch sizes against the plan's", "batches:sizes", 90),
    "render": GpuCheck("a render killed and resumed: the same bytes", "render:resumed", 90),
    "render-cpu": GpuCheck("the same plan on the CPU", "render:on_cpu", 60),
    "memory": GpuCheck("peak of memory against the batch's rule", "memory:peak", 60),
    "out-of-memory": GpuCheck("memory that runs out: split, and on", "memory:runs_out", 40),
    "upscalers": GpuCheck("upscalers: half precision, twice, in tiles, on a CPU", "upscalers:check", 60),
    "nvenc": GpuCheck("NVENC: opens, joins, decodes, colours, sessions", "nvenc:check", 60),
    "roofline": GpuCheck("matrix product and copy", "roofline:check", 30),
    **_speeds(),
    "versus": GpuCheck("ours against the published code", "versus:check", 120, optional=True),
}
