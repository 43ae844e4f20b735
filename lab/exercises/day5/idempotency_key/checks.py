"""Exercise 5.2: orders may be sent again under its key, whatever was lost, and is one order and one charge."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lab.grading import (
    Answer,
    Http,
    Reply,
    Rest,
    Seen,
    behaviour,
    cannot_tell,
    delay,
    expect,
    hang,
    hold,
    lost,
    status,
    stays,
    tr,
    within,
)

COPIES = 20
BUSY = 0.3
"""Seconds for which copies of a request wait for the database at the same time."""
LATE = 5.0
"""Seconds after which an answer is too late, whatever the provider does."""
PATIENCE = 15.0
"""Seconds for which a client sends its request again."""
PAUSE = 0.2
"""Seconds between its attempts."""
REMEMBERED = 3.0
"""Seconds after which a memory that is only meant for the next moment has forgotten."""
SOON = {"HTTP_TIMEOUT_MS": 500, "IDEMPOTENCY_LEASE_S": 1}
PATIENT = {"HTTP_TIMEOUT_MS": 8000, "IDEMPOTENCY_LEASE_S": 1, "IDEMPOTENCY_TTL_S": 120}
CODES = {503: "payment_unavailable", 409: "request_in_progress"}
IN_PROGRESS = 409, CODES[409]
_serial = itertools.count()


@dataclass(frozen=True)
class Wish:
    """What a user wants, under the key that their client drew for it. The amount is nobody else's, so that the
    provider's books tell whom a charge is for."""

    user: str
    key: str
    sku: str
    amount: int
    bytes: str = field(default="")

    @property
    def headers(self) -> dict[str, str]:
        return {"X-User-ID": self.user, "Idempotency-Key": self.key}

    @property
    def body(self) -> str:
        return self.bytes or json.dumps({"sku": self.sku, "amount": self.amount})

    def send(self, http: Http, timeout: float = 10.0) -> Answer:
        return http.post("/orders", content=self.body, headers=self.headers, timeout=timeout)


@behaviour("C1")
def check_a_repeated_request_gets_the_first_answer(http, stub, new, rng):
    wish = wanted(new, rng)
    first = placed(http, wish)
    expect_order(first, wish, charges(stub, wish))
    for _ in range(4):
        expect_same(first, wish.send(http))
    expect_one(http, stub, wish, first, tr("the request came five times"))
    note = new.name()
    answer = http.put(f"/orders/{order_of(first)}/note", json={"note": note}, headers=wish.headers)
    expect(
        answer.status == 200 and orders(http, wish.user)[0].get("note") == note,
        tr("PUT /orders/{order}/note writes the note", order=order_of(first)),
        got=answer,
        code="note-not-written",
        about=[answer],
    )
    expect_same(first, wish.send(http), tr("although a note was written on the order since"), code="rendered-anew")

    again = wanted(new, rng, like=wish)
    other = placed(http, again)
    expect(
        order_of(other) != order_of(first) and len(orders(http, wish.user)) == 2,
        tr("the same body under a new key is a new order"),
        got=tr("{answer}: {text}", answer=other, text=other.text[:200]),
        code="key-ignored",
        about=[other],
    )


@behaviour("C1")
def check_a_decline_is_an_answer(http, stub, new, rng):
    wish = wanted(new, rng)
    stub["payment"].will(status(402, json={"title": "Payment Required", "status": 402, "code": "declined"}), times=1)
    first = wish.send(http)
    expect(
        first.status == 402 and first.code == "payment_declined",
        tr("the provider declines: 402 payment_declined"),
        got=first,
        code="wrong-decline",
        about=[first],
    )
    for _ in range(2):  # the provider would approve by now
        expect_same(first, wish.send(http), tr("although the provider would approve it now"), code="decline-forgotten")
    expect(
        not charges(stub, wish),
        tr("what was declined is not charged when it is sent again"),
        got=tr("{count} charges", count=len(charges(stub, wish))),
        code="decline-forgotten",
        about=[wish.key],
    )


@behaviour("C2")
def check_copies_at_the_same_moment(system, http, stub, new, rng):
    instances = system.scale("orders", 2)
    wish = wanted(new, rng)
    stub["payment"].will(delay(0.4), on="POST /charges")
    answers = storm(http, instances, wish)
    expect_one_of_copies(http, stub, wish, answers, tr("while the provider took its time"))

    stub["payment"].heal()
    stub["payment"].will(delay(0.05), on="POST /charges")
    wish = wanted(new, rng)
    with ThreadPoolExecutor(1) as pool:
        with system.writing("orders"):  # all look at the same time, and none can write
            storming = pool.submit(storm, http, instances, wish)
            stays(lambda: not storming.done(), BUSY)
        answers = storming.result()
    expect_one_of_copies(http, stub, wish, answers, tr("while the database was busy"))


