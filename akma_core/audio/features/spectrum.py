"""Short-time spectra of a signal that arrives in blocks: Hann windows centred on even instants, in flat memory."""

from collections.abc import Iterable, Iterator

import numpy as np
import scipy
from numpy.typing import NDArray

Samples = NDArray[np.float32]

BLOCK_SECONDS = 2.0  # analysed at a time; results do not depend on how the caller cut the signal
FULL_SCALE_LIMIT = 100.0  # samples beyond +40 dB are clipped, so that no power overflows float32
CUTOFF = 10.0  # Hz of the one-pole high pass that removes DC


def mono_blocks(blocks: Iterable[NDArray[np.floating]], rate: int) -> Iterator[Samples]:
    """Cut blocks [n] or [n, channels] of any lengths into float32 [BLOCK_SECONDS * rate]; the last may be shorter.

    Channels are averaged and DC is removed. Samples that are no numbers count as silence.
    """
    size = max(1, round(BLOCK_SECONDS * rate))
    held: list[Samples] = []
    count = 0
    dc = _HighPass(rate)
    for block in blocks:
        mono = block if block.ndim == 1 else block.mean(axis=1, dtype=np.float32)
        mono = np.nan_to_num(mono.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        mono = np.clip(mono, -FULL_SCALE_LIMIT, FULL_SCALE_LIMIT)
        while count + len(mono) >= size:
            missing = size - count
            yield dc(np.concatenate([*held, mono[:missing]]))
            held, count, mono = [], 0, mono[missing:]
        held.append(mono)
        count += len(mono)
    if count:
        yield dc(np.concatenate(held))


class _HighPass:
    """A one-pole high pass at CUTOFF that starts in the state of the first sample, so that DC makes no step at 0."""

    def __init__(self, rate: int) -> None:
        self._pole = float(np.exp(-2 * np.pi * CUTOFF / rate))
        self._state: NDArray[np.float64] | None = None

    def __call__(self, block: Samples) -> Samples:
        if self._state is None:
            self._state = np.array([-float(block[0])])
        exact = block.astype(np.float64)
        out, self._state = scipy.signal.lfilter([1.0, -1.0], [1.0, -self._pole], exact, zi=self._state)
        return out.astype(np.float32)


class Spectra:
    """Magnitudes of Hann windows of `seconds`, centred on samples round(k * hop * rate); a full-scale sine is 1.

    What lies before and after the signal is silence. Feed consecutive blocks of at least one sample, then `finish`.
    """

    def __init__(self, rate: int, seconds: float, hop: float, top: float) -> None:
        """`seconds` and `hop` in s; only bins up to `top` Hz are computed on."""
        self.size = scipy.fft.next_fast_len(max(16, round(seconds * rate)), real=True)
        bins = np.arange(self.size // 2 + 1) * (rate / self.size)
        self.frequencies: NDArray[np.float64] = bins[bins <= top].astype(np.float64)
        window = scipy.signal.windows.hann(self.size, sym=False)
        self._window = (window * (2 / window.sum())).astype(np.float32)
        self._step = rate * hop
        self._first = -(self.size // 2)  # sample that the buffer starts with
        self._buffer: Samples = np.zeros(self.size // 2, np.float32)
        self._next = 0  # frame
        self._samples = 0  # fed so far

    def feed(self, block: Samples) -> NDArray[np.float32]:
        """Return the magnitudes [n, bins] of the frames that are complete with `block`."""
        self._samples += len(block)
        return self._frames(block, self._first + len(self._buffer) + len(block))

    def finish(self) -> NDArray[np.float32]:
        """Return the rest: every frame whose centre lies within the signal."""
        last = int(np.ceil(self._samples / self._step))
        stop = round((last - 1) * self._step) - self.size // 2 + self.size
        missing = max(0, stop - self._first - len(self._buffer))
        return self._frames(np.zeros(missing, np.float32), stop)[: max(0, last - self._emitted)]

    def _frames(self, block: Samples, stop: int) -> NDArray[np.float32]:
        self._emitted = self._next
        self._buffer = np.concatenate([self._buffer, block])
        # One frame more than fits is numbered, then cut, because centres are rounded.
        count = max(0, int((stop - self.size // 2) / self._step) + 2 - self._next)
        starts = np.rint((self._next + np.arange(count)) * self._step).astype(np.int64) - self.size // 2
        starts = starts[starts + self.size <= stop]
        if not len(starts):
            return np.zeros((0, len(self.frequencies)), np.float32)
        view = np.lib.stride_tricks.sliding_window_view(self._buffer, self.size)[starts - self._first]
        spectrum = scipy.fft.rfft(view * self._window, axis=1)[:, : len(self.frequencies)]
        self._next += len(starts)
        keep = round(self._next * self._step) - self.size // 2
        self._buffer = self._buffer[max(0, keep - self._first) :]
        self._first = max(self._first, keep)
        return np.abs(spectrum)
