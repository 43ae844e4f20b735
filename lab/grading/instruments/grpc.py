"""A service of the learner's as a gRPC client sees it: calls through its tap, and how they ended, as data."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import grpc

from lab.locale import tr
from lab.neighbours.stub.grpc import time_left
from lab.neighbours.stub.protobuf import Message, NoMessage, messages, read, text, texts, written

__all__ = [
    "STATUSES",
    "Called",
    "Grpc",
    "Message",
    "NoMessage",
    "messages",
    "read",
    "text",
    "texts",
    "time_left",
    "written",
]

STATUSES: dict[str, int] = {code.name: code.value[0] for code in grpc.StatusCode}
"""Number by name: what a stub answers with `status(STATUSES["NOT_FOUND"])`."""
PATIENCE = 10.0
"""Seconds that the client waits for an answer unless it says otherwise."""
RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500))


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """How a call ended: its `status` by name, and the `message` that came back, if it can be read."""

    method: str
    status: str
    detail: str = ""
    message: Message = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        what = f"{self.status} ({self.detail})" if self.detail else self.status
        return tr("{method} -> {what} in {seconds:.2f} s", method=self.method, what=what, seconds=self.seconds)


class Grpc:
    """A client of one service; it connects with its first call."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=RECONNECT)

    def call(self, method: str, message: bytes = b"", patience: float = PATIENCE) -> Called:
        """`users.v1.UserService/GetUser` with a message that is written already."""
        began = time.monotonic()
        status, detail, answer = "OK", "", b""
        try:
            answer = self._channel.unary_unary(f"/{method}")(message, timeout=patience, wait_for_ready=True)
        except grpc.RpcError as error:
            status, detail = error.code().name, error.details() or ""
        try:
            found = read(answer)
        except NoMessage as error:
            found, detail = {}, tr("no message of Protocol Buffers: {problem}", problem=str(error))
        short = method.rpartition(".")[2]
        return Called(method=short, status=status, detail=detail, message=found, seconds=time.monotonic() - began)

    def close(self) -> None:
        self._channel.close()
