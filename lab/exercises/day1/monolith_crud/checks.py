"""Checks of 1.1: users and orders over HTTP, from outside."""

from __future__ import annotations

import math
import random
import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
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
ORDERS = 7
ORDERS_PAGE = 3
HIGH = 999_999_999
"""More than any order here costs."""
MEBIBYTE = 1024 * 1024
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
RECENT = 3600
"""Seconds by which a time of creation may differ from now."""
NO_JSON = {
    tr("half of a JSON object"): b'{"email": "a@example.uz", ',
    tr("text that is not JSON"): b"two apples, please",
}
NO_OBJECT = {"null": b"null", tr("an array"): b"[]", tr("an empty body"): b""}


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
    return identified(answer)


def order(http: Http, user: object, items: list[dict[str, Any]], **over: Any) -> Answer:
    answer = http.post("/orders", json={"user_id": user, "items": items, **over})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("id") is not None,
        tr("POST /orders for a known user answers 201 with the order and its id"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-order",
        about=[answer],
    )
    return identified(answer)


def identified(made: Answer) -> Answer:
    expect(
        isinstance(made.json["id"], str) and made.json["id"],
        tr("the id in the answer to {method} {path} is a string", method=made.method, path=made.path),
        got=made.text[:200],
        code="id-is-no-string",
        about=[made],
    )
    return made


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


def strangers(known: str, new: New) -> list[str]:
    """Ids that nobody has, of several forms; the first is of the form that the service gives out."""
    others = [new.id("nobody"), str(uuid.uuid4()), "0", "9" * 24]
    if known.isdecimal():
        return [str(int(known) + 1_000_003), *others]
    return sorted(others, key=lambda ident: bool(UUID.fullmatch(ident)) != bool(UUID.fullmatch(known)))


def same(read: Answer, made: Answer, what: str, code: str = "not-what-was-answered") -> None:
    """What was agreed is read as it was answered."""
    expect(
        read.status == 200 and agreed(read.json) == agreed(made.json),
        tr("GET shows {what} exactly as it was answered: {json}", what=what, json=made.json),
        got=f"{read}: {read.text[:300]}",
        code=code,
        about=[made, read],
    )


def dated(made: Answer) -> None:
    said = made.json.get("created_at")
    expect(
        isinstance(said, str) and TIME.fullmatch(said) and abs(_age(said)) < RECENT,
        tr("created_at is the time of creation, RFC 3339 with its zone, as in 2026-01-12T09:30:00Z"),
        got=said,
        code="no-created-at" if said is None else "created-at",
        about=[made],
    )


