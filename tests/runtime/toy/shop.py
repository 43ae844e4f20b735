"""A small service for tests: plain asyncio, JSON logs, a provider to call, and doors for misbehaving."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit


def log(**fields: object) -> None:
    sys.stdout.write(json.dumps({"service": os.environ["SERVICE_NAME"], **fields}) + "\n")
    sys.stdout.flush()


def ask_provider(request_id: str) -> int:
    url = urlsplit(os.environ["PROVIDER_URL"])
    connection = HTTPConnection(url.hostname or "", url.port, timeout=2)
    connection.request("GET", "/hello", headers={"X-Request-ID": request_id})
    return connection.getresponse().status


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    path = head.split()[1]
    request_id = next((line[14:] for line in head.split("\r\n") if line.lower().startswith("x-request-id: ")), "none")
    status, body = 200, {"status": os.environ.get("STATUS", "ready"), "checks": {"disk": os.environ.get("DISK", "ok")}}
    if path == "/call":
        status = await asyncio.to_thread(ask_provider, request_id)
    elif path == "/crash":
        raise SystemExit("asked to crash")
    elif path == "/readyz" and os.path.exists("unready"):  # noqa: ASYNC240, PTH110 - a test's door
        status, body = 503, {"status": "unready", "checks": {"disk": "full"}}
    else:
        log(level="info", msg="request", path=path, correlation_id=request_id)
    data = json.dumps(body).encode()
    writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(data), data))
    await writer.drain()
    writer.close()


async def main() -> None:
    if os.environ.get("DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(float(os.environ.get("SLOW", "0")))  # noqa: ASYNC251 - nothing is served yet
    server = await asyncio.start_server(answer, os.environ["HOST"], int(os.environ["PORT"]))
    log(level="info", event="started", msg="listening", port=os.environ["PORT"])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
