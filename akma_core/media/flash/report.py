"""Report of the meter's findings, for people and for programs."""

from collections.abc import Mapping
from typing import Any

from akma_core.media.flash.counter import Worst
from akma_core.media.flash.meter import Verdict


def passed(verdicts: Mapping[Any, Verdict]) -> bool:
    """True if every standard passes."""
    return all(verdict.passed for verdict in verdicts.values())


def as_json(verdicts: Mapping[Any, Verdict]) -> dict[str, Any]:
    """Verdicts as JSON has them: for each standard the verdict, and the worst seconds."""
    return {
        "verdict": "pass" if passed(verdicts) else "fail",
        "standards": {
            verdict.standard: {
                "verdict": "pass" if verdict.passed else "fail",
                "warning": verdict.warning,
                "general": _worst(verdict.general),
                "red": _worst(verdict.red),
                "mean": _worst(verdict.mean),
                "prolonged": round(verdict.prolonged, 3),
            }
            for verdict in verdicts.values()
        },
    }


def lines(verdicts: Mapping[Any, Verdict]) -> list[str]:
    """A line a standard."""
    return [_line(verdict) for verdict in verdicts.values()]


def _worst(worst: Worst) -> dict[str, Any]:
    where = dict(zip(("x", "y", "width", "height"), worst.where, strict=True)) if worst.where else None
    return {"transitions": worst.transitions, "second": round(worst.second, 3), "where": where}


def _line(verdict: Verdict) -> str:
    word = "pass" if verdict.passed else "FAIL"
    kind, worst = max((("general", verdict.general), ("red", verdict.red)), key=lambda pair: pair[1].transitions)
    if worst.where is None:
        return f"{verdict.standard:12} {word}  no flash"
    x, y, width, height = worst.where
    place = f"{width}x{height} pixels at {x},{y}"
    note = ", near the limit" if verdict.warning else ""
    if not verdict.passed:
        note = f" (of such a field's mean: at most {verdict.mean.transitions})"
    return (
        f"{verdict.standard:12} {word}  {worst.transitions} {kind} transitions from {worst.second:.2f} s, {place}{note}"
    )
