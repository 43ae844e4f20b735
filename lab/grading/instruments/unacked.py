"""Which deliveries a broker still waits for, told from the flows on the wire: AMQP itself has no way to ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lab.journal.event import Flow

NEEDS_NO_ACK = ("no-ack", "empty")
BROKEN_OFF = "connection lost"


def unacked(flows: Iterable[Flow]) -> Counter[str]:
    """How many deliveries of each queue are neither answered nor given back, after these flows.

    It trusts that every delivery's end is a flow of its own, also where its connection is lost or closed. An ack that
    was lost on its way leaves the message open at the broker, until it is delivered again.
    """
    waiting: Counter[str] = Counter()
    ack_lost: Counter[tuple[str, str]] = Counter()
    for flow in flows:
        if not flow.queue:
            continue
        verb, message = flow.op.partition(" ")[0], (flow.queue, flow.message)
        if verb in ("deliver", "get"):
            # A copy that a fault made is not the broker's.
            if flow.outcome == "duplicate" or flow.status in NEEDS_NO_ACK:
                continue
            if flow.redelivered and ack_lost[message]:
                ack_lost[message] -= 1
            else:
                waiting[flow.queue] += 1
        elif verb in ("ack", "nack", "reject"):
            if flow.outcome == "lost" and flow.status != BROKEN_OFF:
                ack_lost[message] += 1
            else:
                waiting[flow.queue] -= 1
    return +waiting
