"""Every kind of Fault there is, as data: where it acts, what it takes, and what it promises.

Units: seconds, bytes, bytes a second. A kind that acts on whole connections (`latency`, `refuse` ...) is the tap's to
apply; one that acts on messages is asked for by a protocol's session; one on a process is the runtime's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.faults.fault import Fault, Value

Scope = Literal["link", "pair", "process"]
Unit = Literal["time", "rate", "bytes", "number", "word"]
Traffic = Literal["", "deliveries", "publishes"]


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter with its default: seconds, bytes a second, bytes, a number (`low` to `high`), one of `words`."""

    name: str
    unit: Unit
    default: Value
    words: tuple[str, ...] = ()
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry of the catalogue.

    The first of `params` is the VALUE that may stand without its name. `protocols` empty means any. `selective` kinds
    take a share, a pattern and a count; `instant` ones happen once and are over, so they take no duration. A `lasting`
    one goes on after its count is spent, until it heals. `promise` is what the client sees; `counts` names those of its
    victims that can be counted, if that is not all of them. `needs` is the traffic without which it hits nothing, where
    a link of its protocol may lack it: one service consumes and another publishes.
    """

    name: str
    scope: Scope
    summary: str
    promise: str
    protocols: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    duration: float | None = 30.0
    count: int | None = None
    selective: bool = False
    instant: bool = False
    lasting: bool = False
    counts: str = "victims"
    needs: Traffic = ""


def _link(
    name: str,
    summary: str,
    promise: str,
    *params: Param,
    lasting: bool = False,
    selective: bool = True,
    counts: str = "victims",
) -> Kind:
    return Kind(
        name=name,
        scope="link",
        summary=summary,
        promise=promise,
        params=params,
        lasting=lasting,
        selective=selective,
        counts=counts,
    )


def _content(
    protocol: str,
    name: str,
    summary: str,
    promise: str,
    *params: Param,
    count: int | None = 1,
    lasting: bool = False,
    needs: Traffic = "",
) -> Kind:
    return Kind(
        name=name,
        scope="link",
        protocols=(protocol,),
        summary=summary,
        promise=promise,
        params=params,
        count=count,
        selective=True,
        lasting=lasting,
        needs=needs,
    )


def _process(
    name: str, summary: str, promise: str, *params: Param, duration: float | None = None, instant: bool = False
) -> Kind:
    return Kind(
        name=name,
        scope="process",
        summary=summary,
        promise=promise,
        params=params,
        duration=duration,
        instant=instant,
    )


_ALL = (
    _link(
        "latency",
        "every round trip takes longer",
        "answers come later by the delay (give or take the jitter), in order; a chosen request waits on its way out",
        Param("delay", "time", 0.3),
        Param("jitter", "time", 0.0),
    ),
    _link(
        "bandwidth",
        "the link gets narrow",
        "bytes trickle at this rate, each way",
        Param("rate", "rate", 32_000.0),
    ),
    _link(
        "refuse",
        "the port is closed, and live connections are cut",
        "connection reset once, then connection refused at once; only cut connections count, since the system refuses "
        "callers before anyone sees them",
        selective=False,
        counts="cut connections",
    ),
    _link(
        "reset",
        "live connections are cut with a TCP reset, once; with a pattern, share, count or time: as requests come",
        "connection reset by peer",
    ),
    _link(
        "blackhole",
        "nothing passes, either way, and no connection is closed",
        "silence until its own timeout; what was held flows on when it heals",
        lasting=True,
    ),
    _link(
        "one-way",
        "requests arrive, replies are lost",
        "silence until its own timeout, although the work was done; lost replies stay lost",
        lasting=True,
    ),
    _link(
        "connect-hang",
        "connecting takes for ever, and live connections are cut",
        "connection reset once, then its connect times out (where the system cannot do that, it connects to silence); "
        "only cut connections count, since the system keeps callers waiting before anyone sees them",
        selective=False,
        counts="cut connections",
    ),
    Kind(
        name="partition",
        scope="pair",
        summary="two neighbours cannot reach each other: all links between them, both ways",
        promise="silence until its own timeout, on either side; what was held flows on when it heals",
    ),
    _content(
        "http",
        "status",
        "requests are answered with this status and never arrive",
        "this status with a problem+json body, at once",
        Param("code", "number", 503, low=200, high=599),
        count=None,
    ),
    _content(
        "http",
        "duplicate",
        "the request arrives twice",
        "one answer, although the work was done twice",
    ),
    _content(
        "http",
        "truncate",
        "the answer's body stops short and the connection closes",
        "an incomplete body",
        Param("keep", "bytes", 16),
    ),
    _content(
        "redis",
        "error",
        "commands are answered with an error and never arrive (OOM and READONLY: only those that write)",
        "this error reply",
        Param(
            "code", "word", "LOADING", words=("LOADING", "OOM", "READONLY", "BUSY", "MASTERDOWN", "MISCONF", "TRYAGAIN")
        ),
        count=None,
    ),
    _content(
        "redis",
        "miss",
        "reads find nothing, as if every key had expired",
        "nil for keys that exist",
        count=None,
    ),
    _content(
        "amqp",
        "lose-ack",
        "the consumer's ack is lost with its connection, so the broker delivers again",
        "connection reset, then the same message with redelivered set",
        needs="deliveries",
    ),
    _content(
        "amqp",
        "redeliver",
        "a delivery comes twice",
        "the same message twice, the second with redelivered set",
        needs="deliveries",
    ),
    _content(
        "amqp",
        "lose-confirm",
        "the broker has the message, but its confirm is lost",
        "no confirm for a message that was stored",
        needs="publishes",
    ),
    _content(
        "amqp",
        "duplicate-publish",
        "a message is published twice",
        "one confirm, although two messages are in the queue",
        needs="publishes",
    ),
    _content(
        "amqp",
        "poison",
        "a delivery's body is garbage",
        "a body that does not parse",
        needs="deliveries",
    ),
    _content(
        "amqp",
        "reorder",
        "deliveries are held and let go in reverse order",
        "the last message first",
        Param("hold", "number", 5, low=2, high=1000),
        lasting=True,
        needs="deliveries",
    ),
    _process("kill", "the process is killed (SIGKILL)", "connection closed or reset, then refused", instant=True),
    _process("terminate", "the process is asked to stop (SIGTERM)", "requests finish, then refused", instant=True),
    _process(
        "freeze",
        "the process stands still (SIGSTOP) and goes on afterwards (SIGCONT)",
        "connections open, answers do not come",
        duration=15.0,
    ),
    _process("restart", "the process is stopped and started again", "a short gap of refused connections", instant=True),
    _process(
        "slow-start",
        "the next start takes longer",
        "refused connections for the length of the delay",
        Param("delay", "time", 10.0),
        duration=60.0,
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


def fits(kind: str, protocol: str) -> bool:
    """Whether faults of this kind make sense on a link of this protocol."""
    protocols = KINDS[kind].protocols
    return not protocols or protocol in protocols


def toll(kind: str, victims: int) -> str:
    """What a fault of this kind hit, in words: `3 victims`, `1 cut connection`. The kind may be a stranger's."""
    counts = KINDS[kind].counts if kind in KINDS else "victims"
    return f"{victims} {counts if victims != 1 else counts.removesuffix('s')}"


def whole(fault: Fault) -> bool:
    """Whether the fault takes the link as a whole, so that the tap applies it to connections and not to messages."""
    kind = KINDS[fault.kind]
    if kind.scope != "link" or kind.protocols:
        return kind.scope != "link"
    chosen = bool(fault.match) or fault.share < 1 or fault.count is not None
    return not chosen and not (fault.kind == "reset" and fault.duration is not None)
