"""The plain reader: sentences, one story at a time, nothing important left out, and a bounded number of lines."""

from __future__ import annotations

import pytest

from lab.journal.event import Check, EngineState, Event, Flow, Load, Log, Note, Process, Queue
from lab.journal.plain import STORY_LINES, TROUBLE_LINES, Narrator, flow_words
from tests.stamped import fault_change, stamped


def http(t: float, cid: str = "", outcome: str = "ok", **more: object) -> Flow:
    flow = Flow(t=t, source="client", target="orders", link="client->orders", protocol="http", correlation=cid)
    flow.op, flow.status, flow.ms, flow.outcome = "POST /orders", "201", 12.3, outcome  # type: ignore[assignment]
    for name, value in more.items():
        setattr(flow, name, value)
    return flow


def told(events: list[Event]) -> list[str]:
    narrator = Narrator()
    lines = [line for event in events for line in narrator.tell(event)]
    return [line.split("s  ", 1)[1] for line in [*lines, *narrator.rest()]]


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        (http(1), "client asked orders POST /orders: 201 in 12 ms"),
        (http(1, outcome="error", status="503"), "ERROR: client asked orders POST /orders: 503 in 12 ms"),
        (
            http(1, outcome="lost", status="", faults=("f1",)),
            "LOST: client asked orders POST /orders: no answer (fault f1)",
        ),
        (
            stamped(Flow(source="orders", target="broker", protocol="amqp", op="publish order.created")),
            "orders published order.created",
        ),
        (
            stamped(
                Flow(
                    source="payments",
                    target="broker",
                    protocol="amqp",
                    op="deliver payments.orders",
                    queue="payments.orders",
                    routing_key="order.created",
                    redelivered=True,
                )
            ),
            "REDELIVERED: payments received order.created from payments.orders",
        ),
        (
            stamped(
                Flow(source="pay", target="broker", protocol="amqp", op="ack", status="acked", queue="q", message="m1")
            ),
            "pay acknowledged m1 of q",
        ),
        (
            stamped(
                Flow(source="pay", protocol="amqp", op="ack", status="connection lost", outcome="lost", message="m1")
            ),
            "LOST: pay did not acknowledge m1: the connection was lost",
        ),
        (
            stamped(
                Flow(source="pay", target="broker", protocol="amqp", op="confirm", status="reset", outcome="error")
            ),
            "ERROR: broker did not confirm a message to pay: the connection was cut",
        ),
        (
            stamped(
                Flow(
                    source="users", target="broker", protocol="amqp", op="connect", status="refused", outcome="refused"
                )
            ),
            "REFUSED: users could not connect to broker",
        ),
        (
            stamped(Flow(source="users", target="broker", protocol="amqp", op="close", status="320", outcome="error")),
            "ERROR: between users and broker, close: 320",
        ),
        (
            Flow(source="users", target="cache", protocol="redis", op="GET user:7", status="hit", ms=0.2),
            "users asked cache GET user:7: hit in 0.2 ms",
        ),
    ],
)
def test_an_exchange_is_one_sentence(flow: Flow, sentence: str) -> None:
    assert flow_words(flow) == sentence


def test_a_line_begins_with_the_time_of_the_run() -> None:
    assert Narrator().tell(Note(t=3.25, text="The broker restarts")) == ["   3.250s  The broker restarts"]


