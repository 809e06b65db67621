"""Weights written by hand: what each row computes, through a real network, and that w steers it linearly."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # the scripts are no package
from closed_form import Expression, Program, Rows, Style, total

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator

CONFIG = GeneratorConfig(
    z_dim=8,
    w_dim=8,
    img_resolution=16,
    channel_base=256,
    channel_max=16,
    conv_kernel=1,
    use_radial_filters=True,
    num_layers=3,
    num_critical=1,
    conv_clamp=1.0,
    output_scale=1.0,
)
CONSTANT = (0.0, 0.0, 0.25)  # a wave that is one everywhere
VALUES = st.floats(-1, 1)

Change = Callable[[Rows, Expression], Expression]


@torch.no_grad()
def network(change: Change, style: Style, steer: Style | None = None) -> Generator:
    """Red: `change` of a number, green: a quarter. `style`: the number, `steer`: a factor of what became of it."""
    program = Program(CONFIG, 1)
    program.input([CONSTANT], (0, 0, 0))
    rows = Rows()
    found = change(rows, Expression({0: 1.0}))
    program.layer(rows, {0: style})
    rows = Rows()
    found = rows.styled(found * 0.5 + 0.5, steer) if steer else rows.bounded(found, -1, 1)
    program.layer(rows, {})
    styles, rows = rows.styles, Rows()
    found = rows.bounded(found, -2, 2)
    program.layer(rows, styles)
    return program.torgb([found * 0.25 + 0.5, Expression(constant=0.25), Expression()], {})


def value(generator: Generator, w: torch.Tensor | None = None) -> float:
    """The number behind red in the middle of the picture."""
    w = torch.zeros(1, CONFIG.w_dim) if w is None else w
    picture = generator.synthesis(w[:, None].repeat(1, generator.num_ws, 1))
    assert float(picture[0, 1, 8, 8]) == pytest.approx(-0.5, abs=1e-5)
    return float(picture[0, 0, 8, 8]) * 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows, e: rows.bounded(e, -1, 0.3), lambda v: min(v, 0.3)),
        (lambda rows, e: rows.absolute(e, 0.6), lambda v: abs(v) - 1.25 * max(abs(v) - 0.6, 0)),
        (lambda rows, e: rows.positive(e), lambda v: max(v, 0)),
        (lambda rows, e: total(rows.carried([e * 0.5, 0.25 - e], -1, 2), [1, 0.5]), lambda _: 0.125),
    ],
    ids=["bounded", "absolute", "positive", "carried"],
)
@settings(max_examples=20, deadline=None)
@given(v=VALUES)
def test_rows_compute_what_they_say(change: Change, expected: Callable[[float], float], v: float) -> None:
    assert value(network(change, (v, {}))) == pytest.approx(expected(v), abs=0.035)


@settings(max_examples=20, deadline=None)
@given(v=VALUES)
def test_below_its_bound_a_value_falls_a_fifth_as_fast(v: float) -> None:
    found = value(network(lambda rows, e: rows.bounded(e, 0, 1), (v, {})))
    assert found == pytest.approx(v if v > 0 else 0.2 * v, abs=0.03)


def test_w_steers_linearly() -> None:
    generator = network(lambda rows, e: rows.bounded(e, -1, 1), (0.6, {}), (0.0, {"light": 0.3}))
    w = generator.mapping(torch.randn(200, CONFIG.z_dim, generator=torch.Generator().manual_seed(5)))[:, 0]
    found = torch.tensor([value(generator, each[None]) for each in w])
    factors = torch.cat([w, torch.ones(200, 1)], 1)
    linear = factors @ torch.linalg.lstsq(factors, found[:, None]).solution
    assert float((linear[:, 0] - found).std()) < 0.1 * float(found.std())
    assert abs(float(found.mean())) < 0.06
    assert float(found.std()) == pytest.approx(0.3 * 0.8, rel=0.2)  # 0.6 was made 0.8


def test_a_layer_that_is_full() -> None:
    program, rows = Program(CONFIG, 1), Rows()
    program.input([CONSTANT], (0, 0, 0))
    rows.carried([Expression({0: 1.0})] * 16, 0, 1)
    with torch.no_grad(), pytest.raises(ValueError, match="room for 15 rows, not 16"):
        program.layer(rows, {})


def test_expressions() -> None:
    e = 2 - (Expression({0: 1.0}, 3) * 2 - Expression({1: 1.0}))
    assert (e.terms, e.constant) == ({0: -2.0, 1: 1.0}, -4.0)
    assert total([]).terms == {}
