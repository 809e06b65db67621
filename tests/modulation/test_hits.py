from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.modulation.hits import answer, curve_of_events, shape_events, steps
from akma_core.modulation.rows import Shape

FPS = Fraction(30)
RMS = np.ones(3000)


def events(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, np.float64).reshape(-1, 2)


def test_an_answer_jumps_in_the_hits_own_frame_and_falls() -> None:
    values, ahead = answer(Shape(decay=0.25), FPS)
    assert ahead == 0
    assert len(values) == 46  # 6 decay are 45 frames
    assert np.allclose(values, np.exp(-np.arange(46) / 7.5), atol=1e-15)
    values, ahead = answer(Shape(decay=0.25, attack=2), FPS)
    assert ahead == 2
    assert np.allclose(values[:3], [1 / 3, 2 / 3, 1])


def test_events_add_up_at_the_nearest_frame() -> None:
    curve = curve_of_events(events((1.016, 1), (1.2, 0.5)), Shape(decay=0.5), 90, FPS)
    e = np.exp(-np.arange(90) / 15)
    expected = np.zeros(90)
    expected[30:] += e[:60]
    expected[36:] += 0.5 * e[:54]
    assert np.abs(curve - expected).max() < 1e-12


def test_steps_never_come_back() -> None:
    shape = Shape(settle=0.12)
    moved = steps(events((1.0, 1.0), (2.0, 0.5)), shape, 300, FPS)
    t = np.arange(300) / 30
    expected = sum(
        s * np.where(t >= at - 1e-9, 1 - np.exp(-(t - at + 1 / 30) / 0.12), 0) for at, s in ((1, 1.0), (2, 0.5))
    )
    assert np.abs(moved - expected).max() < 1e-12
    assert (np.diff(moved) >= 0).all()
    assert abs(moved[-1] - 1.5) < 1e-9
    ahead = steps(events((1.0, 1.0)), Shape(settle=0.12, attack=1), 300, FPS)
    assert np.abs(ahead[:-1] - steps(events((1.0, 1.0)), shape, 300, FPS)[1:]).max() < 1e-12


def test_a_step_before_the_first_frame_has_been_made() -> None:
    moved = steps(events((-0.1, 1.0), (-50.0, 1.0)), Shape(settle=0.12), 100, FPS)
    t = np.arange(100) / 30 + 0.1
    assert np.abs(moved - (2 - np.exp(-(t + 1 / 30) / 0.12))).max() < 1e-12


def test_hits_too_close_are_dropped_the_later_ones() -> None:
    got = shape_events(events((0, 0.2), (0.05, 1), (0.1, 0.3), (0.19, 1)), Shape(), FPS, RMS)
    assert got[:, 0].tolist() == [0, 0.1]
    assert len(shape_events(events((0, 0.2), (0.05, 1)), Shape(gap=0.0), FPS, RMS)) == 2


def test_strength_follows_loudness() -> None:
    rms = np.concatenate([np.full(1000, 0.1), np.full(2000, 1.0)])
    got = shape_events(events((10, 0.8), (60, 0.8)), Shape(floor=0.05, loudness=2.0), FPS, rms)
    assert np.allclose(got[:, 1], [0.8 * (0.05 + 0.95 * 0.01), 0.8])
    assert np.array_equal(shape_events(events((10, 0.8)), Shape(floor=0.05), FPS, rms), got[:1])
    assert shape_events(events((10, 0.8)), Shape(floor=0.2), FPS, np.zeros(9))[0, 1] == 0.8 * 0.2


@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.01, 1)), max_size=60),
    st.sampled_from([0.5, 1.0, 2.5, 3.0, 7.0]),
)
@settings(max_examples=60)
def test_rate_keeps_the_strongest_and_never_too_many(pairs: list[tuple[float, float]], rate: float) -> None:
    given_events = events(*pairs)
    got = shape_events(given_events, Shape(rate=rate, gap=0.0), FPS, RMS)
    before = given_events[np.argsort(given_events[:, 0], kind="stable"), 1]
    full = np.isclose(got[:, 1], before)
    assert np.allclose(got[~full, 1], 0.3 * before[~full])
    times, most = got[full, 0], max(1, int(rate))
    span = most / rate
    for time in times:
        assert ((times >= time) & (times < time + span - 1e-6)).sum() <= most
    if len(before):
        assert full[np.argmax(before)]
