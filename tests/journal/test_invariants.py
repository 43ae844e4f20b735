"""What must hold of a shop: a recorded run that keeps it, and one that does not, for each invariant."""

from __future__ import annotations

from typing import Any

from lab.journal.event import Event, Flow, Log, Process
from lab.journal.invariants import DECIDED, KEPT, MAIL, MONEY, ONCE, PAID, SOLVENT, Verdict, invariants


class Tape:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        event.seq, event.t = len(self.events) + 1, len(self.events) * 0.1
        self.events.append(event)

    def http(self, link: str, op: str, status: str, cid: str) -> None:
        source, target = link.split("->")
        self.add(Flow(source=source, target=target, link=link, op=op, status=status, ms=50.0, correlation=cid))

    def told(self, kind: str, cid: str) -> None:
        self.add(Flow(source="orders", link="orders->broker", role="message", routing_key=kind, correlation=cid))

    def state(self, ident: str, state: str, cid: str) -> None:
        data = {"entity": "order", "id": ident, "state": state}
        self.add(Log(source="legacy", event="state", correlation=cid, data=data))

    def money(self, event: str, amount: int, balance: int, owner: str = "ann") -> None:
        data: dict[str, Any] = {"user": owner, "amount": amount, "balance": balance}
        self.add(Log(source="legacy", event=event, data=data))

    def later(self) -> None:
        self.add(Process(source="other", state="ready"))
        self.events[-1].t += 60

    def verdicts(self) -> dict[str, Verdict]:
        return {one.name: one for one in invariants(self.events).verdicts()}


def bought(tape: Tape, ident: str, cid: str) -> None:
    tape.state(ident, "created", cid)
    tape.http("client->gateway", "POST /orders", "201", cid)
    tape.told("payment.requested", cid)
    tape.state(ident, "paid", cid)
    tape.told("payment.approved", cid)
    tape.told("order.confirmed", cid)
    tape.http("notifications->mail", "POST /notify", "202", cid)


def test_a_shop_in_which_all_goes_well_keeps_every_invariant() -> None:
    tape = Tape()
    tape.money("deposit", 100, 100)
    for number in "12":
        bought(tape, number, f"c{number}")
    tape.money("payment", 30, 70)
    tape.later()
    found = tape.verdicts()
    assert set(found) == {KEPT, ONCE, DECIDED, PAID, MONEY, SOLVENT, MAIL}
    assert all(one.holds and not one.owed for one in found.values()), found


def test_an_order_is_lost_if_no_service_tells_of_it_or_nobody_knows_it_any_more() -> None:
    tape = Tape()
    bought(tape, "1", "c1")
    tape.http("client->gateway", "POST /orders", "201", "c2")
    tape.later()
    assert tape.verdicts()[KEPT].examples == ("c2",)
    tape.http("client->gateway", "GET /orders/1", "404", "c3")
    assert tape.verdicts()[KEPT].broke == 2
    tape.http("client->gateway", "DELETE /orders/1", "204", "c4")
    assert tape.verdicts()[KEPT].broke == 1, "whoever removes an order does not miss it"


def test_a_stretch_of_a_run_says_nothing_of_an_order_that_was_made_before_it() -> None:
    tape = Tape()
    bought(tape, "1", "c1")
    bought(tape, "2", "c2")
    tape.later()
    found = {one.name: one for one in invariants(tape.events[1:]).verdicts()}
    assert (found[KEPT].broke, found[KEPT].checked) == (0, 1), found


def test_an_order_is_doubled_if_one_request_made_two_and_paid_twice_if_a_service_says_so_twice() -> None:
    tape = Tape()
    bought(tape, "1", "c1")
    assert tape.verdicts()[ONCE].holds
    tape.state("2", "created", "c1")
    tape.state("1", "paid", "c5")
    assert tape.verdicts()[ONCE].examples == ("c1",)
    assert tape.verdicts()[PAID].examples == ("1",)


def test_what_is_still_to_come_is_owed() -> None:
    tape = Tape()
    bought(tape, "1", "c1")
    tape.told("payment.requested", "c2")
    tape.told("user.registered", "c3")
    found = tape.verdicts()
    assert (found[DECIDED].owed, found[MAIL].owed) == (1, 1)
    tape.told("payment.declined", "c2")
    tape.http("legacy->mail", "POST /notify", "202", "c3")
    found = tape.verdicts()
    assert (found[DECIDED].owed, found[MAIL].owed) == (0, 0)


def test_a_lost_update_is_money_that_nobody_accounts_for() -> None:
    tape = Tape()
    tape.money("deposit", 100, 100)
    tape.money("payment", 30, 70)
    tape.money("payment", 20, 80)
    tape.later()
    assert tape.verdicts()[MONEY].examples == ("ann",)


def test_lines_of_one_moment_may_come_in_any_order() -> None:
    tape = Tape()
    tape.money("payment", 20, 50)
    tape.money("deposit", 100, 100)
    tape.money("payment", 30, 70)
    tape.later()
    assert tape.verdicts()[MONEY].holds


def test_what_a_process_committed_before_it_died_and_could_not_tell_is_no_alarm() -> None:
    tape = Tape()
    tape.money("deposit", 100, 100)
    tape.add(Process(source="legacy", state="backoff"))
    tape.money("payment", 10, 60)
    tape.later()
    assert tape.verdicts()[MONEY].holds
    tape.money("payment", 10, 90)
    tape.later()
    assert not tape.verdicts()[MONEY].holds


def test_a_wallet_below_zero_is_told_for_good() -> None:
    tape = Tape()
    tape.money("payment", 30, -30)
    tape.money("deposit", 30, 0)
    tape.later()
    assert tape.verdicts()[SOLVENT].examples == ("ann",)


def test_a_copy_is_its_own() -> None:
    tape = Tape()
    bought(tape, "1", "c1")
    tape.money("deposit", 100, 100)
    found = invariants(tape.events)
    before, other = found.verdicts(), found.copy()
    bought(tape, "2", "c1")
    tape.money("payment", 30, 60)
    tape.later()
    for event in tape.events[8:]:
        other.apply(event)
    assert found.verdicts() == before
    assert {one.name for one in other.verdicts() if not one.holds} == {ONCE, MONEY}
