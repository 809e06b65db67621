"""Progress of the chunks that this worker renders: frames done, frames a second, and whether anything moves."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from akma_core.database import ChunkProgress

WINDOW = 20.0  # seconds that a speed is measured over


@dataclass
class ProgressTracker:
    """Chunks in work, for the pulse: frames done of each, and the speed of each render."""

    chunks: dict[tuple[str, int], int] = field(default_factory=dict)
    marks: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    total: int = 0
    touched: float = 0.0
    """Moment of the last progress, by the monotonic clock."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, render_id: str, index: int, frames: int) -> None:
        now = time.monotonic()
        with self.lock:
            self.chunks[render_id, index] = self.chunks.get((render_id, index), 0) + frames
            self.total += frames
            self.touched = now
            marks = self.marks.setdefault(render_id, deque())
            marks.append((now, frames))
            while now - marks[0][0] > WINDOW:
                marks.popleft()

    def begin(self, render_id: str, index: int) -> None:
        with self.lock:
            self.chunks[render_id, index] = 0
            self.touched = time.monotonic()

    def end(self, render_id: str, index: int) -> None:
        with self.lock:
            self.chunks.pop((render_id, index), None)
            if not any(key[0] == render_id for key in self.chunks):
                self.marks.pop(render_id, None)

    def stands_still(self, seconds: float) -> bool:
        """True where there are chunks in work, and none has moved for so long: a device that hangs."""
        with self.lock:
            return bool(self.chunks) and time.monotonic() - self.touched > seconds

    def progress_rows(self) -> list[ChunkProgress]:
        """Rows for the database; a render's speed stands with the first of its chunks in work."""
        with self.lock:
            told, progress_rows = set(), []
            for (render_id, index), done in sorted(self.chunks.items()):
                progress_rows.append(
                    ChunkProgress(render_id, index, done, 0.0 if render_id in told else self._rate(render_id))
                )
                told.add(render_id)
            return progress_rows

    def _rate(self, render_id: str) -> float:
        marks = self.marks.get(render_id)
        if not marks or len(marks) < 2:
            return 0.0
        seconds = time.monotonic() - marks[0][0]
        return (sum(frames for _, frames in marks) - marks[0][1]) / seconds if seconds > 0 else 0.0