def _age(time: str) -> float:
    """Seconds since that time; infinite if there is no such day or hour."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(time.upper())).total_seconds()
    except ValueError:
        return math.inf


def answers(answer: Answer, status: int, what: str, code: str, problem: str = "") -> None:
    expect(
        answer.status == status and (not problem or answer.code == problem),
        f"{what}: {status} {problem}".rstrip(),
        got=answer,
        code="error-without-code" if answer.status == status else code,
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
    cursor = page.json.get("next_cursor", "")
    if cursor is None:
        return ""
    expect(
        cursor != "" and cursor is not False,
        tr("GET {path} answers next_cursor: null on the last page, a cursor on the others", path=page.path),
        got=page.text[-200:] if "next_cursor" in page.json else tr("no next_cursor"),
        code="no-last-page",
        about=[page],
    )
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
    dated(made)
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
    moved = new.email()
    changed = http.patch(user, json={"email": moved})
    expect(
        changed.status == 200 and agreed(changed.json) == {**agreed(made.json), "name": other, "email": moved},
        tr("PATCH {user} with an e-mail answers 200 and the user, with only the e-mail changed", user=user),
        got=f"{changed}: {changed.text[:300]}",
        code="email-not-changed",
        about=[made, changed],
    )
    both = {"name": new.name(), "email": new.email()}
    changed = http.patch(user, json=both)
    expect(
        changed.status == 200 and agreed(changed.json) == {**agreed(made.json), **both},
        tr("PATCH {user} with both answers 200 and the user, with both changed", user=user),
        got=f"{changed}: {changed.text[:300]}",
        code="one-at-a-time",
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
    left = [one for one in everybody(http, "/users") if one.get("id") == made.json["id"]]
    expect(not left, tr("GET /users does not list who was deleted"), got=left, code="lives-on")


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
    total = sum(item["qty"] * item["price"] for item in items)
    expect(
        made.json.get("total") == total and isinstance(made.json["total"], int),
        tr("an order of {items} has the total {total}, a whole number", items=items, total=total),
        got=tr("total {total}", total=made.json.get("total")),
        code="total",
        about=[made],
    )
    dated(made)
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
    kept(http, user, tr("DELETE of a user with orders"), "orphaned-orders")
    same(http.get(path), made, tr("the order"))
    cancelled = http.patch(path, json={"status": "cancelled"})
    expect(
        cancelled.status == 200 and agreed(cancelled.json) == {**agreed(made.json), "status": "cancelled"},
        tr('PATCH {path} with status "cancelled" answers 200 and the order, with only the status changed', path=path),
        got=f"{cancelled}: {cancelled.text[:300]}",
        code="cancel",
        about=[cancelled],
    )
    same(http.get(path), cancelled, tr("the cancelled order"))
    kept(http, user, tr("DELETE of a user with a cancelled order"), "orphaned-cancelled-order")
    answers(http.delete(path), 204, f"DELETE {path}", "delete")
    gone(http.get(path))
    left = everybody(http, f"/orders?user_id={user}")
    expect(
        not left, tr("GET /orders?user_id={user} does not list what was deleted", user=user), got=left, code="lives-on"
    )
    answers(http.delete(f"/users/{user}"), 204, tr("DELETE of a user whose orders were deleted"), "delete")


def kept(http: Http, user: str, what: str, code: str) -> None:
    """Who has orders is not deleted."""
    answers(http.delete(f"/users/{user}"), 409, what, code, problem="user_has_orders")
    answers(http.get(f"/users/{user}"), 200, tr("GET of the user afterwards"), "deleted-all-the-same")


@behaviour("C1")
def check_an_email_belongs_to_one(http: Http, new: New) -> None:
    first, second = register(http, new), register(http, new)
    taken = first.sent["email"]
    again = http.post("/users", json={"email": taken, "name": new.name()})
    answers(again, 409, tr("POST /users with an e-mail that is taken"), "email-not-unique", problem="email_taken")
    user = f"/users/{second.json['id']}"
    stolen = http.patch(user, json={"email": taken})
    answers(stolen, 409, tr("PATCH to an e-mail that is taken"), "patch-not-unique", problem="email_taken")
    same(http.get(user), second, tr("who was not changed"))
    answers(
        http.patch(user, json={"email": new.email()}), 200, tr("PATCH to an e-mail that is free"), "email-not-changed"
    )
    answers(http.delete(f"/users/{first.json['id']}"), 204, tr("DELETE of the user with the e-mail"), "delete")
    for had, code in ((second.sent["email"], "left-email-taken"), (taken, "email-of-the-deleted-taken")):
        free = http.post("/users", json={"email": had, "name": new.name()})
        answers(free, 201, tr("POST /users with an e-mail that nobody has any more"), code)


@behaviour("C2")
def check_bad_users_are_refused(http: Http, new: New) -> None:
    user = register(http, new)
    before = len(everybody(http, "/users"))
    for what, body in {
        tr("no name"): {"email": new.email()},
        tr("no e-mail"): {"name": new.name()},
        tr("a number for a name"): {"email": new.email(), "name": 7},
        tr("an object for a name"): {"email": new.email(), "name": {"first": "Lola"}},
        tr("a list for an e-mail"): {"email": [new.email()], "name": new.name()},
        tr("null for an e-mail"): {"email": None, "name": new.name()},
        tr("a name of 1 MiB"): {"email": new.email(), "name": "x" * MEBIBYTE},
    }.items():
        refused(http, "/users", what, json=body)
    for what, text in (NO_JSON | NO_OBJECT).items():
        refused(http, "/users", what, content=text)
    path = f"/users/{user.json['id']}"
    for what, change in {
        tr("a number for a name"): {"name": 7},
        tr("a list for an e-mail"): {"email": [new.email()]},
    }.items():
        refusable(http.patch(path, json=change), what)
    for what, text in NO_JSON.items():
        refusable(http.patch(path, content=text), what)
    same(http.get(path), user, tr("who was not changed"), "stored-bad-input")
    unmoved(len(everybody(http, "/users")), before, "/users")


@behaviour("C2")
def check_bad_orders_are_refused(http: Http, new: New) -> None:
    user = register(http, new).json["id"]
    good = {"sku": new.id("sku"), "qty": 1, "price": 1000}
    made = order(http, user, [good])
    left = register(http, new).json["id"]
    http.delete(f"/users/{left}")
    for what, nobody in {tr("a deleted user"): left, tr("a user who never was"): new.id("nobody")}.items():
        unknown = http.post("/orders", json={"user_id": nobody, "items": [good]})
        answers(unknown, 422, tr("POST /orders for {what}", what=what), "unknown-user", problem="unknown_user")
    no_items: dict[str, Any] = {
        tr("text for an item"): "x",
        tr("null for an item"): None,
        tr("a list for an item"): [good["sku"], 1, 1000],
    }
    for what, item in no_items.items():
        refused(http, "/orders", what, "no-item", json={"user_id": user, "items": [item]})
    for what, half in {
        tr("a quantity of 1.5"): {**good, "qty": 1.5},
        tr("a price of 99.5"): {**good, "price": 99.5},
    }.items():
        refused(http, "/orders", what, "half", json={"user_id": user, "items": [half]})
    for what, items in {
        tr("an empty list of items"): [],
        tr("null for the items"): None,
        tr("text for the items"): "tea",
        tr("an object for the items"): good,
        tr("qty 0"): [{**good, "qty": 0}],
        tr("qty -2"): [{**good, "qty": -2}],
        tr("null for a quantity"): [{**good, "qty": None}],
        tr("a price of -1"): [{**good, "price": -1}],
        tr("text for a price"): [{**good, "price": "much"}],
        tr("a list for a sku"): [{**good, "sku": ["tea"]}],
        tr("no sku"): [{"qty": 1, "price": 1000}],
        tr("no qty"): [{"sku": good["sku"], "price": 1000}],
        tr("no price"): [{"sku": good["sku"], "qty": 1}],
        tr("a bad item after a good one"): [good, {**good, "qty": 0}],
    }.items():
        refused(http, "/orders", what, json={"user_id": user, "items": items})
    refused(http, "/orders", tr("no items"), json={"user_id": user})
    refused(http, "/orders", tr("no user"), json={"items": [good]})
    refused(http, "/orders", tr("a list for a user"), json={"user_id": [user], "items": [good]})
    for what, text in (NO_JSON | NO_OBJECT).items():
        refused(http, "/orders", what, content=text)
    path = f"/orders/{made.json['id']}"
    for change in (7, "flying"):
        refusable(http.patch(path, json={"status": change}), tr("the status {change}", change=change), "bad-status")
    for what, text in NO_JSON.items():
        refusable(http.patch(path, content=text), what)
    same(http.get(path), made, tr("the order that was not changed"), "stored-bad-input")
    unmoved(len(everybody(http, "/orders")), 1, "/orders")


@behaviour("C2")
def check_odd_questions_are_no_breakdown(http: Http, new: New) -> None:
    user = register(http, new).json["id"]
    for path in ("/users", f"/orders?user_id={user}"):
        for odd in ("limit=many", "limit=-1", "cursor=what"):
            answer = http.get(f"{path}{'&' if '?' in path else '?'}{odd}")
            expect(
                answer.status is not None and answer.status < 500,
                tr("GET {path}: 200, or a 4xx", path=answer.path),
                got=answer,
                code="odd-question-5xx",
                about=[answer],
            )


def unmoved(after: int, before: int, path: str) -> None:
    expect(
        after == before,
        tr("GET {path} is as long as before the refusals: {before}", path=path, before=before),
        got=after,
        code="stored-bad-input",
    )


def refused(http: Http, path: str, what: str, code: str = "bad-input", **body: Any) -> None:
    refusable(http.post(path, **body), what, code)


def refusable(answer: Answer, what: str, code: str = "bad-input") -> None:
    """The code of a failure says as well which way it went."""
    expect(
        answer.status is not None and 400 <= answer.status < 500,
        tr("{method} {path} with {what} is refused with a 4xx", method=answer.method, path=answer.path, what=what),
        got=answer,
        code=f"{code}-5xx" if answer.status is None or answer.status >= 500 else f"{code}-accepted",
        about=[answer],
    )


@behaviour("C3")
def check_the_server_adds_up(http: Http, new: New, rng: random.Random) -> None:
    user = register(http, new).json["id"]
    for lie in (1, 0, -5_000_000, HIGH, "free"):
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
            code="trusts-a-high-total" if lie == HIGH else "trusts-the-clients-total",
            about=[answer],
        )
    begun = http.post("/orders", json={"user_id": user, "items": basket(rng, new), "status": "cancelled"})
    expect(
        begun.status in (400, 422) or (isinstance(begun.json, dict) and begun.json.get("status") == "created"),
        tr('an order begins with the status "created", although the client said "cancelled"'),
        got=f"{begun}: {begun.text[:300]}",
        code="trusts-the-clients-status",
        about=[begun],
    )


@behaviour("C4")
def check_what_is_not_there(http: Http, new: New, rng: random.Random) -> None:
    left = register(http, new).json["id"]
    bought = order(http, left, basket(rng, new)).json["id"]
    for gone in (f"/orders/{bought}", f"/users/{left}"):
        answers(http.delete(gone), 204, f"DELETE {gone}", "delete")
    for kind, known, change in (("users", left, {"name": new.name()}), ("orders", bought, {"status": "cancelled"})):
        nobody, *odd = strangers(known, new)
        for ident, code in (
            (nobody, "missing-is-not-404"),
            (known, "deleted-but-there"),
            *((ident, "odd-id-is-not-404") for ident in odd),
        ):
            path = f"/{kind}/{ident}"
            for answer in (http.get(path), http.patch(path, json=change), http.delete(path)):
                what = tr("{method} {path}, which does not exist", method=answer.method, path=path)
                answers(answer, 404, what, code)


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
        # Between two pages somebody comes, and two go who were shown already: the first one, and the one at the cursor.
        register(http, new)
        present = [ident for ident in seen if ident not in left]
        for leaver in {present[0], present[-1]}:
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
        code="pages-end-early" if sizes[-1] == 0 else "page-shift",
        about=[str(ident) for ident in (*repeated[:1], *missed[:1])],
    )
    expect(
        max(sizes) <= PAGE and len(sizes) >= 3,
        tr("pages of at most {page}, so at least 3 of them", page=PAGE),
        got=tr("page sizes {sizes}", sizes=sizes),
        code="page-size",
    )


@behaviour("C5")
def check_the_orders_of_one_user_in_pages(http: Http, new: New, rng: random.Random) -> None:
    user, other = register(http, new).json["id"], register(http, new).json["id"]
    theirs = []
    for _ in range(ORDERS):
        theirs.append(order(http, user, basket(rng, new)).json["id"])
        order(http, other, basket(rng, new))
    path = f"/orders?user_id={user}&limit={ORDERS_PAGE}"
    seen: list[Any] = []
    sizes: list[int] = []
    cursor, cursors = "", set[str]()
    while True:
        page = http.get(path + cursor)
        items = listed(page)
        seen += [one.get("id") for one in items]
        sizes.append(len(items))
        if not (then := following(page, cursors)):
            break
        cursor = f"&cursor={then}"
    expect(
        sorted(map(str, seen)) == sorted(theirs) and max(sizes) <= ORDERS_PAGE,
        tr(
            "the {orders} orders of {user}, each once, in pages of at most {page}, and nobody else's",
            orders=ORDERS,
            user=user,
            page=ORDERS_PAGE,
        ),
        got=tr("page sizes {sizes}; orders {seen}", sizes=sizes, seen=seen),
        code="orders-in-pages" if max(sizes) <= ORDERS_PAGE else "orders-in-one-page",
        about=[str(theirs[0])],
    )


@behaviour("C6")
def check_a_restart_loses_nothing(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    user, changed, left = register(http, new), register(http, new), register(http, new)
    bought, cancelled, returned = (order(http, user.json["id"], basket(rng, new)) for _ in range(3))
    changed = http.patch(f"/users/{changed.json['id']}", json={"name": new.name(), "email": new.email()})
    cancelled = http.patch(f"/orders/{cancelled.json['id']}", json={"status": "cancelled"})
    for gone in (f"/users/{left.json['id']}", f"/orders/{returned.json['id']}"):
        answers(http.delete(gone), 204, f"DELETE {gone}", "delete")
    lists = ("/users", "/orders", f"/orders?user_id={user.json['id']}")
    before = [[agreed(one) for one in everybody(http, path)] for path in lists]
    system.stop("shop")
    system.start("shop")
    for kind, made, code in (
        ("users", user, "lost-at-restart"),
        ("orders", bought, "lost-at-restart"),
        ("users", changed, "change-lost-at-restart"),
        ("orders", cancelled, "change-lost-at-restart"),
    ):
        path = f"/{kind}/{made.json['id']}"
        same(http.get(path), made, tr("{path} after a restart", path=path), code)
    for path, were in zip(lists, before, strict=True):
        now = [agreed(one) for one in everybody(http, path)]
        expect(
            now == were,
            tr("GET {path} after a restart lists what it listed before: {count}", path=path, count=len(were)),
            got=now,
            code="lost-at-restart",
        )
    for path in (f"/users/{left.json['id']}", f"/orders/{returned.json['id']}"):
        answers(http.get(path), 404, tr("GET {path}, deleted before a restart", path=path), "back-at-restart")
    again = http.post("/users", json={"email": user.json["email"], "name": new.name()})
    answers(again, 409, tr("after a restart, a taken e-mail"), "rule-lost-at-restart", problem="email_taken")
    owner = http.delete(f"/users/{user.json['id']}")
    answers(owner, 409, tr("after a restart, DELETE of a user with orders"), "rule-lost-at-restart", "user_has_orders")


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
            len(won) == 1
            and counted.get("409 email_taken") == RIVALS - 1
            and [agreed(one) for one in stored] == [agreed(won[0].json)],
            tr(
                "{rivals} registrations of {email} at the same moment: 1 × 201, {losers} × 409 email_taken, "
                "and the winner is the one user",
                rivals=RIVALS,
                email=email,
                losers=RIVALS - 1,
            ),
            got=tr(
                "{dict}; users {stored}",
                dict=dict(counted),
                stored=", ".join(str(user.get("id")) for user in stored[:3]),
            ),
            code="registered-twice" if len(won) > 1 or len(stored) > 1 else "race-answered-wrong",
            about=[*won[:2], *(answer for answer in tried if answer.status not in (201, 409))][:2],
        )
