"""Which flows and log lines make a story."""

from __future__ import annotations

from typing import Any

from lab.journal.belonging import attributed, belongs
from lab.journal.event import Event, Flow, Log


class Tape:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def flow(self, t: float, link: str, op: str, cid: str = "", **more: Any) -> None:
        source, target = link.split("->")
        self._add(t, Flow(source=source, target=target, link=link, op=op, correlation=cid, **more))

    def log(self, t: float, who: str, message: str, **more: Any) -> None:
        self._add(t, Log(source=who, message=message, **more))

    def story(self, *idents: str) -> list[str]:
        return [event.op if isinstance(event, Flow) else event.message for event in belongs(self.events, idents)]

    def _add(self, t: float, event: Event) -> None:
        event.seq, event.t = len(self.events) + 1, t
        self.events.append(event)


def test_what_shares_a_correlation_or_a_message_with_it_belongs_to_an_order() -> None:
    tape = Tape()
    tape.log(1.0, "orders", "order 41 is pending", event="state", data={"id": "41"}, correlation="c1")
    tape.flow(1.1, "orders->broker", "publish order.created", "c1", role="message", message="m1")
    tape.flow(1.2, "mail->broker", "deliver mail.q", role="delivery", back=True, message="m1")
    tape.flow(1.3, "orders->broker", "publish order.created", "c2", role="message", message="m2")
    tape.flow(9.0, "client->orders", "GET /orders/41?full=1", "c3")
    for ident in ("41", "c1", "m1"):
        assert tape.story(ident)[:3] == ["order 41 is pending", "publish order.created", "deliver mail.q"]
    assert tape.story("41")[3:] == ["GET /orders/41?full=1"]
    assert tape.story("c1")[3:] == []
    assert tape.story("nobody") == tape.story("") == []


def test_what_only_prepares_or_repeats_is_not_told_unless_it_went_wrong() -> None:
    tape = Tape()
    tape.flow(1.0, "client->orders", "POST /orders", "c1", ms=50.0)
    tape.flow(0.97, "orders->cache", "HELLO", role="setup")
    tape.flow(0.98, "orders->cache", "AUTH", role="setup", outcome="error")
    tape.log(1.0, "orders", "POST /orders 201", event="http", correlation="c1")
    assert tape.story("c1") == ["POST /orders", "AUTH"]


def test_a_command_without_an_id_belongs_to_the_request_that_its_process_was_working_on_alone() -> None:
    tape = Tape()
    tape.flow(1.02, "orders->cache", "GET product:7", ms=2.0)
    tape.flow(1.05, "client->orders", "POST /orders", "c1", ms=50.0)
    tape.flow(2.02, "orders->cache", "GET product:8", ms=2.0)
    tape.flow(2.05, "client->orders", "POST /orders", "c2", ms=50.0)
    tape.flow(2.06, "client->orders", "POST /orders", "c3", ms=50.0)
    assert tape.story("c1") == ["GET product:7", "POST /orders"]
    assert tape.story("c2") == ["POST /orders"]
    assert tape.story("c2", "c3") == ["GET product:8", "POST /orders", "POST /orders"]


def test_so_does_one_made_for_a_message_until_its_ack() -> None:
    tape = Tape()
    mail = {"queue": "q", "message": "m1"}
    tape.flow(1.0, "mail->broker", "deliver q", "c1", role="delivery", back=True, **mail)
    tape.flow(1.1, "mail->cache", "SETNX m1", ms=1.0)
    tape.flow(1.2, "mail->broker", "ack", role="ack", **mail)
    assert tape.story("c1") == ["deliver q", "SETNX m1", "ack"]
    tape.events.insert(
        0, Flow(t=0.9, source="mail", role="delivery", back=True, queue="q", message="m0", op="deliver q")
    )
    assert tape.story("c1") == ["deliver q", "ack"]


def test_what_befell_its_processes_meanwhile_belongs_to_it_whoever_else_was_there() -> None:
    tape = Tape()
    tape.flow(1.0, "client->orders", "POST /orders", "c1", ms=900.0)
    tape.flow(1.0, "client->orders", "POST /orders", "c2", ms=900.0)
    tape.flow(0.5, "orders->payments", "connect", role="connection", outcome="refused")
    tape.log(0.6, "orders", "breaker open", event="breaker", correlation="c2")
    tape.log(0.7, "orders", "payments is away", level="error")
    tape.log(0.7, "orders", "of the other", level="error", correlation="c2")
    tape.log(0.7, "users", "not of this story", level="error")
    assert tape.story("c1") == ["POST /orders", "connect", "breaker open", "payments is away"]


def test_a_small_number_is_an_id_only_where_it_is_said_to_be_one() -> None:
    tape = Tape()
    tape.log(1.0, "orders", "trying again", data={"attempt": 2})
    tape.log(2.0, "orders", "order is pending", event="state", data={"id": 2})
    tape.log(3.0, "orders", "order is paid", data={"order": "2"})
    assert tape.story("2") == ["order is pending", "order is paid"]


def test_of_a_process_at_work_for_several_a_key_tells_whose_a_command_is_only_where_no_other_can_be_meant() -> None:
    def told(other: str) -> list[tuple[str, str]]:
        tape = Tape()
        tape.flow(1.02, "catalog->cache", "GET product:7", key="product:7", ms=2.0)
        tape.flow(1.05, "client->catalog", "GET /products/7", "c1", ms=50.0)
        tape.flow(1.06, "client->catalog", other, "c2", ms=50.0)
        found = attributed(tape.events, ["c1"])
        return [(event.op, by) for event, by in found if isinstance(event, Flow) and event.source == "catalog"]

    assert told("GET /products/8") == [("GET product:7", "key")]
    assert told("GET /products/7") == [], "both ask for it: it may be either's"
    assert told("GET /products") == [], "a page of all may ask for it, too"
    assert told("POST /orders/8") == [], "nobody knows what is in its body"


def test_a_command_between_two_requests_of_a_story_is_nobodys() -> None:
    tape = Tape()
    tape.flow(1.0, "client->orders", "POST /orders", "c1", ms=10.0)
    tape.flow(2.0, "orders->cache", "GET product:7", ms=1.0)
    tape.flow(3.0, "client->orders", "GET /orders/1", "c1", ms=10.0)
    assert tape.story("c1") == ["POST /orders", "GET /orders/1"]


def test_each_event_says_how_it_is_known_to_belong() -> None:
    tape = Tape()
    tape.flow(1.02, "orders->cache", "GET product:7", ms=1.0)
    tape.log(1.03, "orders", "committed orders +1", event="sql", correlation="c1")
    tape.log(1.03, "orders", "slow", level="warning")
    tape.flow(1.05, "client->orders", "POST /orders", "c1", ms=50.0)
    assert [by for _, by in attributed(tape.events, ["c1"])] == ["alone", "word", "meanwhile", "id"]
