"""Every kind of Fault there is. A kind is described here and nowhere else.

Those who apply faults ask for a kind's `effect` and its parameters, not for its name. Only kinds of effect `content`
are known by name, to the one protocol that has them. The tap applies faults to whole connections, a protocol's session
to messages, the runtime to processes.
"""

from __future__ import annotations

from lab.faults.fault import Fault
from lab.faults.kind import Counts, Effect, Kind, Param, Traffic
from lab.journal import statuses
from lab.locale import mark, trn


def _link(
    name: str,
    effect: Effect,
    summary: str,
    promise: str,
    *params: Param,
    lasting: bool = False,
    selective: bool = True,
    once: bool = False,
    counts: Counts = "victims",
) -> Kind:
    return Kind(
        name=name,
        scope="link",
        effect=effect,
        summary=summary,
        promise=promise,
        params=params,
        lasting=lasting,
        selective=selective,
        once=once,
        counts=counts,
    )


def _content(
    protocols: str,
    name: str,
    summary: str,
    promise: str,
    *params: Param,
    count: int | None = 1,
    lasting: bool = False,
    needs: Traffic = "",
    verbs: tuple[str, ...] = (),
) -> Kind:
    return Kind(
        name=name,
        scope="link",
        effect="content",
        protocols=tuple(protocols.split()),
        summary=summary,
        promise=promise,
        params=params,
        count=count,
        selective=True,
        lasting=lasting,
        needs=needs,
        verbs=verbs,
    )


def _process(
    name: str,
    effect: Effect,
    summary: str,
    promise: str,
    *params: Param,
    duration: float | None = None,
) -> Kind:
    return Kind(
        name=name,
        scope="process",
        effect=effect,
        summary=summary,
        promise=promise,
        params=params,
        duration=duration,
        instant=effect == "cut",
    )


