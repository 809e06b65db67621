"""Low-pass filters between the sampling rates (Karras et al. 2021, section 3 and appendix C.1)."""

import numpy as np
import scipy
from numpy.typing import NDArray


def lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> NDArray[np.float32]:
    """Kaiser-windowed sinc, [taps], sum 1; `cutoff` and `half_width` (of the transition) in the unit of `rate`."""
    if taps == 1:
        return np.ones(1, np.float32)
    return scipy.signal.firwin(taps, cutoff, width=2 * half_width, fs=rate).astype(np.float32)


def radial_lowpass(taps: int, cutoff: float, half_width: float, rate: float) -> NDArray[np.float32]:
    """Radially symmetric counterpart, [taps, taps], sum 1: a jinc under a separable Kaiser window. `taps` is even."""
    t = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(t[:, None], t[None, :])
    beta = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, 4 * half_width / rate))
    window = np.kaiser(taps, beta)
    h = scipy.special.j1(2 * np.pi * cutoff * r) / (np.pi * r) * window[:, None] * window[None, :]
    normalised: NDArray[np.float32] = (h / h.sum()).astype(np.float32)
    return normalised
