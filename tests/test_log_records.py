"""Whatever a library writes by Python's means is a line of the service's format, from any process."""

import json
import re
import subprocess
import sys

NOISE = """
import logging, sys, threading, warnings
early = logging.getLogger("early")
early.addHandler(logging.StreamHandler(sys.stderr))
early.propagate = False
from akma_core import log, log_records
log.configure(STYLE, node="vm-1", process="api")
log_records.take_over()
early.warning("one\\ntwo %s", "x" * 9000)
from dbos._logger import dbos_logger, init_logger
init_logger()
dbos_logger.warning("of DBOS")
logging.getLogger("late").error("of %d", 7)
logging.getLogger("late").warning("of %d", "no number")
logging.getLogger("server").error("Traceback (most recent call last):\\n" + "  far\\n" * 900 + "KeyError: 'why'\\n")
warnings.warn("old ways", UserWarning)
try:
    raise ValueError("by hand")
except ValueError:
    logging.getLogger("late").exception("it broke")
thread = threading.Thread(target=lambda: 1 / 0, name="t")
thread.start()
thread.join()
class Fragile:
    def __del__(self):
        raise KeyError("in a destructor")
Fragile()
raise RuntimeError("the end")
"""


def lines(style: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", NOISE.replace("STYLE", repr(style))], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_json_has_logger_message_and_trace() -> None:
    found = [json.loads(line) for line in lines("json")]
    assert {(line["node"], line["process"]) for line in found} == {("vm-1", "api")}
    told = [(line["level"], line["logger"], line["message"][:20]) for line in found]
    assert told == [
        ("warning", "early", "one\ntwo xxxxxxxxxxxx"),
        ("warning", "dbos", "of DBOS"),
        ("error", "late", "of 7"),
        ("warning", "late", "of %d"),
        ("error", "server", "KeyError: 'why'"),
        ("warning", "py.warnings", "<string>:16: UserWar"),
        ("error", "late", "it broke"),
        ("error", "python", "ZeroDivisionError in"),
        ("error", "python", "KeyError('in a destr"),
        ("critical", "python", "RuntimeError: the en"),
    ]
    assert len(found[0]["message"]) == 2000
    traces = [line["trace"].rstrip().rpartition("\n")[2] for line in found if "trace" in line]
    assert traces == [
        "KeyError: 'why'",
        "ValueError: by hand",
        "ZeroDivisionError: division by zero",
        "KeyError: 'in a destructor'",
        "RuntimeError: the end",
    ]


def test_text_has_the_same_in_a_line() -> None:
    found = lines("text")
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z (warning|error|critical) \S+ ", line) for line in found)
    for word in ("dbos of DBOS", "late of 7", "py.warnings", "RuntimeError: the end"):
        assert [word in line for line in found].count(True) == 1, word
