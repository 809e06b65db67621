"""A reverse proxy that shows a service under a path of its own, as nginx and others do."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}  # headers of one connection


@contextmanager
def proxy(url: str, prefix: str, *, strips: bool) -> Iterator[str]:
    """Address at which the service of `url` is shown. `strips`: it takes the prefix off the path, else it leaves it.

    What lies beside the prefix is 404, so that a page that forgets it is found out.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
            headers |= {"X-Forwarded-Prefix": prefix, "Content-Length": str(len(body))}
            behind = http.client.HTTPConnection(str(host), port, timeout=130)
            with suppress(BrokenPipeError, ConnectionResetError):  # the browser has left
                behind.request(
                    self.command, self.path.removeprefix(prefix) if strips else self.path, body, dict(headers)
                )
                answer = behind.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in OWN - {"content-length"}:
                        self.send_header(name, value)
                self.end_headers()
                while block := answer.read1(1 << 16):
                    self.wfile.write(block)
                    self.wfile.flush()
            behind.close()

        do_GET = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{prefix}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
