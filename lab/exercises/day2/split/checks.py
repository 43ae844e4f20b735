"""Checks of 2.1: the shop from outside, then each half alone, without the other, and beside another release of it."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from lab.grading import Answer, Http, Stub, behaviour, eventually, expect, tr, within
from lab.grading.checking.expect import CannotTell
from lab.grading.checking.fixtures import New, SystemUnderTest, Wire

RIVALS = 20
USERS = 12
PAGE = 5
MANY = 30
"""Users of one question: more than a page has if nobody says how long it is to be."""
READS = 20
PAUSE = 0.1
"""Seconds between two requests of the traffic: ten a second."""
RESTARTS = 2
REFUSED, OUTAGE = 4, 3.0
"""Orders that are answered while users is away, and the seconds that they may take for it."""
TRIES = 5
"""On a busy machine a healthy users, too, may take longer than orders waits for it, and 503 is right then."""
RECOVERY = 20.0
"""Seconds within which orders takes orders again."""
LINK, ASKED = "orders->users", "* /users*"


def both(system: SystemUnderTest) -> None:
    """One after the other: that orders needs nobody to start is the subject of C4 only."""
    system.start("users")
    system.start("orders")


def at(path: str, ident: object) -> str:
    """The path of this id, whatever characters are in it."""
    return path + quote(str(ident), safe="")


def register(http: Http, new: New) -> Answer:
    """A user who must come to be; everything else of the check stands on it."""
    answer = http["users"].post("/users", json={"email": new.email(), "name": new.name()})
    body = answer.json if isinstance(answer.json, dict) else {}
    expect(
        answer.status == 201
        and isinstance(body.get("id"), str)
        and answer.sent.items() <= body.items()
        and body.get("created_at"),
        tr("POST /users with an e-mail and a name answers 201 with id, email, name and created_at"),
        got=f"{answer} {answer.text[:200]}",
        code="no-user",
        about=[answer],
    )
    return answer


def basket(rng: random.Random, new: New) -> list[dict[str, Any]]:
    return [
        {"sku": new.id("sku"), "qty": rng.randint(1, 9), "price": rng.randint(1, 90) * 1000}
        for _ in range(rng.randint(1, 4))
    ]


def placed(http: Http, user: object, items: list[dict[str, Any]]) -> Answer:
    return http["orders"].post("/orders", json={"user_id": user, "items": items})


def in_health(http: Http, user: object, items: list[dict[str, Any]]) -> Answer:
    """The answer while users is healthy."""
    for _ in range(TRIES - 1):
        answer = placed(http, user, items)
        if answer.status != 503:
            return answer
    return placed(http, user, items)


def order(http: Http, user: object, items: list[dict[str, Any]], code: str = "no-order", when: str = "") -> Answer:
    """An order that must come to be, with the total that the server has computed."""
    total = sum(item["qty"] * item["price"] for item in items)
    answer = in_health(http, user, items)
    body = answer.json if isinstance(answer.json, dict) else {}
    agreed = {"user_id": user, "items": items, "total": total, "status": "created"}
    said = tr("POST /orders answers 201 with id, created_at and {agreed}", agreed=agreed)
    expect(
        answer.status == 201
        and isinstance(body.get("id"), str)
        and body.get("created_at")
        and agreed.items() <= {**body, "items": bare(body.get("items"))}.items(),
        f"{when}: {said}" if when else said,
        got=f"{answer} {answer.text[:200]}",
        code=code,
        about=[answer],
    )
    return answer


def bare(items: object) -> object:
    """The agreed fields of the items; others may stand beside them."""
    if not (isinstance(items, list) and all(isinstance(item, dict) for item in items)):
        return items
    return [{name: item.get(name) for name in ("sku", "qty", "price")} for item in items]


def answers(answer: Answer, status: int, code: str, problem: str = "", what: str = "") -> None:
    expect(
        answer.status == status and (not problem or answer.code == problem),
        f"{what or f'{answer.method} {answer.path}'}: {status} {problem}".rstrip(),
        got=answer,
        code=code,
        about=[answer],
    )


def same(read: Answer, made: Answer, code: str = "not-what-was-answered", when: str = "") -> None:
    said = tr("GET {path} shows what was answered before: {json}", path=read.path, json=made.json)
    expect(
        read.status == 200 and read.json == made.json,
        f"{when}: {said}" if when else said,
        got=f"{read}: {read.text[:300]}",
        code=code,
        about=[made, read],
    )


def items_of(answer: Answer) -> list[Any]:
    listed = answer.json.get("items") if isinstance(answer.json, dict) else None
    expect(
        isinstance(listed, list) and all(isinstance(item, dict) for item in listed),
        tr("GET {path} answers items", path=answer.path),
        got=answer,
        code="no-list",
        about=[answer],
    )
    return listed or []


def pages(http: Http, path: str, most: int) -> Iterator[list[Any]]:
    """The pages of a list, at most so many."""
    cursor = ""
    for _ in range(most):
        page = http.get(f"{path}limit={PAGE}{cursor}")
        yield items_of(page)
        following = page.json.get("next_cursor")
        if not following:
            return
        cursor = at("&cursor=", following)


@behaviour("C1", start=False)
def check_users_live_as_before(http: Http, new: New, system: SystemUnderTest) -> None:
    both(system)
    users = http["users"]
    made = register(http, new)
    path = at("/users/", made.json["id"])
    same(users.get(path), made)
    renamed = users.patch(path, json={"name": new.name()})
    answers(renamed, 200, "patch")
    same(users.get(path), renamed)
    taken = users.post("/users", json={"email": made.sent["email"], "name": new.name()})
    answers(taken, 409, "email-not-unique", "email_taken", tr("POST /users with an e-mail that is taken"))
    for what, body in (
        (tr("no name"), {"email": new.email()}),
        (tr("a number for a name"), {"email": new.email(), "name": 7}),
    ):
        refused(users.post("/users", json=body), what)
    answers(users.delete(path), 204, "delete")
    answers(users.get(path), 404, "missing-is-not-404")
    everybody_once(http, new)
    email = new.email()
    calls: list[Callable[[], Answer]] = [
        lambda: users.post("/users", json={"email": email, "name": new.name()}) for _ in range(RIVALS)
    ]
    tried = http.at_once(calls)
    counted = Counter(f"{answer.status} {answer.code}".strip() for answer in tried)
    expect(
        sum(answer.status == 201 for answer in tried) == 1 and counted["409 email_taken"] == RIVALS - 1,
        tr(
            "{rivals} registrations of {email} at the same moment: 1 × 201, {losers} × 409 email_taken",
            rivals=RIVALS,
            email=email,
            losers=RIVALS - 1,
        ),
        got=dict(counted),
        code="registered-twice",
    )


def everybody_once(http: Http, new: New) -> None:
    made = [register(http, new).json["id"] for _ in range(USERS)]
    shown = list(pages(http["users"], "/users?", USERS))
    seen = [user.get("id") for page in shown for user in page]
    expect(
        Counter(seen) == Counter(made) and max(map(len, shown)) <= PAGE,
        tr("{users} users in pages of {page}: each of them once", users=USERS, page=PAGE),
        got=tr(
            "{count} shown, {different} different, at most {longest} on a page",
            count=len(seen),
            different=len(set(seen)),
            longest=max(map(len, shown)),
        ),
        code="page-shift",
    )


@behaviour("C1", start=False)
def check_orders_live_as_before(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    both(system)
    orders, user, other = http["orders"], register(http, new).json["id"], register(http, new).json["id"]
    bought = order(http, user, basket(rng, new))
    path = at("/orders/", bought.json["id"])
    same(orders.get(path), bought)
    order(http, other, basket(rng, new))
    more = [order(http, user, basket(rng, new)) for _ in range(PAGE)]
    theirs = [one for page in pages(orders, at("/orders?user_id=", user) + "&", USERS) for one in page]
    expect(
        Counter(one.get("id") for one in theirs) == Counter(made.json["id"] for made in (bought, *more)),
        tr("GET /orders?user_id={user} lists each order of this user once, and none of others", user=user),
        got=[one.get("id") for one in theirs],
        code="not-listed",
    )
    cancelled = orders.patch(path, json={"status": "cancelled"})
    answers(cancelled, 200, "cancel")
    same(orders.get(path), cancelled)
    answers(orders.delete(path), 204, "delete")
    answers(orders.get(path), 404, "missing-is-not-404")
    answers(orders.patch(path, json={"status": "cancelled"}), 404, "missing-is-not-404")
    good = {"sku": new.id("sku"), "qty": 2, "price": 1000}
    for what, body in (
        (tr("no items"), {"user_id": user, "items": []}),
        (tr("qty 0"), {"user_id": user, "items": [{**good, "qty": 0}]}),
        (tr("a negative price"), {"user_id": user, "items": [{**good, "price": -1}]}),
    ):
        refused(orders.post("/orders", json=body), what)
    refused(orders.post("/orders", content=b"two apples, please"), tr("text that is not JSON"))
    lie = orders.post("/orders", json={"user_id": user, "items": [good], "total": 1})
    expect(
        lie.status in (400, 422, 503) or (isinstance(lie.json, dict) and lie.json.get("total") == 2000),
        tr("an order of 2 × 1000 UZS costs 2000 UZS, although the client said 1"),
        got=f"{lie} {lie.text[:200]}",
        code="trusts-the-clients-total",
        about=[lie],
    )
    strangers(http, new, rng, other)


def refused(answer: Answer, what: str) -> None:
    expect(
        answer.status is not None and 400 <= answer.status < 500,
        tr("POST {path} with {what} is refused with a 4xx", path=answer.path, what=what),
        got=answer,
        code="bad-input",
        about=[answer],
    )


def strangers(http: Http, new: New, rng: random.Random, user: str) -> None:
    """Nobody has this id, or nobody has it any more. `user` has orders."""
    stranger = in_health(http, new.id("nobody"), basket(rng, new))
    answers(stranger, 422, "unknown-user", "unknown_user", tr("POST /orders for a user who never was"))
    before = http["orders"].get(at("/orders?user_id=", user))
    gone = http["users"].delete(at("/users/", user))
    answers(gone, 204, "knows-of-orders", what=tr("DELETE of a user who has an order"))
    after = http["orders"].get(at("/orders?user_id=", user))
    expect(
        items_of(after) == items_of(before),
        tr("the user was deleted: GET {path} lists what it listed before", path=after.path),
        got=f"{after}: {after.text[:200]}",
        code="orders-went-with-the-user",
        about=[after],
    )
    deleted = in_health(http, user, basket(rng, new))
    answers(deleted, 422, "unknown-user", "unknown_user", tr("POST /orders for a deleted user"))


@behaviour("C1", start=False)
def check_these_users(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    both(system)
    made = [register(http, new).json for _ in range(MANY)]
    some = rng.sample(made, 3)
    gone = made.pop()
    answers(http["users"].delete(at("/users/", gone["id"])), 204, "delete")
    some = [user for user in some if user != gone]
    stranger = new.id("nobody")
    these(http, [user["id"] for user in some], some)
    these(http, [stranger, *(user["id"] for user in some), gone["id"]], some)
    these(http, [user["id"] for user in some], some, between="%2C")
    these(http, [user["id"] for user in made], made)
    these(http, [stranger], [])
    these(http, [], [])


def these(http: Http, ids: list[str], known: list[Any], between: str = ",") -> None:
    asked = between.join(at("", ident) for ident in ids)
    answer = http["users"].get(f"/users?ids={asked}")
    found = items_of(answer)
    expect(
        Counter(str(user.get("id")) for user in found) == Counter(user["id"] for user in known),
        tr(
            "GET /users?ids= with {count} ids, {known} of them known, answers these users, each once, on one page",
            count=len(ids),
            known=len(known),
        ),
        got=tr("{count} users: {text}", count=len(found), text=answer.text[:200]),
        code="all-instead-of-none" if not ids else "not-these-users",
        about=[answer],
    )
    expect(
        all(user in found for user in known),
        tr("GET /users?ids= shows each user as a GET of this user does"),
        got=answer.text[:300],
        code="other-fields",
        about=[answer],
    )


@behaviour("C1", start=False)
def check_both_survive_a_restart(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    both(system)
    user = register(http, new)
    bought = order(http, user.json["id"], basket(rng, new))
    for service in ("users", "orders"):
        system.stop(service)
        system.start(service)
    same(http["users"].get(at("/users/", user.json["id"])), user, "lost-at-restart", tr("after a restart"))
    same(http["orders"].get(at("/orders/", bought.json["id"])), bought, "lost-at-restart", tr("after a restart"))
    order(http, user.json["id"], basket(rng, new), "lost-at-restart", tr("after a restart"))


@behaviour("C2", start=False)
def check_orders_without_users(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    """The learner's users was never started: there is no file of its own to look into."""
    orders = http["orders"]
    system.start("orders", env=played(stub))
    for user in (new.id("user"), str(uuid.UUID(int=rng.getrandbits(128), version=4)), f"00{rng.randrange(10**6)}"):
        known(stub, user, new)
        stub["successor"].forget()
        bought = order(
            http, user, basket(rng, new), "looks-elsewhere", tr("users is the lab’s, and knows {user}", user=user)
        )
        asked = stub["successor"].count(f"GET /users/{user}")
        expect(
            asked >= 1,
            tr("POST /orders for {user} asks USERS_URL about this user", user=user),
            got=tr("{asked} requests for that, and the order was created", asked=asked),
            code="nobody-asked",
            about=[bought],
        )
    path = at("/orders/", bought.json["id"])
    same(orders.get(path), bought)
    listed = orders.get(at("/orders?user_id=", user))
    expect(
        items_of(listed) == [bought.json],
        tr("GET /orders?user_id={ident} lists the one order", ident=user),
        got=listed.text[:300],
        code="not-listed",
        about=[listed],
    )
    answers(orders.patch(path, json={"status": "cancelled"}), 200, "cancel")
    answers(orders.delete(path), 204, "delete")
    stranger = in_health(http, new.id("nobody"), basket(rng, new))
    answers(stranger, 422, "looks-elsewhere", "unknown_user", tr("POST /orders for a user who never was"))


