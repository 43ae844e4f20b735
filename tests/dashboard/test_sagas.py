"""Where each order stands, and who has to act next."""

from __future__ import annotations

import pytest

from lab.dashboard.panel import View, find
from lab.dashboard.panels.entities import RECENT
from lab.dashboard.panels.sagas import Ways
from lab.dashboard.rows import text_of, width_of
from lab.journal.event import Event, Log
from lab.journal.picture.run import RunPicture
from tests.dashboard import shop

PANEL = find("sagas")


def told(source: str, key: str, order: str, t: float = 1.0) -> Event:
    return shop.amqp(f"{source}->broker", f"publish {key}", routing_key=key, correlation=order, exchange="e", t=t)


def finished(order: str) -> list[Event]:
    """One order from which all others are understood."""
    return [
        shop.state(order, "pending", order),
        told("orders", "order.created", order),
        shop.http("payments->payment_provider", "POST /charges", correlation=order, t=1.0),
        told("payments", "payment.approved", order),
        shop.state(order, "confirmed", order),
        told("orders", "order.confirmed", order),
        shop.http("notifications->mail", "POST /mails", correlation=order, t=1.0),
    ]


def begun(order: str, *messages: tuple[str, str], t: float = 1.0) -> list[Event]:
    state = shop.state(order, "pending", order)
    state.t = t
    return [state, *(told(source, key, order, t) for source, key in messages)]


def seen(*events: Event) -> View:
    fold, picture = Ways(), RunPicture(shop.SYSTEM)
    for event in events:
        picture.apply(event)
        fold.apply(event)
    return View(picture=picture, system=shop.SYSTEM, fold=fold.copy())


def drawn(view: View, width: int) -> list[str]:
    rows = [*PANEL.heading(view, width), *(PANEL.row(item, view, width) for item in PANEL.items(view))]
    assert all(width_of(line) <= width for line in rows)
    return text_of(rows).splitlines()


@pytest.mark.parametrize("width", [73, 80, 120])
def test_who_has_to_act_next_is_learned_from_those_who_did_before(width: int) -> None:
    view = seen(
        *finished("o-1"),
        *begun("o-2", ("orders", "order.created")),
        *begun("o-3", ("orders", "order.created")),
        *begun("o-4", ("orders", "order.created"), ("payments", "payment.approved"), t=4.0),
    )
    lines = drawn(view, width)
    waiting = " ".join(" ".join(lines).split())
    assert "waiting 2 for payments (order.created, 3.0 s) 1 for orders (payment.approved, 0.0 s)" in waiting
    assert any(line.startswith(" o-2 ") and line.endswith("order.created ▶ payments") for line in lines)
    assert any(line.startswith(" o-4 ") and line.endswith("payment.approved ▶ orders") for line in lines)


def test_of_a_message_that_nobody_has_answered_yet_nobody_is_known() -> None:
    assert drawn(seen(*begun("o-1", ("orders", "order.created"))), 80)[-1].endswith("order.created ▶ ?")


def test_who_acted_once_by_chance_is_not_waited_for() -> None:
    events = [event for number in range(9) for event in finished(f"o-{number}")]
    late = shop.http("notifications->mail", "POST /mails", correlation="o-9", t=1.0)
    view = seen(*events, *begun("o-9", ("orders", "order.created")), late)
    assert any(line.endswith("order.created ▶ payments") for line in drawn(view, 80))


def test_what_is_put_aside_to_be_tried_again_is_not_the_last_word() -> None:
    again = shop.amqp("payments->broker", "publish p.retry.500", routing_key="p.retry.500", correlation="o-2")
    view = seen(*finished("o-1"), *begun("o-2", ("orders", "order.created")), again)
    assert any(line.endswith("order.created ▶ payments") for line in drawn(view, 80))


def test_the_step_of_an_orchestrator_stands_in_place_of_pending() -> None:
    line = Log(source="orchestrator", event="saga", data={"id": "o-1", "step": "charging"})
    view = seen(*begun("o-1", ("orders", "order.created")), line)
    assert "◌ charging" in drawn(view, 80)[-1]


def test_when_all_has_ended_nobody_waits() -> None:
    assert " nobody waits" in drawn(seen(*finished("o-1")), 80)


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Ways()
    for number in range(2 * RECENT):
        fold.apply(told("orders", "order.created", f"o-{number}"))
    assert len(fold.last) == RECENT
    other = fold.copy()
    for event in finished("another"):
        other.apply(event)
    assert "payment.approved" not in fold.acts
