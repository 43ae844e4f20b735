"""The embedded Redis: fakeredis' TCP server, quiet and alone in its process.

python -m lab.engines.redis_embedded --port 6379
"""

from __future__ import annotations

import argparse
import os
import signal
from typing import Any

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import TCPFakeRequestHandler

from lab.engines.launch import HOST


class Server(TcpFakeServer):
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our business."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    TCPFakeRequestHandler.disable_nagle_algorithm = True
    server = Server((HOST, port))
    # All of it is memory, and its connections' threads never end by themselves: there is nothing to finish.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
