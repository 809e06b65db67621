"""TensorFlow StyleGAN pickles: networks as inert records. The source text in them is never read, kept or run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .foreign import NETWORK
from .inert import INERT
from .numpy_types import DICT, PLAIN, SCALAR_ARRAYS
from .unpickler import Budget, Constructor, DataUnpickler, Stateful, damaged

KEPT = ("version", "static_kwargs", "components", "variables")


@dataclass(eq=False, slots=True)
class Network(Stateful):
    """One network: `state` has what KEPT names, unchecked; None before BUILD."""

    state: dict[str, Any] | None = None

    def set_state(self, state: object) -> None:
        if type(state) is not dict or self.state is not None:
            raise damaged("it sets a network's state in an unknown way")
        self.state = {key: state[key] for key in KEPT if key in state}


class TensorFlowUnpickler(DataUnpickler):
    """The one stream of the file. numpy's scalars are weights here, and stay arrays."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {
        **INERT,
        **PLAIN,
        **SCALAR_ARRAYS,
        NETWORK: Constructor(new=Network),
        ("dnnlib.util", "EasyDict"): DICT,
        ("dnnlib", "EasyDict"): DICT,
    }


def load_tensorflow(data: memoryview) -> object:
    """Read the file's one pickle: Network records in a tuple, or one alone; RequestError if not allowed."""
    return TensorFlowUnpickler(data, Budget(encoded=len(data))).load_whole()
