"""Records of Python's logging, warnings and uncaught exceptions of a process, in the format of `log`."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from akma_core import log

MAX_MESSAGE = 2000  # characters
MAX_TRACE = 6000  # characters, the last ones: they say what went wrong
# Libraries that give a logger without handlers one of their own, in their own format.
GREEDY = ("dbos",)


class LineHandler(logging.Handler):
    """A record is a line; what was raised is its field `trace`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # a library's mistake in a format costs its values, not the line
            message = str(record.msg)
        trace = _told(record.exc_info[1]) if record.exc_info else None
        if message.startswith("Traceback"):  # uvicorn's way to say why it does not start: the last line says it
            message, trace = message.rstrip().rpartition("\n")[2], message
        _write(record.name, record.levelname.lower(), message, trace)


def take_over() -> None:
    """From now on every logger, those to come too, writes lines as `log` does; levels stay as they are.

    To be called after the libraries set up their own, which loses its handlers.
    """
    root = logging.getLogger()
    loggers = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for each in loggers:
        each.handlers.clear()
        each.propagate = True
    for name in GREEDY:
        logging.getLogger(name).addHandler(logging.NullHandler())
    root.handlers[:] = [LineHandler()]
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _in_thread


def _write(logger: str, level: str, message: str, trace: str | None) -> None:
    log.write(logger, level, message[:MAX_MESSAGE], trace=trace[-MAX_TRACE:] if trace else None)


def _told(error: BaseException | None) -> str | None:
    """The traceback of an error, as Python prints it."""
    return "".join(traceback.format_exception(error)) if error else None


def _uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        _write("python", "critical", f"{kind.__name__}: {error}", _told(error))


def _in_thread(raised: threading.ExceptHookArgs) -> None:
    if raised.exc_type is not SystemExit:
        name = raised.thread.name if raised.thread else "?"
        message = f"{raised.exc_type.__name__} in thread {name}: {raised.exc_value}"
        _write("python", "error", message, _told(raised.exc_value))


def _unraisable(raised: "sys.UnraisableHookArgs") -> None:
    _write("python", "error", f"{raised.exc_value!r} ignored in {raised.object!r}", _told(raised.exc_value))
