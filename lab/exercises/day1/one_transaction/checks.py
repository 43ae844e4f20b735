"""Checks of 1.3: money that many want at the same moment, and a shop that dies or is refused in the middle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab.grading import Answer, Http, behaviour, expect, tr, within
from lab.grading.checking.fixtures import New, SystemUnderTest

START = 1000
PRICE = 100
ORDERS = 20
AFFORDED = START // PRICE
DEPOSIT = 50
TRIES = 10
"""So often a client asks that is told to come again."""
PATIENT = 25.0
HELD = 0.5
"""Seconds for which somebody else writes to the database, while all those come who want to write next. Who decides by
what it has read before decides wrongly then."""
LOCKED = 1.0
BURST = 40
PAID = 20
"""So many payments are answered when a burst is killed."""

Call = Callable[[], Answer]


def register(http: Http, new: New) -> str:
    answer = http.post("/users", json={"email": new.email(), "name": new.name()})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and isinstance(answer.json.get("id"), str),
        tr("POST /users with an e-mail and a name answers 201 with the user and its id"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-user",
        about=[answer],
    )
    return str(answer.json["id"])


def order(http: Http, user: str, new: New, price: int = PRICE) -> str:
    items = [{"sku": new.id("sku"), "qty": 1, "price": price}]
    answer = http.post("/orders", json={"user_id": user, "items": items})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and isinstance(answer.json.get("id"), str),
        tr("POST /orders for a known user answers 201 with the order and its id"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    return str(answer.json["id"])


def rich(http: Http, new: New, amount: int = START) -> str:
    """A user with so much money."""
    user = register(http, new)
    answer = patient(lambda: deposit(http, user, amount))
    expect(
        answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("balance") == amount,
        tr(
            'POST /users/{user}/deposit with {{"amount": {amount}}} answers 200 {{"balance": {amount}}}',
            user=user,
            amount=amount,
        ),
        got=f"{answer}: {answer.text[:200]}",
        code="no-deposit",
        about=[answer],
    )
    return user


def deposit(http: Http, user: str, amount: object) -> Answer:
    return http.post(f"/users/{user}/deposit", json={"amount": amount}, timeout=PATIENT)


def pay(http: Http, ident: str) -> Answer:
    return http.post(f"/orders/{ident}/pay", timeout=PATIENT)


def patient(call: Call) -> Answer:
    """Ask again when told to come again, as was agreed."""
    for _ in range(TRIES):
        answer = call()
        if answer.status != 503 or "retry-after" not in answer.headers:
            return answer
        told = answer.headers["retry-after"]
        time.sleep(min(float(told), 1.0) if told.isdecimal() else 1.0)  # the time is theirs to say
    return answer


def balance(http: Http, user: str) -> int:
    answer = patient(lambda: http.get(f"/users/{user}/balance"))
    found = answer.json.get("balance") if isinstance(answer.json, dict) else None
    expect(
        answer.status == 200 and isinstance(found, int) and not isinstance(found, bool),
        tr("GET /users/{user}/balance answers 200 with a balance that is a whole number", user=user),
        got=f"{answer}: {answer.text[:200]}",
        code="no-balance",
        about=[answer],
    )
    return int(found or 0)


def is_paid(http: Http, ident: str) -> bool:
    answer = patient(lambda: http.get(f"/orders/{ident}"))
    found = answer.json.get("status") if isinstance(answer.json, dict) else None
    expect(
        answer.status == 200 and found in ("created", "paid"),
        tr('GET /orders/{id} answers 200 with the status "created" or "paid"', id=ident),
        got=f"{answer}: {answer.text[:200]}",
        code="no-status",
        about=[answer],
    )
    return bool(found == "paid")


def rush(
    calls: Sequence[Call],
    busy: SystemUnderTest | None = None,
    held: float = HELD,
    ask: Callable[[Call], Answer] = patient,
) -> tuple[list[Answer], list[Answer]]:
    """Make all calls at the same moment. If the database is to be busy, somebody else writes to it while they come.

    Returns the answers, and those of them that came while nobody could write.
    """
    with ThreadPoolExecutor(len(calls)) as pool:
        if busy is None:
            return list(pool.map(ask, calls)), []
        with busy.writing("shop") as alone:
            flying = [pool.submit(ask, call) for call in calls]
            if alone:
                within(held, lambda: all(one.done() for one in flying))
            early = [one.result() for one in flying if alone and one.done()]
        return [one.result() for one in flying], early


def tally(answers: Sequence[Answer]) -> dict[str, int]:
    """How many of which answer: `{"200": 10, "409 insufficient_funds": 10}`."""
    return dict(
        Counter(
            f"{answer.status} {answer.code}".strip() if answer.status is not None else answer.error
            for answer in answers
        )
    )


def in_words(told: dict[str, int]) -> str:
    return ", ".join(f"{count} × {answer}" for answer, count in told.items())


def broken(answers: Sequence[Answer]) -> int:
    """How many came to nothing: whether that may be is another behaviour's matter."""
    return sum(answer.status is None or answer.status >= 500 for answer in answers)