@behaviour("C3")
def check_a_key_belongs_to_one_request(http, stub, new, rng):
    wish = wanted(new, rng)
    first = placed(http, wish)
    before, requests = orders(http, wish.user), stub["payment"].count("POST /charges")
    for other in (
        Wish(wish.user, wish.key, wish.sku, amount(rng)),
        Wish(wish.user, wish.key, new.id("sku"), wish.amount),
    ):
        answer = other.send(http)
        expect(
            answer.status == 422 and answer.code == "idempotency_key_reused",
            tr("the key {key} with another body: 422 idempotency_key_reused", key=wish.key),
            got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
            code="body-ignored" if answer.json == first.json else "key-belongs-to-nobody",
            about=[first, answer],
        )
    expect(
        orders(http, wish.user) == before and stub["payment"].count("POST /charges") == requests,
        tr("the order that the key belongs to is as before, and nothing else was charged"),
        got=tr(
            "{count} requests to the provider; the orders: {orders}",
            count=stub["payment"].count("POST /charges") - requests,
            orders=some(orders(http, wish.user)),
        ),
        code="done-under-a-reused-key",
        about=[first],
    )
    expect_same(first, wish.send(http), tr("although another body came under its key"), code="answer-replaced")


@behaviour("C3")
def check_without_a_key_nothing_is_done(http, stub, new, rng):
    wish = wanted(new, rng)
    answer = http.post("/orders", content=wish.body, headers={"X-User-ID": wish.user})
    expect(
        answer.status == 400 and answer.code == "idempotency_key_missing",
        tr("POST /orders without an Idempotency-Key: 400 idempotency_key_missing"),
        got=answer,
        code="key-not-required",
        about=[answer],
    )
    expect_nothing(http, stub, wish, answer)


@behaviour("C4", start=False)
def check_what_was_lost_is_made_good(system, http, stub, faults, new, rng):
    system.start("orders", env=SOON)
    wish = wanted(new, rng)
    faults.add('truncate client->orders-1 0B x1 on "POST /orders"')
    unheard = wish.send(http)
    if unheard.text:
        cannot_tell(tr("the answer of orders was not lost on its way: {answer}", answer=unheard))
    last = insisted(http, wish, tr("its first answer was lost on its way to the client"), LATE)
    expect_one(http, stub, wish, last, tr("its first answer was lost on its way to the client"))

    for trouble, deed in (
        (tr("the provider charged and its answer was lost"), lost()),
        (tr("the provider answered 500 at first"), status(500)),
        (tr("the provider did not answer at first"), hang()),
    ):
        wish = wanted(new, rng)
        stub["payment"].will(deed, on="POST /charges", times=1, where=for_amount(wish))
        last = insisted(http, wish, trouble, LATE)
        expect_one(http, stub, wish, last, trouble)


@behaviour("C4", start=False)
def check_an_outage_of_the_provider_is_no_decision(system, http, stub, new, rng):
    """It lasts: whoever tries again by themselves gives up, too, and the client comes after it."""
    system.start("orders", env=SOON)
    wish = wanted(new, rng)
    stub["payment"].will(lost(), on="POST /charges")
    for _ in range(3):
        answer = wish.send(http)
        expect_fair(answer, tr("all answers of the provider are lost"))
        expect_in_time(answer, tr("all answers of the provider are lost"))
    stub["payment"].heal()
    last = insisted(http, wish, tr("the answers of the provider were lost for a while"), LATE)
    expect_one(http, stub, wish, last, tr("the answers of the provider were lost for a while"))


