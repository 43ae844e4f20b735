"""A stub as a process of its own: configured by its environment, told over HTTP how to behave (`told.py`)."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lab.neighbours.stub.request import Reply, Seen, says
from lab.neighbours.stub.stub import Stub
from lab.neighbours.stub.told import listen


def serve(make: Callable[[Path], Stub]) -> None:
    """The whole of a stub's `main`: listen on HOST:PORT, log requests to stdout, and end with exit code 0 on SIGTERM.

    `make` gets the folder in which the stub keeps its books: the one it was started in.
    """
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    stub = make(Path.cwd())
    stub.answered = Log(os.environ.get("SERVICE_NAME", "") or stub.name)
    listen(stub)
    for path in ("/healthz", "/readyz"):
        stub.aside(f"GET {path}", lambda _: says({"status": "ready", "checks": {}}))
    try:
        stub.open(os.environ.get("HOST", "") or "127.0.0.1", int(os.environ.get("PORT", "") or 8000))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{stub.name} cannot listen: {error}\n")
        sys.exit(1)
    over.wait()
    stub.close()


class Log:
    """Writes a JSON line for each answer, as the services' own logs have it."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, seen: Seen, reply: Reply | None) -> None:
        line = {
            "ts": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info",
            "service": self._service,
            "msg": f"{seen.line} {reply.status if reply else 'reset'}",
            "correlation_id": seen.headers.get("x-request-id") or f"gen-{uuid.uuid4()}",
            "event": "http",
            "status": reply.status if reply else None,
            "ms": round((time.monotonic() - seen.at) * 1000, 1),
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