def test_changes_of_the_run_are_always_told_however_busy_it_is() -> None:
    important: list[Event] = [
        Note(t=1.5, text="The payment service stops", topic="scenario"),
        Process(t=1.5, source="payments", state="failed", reason="exit code 1", tail=("Traceback", "ValueError")),
        EngineState(t=1.5, source="broker", tier="embedded", state="ready"),
        fault_change("refuse orders->payments", t=1.5, id="f1", change="added", duration=30),
        fault_change("refuse orders->payments", t=1.5, id="f1", change="expired", victims=1),
        fault_change("refuse a->b", t=1.6, id="f2", change="healed", victims=2, detail="2 cut connections"),
        Log(t=1.5, source="orders", event="breaker", data={"name": "payments", "state": "open"}),
    ]
    busy: list[Event] = [http(1.0 + n / 2000, f"c{n}") for n in range(1000)]
    lines = told(busy[:500] + important * 20 + busy[500:])
    assert lines.count("▶ The payment service stops") == 20
    assert lines.count("BREAKER payments of orders is open") == 20
    assert lines.count("FAULT f1 begins: refuse orders->payments, for 30 s") == 20
    assert lines.count("FAULT f1 is over after 1 victim: refuse orders->payments") == 20
    assert lines.count("FAULT f2 is healed after 2 cut connections: refuse a->b") == 20
    assert "payments is failed: exit code 1" in lines
    assert "    payments | ValueError" in lines
    assert "broker (embedded) is ready" in lines


def test_a_process_that_waits_to_be_started_again_is_down() -> None:
    killed = Process(t=1, source="pay", state="backoff", reason="killed by SIGKILL; starts again in 0.3 s")
    assert told([killed]) == ["pay is down: killed by SIGKILL; starts again in 0.3 s"]


def test_the_same_state_is_told_again_only_for_another_reason_after_a_while() -> None:
    waiting: list[Event] = [
        Process(t=t, source="users", state="pending", reason=reason)
        for t, reason in ((0.1, "for broker"), (0.2, "port closed"), (2.2, "for broker"), (2.3, "port closed"))
    ]
    assert told(waiting) == ["users is pending: for broker", "users is pending: port closed"]


def test_the_run_itself_is_spoken_of_as_such() -> None:
    assert told([Note(text="ready", topic="run", data={"state": "ready"})]) == ["the run is ready"]
    failed = Note(text="pay failed: exited with code 1", topic="run", level="error", data={"state": "failed"})
    assert told([failed]) == ["ERROR: pay failed: exited with code 1"]


def test_access_logs_and_the_talk_around_messages_are_left_to_the_wire() -> None:
    events: list[Event] = [
        http(1, "a"),
        Log(t=1, source="orders", event="http", message="POST /orders 201", correlation="a"),
        stamped(Flow(t=1, source="orders", protocol="amqp", op="open channel")),
        stamped(Flow(t=1, source="orders", protocol="amqp", op="declare q")),
    ]
    assert told(events) == ["client asked orders POST /orders: 201 in 12 ms"]


def test_what_a_service_has_written_is_left_to_traces_and_begins_no_story() -> None:
    written = Log(t=1, source="orders", event="sql", message="committed orders +1", correlation="a")
    assert told([written, http(2, "b")]) == ["client asked orders POST /orders: 201 in 12 ms"]


def test_one_story_is_told_whole_and_the_others_are_counted() -> None:
    events: list[Event] = []
    for n in range(5):
        t = 1 + n / 100
        events.append(http(t, f"c{n}"))
        events.append(
            stamped(Flow(t=t, source="orders", protocol="amqp", op="publish a", correlation=f"c{n}", message=f"m{n}"))
        )
        events.append(stamped(Flow(t=t, source="orders", protocol="amqp", op="confirm", message=f"m{n}")))
        events.append(stamped(Flow(t=t, source="mail", protocol="amqp", op="deliver q", queue="q", message=f"m{n}")))
        events.append(Log(t=t, source="orders", event="state", correlation=f"c{n}", data={"id": n, "state": "paid"}))
    lines = told(events)
    assert lines == [
        "client asked orders POST /orders: 201 in 12 ms",
        "orders published a",
        "mail received m0 from q",
        "0 is paid",
        "... 12 more exchanges went well",
    ]


def test_what_carries_no_id_does_not_drown_the_story() -> None:
    commands: list[Event] = [
        Flow(t=1 + n / 100, source="catalog", target="redis", protocol="redis", op=f"GET {n}", status="hit", ms=0.2)
        for n in range(20)
    ]
    lines = told([*commands[:10], http(1.1, "a"), *commands[10:]])
    assert lines == [
        "catalog asked redis GET 0: hit in 0.2 ms",
        "catalog asked redis GET 1: hit in 0.2 ms",
        "client asked orders POST /orders: 201 in 12 ms",
        "... 18 more exchanges went well",
    ]
    narrator = Narrator(stories=False)
    assert len([line for command in commands for line in narrator.tell(command)]) == 20