@behaviour("C5", start=False)
def check_killed_in_the_middle_of_a_charge(system, http, stub, new, rng):
    """One after the other, because a service may well do one thing at a time."""
    for instance in ("orders-1", "orders-2"):
        system.start(instance, env=PATIENT)
    one, other = http["orders-1"], http["orders-2"]
    done, held, silent = (wanted(new, rng) for _ in range(3))
    first = placed(one, done)
    killed = tr("its instance was killed while the provider was asked")

    with ThreadPoolExecutor(1) as pool:
        holding = stub["payment"].will(hold(), on="POST /charges", where=for_amount(held))
        broken = pool.submit(held.send, one)
        holding.wait()
        expect_others_can_order(other, wanted(new, rng))
        system.kill("orders-1")
        broken.result()
        stub["payment"].heal()
        last = insisted(other, held, killed)
        expect_one(other, stub, held, last, killed)

        system.start("orders-1", env=PATIENT)
        charging = stub["payment"].will(Silent(), on="POST /charges", where=for_amount(silent))
        broken = pool.submit(silent.send, one)
        charging.wait()
        system.kill("orders-1")
        broken.result()
        stub["payment"].heal()
        system.start("orders-1", env=PATIENT)
        last = insisted(one, silent, killed)
        expect_one(one, stub, silent, last, killed)

    stays(lambda: True, first.began + REMEMBERED - time.monotonic())
    for instance in (one, other):
        expect_same(first, done.send(instance), tr("although an instance was killed since"), code="forgot")
    expect_one(other, stub, done, first, tr("an instance was killed since"))


@behaviour("C6")
def check_an_invalid_request_leaves_its_key_well(http, stub, new, rng):
    for wrong in (
        "{not json",
        json.dumps({"amount": amount(rng)}),
        json.dumps({"sku": new.id("sku"), "amount": 0}),
        json.dumps({"sku": new.id("sku"), "amount": "12"}),
    ):
        wish = wanted(new, rng)
        answer = Wish(wish.user, wish.key, wish.sku, wish.amount, bytes=wrong).send(http)
        expect(
            answer.status in (400, 422),
            tr("POST /orders with the body {body}: 400 or 422", body=wrong),
            got=answer,
            code="invalid-accepted" if answer.outcome == "ok" else "wrong-refusal",
            about=[answer],
        )
        expect_nothing(http, stub, wish, answer)
        answer = wish.send(http)
        expect(
            answer.status in (201, 422),
            tr("the corrected body under the same key, after {body} was refused: 201 or 422", body=wrong),
            got=answer,
            code="key-used-up",
            about=[answer],
        )
        again = wanted(new, rng, like=wish)
        expect_one(http, stub, again, placed(http, again), tr("another key was used before"), alone=False)


@behaviour("C7")
def check_users_do_not_share_keys(http, stub, new, rng):
    wish = wanted(new, rng)
    theirs = Wish(new.id("user"), wish.key, wish.sku, wish.amount)
    first = placed(http, wish)
    answer = theirs.send(http)
    expect(
        answer.status == 201 and order_of(answer) != order_of(first),
        tr(
            "user {user} has the same key and body as user {other}: an order of their own",
            user=theirs.user,
            other=wish.user,
        ),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="key-of-another-user" if answer.json == first.json or answer.status == 422 else "not-charged-for-itself",
        about=[first, answer],
    )
    for user, ordered in ((wish, first), (theirs, answer)):
        expect_same(
            ordered, user.send(http), tr("although another user has the same key"), code="answer-of-another-user"
        )
        mine = [str(order.get("id")) for order in orders(http, user.user)]
        expect(
            mine == [order_of(ordered)],
            tr(
                "GET /orders shows user {user} the one order of theirs, {order}",
                user=user.user,
                order=order_of(ordered),
            ),
            got=mine,
            code="orders-mixed",
            about=[ordered],
        )
    keys = {seen.key for seen in asked(stub, wish)}
    expect(
        len(keys) == 2 and len(charges(stub, wish)) == 2,
        tr("each of the two is charged once, under a key of its own"),
        got=tr("{count} charges, keys: {keys}", count=len(charges(stub, wish)), keys=", ".join(sorted(keys))),
        code="not-charged-for-itself",
        about=[first, answer],
    )


# -- the client


def wanted(new: Any, rng: Any, like: Wish | None = None) -> Wish:
    """Something new that a user wants, or the same thing `like` another time: with a key of its own."""
    key = f'"{new.id("key")}"'
    if like is not None:
        return Wish(like.user, key, like.sku, like.amount)
    return Wish(new.id("user"), key, new.id("sku"), amount(rng))


def amount(rng: Any) -> int:
    """One that the provider approves of, and that comes only once."""
    return int(rng.randrange(10, 79)) * 1000 + next(_serial) % 1000


