"""A pickle read as data: nothing in the file is imported, called, compiled or given attributes.

`DataUnpickler` accepts the opcodes in `dispatch` and the exact (module, name) pairs in `names`, and nothing
else; what those pairs may be is each format's own list (allowlist.py, tensorflow.py, torch_save.py). `Budget` bounds
how much work a file can ask for. The base is the standard library's pure-Python unpickler, since the C one cannot be
told which opcodes to accept and allocates by the memo index: four gigabytes for a nine-byte file. Bytes are never
copied, they stay views, and so does long text: the source text in a file is not even decoded.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from akma_core.errors import RequestError

from .foreign import refusal

MAX_OPCODES = 500_000  # a whole training container takes about 50,000
MAX_TEXT = 1 << 24  # bytes of text decoded in all; names and settings take about 0.1 MB
LONG_TEXT = 1 << 12  # bytes; longer text is no name and no setting, and stays undecoded
MAX_MARKS = 256  # nesting of unfinished tuples, lists and dicts; official containers reach 13
MAX_KEY = 1_000_000  # of a whole-numbered dict key; optimisers count parameters
MAX_NAME = 256  # characters of a dict key, and bytes of a line with a module or a name


def bad_network(reason: str) -> RequestError:
    """The error of the readers of network files, code "bad_network"; `reason` is one line for the user."""
    return RequestError(reason, code="bad_network")


def damaged(detail: str) -> RequestError:
    """The error for bytes that no writer of networks produces."""
    return bad_network(f"it is damaged or not a network ({detail}); download it again from its source")


@dataclass
class Budget:
    """Budget that is left to one file, over its outer stream and all nested ones together."""

    opcodes: int = MAX_OPCODES
    text: int = MAX_TEXT
    """Bytes of text that may be decoded."""
    encoded: int = 0
    """Bytes that may be made of text: protocol 2 keeps bytes so."""

    def spend(self, *, opcodes: int = 0, text: int = 0, encoded: int = 0) -> None:
        """RequestError once more was asked for than there was."""
        self.opcodes -= opcodes
        self.text -= text
        self.encoded -= encoded
        if self.opcodes < 0 or self.text < 0 or self.encoded < 0:
            raise bad_network(
                "it asks for more work than any StyleGAN network needs; give a network without optimisers"
            )


class Stateful:
    """A record that BUILD completes."""

    __slots__ = ()

    def set_state(self, state: object) -> None:
        """Check, and keep, `state`; RequestError where it is not what this record takes."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, slots=True)
class Text:
    """Long text, undecoded: a view of the file."""

    data: memoryview


@dataclass(frozen=True, eq=False, slots=True)
class Constructor:
    """The meaning of an allowed name: `build(budget, *arguments)`, and NEWOBJ's `new()`, make a record or a value."""

    build: Callable[..., object] | None = None
    new: Callable[[], object] | None = None


def is_name(value: object) -> bool:
    """True for a string short enough to be a key."""
    return type(value) is str and len(value) <= MAX_NAME


def is_key(value: object) -> bool:
    """True for a name or a small whole number: other keys can be chosen so that every look-up is slow."""
    return is_name(value) or (type(value) is int and 0 <= value <= MAX_KEY)


