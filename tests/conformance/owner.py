"""Lets a suite in another process stop, kill and start the broker that this process owns: one verb a connection."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator

from tests.brokers import PrivateBroker


@contextlib.contextmanager
def control_port(broker: PrivateBroker) -> Iterator[int]:
    """A loopback port that obeys `start` (nothing if it runs), `stop` and `kill`; it answers `ok` when that is done."""

    class Order(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            verb = self.rfile.readline().decode().strip()
            try:
                if verb == "start" and broker.process is None:
                    broker.start()
                elif verb in ("stop", "kill"):
                    getattr(broker, verb)()
                self.wfile.write(b"ok\n")
            except Exception as error:
                self.wfile.write(f"{error}\n".encode()[:200])

    with socketserver.TCPServer(("127.0.0.1", 0), Order) as server:
        thread = threading.Thread(target=server.serve_forever, name="broker-owner", daemon=True)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join(10)
