"""Hits as files: CSV and JSON that `--hits` reads again, markers for editors as EDL (CMX3600) and FCPXML."""

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from akma_core.errors import RequestError

from .edited_hits import Hit, plain

TYPES = {".csv": "text/csv", ".json": "application/json", ".edl": "text/plain", ".fcpxml": "application/xml"}
HOUR = 3600  # seconds at which editors begin a timeline
COLOURS = {"kick": "Red", "snare": "Blue", "tom": "Purple", "hat": "Yellow", "cymbal": "Green"}


def write_hits(suffix: str, hits: Sequence[Hit], fps: Fraction, name: str, duration: float) -> bytes:
    """`hits` in the format of `suffix`; RequestError for another. `name` and `duration` (s) are the song's."""
    check_suffix(suffix)
    return WRITERS[suffix](hits, fps, name, duration).encode()


def check_suffix(suffix: str) -> None:
    """RequestError for what is none of TYPES."""
    if suffix not in TYPES:
        raise RequestError(f"cannot write hits as {suffix or 'that'}: use {', '.join(TYPES)}", field="output")


def _csv(hits: Sequence[Hit], _fps: Fraction, _name: str, _duration: float) -> str:
    rows = (f"{_number(hit.time)},{_number(hit.strength)},{hit.drum or ''}\n" for hit in hits)
    return "time,strength,drum\n" + "".join(rows)


def _json(hits: Sequence[Hit], _fps: Fraction, name: str, duration: float) -> str:
    return json.dumps({"song": name, "duration": duration, "hits": plain(hits)}) + "\n"


def _edl(hits: Sequence[Hit], fps: Fraction, name: str, _duration: float) -> str:
    """An event of one frame for each hit, with its marker as DaVinci Resolve reads it from the comment below."""
    lines = [f"TITLE: {_plain(name)[:70]}", "FCM: NON-DROP FRAME", ""]
    for number, hit in enumerate(hits, 1):
        first = _frame(hit, fps)
        span = f"{timecode(first, fps)} {timecode(first + 1, fps)}"
        lines.append(f"{number:03d}  001      V     C        {span} {span}  ")
        lines.append(f" |C:ResolveColor{COLOURS.get(hit.drum or '', 'Cyan')} |M:{_label(hit)} |D:1")
        lines.append("")
    return "\r\n".join(lines) + "\r\n"


def _fcpxml(hits: Sequence[Hit], fps: Fraction, name: str, duration: float) -> str:
    """A project of one gap as long as the song, with a marker for each hit: version 1.9."""
    frames = max(1, round(duration * fps))
    markers = "".join(
        f"            <marker start={quoteattr(_seconds(_frame(hit, fps), fps))} duration={quoteattr(_seconds(1, fps))}"
        f" value={quoteattr(_label(hit))}/>\n"
        for hit in hits
    )
    title, length, step = quoteattr(_plain(name)), quoteattr(_seconds(frames, fps)), quoteattr(_seconds(1, fps))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.9">
  <resources>
    <format id="r1" frameDuration={step} width="1920" height="1080"/>
  </resources>
  <library>
    <event name="AKMA">
      <project name={title}>
        <sequence format="r1" duration={length} tcStart="0s" tcFormat="NDF">
          <spine>
            <gap name="Hits" offset="0s" start="0s" duration={length}>
{markers}            </gap>
          </spine>
        </sequence>
      </project>
    </event>
  </library>
</fcpxml>
"""


def timecode(frame: int, fps: Fraction) -> str:
    """hh:mm:ss:ff of a frame, counted from HOUR on without dropping, as editors do at the nearest whole rate."""
    base = max(1, round(fps))
    seconds, rest = divmod(frame + HOUR * base, base)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{rest:02d}"


def _frame(hit: Hit, fps: Fraction) -> int:
    return round(hit.time * fps)


def _seconds(frames: int, fps: Fraction) -> str:
    """Rational seconds, which FCPXML asks for."""
    return f"{frames * fps.denominator}/{fps.numerator}s"


def _label(hit: Hit) -> str:
    return f"{hit.drum or 'hit'} {hit.strength:.2f}"


def _plain(name: str) -> str:
    """In one line, of characters that XML and editors take."""
    return "".join(filter(str.isprintable, name.encode("utf-8", "ignore").decode())) or "song"


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


WRITERS: dict[str, Callable[[Sequence[Hit], Fraction, str, float], str]] = {
    ".csv": _csv,
    ".json": _json,
    ".edl": _edl,
    ".fcpxml": _fcpxml,
}
