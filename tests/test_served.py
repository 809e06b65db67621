"""service.py as BentoML has it: requests leave nothing behind in the process."""

import os
import subprocess
import sys
from pathlib import Path

# In a process of its own: importing service.py takes over what this one logs.
CODE = """
import asyncio, os
import httpx, service

async def main():
    app, told, asked = service.Akma.to_asgi(), asyncio.Queue(), asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, told.put))
    await asked.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    statuses = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path in ("/v1/renders", "/healthz", "/v1", "/nothing"):
            statuses.append((await client.get(path)).status_code)
    print(statuses, len(asyncio.get_running_loop()._scheduled))
    await asked.put({"type": "lifespan.shutdown"})
    await life

asyncio.run(main())
os._exit(0)  # without waiting for what BentoML has begun
"""


def test_a_request_leaves_no_timer(tmp_path: Path) -> None:
    """BentoML's limit of time keeps one for each request until it is over, which is never."""
    environment = os.environ | {"AKMA_HOME": str(tmp_path), "AKMA_ROLE": "api", "PYTHONUNBUFFERED": "1"}
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=root, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines()[-1] == "[200, 200, 200, 404] 0", done.stdout + done.stderr
