"""The story of one order, read from a journal in which other orders go on at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from lab.journal.event import Event, Flow, Log, Process
from lab.journal.story import NoStory, Step, Story, entities, idents, story
from lab.journal.telling import lines, text
from lab.locale import speaking
from lab.system.entity import Entity
from tests.stamped import fault_change, stamped


class Tape:
    """A journal in memory: each call adds one event at `t`."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, t: float, event: Event) -> None:
        event.seq, event.t = len(self.events) + 1, t
        self.events.append(event)

    def http(self, t: float, link: str, op: str, status: str, ms: float, cid: str, **more: Any) -> None:
        source, target = link.split("->")
        flow = Flow(source=source, target=target, link=link, protocol="http", op=op, status=status, ms=ms)
        self._flow(t, flow, correlation=cid, **more)

    def amqp(self, t: float, who: str, op: str, message: str, cid: str = "", **more: Any) -> None:
        flow = Flow(source=who, target="broker", link=f"{who}->broker", protocol="amqp", op=op, message=message)
        self._flow(t, stamped(flow), correlation=cid, **more)

    def state(self, t: float, ident: str, state: str, cid: str, reason: str = "") -> None:
        data = {"entity": "order", "id": ident, "state": state, "reason": reason}
        self.add(t, Log(source="orders", event="state", message=f"order {state}", correlation=cid, data=data))

    def _flow(self, t: float, flow: Flow, **more: Any) -> None:
        for name, value in more.items():
            setattr(flow, name, value)
        self.add(t, flow)


def saga(tape: Tape, start: float, ident: str, cid: str) -> None:
    """One order that goes well: request, outbox, payment, answer."""
    m1, m2 = f"m1-{ident}", f"m2-{ident}"
    tape.state(start + 0.005, ident, "pending", cid)
    tape.http(start + 0.010, "client->orders", "POST /orders", "201", 10.0, cid)
    tape.amqp(start + 0.020, "orders", "publish order.created", m1, cid, routing_key="order.created")
    tape.amqp(start + 0.022, "orders", "confirm", m1, status="confirmed")
    tape.amqp(
        start + 0.023,
        "payments",
        "deliver payments.orders",
        m1,
        cid,
        routing_key="order.created",
        queue="payments.orders",
    )
    tape.http(start + 0.040, "payments->provider", "POST /charges", "201", 12.0, cid)
    tape.amqp(start + 0.045, "payments", "publish payment.approved", m2, cid, routing_key="payment.approved")
    tape.amqp(start + 0.047, "payments", "ack", m1, queue="payments.orders", status="acked")
    tape.amqp(
        start + 0.048,
        "orders",
        "deliver orders.payments",
        m2,
        cid,
        routing_key="payment.approved",
        queue="orders.payments",
    )
    tape.state(start + 0.050, ident, "confirmed", cid)
    tape.amqp(start + 0.051, "orders", "ack", m2, queue="orders.payments", status="acked")


def _rounded(step: Step) -> tuple[str, float]:
    return step.result, round(step.ms or 0.0, 3)


def depths(told: Story) -> list[tuple[int, str, str]]:
    return [(step.depth, step.who, step.what) for step in told.steps]


def test_an_order_is_told_over_all_processes_each_step_below_its_cause() -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    assert depths(story(tape.events, "41")) == [
        (0, "client", "POST /orders"),
        (1, "orders", "order 41 is pending"),
        (1, "orders", "publish order.created"),
        (2, "broker", "deliver order.created (queue payments.orders)"),
        (3, "payments", "POST /charges"),
        (3, "payments", "publish payment.approved"),
        (4, "broker", "deliver payment.approved (queue orders.payments)"),
        (5, "orders", "order 41 is confirmed"),
    ]


def test_acks_and_confirms_that_went_well_are_the_result_of_what_they_answer() -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    steps = {step.what: step for step in story(tape.events, "41").steps}
    assert _rounded(steps["publish order.created"]) == ("confirmed", 2.0)
    delivery = steps["deliver order.created (queue payments.orders)"]
    assert _rounded(delivery) == ("acked", 24.0)


