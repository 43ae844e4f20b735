"""What a fault costs visitors, of a recorded run."""

from __future__ import annotations

import pytest

from lab.journal.budget import AFTERMATH, SOON, budget
from lab.journal.event import Event, Flow, Note
from tests.stamped import fault_change


def asked(t: float, status: str = "200", ms: float = 10.0, cid: str = "", **more: object) -> Flow:
    flow = Flow(t=t, link="client->gateway", op="GET /", status=status, ms=ms, correlation=cid)
    for name, value in more.items():
        setattr(flow, name, value)
    return flow


def fault(t: float, ident: str, change: str, text: str = "latency a->b 1s") -> Event:
    event = fault_change(text, id=ident, change=change)
    event.t = t
    return event


def test_one_percent_may_go_wrong_and_late_is_wrong_too() -> None:
    found = budget([*(asked(n / 10) for n in range(197)), asked(20, "503"), asked(21, ms=SOON + 1), asked(22, "409")])
    assert (found.requests, found.bad) == (200, 2)
    assert found.allowed == pytest.approx(2)
    assert found.percent(found.bad) == pytest.approx(100)


def test_who_finds_nobody_to_connect_to_has_no_answer_either() -> None:
    found = budget([asked(1), asked(2, "refused", role="connection", op="connect", outcome="refused")])
    assert (found.requests, found.bad) == (2, 1)


def test_a_request_is_charged_to_the_fault_that_stood_or_had_ended_shortly_before() -> None:
    found = budget(
        [
            asked(1, "503"),
            fault(10, "f1", "added"),
            asked(11, "503"),
            fault(12, "f1", "healed"),
            asked(13, ms=800),
            asked(12 + AFTERMATH + 1, "503"),
        ]
    )
    (spent,) = found.faults
    assert (spent.requests, spent.failed, spent.slow) == (2, 1, 1)
    assert found.of[""].failed == 2


def test_what_a_fault_touched_is_its_own_whatever_else_stands() -> None:
    hit = Flow(t=11, link="gateway->users", op="GET /", outcome="lost", faults=("f1",), correlation="c")
    found = budget([fault(10, "f1", "added"), fault(10.5, "f2", "added"), hit, asked(12, "504", cid="c"), asked(13)])
    assert {one.fault: (one.failed, one.shown, one.requests) for one in found.faults} == {
        "f1": (1, 1, 1),
        "f2": (0, 0, 1),
    }


def test_who_runs_the_shop_is_no_visitor_and_whom_the_end_cuts_off_no_victim() -> None:
    over = Note(topic="scenario", text="over", data={"over": True})
    found = budget([asked(1, op="PUT /routes/users"), asked(2), over, asked(3, "", outcome="lost")])
    assert (found.requests, found.bad) == (1, 0)


def test_a_copy_is_its_own() -> None:
    found = budget([asked(1)])
    other = found.copy()
    other.apply(asked(2))
    assert (found.requests, other.requests) == (1, 2)
