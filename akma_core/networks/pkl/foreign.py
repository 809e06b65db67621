"""Words for the globals that no reader knows: what a file is instead, and whether it asks for anything dangerous."""

import sys

from akma_core.errors import RequestError

NETWORK = ("dnnlib.tflib.network", "Network")
"""TensorFlow's class of networks, by which its files are known."""

OTHERS = {
    "dnnlib.tflib": "this is a TensorFlow network of another kind than StyleGAN2",
    "tfutil": "this is a Progressive GAN network for TensorFlow",
    "R3GAN": "this is an R3GAN network",
    "torch.nn.modules.sparse": "this is a StyleGAN-XL network (its classes are pretrained embeddings)",
    "pg_modules": "this is a StyleGAN-XL or Projected GAN network",
    "feature_networks": "this is a StyleGAN-XL or Projected GAN network",
    "timm": "this is a StyleGAN-XL or Projected GAN network",
    "stylegan2_pytorch": "this is a lucidrains stylegan2-pytorch network",
}
"""Names of the kinds of file that mention this module, or one below it."""

CODE = (
    "torch",
    "numpy",
    "pip",
    "setuptools",
    "pkg_resources",
    "cloudpickle",
    "dill",
    "joblib",
    "__builtin__",
    "commands",
)
"""Packages beside Python's own whose functions run, load or fetch what they are told."""

OBJECTS = ("torch.nn.", "torch.optim.", "torch._utils.", "numpy.random.")
"""Modules below those that hold plain classes."""


class TensorFlowError(RequestError):
    """The file is a TensorFlow network, which another reader is for."""


def refusal(module: str, name: str) -> RequestError:
    """The error for a file that asks for `name` of `module`, which its reader does not know."""
    kind = TensorFlowError if (module, name) == NETWORK else RequestError
    return kind(_explain(module, name), code="bad_network")


def _explain(module: str, name: str) -> str:
    """One line for the user about a file that asks for that name."""
    for known, what in OTHERS.items():
        if module == known or module.startswith(f"{known}."):
            return f"{what}; AKMA reads StyleGAN2 and StyleGAN3"
    asked = ascii(f"{module[:60]}.{name[:60]}")[1:-1]
    if _is_dangerous(module, name):
        return f"it asks for {asked}, which no StyleGAN network needs; do not trust it"
    return f"it holds {asked} as an object, which no StyleGAN network needs; save the state dict alone"


def _is_dangerous(module: str, name: str) -> bool:
    if "." in name or not module.isprintable() or not module:
        return True
    package = module.partition(".")[0]
    if module == "torch" and name.endswith(("Storage", "Tensor")):
        return False
    return package in sys.stdlib_module_names or (package in CODE and not f"{module}.".startswith(OBJECTS))
