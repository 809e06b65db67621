"""Clock of the clean-up: a clock that jumps a month must not make everything a month old."""

import json
import time

from akma_core.database import Database
from akma_core.log import event
from akma_core.storage import Storage

AGREE = 3600.0  # seconds that clocks may differ by
OFF = 7 * 86400.0  # seconds that a service is off without anybody wondering
PAUSE, LONG_PAUSE = 3600.0, 86400.0  # seconds of running without removal by age, after a doubtful start, after a jump
FACT = "clean-up-clock"


def running_time() -> float:
    """Seconds that no setting of a clock moves; with those that the machine slept, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class CleanUpClock:
    """Tells the time to those who remove what is old, as long as that can be believed.

    Nothing is told while the clocks of this machine and of the database differ, nor for a time after a jump: a day
    where the clock moved while this process ran or stands before the last clean-up, an hour where it moved by more
    than a week while nothing ran. Whoever sets it right within that time loses nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: tuple[float, float] | None = None
        self._differing = False

    def now(self) -> float | None:
        """Seconds since 1970 by the database's clock; None while it is in doubt."""
        now, here, running = self._database.now(), time.time(), running_time()
        differing = abs(now - here) > AGREE
        if differing and not self._differing:
            event("clocks_differ", "error", seconds=round(here - now))
        self._differing = differing
        pause = self._pause(now, running)
        self._last = now, running
        return None if differing or pause > 0 else now

    def storage_now(self, storage: Storage) -> float | None:
        """Seconds since 1970 by the storage's clock, that its objects have their times from; None while in doubt."""
        there, now = storage.now().timestamp(), self.now()
        return None if now is None or abs(there - now) > AGREE else there

    def _pause(self, now: float, running: float) -> float:
        """Seconds without removal that are left, kept where other processes and the next ones find them."""
        before, pause = json.loads(self._database.kept(FACT) or "[null, 0]")
        passed = running - self._last[1] if self._last else 0.0
        jump, wanted = self._jump(now, passed, before)
        if abs(jump) > AGREE:
            event("clock_jumped", "error", seconds=round(jump), no_removal_for=wanted)
            pause = max(pause, wanted)
        elif before is not None:
            # Every node that cleans up counts only what has passed since the last one did.
            pause = max(0.0, pause - max(0.0, min(passed, now - before)))
        self._database.keep(FACT, json.dumps([now, pause]))
        return float(pause)

    def _jump(self, now: float, passed: float, before: float | None) -> tuple[float, float]:
        """Seconds that the clock has jumped, and for how long nothing is to be removed if those are too many.

        passed: seconds of running since this process's last look; before: the time that the last clean-up saw.
        """
        if self._last:
            return now - self._last[0] - passed, LONG_PAUSE
        if before is None or 0 <= now - before <= OFF:
            return 0.0, 0.0
        return now - before, PAUSE if now > before else LONG_PAUSE
