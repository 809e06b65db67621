"""Harmless things that networks carry along, read as one inert record: nothing is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from .unpickler import Budget, Constructor, Stateful, damaged


@dataclass(frozen=True, eq=False, slots=True)
class Inert(Stateful):
    """Something that no weight and no setting depends on."""

    def set_state(self, state: object) -> None:
        # Slot state comes as a pair: nothing honest here has any.
        if type(state) is not dict:
            raise damaged("it sets slots of an object")


def _inert(_: Budget, *_arguments: object) -> Inert:
    return Inert()


def _names(module: str, *names: str) -> Mapping[tuple[str, str], object]:
    return {(module, name): Constructor(_inert, new=Inert) for name in names}


PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
NUMBERS = (
    *("float16", "float32", "float64", "bfloat16", "half", "float", "double", "complex64", "complex128", "bool"),
    *("uint8", "int8", "int16", "int32", "int64", "short", "int", "long"),
)
NUMPY_TYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
)

INERT: Mapping[tuple[str, str], object] = {
    **_names("pathlib", *PATHS),
    **_names("pathlib._local", *PATHS),  # Python 3.13
    **_names("torch", "device", "Size", *NUMBERS),
    **_names("torch.serialization", "_get_layout"),
    **_names("numpy", *NUMPY_TYPES, "bool_", "bool", "intc"),
    **_names("datetime", "datetime", "date", "time", "timedelta", "timezone"),
    **_names("builtins", "range", "slice", "complex", "int", "float", "bool", "str", "list", "tuple", "dict"),
    **_names("__builtin__", "range", "xrange", "slice", "complex", "int", "float", "bool", "str", "unicode"),
    **_names("__builtin__", "list", "tuple", "dict"),
    **_names("fractions", "Fraction"),
    **_names("decimal", "Decimal"),
    **_names("uuid", "UUID"),
}
