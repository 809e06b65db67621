"""Progress of a render on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections import deque
from typing import TextIO

BAR = 28  # characters
EVERY = (0.1, 5.0)  # seconds between two prints: on a terminal, elsewhere
WINDOW = 20.0  # seconds that the speed is measured over


class Progress:
    """Counts frames; speed over the last 20 seconds and the time left that follows from it."""

    def __init__(self, total: int, done: int = 0, stream: TextIO | None = None) -> None:
        self.total = total
        self.done = done
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._marks = deque([(time.monotonic(), done)])
        self._printed = -EVERY[1]

    def add(self, frames: int) -> None:
        """`frames` more are encoded."""
        self.done += frames
        now = time.monotonic()
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[0][0] > WINDOW:
            self._marks.popleft()
        if now - self._printed >= EVERY[not self._terminal] or self.done == self.total:
            self._printed = now
            self._print()

    @property
    def speed(self) -> float:
        """Frames a second of late."""
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def close(self) -> None:
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()

    def _print(self) -> None:
        share = self.done / self.total
        left = f"{clock((self.total - self.done) / self.speed)} left" if self.speed else ""
        facts = f"{self.done}/{self.total} frames  {self.speed:.1f} frames/s  {left}"
        if self._terminal:
            full = round(BAR * share)
            self._stream.write(f"\r\x1b[K{'█' * full}{'░' * (BAR - full)} {100 * share:3.0f}%  {facts}")
        else:
            self._stream.write(f"{100 * share:3.0f}%  {facts}\n")
        self._stream.flush()


def clock(seconds: float) -> str:
    """75.3 as 1:15, 3675 as 1:01:15."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
