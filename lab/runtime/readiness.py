"""Asks a process whether it is ready, and says in words why not."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import httptools

TIMEOUT = 1.0
LIMIT = 65_536
SURVIVAL = 0.25

STARTUP = b"user\0lab\0database\0postgres\0\0"
"""PostgreSQL's first message, protocol 3.0; while the cluster recovers the answer is an error."""


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


def tcp(host: str, port: int) -> Probe:
    """Ready when the port is open."""
    return _bounded(port, lambda: _connect(host, port))


def http(host: str, port: int, path: str) -> Probe:
    """Ready when GET path answers 200; degraded when its JSON says so."""
    return _bounded(port, lambda: _get(host, port, path), f"to GET {path} ")


def postgres(host: str, port: int) -> Probe:
    """Ready when PostgreSQL accepts sessions, which is later than when its port opens."""
    return _bounded(port, lambda: _session(host, port))


def amqp(host: str, port: int) -> Probe:
    """Ready when the broker greets a client; RabbitMQ's port opens before that."""
    return _bounded(port, lambda: _greeting(host, port))


def _bounded(port: int, ask: Callable[[], Awaitable[Answer]], what: str = "") -> Probe:
    async def probe() -> Answer:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await ask()
        except TimeoutError:
            return Answer("unready", f"no answer {what}within {TIMEOUT:g} s")
        except ConnectionRefusedError:
            return Answer("unready", f"port {port} refuses connections")
        except (OSError, RuntimeError, httptools.HttpParserError) as error:  # uvloop: RuntimeError when just closed
            return Answer("unready", f"port {port}: {error or type(error).__name__}")

    return probe


async def _connect(host: str, port: int) -> Answer:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return READY


async def _get(host: str, port: int, path: str) -> Answer:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: lab-readiness\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        data = await reader.read(LIMIT)
        while len(data) < LIMIT and (more := await reader.read(LIMIT)):
            data += more
    finally:
        writer.close()
    return _judge(path, data)


def _judge(path: str, data: bytes) -> Answer:
    body = bytearray()

    class Collect:
        def on_body(self, chunk: bytes) -> None:
            body.extend(chunk)

    if not data:
        return Answer("unready", f"GET {path}: connection closed without an answer")
    parser = httptools.HttpResponseParser(Collect())
    parser.feed_data(data)
    status = parser.get_status_code()
    said = _said(bytes(body))
    if status != 200:
        return Answer("unready", f"GET {path} answers {status}{_failing(said)}")
    if said.get("status") == "degraded":
        return Answer("degraded", _failing(said).removeprefix(": "))
    return READY


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
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


async def _greeting(host: str, port: int) -> Answer:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"AMQP\x00\x00\x09\x01")
        kind = await reader.read(1)
    finally:
        writer.close()
    return READY if kind == b"\x01" else Answer("unready", "the broker does not greet clients yet")


async def _session(host: str, port: int) -> Answer:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack("!II", len(STARTUP) + 8, 196_608) + STARTUP)
        kind = await reader.read(1)
    finally:
        writer.close()
    return READY if kind == b"R" else Answer("unready", "the cluster is not accepting sessions yet")
