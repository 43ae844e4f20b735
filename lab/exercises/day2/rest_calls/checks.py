"""Checks of 2.2: what orders makes of everything that its neighbour can do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from lab.grading import (
    Answer,
    Deed,
    Http,
    Stub,
    behaviour,
    delay,
    drip,
    expect,
    garbage,
    hang,
    hold,
    reset,
    status,
    tr,
    trn,
)
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest, Wire

HANG = 4.0
SLOW = 1.0
"""Seconds that a neighbour takes who is slow, and still in time."""
PATIENT = 4000
"""The HTTP_TIMEOUT_MS with which a slow neighbour is in time, on a busy machine, too."""
AFTERWARDS = 2.0
"""Seconds after which what was refused is looked at once more."""
AT_ONCE = 6
TRIES = 5
"""On a busy machine a healthy users, too, may take longer than HTTP_TIMEOUT_MS, and 503 is right then."""
ORDERS = 30
CONNECTIONS = 10


def placed(http: Http, user: object, new: New, **more: Any) -> Answer:
    items = [{"sku": new.id("sku"), "qty": 2, "price": 45_000}]
    return http.post("/orders", json={"user_id": user, "items": items}, **more)


def in_health(http: Http, user: object, new: New) -> Answer:
    """The answer while users is healthy."""
    for _ in range(TRIES - 1):
        answer = placed(http, user, new)
        if answer.status != 503:
            return answer
    return placed(http, user, new)


def known(http: Http, stub: Mapping[str, Stub], new: New) -> str:
    """A user whom users knows and who has one order."""
    user = new.id("user")
    stub["users"].add(id=user, name=new.name(), email=new.email())  # type: ignore[attr-defined]
    answer = in_health(http, user, new)
    expect(
        answer.status == 201,
        tr("POST /orders for {user}, whom users knows, answers 201", user=user),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    return user


def orders_of(http: Http, user: str) -> list[Any]:
    answer = http.get(f"/orders?user_id={user}")
    items = answer.json.get("items") if isinstance(answer.json, dict) else None
    expect(
        isinstance(items, list), tr("GET /orders?user_id= answers items"), got=answer, code="no-list", about=[answer]
    )
    return items or []


def unchanged(http: Http, user: str, when: str, code: str, count: int = 1) -> None:
    """Nothing was stored that nobody confirmed."""
    stored = len(orders_of(http, user))
    expect(
        stored == count,
        tr("{when}: {user} has {orders}", when=when, user=user, orders=_orders(count)),
        got=_orders(stored),
        code=code,
    )


def _orders(count: int) -> str:
    return trn("{count} order", "{count} orders", count)


def unavailable(answer: Answer, how: str, http: Http, user: str) -> None:
    """The neighbour gave no usable answer: 503, and nothing stored."""
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr("users {how}: POST /orders answers 503 users_unavailable", how=how),
        got=answer,
        code=_misreading(answer, how),
        about=[answer],
    )
    said = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after")
    expect(
        said is not None,
        tr("users {how}: the 503 has a Retry-After", how=how),
        got=tr("headers {headers}", headers=sorted(answer.headers)),
        code="no-retry-after",
        about=[answer],
    )
    expect(
        said and _says_when(said),
        tr("users {how}: Retry-After is a number of seconds or a date", how=how),
        got=f"Retry-After: {said}",
        code="retry-after-says-nothing",
        about=[answer],
    )
    unchanged(http, user, tr("users {how}", how=how), "stored-unconfirmed")


def _says_when(text: str) -> bool:
    """Whether it is what RFC 9110 allows: whole seconds, or a date of HTTP."""
    if text.isascii() and text.isdigit():
        return True
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return False
    return True


def _misreading(answer: Answer, how: str) -> str:
    match answer.status:
        case 201 if tr("answers 200") in how:
            return "status-is-enough"
        case 201 if tr("answers 202") in how:
            return "any-success-is-yes"
        case 201:
            return "fail-open"
        case 404 | 422:
            return "failure-read-as-no"
        case 500:
            return "trips-over-the-body" if tr("answers 200") in how else "uncaught"
        case None:
            return "no-answer"
        case _:
            return "wrong-status"


@behaviour("C1")
def check_who_is_known_and_who_is_not(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    known(http, stub, new)
    stranger = new.id("user")
    answer = in_health(http, stranger, new)
    expect(
        answer.status == 422 and answer.code == "unknown_user",
        tr("users answers 404 for {stranger}: POST /orders answers 422 unknown_user", stranger=stranger),
        got=answer,
        code="wrong-status",
        about=[answer],
    )
    unchanged(http, stranger, tr("users answers 404"), "stored-unconfirmed", count=0)
    stub["users"].add(id=stranger, name=new.name(), email=new.email())  # type: ignore[attr-defined]
    answer = in_health(http, stranger, new)
    expect(
        answer.status == 201,
        tr("{stranger} has registered since, and users answers 200: POST /orders answers 201", stranger=stranger),
        got=answer,
        code="remembers-the-no",
        about=[answer],
    )


@behaviour("C1")
def check_an_order_is_shown(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    user = known(http, stub, new)
    made = in_health(http, user, new)
    agreed = {"user_id": user, "items": made.sent["items"], "total": 90_000, "status": "created"}
    body = made.json if isinstance(made.json, dict) else {}
    expect(
        made.status == 201 and agreed.items() <= body.items() and body.get("id") and body.get("created_at"),
        tr("POST /orders answers 201 with id, created_at and {agreed}", agreed=agreed),
        got=f"{made}: {made.text[:300]}",
        code="order-body",
        about=[made],
    )
    read = http.get(f"/orders/{body['id']}")
    expect(
        read.status == 200 and read.json == body,
        tr("GET /orders/{id} shows what POST answered", id=body["id"]),
        got=f"{read}: {read.text[:300]}",
        code="not-what-was-answered",
        about=[made, read],
    )
    listed = orders_of(http, user)
    expect(
        len(listed) == 2 and body in listed,
        tr("GET /orders?user_id={user} lists both orders of the user", user=user),
        got=listed,
        code="not-listed",
        about=[made],
    )
    missing = http.get(f"/orders/{new.id('nothing')}")
    expect(
        missing.status == 404,
        tr("GET of an order that does not exist answers 404"),
        got=missing,
        code="missing-is-not-404",
        about=[missing],
    )


@behaviour("C1")
def check_every_answer_that_is_none(http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox) -> None:
    user = known(http, stub, new)
    for how, deed in {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("answers 403"): status(403),
        tr("answers 429"): status(429),
        tr("answers 202 with a user"): status(202, json={"id": user, "name": new.name(), "email": new.email()}),
        tr("answers 200 with an HTML page"): garbage(b"<html><h1>Login</h1></html>", "text/html"),
        tr("answers 200 with incomplete JSON"): garbage(f'{{"id": "{user}", "na'.encode(), "application/json"),
        tr("answers 200 with JSON that is not a user"): garbage(b'["u-1"]', "application/json"),
        tr("answers 200 with an object that is not a user"): garbage(b'{"message": "We are moving."}'),
        tr("answers 200 with an empty body"): garbage(b""),
        tr("resets the connection"): reset(),
    }.items():
        unavailable(told(stub, deed, lambda: placed(http, user, new)), how, http, user)
    with faults.on("orders->users", "truncate 16B"):
        answer = placed(http, user, new)
    unavailable(answer, tr("answers 200 with a body that breaks off"), http, user)
    recovered(http, user, new)
    time.sleep(AFTERWARDS)
    unchanged(http, user, tr("{seconds:g} s later", seconds=AFTERWARDS), "stored-afterwards", count=2)


@behaviour("C1")
def check_a_neighbour_that_is_not_there(http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox) -> None:
    user = known(http, stub, new)
    with faults.on("orders->users", "refuse"):
        answers = [placed(http, user, new) for _ in range(AT_ONCE)]
    for answer in answers:
        unavailable(answer, tr("refuses connections"), http, user)
    recovered(http, user, new)


@behaviour("C1", start=False)
def check_nothing_is_stored_before_users_has_answered(
    http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest
) -> None:
    system.start("orders", env={"HTTP_TIMEOUT_MS": PATIENT})
    user = known(http, stub, new)
    held = stub["users"].will(hold())
    asking = threading.Thread(target=placed, args=(http, user, new))
    asking.start()
    try:
        held.wait()
        system.kill("orders")
    finally:
        stub["users"].heal()
        asking.join()
    system.start("orders")
    unchanged(
        http, user, tr("orders was killed while it was asking users, and is back"), "stored-before-users-answered"
    )


def recovered(http: Http, user: str, new: New) -> None:
    answer = in_health(http, user, new)
    expect(
        answer.status == 201,
        tr("users is back: POST /orders answers 201"),
        got=answer,
        code="does-not-recover",
        about=[answer],
    )


@behaviour("C2")
def check_a_hang_is_given_up(
    http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest, faults: FaultBox
) -> None:
    limit = 4 * int(system.env("orders")["HTTP_TIMEOUT_MS"]) / 1000
    user = known(http, stub, new)
    answer = told(stub, hang(HANG), lambda: placed(http, user, new))
    in_time(answer, tr("hangs for {hang:g} s", hang=HANG), limit)
    unavailable(answer, tr("hangs"), http, user)
    with faults.on("orders->users", "connect-hang"):
        answer = placed(http, user, new)
    in_time(answer, tr("does not accept the connection"), limit)
    unavailable(answer, tr("does not accept the connection"), http, user)
    recovered(http, user, new)


@behaviour("C2", start=False)
def check_a_slow_answer_is_waited_for(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders", env={"HTTP_TIMEOUT_MS": PATIENT})
    user = known(http, stub, new)
    answer = told(stub, delay(SLOW), lambda: placed(http, user, new))
    expect(
        answer.status == 201,
        tr(
            "HTTP_TIMEOUT_MS={patient}, users answers after {slow:g} s: POST /orders answers 201",
            patient=PATIENT,
            slow=SLOW,
        ),
        got=answer,
        code="gives-up-too-early",
        about=[answer],
    )


def in_time(answer: Answer, how: str, limit: float) -> None:
    expect(
        answer.seconds <= limit,
        tr("users {how}: POST /orders answers within {limit:g} s (4 × HTTP_TIMEOUT_MS)", how=how, limit=limit),
        got=answer,
        code="no-timeout",
        about=[answer],
    )


@behaviour("C3")
def check_the_request_id_goes_through(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    user = known(http, stub, new)
    for ident in (new.id("trace"), new.id("trace")):
        stub["users"].forget()
        answer = placed(http, user, new, headers={"X-Request-ID": ident})
        heard = [seen.headers.get("x-request-id") for seen in stub["users"].seen]
        expect(
            heard == [ident],
            tr("users is called once, with X-Request-ID {ident}", ident=ident),
            got=f"X-Request-ID {heard}",
            code="request-id-not-passed-on",
            about=[answer],
        )
        came_back(answer, ident, "request-id-not-returned")
    for how, deed in {tr("answers 404"): status(404), tr("answers 503"): status(503)}.items():
        ident = new.id("trace")
        answer = told(stub, deed, lambda ident=ident: placed(http, user, new, headers={"X-Request-ID": ident}))  # type: ignore[misc]
        came_back(answer, ident, "request-id-lost-on-errors", tr("users {how}", how=how))


@behaviour("C3")
def check_request_ids_are_not_mixed_up(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    idents = {known(http, stub, new): new.id("trace") for _ in range(AT_ONCE)}
    stub["users"].forget()
    stub["users"].will(delay(0.1))
    answers = http.at_once(
        [
            lambda user=user, ident=ident: placed(http, user, new, headers={"X-Request-ID": ident})  # type: ignore[misc]
            for user, ident in idents.items()
        ]
    )
    stub["users"].heal()
    heard = {seen.path.rpartition("/")[2]: seen.headers.get("x-request-id") for seen in stub["users"].seen}
    expect(
        heard == idents,
        tr("{count} orders at once: each asks users under its own X-Request-ID", count=AT_ONCE),
        got=tr("{heard} instead of {idents}", heard=heard, idents=idents),
        code="request-ids-mixed-up",
        about=answers[:1],
    )
    for answer, ident in zip(answers, idents.values(), strict=True):
        came_back(answer, ident, "request-ids-mixed-up")


def came_back(answer: Answer, ident: str, code: str, when: str = "") -> None:
    back = {name.lower(): value for name, value in answer.headers.items()}.get("x-request-id")
    said = tr("the answer carries X-Request-ID {ident}", ident=ident)
    expect(
        back == ident,
        f"{when}: {said}" if when else said,
        got=f"X-Request-ID {back}",
        code=code,
        about=[answer],
    )


@behaviour("C4")
def check_no_more_calls_than_allowed(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    allowed = int(system.env("orders")["RETRY_ATTEMPTS"])
    user = known(http, stub, new)
    stub["users"].forget()
    # No reset here: some clients (Go's) send a GET once more if a connection that they kept turns out to be dead.
    deeds = {
        tr("answers 503"): status(503),
        tr("answers 500"): status(500),
        tr("answers 429"): status(429, headers={"Retry-After": "0"}),
        tr("answers nonsense"): garbage(),
        tr("hangs"): hang(HANG),
    }
    answers = []
    for number, (how, deed) in enumerate(deeds.items(), 1):
        answers.append(told(stub, deed, lambda: placed(http, user, new)))
        calls = stub["users"].count("GET /users*")
        expect(
            calls <= number * allowed,
            tr(
                "users {how}: one POST /orders calls users no more than RETRY_ATTEMPTS={allowed} allows",
                how=how,
                allowed=allowed,
            ),
            got=trn("{count} call", "{count} calls", calls - (number - 1) * allowed),
            code="unasked-retries",
            about=answers[-1:],
        )
    time.sleep(AFTERWARDS)
    calls = stub["users"].count("GET /users*")
    expect(
        calls <= len(deeds) * allowed,
        tr(
            "{seconds:g} s later {count} orders have called users no more than {count} × RETRY_ATTEMPTS times",
            seconds=AFTERWARDS,
            count=len(deeds),
        ),
        got=trn("{count} call", "{count} calls", calls),
        code="retries-afterwards",
        about=answers[-1:],
    )


@behaviour("C5")
def check_a_dripping_answer_is_given_up(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    user = known(http, stub, new)
    answer = told(stub, drip(0.2), lambda: placed(http, user, new, timeout=12.0))
    expect(
        answer.seconds <= 3,
        tr("users sends one byte every 0.2 s (more than 10 s in all): POST /orders answers within 3 s"),
        got=answer,
        code="read-timeout-only",
        about=[answer],
    )
    unavailable(answer, tr("sends byte by byte"), http, user)


@behaviour("C6", start=False)
def check_connections_are_kept(
    http: Http, stub: Mapping[str, Stub], new: New, wire: Wire, system: SystemUnderTest
) -> None:
    system.start("orders", env={"HTTP_TIMEOUT_MS": PATIENT})  # what counts is connections, however long they take
    user = known(http, stub, new)
    since = wire.mark()
    answers = [in_health(http, user, new) for _ in range(ORDERS)]
    bad = [answer for answer in answers if answer.status != 201]
    expect(
        not bad,
        tr("{orders} orders answered 201", orders=ORDERS),
        got=tr("{count} were not: {bad}", count=len(bad), bad=bad[:1]),
        code="no-order",
        about=bad[:1],
    )
    used = {flow.conn for flow in wire.flows("orders->users", since=since)}
    expect(
        len(used) <= CONNECTIONS,
        tr(
            "{orders} orders in a row use at most {connections} connections to users",
            orders=ORDERS,
            connections=CONNECTIONS,
        ),
        got=tr("{count} connections", count=len(used)),
        code="connection-per-call",
        about=answers[-1:],
    )


def told(stub: Mapping[str, Stub], deed: Deed, call: Callable[[], Answer]) -> Answer:
    """What comes of the call while users does this."""
    stub["users"].will(deed)
    try:
        return call()
    finally:
        stub["users"].heal()