def settled(http: Http, user: str, idents: Sequence[str], answers: Sequence[Answer], code: str) -> None:
    """A purse of START, and orders of PRICE that were all paid at the same moment."""
    left, paid = balance(http, user), sum(is_paid(http, ident) for ident in idents)
    told, lost = tally(answers), broken(answers)
    said = tr(
        "{orders} orders of {price}, paid at the same moment from a balance of {start}",
        orders=len(idents),
        price=PRICE,
        start=START,
    )
    got = tr("{told}; {paid} orders are paid, the balance is {left}", told=in_words(told), paid=paid, left=left)
    about = [answer for answer in answers if answer.status == 200][:2]
    expect(
        left == START - PRICE * paid and left >= 0,
        tr("{said}: what is paid is missing from the balance, and no more than that", said=said),
        got=got,
        code=code,
        about=about,
    )
    right = told.get("200", 0) == AFFORDED == paid and told.get("409 insufficient_funds", 0) == len(idents) - AFFORDED
    expect(
        right or (lost and paid - lost <= told.get("200", 0) <= paid),
        tr("{said}: {count} × 200, {others} × 409 insufficient_funds", said=said, count=AFFORDED, others=AFFORDED),
        got=got,
        code=f"{code}-answers",
        about=about,
    )


def paid_once(http: Http, user: str, ident: str, answers: Sequence[Answer], code: str) -> None:
    left, told, lost = balance(http, user), tally(answers), broken(answers)
    said = tr(
        "order {id} of {price}, paid {times} times at the same moment from a balance of {start}",
        id=ident,
        price=PRICE,
        times=len(answers),
        start=START,
    )
    got = tr("{told}; the balance is {left}", told=in_words(told), left=left)
    about = [answer for answer in answers if answer.status == 200][:2]
    right = told.get("200", 0) == 1 and told.get("409 already_paid", 0) == len(answers) - 1 and is_paid(http, ident)
    expect(
        left == START - PRICE or (lost and left == START and not is_paid(http, ident)),
        tr("{said}: {price} are missing from it afterwards", said=said, price=PRICE),
        got=got,
        code=code,
        about=about,
    )
    expect(
        right or (lost and told.get("200", 0) <= 1),
        tr("{said}: 1 × 200, {others} × 409 already_paid", said=said, others=len(answers) - 1),
        got=got,
        code=f"{code}-answers",
        about=about,
    )


def refused(answer: Answer, status: int, code: str, what: str, failure: str) -> None:
    expect(
        answer.status == status and answer.code == code,
        f"{what}: {status} {code}".rstrip(),
        got=answer,
        code=failure,
        about=[answer],
    )


