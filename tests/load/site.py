"""A little web site for the generator to visit: counts, can be slow, can fail."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """`seen` are (method, path, body, X-Request-ID) as they came; every answer is a new id with `status`."""

    url: str = ""
    status: int = 201
    delay: float = 0.0
    seen: list[tuple[str, str, Any, str]] = field(default_factory=list)


@contextmanager
def site() -> Iterator[Site]:
    found = Site()
    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # header and body in one write, or every answer waits for a delayed ACK

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                return  # a visitor that was sent home in the middle of its request
            found.seen.append(
                (self.command, self.path, json.loads(body) if body else None, self.headers["X-Request-ID"])
            )
            time.sleep(found.delay)
            answer = json.dumps({"id": f"id{next(numbers)}"}).encode()
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """A visitor that was sent home in the middle of an answer."""

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
