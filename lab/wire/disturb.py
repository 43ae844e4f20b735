"""What a link fault does to one message: the effects every protocol's session shares.

A latency of 300 ms on a whole link is the tap's business; `20%` of it, or `on "POST /charges*"`, needs a session that
knows where a message begins: it asks `strike(ON_MESSAGES, op)` once a message and hands the answer to `disturb`.
"""

from __future__ import annotations

from lab.faults.catalogue import effect
from lab.faults.fault import Fault
from lab.journal.deliveries import NEEDS_NO_ACK
from lab.journal.event import Flow, Outcome
from lab.wire.session import Data, Effect, Mute, Reset, Send, Side, Stall, Stream


def disturb(fault: Fault | None, to: Side, data: Data, stream: Stream = None) -> list[Effect]:
    """Send the message `data` towards `to` as `fault` has it; without one of these it just goes.

    With a `stream` only that is disturbed. Its reset drops what waits of it; to tell both sides of it is the session's.

    One that mutes lets it go and mutes the provider (on all streams) from now on; a session that knows which answer
    belongs to the message sends it undisturbed instead and returns `Mute` when that answer comes.
    """
    if fault is None:
        return [Send(to, data, stream=stream)]
    match effect(fault):
        case "slow":
            return [Send(to, data, delay=float(fault.params.get("delay", 0.0)), rate=pace(fault), stream=stream)]
        case "cut":
            return [Reset(fault.id, stream)]
        case "hold":
            return [Stall(fault.id, stream), Send(to, data, stream=stream)]
        case "mute":
            return [Mute(fault.id), Send(to, data, stream=stream)]
        case _:
            return [Send(to, data, stream=stream)]


def pace(fault: Fault | None) -> float | None:
    """The bytes a second that the fault leaves, None for any number: for the later parts of a message, too."""
    return float(fault.params["rate"]) if fault is not None and "rate" in fault.params else None


def fell(flow: Flow, outcome: Outcome, status: str = "") -> Flow:
    """The flow, which did not arrive. A fault's copy stays one, and so does a delivery that wants no ack: the broker
    waits for neither."""
    if flow.outcome != "duplicate":
        flow.outcome = outcome
    if status and flow.status != NEEDS_NO_ACK:
        flow.status = status
    return flow


def touched(flow: Flow, fault: Fault | None) -> Flow:
    """The flow, marked with the fault that hit it; one that merely waited is `late`."""
    if fault is None or fault.id in flow.faults:
        return flow
    flow.faults = (*flow.faults, fault.id)
    if effect(fault) in ("slow", "hold") and flow.outcome == "ok":
        flow.outcome = "late"
    return flow