@behaviour("C2", start=False)
def check_users_without_orders(http: Http, new: New, system: SystemUnderTest) -> None:
    users = http["users"]
    try:
        system.start("users")
    except CannotTell as reason:
        expect(
            False,
            tr("orders was never started: users starts and becomes ready"),
            got=reason,
            code="needs-its-neighbour-to-start",
        )
    made = register(http, new)
    path = at("/users/", made.json["id"])
    same(users.get(path), made)
    these(http, [made.json["id"]], [made.json])
    answers(users.patch(path, json={"name": new.name()}), 200, "patch")
    answers(users.delete(path), 204, "needs-orders", what=tr("orders is not there: DELETE {path}", path=path))


@behaviour("C2", start=False)
def check_whose_data_is_whose(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    both(system)
    user = register(http, new)
    path = at("/users/", user.json["id"])
    bought = order(http, user.json["id"], basket(rng, new))
    system.restart("users", clean=True)
    answers(
        http["users"].get(path),
        404,
        "data-elsewhere",
        what=tr("the database of users was deleted, and users started again: GET {path}", path=path),
    )
    same(
        http["orders"].get(at("/orders/", bought.json["id"])),
        bought,
        "shared-data",
        tr("the database of users was deleted"),
    )
    again = register(http, new)
    system.restart("orders", clean=True)
    answers(
        http["orders"].get(at("/orders/", bought.json["id"])),
        404,
        "data-elsewhere",
        what=tr("the database of orders was deleted, and orders started again: GET the order"),
    )
    same(
        http["users"].get(at("/users/", again.json["id"])),
        again,
        "shared-data",
        tr("the database of orders was deleted"),
    )


@behaviour("C3", start=False)
def check_users_is_killed_and_comes_back(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, wire: Wire
) -> None:
    both(system)
    orders, user = http["orders"], register(http, new).json["id"]
    bought, other = order(http, user, basket(rng, new)), order(http, user, basket(rng, new))
    paths = [at("/orders/", bought.json["id"]), at("/orders?user_id=", user)]
    third = at("/orders/", order(http, user, basket(rng, new)).json["id"])
    since = wire.mark()
    answers(orders.get(third), 200, "not-shown")
    answers(orders.get(at("/orders?user_id=", user)), 200, "not-listed")
    answers(orders.patch(third, json={"status": "cancelled"}), 200, "cancel")
    answers(orders.delete(third), 204, "delete")
    before = {path: orders.get(path) for path in paths}
    asked = wire.flows(LINK, ASKED, since=since)
    expect(
        not asked,
        tr("orders asks users for POST /orders only: GET, PATCH and DELETE need no user"),
        got=", ".join(flow.op for flow in asked[:5]),
        code="asks-for-more-than-orders",
    )
    system.kill("users")
    for number in range(READS):
        path = paths[number % len(paths)]
        same(orders.get(path), before[path], "reads-need-users", tr("users was killed"))
    unavailable(placed(http, user, basket(rng, new)), tr("users was killed"), "unknown-read-as-known")
    unavailable(placed(http, new.id("nobody"), basket(rng, new)), tr("users was killed"), "unknown-read-as-known")
    path = at("/orders/", other.json["id"])
    cancelled = orders.patch(path, json={"status": "cancelled"})
    answers(cancelled, 200, "changes-need-users", what=tr("users was killed: PATCH {path}", path=path))
    answers(orders.delete(path), 204, "changes-need-users", what=tr("users was killed: DELETE {path}", path=path))
    expect_stored(http, user, [bought], tr("users was killed"))
    system.start("users")
    made: list[Answer] = []

    def again() -> bool:
        made.append(placed(http, user, basket(rng, new)))
        return made[-1].status == 201

    eventually(
        again,
        tr("users is back: POST /orders answers 201 again"),
        within=RECOVERY,
        code="does-not-recover",
        got=lambda: made[-1],
    )
    expect_stored(http, user, [bought, made[-1]], tr("users is back"))


def unavailable(answer: Answer, when: str, code: str) -> None:
    codes = {404: "failure-read-as-no", 422: "failure-read-as-no", 500: "uncaught"}
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr("{when}: POST /orders answers 503 users_unavailable", when=when),
        got=answer,
        code=code if answer.status == 201 else codes.get(answer.status or 0, "wrong-status"),
        about=[answer],
    )