def test_without_stories_every_exchange_is_told() -> None:
    narrator = Narrator(stories=False)
    lines = [line for n in range(5) for line in narrator.tell(http(1 + n / 100, f"c{n}"))]
    assert len(lines) == 5


def test_when_a_story_is_over_the_next_new_one_is_told() -> None:
    events: list[Event] = [http(1.0, "a"), http(1.1, "b"), http(2.5, "b"), http(2.6, "c"), http(2.7, "c")]
    assert len([line for line in told(events) if "asked" in line]) == 3


def test_a_thousand_events_a_second_stay_readable_and_none_is_lost_from_the_count() -> None:
    events: list[Event] = [
        http(1.0 + n / 1000, f"c{n % 50}" if n % 2 else "", "error" if n % 10 == 0 else "ok", redelivered=False)
        for n in range(1000)
    ]
    lines = told(events)
    assert len(lines) <= STORY_LINES + TROUBLE_LINES + 1
    shown = len([line for line in lines if "asked" in line])
    counted = [int(word) for word in lines[-1].split() if word.isdigit()]
    assert shown + sum(counted) == 1000
    assert "error" in lines[-1]


def test_the_load_is_told_now_and_then_and_whenever_its_rate_changes() -> None:
    events: list[Event] = [Load(t=float(t), rate=20, sent=20 * t, ok=20 * t) for t in range(12)]
    events.append(Load(t=11.5, rate=40, sent=250, ok=240, failed=10, p50=12.0, p99=80.4))
    lines = told(events)
    assert len(lines) == 4
    assert lines[-1] == "load 40 a second: 250 sent, 240 ok, 10 failed, p50 12 ms, p99 80 ms"


def test_queue_depths_and_the_setting_up_of_queues_are_not_narrated() -> None:
    assert (
        told(
            [
                EngineState(t=1, source="broker", queues={"q": Queue(ready=4)}),
                stamped(Flow(t=1, source="orders", protocol="amqp", op="declare q")),
                fault_change("refuse a->b", t=1, id="f1", change="hit", victims=3),
            ]
        )
        == []
    )


def test_a_rebalance_is_told_beside_any_story() -> None:
    join = Flow(t=2, source="payments", target="broker", link="payments->broker", protocol="kafka", role="subscribe")
    join.op, join.status = "join payments", "rebalance"
    first = Flow(t=2, source="payments", target="broker", protocol="kafka", role="subscribe", status="joined")
    assert told([http(1, "c1"), first, join])[1:] == [
        "payments joins payments anew: partitions change hands (rebalance)"
    ]


def test_a_grading_says_what_it_checks_and_what_came_of_it() -> None:
    says = {"en": "an open breaker answers at once", "uz": "..."}
    failed = Check(behaviour="C4", says=says, state="fail", expected="503 within 50 ms", got="504 after 2 s")
    assert told([Check(behaviour="C3", says=says, state="pass"), Check(behaviour="C4", says=says), failed]) == [
        "CHECK C3 passed",
        "CHECK C4 begins: an open breaker answers at once",
        "CHECK C4 failed: expected 503 within 50 ms; got 504 after 2 s",
    ]


def test_a_breaker_is_told_when_it_moves_and_why() -> None:
    narrator = Narrator()
    told: list[str] = []
    for t, (state, why) in enumerate(
        [("closed", ""), ("open", "15 of the last 20 failed"), ("half-open", ""), ("closed", "a probe went well")]
    ):
        data = {"name": "users", "state": state, "why": why}
        told += narrator.tell(Log(t=float(t), source="orders", event="breaker", data=data))
    assert [line.partition("s  ")[2] for line in told] == [
        "BREAKER users of orders is open: 15 of the last 20 failed",
        "BREAKER users of orders is half-open",
        "BREAKER users of orders is closed: a probe went well",
    ]
