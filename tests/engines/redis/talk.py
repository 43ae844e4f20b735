"""Speaks RESP by hand, so that a test sees what a server says and not what a client makes of it.

A script is lines of `CLIENT WORDS`, each a command whose reply is waited for; the words are a shell's, with Python's
escapes inside of them. Before the words may stand

    &     its reply comes later
    <     no command: one more reply, or a push
    ~     only what kind of reply it is matters, its value differs by nature
    $     an inline command, these bytes and a line's end
"""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lab.wire.session import Address

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    client: str
    sign: str
    words: str


def lines(script: str) -> list[Line]:
    found = []
    for text in script.strip().splitlines():
        if not (text := text.strip()) or text.startswith("#"):
            continue
        client, _, words = text.partition(" ")
        sign = words[0] if words[:1] in set("&<~$") else ""
        found.append(Line(client, sign, words.removeprefix(sign).strip()))
    return found


class Talk:
    """One connection."""

    def __init__(self, address: Address) -> None:
        self._sock = socket.create_connection(address, TIMEOUT_S)
        self._file: BinaryIO = self._sock.makefile("rb")

    def send(self, *words: bytes) -> None:
        self.raw(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))

    def raw(self, data: bytes) -> None:
        self._sock.sendall(data)

    def ask(self, *words: bytes) -> object:
        self.send(*words)
        return self.read()

    def read(self) -> object:
        """The next frame: a string as bytes, an array as a list, an error as `-CODE message`, any other RESP3 type as a
        tuple of its sign and value; `closed` at the end."""
        line = self._file.readline()
        if not line:
            return "closed"
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+" | b"-":
                return line[:-2].decode()
            case b":":
                return int(rest)
            case b"$" | b"=" | b"!":
                size = int(rest)
                return None if size < 0 else self._file.read(size + 2)[:-2]
            case b"*":
                return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
            case b"_":
                return None
            case b"%":
                return ("%", [(self.read(), self.read()) for _ in range(int(rest))])
            case b"~" | b">":
                return (kind.decode(), [self.read() for _ in range(int(rest))])
            case _:
                return (kind.decode(), rest)

    def close(self) -> None:
        self._file.close()
        self._sock.close()


def play(script: str, address: Address, hello: int = 2) -> Iterator[tuple[str, object]]:
    """Each line and what the server said to it."""
    clients: dict[str, Talk] = {}
    try:
        for line in lines(script):
            if line.client not in clients:
                talk = clients[line.client] = Talk(address)
                if hello != 2:
                    talk.ask(b"HELLO", str(hello).encode())
            said = _said(clients[line.client], line)
            yield f"{line.client} {line.sign}{line.words}", said
    finally:
        for talk in clients.values():
            talk.close()


def _said(talk: Talk, line: Line) -> object:
    if line.sign == "$":
        talk.raw(line.words.encode().decode("unicode_escape").encode("latin-1"))
    elif line.sign != "<":
        talk.send(*(word.encode().decode("unicode_escape").encode("latin-1") for word in shlex.split(line.words)))
    if line.sign == "&":
        return "later"
    said = talk.read()
    return _kind(said) if line.sign == "~" else said


def _kind(said: object) -> str:
    """What kind of reply it is."""
    match said:
        case str():
            return said.split()[0]
        case (str(sign), _):
            return sign
        case _:
            return type(said).__name__
