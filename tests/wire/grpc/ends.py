"""Both ends of an HTTP/2 connection by the book: h2 refuses whatever breaks the protocol."""

from __future__ import annotations

from collections.abc import Iterator

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

from lab.wire.grpc.frames import FRAME

TRAILERS = [("grpc-status", "0")]


def message(body: bytes) -> bytes:
    """A message as gRPC puts it on the wire."""
    return b"\0" + len(body).to_bytes(4) + body


class End:
    """One end. `out` is what it has to say, `log` what it heard: (stream, what)."""

    def __init__(self, *, client: bool) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=client))
        self.h2.initiate_connection()
        self.log: list[tuple[int, str]] = []
        self._agreed = False
        self._waiting: dict[int, tuple[bytes, bool]] = {}

    @property
    def out(self) -> bytes:
        return self.h2.data_to_send()

    def remembers(self, size: int) -> None:
        """Let the other end use a table of so many bytes for header fields, unless its word on the last is still out:
        h2 takes any acknowledgement for one of all settings that it has sent."""
        if self._agreed:
            self.h2.update_settings({SettingCodes.HEADER_TABLE_SIZE: size})
            self._agreed = False

    def says(self, stream: int, body: bytes, *, ends: bool) -> None:
        """Send as much as the windows allow, and the rest when they do."""
        self._waiting[stream] = (self._waiting.get(stream, (b"", False))[0] + body, ends)
        self._push(stream)

    def hears(self, data: bytes) -> Iterator[Event]:
        for event in self.h2.receive_data(data):
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                try:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                except StreamClosedError:
                    pass
            if isinstance(event, SettingsAcknowledged):
                self._agreed = True
            if isinstance(event, StreamReset):
                self._waiting.pop(event.stream_id, None)
                self.log.append((event.stream_id, f"reset {int(event.error_code)}"))
            if isinstance(event, StreamEnded):
                self.log.append((event.stream_id, "end"))
            if isinstance(event, TrailersReceived | ResponseReceived):
                status = dict(event.headers).get(b"grpc-status", b"").decode()
                if status:
                    self.log.append((event.stream_id, f"status {status}"))
            yield event
        for stream in list(self._waiting):
            self._push(stream)

    def finished(self, stream: int) -> None:
        """All was said on this stream but its end."""

    def _push(self, stream: int) -> None:
        body, ends = self._waiting[stream]
        while body and (room := min(FRAME, self.h2.local_flow_control_window(stream))):
            part, body = body[:room], body[room:]
            self.h2.send_data(stream, part, end_stream=ends and not body)
        self._waiting[stream] = (body, ends)
        if not body:
            del self._waiting[stream]
            if not ends:
                self.finished(stream)


class Caller(End):
    """The client."""

    def __init__(self) -> None:
        super().__init__(client=True)

    def calls(self, path: str, body: bytes = b"hello", **metadata: str) -> int:
        """Make a call; its stream."""
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "b")]
        fields += [("content-type", "application/grpc"), ("te", "trailers")]
        fields += [(name.replace("_", "-"), value) for name, value in metadata.items()]
        self.h2.send_headers(stream, fields)
        self.says(stream, message(body), ends=True)
        return stream

    def gives_up(self, stream: int) -> None:
        self._waiting.pop(stream, None)
        self.h2.reset_stream(stream, 8)

    def hears_all(self, data: bytes) -> None:
        for _ in self.hears(data):
            pass


class Server(End):
    """The provider: it answers each call once it is complete, with the message that it got. `asked` are the paths, each
    with the size of what was said."""

    def __init__(self) -> None:
        super().__init__(client=False)
        self.asked: list[tuple[str, int]] = []
        self._paths: dict[int, str] = {}
        self._heard: dict[int, bytes] = {}

    def answers(self, data: bytes) -> bytes:
        events = list(self.hears(data))
        for event in events:
            if isinstance(event, RequestReceived):
                self._paths[event.stream_id] = dict(event.headers)[b":path"].decode()
            elif isinstance(event, StreamReset):
                self._paths.pop(event.stream_id, None)
        for event in events:
            if isinstance(event, DataReceived):
                self._heard[event.stream_id] = self._heard.get(event.stream_id, b"") + event.data
            elif isinstance(event, StreamEnded) and event.stream_id in self._paths:
                self._answer(event.stream_id)
        return self.out

    def _answer(self, stream: int) -> None:
        body = self._heard.pop(stream, b"")
        self.asked.append((self._paths[stream], len(body)))
        fields = [(":status", "200"), ("content-type", "application/grpc"), ("x-number", f"{len(self.asked)}")]
        self.h2.send_headers(stream, fields)
        self.says(stream, body, ends=False)

    def finished(self, stream: int) -> None:
        self.h2.send_headers(stream, [*TRAILERS, ("x-count", f"{len(self.asked)}")], end_stream=True)
