"""The one schema of everything that happens in a run: an Event is one JSON object on one line of the journal.

`seq` counts from 1; `t` is seconds since the run's start on a monotonic clock. The journal stamps both when an event is
appended; a reader treats events as immutable. Fields with their default value are omitted from the line.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from lab.system.model import CLIENT

Outcome = Literal["ok", "error", "lost", "late", "duplicate", "refused"]

FAILED: frozenset[Outcome] = frozenset({"error", "lost", "refused"})
"""Outcomes that count as errors. A late or doubled message still arrived."""

Role = Literal["call", "message", "delivery", "ack", "nack", "subscribe", "setup", "connection"]
"""What a flow is, whatever its protocol. Decoders stamp it; readers ask for it and not for `protocol` or `op`.

| role | what it is | for example |
| --- | --- | --- |
| `call` | a question and its answer | an HTTP request, a gRPC call, `GET user:7`, a `basic.get` that finds nothing |
| `message` | something handed to the provider for others | an AMQP publish, Redis' `PUBLISH`, a record for Kafka |
| `delivery` | such a message on its way to a consumer | an AMQP deliver or get, Redis' push, a record fetched |
| `ack` | the answer that one of these was accepted | a consumer's ack, a broker's confirm, a committed offset |
| `nack` | the answer that it was not | a nack or reject, a message that the broker returns |
| `subscribe` | the request for deliveries from now on | `basic.consume`, `SUBSCRIBE`, joining a consumer group |
| `setup` | what prepares or ends the rest | handshake, login, declare, bind, open, close, ping |
| `connection` | a connection itself | raw TCP with its bytes; one that was refused or cannot be read |
"""

TRAFFIC: frozenset[Role] = frozenset({"call", "message", "delivery", "connection"})
"""The roles that a link exists for; its rate counts them. The others answer or prepare them."""

PREPARING: frozenset[Role] = frozenset({"subscribe", "setup"})
"""The roles that are worth a line only when they went wrong."""


REBALANCE = "rebalance"
"""The status of a `subscribe` by which a consumer takes its place in a group anew: partitions change hands."""


class Base(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="kind"):
    """The fields of every kind. `source` and `target` are names of the System; `link` is `source->target`."""

    seq: int = -1
    t: float = -1.0
    source: str = ""
    target: str = ""
    link: str = ""
    correlation: str = ""


class Flow(Base, tag="flow", gc=False):
    """One exchange seen on a Link. `t` is when it was complete, `ms` how long it took (request complete to response
    complete).

    `role` says what it is, `back` that the provider sent it and not the consumer (a delivery, a confirm, a push; a call
    is the consumer's, though its answer comes back). `op` is what was asked, in the protocol's own words (`POST
    /orders`, `GET user:7`, `publish order.created`, `deliver orders.mail`, `ack`); `status` what was answered (`201`,
    `OK`, `LOADING`, `confirmed`). `faults` are the ids of the faults that touched it.
    """

    protocol: str = ""
    role: Role = "call"
    back: bool = False
    op: str = ""
    status: str = ""
    outcome: Outcome = "ok"
    ms: float | None = None
    bytes: int = 0
    conn: int = 0
    faults: tuple[str, ...] = ()
    detail: str = ""
    # redis
    key: str = ""
    hit: bool | None = None
    ttl: float | None = None
    # amqp
    message: str = ""
    exchange: str = ""
    routing_key: str = ""
    queue: str = ""
    redelivered: bool = False
    # kafka; `exchange` is the topic, `queue` what a group has to read of a partition: group/topic/partition
    partition: int | None = None
    offset: int | None = None
    # grpc: ms that the caller had left when it asked, and the messages that it sent and was sent
    deadline: float | None = None
    sent: int = 0
    received: int = 0

    @property
    def failed(self) -> bool:
        """Whether it got no answer, or one by which the provider owns up to its own fault."""
        return self.outcome in FAILED or self.status[:1] == "5"


class Log(Base, tag="log"):
    """One line that a process wrote. A JSON line's `level`, `msg`, `event` are lifted out; other keys are `data`."""

    level: str = "info"
    message: str = ""
    event: str = ""
    stream: Literal["stdout", "stderr"] = "stdout"
    data: dict[str, Any] = {}

    def number(self, key: str) -> float:
        """What it says under this key, if that is a number; else 0, for anybody may write anything."""
        value = self.data.get(key)
        return value if isinstance(value, int | float) else 0


class Process(Base, tag="process"):
    """A process changed state; `reason` says why in words (`waiting for broker: port closed`, `killed by SIGKILL`).
    `asked`: it ended because somebody wanted it to, and not by itself."""

    state: str = ""
    asked: bool = False
    pid: int | None = None
    code: int | None = None
    reason: str = ""
    restarts: int = 0
    tail: tuple[str, ...] = ()


class Queue(msgspec.Struct, kw_only=True, omit_defaults=True):
    ready: int
    consumers: int = 0


class EngineState(Base, tag="engine"):
    """An engine reported its state and tier, a broker also its queues (ready messages and consumers by queue)."""

    tier: str = ""
    state: str = ""
    detail: str = ""
    queues: dict[str, Queue] = {}


class FaultChange(Base, tag="fault"):
    """A fault was added, hit something, healed by hand or expired.

    `fault` is its kind in the catalogue (`latency`), `links` what it acts on: one link, both directions of a pair, or
    none, and then `target` is a process; `text` is all of it in words. `link` is the one that was hit. `victims` counts
    what it has hit so far; `detail` is what was hit just now, and at the end the total in words. `since` is when it
    began, of one that was kept hidden and is added to the journal only now.
    """

    id: str = ""
    fault: str = ""
    links: tuple[str, ...] = ()
    text: str = ""
    change: Literal["added", "hit", "healed", "expired"] = "added"
    victims: int = 0
    owner: str = ""
    duration: float | None = None
    since: float | None = None
    detail: str = ""

    @property
    def aim(self) -> str:
        """Where it acts: `orders->payments`, `orders<->payments`, or the name of a process."""
        if len(self.links) == 2:
            return f"{self.source}<->{self.target}"
        return self.links[0] if self.links else self.target

    def concerns(self, names: Collection[str], links: Collection[str]) -> bool:
        """Whether the fault acts on one of these processes, between two of them, on one of `links`, or on another link
        of one of these processes: a refused connection leaves no flow. The client does not count, it takes part
        always."""
        if not self.links:
            return self.target in names
        if len(self.links) == 2:
            return self.source in names and self.target in names
        return self.links[0] in links or (self.source in names and self.source != CLIENT)


class Load(Base, tag="load"):
    """The load generator's report once a second: target and achieved rate (1/s), counts since the run's start,
    latency percentiles of the last second in ms, measured from the planned start (open loop). `dropped` counts
    journeys that were not begun because too many were under way."""

    rate: float = 0.0
    sent: int = 0
    ok: int = 0
    failed: int = 0
    dropped: int = 0
    p50: float | None = None
    p99: float | None = None


class Note(Base, tag="note"):
    """A line of narration or a remark of the lab's own; `topic` groups them (`scenario`, `run`, `hint`)."""

    text: str = ""
    topic: str = ""
    level: Literal["info", "warning", "error"] = "info"
    data: dict[str, Any] = {}


class Check(Base, tag="check"):
    """A behaviour of an exercise is being checked (`state` is `begun`), or was judged (`state` is the verdict).

    `says` is the behaviour's sentence by language. A failure has `expected` and `got`, and `code`, which names it for
    programs; `reason` says why a behaviour could not be judged. `seconds` is how long the check took.
    """

    exercise: str = ""
    behaviour: str = ""
    state: Literal["begun", "pass", "fail", "unknown", "skipped", "error"] = "begun"
    gold: bool = False
    says: dict[str, str] = {}
    expected: str = ""
    got: str = ""
    code: str = ""
    reason: str = ""
    seconds: float | None = None


Event = Flow | Log | Process | EngineState | FaultChange | Load | Note | Check

encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def to_line(event: Event) -> bytes:
    """The event as one JSON line, newline included."""
    return encode(event) + b"\n"


def from_line(line: bytes | str) -> Event:
    """The event of one line. Raises msgspec.DecodeError if the line is not one."""
    return _decoder.decode(line)
