"""The fold of events into a picture: each test is a short list of events and what they add up to."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from lab.journal.event import EngineState, Event, Flow, Load, Log, Note, Process, Queue
from lab.journal.measure import Meter, Spread
from lab.journal.picture.queue import QueuePicture, Queues
from lab.journal.picture.run import RECENT_ENTITIES, RunPicture
from tests.dashboard import shop
from tests.stamped import fault_change


def picture(events: Sequence[Event]) -> RunPicture:
    run = RunPicture(shop.SYSTEM)
    for seq, event in enumerate(events, 1):
        event.seq = seq
        run.apply(event)
    return run


def queue(*events: Event) -> QueuePicture:
    """What becomes of the queue `q`."""
    queues = Queues()
    for event in events:
        queues.apply(event)
    return queues.by_name["q"]


def deliver(message: str, t: float = 1.0, conn: int = 2, **more: object) -> Flow:
    return shop.amqp("payments->broker", "deliver q", t=t, conn=conn, queue="q", message=message, **more)


def ack(message: str, t: float = 1.1, conn: int = 2, **more: object) -> Flow:
    return shop.amqp("payments->broker", "ack", t=t, conn=conn, queue="q", message=message, **more)


def test_a_system_is_drawn_before_its_first_event() -> None:
    run = RunPicture(shop.SYSTEM)
    assert {p.state for p in run.processes.values()} == {"pending"}
    assert run.processes["broker"].role == "engine"
    assert run.processes["mail"].role == "stub"
    assert run.links["orders->broker"].protocol == "amqp"
    assert run.links["orders->broker"].rate(0.0) == 0.0


def test_rate_is_what_came_in_the_last_five_seconds() -> None:
    run = picture([shop.http("client->orders", "POST /orders", t=i / 10) for i in range(100)])
    assert run.links["client->orders"].rate(10.0) == pytest.approx(10.0, rel=0.05)
    assert run.links["client->orders"].rate(12.5) == pytest.approx(5.0, rel=0.05)
    assert run.links["client->orders"].rate(100.0) == 0.0
    assert run.links["client->orders"].flows == 100


def test_acks_and_confirms_are_flows_but_not_messages() -> None:
    run = picture(
        [
            shop.amqp("payments->broker", "publish payment.approved", t=0.1),
            shop.amqp("payments->broker", "confirm", t=0.2),
            deliver("m1", t=0.3),
            ack("m1", t=0.4),
        ]
    )
    link = run.links["payments->broker"]
    assert (link.flows, link.meter.total, link.there, link.back) == (4, 2, 1, 1)


def test_lost_refused_and_error_are_errors_but_late_and_duplicate_are_not() -> None:
    outcomes = ("ok", "error", "lost", "late", "duplicate", "refused")
    run = picture([shop.http("client->orders", "GET /", t=1.0, outcome=outcome) for outcome in outcomes])
    assert run.links["client->orders"].errors == 3
    assert run.links["client->orders"].outcomes == dict.fromkeys(outcomes, 1)


def test_quantiles_follow_the_last_seconds_and_the_summary_the_whole_run() -> None:
    events: list[Event] = [shop.http("client->orders", "GET /", t=i / 100, ms=10.0) for i in range(100)]
    events += [shop.http("client->orders", "GET /", t=20 + i / 100, ms=500.0) for i in range(20)]
    run = picture(events)
    link = run.links["client->orders"]
    p50, p99 = link.spread.lately(20.5, 0.5, 0.99)
    assert p50 == pytest.approx(500, rel=0.06)
    assert p99 == pytest.approx(500, rel=0.06)
    line = next(line for line in run.summary().links if line.id == "client->orders")
    assert line.p50 == pytest.approx(10, rel=0.06)
    assert line.p99 == pytest.approx(500, rel=0.06)
    assert link.spread.lately(60.0, 0.5) == (None,)


def test_how_long_a_connection_lived_is_no_latency() -> None:
    lived = Flow(t=50.0, link="orders->db", protocol="sql", role="connection", op="connection", ms=45_000.0, bytes=900)
    (db,) = (link for link in picture([lived]).summary().links if link.id == "orders->db")
    assert (db.flows, db.p50, db.p99) == (1, None, None)


def test_spread_and_meter_survive_long_pauses() -> None:
    spread, meter = Spread(), Meter()
    for t in (0.0, 4.9, 5.1, 47.0, 1000.0):
        spread.add(1.0, t)
        meter.add(t)
    assert spread.overall(0.5)[0] == pytest.approx(1.0, rel=0.06)
    assert meter.total == 5
    assert spread.lately(1001.0, 1.0)[0] == pytest.approx(1.0, rel=0.06)


def test_unacked_counts_deliveries_without_an_answer() -> None:
    assert queue(deliver("m1"), deliver("m2")).unacked == 2
    assert queue(deliver("m1"), deliver("m2"), ack("m1")).unacked == 1


def test_a_lost_ack_leaves_the_message_open_until_it_is_delivered_again() -> None:
    lost = deliver("m1"), ack("m1", outcome="lost")
    assert queue(*lost).unacked == 1
    again = queue(*lost, deliver("m1", conn=3, redelivered=True))
    assert (again.unacked, again.redelivered) == (1, 1)
    assert queue(*lost, deliver("m1", conn=3, redelivered=True), ack("m1", conn=3)).unacked == 0


def test_a_lost_connection_gives_its_deliveries_back() -> None:
    assert queue(deliver("m1"), ack("m1", outcome="lost", status="connection lost")).unacked == 0


def test_a_delivery_that_wants_no_ack_is_not_waited_for() -> None:
    automatic = shop.amqp("payments->broker", "deliver q", t=1.0, queue="q", message="m1", status="no-ack")
    empty = shop.amqp("payments->broker", "get q", t=1.0, queue="q", status="empty")
    assert queue(deliver("m0"), ack("m0"), automatic, empty).unacked == 0


def test_a_copy_made_by_the_lab_does_not_wait_for_an_ack() -> None:
    assert queue(deliver("m1"), deliver("m1", outcome="duplicate"), ack("m1")).unacked == 0


def test_a_dead_consumer_or_broker_holds_nothing() -> None:
    dead = Process(t=2.0, source="payments", state="backoff", reason="killed by SIGKILL")
    assert queue(deliver("m1"), dead).unacked == 0
    broken = Process(t=2.0, source="broker", state="backoff")
    assert queue(deliver("m1"), broken).unacked == 0


def test_a_new_consumer_connection_gives_back_what_the_old_one_held() -> None:
    again = shop.amqp("payments->broker", "consume q", t=2.0, conn=9, queue="q")
    assert queue(deliver("m1"), again).unacked == 0


def test_the_broker_says_what_is_ready() -> None:
    depths = {"q": Queue(ready=7, consumers=2)}
    said = EngineState(t=1.0, source="broker", tier="native", state="ready", queues=depths)
    assert (queue(said).ready, queue(said).consumers) == (7, 2)
    assert picture([said]).processes["broker"].tier == "native"


def test_an_order_keeps_its_states() -> None:
    first, second = shop.state("o-1", "pending", "req-1"), shop.state("o-1", "cancelled", "req-1", "card declined")
    first.t, second.t = 1.0, 3.5
    run = picture([first, second])
    order = run.entities["order", "o-1"]
    assert (order.state, order.since, order.born, order.reason) == ("cancelled", 3.5, 1.0, "card declined")
    assert order.history == ((1.0, "pending"), (3.5, "cancelled"))
    assert run.summary().entities == {"order": {"cancelled": 1}}


def test_faults_run_out_and_name_their_victims() -> None:
    text = "latency orders->payments 300ms"
    added = fault_change(text, t=10.0, id="f1", change="added", owner="you", duration=30.0)
    hit = fault_change(text, t=12.0, id="f1", change="hit", victims=3, detail="POST /charges")
    run = picture([added, hit])
    [fault] = run.active_faults()
    assert (fault.kind, fault.target, fault.victims, list(fault.hits)) == (
        "latency",
        "orders->payments",
        3,
        ["POST /charges"],
    )
    assert fault.remaining(15.0) == 25.0
    assert fault.touches("orders->payments")
    run.apply(fault_change(text, seq=3, t=40.0, id="f1", change="expired", victims=4))
    assert run.active_faults() == []
    assert [(f.text, f.victims, f.ended) for f in run.summary().faults] == [(text, 4, "expired")]


def test_a_partition_touches_both_directions() -> None:
    run = picture([fault_change("partition orders<->broker", t=1.0, id="f1", change="added")])
    assert run.faults["f1"].touches("orders->broker")
    assert run.faults["f1"].touches("broker->orders")
    assert not run.faults["f1"].touches("users->broker")


def test_processes_say_why_and_count_restarts() -> None:
    run = picture(
        [
            Process(t=1.0, source="orders", state="pending", reason="waiting for broker: port closed"),
            Process(t=2.0, source="orders", state="ready", pid=77),
            Process(t=5.0, source="orders", state="failed", code=1, restarts=5, tail=("boom",)),
        ]
    )
    process = run.processes["orders"]
    assert (process.state, process.since, process.restarts, process.tail, process.pid) == (
        "failed",
        5.0,
        5,
        ("boom",),
        None,
    )
    assert run.summary().restarts == {"orders": 5}


def test_gaps_in_seq_are_counted() -> None:
    run = RunPicture()
    for seq in (1, 2, 7):
        run.apply(Note(seq=seq, t=float(seq), text="x"))
    assert run.skipped == 4


def test_breakers_narration_and_load() -> None:
    run = picture(
        [
            Log(t=1.0, source="orders", event="breaker", data={"name": "pay", "state": "open"}),
            Note(t=2.0, topic="scenario", text="Now we kill it."),
            Note(t=3.0, topic="run", text="other"),
            Load(t=4.0, rate=20.0, sent=80, ok=79, failed=1),
        ]
    )
    assert run.processes["orders"].breakers == {"pay": "open"}
    narration = run.narration()
    assert narration is not None
    assert narration.text == "Now we kill it."
    assert run.load is not None
    assert run.load.failed == 1


def test_unknown_links_and_processes_are_taken_as_they_come() -> None:
    run = picture([shop.http("a->b", "GET /", t=1.0), Process(t=1.0, source="stranger", state="ready")])
    assert run.links["a->b"].flows == 1
    assert run.processes["stranger"].state == "ready"


def test_memory_is_bounded_and_totals_stay_exact() -> None:
    run = RunPicture()
    many = 3 * RECENT_ENTITIES
    for number in range(many):
        log = shop.state(f"o-{number}", "confirmed", f"c-{number}")
        log.seq, log.t = number + 1, number / 1000
        run.apply(log)
        run.apply(deliver(f"m-{number}", t=number / 1000))
    assert len(run.entities) == RECENT_ENTITIES
    assert run.summary().entities == {"order": {"confirmed": many}}
    assert run.flow_count == many


def test_a_whole_run_adds_up_and_folds_fast() -> None:
    events = list(shop.stream(30, orders=60))
    run, queues = RunPicture(shop.SYSTEM), Queues()
    for event in events:
        queues.apply(event)
    before = time.process_time()
    run.apply_all(events)
    spent = (time.process_time() - before) / len(events)
    assert queues.by_name
    assert all(queue.unacked == 0 for queue in queues.by_name.values())
    counts = run.summary().entities["order"]
    assert set(counts) == {"confirmed", "cancelled"}
    assert run.skipped == 0
    assert spent < 20e-6, f"{spent * 1e6:.1f} µs an event"


def test_a_copy_stays_as_it_was() -> None:
    events = list(shop.stream(10, orders=20))
    half = len(events) // 2
    run, queues = RunPicture(shop.SYSTEM), Queues()
    for event in events[:half]:
        run.apply(event)
        queues.apply(event)
    kept, held = run.copy(), queues.copy()
    said = kept.summary()
    for event in events[half:]:
        run.apply(event)
        queues.apply(event)
    assert kept.summary() == said
    for event in events[half:]:
        kept.apply(event)
        held.apply(event)
    assert kept.summary() == run.summary()
    assert {name: (q.delivered, q.unacked, list(q.trend)) for name, q in held.by_name.items()} == {
        name: (q.delivered, q.unacked, list(q.trend)) for name, q in queues.by_name.items()
    }
