"""One call: what is read of it, and what becomes of it."""

from __future__ import annotations

import re

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.correlation import correlation
from lab.wire.disturb import touched
from lab.wire.grpc import codes
from lab.wire.grpc.fields import Fields
from lab.wire.http.text import split_target

_UNITS = {"H": 3_600_000.0, "M": 60_000.0, "S": 1000.0, "m": 1.0, "u": 0.001, "n": 0.000_001}
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])").fullmatch
_PREFIX = 5
"""Bytes before each message: whether it is compressed, and its length."""
_NEARLY = 0.8
"""The part of its deadline after which a caller that gives up does so for it: it began to count before it wrote, and
libraries round what they write."""


class Messages:
    """Counts the messages in what one side says on a stream. `rest`: bytes of the last one that are still to come."""

    __slots__ = ("_prefix", "_rest", "count")

    def __init__(self) -> None:
        self.count = 0
        self._prefix = b""
        self._rest = 0

    def feed(self, body: bytes) -> None:
        at, size = 0, len(body)
        while at < size:
            if self._rest:
                step = min(self._rest, size - at)
                self._rest -= step
                at += step
            else:
                part = body[at : at + _PREFIX - len(self._prefix)]
                self._prefix += part
                at += len(part)
                if len(self._prefix) < _PREFIX:
                    return
                self._rest, self._prefix = int.from_bytes(self._prefix[1:]), b""
            if not self._rest:
                self.count += 1


class Call:
    """A call on stream `here` of the client's, which is stream `there` of the provider's once its beginning has left.

    `opened` is when it began, `asked` when the request was complete. `grpc`: it is no other HTTP/2. `asker_over` and
    `answerer_over`: which side is done; `told`: its flow is in the journal. `fault` hit it; `apart`: its bytes leave on
    their own, for that fault holds or slows them, at this `rate`. `mute` is the fault that loses its answer, some of
    which is `lost` already. `data`: bytes that count against the window of the connection.
    """

    def __init__(self, here: int, fields: Fields, size: int, now: float) -> None:
        known = dict(fields)
        method, target = known.get(b":method", b"").decode("latin-1"), known.get(b":path", b"")
        self.grpc = known.get(b"content-type", b"").startswith(b"application/grpc")
        name, detail = _called(target) if self.grpc else split_target(target)
        self.flow = Flow(op=name if self.grpc else f"{method} {name}", bytes=size, detail=detail)
        self.flow.correlation = _correlation(known)
        self.flow.deadline = _milliseconds(known.get(b"grpc-timeout", b""))
        self.here = here
        self.there: int | None = None
        self.fields = fields
        self.opened = self.asked = now
        self.asker_over = self.answerer_over = self.told = False
        self.fault: Fault | None = None
        self.apart = False
        self.rate: float | None = None
        self.mute: Fault | None = None
        self.lost = False
        self.data = 0
        self._sent, self._received = Messages(), Messages()
        self._http = ""

    def says(self, body: bytes) -> None:
        """The client says more."""
        if self.grpc:
            self._sent.feed(body)

    def hears(self, body: bytes) -> None:
        """The provider says more."""
        if self.grpc:
            self._received.feed(body)

    def answered(self, fields: Fields) -> None:
        """The provider answers with these fields, be they first or last."""
        known = dict(fields)
        http, number = known.get(b":status", b"").decode("latin-1"), known.get(b"grpc-status")
        if http:
            self._http = http
        if number is not None:
            self.flow.status = codes.name(number)
        self.flow.correlation = self.flow.correlation or _correlation(known)

    def complete(self, now: float) -> Flow:
        """The provider has said all."""
        flow = self.flow
        if not self.grpc:
            flow.status = self._http
            flow.outcome = "error" if flow.status >= "500" else "ok"
        else:
            if not flow.status:
                flow.status = codes.of_http(self._http)
                flow.detail = f"HTTP {self._http} {flow.detail}".strip()
            flow.outcome = codes.outcome(flow.status)
        return self.tell(now)

    def given_up(self, now: float) -> Flow:
        """The caller has cancelled it."""
        flow = self.flow
        passed = flow.deadline is not None and (now - self.opened) * 1000 >= flow.deadline * _NEARLY
        flow.status = "DEADLINE_EXCEEDED" if passed else "CANCELLED"
        flow.outcome = "lost"
        return self.tell(now)

    def reset(self, code: int, now: float) -> Flow:
        """The provider has given it up with this code of HTTP/2's."""
        flow = self.flow
        flow.status = codes.of_reset(code) if self.grpc else "reset"
        flow.outcome = "error"
        flow.detail = f"{codes.reset_name(code)} {flow.detail}".strip()
        return self.tell(now)

    def tell(self, now: float) -> Flow:
        """Its flow, as it ended now."""
        flow = self.flow
        flow.ms = (now - self.asked) * 1000
        flow.sent, flow.received = self._sent.count, self._received.count
        self.told = True
        return touched(flow, self.fault)

    @property
    def held(self) -> Fault | None:
        """The fault for which nothing of it has left yet."""
        return self.fault if self.apart and self.there is None else None

    @property
    def begun(self) -> bool:
        """Whether the provider has said anything."""
        return bool(self._http)


def _called(target: bytes) -> tuple[str, str]:
    """Service and method (`UserService/GetUser`), and the package that the service is of."""
    path = split_target(target)[0].removeprefix("/")
    service, slash, method = path.partition("/")
    package, _, name = service.rpartition(".")
    return f"{name}{slash}{method}", package


def _correlation(known: dict[bytes, bytes]) -> str:
    return correlation(known.get(b"x-request-id", b""), known.get(b"traceparent", b""))


def _milliseconds(timeout: bytes) -> float | None:
    found = _TIMEOUT(timeout)
    return int(found[1]) * _UNITS[found[2].decode()] if found else None
