"""Flows as the AMQP decoder stamps them and faults as the plan tells of them, for tests that make their own."""

from __future__ import annotations

from typing import Any

from lab.faults.catalogue import links
from lab.faults.text import parse
from lab.journal.event import FaultChange, Flow, Role

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


def fault_change(text: str, **more: Any) -> FaultChange:
    """A change of the fault that `text` describes."""
    target = parse(text).target
    source, _, provider = target.replace("<->", "->").partition("->")
    told = FaultChange(fault=text.split()[0], links=links(target), text=text, **more)
    told.source, told.target = (source, provider) if provider else ("", source)
    told.link = target if len(told.links) == 1 else ""
    return told