def expect_stored(http: Http, user: str, wanted: list[Answer], when: str) -> None:
    """These orders, and none of those that were answered 503."""
    path = at("/orders?user_id=", user) + "&"
    stored = [str(one.get("id")) for page in pages(http["orders"], path, len(wanted) + 2) for one in page]
    expect(
        Counter(stored) == Counter(made.json["id"] for made in wanted),
        tr("{when}: stored are the orders that were answered 201, and no others", when=when),
        got=tr("{stored} stored, {made} answered 201", stored=len(stored), made=len(wanted)),
        code="stored-unconfirmed" if len(stored) > len(wanted) else "order-lost",
    )


@behaviour("C4", start=False)
def check_orders_is_started_first(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    try:
        system.start("orders")
    except CannotTell as reason:
        expect(
            False,
            tr("users is not there yet: orders starts, and its /readyz answers 200"),
            got=reason,
            code="needs-its-neighbour-to-start",
        )
    missing = http["orders"].get(at("/orders/", new.id("nothing")))
    answers(missing, 404, "reads-need-users", what=tr("users is not there yet: GET {path}", path=missing.path))
    nothing = http["orders"].get(at("/orders?user_id=", new.id("user")))
    expect(
        nothing.status == 200 and items_of(nothing) == [],
        tr("users is not there yet: GET {path} lists nothing", path=nothing.path),
        got=f"{nothing}: {nothing.text[:200]}",
        code="reads-need-users",
        about=[nothing],
    )
    unavailable(placed(http, new.id("user"), basket(rng, new)), tr("users is not there yet"), "unknown-read-as-known")
    system.start("users")
    user = register(http, new).json["id"]
    made: list[Answer] = []

    def accepted() -> bool:
        made.append(placed(http, user, basket(rng, new)))
        return made[-1].status == 201

    eventually(
        accepted,
        tr("users has come: POST /orders answers 201"),
        within=RECOVERY,
        code="does-not-recover",
        got=lambda: made[-1],
    )


@behaviour("C5", start=False)
def check_users_is_released_anew(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    system.start("orders", env=played(stub))
    old, later, stranger = new.id("user"), new.id("user"), new.id("nobody")
    known(stub, old, new)
    first = order(http, old, basket(rng, new))
    stub["successor"].release = 2  # type: ignore[attr-defined]
    known(stub, later, new)
    when = tr("users was released anew (more fields, others missing or null, another order, a charset)")
    for user in (old, later, old):
        order(http, user, basket(rng, new), "strict-reader", when)
    answer = in_health(http, stranger, basket(rng, new))
    what = tr("POST /orders for a user who never was")
    answers(answer, 422, "strict-reader", "unknown_user", f"{when}: {what}")
    same(http["orders"].get(at("/orders/", first.json["id"])), first, "strict-reader", when)


def played(stub: Mapping[str, Stub]) -> dict[str, str]:
    """The environment in which the lab plays users."""
    return {"USERS_URL": f"http://127.0.0.1:{stub['successor'].port}"}


def known(stub: Mapping[str, Stub], user: str, new: New) -> None:
    stub["successor"].add(  # type: ignore[attr-defined]
        id=user, name=new.name(), email=new.email(), created_at="2026-01-12T09:30:00Z"
    )


@behaviour("C6", start=False)
def check_a_release_during_the_day(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    both(system)
    user = register(http, new).json["id"]
    bought = order(http, user, basket(rng, new))
    path = at("/orders/", bought.json["id"])
    reads: list[Answer] = []
    creates: list[Answer] = []
    items = basket(rng, new)
    with (
        going_on(lambda: reads.append(http["orders"].get(path))),
        going_on(lambda: creates.append(placed(http, user, items))),
    ):
        for number in range(1, RESTARTS + 1):
            system.stop("users")
            seen = len(creates)
            within(OUTAGE, lambda seen=seen: len(creates) - seen >= REFUSED)  # type: ignore[misc]
            seen = len(creates)
            system.start("users")
            eventually(
                lambda seen=seen: any(made.status == 201 for made in creates[seen:]),  # type: ignore[misc]
                tr(
                    "users was restarted {number} × (SIGTERM, start): POST /orders answers 201",
                    number=number,
                ),
                within=RECOVERY,
                code="does-not-recover",
                got=lambda: creates[-1],
            )
    when = tr("users is restarted while orders comes in, ten a second")
    for read in reads:
        same(read, bought, "reads-need-users", when)
    for made in creates:
        if made.status != 201:
            unavailable(made, when, "wrong-status")
    expect_stored(http, user, [bought, *(made for made in creates if made.status == 201)], when)


@contextmanager
def going_on(call: Callable[[], None]) -> Iterator[None]:
    """Call it ten times a second for the length of the block, one call after the other."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            call()
            over.wait(PAUSE)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        try:
            yield
        finally:
            over.set()
        done.result()