@behaviour("C1")
def check_one_after_the_other(http: Http, new: New) -> None:
    user = register(http, new)
    expect(
        balance(http, user) == 0,
        tr("a new user has a balance of 0"),
        got=balance(http, user),
        code="born-rich",
    )
    other = rich(http, new)
    one, two, dropped = (order(http, user, new, price) for price in (70, 60, 10))
    refused(pay(http, one), 409, "insufficient_funds", tr("an order of 70 from a balance of 0"), "on-credit")
    deposit(http, user, 30)
    deposit(http, user, 70)
    expect(
        balance(http, user) == START // 10,
        tr("after deposits of 30 and 70 the balance is 100"),
        got=balance(http, user),
        code="no-deposit",
    )
    paid = pay(http, one)
    expect(
        paid.status == 200 and isinstance(paid.json, dict) and paid.json.get("status") == "paid",
        tr('POST /orders/{id}/pay answers 200 with the status "paid"', id=one),
        got=f"{paid}: {paid.text[:200]}",
        code="no-payment",
        about=[paid],
    )
    expect(
        balance(http, user) == 30 and is_paid(http, one),
        tr("after an order of 70 was paid from 100 the balance is 30, and the order is paid"),
        got=tr("balance {left}", left=balance(http, user)),
        code="no-debit",
        about=[paid],
    )
    refused(pay(http, one), 409, "already_paid", tr("the same order again"), "paid-again")
    refused(pay(http, two), 409, "insufficient_funds", tr("an order of 60 from a balance of 30"), "on-credit")
    http.patch(f"/orders/{dropped}", json={"status": "cancelled"})
    refused(pay(http, dropped), 409, "order_cancelled", tr("an order that is cancelled"), "pays-the-cancelled")
    expect(
        (balance(http, user), balance(http, other)) == (30, START),
        tr("nothing of that has changed a balance: 30, and {start} of somebody else", start=START),
        got=f"{balance(http, user)}, {balance(http, other)}",
        code="wrong-purse",
    )
    for amount in (0, -5, 1.5, "7", None):
        answer = deposit(http, user, amount)
        expect(
            answer.status in (400, 422),
            tr("a deposit of {amount} is refused with 400 or 422", amount=repr(amount)),
            got=answer,
            code="odd-deposit",
            about=[answer],
        )
    nobody = new.id("nobody")
    for answer in (deposit(http, nobody, 5), http.get(f"/users/{nobody}/balance"), pay(http, nobody)):
        expect(
            answer.status == 404,
            tr("{method} {path}, which does not exist: 404", method=answer.method, path=answer.path),
            got=answer,
            code="missing-is-not-404",
            about=[answer],
        )


@behaviour("C1")
def check_deposits_at_once(http: Http, new: New, system: SystemUnderTest) -> None:
    for busy in (None, system):
        user = register(http, new)
        calls: list[Call] = [partial(deposit, http, user, DEPOSIT)] * ORDERS
        answers, _ = rush(calls, busy)
        done, left = tally(answers).get("200", 0), balance(http, user)
        expect(
            DEPOSIT * done <= left <= DEPOSIT * (done + broken(answers)) and done + broken(answers) == ORDERS,
            tr(
                "{orders} deposits of {amount} at the same moment: {orders} × 200, and the balance is {sum}",
                orders=ORDERS,
                amount=DEPOSIT,
                sum=ORDERS * DEPOSIT,
            ),
            got=tr("{told}; the balance is {left}", told=in_words(tally(answers)), left=left),
            code="lost-deposit",
            about=answers[:1],
        )


@behaviour("C1")
def check_twenty_orders_at_once(http: Http, new: New, system: SystemUnderTest) -> None:
    for busy in (None, system):
        user = rich(http, new)
        idents = [order(http, user, new) for _ in range(ORDERS)]
        answers, _ = rush([partial(pay, http, ident) for ident in idents], busy)
        settled(http, user, idents, answers, "lost-update")


@behaviour("C2")
def check_one_order_many_times(http: Http, new: New, system: SystemUnderTest) -> None:
    for busy in (None, system):
        user = rich(http, new)
        ident = order(http, user, new)
        answers, _ = rush([partial(pay, http, ident)] * ORDERS, busy)
        paid_once(http, user, ident, answers, "paid-twice")


