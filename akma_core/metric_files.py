"""Counts of processes that have ended, folded into one file: a service that lives long would keep some of each."""

import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path

COUNTED = re.compile(r"(counter|histogram)_([1-9][0-9]*)\.db")  # as prometheus_client names them: kind, process
FOLDED = "{kind}_0.db"  # no process has this number

_lock = threading.Lock()


def fold(folder: Path) -> None:
    """Add the counts of processes that are gone to one file a kind and remove theirs. Of one process at a time."""
    with _lock:
        gone: dict[str, list[Path]] = {}
        for path in folder.iterdir():
            match = COUNTED.fullmatch(path.name)
            if match and not _is_alive(int(match[2])):
                gone.setdefault(match[1], []).append(path)
        for kind, paths in gone.items():
            folded = folder / FOLDED.format(kind=kind)
            _write(folded, _sums([*paths, *([folded] if folded.exists() else [])]))
            for path in paths:
                path.unlink()


def _sums(paths: Iterable[Path]) -> dict[str, float]:
    from prometheus_client.mmap_dict import MmapedDict

    sums: dict[str, float] = {}
    for path in paths:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _write(path: Path, sums: dict[str, float]) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    made = path.with_suffix(".tmp")  # which nobody takes for counts
    made.unlink(missing_ok=True)
    values = MmapedDict(str(made))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        values.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    values.close()  # type: ignore[no-untyped-call]
    made.replace(path)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
