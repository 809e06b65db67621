"""`akma serve`: the render service on this machine, by `bentoml serve`."""

import argparse
import errno
import os
import re
import socket
import sys

from akma_core.cli import SERVED
from akma_core.cli.options import Commands
from akma_core.errors import RequestError

SERVICE = SERVED / "service.py"


def add(commands: Commands) -> None:
    """Declare the command."""
    serve = commands.add_parser(
        "serve",
        help="start the render service",
        description="Start the API and a worker for each GPU (one on a CPU), until Ctrl-C. Settings: AKMA_* variables.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this machine)")
    serve.add_argument("--port", type=int, default=3000, help="port to listen at, 1 to 65535 (default: 3000)")
    serve.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core import log
    from akma_core.config import read_environment, unknown

    if not SERVICE.is_file():
        raise RequestError(f"{SERVICE} is missing: install AKMA again", code="no_service")
    if not 1 <= options.port <= 65535:
        raise RequestError(f"port {options.port} is not from 1 to 65535", code="bad_setting", field="port")
    check_port(options.host, options.port)
    environment = read_environment()
    log.configure(environment.log, node=environment.node, process="supervisor")
    for name in unknown():
        log.event("unknown_variable", "warning", variable=name, note="it means nothing to AKMA")
    if options.host not in ("127.0.0.1", "::1") and not environment.api_keys.get_secret_value():
        log.event("no_keys", "warning", note="without AKMA_API_KEYS only this machine is served")
    target = "Worker" if environment.role == "worker" else "Akma"
    sys.stdout.flush()
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    # A worker's threads begin before its network: see kernels.allocator.
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    counts = environment.home / "metrics" / re.sub("[^0-9A-Za-z.]", "-", f"{options.host}-{options.port}")
    # -P: its neighbours are not to be found under the names of other packages.
    arguments = ["-P", str(SERVICE.parent / "runners" / "supervisor.py"), str(counts), "serve", f"service:{target}"]
    arguments += ["--working-dir", str(SERVICE.parent)]
    arguments += ["--host", options.host, "--port", str(options.port)]
    # A client that stalls does not hold the end up; one that asks again after a few seconds keeps its connection.
    arguments += ["--timeout-graceful-shutdown", "20", "--timeout-keep-alive", "75"]
    os.execv(sys.executable, [sys.executable, *arguments])


def check_port(host: str, port: int) -> None:
    """RequestError in a line where nobody can listen there: BentoML would say it in forty."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another program" if taken else f"cannot be listened at ({error.strerror})"
        message = f"{host}:{port} {reason}: choose another --port" if taken else f"{host}:{port} {reason}"
        raise RequestError(message, code="port_taken", field="port") from None