@behaviour("C3")
def check_two_instances(http: Http, new: New, system: SystemUnderTest) -> None:
    instances = [http[name] for name in system.scale("shop", 2)]
    for busy in (None, system):
        user = rich(http, new)
        idents = [order(http, user, new) for _ in range(ORDERS)]
        calls: list[Call] = [partial(pay, instances[number % 2], ident) for number, ident in enumerate(idents)]
        answers, _ = rush(calls, busy)
        settled(http, user, idents, answers, "lost-between-instances")
    user = rich(http, new)
    ident = order(http, user, new)
    answers, _ = rush([partial(pay, where, ident) for where in instances * (ORDERS // 2)], system)
    paid_once(http, user, ident, answers, "twice-between-instances")


@behaviour("C4")
def check_a_write_that_fails(http: Http, new: New, system: SystemUnderTest) -> None:
    for table in system.tables("shop"):
        user = rich(http, new)
        ident = order(http, user, new)
        with system.refusing_writes("shop", table) as refusing:
            if not refusing:
                continue
            answer = pay(http, ident)
        left, paid = balance(http, user), is_paid(http, ident)
        expect(
            left == START - PRICE * paid and (answer.status != 200 or paid),
            tr(
                "while the database refuses all changes of the table {table}, order {id} of {price} is paid from "
                "{start} wholly or not at all",
                table=table,
                id=ident,
                price=PRICE,
                start=START,
            ),
            got=tr(
                "{answer}; the order is {status}, the balance is {left}",
                answer=answer,
                status="paid" if paid else "created",
                left=left,
            ),
            code="half-paid",
            about=[answer],
        )


@behaviour("C4")
def check_a_kill_in_a_burst(http: Http, new: New, system: SystemUnderTest) -> None:
    user = rich(http, new, PRICE * BURST)
    idents = [order(http, user, new) for _ in range(BURST)]
    with ThreadPoolExecutor(BURST) as pool:
        flying = [pool.submit(pay, http, ident) for ident in idents]
        within(10.0, lambda: sum(one.done() for one in flying) >= PAID)
        system.kill("shop")
        answers = [one.result() for one in flying]
    system.start("shop")
    paid = {ident for ident in idents if is_paid(http, ident)}
    left = balance(http, user)
    expect(
        left == PRICE * (BURST - len(paid)),
        tr(
            "SIGKILL in the middle of {burst} payments of {price}, then a start: what is paid is missing from the "
            "balance of {start}, and no more than that",
            burst=BURST,
            price=PRICE,
            start=PRICE * BURST,
        ),
        got=tr("{paid} orders are paid, the balance is {left}", paid=len(paid), left=left),
        code="half-paid-at-kill",
    )
    promised = {ident for ident, answer in zip(idents, answers, strict=True) if answer.status == 200}
    expect(
        promised <= paid,
        tr(
            "after SIGKILL and a start every order whose payment was answered with 200 is paid: {count}",
            count=len(promised),
        ),
        got=tr("not paid: {missing}", missing=", ".join(sorted(promised - paid)[:3])),
        code="payment-lost-at-kill",
        about=sorted(promised - paid)[:1],
    )


@behaviour("C4")
def check_no_answer_before_it_is_stored(http: Http, new: New, system: SystemUnderTest) -> None:
    user = rich(http, new)
    calls: list[Call] = [partial(pay, http, order(http, user, new)) for _ in range(2)]
    _, early = rush([*calls, partial(deposit, http, user, DEPOSIT)], system, LOCKED)
    hasty = [answer for answer in early if answer.status == 200]
    expect(
        not hasty,
        tr("while somebody else writes to the database and nothing can be stored, nothing is answered with 200"),
        got=", ".join(map(str, hasty)),
        code="answers-first",
        about=hasty[:1],
    )


@behaviour("C5")
def check_nobody_gets_a_500(http: Http, new: New, system: SystemUnderTest) -> None:
    instances = [http[name] for name in system.scale("shop", 2)]
    user = rich(http, new)
    for busy in (None, system):
        idents = [order(http, user, new) for _ in range(ORDERS)]
        calls: list[Call] = [partial(pay, instances[number % 2], ident) for number, ident in enumerate(idents)]
        calls += [partial(deposit, where, user, DEPOSIT) for where in instances]
        answers, _ = rush(calls, busy, LOCKED, ask=lambda call: call())
        for answer in answers:
            orderly(answer)


def orderly(answer: Answer) -> None:
    expect(
        answer.status is not None and (answer.status < 500 or answer.status == 503),
        tr("many who write at the same moment are answered, or are told 503 to come again, but never another 5xx"),
        got=answer,
        code="locked-is-500" if answer.status is not None else "no-answer",
        about=[answer],
    )
    expect(
        answer.status != 503 or "retry-after" in answer.headers,
        tr("a 503 says in Retry-After when to come again"),
        got=answer,
        code="503-without-retry-after",
        about=[answer],
    )
