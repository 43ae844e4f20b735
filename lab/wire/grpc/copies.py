"""Requests that may be sent a second time, as they were, on a connection of their own."""

from __future__ import annotations

from lab.wire.grpc import frames
from lab.wire.grpc.call import Call
from lab.wire.grpc.fields import written

COPY_LIMIT = frames.WINDOW
"""Bytes of a request that may be sent without a word of the provider; a larger one is never sent twice."""
COPIES_LIMIT = 4 * 1024 * 1024
"""Bytes of all requests that are kept."""


class Copies:
    """What the calls of one connection have said so far, by the number of the client's stream."""

    def __init__(self) -> None:
        self._kept: dict[int, list[bytes]] = {}
        self._size = 0

    def begin(self, call: Call) -> None:
        self._kept[call.here] = []

    def keep(self, call: Call, body: bytes) -> None:
        """The call goes on."""
        if (kept := self._kept.get(call.here)) is None:
            return
        kept.append(body)
        self._size += len(body)
        if call.data > COPY_LIMIT or self._size > COPIES_LIMIT:
            self.take(call)

    def take(self, call: Call) -> bytes | None:
        """What the call has said, if all of it was kept; it is forgotten."""
        if (kept := self._kept.pop(call.here, None)) is None:
            return None
        body = b"".join(kept)
        self._size -= len(body)
        return body


def conversation(call: Call, body: bytes) -> bytes:
    """A connection that says no more than this one call, with room for any answer."""
    ends = 0 if body else frames.END_STREAM
    return b"".join(
        (
            frames.PREFACE,
            frames.settings({frames.ENABLE_PUSH: 0, frames.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW}),
            frames.window_update(0, frames.LARGEST_WINDOW - frames.WINDOW),
            frames.block(frames.HEADERS, ends, 1, b"", written(call.fields)),
            frames.data(1, body),
        )
    )
