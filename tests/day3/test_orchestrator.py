"""The saga with an orchestrator: the same outcomes, its death at every moment, and what is undone without an answer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid
from contextlib import suppress
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import pytest

from lab.chassis.events import parse
from lab.day3_events.orchestrator import steps
from tests.day3 import mortal
from tests.day3.shop import Shop
from tests.waiting import eventually

SAGA = "orchestration"
MOMENTS = 30
"""So many at least there are in one saga: seven or more for each message that comes and the command that it causes."""
AFTERWARDS = 0.3
"""Seconds in which one that is to die of what a finished saga leaves to do has done it."""


def saga(shop: Shop, order: str) -> tuple[str, str]:
    """State and step of the order's saga; empty if there is none yet."""
    found = shop.ask("GET", "orchestrator", f"/sagas/{order}").json()
    return found.get("state", ""), found.get("step", "")


def ended(shop: Shop, order: str, timeout: float = 20.0) -> str:
    eventually(lambda: saga(shop, order)[1] == steps.ENDED, timeout)
    return saga(shop, order)[0]


def test_an_approved_order_is_charged_confirmed_and_mailed_once(shop: Shop) -> None:
    order = shop.order(shop.register())
    assert ended(shop, order) == "completed"
    assert shop.state(order) == ("confirmed", "")
    assert shop.mailed(order) == ["order_confirmed"]
    assert [(charge["status"], charge["key"]) for charge in shop.charges(order)] == [("approved", order)]


def test_a_declined_order_is_compensated(shop: Shop) -> None:
    order = shop.order(shop.register(), amount=90_000)
    assert ended(shop, order) == "compensated"
    assert shop.state(order) == ("cancelled", "payment_declined")
    assert shop.mailed(order) == ["order_cancelled"]


def test_a_provider_that_fails_twice_is_a_delay(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "status", status=503, times=2)
    order = shop.order(user)
    assert ended(shop, order) == "completed"
    assert len(shop.charges(order)) == 1


def test_a_charge_that_nobody_answers_for_is_undone_though_it_may_have_been_made(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "lose-response")  # charged each time, and nobody learns of it
    order = shop.order(user)
    eventually(lambda: shop.charges(order))
    eventually(lambda: saga(shop, order)[1] == steps.REFUNDING, 20)
    shop.heal("provider")
    assert ended(shop, order) == "compensated"
    assert shop.state(order) == ("cancelled", "payment_timeout")
    assert [charge["status"] for charge in shop.charges(order)] == ["refunded"]
    assert shop.mailed(order) == ["order_cancelled"]


def test_while_one_step_hangs_others_go_on(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "hang", times=1)
    stuck = shop.order(user)
    eventually(lambda: saga(shop, stuck)[1] == steps.CHARGING)
    others = [shop.order(user) for _ in range(5)]
    assert [ended(shop, order) for order in others] == ["completed"] * 5
    shop.heal("provider")
    assert ended(shop, stuck, 30) in ("completed", "compensated")


def test_a_customer_who_cancels_while_the_charge_is_under_way_gets_the_money_back(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "lose-response", times=1)
    order = shop.order(user)
    eventually(lambda: shop.charges(order))
    assert shop.ask("POST", "orders", f"/orders/{order}/cancel").status_code == 200
    assert ended(shop, order) == "compensated"
    assert [charge["status"] for charge in shop.charges(order)] == ["refunded"]
    assert shop.state(order) == ("cancelled", "cancelled_by_customer")
    assert shop.mailed(order) == ["order_cancelled"]


def test_commands_and_answers_that_come_twice_change_nothing(shop: Shop) -> None:
    user = shop.register()
    order = shop.order(user)
    assert ended(shop, order) == "completed"
    for _ in range(2):
        command = {"order_id": order, "user_id": user, "amount": 5000, "reason": "", "template": "order_confirmed"}
        for kind in ("payment.charge", "order.confirm", "mail.send", "order.cancel"):
            shop.event(kind, **command)
        for kind in steps.ANSWERS:
            shop.event(kind, order_id=order)
    shop.mailed(fence := shop.order(user))
    assert ended(shop, fence) == ended(shop, order) == "completed"
    assert shop.state(order) == ("confirmed", "")
    assert len(shop.charges(order)) == len(shop.mails(order)) == 1


