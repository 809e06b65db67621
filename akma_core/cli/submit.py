"""`akma submit`: as `akma render`, on a server."""

import argparse
import hashlib
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from akma_core.cli.options import Commands, add_curves, add_settings, given, named_files
from akma_core.errors import AkmaError, FailureError, RequestError

if TYPE_CHECKING:
    from akma_core.client import Client, State
    from akma_core.settings import RenderSettings

SERVER = "http://127.0.0.1:3000"
KEY = "AKMA_API_KEY"


def add(commands: Commands) -> None:
    """Declare the command."""
    submit = commands.add_parser(
        "submit", help="render a video on a server", description="Have AUDIO rendered by an AKMA server."
    )
    submit.add_argument("audio", type=Path, metavar="AUDIO", help="the song: WAV, FLAC, MP3, OGG, M4A and others")
    submit.add_argument("--server", default=SERVER, metavar="URL", help=f"the server (default: {SERVER})")
    submit.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="VIDEO.mp4",
        help="video to write (.mp4); its manifest goes beside it as .json",
    )
    submit.add_argument(
        "--key", metavar="SECRET", help=f"API key; others on this machine may see it here (default: {KEY})"
    )
    submit.add_argument("--webhook-url", metavar="URL", help="where the server tells that it is over (default: none)")
    submit.add_argument("--overwrite", action="store_true", help="replace an output made otherwise (default: refuse)")
    submit.add_argument(
        "--detach", action="store_true", help="leave the render running when this is interrupted (default: cancel it)"
    )
    add_settings(submit)
    add_curves(submit)
    submit.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core.audio.reader import digest
    from akma_core.client import Client
    from akma_core.render.manifest import manifest_path
    from akma_core.render.output import check_output
    from akma_core.settings import RenderSettings

    asked = given(options) | _curves(options)
    settings = RenderSettings.parse(asked)
    output: Path = options.output
    if output.suffix.lower() != ".mp4":
        raise RequestError(f"{output} should end in .mp4: that is what a server makes", field="output")
    check_output(output, settings.audio_codec)
    if not options.audio.is_file():
        raise RequestError(f"{options.audio} is no file: give the song", code="no_file", field="audio")
    if output.exists() and output.samefile(options.audio):
        raise RequestError(f"{output} is the song itself: choose another name", field="output")
    song = digest(options.audio)
    if _is_done(output, song, settings, overwrite=options.overwrite):
        print(f"{output} is done already: it was made of this song with these settings")
        return
    fields = {name: str(value).lower() if value is True else value for name, value in asked.items()}
    if options.webhook_url:
        fields["webhook_url"] = options.webhook_url
    began = time.monotonic()
    with Client(options.server, options.key or os.environ.get(KEY) or None) as client:
        render_id = None
        try:
            render_id = _submit(client, options.audio, fields, song)
            state = _follow(client, render_id)
            _fetch(client, render_id, output)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_leave(client, render_id, detach=options.detach)) from None
    seconds, frames = time.monotonic() - began, state["frames_total"]
    from akma_core.cli.progress import clock

    print(f"{output}  {state['width']}x{state['height']}, {frames} frames at {state['fps']} fps")
    print(f"{manifest_path(output)}  the manifest, renders it again")
    print(f"there after {clock(seconds)}, as render {render_id} of {options.server}")


def _curves(options: argparse.Namespace) -> dict[str, Any]:
    """The curves that were given, as the setting of that name, which travels as JSON."""
    from akma_core.audio.features.curve_files import read_curve_file
    from akma_core.modulation.own_curves import of_file, plain

    files = named_files(options)
    found = {key.partition(":")[2]: plain(of_file(read_curve_file(path))) for key, path in files.items()}
    return {"curves": json.dumps(found)} if found else {}


def _submit(client: "Client", audio: Path, fields: dict[str, Any], song: str) -> str:
    """The id of a render of this song with these settings: one that was left before, or a new one."""
    wish = json.dumps([song, fields], sort_keys=True)
    key = f"akma-submit-{hashlib.sha256(wish.encode()).hexdigest()[:40]}"
    try:
        state = client.submit(audio, fields, key)
        if state["status"] not in ("failed", "cancelled"):
            return str(state["id"])
    except RequestError as error:
        if error.code != "idempotency_conflict":
            raise
    return str(client.submit(audio, fields, f"{key}-{uuid4().hex}")["id"])


def _follow(client: "Client", render_id: str) -> "State":
    """Show how far it is until it is done; FailureError where it ends otherwise."""
    from akma_core.cli.progress import Progress

    print(f"render {render_id}", file=sys.stderr)
    state: State = {}
    progress, place = None, None
    try:
        for state in client.follow(render_id):
            if state["queue_position"] not in (None, place):
                place = state["queue_position"]
                print(f"waiting, with {place} before it", file=sys.stderr)
            if progress is None and state["status"] in ("running", "done"):
                # What is heard of first when all its frames are there is shown as 100 % too.
                total, done = state["frames_total"], state["frames_done"]
                progress = Progress(total, done if done < total else 0)
            if progress and state["frames_done"] != progress.done:
                progress.add(state["frames_done"] - progress.done)
    finally:
        if progress:
            progress.close()
    if state["status"] == "cancelled":
        raise FailureError(f"render {render_id} was cancelled on the server: submit it again", code="cancelled")
    if state["status"] == "failed":
        error = state["error"] or {}
        message = f"render {render_id} failed: {error.get('message') or 'for no reason that the server gave'}"
        raise FailureError(message, code=error.get("code"))
    return state


def _fetch(client: "Client", render_id: str, output: Path) -> None:
    """Video and manifest, both whole and in place at once."""
    from akma_core.files import temporary
    from akma_core.render.manifest import publish

    text = client.manifest(render_id)
    try:
        video = json.loads(text)["video"]
        size, sha256 = int(video["bytes"]), str(video["sha256"])
    except (ValueError, KeyError, TypeError):
        raise FailureError("the server's manifest says nothing of the video", code="bad_answer") from None
    whole = temporary(output.with_name(f".{output.name}"))
    try:
        client.fetch(render_id, whole, size, sha256)
        publish(output, whole, text)
    finally:
        whole.unlink(missing_ok=True)


def _leave(client: "Client", render_id: str | None, *, detach: bool) -> str:
    """Words on what becomes of the render after Ctrl-C."""
    if render_id is None:
        return "interrupted before the server had accepted the song"
    if detach:
        return f"interrupted; render {render_id} goes on, and the same command comes back to it"
    with suppress(AkmaError, OSError):
        client.cancel(render_id)
        return f"interrupted; render {render_id} is cancelled"
    return f"interrupted; render {render_id} could not be cancelled and may go on"


def _is_done(output: Path, song: str, settings: "RenderSettings", *, overwrite: bool) -> bool:
    """True where `output` was made of this song with these settings; RequestError where another file would be lost."""
    from akma_core.render.manifest import MAX_MANIFEST, manifest_path

    manifest = manifest_path(output)
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        made = json.loads(manifest.read_bytes()) if manifest.stat().st_size <= MAX_MANIFEST else {}
        same = made["plan"]["settings"] == settings.model_dump(mode="json", by_alias=True)
        if same and made["plan"]["audio"]["sha256"] == song and made["video"]["bytes"] == output.stat().st_size:
            return True
    for path in (output, manifest):
        if path.exists() and not overwrite:
            message = f"{path} exists, and was made otherwise: give --overwrite or another name"
            raise RequestError(message, code="output_exists", field="output")
    return False
