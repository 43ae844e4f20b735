"""Free loopback ports for services and engines, reserved until their owner starts."""

from __future__ import annotations

import errno
import random
import socket

from lab.engines.recipe import HOST
from lab.locale import tr

RANGE = range(20_000, 30_000)
"""Below the range from which systems take the ports of outgoing connections, so that no client sits on ours."""


class Ports:
    """Hands out ports and holds each bound, so that no other lab gets it, until `release`."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def take(self) -> int:
        for port in random.SystemRandom().sample(RANGE, 500):
            sock = socket.socket()
            try:
                sock.bind((HOST, port))
            except OSError:
                sock.close()
                continue
            self._held[port] = sock
            return port
        raise OSError(
            errno.EADDRINUSE,
            tr("no free port between {start} and {stop} on {host}", start=RANGE.start, stop=RANGE.stop, host=HOST),
        )

    def release(self, port: int) -> None:
        if sock := self._held.pop(port, None):
            sock.close()

    def close(self) -> None:
        for port in list(self._held):
            self.release(port)


def in_use(port: int) -> bool:
    """Whether somebody listens on this port (connections of a former owner that are closing do not count)."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