@pytest.mark.parametrize("ident", ["41", "req-41", "m1-41"])
def test_any_id_of_the_order_finds_it_and_no_other_order(ident: str) -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    saga(tape, 1.003, "42", "req-42")
    told = story(tape.events, ident)
    assert told.correlations == ("req-41",)
    assert "42" not in text(told)
    assert [step.what for step in told.steps if step.kind == "publish"] == [
        "publish order.created",
        "publish payment.approved",
    ]


def test_a_later_look_at_the_order_belongs_to_its_story() -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    tape.http(2.0, "client->orders", "GET /orders/41?full=1", "200", 3.0, "req-99")
    told = story(tape.events, "41")
    assert told.steps[-1].what == "GET /orders/41?full=1"
    assert told.correlations == ("req-41", "req-99")


def test_what_was_lost_repeated_or_late_is_marked_with_its_fault() -> None:
    tape = Tape()
    deliver = {"routing_key": "order.created", "queue": "payments.orders"}
    tape.amqp(1.0, "orders", "publish order.created", "m1", "req-1", routing_key="order.created")
    tape.amqp(1.1, "payments", "deliver payments.orders", "m1", "req-1", **deliver)
    tape.amqp(1.2, "payments", "ack", "m1", queue="payments.orders", outcome="lost", faults=("f1",))
    tape.amqp(1.9, "payments", "deliver payments.orders", "m1", "req-1", redelivered=True, **deliver)
    tape.amqp(2.0, "payments", "ack", "m1", queue="payments.orders", redelivered=True, status="acked")
    told = text(story(tape.events, "req-1"))
    lost, again = told.splitlines()[-2:]
    assert "payments → broker  ack  LOST  by fault f1" in lost
    assert "redelivered" in again
    assert "acked  100 ms" in again


def test_a_message_published_again_has_a_confirm_and_deliveries_of_its_own() -> None:
    tape = Tape()
    for t in (1.0, 2.0):
        tape.amqp(t, "orders", "publish order.created", "m1", "req-1", routing_key="order.created")
        tape.amqp(t + 0.002, "orders", "confirm", "m1", status="confirmed")
        tape.amqp(t + 0.01, "payments", "deliver q", "m1", "req-1", queue="q")
        tape.amqp(t + 0.03, "payments", "ack", "m1", queue="q", status="acked")
        tape.amqp(t + 0.04, "payments", "publish q.dlq", "m1", "req-1", routing_key="q.dlq")
    results = [(step.what, _rounded(step)) for step in story(tape.events, "req-1").steps]
    once = [
        ("publish order.created", ("confirmed", 2.0)),
        ("deliver q (queue q)", ("acked", 20.0)),
        ("publish q.dlq", ("", 0.0)),
    ]
    assert results == once * 2


def test_answers_belong_to_the_oldest_of_several_deliveries_and_publishes_of_one_message() -> None:
    tape = Tape()
    mail = {"queue": "mail"}
    for t in (1.0, 1.1):
        tape.amqp(t, "payments", "publish paid", "m1", "req-1")
    for t in (1.2, 1.3):
        tape.amqp(t, "mail", "deliver mail", "m1", "req-1", **mail)
    for t in (1.4, 1.6):
        tape.amqp(t, "payments", "confirm", "m1", status="confirmed")
    for t in (1.5, 1.7):
        tape.amqp(t, "mail", "ack", "m1", status="acked", **mail)
    results = [(step.what, *_rounded(step)) for step in story(tape.events, "req-1").steps]
    assert results == [
        *(("publish paid", "confirmed", 400.0), ("publish paid", "confirmed", 500.0)),
        *(("deliver mail (queue mail)", "acked", 300.0), ("deliver mail (queue mail)", "acked", 400.0)),
    ]


def test_a_message_that_its_sender_sent_twice_comes_again_and_only_the_brokers_flag_says_redelivered() -> None:
    tape = Tape()
    mail = {"routing_key": "payment.approved", "queue": "mail"}
    for t in (1.0, 2.0):
        tape.amqp(t, "payments", "publish payment.approved", "m1", "req-1", exchange="shop.events")
        tape.amqp(t + 0.01, "mail", "deliver mail", "m1", "req-1", **mail)
    tape.amqp(3.0, "mail", "deliver mail", "m1", "req-1", redelivered=True, **mail)
    tape.amqp(3.1, "mail", "publish mail.dlq", "m1", "req-1")
    told = story(tape.events, "req-1")
    assert [(step.kind, step.mark) for step in told.steps] == [
        *(("publish", ""), ("deliver", "")),
        *(("publish", "again"), ("deliver", "again")),
        *(("deliver", "redelivered"), ("publish", "")),
    ]


