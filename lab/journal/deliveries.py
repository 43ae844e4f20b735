"""Which deliveries a broker still waits for, computed from the flows on the wire: AMQP has no way to ask."""

from __future__ import annotations

from collections import Counter

from lab.journal.event import Flow
from lab.system.links import link_id

NEEDS_NO_ACK = "no-ack"
BROKEN_OFF = ("connection lost", "reset")
"""What an ack says that was lost with its connection: the broker takes the message back at once."""
MOST = 10_000
"""Deliveries that one queue's book keeps open at most; it does not count more."""


def wants_ack(flow: Flow) -> bool:
    """Whether the broker waits for an answer to this delivery. It does not know of a copy that a fault made."""
    return flow.role == "delivery" and flow.outcome != "duplicate" and flow.status != NEEDS_NO_ACK


def answers_delivery(flow: Flow) -> bool:
    """Whether the flow is a consumer's answer to a delivery. The broker does not get the one to a fault's copy."""
    return flow.role in ("ack", "nack") and not flow.back and flow.outcome != "duplicate"


def way(flow: Flow) -> str:
    """Between which two processes the flow went: `users-2->broker` on the link `users->broker`."""
    return link_id(flow.source, flow.target) if flow.source and flow.target else flow.link


class Deliveries:
    """One queue's deliveries that are neither answered nor given back: `count` of them, `open` by (way, connection).

    An ack that was lost on its way leaves the message open at the broker until it is delivered again.
    """

    __slots__ = ("_ack_lost", "count", "open")

    def __init__(self) -> None:
        self.count = 0
        self.open: dict[tuple[str, int], Counter[str]] = {}
        self._ack_lost: Counter[str] = Counter()

    def take(self, flow: Flow) -> None:
        """Take in a flow of this queue; what is neither a delivery nor an answer changes nothing."""
        holder, message = (way(flow), flow.conn), flow.message
        if wants_ack(flow):
            if flow.redelivered and self._ack_lost[message]:
                self._ack_lost[message] -= 1
                self._settle(next((one for one, held in self.open.items() if held[message]), holder), message)
            if self.count < MOST:
                self.open.setdefault(holder, Counter())[message] += 1
                self.count += 1
        elif answers_delivery(flow):
            if flow.outcome == "lost" and flow.status not in BROKEN_OFF:
                self._ack_lost[message] += 1
            else:
                self._settle(holder, message)

    def release(self, way: str, keep: int | None = None) -> None:
        """The connections on this way ended (all but `keep`): the broker takes back what they held."""
        for holder in [holder for holder in self.open if holder[0] == way and holder[1] != keep]:
            self.count -= self.open.pop(holder).total()

    def copy(self) -> Deliveries:
        other = Deliveries()
        other.count = self.count
        other.open = {holder: held.copy() for holder, held in self.open.items()}
        other._ack_lost = self._ack_lost.copy()
        return other

    def _settle(self, holder: tuple[str, int], message: str) -> None:
        held = self.open.get(holder)
        if held is None or not held[message]:  # Kafka is told on another connection than it delivers on
            holder = next((one for one in self.open if one[0] == holder[0] and self.open[one][message]), holder)
            held = self.open.get(holder)
        if held is not None and held[message]:
            held[message] -= 1
            self.count -= 1
            if not held[message]:
                del held[message]
