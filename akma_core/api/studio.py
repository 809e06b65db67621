"""The studio's page: files that `make studio` built into `static/`, open to all; what they ask for needs a key."""

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from akma_core.api.prefix import prefix
from akma_core.api.responses import matches_tag

FOLDER = Path(__file__).with_name("static")
PAGE = "/studio/"
NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}/){0,4}[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}", re.ASCII)
HASHED = re.compile(r"assets/.*-[A-Za-z0-9_-]{8,}\.[a-z0-9]+")  # Vite's names: another content is another name
NOT_BUILT = "The studio's page is not built here: run `make studio`, or use the API, /v1/docs.\n"
TEXT = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
BINARY = {
    ".flac": "audio/flac", ".ico": "image/x-icon", ".jpg": "image/jpeg", ".m4a": "audio/mp4", ".mp3": "audio/mpeg",
    ".png": "image/png", ".wav": "audio/wav", ".webp": "image/webp", ".woff2": "font/woff2",
}  # fmt: skip
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOR_EVER, ASK = "public, max-age=31536000, immutable", "no-cache"


def is_open(path: str) -> bool:
    """True if a request's path is the page's; it needs no key."""
    return path in ("/", PAGE[:-1]) or path.startswith(PAGE)


def add_studio(app: FastAPI, built: Path = FOLDER) -> None:
    """Serve the page at /studio/, and lead to it from /; one line says so where it is not built."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def front() -> Response:
        if (built / "index.html").is_file():
            return RedirectResponse(prefix() + PAGE, 307, {"Cache-Control": ASK, **HEADERS})
        return PlainTextResponse(NOT_BUILT, headers={"Cache-Control": ASK, **HEADERS})

    @app.api_route(PAGE[:-1], methods=["GET", "HEAD"], include_in_schema=False)
    def without_slash() -> Response:
        return RedirectResponse(prefix() + PAGE, 307, {"Cache-Control": ASK, **HEADERS})

    @app.api_route(PAGE + "{name:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def studio(request: Request, name: str) -> Response:
        return await run_in_threadpool(_file, built, name or "index.html", request)


def _file(folder: Path, name: str, request: Request) -> Response:
    path = folder / name
    if not NAME.fullmatch(name) or path.suffix not in TEXT | BINARY or path.is_symlink() or not path.is_file():
        message = "There is no such file of the studio's page.\n" if (folder / "index.html").is_file() else NOT_BUILT
        return PlainTextResponse(message, 404, {"Cache-Control": ASK, **HEADERS})
    headers = {**HEADERS, "Cache-Control": FOR_EVER if HASHED.fullmatch(name) else ASK}
    if path.suffix in BINARY:
        return FileResponse(path, headers=headers, media_type=BINARY[path.suffix])
    plain, packed, tag = _text(path, path.stat().st_mtime_ns)
    headers |= {"ETag": tag, "Vary": "Accept-Encoding"}
    if matches_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    data = plain
    if re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", request.headers.get("accept-encoding", "")):
        data, headers = packed, headers | {"Content-Encoding": "gzip"}
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(len(data))}, media_type=TEXT[path.suffix])
    return Response(data, headers=headers, media_type=TEXT[path.suffix])


@lru_cache(64)
def _text(path: Path, _modified: int) -> tuple[bytes, bytes, str]:
    """A file as it is and packed, and its ETag."""
    data = path.read_bytes()
    return data, gzip.compress(data, 9, mtime=0), f'"{hashlib.sha256(data).hexdigest()[:20]}"'
