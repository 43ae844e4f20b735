"""What faults do to Kafka's requests, answers and records, on their way through the session.

Answers on a connection come in the order of their requests, and clients rely on it. So no fault takes one away and goes
on: where an answer is lost, so is its connection; where a broker is to refuse something, it is asked so that it will.

Patterns are matched with the op of the Flow: `produce shop.events`, `confirm shop.events`, `fetch shop.events`,
`commit payments/shop.events/0`, `heartbeat payments`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import msgspec

from lab.faults.catalogue import ON_MESSAGES, effect
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.disturb import disturb, touched
from lab.wire.kafka import apis, flows
from lab.wire.kafka.books import Books
from lab.wire.kafka.messages import Part
from lab.wire.kafka.records import batches, poisoned
from lab.wire.kafka.request import Request, renumbered
from lab.wire.outgoing import Outgoing
from lab.wire.session import Mute, Reset, Send, Side, Stall, Strike

POISON = b"#"
"""What a poisoned value begins with: no JSON text does."""
LONGEST_POISONED = 1 << 20
"""Bytes of a batch that can be poisoned: its checksum is made anew, and that takes its time."""
_GENERATION = struct.Struct(">i")


def request(
    asked: Request, frame: bytes, free_number: Callable[[], int], strike: Strike, out: Outgoing
) -> Request | None:
    """Send a request on as faults have it; the copy of it, if a fault has sent one, which the broker answers, too."""
    if asked.api in (apis.HEARTBEAT, apis.CONSUMER_GROUP_HEARTBEAT) and (fault := _struck(asked, "rebalance", strike)):
        asked.fault = fault
        out.disturbed([Stall(fault.id)], [])
    if asked.api == apis.OFFSET_COMMIT and asked.generation_at and (fault := _struck(asked, "lose-commit", strike)):
        asked.fault = fault
        frame = _outdated(frame, asked.generation_at)
    twice = _struck(asked, "duplicate-publish", strike) if asked.flows else None
    _send(asked, frame, strike, out)
    if twice is None or out.over:
        return None
    copy = replace(asked, number=free_number(), copy=twice, flows=[])
    out.send(Side.SERVER, renumbered(frame, copy.number))
    for flow in asked.flows:
        again = msgspec.structs.replace(flow)
        again.outcome, again.faults = "duplicate", (*flow.faults, twice.id)
        out.seen(again)
    return copy


def answer(asked: Request, data: bytes, told: list[Flow], strike: Strike, out: Outgoing) -> None:
    """Send the answer to a request on as faults have it."""
    for flow in told:
        touched(flow, asked.fault)
    if asked.api == apis.PRODUCE:
        for op in dict.fromkeys(flow.op for flow in told if flow.role == "ack"):
            if (fault := strike(("lose-confirm",), op)) is not None:
                _lose(told, fault, out)
                return
    if asked.mute is not None:
        out.disturbed([Mute(asked.mute.id), *disturb(None, Side.CLIENT, data)], told)
        return
    if asked.late:
        out.disturbed([Send(Side.CLIENT, data, asked.late)], told)
        return
    _pass_on(data, told, [flow.op for flow in told] if asked.api == apis.PRODUCE else [], strike, out)


def records(
    asked: Request,
    frame: bytes,
    parts: Iterable[Part],
    wanted: Mapping[tuple[str, int], int],
    books: Books,
    gone: int,
    now: float,
    strike: Strike,
    out: Outgoing,
) -> None:
    """Send what was fetched on as faults have it."""
    told: list[Flow] = []
    changed = frame
    for part in parts:
        if part.error:
            role_flow = flows.exchange(asked, now)
            role_flow.op, role_flow.partition = f"fetch {part.topic}", part.partition
            role_flow.outcome, role_flow.status = "error", apis.error(part.error)
            told.append(role_flow)
        offset = wanted.get((part.topic, part.partition), 0)
        for batch in batches(frame, part.begin, part.end):
            for record, flow, back in flows.delivered(asked, part, offset, batch, books, now):
                told += [*back, flow]
                fault = None
                if record.value and not gone and batch.end - batch.begin <= LONGEST_POISONED:
                    fault = strike(("poison",), flow.op)
                if fault is not None:
                    flow.outcome, flow.status, flow.faults = "error", "poisoned", (*flow.faults, fault.id)
                    changed = changed[: batch.begin] + poisoned(changed, batch, record, POISON) + changed[batch.end :]
    _pass_on(changed[gone:], told, [flow.op for flow in told if flow.role == "delivery"], strike, out)


def _struck(asked: Request, kind: str, strike: Strike) -> Fault | None:
    return next((fault for op in asked.ops if (fault := strike((kind,), op)) is not None), None)


def _send(asked: Request, frame: bytes, strike: Strike, out: Outgoing) -> None:
    """Towards the broker. A fetch is hit when it brings records, if it is hit."""
    fault = None
    if asked.api != apis.FETCH:
        fault = next((hit for op in asked.ops if (hit := strike(ON_MESSAGES, op)) is not None), None)
    if fault is None:
        out.send(Side.SERVER, frame)
        out.flows(asked.flows)
        return
    for flow in asked.flows:
        touched(flow, fault)
    asked.fault = fault
    if effect(fault) == "mute" and not asked.silent:
        asked.mute = fault
        out.send(Side.SERVER, frame)
        out.flows(asked.flows)
        return
    _mark_cut(asked.flows, fault)
    out.disturbed(disturb(fault, Side.SERVER, frame), asked.flows)


def _pass_on(data: bytes, told: list[Flow], ops: Iterable[str], strike: Strike, out: Outgoing) -> None:
    fault = next((hit for op in dict.fromkeys(ops) if (hit := strike(ON_MESSAGES, op)) is not None), None)
    if fault is None:
        out.send(Side.CLIENT, data)
        out.flows(told)
        return
    for flow in told:
        touched(flow, fault)
    _mark_cut(told, fault)
    out.disturbed(disturb(fault, Side.CLIENT, data), told)


def _mark_cut(told: Iterable[Flow], fault: Fault) -> None:
    if effect(fault) == "cut":
        for flow in told:
            flow.outcome, flow.status = "error", "reset"


def _lose(told: list[Flow], fault: Fault, out: Outgoing) -> None:
    """The answer is lost with its connection."""
    for flow in told:
        flow.outcome = "lost"
        out.seen(touched(flow, fault))
    out.last(Reset(fault.id))


def _outdated(frame: bytes, at: int) -> bytes:
    """The commit as one of a generation that is over: the broker refuses it, as after a rebalance."""
    (generation,) = _GENERATION.unpack_from(frame, at)
    return frame[:at] + _GENERATION.pack(generation - 1 if generation > 0 else generation + 1) + frame[at + 4 :]