class DataUnpickler(pickle._Unpickler):
    """Reads None, bool, int, float, str, tuple, list, dict, set of names, and bytes as views of `data`."""

    names: ClassVar[Mapping[tuple[str, str], object]] = {}
    """Objects pushed for each global that the stream may name."""

    memo: dict[int, Any]
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]

    def __init__(self, data: memoryview, budget: Budget) -> None:
        self.data, self.position, self.budget, self.proto = data, 0, budget, 0

    def load(self) -> Any:
        """The pickle at `position`, which moves behind it. RequestError if anything in it is not allowed."""
        self.memo, self.metastack, self.stack = {}, [], []
        self.append = self.stack.append
        try:
            while (opcode := self.read(1)[0]) != pickle.STOP[0]:
                self.budget.spend(opcodes=1)
                if opcode not in self.dispatch:
                    raise damaged(f"it uses the pickle opcode 0x{opcode:02x}")
                self.dispatch[opcode](self)
            return self.stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise damaged("its pickle makes no sense") from error

    def load_whole(self) -> Any:
        """The one pickle that is all of `data`; RequestError where something follows it."""
        value = self.load()
        if self.position != len(self.data):
            raise damaged("something follows its end")
        return value

    def read(self, size: int) -> memoryview:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise bad_network("it is cut short, the download did not finish; download it again")
        return self.data[start : self.position]

    def readline(self) -> bytes:
        window = bytes(self.data[self.position : self.position + MAX_NAME])
        if b"\n" not in window and len(window) < MAX_NAME:
            self.read(MAX_NAME)  # beyond the end
        return bytes(self.read(window.index(b"\n") + 1))

    def find_class(self, module: str, name: str) -> object:
        if (module, name) in self.names:
            return self.names[module, name]
        raise refusal(module, name)

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.metastack.pop()
        self.append = self.stack.append
        return items

    def load_mark(self) -> None:
        if len(self.metastack) >= MAX_MARKS:
            raise damaged("it is nested too deep")
        self.metastack.append(self.stack)
        self.stack = []
        self.append = self.stack.append

    def load_frame(self) -> None:
        self.read(8)  # only tells a reader how far it may read ahead

    def load_short_text(self) -> None:
        self.push_text(self.read(1)[0])

    def load_text(self) -> None:
        self.push_text(int.from_bytes(self.read(4), "little"))

    def push_text(self, size: int) -> None:
        data = self.read(size)
        if size > LONG_TEXT:
            self.append(Text(data))
        else:
            self.budget.spend(text=size)
            self.append(str(data, "utf-8"))

    def load_bytearray(self) -> None:
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    def load_long_binput(self) -> None:
        index = int.from_bytes(self.read(4), "little")
        if index >= MAX_OPCODES:
            raise damaged("its memo is too large")
        self.memo[index] = self.stack[-1]

    def load_append(self) -> None:
        self.extend_list([self.stack.pop()])

    def load_appends(self) -> None:
        self.extend_list(self.pop_mark())

    def extend_list(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise damaged("it appends to something that is not a list")
        self.stack[-1].extend(items)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.update_dict([key, value])

    def load_setitems(self) -> None:
        self.update_dict(self.pop_mark())

    def update_dict(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or not all(map(is_key, items[::2])):
            raise damaged("it sets items of something that is not a dict of names")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def load_additems(self) -> None:
        items = self.pop_mark()
        if type(self.stack[-1]) is not set or not all(map(is_name, items)):
            raise damaged("it adds to something that is not a set of names")
        self.stack[-1].update(items)

    def load_reduce(self) -> None:
        arguments, constructor = self.stack.pop(), self.stack[-1]
        if type(constructor) is not Constructor or not constructor.build or type(arguments) is not tuple:
            raise damaged("it calls something that cannot be called")
        self.stack[-1] = constructor.build(self.budget, *arguments)

    def load_newobj(self) -> None:
        arguments, constructor = self.stack.pop(), self.stack[-1]
        if type(constructor) is not Constructor or not constructor.new or arguments != ():
            raise damaged("it makes an object of a kind that networks do not have")
        self.stack[-1] = constructor.new()

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is dict and type(state) is dict and state.keys() <= {"_metadata"}:
            return  # a state dict's: versions of its modules
        if not isinstance(target, Stateful):
            raise damaged("it sets attributes of an object")
        target.set_state(state)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        # The standard library's own: they push, group or memoise plain values, reading through `read`.
        **{
            opcode[0]: pickle._Unpickler.dispatch[opcode[0]]
            for opcode in (
                *(pickle.PROTO, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE),
                *(pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1, pickle.BINFLOAT),
                *(pickle.BINBYTES, pickle.SHORT_BINBYTES),
                *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
                *(pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET),
                *(pickle.BINGET, pickle.LONG_BINGET, pickle.BINPUT, pickle.MEMOIZE),
                *(pickle.GLOBAL, pickle.STACK_GLOBAL),
            )
        },
        pickle.MARK[0]: load_mark,
        pickle.FRAME[0]: load_frame,
        pickle.SHORT_BINUNICODE[0]: load_short_text,
        pickle.BINUNICODE[0]: load_text,
        pickle.LONG_BINPUT[0]: load_long_binput,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.ADDITEMS[0]: load_additems,
        pickle.BYTEARRAY8[0]: load_bytearray,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.BUILD[0]: load_build,
    }
