"""Tiles cover the picture once, with their surroundings, at the least cost the memory allows."""

from hypothesis import given
from hypothesis import strategies as st

from akma_core.networks.realesrgan.tiles import choose, spans, window_size

LENGTHS = st.integers(1, 400)
OVERLAPS = st.integers(0, 30)


@given(length=LENGTHS, overlap=OVERLAPS, count=st.integers(1, 12))
def test_spans_cover_once_with_surroundings(length: int, overlap: int, count: int) -> None:
    count = min(count, max(1, length - 2 * overlap))
    covered: list[int] = []
    for span in spans(length, count, overlap):
        assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
        assert span.stop - span.start == window_size(length, count, overlap)
        assert span.start == 0 or span.keep_start - span.start >= overlap
        assert span.stop == length or span.stop - span.keep_stop >= overlap
        covered += range(span.keep_start, span.keep_stop)
    assert covered == list(range(length))


@given(height=st.integers(1, 60), width=st.integers(1, 60), overlap=st.integers(0, 8), pixels=st.integers(1, 4000))
def test_choose_is_the_cheapest_that_fits(height: int, width: int, overlap: int, pixels: int) -> None:
    def size(down: int, across: int) -> int:
        return window_size(height, down, overlap) * window_size(width, across, overlap)

    every = []
    for down in range(1, max(1, height - 2 * overlap) + 1):
        across = next((k for k in range(1, max(1, width - 2 * overlap) + 1) if size(down, k) <= pixels), None)
        if across is not None:
            every.append(down * across * size(down, across))
    found = choose(height, width, overlap, pixels)
    assert (found is None) == (not every)
    if found:
        assert size(*found) <= pixels
        assert found[0] * found[1] * size(*found) == min(every)


def test_a_picture_that_fits_is_not_cut() -> None:
    assert choose(1080, 1920, 18, 1080 * 1920) == (1, 1)
    assert choose(1080, 1920, 18, 1080 * 1920 - 1) != (1, 1)
