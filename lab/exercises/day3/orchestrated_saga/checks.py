"""Exercise 3.7: one conductor, three neighbours. Whatever dies or keeps silent, money, stock and status agree."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from lab.grading import (
    Answer,
    Deed,
    Http,
    behaviour,
    eventually,
    expect,
    hang,
    hold,
    lost,
    status,
    tr,
    trn,
    within,
)

RESERVE, CHARGE, NOTIFY, REFUND = "POST /reservations", "POST /charges", "POST /notify", "POST /refunds"
CONFIRM, RELEASE = "POST /reservations/*/commit", "DELETE /reservations/*"
PLACES = {
    "reserve": ("inventory", RESERVE),
    "charge": ("payment", CHARGE),
    "confirm": ("inventory", CONFIRM),
    "notify": ("notify", NOTIFY),
    "refund": ("payment", REFUND),
    "release": ("inventory", RELEASE),
}
"""Where each step and each compensation is asked for."""
STEPS = ("reserve", "charge", "confirm", "notify")

AMOUNT, BEYOND = 25_000, 90_000
"""The provider approves the one and declines the other."""
PATIENCE = 20.0
"""Seconds within which an order has ended."""
MEANWHILE = 12.0
"""Seconds within which others are done while some wait; a call may take longer than that."""
PATIENT = 4.0
"""Seconds that a saga may take where that is the subject."""
SILENCE = {"HTTP_TIMEOUT_MS": 1000, "SAGA_TIMEOUT_MS": 4000}
WAITING, OTHERS, CROWD = 3, 20, 12
DOUBLED = 3
"""Of CROWD orders so many may be taken up twice: an instance that was slow for a moment has lost its lease."""


@behaviour("C1")
def check_all_steps_in_order(http, stub, new):
    held = stub["payment"].will(hold(), on=CHARGE, times=1)
    order = placed(http, new)
    held.wait()
    shows_saga(http, order, "running", ("done", "begun", "pending", "pending"))
    shows(http, order, "pending")
    held.release()
    others = [placed(http, new) for _ in range(2)]
    for one in (order, *others):
        ended(http, one, "confirmed")
        shows_saga(http, one, "completed", ("done",) * 4)
        expect_steps(stub, one, STEPS)
        expect_even(stub, one, "confirmed")
        expect_asked_as_agreed(stub, one)
    for path in ("orders", "sagas"):
        unknown = http.get(f"/{path}/{new.id('order')}")
        expect(
            unknown.status == 404 and unknown.code == "unknown_order",
            tr("an order that nobody placed: 404 unknown_order"),
            got=text(unknown),
            code="unknown-shown",
            about=[unknown],
        )


@behaviour("C2")
def check_no_stock_no_charge(http, stub, new):
    sku = new.id("sku")
    refuse(stub, "reserve", sku)
    order, other = placed(http, new, sku=sku), placed(http, new)
    ended(http, order, "cancelled", "out_of_stock")
    ended(http, other, "confirmed")
    expect_never(stub, order, ("charge", "confirm", "notify"), "went-on-after-a-no")
    expect_even(stub, order, "cancelled")
    shows_saga(http, order, "compensated", ("refused", "pending", "pending", "pending"))


@behaviour("C3")
def check_declined_releases_the_stock(http, stub, new):
    order, other = placed(http, new, amount=BEYOND), placed(http, new)
    ended(http, order, "cancelled", "payment_declined")
    ended(http, other, "confirmed")
    expect_even(stub, order, "cancelled")
    expect_never(stub, order, ("confirm", "notify"), "went-on-after-a-no")
    shows_saga(http, order, "compensated", ("undone", "refused", "pending", "pending"))


@behaviour("C4")
def check_recalled_is_undone_from_the_end(http, stub, new):
    sku = new.id("sku")
    refuse(stub, "confirm", sku)
    order, other = placed(http, new, sku=sku), placed(http, new)
    ended(http, order, "cancelled", "recalled")
    ended(http, other, "confirmed")
    expect_even(stub, order, "cancelled")
    expect_steps(stub, order, ("reserve", "charge", "confirm", "refund", "release"))
    expect_never(stub, order, ("notify",), "went-on-after-a-no")
    shows_saga(http, order, "compensated", ("undone", "undone", "refused", "pending"))


@behaviour("C5")
def check_killed_at_every_step(system, http, stub, new):
    orders: dict[tuple[str, bool], Answer] = {}
    holds = []
    for step in PLACES:
        for done in (False, True):  # the neighbour has not done it yet, or has done it and not yet said so
            sku = new.id("sku")
            if step in ("refund", "release"):
                refuse(stub, "confirm", sku)
            held = hold()
            told(stub, step, sku, after(held) if done else held)
            holds.append(held)
            orders[step, done] = placed(http, new, sku=sku)
    holds[0].wait()
    within(5.0, lambda: all(held.held for held in holds))  # one that does less at a time has less in hand
    system.kill("orders")
    for held in holds:
        held.release()
    system.start("orders")
    for (step, done), order in orders.items():
        back = step in ("refund", "release")
        when = (
            tr("although orders was killed after {step} was done, before the answer came", step=step)
            if done
            else tr("although orders was killed while it asked for {step}", step=step)
        )
        ended(http, order, "cancelled" if back else "confirmed", "recalled" if back else "", when=when)
        expect_even(stub, order, "cancelled" if back else "confirmed", when=when)
        expect_one_key(stub, order)


@behaviour("C6")
def check_what_fails_is_tried_again(http, stub, new):
    good, recalled = new.id("sku"), new.id("sku")
    refuse(stub, "confirm", recalled)
    for step in STEPS:
        told(stub, step, good, status(503), times=2)
    for step in ("refund", "release"):
        told(stub, step, recalled, status(503), times=3)
    order, undone = placed(http, new, sku=good), placed(http, new, sku=recalled)
    ended(http, order, "confirmed", when=tr("although every neighbour answered 503 twice"))
    ended(http, undone, "cancelled", "recalled", when=tr("although its refund and release were answered 503 thrice"))
    expect(
        len(asked(stub, undone, "release")) > 3,
        tr("order {id} is cancelled once its stock is released, and not before", id=undone.json["id"]),
        got=trn("{count} request", "{count} requests", len(asked(stub, undone, "release"))),
        code="cancelled-too-early",
        about=[undone],
    )
    for one, end, steps in (
        (order, "confirmed", STEPS),
        (undone, "cancelled", ("reserve", "charge", "confirm", "refund", "release")),
    ):
        expect_even(stub, one, end)
        expect_steps(stub, one, steps)
        expect_one_key(stub, one)


@behaviour("C7", start=False)
def check_no_answer_is_undone(system, http, stub, new):
    system.start("orders", env=SILENCE)
    sku = new.id("sku")
    told(stub, "notify", sku, status(503))
    late = placed(http, new, sku=sku)
    ended(http, late, "confirmed")
    confirmed = time.monotonic()
    troubles: dict[str, tuple[str, Deed]] = {
        tr("although its charge is never answered"): ("charge", hang()),
        tr("although its charge is made and the answer lost, every time"): ("charge", lost()),
        tr("although its reservation is made and the answer lost, every time"): ("reserve", lost()),
        tr("although its confirmation is made and the answer lost, every time"): ("confirm", lost()),
    }
    orders = {}
    for trouble, (step, deed) in troubles.items():
        sku = new.id("sku")
        told(stub, step, sku, deed)
        orders[trouble] = placed(http, new, sku=sku)
    for trouble, order in orders.items():
        ended(http, order, "cancelled", "timeout", when=trouble)
        shows_state(http, order, "compensated")
        expect_even(stub, order, "cancelled", when=trouble)
    asked_back = orders[tr("although its charge is never answered")]
    expect(
        asked(stub, asked_back, "refund"),
        tr("a refund for order {id}, of whose charge nothing is known", id=asked_back.json["id"]),
        got=tr("none was asked for"),
        code="unknown-taken-for-no",
        about=[asked_back],
    )
    within(confirmed + PATIENT + 1.0 - time.monotonic(), lambda: state(show(http, late)) != "confirmed")
    shows(http, late, "confirmed", code="undone-behind-the-pivot")
    expect_never(stub, late, ("refund", "release"), "undone-behind-the-pivot")
    stub["notify"].heal()
    eventually(
        lambda: mails(stub, late),
        tr("the mail of order {id}, once the mail server is well", id=late.json["id"]),
        code="not-mailed",
        about=[late],
    )
    expect_even(stub, late, "confirmed")


@behaviour("C8")
def check_one_slow_order_is_nobody_elses(system, http, stub, new):
    slow, holds = [], []
    for _ in range(WAITING):
        sku, held = new.id("sku"), hold()
        told(stub, "charge", sku, held)
        slow.append(placed(http, new, sku=sku))
        holds.append(held)
    eventually(
        lambda: all(held.held for held in holds),
        tr("{count} orders to wait for the provider at the same time", count=WAITING),
        10.0,
        code="held-up",
        got=lambda: tr("{count} do", count=sum(held.held for held in holds)),
        about=slow,
    )
    with system.writing("orders") as free:
        expect(
            free is not False,
            tr("no transaction is open in the database of orders while the provider is asked"),
            got=tr("nobody else could write for 1 s, while order {id} waited", id=slow[0].json["id"]),
            code="transaction-while-asking",
            about=slow[:1],
        )
    others = [placed(http, new) for _ in range(OTHERS)]
    for order in slow:
        shows(http, order, "pending")
    left = list(others)

    def none_left() -> bool:
        left[:] = [order for order in left if state(show(http, order)) != "confirmed"]
        return not left

    eventually(
        none_left,
        tr(
            "{count} orders to be confirmed while {waiting} others wait for the provider", count=OTHERS, waiting=WAITING
        ),
        MEANWHILE,
        code="held-up",
        got=lambda: tr("{count} of them are not", count=len(left)),
        about=(order for order in [*slow[:1], *left[:1]]),
    )
    for order in slow:
        shows(http, order, "pending")
    for held in holds:
        held.release()
    for order in slow:
        ended(http, order, "confirmed")
        expect_even(stub, order, "confirmed")


@behaviour("C9")
def check_two_conductors(system, http, stub, new):
    instances = system.scale("orders", 2)
    held = stub["payment"].will(hold(), on=CHARGE)
    orders = [placed(http[instances[number % 2]], new) for number in range(CROWD)]
    eventually(
        lambda: all(asked(stub, order, "charge") for order in orders),
        tr("{count} orders to be under way with two instances", count=CROWD),
        code="never-begun",
        got=lambda: tr("{count} are", count=sum(bool(asked(stub, order, "charge")) for order in orders)),
        about=orders[:1],
    )

    def twice() -> list[Answer]:
        return [order for order in orders if len(asked(stub, order, "charge")) > 1]

    within(1.0, lambda: len(twice()) > DOUBLED)
    doubled = twice()
    expect(
        len(doubled) <= DOUBLED,
        tr("each of {count} orders is conducted by one of two instances", count=CROWD),
        got=tr(
            "{count} were charged for by both at the same time, such as {id}", count=len(doubled), id=first(doubled)
        ),
        code="conducted-twice",
        about=doubled[:1],
    )
    dead, alive = instances
    system.kill(dead)
    held.release()
    for number, order in enumerate(orders):
        when = tr("although {dead}, which took it, was killed", dead=dead) if number % 2 == 0 else ""
        ended(http[alive], order, "confirmed", when=when)
    for order in orders:
        eventually(
            lambda order=order: mails(stub, order),  # type: ignore[misc]
            tr("the mail of order {id}", id=order.json["id"]),
            code="not-mailed",
            about=[order],
        )
        expect_even(stub, order, "confirmed")
        expect_one_key(stub, order)


# -- orders and sagas


def placed(http: Http, new: Any, *, amount: int = AMOUNT, sku: str = "") -> Answer:
    answer = http.post("/orders", json={"sku": sku or new.id("sku"), "amount": amount})
    expect(
        answer.status == 202 and field(answer.json, "id") is not None and state(answer) == "pending",
        tr("POST /orders: 202 with an id and the status pending"),
        got=text(answer),
        code="order-refused",
        about=[answer],
    )
    return answer


def show(http: Http, order: Answer) -> Answer:
    return http.get(f"/orders/{order.json['id']}")


def state(answer: Answer) -> Any:
    return field(answer.json, "status")


def text(answer: Answer) -> str:
    return f"{answer}: {answer.text[:300]}"


def field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def first(orders: list[Answer]) -> str:
    return str(orders[0].json["id"]) if orders else ""


def is_so(answer: Answer, wanted: str, reason: str) -> bool:
    return answer.status == 200 and state(answer) == wanted and (field(answer.json, "reason") or "") == reason


def so(wanted: str, reason: str) -> str:
    return f"{wanted} ({reason})" if reason else wanted


def ended(http: Http, order: Answer, wanted: str, reason: str = "", *, when: str = "") -> None:
    """The order comes to this end, and its saga to its own."""
    ident = order.json["id"]
    eventually(
        lambda: is_so(show(http, order), wanted, reason),
        tr("order {id} to be {state} {when}", id=ident, state=so(wanted, reason), when=when)
        if when
        else tr("order {id} to be {state}", id=ident, state=so(wanted, reason)),
        PATIENCE,
        code=lambda: "never-ended" if state(show(http, order)) == "pending" else "ended-otherwise",
        got=lambda: f"{text(show(http, order))}; {text(http.get(f'/sagas/{ident}'))}",
        about=[order],
    )


def shows(http: Http, order: Answer, wanted: str, reason: str = "", code: str = "ended-otherwise") -> None:
    answer = show(http, order)
    expect(
        is_so(answer, wanted, reason),
        tr("order {id} is {state}", id=order.json["id"], state=so(wanted, reason)),
        got=text(answer),
        code=code,
        about=[order, answer],
    )


def shows_state(http: Http, order: Answer, wanted: str) -> None:
    eventually(
        lambda: field(http.get(f"/sagas/{order.json['id']}").json, "state") == wanted,
        tr("the saga of order {id} to be {state}", id=order.json["id"], state=wanted),
        code="saga-shown-otherwise",
        got=lambda: text(http.get(f"/sagas/{order.json['id']}")),
        about=[order],
    )


def shows_saga(http: Http, order: Answer, wanted: str, statuses: tuple[str, ...]) -> None:
    """GET /sagas/{id} tells how far it is: soon, for the last answer may just be being written down."""
    agreed = [{"name": name, "status": one} for name, one in zip(STEPS, statuses, strict=True)]

    def agrees() -> bool:
        found = http.get(f"/sagas/{order.json['id']}").json
        steps = field(found, "steps")
        return (
            field(found, "state") == wanted
            and isinstance(steps, list)
            and len(steps) == len(agreed)
            and all(
                isinstance(step, dict) and one.items() <= step.items() for step, one in zip(steps, agreed, strict=True)
            )
        )

    told_so = ", ".join(f"{name} {one}" for name, one in zip(STEPS, statuses, strict=True))
    eventually(
        agrees,
        tr("GET /sagas/{id} to show {state}: {steps}", id=order.json["id"], state=wanted, steps=told_so),
        code="saga-shown-otherwise",
        got=lambda: text(http.get(f"/sagas/{order.json['id']}")),
        about=[order],
    )


# -- the neighbours


def told(stub: Any, step: str, sku: str, deed: Any, times: int | None = None) -> None:
    """Have the step go like this for the order with this sku."""
    name, line = PLACES[step]

    def about_it(seen: Any) -> bool:
        return any(
            one.line == RESERVE and field(one.json, "sku") == sku and field(one.json, "order_id") == order_of(seen)
            for one in stub["inventory"].seen
        )

    stub[name].will(deed, on=line, where=about_it, times=times)


def refuse(stub: Any, step: str, sku: str) -> None:
    """Have the neighbour say no, as it does."""
    name, _ = PLACES[step]

    async def refused(seen: Any, _: Any) -> Any:
        return stub[name].decline(seen)

    told(stub, step, sku, refused)


def after(held: Any) -> Deed:
    """Do the work, and hold the answer."""

    async def deed(seen: Any, rest: Any) -> Any:
        reply = await rest()

        async def answered() -> Any:
            return reply

        return await held(seen, answered)

    return deed


def order_of(seen: Any) -> Any:
    """Which order a request is about: it is in the path, or in the body."""
    parts = seen.path.split("/")
    return parts[2] if len(parts) > 2 else field(seen.json, "order_id")


def asked(stub: Any, order: Answer, step: str) -> list[Any]:
    """The requests for the step."""
    name, line = PLACES[step]
    return [seen for seen in stub[name].seen if seen.matches(line) and order_of(seen) == order.json["id"]]


def mails(stub: Any, order: Answer) -> list[str]:
    return [str(mail.get("template")) for mail in stub["notify"].sent if mail.get("order_id") == order.json["id"]]


def expect_even(stub: Any, order: Answer, end: str, *, when: str = "") -> None:
    """Money, stock and mail agree with how the order has ended."""
    ident = order.json["id"]

    def found() -> tuple[int, bool, bool, list[str]]:
        made = [charge for charge in stub["payment"].charges if charge["order_id"] == ident]
        open_ = [charge for charge in made if charge["status"] == "approved"]
        stock = stub["inventory"].reservations.get(ident)
        return len(open_), stock is not None, bool(stock and stock.get("committed")), mails(stub, order)

    wanted = (1, True, True, ["order_confirmed"]) if end == "confirmed" else (0, False, False, [])
    expected = (
        tr("order {id} is confirmed: one charge, its stock committed, one mail {when}", id=ident, when=when)
        if end == "confirmed"
        else tr("order {id} is cancelled: no money kept, no stock reserved, no mail {when}", id=ident, when=when)
    )

    def instead() -> str:
        charges, reserved, committed, sent = found()
        return tr(
            "open charges: {charges}; stock: {stock}; mails: {mails}",
            charges=charges,
            stock=tr("committed") if committed else tr("reserved") if reserved else tr("none"),
            mails=", ".join(sent) or tr("none"),
        )

    def whose() -> str:
        charges, reserved, committed, _ = found()
        if charges != wanted[0]:
            return "charged-twice" if charges > 1 else "money-kept" if charges else "not-charged"
        if (reserved, committed) != wanted[1:3]:
            return "stock-kept" if reserved and end == "cancelled" else "stock-not-committed"
        return "mailed-otherwise"

    eventually(lambda: found() == wanted, expected.strip(), code=whose, got=instead, about=[order])


def expect_never(stub: Any, order: Answer, steps: Iterable[str], code: str) -> None:
    for step in steps:
        requests = asked(stub, order, step)
        expect(
            not requests,
            tr("nobody asks for {step} for order {id}", step=step, id=order.json["id"]),
            got=trn("{count} request", "{count} requests", len(requests)),
            code=code,
            about=[order],
        )


def expect_steps(stub: Any, order: Answer, steps: Iterable[str]) -> None:
    """Each step is asked for, and none before the last attempt at the one before it."""
    before, latest = "", 0.0
    for step in steps:
        requests = asked(stub, order, step)
        expect(
            requests,
            tr("{step} is asked for, for order {id}", step=step, id=order.json["id"]),
            got=tr("no such request"),
            code="step-left-out",
            about=[order],
        )
        expect(
            min(seen.at for seen in requests) >= latest,
            tr(
                "order {id}: {step} is asked for after {before} is done",
                id=order.json["id"],
                step=step,
                before=before,
            ),
            got=tr("before that"),
            code="wrong-order",
            about=[order],
        )
        before, latest = step, max(seen.at for seen in requests)


def expect_one_key(stub: Any, order: Answer) -> None:
    for step in PLACES:
        keys = Counter(seen.key for seen in asked(stub, order, step))
        wanted = f"{order.json['id']}:{step}"
        expect(
            not keys or set(keys) == {wanted},
            tr("every request for {step} has the Idempotency-Key {key}", step=step, key=wanted),
            got=", ".join(f"{count} × {key or tr('no key')}" for key, count in keys.items()),
            code="other-keys",
            about=[order],
        )


def expect_asked_as_agreed(stub: Any, order: Answer) -> None:
    """What stands in the requests, and under which ids they go."""
    ident = order.json["id"]
    bodies: dict[str, Callable[[Any], bool]] = {
        "reserve": lambda seen: field(seen.json, "sku") == order.sent["sku"],
        "charge": lambda seen: field(seen.json, "amount") == order.sent["amount"],
        "notify": lambda seen: field(seen.json, "template") == "order_confirmed",
    }
    expect_one_key(stub, order)
    for step in STEPS:
        for seen in asked(stub, order, step):
            expect(
                bodies.get(step, lambda _: True)(seen),
                tr("{step} is asked for as agreed, for order {id}", step=step, id=ident),
                got=seen.body.decode(errors="replace"),
                code="asked-otherwise",
                about=[order],
            )
            expect(
                seen.headers.get("x-request-id") == order.request_id,
                tr(
                    "{step} for order {id} has the X-Request-ID of POST /orders, {wanted}",
                    step=step,
                    id=ident,
                    wanted=order.request_id,
                ),
                got=seen.headers.get("x-request-id") or tr("no id"),
                code="request-id-lost",
                about=[order],
            )