_ALL = (
    _link(
        "latency",
        "slow",
        mark("every round trip takes longer"),
        mark(
            "answers arrive later by the delay, plus or minus the jitter, in order; a chosen request waits on"
            " its way out"
        ),
        Param("delay", "time", 0.3),
        Param("jitter", "time", 0.0),
    ),
    _link(
        "bandwidth",
        "slow",
        mark("the link gets slow: so many bytes a second"),
        mark("bytes arrive at this rate, in each direction"),
        Param("rate", "rate", 32_000.0),
    ),
    _link(
        "refuse",
        "shut",
        mark("the port is closed, and live connections are cut"),
        mark(
            "connection reset once, then connection refused at once; only cut connections are counted, "
            "because the operating system refuses callers before the tap sees them"
        ),
        selective=False,
        counts="cut connections",
    ),
    _link(
        "reset",
        "cut",
        mark(
            "live connections are cut with a TCP reset, once; with a pattern, share, count or time: whenever "
            "such a request comes"
        ),
        mark("connection reset by peer; a gRPC call that is chosen alone: INTERNAL, and its connection lives"),
        once=True,
    ),
    _link(
        "blackhole",
        "hold",
        mark("nothing passes in either direction, and no connection is closed"),
        mark("no answer until its own timeout; what was held goes on when the fault heals"),
        lasting=True,
    ),
    _link(
        "one-way",
        "mute",
        mark("requests arrive, replies are lost"),
        mark("no answer until its own timeout, although the work was done; lost replies stay lost"),
        lasting=True,
    ),
    _link(
        "connect-hang",
        "hang",
        mark("connecting takes for ever, and live connections are cut"),
        mark(
            "connection reset once, then its connect times out (where the operating system cannot do that, it"
            " connects and gets no answer); only cut connections are counted, because the tap never sees the "
            "callers that wait"
        ),
        selective=False,
        counts="cut connections",
    ),
    Kind(
        name="partition",
        scope="pair",
        effect="hold",
        summary=mark("two neighbours cannot reach each other: all links between them, in both directions"),
        promise=mark("no answer until its own timeout, on either side; what was held goes on when the fault heals"),
    ),
    _content(
        "http",
        "status",
        mark("requests are answered with this status and never reach the provider"),
        mark("this status with a problem+json body, at once"),
        Param("code", "number", 503, low=200, high=599),
        count=None,
    ),
    _content(
        "grpc",
        "grpc-status",
        mark("calls are answered with this status and never reach the provider"),
        mark("this status without a message, at once"),
        Param("code", "word", "UNAVAILABLE", words=statuses.FAILED),
        count=None,
    ),
    _content(
        "http grpc",
        "duplicate",
        mark("the request arrives twice"),
        mark("one answer, although the work was done twice"),
    ),
    _content(
        "http",
        "truncate",
        mark("the body of the answer is cut short and the connection closes"),
        mark("an incomplete body"),
        Param("keep", "bytes", 16),
    ),
    _content(
        "redis",
        "error",
        mark("commands are answered with an error and never reach Redis (OOM and READONLY: only those that write)"),
        mark("this error reply"),
        Param(
            "code", "word", "LOADING", words=("LOADING", "OOM", "READONLY", "BUSY", "MASTERDOWN", "MISCONF", "TRYAGAIN")
        ),
        count=None,
    ),
    _content(
        "redis",
        "miss",
        mark("reads find nothing, as if every key had expired"),
        mark("nil for keys that exist"),
        count=None,
    ),
    _content(
        "amqp",
        "lose-ack",
        mark("the consumer's ack is lost with its connection, so the broker delivers again"),
        mark("connection reset, then the same message with redelivered set"),
        needs="deliveries",
        verbs=("ack",),
    ),
    _content(
        "amqp",
        "redeliver",
        mark("a delivery comes twice"),
        mark("the same message twice, the second with redelivered set"),
        needs="deliveries",
        verbs=("deliver",),
    ),
    _content(
        "amqp kafka",
        "lose-confirm",
        mark("the broker has the message, but its confirm is lost"),
        mark("no confirm for a message that was stored"),
        needs="publishes",
        verbs=("confirm",),
    ),
    _content(
        "amqp kafka",
        "duplicate-publish",
        mark("a message is published twice"),
        mark("one confirm, although two messages are in the queue"),
        needs="publishes",
        verbs=("publish", "produce"),
    ),
    _content(
        "amqp kafka",
        "poison",
        mark("a delivery's body is garbage"),
        mark("a body that does not parse"),
        needs="deliveries",
        verbs=("deliver", "get", "fetch"),
    ),
    _content(
        "amqp",
        "reorder",
        mark("deliveries are held and then passed on in reverse order"),
        mark("the last message first"),
        Param("hold", "number", 5, low=2, high=1000),
        lasting=True,
        needs="deliveries",
        verbs=("deliver",),
    ),
    _content(
        "kafka",
        "lose-commit",
        mark("a consumer's commit is refused, as if its group had gone on without it"),
        mark("ILLEGAL_GENERATION, then the records since the last commit once more"),
        needs="deliveries",
        verbs=("commit",),
    ),
    _content(
        "kafka",
        "rebalance",
        mark("the group hears nothing from a member: it gives its partitions to others"),
        mark("no answer from the group until it heals; then it joins anew, and records not committed come again"),
        lasting=True,
        needs="deliveries",
        verbs=("heartbeat",),
    ),
    _process(
        "kill",
        "cut",
        mark("the process is killed (SIGKILL)"),
        mark("connection closed or reset, then connections are refused"),
    ),
    _process(
        "terminate",
        "cut",
        mark("the process is asked to stop (SIGTERM)"),
        mark("running requests finish, then connections are refused"),
    ),
    _process(
        "freeze",
        "hold",
        mark("the process stands still (SIGSTOP) and goes on afterwards (SIGCONT)"),
        mark("connections are accepted, answers do not come"),
        duration=15.0,
    ),
    _process(
        "restart",
        "cut",
        mark("the process is stopped and started again"),
        mark("connections are refused for a short time"),
    ),
    _process(
        "slow-start",
        "slow",
        mark("the next start takes longer"),
        mark("connections are refused for the length of the delay"),
        Param("delay", "time", 10.0),
        duration=60.0,
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}

ON_MESSAGES = tuple(kind.name for kind in _ALL if kind.scope == "link" and kind.selective and not kind.protocols)
"""The kinds that can hit single messages of any protocol, chosen by a share, a pattern or a count."""


def effect(fault: Fault) -> Effect:
    """What the fault does."""
    return KINDS[fault.kind].effect


def links(target: str) -> tuple[str, ...]:
    """The links that a fault on `target` acts on: one, both directions of a pair, or none if it is a process."""
    one, pair, other = target.partition("<->")
    if pair:
        return (f"{one}->{other}", f"{other}->{one}")
    return (target,) if "->" in target else ()


def fits(kind: str, protocol: str) -> bool:
    """Whether faults of this kind make sense on a link of this protocol."""
    protocols = KINDS[kind].protocols
    return not protocols or protocol in protocols


def toll(kind: str, victims: int) -> str:
    """How much a fault of this kind hit, in words: `3 victims`, `1 cut connection`. An unknown kind has victims."""
    if kind in KINDS and KINDS[kind].counts == "cut connections":
        return trn("{count} cut connection", "{count} cut connections", victims)
    return trn("{count} victim", "{count} victims", victims)


def whole(fault: Fault) -> bool:
    """Whether the fault acts on the link as a whole: the tap then applies it to connections, not to messages."""
    kind = KINDS[fault.kind]
    if kind.scope != "link" or kind.protocols:
        return kind.scope != "link"
    chosen = bool(fault.match) or fault.share < 1 or fault.count is not None
    return not chosen and not (kind.once and fault.duration is not None)
