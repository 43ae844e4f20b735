"""Checks of 1.1: users and orders over HTTP, from outside."""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from lab.grading import Answer, Http, behaviour, expect, tr
from lab.grading.checking.fixtures import New, SystemUnderTest

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
RIVALS = 40
ROUNDS = 8
"""A race is won by chance, and most often in a process that has just started: each round has a fresh one."""
USERS = 25
PAGE = 10
MEBIBYTE = 1024 * 1024


def register(http: Http, new: New, **over: Any) -> Answer:
    """A user who must come to be; everything else of the check stands on it."""
    sent = {"email": new.email(), "name": new.name(), **over}
    answer = http.post("/users", json=sent)
    expect(
        answer.status == 201
        and isinstance(answer.json, dict)
        and answer.json.get("id") is not None
        and sent.items() <= answer.json.items(),
        tr("POST /users with {sent} answers 201 with the user and its id", sent=sent),
        got=f"{answer}: {answer.text[:300]}",
        code="no-user",
        about=[answer],
    )
    return answer


def order(http: Http, user: object, items: list[dict[str, Any]], **over: Any) -> Answer:
    answer = http.post("/orders", json={"user_id": user, "items": items, **over})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("id") is not None,
        tr("POST /orders for a known user answers 201 with the order and its id"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    return answer


def basket(rng: random.Random, new: New) -> list[dict[str, Any]]:
    return [
        {"sku": new.id("sku"), "qty": rng.randint(1, 9), "price": rng.randint(1, 90) * 1000}
        for _ in range(rng.randint(1, 4))
    ]


def agreed(thing: Any) -> Any:
    """What was agreed of a user or an order; a service may answer more than that, as it likes."""
    if not isinstance(thing, dict):
        return thing
    fields = ("id", "email", "name", "created_at", "user_id", "items", "total", "status")
    found = {name: thing[name] for name in fields if name in thing}
    if isinstance(items := found.get("items"), list):
        found["items"] = [
            {name: item.get(name) for name in ("sku", "qty", "price")} if isinstance(item, dict) else item
            for item in items
        ]
    return found


def stranger(known: object, new: New) -> object:
    """An id that nobody has, of the sort that the service gives out."""
    if isinstance(known, int) or (isinstance(known, str) and known.isdecimal()):
        return int(known) + 1_000_003
    return str(uuid.uuid4()) if isinstance(known, str) and UUID.fullmatch(known) else new.id("nobody")


def same(read: Answer, made: Answer, what: str) -> None:
    expect(
        read.status == 200 and read.json == made.json,
        tr("GET shows {what} exactly as it was answered: {json}", what=what, json=made.json),
        got=f"{read}: {read.text[:300]}",
        code="not-what-was-answered",
        about=[made, read],
    )


def answers(answer: Answer, status: int, what: str, code: str, problem: str = "") -> None:
    expect(
        answer.status == status and (not problem or answer.code == problem),
        f"{what}: {status} {problem}".rstrip(),
        got=answer,
        code=code,
        about=[answer],
    )


def gone(answer: Answer) -> None:
    """How it is said is another behaviour's matter."""
    shown = answer.status == 200 and bool(answer.json)
    expect(
        not shown,
        tr("GET {path} shows nothing after it was deleted", path=answer.path),
        got=answer,
        code="lives-on",
        about=[answer],
    )


def listed(page: Answer) -> list[dict[str, Any]]:
    """The items of one page."""
    items = page.json.get("items") if isinstance(page.json, dict) else None
    expect(
        isinstance(items, list) and all(isinstance(item, dict) for item in items),
        tr("GET {path} answers items, a list of objects, and next_cursor", path=page.path),
        got=f"{page}: {page.text[:300]}",
        code="no-list",
        about=[page],
    )
    return items or []


def everybody(http: Http, path: str) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    cursors: set[str] = set()
    page = path
    while True:
        answer = http.get(page)
        found += listed(answer)
        cursor = following(answer, cursors)
        if not cursor:
            return found
        page = f"{path}{'&' if '?' in path else '?'}cursor={cursor}"


def following(page: Answer, before: set[str]) -> str:
    """The cursor of the next page as it stands in a URL, "" on the last one; it joins those before."""
    cursor = page.json.get("next_cursor")
    if not cursor:
        return ""
    encoded = quote(str(cursor), safe="")
    expect(
        encoded not in before,
        tr("each page of {path} has a next_cursor of its own, until it is null", path=page.path),
        got=tr("the next_cursor {cursor} for the second time", cursor=cursor),
        code="cursor-goes-round",
        about=[page],
    )
    before.add(encoded)
    return encoded


@behaviour("C1")
def check_the_life_of_a_user(http: Http, new: New) -> None:
    made = register(http, new)
    user = f"/users/{made.json['id']}"
    same(http.get(user), made, tr("the user"))
    other = new.name()
    changed = http.patch(user, json={"name": other})
    expect(
        changed.status == 200 and agreed(changed.json) == {**agreed(made.json), "name": other},
        tr("PATCH {user} with a name answers 200 and the user, with only the name changed", user=user),
        got=f"{changed}: {changed.text[:300]}",
        code="patch" if changed.status in (200, 400, 422) else "no-patch",
        about=[made, changed],
    )
    same(http.get(user), changed, tr("the changed user"))
    listed = [one for one in everybody(http, "/users") if one.get("id") == made.json["id"]]
    expect(
        [agreed(one) for one in listed] == [agreed(changed.json)],
        tr("GET /users lists the user once, as it is"),
        got=listed,
        code="not-listed",
    )
    answers(http.delete(user), 204, f"DELETE {user}", "delete")
    gone(http.get(user))


@behaviour("C1")
def check_the_life_of_an_order(http: Http, new: New, rng: random.Random) -> None:
    user = register(http, new).json["id"]
    items = basket(rng, new)
    made = order(http, user, items)
    expect(
        made.json.get("user_id") == user
        and agreed(made.json).get("items") == items
        and made.json.get("status") == "created",
        tr('the order has user_id {user}, the items as sent, and status "created"', user=user),
        got=made.text[:400],
        code="order-body",
        about=[made],
    )
    path = f"/orders/{made.json['id']}"
    same(http.get(path), made, tr("the order"))
    theirs = everybody(http, f"/orders?user_id={user}")
    expect(
        [agreed(one) for one in theirs] == [agreed(made.json)],
        tr("GET /orders?user_id={user} lists the one order", user=user),
        got=theirs,
        code="not-listed",
    )
    nobody = everybody(http, f"/orders?user_id={register(http, new).json['id']}")
    expect(nobody == [], tr("GET /orders?user_id= of somebody without orders is empty"), got=nobody, code="not-theirs")
    answers(
        http.delete(f"/users/{user}"),
        409,
        tr("DELETE of a user with orders"),
        "orphaned-orders",
        problem="user_has_orders",
    )
    cancelled = http.patch(path, json={"status": "cancelled"})
    expect(
        cancelled.status == 200 and agreed(cancelled.json) == {**agreed(made.json), "status": "cancelled"},
        tr('PATCH {path} with status "cancelled" answers 200 and the order, with only the status changed', path=path),
        got=f"{cancelled}: {cancelled.text[:300]}",
        code="cancel",
        about=[cancelled],
    )
    same(http.get(path), cancelled, tr("the cancelled order"))
    answers(http.delete(path), 204, f"DELETE {path}", "delete")
    gone(http.get(path))
    answers(http.delete(f"/users/{user}"), 204, tr("DELETE of a user whose orders were deleted"), "delete")


@behaviour("C1")
def check_an_email_belongs_to_one(http: Http, new: New) -> None:
    first, second = register(http, new), register(http, new)
    again = http.post("/users", json={"email": first.sent["email"], "name": new.name()})
    answers(again, 409, tr("POST /users with an e-mail that is taken"), "email-not-unique", problem="email_taken")
    stolen = http.patch(f"/users/{second.json['id']}", json={"email": first.sent["email"]})
    answers(stolen, 409, tr("PATCH to an e-mail that is taken"), "email-not-unique", problem="email_taken")


@behaviour("C2")
def check_bad_users_are_refused(http: Http, new: New) -> None:
    register(http, new)
    before = len(everybody(http, "/users"))
    refused(http, "/users", tr("no name"), json={"email": new.email()})
    refused(http, "/users", tr("no e-mail"), json={"name": new.name()})
    refused(http, "/users", tr("a number for a name"), json={"email": new.email(), "name": 7})
    refused(http, "/users", tr("a list for an e-mail"), json={"email": [new.email()], "name": new.name()})
    refused(http, "/users", "null", json=None, content=b"null")
    refused(http, "/users", tr("an array"), json=None, content=b"[]")
    refused(http, "/users", tr("half of a JSON object"), json=None, content=b'{"email": "a@example.uz", ')
    refused(http, "/users", tr("an empty body"), json=None, content=b"")
    refused(http, "/users", tr("a name of 1 MiB"), json={"email": new.email(), "name": "x" * MEBIBYTE})
    after = len(everybody(http, "/users"))
    expect(
        after == before,
        tr("{before} users after nine refusals, as before", before=before),
        got=after,
        code="stored-bad-input",
    )


@behaviour("C2")
def check_bad_orders_are_refused(http: Http, new: New) -> None:
    user = register(http, new).json["id"]
    good = {"sku": new.id("sku"), "qty": 1, "price": 1000}
    order(http, user, [good])
    left = register(http, new).json["id"]
    http.delete(f"/users/{left}")
    unknown = http.post("/orders", json={"user_id": left, "items": [good]})
    answers(unknown, 422, tr("POST /orders for a deleted user"), "unknown-user", problem="unknown_user")
    for what, body in {
        tr("no items"): {"user_id": user},
        tr("an empty list of items"): {"user_id": user, "items": []},
        tr("qty 0"): {"user_id": user, "items": [{**good, "qty": 0}]},
        tr("qty -2"): {"user_id": user, "items": [{**good, "qty": -2}]},
        tr("a price of -1"): {"user_id": user, "items": [{**good, "price": -1}]},
        tr("text for a price"): {"user_id": user, "items": [{**good, "price": "much"}]},
        tr("a quantity of 1.5"): {"user_id": user, "items": [{**good, "qty": 1.5}]},
        tr("no sku"): {"user_id": user, "items": [{"qty": 1, "price": 1000}]},
        tr("no user"): {"items": [good]},
    }.items():
        refused(http, "/orders", what, json=body)
    refused(http, "/orders", tr("text that is not JSON"), json=None, content=b"two apples, please")
    stored = everybody(http, "/orders")
    expect(len(stored) == 1, tr("1 order after eleven refusals, as before"), got=len(stored), code="stored-bad-input")


def refused(http: Http, path: str, what: str, **body: Any) -> None:
    refusable(http.post(path, **body), what)


def refusable(answer: Answer, what: str) -> None:
    expect(
        answer.status is not None and 400 <= answer.status < 500,
        tr("POST {path} with {what} is refused with a 4xx", path=answer.path, what=what),
        got=answer,
        code="bad-input-5xx" if answer.status is None or answer.status >= 500 else "bad-input-accepted",
        about=[answer],
    )


@behaviour("C3")
def check_the_server_adds_up(http: Http, new: New, rng: random.Random) -> None:
    user = register(http, new).json["id"]
    for lie in (1, 0, -5_000_000):
        items = basket(rng, new)
        total = sum(item["qty"] * item["price"] for item in items)
        answer = http.post("/orders", json={"user_id": user, "items": items, "total": lie})
        if answer.status in (400, 422):
            continue  # refusing the lie is as good as ignoring it
        stored = http.get(f"/orders/{answer.json['id']}") if isinstance(answer.json, dict) else answer
        totals = [one.json.get("total") for one in (answer, stored) if isinstance(one.json, dict)]
        expect(
            totals == [total, total],
            tr(
                "an order of {items} costs {total} UZS, although the client said {lie}",
                items=items,
                total=total,
                lie=lie,
            ),
            got=tr("totals {totals} in the answer and afterwards", totals=totals),
            code="trusts-the-clients-total",
            about=[answer],
        )


@behaviour("C4")
def check_what_is_not_there(http: Http, new: New) -> None:
    left = register(http, new).json["id"]
    http.delete(f"/users/{left}")
    for path in (f"/users/{left}", f"/users/{stranger(left, new)}", f"/orders/{stranger(left, new)}"):
        change = {"name": new.name()} if path.startswith("/users") else {"status": "cancelled"}
        for answer in (http.get(path), http.patch(path, json=change), http.delete(path)):
            answers(
                answer,
                404,
                tr("{method} {path}, which does not exist", method=answer.method, path=path),
                "missing-is-not-404",
            )


@behaviour("C5")
def check_pages_while_rows_come_and_go(http: Http, new: New) -> None:
    made = [register(http, new).json["id"] for _ in range(USERS)]
    seen: list[Any] = []
    sizes: list[int] = []
    cursor, cursors, left = "", set[str](), set[Any]()
    while True:
        page = http.get(f"/users?limit={PAGE}{cursor}")
        items = listed(page)
        seen += [user.get("id") for user in items]
        sizes.append(len(items))
        if not (then := following(page, cursors)):
            break
        # Between two pages somebody comes, and somebody who was shown already goes.
        register(http, new)
        leaver = next(ident for ident in seen if ident not in left)
        http.delete(f"/users/{leaver}")
        left.add(leaver)
        cursor = f"&cursor={then}"
    repeated = [ident for ident, times in Counter(map(str, seen)).items() if times > 1]
    missed = [ident for ident in made if ident not in seen]
    expect(
        not repeated and not missed,
        tr(
            "each of the {users} users on exactly one page (limit {page}), although users come "
            "and go between the pages",
            users=USERS,
            page=PAGE,
        ),
        got=tr(
            "{count} shown twice {repeated}, {lost} never shown {missed}; page sizes {sizes}",
            count=len(repeated),
            repeated=repeated[:3],
            lost=len(missed),
            missed=missed[:3],
            sizes=sizes,
        ),
        code="page-shift",
        about=[str(ident) for ident in (*repeated[:1], *missed[:1])],
    )
    expect(
        max(sizes) <= PAGE and len(sizes) >= 3,
        tr("pages of at most {page}, so at least 3 of them", page=PAGE),
        got=tr("page sizes {sizes}", sizes=sizes),
        code="page-size",
    )


@behaviour("C6")
def check_a_restart_loses_nothing(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    user = register(http, new)
    bought = order(http, user.json["id"], basket(rng, new))
    system.stop("shop")
    system.start("shop")
    for path, made in ((f"/users/{user.json['id']}", user), (f"/orders/{bought.json['id']}", bought)):
        read = http.get(path)
        expect(
            read.status == 200 and read.json == made.json,
            tr("GET {path} after a restart shows what it showed before", path=path),
            got=read,
            code="lost-at-restart",
            about=[made, read],
        )


@behaviour("C7")
def check_one_email_at_one_moment(http: Http, new: New, system: SystemUnderTest) -> None:
    for number in range(ROUNDS):
        if number:
            system.kill("shop")
            system.start("shop")
        email = new.email()
        calls: list[Callable[[], Answer]] = [
            lambda email=email: http.post("/users", json={"email": email, "name": new.name()})  # type: ignore[misc]
            for _ in range(RIVALS)
        ]
        tried = http.at_once(calls)
        counted = Counter(f"{answer.status} {answer.code}".strip() for answer in tried)
        stored = [user for user in everybody(http, "/users") if user.get("email") == email]
        won = [answer for answer in tried if answer.status == 201]
        expect(
            len(won) == 1 and counted.get("409 email_taken") == RIVALS - 1 and len(stored) == 1,
            tr(
                "{rivals} registrations of {email} at the same moment: 1 × 201, {losers} × 409 email_taken, 1 user",
                rivals=RIVALS,
                email=email,
                losers=RIVALS - 1,
            ),
            got=tr("{dict}, {count} users", dict=dict(counted), count=len(stored)),
            code="registered-twice" if len(won) > 1 or len(stored) > 1 else "race-answered-wrong",
            about=[*won[:2], *(answer for answer in tried if answer.status not in (201, 409))][:2],
        )
