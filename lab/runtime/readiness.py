"""Asks a process whether it is ready, and says in words why not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httptools

from lab.engines.ready import Ready, listens
from lab.locale import tr

TIMEOUT = 1.0
LIMIT = 65_536
SURVIVAL = 0.25


@dataclass(frozen=True, slots=True)
class Answer:
    """`unready` before the first success means starting, later on that it stopped serving."""

    state: Literal["ready", "degraded", "unready"]
    reason: str = ""


Probe = Callable[[], Awaitable[Answer]]

READY = Answer("ready")


async def at_once() -> Answer:
    """For what is ready as soon as it is there."""
    return READY


async def started() -> Answer:
    """For a program that opens no port: ready when it has not died at once."""
    await asyncio.sleep(SURVIVAL)
    return READY


def all_of(probes: Sequence[Probe]) -> Probe:
    """Ready when every one of them is; the first that is not says why."""

    async def probe() -> Answer:
        answers = [await one() for one in probes]
        return next((answer for answer in answers if answer.state != "ready"), READY)

    return probe


def tcp(host: str, port: int) -> Probe:
    """Ready when the port is open."""
    return _bounded(port, lambda: _ask(listens, host, port))


def http(host: str, port: int, path: str) -> Probe:
    """Ready when GET path answers 200; degraded when its JSON says so."""
    return _bounded(port, lambda: _get(host, port, path), tr("to GET {path} ", path=path))


def engine(ask: Ready, host: str, port: int) -> Probe:
    """Ready when it says so in the way of its kind."""
    return _bounded(port, lambda: _ask(ask, host, port))


def _bounded(port: int, ask: Callable[[], Awaitable[Answer]], what: str = "") -> Probe:
    async def probe() -> Answer:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await ask()
        except TimeoutError:
            return Answer("unready", tr("no answer {what}within {timeout:g} s", what=what, timeout=TIMEOUT))
        except ConnectionRefusedError:
            return Answer("unready", tr("port {port} refuses connections", port=port))
        except (OSError, RuntimeError, httptools.HttpParserError) as error:  # uvloop: RuntimeError when just closed
            return Answer("unready", tr("port {port}: {problem}", port=port, problem=error or type(error).__name__))

    return probe


async def _ask(ask: Ready, host: str, port: int) -> Answer:
    why_not = await ask(host, port)
    return Answer("unready", why_not) if why_not else READY


async def _get(host: str, port: int, path: str) -> Answer:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: lab-readiness\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        data, seen = b"", _Seen()
        while not seen.whole and len(data) < LIMIT and (more := await reader.read(LIMIT)):
            data += more
            seen = _seen(data)
    finally:
        writer.close()
    if not data:
        return Answer("unready", tr("GET {path}: connection closed without an answer", path=path))
    return _judge(path, seen)


class _Seen:
    """An answer as far as it has come. Its end is its own: a server may keep the connection open all the same."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.whole = False

    def on_body(self, chunk: bytes) -> None:
        self.body += chunk

    def on_message_complete(self) -> None:
        self.whole = True


def _seen(data: bytes) -> _Seen:
    """Raises httptools.HttpParserError for what is no HTTP."""
    seen = _Seen()
    parser = httptools.HttpResponseParser(seen)
    head, _, body = data.partition(b"\n\n")
    if b"\r\n" not in head:  # a server that ends its lines with LF alone, which other clients take, too
        data = head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body if b"\n\n" in data else b""
    parser.feed_data(data)
    seen.status = parser.get_status_code()
    return seen


def _judge(path: str, seen: _Seen) -> Answer:
    status, said = seen.status, _said(seen.body)
    if status != 200:
        return Answer(
            "unready", tr("GET {path} answers {status}{failing}", path=path, status=status, failing=_failing(said))
        )
    if said.get("status") == "degraded":
        return Answer("degraded", _failing(said).removeprefix(": "))
    return READY


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _failing(said: dict[str, Any]) -> str:
    """`: broker: connection refused` from the checks of a /readyz answer, whatever shape they have."""
    checks = said.get("checks")
    if not isinstance(checks, dict):
        return ""
    failing = []
    for name, check in checks.items():
        state = check.get("status", "") if isinstance(check, dict) else check
        if state is True or str(state).lower() in ("ok", "up", "ready", "pass", "healthy"):
            continue
        why = check.get("reason") or check.get("error") or check.get("detail") if isinstance(check, dict) else ""
        failing.append(f"{name}: {why or state}")
    return f": {', '.join(failing)}" if failing else ""
