"""The port of a tap, the same throughout: it accepts callers, refuses them, or lets them hang in connect."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import Callable
from typing import Literal

BACKLOG = 511
RETRY = 0.2
"""Seconds without accepting when the process is out of file descriptors."""

State = Literal["open", "refusing", "hanging", "closed"]


def linger_zero(sock: socket.socket) -> None:
    """From now on closing the socket sends an RST and no FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Listener:
    """Accepts connections on a loopback port and hands over each socket, non-blocking.

    Refusing closes the listening socket and keeps the port by binding without listening, so that it can open again.
    Hanging fills the accept queue of a listener of length 0 with connections of its own: the kernel then drops SYNs,
    and a caller's connect waits. On opening, callers that still wait get through when they send their SYN again (1 s).
    Where the system answers SYNs all the same (not Linux), a caller connects to silence.
    """

    def __init__(self, accepted: Callable[[socket.socket], None]) -> None:
        self.state: State = "closed"
        self.port = 0
        self._accepted = accepted
        self._host = ""
        self._sock: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._strangers: set[int] = set()
        self._retry: asyncio.TimerHandle | None = None

    def start(self, host: str, port: int) -> None:
        """Bind and listen. Raises OSError if the port is taken."""
        self._host = host
        self._sock = self._bind(port)
        self.port = self._sock.getsockname()[1]
        self._listen()

    def open(self) -> None:
        """Accept connections (again)."""
        if self.state == "refusing" or self.state == "hanging":
            self._listen()
            for filler in self._fillers:
                self._strangers.add(filler.getsockname()[1])
                filler.close()
            self._fillers.clear()

    def refuse(self) -> None:
        """New connections are refused by the kernel from now on."""
        if self.state in ("open", "hanging"):
            self._close_socket()
            self._sock = self._bind(self.port)
            self.state = "refusing"

    def hang(self) -> None:
        """New connections wait for their SYN to be answered from now on."""
        if self.state == "refusing":
            self._listen()
        if self.state != "open" or self._sock is None:
            return
        self._stop_accepting()
        self._sock.listen(0)
        self.state = "hanging"
        for _ in range(16):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self._host, self.port))
            if not select.select([], [filler], [], 0.005)[1]:
                filler.close()
                return
            self._fillers.append(filler)

    def close(self) -> None:
        """Give up the port."""
        self._close_socket()
        self.state = "closed"

    def _bind(self, port: int) -> socket.socket:
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self._host, port))
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        return sock

    def _listen(self) -> None:
        assert self._sock is not None
        self._sock.listen(BACKLOG)
        self.state = "open"
        asyncio.get_running_loop().add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        assert self._sock is not None
        for _ in range(BACKLOG):
            try:
                sock, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._stop_accepting()
                self._retry = asyncio.get_running_loop().call_later(RETRY, self._listen)
                return
            if peer[1] in self._strangers:
                self._strangers.discard(peer[1])
                sock.close()
                continue
            sock.setblocking(False)
            self._accepted(sock)

    def _stop_accepting(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._sock is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(self._sock)

    def _close_socket(self) -> None:
        self._stop_accepting()
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self._sock is not None:
            self._sock.close()
            self._sock = None
