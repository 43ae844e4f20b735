"""Flows as the AMQP decoder stamps them, for tests that make their own."""

from __future__ import annotations

from lab.journal.event import Flow, Role

ROLES: dict[str, tuple[Role, bool]] = {
    "publish": ("message", False),
    "deliver": ("delivery", True),
    "get": ("delivery", True),
    "ack": ("ack", False),
    "nack": ("nack", False),
    "reject": ("nack", False),
    "confirm": ("ack", True),
    "return": ("nack", True),
    "consume": ("subscribe", False),
    "connect": ("connection", False),
}


def stamped(flow: Flow) -> Flow:
    """The flow of a broker's link with the role and the direction that its `op` has; what is no message is `setup`."""
    if flow.op.startswith("get ") and flow.status == "empty":
        return flow
    verb, _, rest = flow.op.partition(" ")
    flow.role, flow.back = ROLES.get(verb, ("setup", False))
    if flow.role == "message":
        flow.routing_key = rest
    return flow
