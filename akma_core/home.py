"""The folder of AKMA's own on a machine: AKMA_HOME, or .akma in the user's home."""

import os
from collections.abc import Mapping
from pathlib import Path

from akma_core.errors import RequestError


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder, absolute; it may not exist yet. RequestError where there is no home at all."""
    try:
        return Path(environ.get("AKMA_HOME") or "~/.akma").expanduser().absolute()
    except RuntimeError:
        message = "there is no home folder: set AKMA_HOME to a whole path"
        raise RequestError(message, code="bad_storage", field="storage") from None
