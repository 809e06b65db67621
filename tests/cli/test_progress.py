import io

import pytest

from akma_core.cli import progress
from akma_core.cli.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (9.4, "0:09"), (75.3, "1:15"), (59.6, "1:00"), (3599.7, "1:00:00"), (3675, "1:01:15")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_lines_where_there_is_no_terminal(time: Clock) -> None:
    stream = io.StringIO()
    bar = Progress(200, stream=stream)
    for _ in range(100):  # 20 seconds at 10 frames a second
        time.now += 0.2
        bar.add(2)
    bar.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "  1%  2/200 frames  10.0 frames/s  0:20 left"
    assert lines[-1] == "100%  200/200 frames  10.0 frames/s  0:00 left"
    assert 5 <= len(lines) <= 6  # every five seconds, and the end
    assert "\r" not in stream.getvalue()
    assert stream.getvalue().endswith("\n")


def test_a_bar_on_a_terminal(time: Clock) -> None:
    stream = Terminal()
    bar = Progress(4, stream=stream)
    for _ in range(4):
        time.now += 1
        bar.add(1)
    bar.close()
    shown = stream.getvalue()
    assert shown.count("\r") == 4
    assert shown.count("\n") == 1
    assert f"{'█' * 14}{'░' * 14}  50%  2/4 frames  1.0 frames/s  0:02 left" in shown
    assert "█" * 28 + " 100%" in shown


def test_a_terminal_is_not_flooded(time: Clock) -> None:
    stream = Terminal()
    bar = Progress(1000, stream=stream)
    for _ in range(1000):
        time.now += 0.001
        bar.add(1)
    assert 9 <= stream.getvalue().count("\r") <= 12  # ten a second


def test_speed_is_that_of_the_last_twenty_seconds(time: Clock) -> None:
    bar = Progress(10_000, stream=io.StringIO())
    for frames in [100] * 30 + [1] * 30:
        time.now += 1
        bar.add(frames)
    assert bar.speed == pytest.approx(1)


def test_what_was_there_already_is_done_but_no_speed(time: Clock) -> None:
    stream = io.StringIO()
    bar = Progress(100, done=90, stream=stream)
    assert bar.speed == 0
    time.now += 2
    bar.add(2)
    assert bar.speed == 1
    assert stream.getvalue() == " 92%  92/100 frames  1.0 frames/s  0:08 left\n"


def test_a_clock_that_stands_still(time: Clock) -> None:
    stream = io.StringIO()
    assert time.now == 0
    Progress(5, stream=stream).add(5)
    assert stream.getvalue().startswith("100%  5/5 frames  0.0 frames/s")
