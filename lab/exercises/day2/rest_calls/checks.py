"""Checks of 2.2: what orders makes of everything that its neighbour can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lab.grading import Answer, Deed, Http, Stub, behaviour, drip, expect, garbage, hang, reset, status, tr, trn
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest, Wire

HANG = 4.0
ORDERS = 30
CONNECTIONS = 10


def placed(http: Http, user: object, new: New, **more: Any) -> Answer:
    items = [{"sku": new.id("sku"), "qty": 2, "price": 45_000}]
    return http.post("/orders", json={"user_id": user, "items": items}, **more)


def known(http: Http, stub: Mapping[str, Stub], new: New) -> str:
    """A user whom users knows and who has one order."""
    user = new.id("user")
    stub["users"].add(id=user, name=new.name(), email=new.email())  # type: ignore[attr-defined]
    answer = placed(http, user, new)
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("total") == 90_000,
        tr("POST /orders for {user}, whom users knows, answers 201 with the order and the total 90000", user=user),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    return user


def orders_of(http: Http, user: str) -> int:
    answer = http.get(f"/orders?user_id={user}")
    items = answer.json.get("items") if isinstance(answer.json, dict) else None
    expect(
        isinstance(items, list), tr("GET /orders?user_id= answers items"), got=answer, code="no-list", about=[answer]
    )
    return len(items or [])


def unavailable(answer: Answer, how: str, http: Http, user: str) -> None:
    """The neighbour gave no usable answer: 503, and nothing stored."""
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr("users {how}: POST /orders answers 503 users_unavailable", how=how),
        got=answer,
        code=_misreading(answer, how),
        about=[answer],
    )
    expect(
        "retry-after" in {name.lower() for name in answer.headers},
        tr("users {how}: the 503 has a Retry-After", how=how),
        got=tr("headers {headers}", headers=sorted(answer.headers)),
        code="no-retry-after",
        about=[answer],
    )
    stored = orders_of(http, user)
    expect(
        stored == 1,
        tr("users {how}: {user} still has 1 order", how=how, user=user),
        got=tr("{stored} orders", stored=stored),
        code="stored-unconfirmed",
        about=[answer],
    )


def _misreading(answer: Answer, how: str) -> str:
    match answer.status:
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
    answer = placed(http, stranger, new)
    expect(
        answer.status == 422 and answer.code == "unknown_user",
        tr("users answers 404 for {stranger}: POST /orders answers 422 unknown_user", stranger=stranger),
        got=answer,
        code="wrong-status",
        about=[answer],
    )
    stored = orders_of(http, stranger)
    expect(
        stored == 0,
        tr("no order of {stranger}", stranger=stranger),
        got=tr("{stored} orders", stored=stored),
        code="stored-unconfirmed",
        about=[answer],
    )


@behaviour("C1")
def check_every_answer_that_is_none(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    user = known(http, stub, new)
    for how, deed in {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("answers 200 with an HTML page"): garbage(b"<html><h1>Login</h1></html>", "text/html"),
        tr("answers 200 with incomplete JSON"): garbage(b'{"id": "u-1", "na', "application/json"),
        tr("answers 200 with JSON that is not a user"): garbage(b'["u-1"]', "application/json"),
        tr("resets the connection"): reset(),
    }.items():
        unavailable(told(stub, deed, lambda: placed(http, user, new)), how, http, user)


@behaviour("C1")
def check_a_neighbour_that_is_not_there(http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox) -> None:
    user = known(http, stub, new)
    with faults.on("orders->users", "refuse"):
        answer = placed(http, user, new)
    unavailable(answer, tr("refuses connections"), http, user)
    answer = placed(http, user, new)
    expect(
        answer.status == 201,
        tr("users is back: POST /orders answers 201"),
        got=answer,
        code="does-not-recover",
        about=[answer],
    )


@behaviour("C2")
def check_a_hang_is_given_up(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    limit = 4 * int(system.env("orders")["HTTP_TIMEOUT_MS"]) / 1000
    user = known(http, stub, new)
    answer = told(stub, hang(HANG), lambda: placed(http, user, new))
    expect(
        answer.seconds <= limit,
        tr(
            "users hangs for {hang:g} s: POST /orders answers within {limit:g} s (4 × HTTP_TIMEOUT_MS)",
            hang=HANG,
            limit=limit,
        ),
        got=answer,
        code="no-timeout",
        about=[answer],
    )
    unavailable(answer, tr("hangs"), http, user)


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
        back = {name.lower(): value for name, value in answer.headers.items()}.get("x-request-id")
        expect(
            back == ident,
            tr("the answer carries X-Request-ID {ident}", ident=ident),
            got=f"X-Request-ID {back}",
            code="request-id-not-returned",
            about=[answer],
        )


@behaviour("C4")
def check_no_more_calls_than_allowed(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    allowed = int(system.env("orders")["RETRY_ATTEMPTS"])
    user = known(http, stub, new)
    # No reset here: some clients (Go's) send a GET once more if a connection that they kept turns out to be dead.
    for how, deed in {tr("answers 503"): status(503), tr("hangs"): hang(HANG)}.items():
        stub["users"].forget()
        answer = told(stub, deed, lambda: placed(http, user, new))
        calls = stub["users"].count("GET /users*")
        expect(
            calls <= allowed,
            tr(
                "users {how}: one POST /orders calls users no more than RETRY_ATTEMPTS={allowed} allows",
                how=how,
                allowed=allowed,
            ),
            got=trn("{count} call", "{count} calls", calls),
            code="unasked-retries",
            about=[answer],
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


@behaviour("C6")
def check_connections_are_kept(http: Http, stub: Mapping[str, Stub], new: New, wire: Wire) -> None:
    user = known(http, stub, new)
    since = wire.mark()
    answers = [placed(http, user, new) for _ in range(ORDERS)]
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