def test_faults_and_process_changes_in_between_stand_at_their_time() -> None:
    tape = Tape()
    tape.add(0.1, fault_change("latency orders->payments 1s", id="f0", change="added"))
    tape.add(0.2, fault_change("latency orders->payments 1s", id="f0", change="expired"))
    tape.add(0.3, fault_change("lose-ack payments->broker", id="f1", change="added"))
    tape.add(0.35, fault_change("latency users->cache 1s", id="f2", change="added"))
    saga(tape, 1.0, "41", "req-41")
    tape.add(1.0515, Process(source="payments", state="backoff", reason="killed by SIGKILL"))
    tape.add(1.052, Process(source="users", state="failed"))
    tape.add(1.3, fault_change("lose-ack payments->broker", id="f1", change="healed"))
    steps = story(tape.events, "41").steps
    others = [(step.kind, step.who, step.result) for step in steps if step.kind in ("fault", "process")]
    assert others == [
        ("fault", "f1", "added"),
        ("process", "payments", "killed by SIGKILL"),
        ("fault", "f1", "healed"),
    ]
    assert "! fault f1 begins: lose-ack payments->broker" in text(story(tape.events, "41"))


def test_the_heading_says_how_it_ended() -> None:
    tape = Tape()
    tape.state(1.0, "41", "pending", "req-41")
    tape.state(1.5, "41", "cancelled", "req-41", reason="payment_declined")
    heading, about, *_ = text(story(tape.events, "41")).splitlines()
    assert heading == "order 41 is cancelled (payment_declined)"
    assert about == "correlation id req-41 · 0.500 s over orders"


def test_an_id_that_nothing_carries_has_no_story() -> None:
    with pytest.raises(NoStory):
        story([Flow(op="GET /users", correlation="a")], "b")


def test_entities_are_listed_with_their_last_state_the_latest_last() -> None:
    tape = Tape()
    tape.state(1.0, "1", "pending", "a")
    tape.state(1.1, "2", "pending", "b")
    tape.state(1.2, "1", "confirmed", "a")
    assert list(entities(tape.events).items()) == [("2", ("order", "pending")), ("1", ("order", "confirmed"))]


def test_every_id_that_has_a_story_can_be_listed() -> None:
    tape = Tape()
    saga(tape, 1.0, "41", "req-41")
    assert idents(tape.events) == ["req-41", "41", "m1-41", "m2-41"]
    for ident in idents(tape.events):
        assert story(tape.events, ident).correlations == ("req-41",)


def test_how_a_state_is_to_be_taken_is_what_the_system_declares_in_any_language() -> None:
    tape = Tape()
    tape.state(1.0, "41", "pending", "req-1")
    tape.state(2.0, "41", "cancelled", "req-1")
    declared = (Entity(name="order", states={"pending": "going-on", "cancelled": "neutral"}),)
    told = story(tape.events, "41", declared)
    assert (told.mood, [step.mood for step in told.steps]) == ("neutral", ["going-on", "neutral"])
    assert story(tape.events, "41").mood == "neutral"
    with speaking("uz"):
        roles = [dict(line)[next(piece for piece, _ in line if "41" in piece)] for line in lines(told)[3:]]
    assert roles == ["warn", "plain"]


@pytest.mark.parametrize(
    ("status", "outcome", "tone"),
    [("201", "ok", "good"), ("404", "ok", "warn"), ("503", "error", "bad"), ("WRONGTYPE", "error", "bad")],
)
def test_a_status_that_is_no_success_is_not_green(status: str, outcome: str, tone: str) -> None:
    tape = Tape()
    tape.http(1.0, "client->orders", "GET /orders/41", status, 3.0, "req-41", outcome=outcome)
    (line,) = lines(story(tape.events, "req-41"))[3:]
    assert (f"  {status}", tone) in line
