"""What a check looks at the board with."""

from __future__ import annotations

import socket


class Board:
    def __init__(self, address: str, *_: object) -> None:
        host, port = address.split(":")
        self._sock = socket.create_connection((host, int(port)), timeout=5)
        self._answers = self._sock.makefile("r")

    def ask(self, line: str) -> int:
        self._sock.sendall(f"{line}\n".encode())
        return int(self._answers.readline())

    def start_over(self) -> None:
        self.ask("CLEAR")

    def close(self) -> None:
        self._answers.close()
        self._sock.close()
