"""A stub as a process of its own: configured by its environment, told over HTTP how to behave.

    PUT    /behaviour  {"key": "*", "do": "status", "status": 503, "times": 2}
    DELETE /behaviour

`key` is an order's id, or `*` for all; a behaviour concerns the requests that change something. `do` is one of:

| `do` | what happens |
| --- | --- |
| `ok` | the usual |
| `decline` | the stub says no in its own way |
| `status` | it answers with `status` and does nothing |
| `hang` | it does nothing and does not answer |
| `lose-response` | it does the work and does not answer |
| `reset`, `garbage` | it does nothing and resets the connection, or answers with what is not JSON |
| `delay`, `drip` | the usual, after `seconds`, or with so many for each byte of the answer |

`times` ends it after so many requests. DELETE ends all of it; those who still wait for an answer are let go.
"""

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
from typing import Literal

import msgspec

from lab.neighbours.stub.deeds import Deed, Rest, delay, drip, garbage, hang, reset, status
from lab.neighbours.stub.request import Reply, Seen, problem, says
from lab.neighbours.stub.stub import Stub
from lab.neighbours.stub.waiting_room import WaitingRoom

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    do: Literal["ok", "decline", "status", "hang", "lose-response", "reset", "garbage", "delay", "drip"]
    key: str = "*"
    status: int = 503
    seconds: float = 1.0
    times: int | None = None


def serve(make: Callable[[Path], Stub]) -> None:
    """The whole of a stub's `main`: listen on HOST:PORT, log requests to stdout, and end with exit code 0 on SIGTERM.

    `make` gets the folder in which the stub keeps its books: the one it was started in.
    """
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    stub = make(Path.cwd())
    stub.answered = Log(os.environ.get("SERVICE_NAME", "") or stub.name)
    stub.aside("PUT /behaviour", lambda seen: _tell(stub, seen))
    stub.aside("DELETE /behaviour", lambda _: _heal(stub))
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


def _tell(stub: Stub, seen: Seen) -> Reply:
    try:
        told = msgspec.json.decode(seen.body, type=Behaviour)
    except (ValueError, RecursionError) as error:
        return problem(422, "invalid_request", str(error))

    def concerned(request: Seen) -> bool:
        named = request.json.get("order_id") if isinstance(request.json, dict) else None
        return request.method in CHANGES and told.key in ("*", str(named))

    stub.will(_deed(stub, told), times=told.times, where=concerned)
    return says(told)


def _heal(stub: Stub) -> Reply:
    stub.heal()
    return Reply(204)


def _deed(stub: Stub, told: Behaviour) -> Deed:
    match told.do:
        case "ok":
            return _instead(stub.work)
        case "decline":
            return _instead(stub.decline)
        case "status":
            return status(told.status)
        case "hang":
            return hang()
        case "lose-response":
            return Mute()
        case "reset":
            return reset()
        case "garbage":
            return garbage()
        case "delay":
            return delay(told.seconds)
        case "drip":
            return drip(told.seconds)


def _instead(work: Callable[[Seen], Reply]) -> Deed:
    async def deed(seen: Seen, _: Rest) -> Reply | None:
        return work(seen)

    return deed


class Mute:
    """Does as usual and keeps the answer back until it is released."""

    def __init__(self) -> None:
        self._room = WaitingRoom()

    async def __call__(self, _: Seen, rest: Rest) -> Reply | None:
        reply = await rest()
        await self._room.wait()
        return reply

    def release(self) -> None:
        self._room.let_go()
