"""Translating another code base's names: a table of patterns, each to a canonical name and a way to turn the axes."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from akma_core.networks.pkl.unpickler import damaged

View = NDArray[Any]
Rule = tuple[str, str | Callable[[re.Match[str]], str], Callable[[View], View]]
"""A pattern of whole names, in which # is a whole number; the canonical name; how the view becomes its."""


def translate(views: Mapping[str, View], rules: Iterable[Rule]) -> dict[str, View]:
    """The views under their canonical names; one that no rule knows keeps its own, and so belongs to no network."""
    compiled = [(re.compile(rule[0].replace("#", "(0|[1-9][0-9]{0,4})"), re.ASCII), rule) for rule in rules]
    found: dict[str, View] = {}
    for name, view in views.items():
        canonical, turned = name, view
        for pattern, (_, target, turn) in compiled:
            if match := pattern.fullmatch(name):
                canonical = target if isinstance(target, str) else target(match)
                turned = turn(view)
                break
        if canonical in found:
            raise damaged(f"two of its tensors are {canonical[:80]}")
        found[canonical] = turned
    return found


def same(view: View) -> View:
    return view


def transposed(view: View) -> View:
    return view.T if view.ndim == 2 else view


def without(count: int) -> Callable[[View], View]:
    """Drop that many leading axes of length 1."""

    def turn(view: View) -> View:
        ones = view.ndim >= count and view.shape[:count] == (1,) * count
        return view[(0,) * count + (...,)] if ones else view

    return turn


def noise_layer(index: int) -> str:
    """The layer of the noise input of this number: b4.conv1, b8.conv0, b8.conv1, b16.conv0, ..."""
    return f"synthesis.b{2 ** ((index + 5) // 2)}.conv{1 - index % 2}" if index < 64 else f"noise {index}"
