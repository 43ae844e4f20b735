"""Which deliveries are open, told from flows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.journal.deliveries import Deliveries
from lab.journal.event import Flow
from tests.stamped import stamped


def unacked(flows: Iterable[Flow], queue: str = "q") -> int:
    book = Deliveries()
    for flow in flows:
        if flow.queue == queue:
            book.take(flow)
    return book.count


def deliver(queue: str, message: str, **more: Any) -> Flow:
    return stamped(Flow(op=f"deliver {queue}", queue=queue, message=message, **more))


def answer(verb: str, queue: str, message: str, **more: Any) -> Flow:
    return stamped(Flow(op=verb, queue=queue, message=message, **more))


CASES: dict[str, tuple[list[Flow], int]] = {
    "waiting": ([deliver("q", "m1"), deliver("q", "m2"), answer("ack", "q", "m1")], 1),
    "given back": ([deliver("q", "m1"), answer("nack", "q", "m1", status="requeued")], 0),
    "connection lost": ([deliver("q", "m1"), answer("ack", "q", "m1", outcome="lost", status="connection lost")], 0),
    "ack lost": ([deliver("q", "m1"), answer("ack", "q", "m1", outcome="lost", status="acked")], 1),
    "ack lost, again": (
        [deliver("q", "m1"), answer("ack", "q", "m1", outcome="lost"), deliver("q", "m1", redelivered=True)],
        1,
    ),
    "without acks": ([deliver("q", "m1", status="no-ack"), Flow(op="get q", queue="q", status="empty")], 0),
    "a fault's copy": ([deliver("q", "m1"), deliver("q", "m1", outcome="duplicate"), answer("ack", "q", "m1")], 0),
    "a copy's ack": (
        [
            deliver("q", "m"),
            deliver("q", "m", conn=2),
            answer("ack", "q", "m"),
            answer("ack", "q", "m", outcome="duplicate"),
        ],
        1,
    ),
    "cut by a fault that healed": ([deliver("q", "m"), answer("ack", "q", "m", outcome="lost", status="reset")], 0),
    "a get": ([stamped(Flow(op="get q", queue="q", message="m1"))], 1),
    "the same message twice": ([deliver("q", "m"), deliver("q", "m"), answer("ack", "q", "m")], 1),
    "redelivered": (
        [deliver("q", "m"), answer("reject", "q", "m"), deliver("q", "m", redelivered=True), answer("ack", "q", "m")],
        0,
    ),
    "another queue": ([deliver("other", "m1"), stamped(Flow(op="publish q", routing_key="q"))], 0),
    "told on another connection": ([deliver("q", "m1", conn=1), answer("ack", "q", "m1", conn=2)], 0),
    "a second consumer": ([deliver("q", "m1", conn=1), stamped(Flow(op="consume q", queue="q", conn=2))], 1),
}


@pytest.mark.parametrize("name", CASES)
def test_unacked_is_told_from_the_wire(name: str) -> None:
    seen, expected = CASES[name]
    assert unacked(seen) == expected


@given(st.data())
def test_unacked_agrees_with_a_broker_that_keeps_books(data: st.DataObject) -> None:
    """A model with two connections: deliveries, acks, and connections that end with all they hold."""
    open_by_conn: dict[int, list[str]] = {1: [], 2: []}
    seen: list[Flow] = []
    for step in range(data.draw(st.integers(0, 30))):
        conn = data.draw(st.sampled_from((1, 2)))
        if data.draw(st.integers(0, 2)) == 0 or not open_by_conn[conn]:
            message = data.draw(st.sampled_from(("a", "b", f"m{step}")))
            open_by_conn[conn].append(message)
            seen.append(deliver("q", message, conn=conn))
        elif data.draw(st.booleans()):
            message = open_by_conn[conn].pop(data.draw(st.integers(0, len(open_by_conn[conn]) - 1)))
            seen.append(answer(data.draw(st.sampled_from(("ack", "nack", "reject"))), "q", message, conn=conn))
        else:
            lost, open_by_conn[conn] = open_by_conn[conn], []
            seen += [answer("ack", "q", one, conn=conn, outcome="lost", status="connection lost") for one in lost]
    assert unacked(seen) == sum(map(len, open_by_conn.values()))


def test_two_copies_that_are_delivered_again_are_both_open() -> None:
    lost = [answer("ack", "q", "m", conn=1, outcome="lost", status="connection lost")] * 2
    again = [deliver("q", "m", conn=2, redelivered=True)] * 2
    assert unacked([deliver("q", "m", conn=1)] * 2 + lost + again) == 2


def test_an_ack_of_the_second_delivery_closes_what_a_lost_ack_left_open() -> None:
    first = [deliver("q", "m", conn=1), answer("ack", "q", "m", conn=1, outcome="lost")]
    assert unacked([*first, deliver("q", "m", conn=2, redelivered=True), answer("ack", "q", "m", conn=2)]) == 0
