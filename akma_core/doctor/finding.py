"""Results of `akma doctor`: can this machine do it, and what is to be done about what is wrong.

A check is a function of a Wish that returns a Finding or raises an AkmaError. It may take its time, hang or crash:
`akma_core.cli.doctor` runs it in a process of its own, within a limit. `machine` has the checks of this machine,
`services` those of the database and the storage, `runners.doctor` those of the device.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from akma_core.config import Environment
from akma_core.errors import AkmaError


@dataclass(frozen=True)
class CheckContext:
    """Input of a check: the service's settings and what the machine is to do."""

    environment: Environment
    encoder: str = "auto"
    """As --encoder of a render: auto, x264 or nvenc."""
    port: int = 3000


@dataclass(frozen=True)
class CheckResult:
    """Result of a check, in one line."""

    state: Literal["ok", "warn", "bad"]
    message: str
    advice: str = ""
    """Advice; empty where all is well."""


def ok(message: str) -> CheckResult:
    return CheckResult("ok", message)


def warn(message: str, advice: str) -> CheckResult:
    return CheckResult("warn", message, advice)


def bad(message: str, advice: str) -> CheckResult:
    return CheckResult("bad", message, advice)


def summary(fine: str, troubles: Iterable[CheckResult]) -> CheckResult:
    """The troubles in one line, as bad as the worst of them; `fine` where there are none."""
    found = sorted(troubles, key=lambda finding: finding.state)  # bad before warn
    if not found:
        return ok(fine)
    advice = dict.fromkeys(finding.advice for finding in found)  # the same only once
    return CheckResult(found[0].state, "; ".join(finding.message for finding in found), "; ".join(advice))


def failed(error: Exception) -> CheckResult:
    """Turn an exception into a result."""
    if isinstance(error, AkmaError):
        if advice := ADVICE.get(error.code):
            return bad(error.message, advice)
        message, _, advice = error.message.rpartition(": ")  # "what is wrong: how to mend it"
        return bad(message, advice) if message else bad(advice, "see the message")
    return bad(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", "AKMA_DEBUG=1 shows where; report it")


ADVICE = {  # where the message has none
    "storage_unreachable": "mend AKMA_STORAGE, or let this machine through to the storage",
    "storage_corrupt": "do not use this storage: it does not keep what it is given",
    "write_failed": "choose another place, or give this user the right to write there",
    "read_failed": "choose another place, or give this user the right to read there",
}


def discreet(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """`text` without the secrets of the environment, whatever a library may have put into its message."""
    url = environ.get("AKMA_DATABASE_URL", "")
    found = re.findall("://[^/:]*:(.*)@", url) + re.findall("password=([^&]*)", url)
    found += [part for secret in found for part in re.split("[@:/?#]", secret) if len(part) > 2]  # taken for a host
    found += [entry.rpartition(":")[2].strip() for entry in environ.get("AKMA_API_KEYS", "").split(",")]
    found += [environ.get(name, "") for name in ("AKMA_LINK_SECRET", "AKMA_WEBHOOK_SECRET", "PGPASSWORD")]
    for secret in sorted({*found, *map(unquote, found)} - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
