"""The embedded Redis: fakeredis' TCP server, quiet and alone in its process.

python -m lab.engines.redis.server --port 6379
"""

from __future__ import annotations

import argparse
import os
import signal
from typing import Any

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler
from fakeredis._helpers import SimpleError
from redis import ResponseError

from lab.engines.recipe import HOST


class Handler(TCPFakeRequestHandler):
    """An error is a reply like any other. fakeredis closes the connection after one, which Redis never does: a client
    that watches a key would take it for a lost connection."""

    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        read = self.current_client.read_response

        def reply(**options: Any) -> Any:
            try:
                return read(**options)
            except ResponseError as error:
                # Its code would go out behind an ERR.
                return SimpleError(str(error)) if str(error).startswith("WRONGTYPE ") else error

        self.current_client.read_response = reply  # type: ignore[method-assign]


class Server(TcpFakeServer):
    request_queue_size = 256

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port))
        self.RequestHandlerClass = Handler

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our business."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = Server(HOST, port)
    # All of it is memory, and its connections' threads never end by themselves: there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
