"""The StyleGAN3 generator in a PyTorch container: its settings, each checked before anything is computed from it."""

from typing import Any, NamedTuple

from akma_core.networks.checkpoint import Checkpoint, checked
from akma_core.networks.pkl.container import PickledGenerator
from akma_core.networks.pkl.unpickler import bad_network, damaged

from .config import GeneratorConfig


class Range(NamedTuple):
    """The values of a setting: an int or, unless `whole`, a float within low..high; None if `optional`."""

    low: float
    high: float
    whole: bool = True
    optional: bool = False

    def holds(self, value: object) -> bool:
        if type(value) is int or (type(value) is float and not self.whole):
            return self.low <= value <= self.high
        return value is None and self.optional


KWARGS = {
    "z_dim": Range(1, 8192),
    "c_dim": Range(0, 8192),
    "w_dim": Range(1, 8192),
    "img_resolution": Range(16, 4096),
    "img_channels": Range(1, 64),
    "channel_base": Range(1, 2**24),
    "channel_max": Range(1, 4096),
    "conv_kernel": Range(1, 7),
    "num_layers": Range(3, 64),
    "num_critical": Range(0, 63),
    "first_cutoff": Range(1e-3, 4096, whole=False),
    "first_stopband": Range(1e-3, 4096, whole=False),
    "last_stopband_rel": Range(1e-3, 16, whole=False),
    "margin_size": Range(0, 64),
    "output_scale": Range(1e-6, 1e6, whole=False),
    "num_fp16_res": Range(0, 16),
    "conv_clamp": Range(1e-6, 1e6, whole=False, optional=True),
    "filter_size": Range(1, 16),
    "lrelu_upsampling": Range(1, 8),
    "magnitude_ema_beta": Range(0, 1, whole=False),
}
MAPPING_KWARGS = {
    "num_layers": Range(1, 64),
    "lr_multiplier": Range(1e-6, 100, whole=False),
    "w_avg_beta": Range(0, 1, whole=False, optional=True),
}


def read(generator: PickledGenerator, size: int) -> Checkpoint:
    """The generator of a file of `size` bytes; RequestError where settings and weights make no StyleGAN3."""
    cfg = GeneratorConfig.from_init_kwargs(check_kwargs(generator.init_kwargs))
    # Filters follow from the settings.
    views = {name: tensor.view() for name, tensor in generator.tensors.items() if not name.endswith("_filter")}
    return checked("stylegan3", cfg.model_dump(mode="json"), views, cfg.shapes(), size)


def check_kwargs(stored: dict[str, Any]) -> dict[str, Any]:
    """`stored` if every constructor argument is a known one within its range; RequestError otherwise."""
    kwargs = dict(stored)
    mapping, radial = kwargs.pop("mapping_kwargs", {}), kwargs.pop("use_radial_filters", False)
    if type(mapping) is not dict or type(radial) is not bool:
        raise damaged("mapping_kwargs or use_radial_filters is not what it should be")
    for given, known in ((kwargs, KWARGS), (mapping, MAPPING_KWARGS)):
        for name, value in given.items():
            if name not in known or not known[name].holds(value):
                raise bad_network(f"its setting {str(name)[:60]!a} is unknown or out of range; AKMA cannot run it")
    missing = {"z_dim", "c_dim", "w_dim", "img_resolution"} - kwargs.keys()
    if missing:
        raise bad_network(f"its settings lack {min(missing)}; save it again with the official StyleGAN3")
    if kwargs["img_resolution"].bit_count() != 1:
        raise bad_network("its img_resolution is not a power of two; AKMA cannot run it")
    if kwargs.get("num_critical", 2) >= kwargs.get("num_layers", 14):
        raise bad_network("its num_critical is not below its num_layers; AKMA cannot run it")
    return stored
