"""The sea as a kind of network: what planning and a device ask of it."""

from typing import Any

ABILITIES = ("layers", "camera", "time")
"""Targets of rows that it has: its one row of ws, the camera, and the pace of its waves."""
ANY_SIZE = True
"""Pictures of any size and shape, computed as such."""
WIDE = False
MOVES = True
"""True: it has a time of its own, waves travel while w stands still."""


def has_noise(_config: dict[str, Any]) -> bool:
    """False: it has no noise inputs."""
    return False


def largest_layer(_config: dict[str, Any]) -> int:
    """Bytes of one picture's rows in work; it has no layers."""
    return 1 << 24


def rates(_config: dict[str, Any]) -> tuple[float, ...]:
    """Sampling rate that each row of ws feeds: the one row is everything's."""
    return (0.0,)