def placed(http: Http, wish: Wish) -> Answer:
    answer = wish.send(http)
    expect(
        answer.status == 201 and bool(order_of(answer)),
        tr("POST /orders with a new key and a good body: 201 and the order, with its id"),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="not-placed",
        about=[answer],
    )
    return answer


def storm(http: Http, instances: list[str], wish: Wish) -> list[Answer]:
    """Copies of the request at the same moment, to all instances."""
    clients = [http[instances[number % len(instances)]] for number in range(COPIES)]
    return http.at_once([partial(wish.send, client, 12.0) for client in clients])


def insisted(http: Http, wish: Wish, when: str, late: float | None = None) -> Answer:
    """The client sends its request until it is placed, and each answer on the way is a fair one."""
    until = time.monotonic() + PATIENCE
    while True:
        answer = wish.send(http)
        if late is not None:
            expect_in_time(answer, when, late)
        expect_fair(answer, when)
        if answer.status == 201:
            return answer
        expect(
            time.monotonic() < until,
            tr(
                "{when}: the client sends its request again and gets 201 within {patience:g} s",
                when=when,
                patience=PATIENCE,
            ),
            got=tr("still {answer}", answer=answer),
            code="in-progress-for-ever" if answer.status == 409 else "never-placed",
            about=[answer],
        )
        time.sleep(PAUSE)


# -- what is expected


def expect_fair(answer: Answer, when: str) -> None:
    expect(
        answer.status == 201 or (answer.status in CODES and answer.code == CODES[answer.status]),
        tr("{when}: 201, 503 payment_unavailable, or 409 request_in_progress", when=when),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="no-answer" if answer.status is None else "wrong-answer-to-a-retry",
        about=[answer],
    )


def expect_in_time(answer: Answer, when: str, late: float = LATE) -> None:
    expect(
        answer.status is not None and answer.seconds <= late,
        tr("{when}: the client has an answer within {late:g} s", when=when, late=late),
        got=answer,
        code="no-timeout",
        about=[answer],
    )


def expect_others_can_order(http: Http, wish: Wish) -> None:
    answer = wish.send(http)
    expect(
        answer.status == 201,
        tr("while the provider holds one charge, another user can order at the other instance"),
        got=answer,
        code="others-wait",
        about=[answer],
    )


def expect_same(first: Answer, later: Answer, although: str = "", code: str = "another-answer") -> None:
    expect(
        (later.status, later.json) == (first.status, first.json),
        tr("the same request gets the same answer: {status} {text}", status=first.status, text=told(first, later))
        + (f" ({although})" if although else ""),
        got=tr("{answer}: {text}", answer=later, text=told(later, first)),
        code="refused-the-second-time" if later.status == 409 else code,
        about=[first, later],
    )


def told(answer: Answer, other: Answer) -> str:
    """Of two orders only what differs."""
    if not isinstance(answer.json, dict) or not isinstance(other.json, dict) or answer.status != other.status:
        return answer.text[:200]
    return json.dumps({name: value for name, value in answer.json.items() if other.json.get(name) != value})


def expect_order(answer: Answer, wish: Wish, charged: list[dict[str, Any]]) -> None:
    """What is answered is what was wanted and paid for."""
    agreed = {"user_id": wish.user, "sku": wish.sku, "amount": wish.amount, "status": "paid"}
    if charged:
        agreed["charge_id"] = charged[0]["id"]
    expect(
        charged and all(answer.json.get(name) == value for name, value in agreed.items()) and "note" in answer.json,
        tr("the order that is answered is {agreed}, with an id and a note", agreed=json.dumps(agreed)),
        got=tr("{text}; {count} charges", text=answer.text[:200], count=len(charged)),
        code="wrong-order",
        about=[answer],
    )


def expect_one(http: Http, stub: Any, wish: Wish, answer: Answer, when: str, alone: bool = True) -> None:
    """One order of this user, one charge, one key at the provider."""
    found = [order for order in orders(http, wish.user) if order.get("amount") == wish.amount]
    mine = [order for order in found if str(order.get("id")) == order_of(answer)]
    expect(
        len(mine) == 1 and (len(found) == 1 or not alone),
        tr("one order {order}, although {when}", order=order_of(answer), when=when),
        got=tr("{count} orders: {orders}", count=len(found), orders=some(found)),
        code="ordered-twice" if len(found) > 1 else "order-missing",
        about=[answer],
    )
    of_it = [charge for charge in charges(stub, wish) if alone or str(charge["order_id"]) == order_of(answer)]
    keys = {seen.key for seen in asked(stub, wish)}
    expect(
        len(of_it) == 1 and (len(keys) == 1 or not alone),
        tr("the provider charged {amount} once, under one key, although {when}", amount=wish.amount, when=when),
        got=tr(
            "{count} charges; the keys it was asked under: {keys}",
            count=len(of_it),
            keys=", ".join(sorted(keys)) or "–",
        ),
        code="charged-twice" if len(of_it) > 1 else "other-keys" if of_it else "not-charged",
        about=[answer],
    )