def test_an_answer_that_is_lost_for_good_is_asked_for_again(shop: Shop) -> None:
    user = shop.register()
    shop.tell("provider", "hang")  # until the orchestrator is dead, however long that takes
    order = shop.order(user)
    eventually(lambda: saga(shop, order)[1] == steps.CHARGING)
    shop.kill("orchestrator")
    shop.heal("provider")
    eventually(lambda: shop.peek("orchestrator.answers"), 20)
    shop.take("orchestrator.answers")
    shop.start(["orchestrator"])
    assert ended(shop, order) in ("completed", "compensated")
    assert shop.state(order)[0] == ("confirmed" if saga(shop, order)[0] == "completed" else "cancelled")


@pytest.mark.parametrize("found", ["approved", "declined", "void"])
def test_whoever_asks_for_a_refund_is_answered_whatever_payments_finds(shop: Shop, found: str) -> None:
    """The orchestrator gives up without knowing whether the charge was made, declined or never heard of."""
    order = f"unheard-of-{uuid.uuid4()}"
    if found != "void":
        order = shop.order(shop.register(), 5000 if found == "approved" else 90_000)
        ended(shop, order)
    shop.kill("orchestrator")
    shop.take("orchestrator.answers")
    command = {"order_id": order, "user_id": "u", "amount": 5000, "reason": "", "template": ""}
    for times in (1, 2):
        shop.event("payment.refund", **command)
        eventually(lambda: len(answered(shop, order)) == times)  # noqa: B023
    assert {kind for kind, _ in answered(shop, order)} == {"payment.refunded"}
    shop.take("orchestrator.answers")
    assert [charge["status"] for charge in shop.charges(order)] == {
        "approved": ["refunded"],
        "declined": ["declined"],
        "void": [],
    }[found]


def answered(shop: Shop, order: str) -> list[tuple[str, str]]:
    """Type and id of the answers about that order that wait."""
    events = [parse(body) for _, body in shop.peek("orchestrator.answers")]
    return [(event.type, event.id) for event in events if event.data["order_id"] == order]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("amount", "outcome"), [(5000, "confirmed"), (90_000, "cancelled")])
def test_it_may_be_killed_at_every_moment(shop: Shop, amount: int, outcome: str) -> None:
    """A saga after the other, and the orchestrator dies at the first moment of the first, the second of the second ...
    until there is none left at which it could. Each begins anew with what the dead one left."""
    if "orchestrator" in shop.processes:
        shop.kill("orchestrator")
    user = shop.register()
    told = shop.folder / f"died-{outcome}"
    died: list[str] = []
    order = ""
    for moment in count(1):
        process = begin(shop, moment, told)
        try:
            eventually(lambda: shop.ready(shop.ports["orchestrator"]), 30)
            if order:
                survived(shop, order, outcome, died)
            os.kill(process.pid or 0, signal.SIGUSR1)
            order = shop.order(user, amount)
            eventually(lambda: not process.is_alive() or finished(shop, order), 30)  # noqa: B023
            process.join(AFTERWARDS)
            if process.is_alive():
                survived(shop, order, outcome, died)
                break
            died.append(told.read_text())
        finally:
            process.kill()
            process.join()
    kinds = {"before a commit", "after a commit", "before publishing", "after publishing", "before the ack"}
    assert set(died) == kinds
    assert len(died) >= MOMENTS, died


def begin(shop: Shop, moment: int, told: Path) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([mortal.__name__])
    port = shop.ports["orchestrator"]
    folder = shop.folder / "orchestrator"
    env = shop.environment("orchestrator", "orchestrator", port)
    process = context.Process(target=mortal.main, args=(env, moment, told, folder / "mortal.log"), daemon=True)
    process.start()
    return process


def finished(shop: Shop, order: str) -> bool:
    """Whether the saga is over, and all that it had to announce is sent."""
    with suppress(httpx.HTTPError):  # it dies while it is asked
        unsent = shop.ask("GET", "orchestrator", "/admin/outbox").json()["pending"]
        return saga(shop, order)[1] == steps.ENDED and not unsent
    return False


def survived(shop: Shop, order: str, outcome: str, died: list[str]) -> None:
    """The saga that the last death interrupted comes to its end, and nothing of it is lost or doubled."""
    died_at = f"killed at moment {len(died)}, {died[-1]}"
    ended(shop, order)
    assert shop.state(order)[0] == outcome, died_at
    assert shop.mailed(order) == [f"order_{outcome}"], died_at
    (charge,) = shop.charges(order)
    assert charge["status"] == ("approved" if outcome == "confirmed" else "declined"), died_at
