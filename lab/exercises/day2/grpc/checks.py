"""Checks of 2.4: users as gRPC's clients meet it, and what orders makes of a users that speaks gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from lab.grading import (
    Answer,
    Deed,
    Http,
    Stub,
    behaviour,
    delay,
    eventually,
    expect,
    hang,
    reset,
    status,
    stays,
    tr,
    trn,
)
from lab.grading.checking.expect import CannotTell
from lab.grading.checking.fixtures import New, SystemUnderTest
from lab.grading.instruments import grpc

SERVICE = "users.v1.UserService"
GET, BATCH = f"{SERVICE}/GetUser", f"{SERVICE}/BatchGetUsers"
HEALTH = "grpc.health.v1.Health/Check"
SERVING = 1
MOST_IDS = 100
HANG = 4.0
SLOW = 1.5
"""Seconds that a neighbour takes who is slow, and still in time."""
PATIENT = 5000
"""The GRPC_TIMEOUT_MS with which a slow neighbour is in time, on a busy machine, too."""
TRIES = 5
"""On a busy machine a healthy users, too, may take longer than GRPC_TIMEOUT_MS, and 503 is right then."""
IN_A_ROW, AT_ONCE, CONNECTIONS = 30, 10, 3
PEOPLE, ORDERS = 25, 50
MOST = 2
AFTERWARDS = 0.5
"""Seconds after an answer in which calls still count as made for it."""
ROUNDED = 1.05
"""Libraries round a deadline up before they send it, to at most three digits."""


class Client:
    """Someone who registers over HTTP and looks at users over gRPC."""

    def __init__(self, http: Http, rpc: grpc.Grpc) -> None:
        self._http = http
        self._rpc = rpc

    def registered(self, new: New) -> dict[str, str]:
        email, name = new.email(), new.name()
        made = self._http.post("/users", json={"email": email, "name": name})
        user = made.json if isinstance(made.json, dict) else {}
        expect(
            made.status == 201 and user.get("id"),
            tr("POST /users answers 201 with an id, as in 2.1"),
            got=f"{made}: {made.text[:200]}",
            code="no-user",
            about=[made],
        )
        return {"id": str(user["id"]), "email": email, "name": name}

    def get(self, ident: str) -> grpc.Called:
        return self._rpc.call(GET, grpc.written([(1, ident)]))

    def batch(self, idents: list[str]) -> grpc.Called:
        return self._rpc.call(BATCH, grpc.written((1, ident.encode()) for ident in idents))

    def healthy(self, service: str) -> grpc.Called:
        return self._rpc.call(HEALTH, grpc.written([(1, service)]))

    def call(self, method: str) -> grpc.Called:
        return self._rpc.call(method)


def at(ident: str) -> str:
    """Where a user is over HTTP."""
    return f"/users/{quote(ident, safe='')}"


def user(message: grpc.Message) -> dict[str, str]:
    return {name: grpc.text(message, number) for number, name in enumerate(("id", "email", "name"), 1)}


def ends(called: grpc.Called, wanted: str, said: str) -> None:
    """The call ended with this status."""
    codes = {"UNKNOWN": "uncaught", "UNIMPLEMENTED": "not-implemented"}
    expect(called.status == wanted, said, got=called, code=codes.get(called.status, "wrong-status"))


def shows(called: grpc.Called, wanted: Mapping[str, str], when: str) -> None:
    ends(called, "OK", tr("{when}: GetUser of {id} ends with OK", when=when, id=wanted["id"]))
    expect(
        user(called.message) == wanted,
        tr("{when}: GetUser of {id} answers {user}", when=when, id=wanted["id"], user=wanted),
        got=user(called.message),
        code="wrong-user",
    )


@behaviour("C1")
def check_a_user_over_grpc(http: Http, rpc: Callable[[str], grpc.Grpc], new: New, system: SystemUnderTest) -> None:
    client = Client(http["users"], rpc("users"))
    one, other = client.registered(new), client.registered(new)
    for each in (one, other):
        shows(client.get(each["id"]), each, tr("a user was registered over HTTP"))
    for stranger in (new.id("user"), f"{one['id']}0"):
        ends(
            client.get(stranger),
            "NOT_FOUND",
            tr("GetUser of {id}, who does not exist, ends with NOT_FOUND", id=stranger),
        )
    ends(client.get(""), "INVALID_ARGUMENT", tr("GetUser without an id ends with INVALID_ARGUMENT"))
    name = new.name() + " II"
    http["users"].request("PATCH", at(one["id"]), json={"name": name})
    shows(client.get(one["id"]), {**one, "name": name}, tr("a user was renamed over HTTP"))
    http["users"].request("DELETE", at(other["id"]))
    ends(
        client.get(other["id"]),
        "NOT_FOUND",
        tr("GetUser of {id}, who was deleted over HTTP, ends with NOT_FOUND", id=other["id"]),
    )
    system.restart("users")
    shows(client.get(one["id"]), {**one, "name": name}, tr("users was restarted"))


@behaviour("C1")
def check_many_users_over_grpc(http: Http, rpc: Callable[[str], grpc.Grpc], new: New) -> None:
    client = Client(http["users"], rpc("users"))
    people = [client.registered(new) for _ in range(3)]
    client.registered(new)  # who is not asked for
    strangers = [new.id("user") for _ in range(MOST_IDS - 4)]
    asked = [people[2]["id"], *strangers, people[0]["id"], people[1]["id"], people[0]["id"]]
    batch(
        client.batch(asked),
        people,
        tr("{count} ids, one of them twice, of which three users are known", count=len(asked)),
    )
    batch(client.batch([]), [], tr("no ids"))
    for count in (MOST_IDS + 1, 3 * MOST_IDS):
        ends(
            client.batch([people[0]["id"], *(f"{number}" for number in range(1, count))]),
            "INVALID_ARGUMENT",
            tr("BatchGetUsers for {count} ids ends with INVALID_ARGUMENT", count=count),
        )
    health_and_what_there_is_not(client)


def batch(called: grpc.Called, wanted: list[dict[str, str]], when: str) -> None:
    ends(called, "OK", tr("BatchGetUsers, {when}, ends with OK", when=when))
    found = [user(one) for one in grpc.messages(called.message, 1)]
    expect(
        sorted(one["id"] for one in found) == sorted(one["id"] for one in wanted)
        and all(one in found for one in wanted),
        tr("BatchGetUsers, {when}, answers each of them once", when=when),
        got=tr("{count} users: {users}", count=len(found), users=found[:4]),
        code="wrong-batch",
    )


def health_and_what_there_is_not(client: Client) -> None:
    for service in ("", SERVICE):
        called = client.healthy(service)
        said = tr('grpc.health.v1.Health/Check of "{service}" answers SERVING', service=service)
        expect(called.status == "OK", said, got=called, code="no-health")
        state = called.message.get(1, [0])[-1]
        expect(state == SERVING, said, got=tr("the status number {number}", number=state), code="not-serving")
    for method in (f"{SERVICE}/DeleteUser", "users.v2.UserService/GetUser"):
        ends(
            client.call(method),
            "UNIMPLEMENTED",
            tr("{method}, which is not in the contract, ends with UNIMPLEMENTED", method=method),
        )


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


def known(stub: Mapping[str, Stub], new: New, name: str = "") -> str:
    """A user whom users knows."""
    ident = new.id("user")
    stub["directory"].add(id=ident, name=name or new.name(), email=new.email())  # type: ignore[attr-defined]
    return ident


def ordered(http: Http, stub: Mapping[str, Stub], user: str, new: New) -> Answer:
    """An order that must come to be, after users was asked."""
    answer = in_health(http, user, new)
    expect(
        answer.status == 201,
        tr("POST /orders for {user}, whom users knows, answers 201", user=user),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    expect(
        stub["directory"].count(f"POST /{GET}", where=lambda seen: asked_for(seen.body) == [user]),
        tr("POST /orders for {user} calls GetUser at USERS_GRPC for this user", user=user),
        got=calls_of(stub),
        code="nobody-asked",
        about=[answer],
    )
    return answer


def asked_for(body: bytes) -> list[str]:
    try:
        return grpc.texts(grpc.read(body), 1)
    except grpc.NoMessage:
        return []


def calls_of(stub: Mapping[str, Stub]) -> str:
    """What users was called with, in short."""
    seen = [f"{one.path.rpartition('/')[2]}({', '.join(asked_for(one.body)[:3])})" for one in stub["directory"].seen]
    return ", ".join(seen[-5:]) or tr("no call")


def orders_of(http: Http, user: str) -> int:
    answer = http.get(f"/orders?user_id={user}")
    items = answer.json.get("items") if isinstance(answer.json, dict) else None
    expect(
        isinstance(items, list), tr("GET /orders?user_id= answers items"), got=answer, code="no-list", about=[answer]
    )
    return len(items or [])


def refused(answer: Answer, wanted: tuple[int, str], how: str) -> None:
    """users ended the call in this way, and the client is told so."""
    number, problem = wanted
    expect(
        (answer.status, answer.code) == wanted,
        tr("users {how}: POST /orders answers {status} {problem}", how=how, status=number, problem=problem),
        got=answer,
        code=_misreading(answer, number),
        about=[answer],
    )
    if number == 503:
        headers = {name.lower() for name in answer.headers}
        expect(
            "retry-after" in headers,
            tr("users {how}: the 503 has a Retry-After", how=how),
            got=tr("headers {headers}", headers=sorted(headers)),
            code="no-retry-after",
            about=[answer],
        )


def _misreading(answer: Answer, wanted: int) -> str:
    match answer.status:
        case 201:
            return "fail-open"
        case 500:
            return "uncaught"
        case None:
            return "no-answer"
        case 503 if wanted == 422:
            return "no-read-as-failure"
        case 503:
            return "invalid-read-as-failure"
        case 422:
            return "failure-read-as-no"
        case _:
            return "wrong-answer"


UNAVAILABLE = 503, "users_unavailable"
STATUSES = {
    "NOT_FOUND": (422, "unknown_user"),
    "INVALID_ARGUMENT": (400, "invalid_user"),
    "UNAVAILABLE": UNAVAILABLE,
    "DEADLINE_EXCEEDED": UNAVAILABLE,
    "UNKNOWN": UNAVAILABLE,
    "INTERNAL": UNAVAILABLE,
    "RESOURCE_EXHAUSTED": UNAVAILABLE,
    "PERMISSION_DENIED": UNAVAILABLE,
    "UNIMPLEMENTED": UNAVAILABLE,
}


@behaviour("C2", start=False)
def check_each_status_has_its_answer(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    http, user = http["orders"], known(stub, new)
    made = ordered(http, stub, user, new)
    body = made.json if isinstance(made.json, dict) else {}
    agreed = {"user_id": user, "items": made.sent["items"], "total": 90_000, "status": "created"}
    expect(
        agreed.items() <= body.items() and body.get("id") and body.get("created_at"),
        tr("POST /orders answers 201 with id, created_at and {agreed}", agreed=agreed),
        got=f"{made}: {made.text[:300]}",
        code="order-body",
        about=[made],
    )
    stranger = new.id("user")
    refused(in_health(http, stranger, new), STATUSES["NOT_FOUND"], tr("knows no {user}", user=stranger))
    for name, wanted in STATUSES.items():
        stub["directory"].will(status(grpc.STATUSES[name]))
        trouble(http, user, new, wanted, tr("answers {status}", status=name))
        stub["directory"].heal()
    others: dict[str, Deed] = {
        tr("is behind a proxy that answers 502"): status(502),
        tr("resets the connection"): reset(),
    }
    for how, deed in others.items():
        stub["directory"].will(deed)
        trouble(http, user, new, UNAVAILABLE, how)
        stub["directory"].heal()
    eventually(
        lambda: placed(http, user, new).status == 201,
        tr("users is well again: POST /orders answers 201"),
        code="does-not-recover",
    )


def trouble(http: Http, user: str, new: New, wanted: tuple[int, str], how: str) -> None:
    before = orders_of(http, user)
    refused(placed(http, user, new), wanted, how)
    after = orders_of(http, user)
    expect(
        after == before,
        tr("users {how}: {user} has as many orders as before, {before}", how=how, user=user, before=before),
        got=trn("{count} order", "{count} orders", after),
        code="stored-unconfirmed",
    )


@behaviour("C2", start=False)
def check_every_call_has_a_deadline(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    timeout = int(system.env("orders")["GRPC_TIMEOUT_MS"])
    http, user = http["orders"], known(stub, new)
    ordered(http, stub, user, new)
    http.get("/orders?expand=user")
    for seen in stub["directory"].seen:
        bounded(grpc.time_left(seen), 2 * timeout, seen.path.rpartition("/")[2])
    limit = HANG / 2
    stub["directory"].will(hang(HANG))
    answer = placed(http, user, new)
    refused(answer, UNAVAILABLE, tr("hangs for {hang:g} s", hang=HANG))
    in_time(answer, limit)
    page = http.get("/orders?expand=user")
    in_time(page, limit)
    stub["directory"].heal()
    system.restart("orders", {"GRPC_TIMEOUT_MS": PATIENT})
    stub["directory"].will(delay(SLOW))
    stub["directory"].forget()
    slow = in_health(http, user, new)
    expect(
        slow.status == 201,
        tr(
            "users takes {seconds:g} s, and GRPC_TIMEOUT_MS is {timeout}: POST /orders answers 201",
            seconds=SLOW,
            timeout=PATIENT,
        ),
        got=slow,
        code="deadline-of-its-own",
        about=[slow],
    )


def bounded(left: float | None, most: float, method: str) -> None:
    """The caller had a deadline of at most so many milliseconds."""
    expect(
        left is not None,
        tr("orders calls {method} with a deadline", method=method),
        got=tr("a call without one: it would wait for ever"),
        code="no-deadline",
    )
    expect(
        left and left <= most * ROUNDED,
        tr("orders calls {method} with a deadline of at most {most:g} ms", method=method, most=most),
        got=tr("a deadline of {left:g} ms", left=left or 0),
        code="deadline-too-late",
    )


def in_time(answer: Answer, limit: float) -> None:
    expect(
        answer.seconds <= limit,
        tr("users hangs for {hang:g} s: {path} answers within {limit:g} s", hang=HANG, path=answer.path, limit=limit),
        got=answer,
        code="no-deadline",
        about=[answer],
    )


@behaviour("C3", start=False)
def check_users_dies_and_comes_back(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    http, user = http["orders"], known(stub, new)
    ordered(http, stub, user, new)
    pid = system.pid("orders")
    for _ in range(2):
        stub["directory"].down()
        away(http, user, new)
        stub["directory"].up()
        back(http, user, new)
    expect(
        system.pid("orders") == pid,
        tr("orders is still the same process"),
        got=tr("it was process {before} and is {now}", before=pid, now=system.pid("orders")),
        code="restarted",
    )
    stub["directory"].down()
    try:
        system.restart("orders")
    except CannotTell as reason:
        expect(
            False,
            tr("users is not there yet: orders starts, and its /readyz answers 200"),
            got=reason,
            code="needs-its-neighbour-to-start",
        )
    away(http, user, new)
    stub["directory"].up()
    back(http, user, new)


def away(http: Http, user: str, new: New) -> None:
    for _ in range(2):
        answer = placed(http, user, new)
        refused(answer, UNAVAILABLE, tr("is dead"))
        in_time(answer, HANG / 2)
    expect(
        orders_of(http, user) >= 1, tr("users is dead: GET /orders?user_id= lists the orders"), got=0, code="no-list"
    )


def back(http: Http, user: str, new: New) -> None:
    last: list[Answer] = []

    def taken() -> bool:
        last.append(placed(http, user, new))
        return last[-1].status == 201

    eventually(
        taken,
        tr("users is there again: POST /orders answers 201, within 20 s and without a restart of orders"),
        code="does-not-recover",
        got=lambda: last[-1],
    )


@behaviour("C4", start=False)
def check_calls_share_connections(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    http, user = http["orders"], known(stub, new)
    ordered(http, stub, user, new)
    stub["directory"].forget()
    for _ in range(IN_A_ROW):
        in_health(http, user, new)
    stub["directory"].will(delay(0.1))
    crowd = [threading.Thread(target=placed, args=(http, user, new)) for _ in range(AT_ONCE)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    stub["directory"].heal()
    calls, used = stub["directory"].count(f"POST /{GET}"), stub["directory"].connections
    expect(
        calls >= IN_A_ROW + AT_ONCE,
        tr("{count} orders call GetUser {count} times", count=IN_A_ROW + AT_ONCE),
        got=trn("{count} call", "{count} calls", calls),
        code="nobody-asked",
    )
    expect(
        used <= CONNECTIONS,
        tr("{count} calls of users use at most {most} connections", count=calls, most=CONNECTIONS),
        got=trn("{count} connection", "{count} connections", used),
        code="channel-per-call",
    )


def page(http: Http, stub: Mapping[str, Stub], path: str) -> list[dict[str, Any]]:
    """The orders of a page; what users is called for it stands in the stub afterwards."""
    for _ in range(TRIES):
        stub["directory"].forget()
        read = http.get(path)
        if not (isinstance(read.json, dict) and read.json.get("degraded")):
            break
    items = _items(read)
    expect(
        "degraded" not in read.json,
        tr("users is healthy: GET {path} has no degraded", path=path),
        got=tr("degraded {value}", value=read.json.get("degraded")),
        code="degraded-without-need",
        about=[read],
    )
    return items


def _items(read: Answer) -> list[dict[str, Any]]:
    items = read.json.get("items") if isinstance(read.json, dict) else None
    expect(
        read.status == 200 and isinstance(items, list) and all(isinstance(item, dict) for item in items),
        tr("GET {path} answers 200 and items", path=read.path),
        got=f"{read}: {read.text[:200]}",
        code={500: "uncaught", 503: "all-or-nothing", None: "no-answer"}.get(read.status, "no-list"),
        about=[read],
    )
    found: list[dict[str, Any]] = items or []
    return found


def names(items: list[dict[str, Any]], wanted: Mapping[str, str | None], path: str, code: str) -> None:
    wrong = [item for item in items if item.get("user", "") != _shown(item, wanted)]
    expect(
        not wrong,
        tr("GET {path} shows each order with its user: id and name, or null", path=path),
        got={str(item.get("user_id")): item.get("user", tr("no user")) for item in wrong[:3]},
        code="not-expanded" if any("user" not in item for item in wrong) else code,
    )


def _shown(item: Mapping[str, Any], wanted: Mapping[str, str | None]) -> dict[str, str] | None:
    ident = str(item.get("user_id"))
    name = wanted.get(ident)
    return {"id": ident, "name": name} if name is not None else None


def calls(stub: Mapping[str, Stub], path: str, most: int) -> None:
    stays(lambda: len(stub["directory"].seen) <= most, AFTERWARDS)
    asked = len(stub["directory"].seen)
    expect(
        asked <= most,
        tr("GET {path} makes at most {most} calls to users", path=path, most=most),
        got=trn("{count} call", "{count} calls", asked),
        code="n-plus-one",
    )


@behaviour("C5", start=False)
def check_a_page_of_many_users(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    http, path = http["orders"], f"/orders?expand=user&limit={ORDERS}"
    people: dict[str, str | None] = {}
    for number in range(PEOPLE):
        name = f"{new.name()} {number}"
        people[known(stub, new, name)] = name
    for user in [*people, *people][:ORDERS]:
        ordered(http, stub, user, new)
    items = page(http, stub, path)
    calls(stub, path, MOST)
    expect(
        len(items) == ORDERS,
        tr("GET {path} lists the {count} orders", path=path, count=ORDERS),
        got=trn("{count} order", "{count} orders", len(items)),
        code="wrong-page",
    )
    names(items, people, path, "wrong-user")
    plain = f"/orders?limit={ORDERS}"
    with_user = [item for item in page(http, stub, plain) if "user" in item]
    calls(stub, plain, 0)
    expect(
        not with_user,
        tr("GET {path}, without expand, shows orders without user", path=plain),
        got=with_user[:1],
        code="expands-by-itself",
    )
    gone = next(iter(people))
    stub["directory"].remove(gone)  # type: ignore[attr-defined]
    people[gone] = None
    names(page(http, stub, path), people, path, "gone-is-not-null")


@behaviour("C5", start=False)
def check_a_page_without_users(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    http, path, user = http["orders"], "/orders?expand=user", known(stub, new)
    ordered(http, stub, user, new)
    for how, deed in {
        tr("answers {status}", status="UNAVAILABLE"): status(grpc.STATUSES["UNAVAILABLE"]),
        tr("answers {status}", status="INTERNAL"): status(grpc.STATUSES["INTERNAL"]),
        tr("hangs for {hang:g} s", hang=HANG): hang(HANG),
    }.items():
        stub["directory"].will(deed)
        read = http.get(path)
        items = _items(read)
        expect(
            len(items) == 1 and items[0].get("user", "") is None and read.json.get("degraded") == ["users"],
            tr(
                'users {how}: GET {path} has the order with "user": null, and "degraded": ["users"]', how=how, path=path
            ),
            got=read.text[:300],
            code="not-degraded",
            about=[read],
        )
        in_time(read, HANG / 2)
        stub["directory"].heal()


@behaviour("C6", start=False)
def check_the_deadline_shrinks(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    system.start("orders")
    own = int(system.env("orders")["GRPC_TIMEOUT_MS"])
    http, user = http["orders"], known(stub, new)
    ordered(http, stub, user, new)
    for left, most in ((800, 800), (350, 350), (60_000, 2 * own)):
        stub["directory"].forget()
        headers = {"X-Deadline-Ms": str(left)}
        placed(http, user, new, headers=headers)
        http.get("/orders?expand=user", headers=headers)
        seen = stub["directory"].seen
        expect(
            {one.path for one in seen} == {f"/{GET}", f"/{BATCH}"},
            tr("with X-Deadline-Ms: {left}, orders still calls GetUser and BatchGetUsers", left=left),
            got=calls_of(stub),
            code="nobody-asked",
        )
        for one in seen:
            until(grpc.time_left(one), left, most, one.path.rpartition("/")[2])


def until(left: float | None, sent: int, most: int, method: str) -> None:
    """A client that waits for so many milliseconds does not wait for a call that may take longer."""
    expect(
        left is not None and left <= most * ROUNDED,
        tr(
            "with X-Deadline-Ms: {sent}, orders calls {method} with at most {most} ms",
            sent=sent,
            method=method,
            most=most,
        ),
        got=tr("a call without one: it would wait for ever")
        if left is None
        else tr("a deadline of {left:g} ms", left=left),
        code="deadline-begins-anew" if most == sent else "deadline-of-the-client-alone",
    )