def expect_one_of_copies(http: Http, stub: Any, wish: Wish, answers: list[Answer], when: str) -> None:
    count = Counter("201" if answer.status == 201 else str(answer) for answer in answers)
    odd = [answer for answer in answers if answer.status != 201 and (answer.status, answer.code) != IN_PROGRESS]
    expect(
        not odd,
        tr("{copies} copies of a request {when}: each gets 201 or 409 request_in_progress", copies=COPIES, when=when),
        got=tr("{count} others, such as {answer}", count=len(odd), answer=odd[0] if odd else ""),
        code="copies-fail",
        about=odd[:1],
    )
    good = [answer for answer in answers if answer.status == 201]
    expect(
        good,
        tr("{copies} copies of a request {when}: at least one gets 201", copies=COPIES, when=when),
        got=", ".join(sorted(count)),
        code="nobody-gets-it",
        about=answers[:1],
    )
    ids = {order_of(answer) for answer in good}
    expect(
        len(ids) == 1,
        tr("{copies} copies of a request {when}: all that get 201 get the same order", copies=COPIES, when=when),
        got=tr("{count} orders: {ids}", count=len(ids), ids=", ".join(sorted(ids)[:3])),
        code="raced",
        about=good[:2],
    )
    expect_same(good[0], wish.send(http), tr("when all copies have been answered"))
    expect_one(http, stub, wish, good[0], tr("{copies} copies came at once", copies=COPIES))


def expect_nothing(http: Http, stub: Any, wish: Wish, answer: Answer) -> None:
    expect(
        not orders(http, wish.user) and not stub["payment"].count("POST /charges", where=for_amount(wish)),
        tr("nothing is ordered or charged with a request that is refused"),
        got=tr(
            "{count} requests to the provider; the orders: {orders}",
            count=stub["payment"].count("POST /charges"),
            orders=some(orders(http, wish.user)),
        ),
        code="done-all-the-same",
        about=[answer],
    )


# -- what there is


def order_of(answer: Answer) -> str:
    """The id of the order that was answered."""
    return str(answer.json["id"]) if isinstance(answer.json, dict) and answer.json.get("id") else ""


def orders(http: Http, user: str) -> list[dict[str, Any]]:
    answer = http.get("/orders", headers={"X-User-ID": user})
    items = answer.json.get("items") if isinstance(answer.json, dict) else None
    expect(
        answer.status == 200 and isinstance(items, list) and all(isinstance(item, dict) for item in items),
        tr("GET /orders: 200 and the orders of this user under “items”"),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="no-list",
        about=[answer],
    )
    return items or []


def asked(stub: Any, wish: Wish) -> list[Seen]:
    """The requests to the provider about this amount."""
    about = for_amount(wish)
    return [seen for seen in stub["payment"].seen if seen.matches("POST /charges") and about(seen)]


def charges(stub: Any, wish: Wish) -> list[dict[str, Any]]:
    return [charge for charge in stub["payment"].charges if charge["amount"] == wish.amount]


def for_amount(wish: Wish) -> Any:
    return lambda seen: isinstance(seen.json, dict) and seen.json.get("amount") == wish.amount


def some(items: list[dict[str, Any]]) -> str:
    more = tr(" and {count} more", count=len(items) - 2) if len(items) > 2 else ""
    return (", ".join(json.dumps(item, ensure_ascii=False) for item in items[:2]) or "–") + more


class Silent:
    """The provider does its work, and keeps the answer to itself until the caller has gone."""

    def __init__(self) -> None:
        self._worked = False

    async def __call__(self, _: Seen, rest: Rest, /) -> Reply | None:
        reply = await rest()
        self._worked = True
        await asyncio.sleep(60)
        return reply

    def wait(self) -> None:
        expect(
            within(10.0, lambda: self._worked),
            tr("a request to the provider"),
            got=tr("none came within 10 s"),
            code="never-arrived",
        )
