"""The studio, a page built from studio/ into static/: files, under a policy that lets it reach this host alone."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STUDIO = "/studio/"
BUILT = Path(__file__).parent / "static"
NOT_BUILT = (
    "AKMA's API is under /v1, its documentation at /v1/docs. The studio is not built: npm --prefix studio run build"
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",  # pictures that need a key come as blobs, stills as data
        "media-src 'self' blob:",  # HLS is fed to a MediaSource, clips are blobs
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FOREVER = "public, max-age=31536000, immutable"  # of files whose name holds their hash


class StudioFiles(StaticFiles):
    """The built files with their headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = FOREVER if path.startswith("assets/") else "no-cache"
        return response


def is_open(path: str) -> bool:
    """True for the page itself, which everybody may have: what it asks the API for needs a key."""
    return path in ("/", STUDIO.rstrip("/")) or path.startswith(STUDIO)


def add_studio(app: FastAPI, built: Path = BUILT) -> None:
    """Serve the page under /studio/, and lead there from / and /studio; without a built page, say so."""
    there = (built / "index.html").is_file()

    def lead() -> Response:
        return RedirectResponse(STUDIO) if there else PlainTextResponse(f"{NOT_BUILT}\n", 200)

    for path in ("/", STUDIO.rstrip("/")):
        app.get(path, include_in_schema=False, name="studio")(lead)
    if there:
        app.mount(STUDIO.rstrip("/"), StudioFiles(directory=built, html=True), name="studio-files")
