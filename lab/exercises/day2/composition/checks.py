"""Checks of 2.3: a page of orders with their users in it, counted where the users are."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from lab.grading import (
    Answer,
    Deed,
    Http,
    Reply,
    Rest,
    Seen,
    Stub,
    answer,
    behaviour,
    cut,
    eventually,
    expect,
    garbage,
    hang,
    measured,
    reset,
    status,
    stays,
    tr,
    trn,
)
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest

HANG = 4.0
ORDERS, USERS, PAGE = 55, 25, 50
"""One page with two orders of each user, and what is left for the next."""
MOST = 2
"""Calls of users for one page."""
FEW = 6
TRIES = 5
"""On a busy machine a healthy users, too, may take longer than HTTP_TIMEOUT_MS, and degraded is right then."""
MARGIN = 5.0
"""Seconds that a busy machine may take beyond CACHE_TTL_S."""
AFTERWARDS = 0.1
"""Seconds for which calls that go on after the answer count, too."""
ASKED = "GET /users*"


def known(stub: Mapping[str, Stub], user: str, name: str) -> None:
    about = {"email": f"{user}@example.uz", "created_at": "2026-01-12T09:30:00Z"}
    stub["users"].add(id=user, name=name, **about)  # type: ignore[attr-defined]


def registered(stub: Mapping[str, Stub], new: New, count: int) -> dict[str, str]:
    """So many users, by id their names, of which no two are the same."""
    people = {new.id("user"): f"{new.name()} {number}" for number in range(count)}
    for user, name in people.items():
        known(stub, user, name)
    return people


def ordered(http: Http, user: str, new: New) -> dict[str, Any]:
    """An order that must come to be."""
    body = {"user_id": user, "items": [{"sku": new.id("sku"), "qty": 2, "price": 45_000}]}
    for _ in range(TRIES):
        made = http.post("/orders", json=body)
        if made.status != 503:
            break
    expect(
        made.status == 201 and isinstance(made.json, dict) and made.json.get("id"),
        tr("POST /orders for {user}, whom users knows, answers 201", user=user),
        got=f"{made}: {made.text[:300]}",
        code="no-order",
        about=[made],
    )
    order: dict[str, Any] = made.json
    return order


def page(http: Http, stub: Mapping[str, Stub], path: str, tries: int = 1) -> Answer:
    """A page of orders; what users is asked for it stands in the stub afterwards."""
    for _ in range(tries):
        stub["users"].forget()
        read = http.get(path)
        if not (isinstance(read.json, dict) and read.json.get("degraded")):
            break
    items = read.json.get("items") if isinstance(read.json, dict) else None
    expect(
        read.status == 200 and isinstance(items, list) and all(isinstance(item, dict) for item in items),
        tr("GET {path} answers 200 and items", path=path),
        got=f"{read}: {read.text[:200]}",
        code={500: "uncaught", 503: "all-or-nothing", None: "no-answer"}.get(read.status, "no-list"),
        about=[read],
    )
    return read


def in_health(http: Http, stub: Mapping[str, Stub], path: str) -> Answer:
    """The page while users is healthy."""
    read = page(http, stub, path, TRIES)
    expect(
        not read.json.get("degraded"),
        tr("users is healthy: GET {path} has no degraded", path=path),
        got=tr("degraded {value}", value=read.json.get("degraded")),
        code="degraded-without-need",
        about=[read],
    )
    return read


def names(read: Answer, wanted: Mapping[str, str | None], code: str, when: str = "") -> None:
    """Each order of the page has its user, or null."""
    wrong = [item for item in read.json["items"] if not _is(item, wanted.get(str(item.get("user_id"))))]
    shown = {item.get("user_id"): item.get("user", tr("no user")) for item in wrong[:3]}
    said = tr("GET {path} shows each order with its user: id and name, or null", path=read.path)
    expect(
        not wrong,
        f"{when}: {said}" if when else said,
        got=tr(
            "{count} of {all} are not: {shown} instead of {names}",
            count=len(wrong),
            all=len(read.json["items"]),
            shown=shown,
            names={user: wanted.get(str(user)) for user in shown},
        ),
        code="not-expanded" if any("user" not in item for item in wrong) else code,
        about=[read],
    )


def _is(item: Mapping[str, Any], name: str | None) -> bool:
    """Whether the order has the user of this name; None: whether it has a null."""
    user = item.get("user", "")
    if name is None:
        return user is None
    return isinstance(user, dict) and user.get("id") == item.get("user_id") and user.get("name") == name


def calls(
    stub: Mapping[str, Stub], most: int, about: Answer, code: str, when: str = "", afterwards: float = AFTERWARDS
) -> None:
    stays(lambda: stub["users"].count(ASKED) <= most, afterwards)
    asked = stub["users"].count(ASKED)
    said = tr("GET {path} makes at most {most} calls to users", path=about.path, most=most)
    expect(
        asked <= most,
        f"{when}: {said}" if when else said,
        got=trn("{count} call", "{count} calls", asked),
        code=code,
        about=[about],
    )


def asked_for(stub: Mapping[str, Stub]) -> list[list[str] | None]:
    """The ids that each call asked for; None: for everybody."""
    found: list[list[str] | None] = []
    for seen in stub["users"].seen:
        if not seen.matches(ASKED):
            continue
        if seen.path.rstrip("/") == "/users":
            found.append(seen.query["ids"].split(",") if "ids" in seen.query else None)
        else:
            found.append([seen.path.rpartition("/")[2]])
    return found


async def _turned(_: Seen, rest: Rest) -> Reply | None:
    """As usual, but the last is the first."""
    reply = await rest()
    if reply is None or reply.status != 200:
        return reply
    body = json.loads(reply.body)
    return replace(reply, body=json.dumps({"count": len(body["items"]), "items": body["items"][::-1]}).encode())


@behaviour("C1")
def check_a_page_of_many_users(http: Http, stub: Mapping[str, Stub], new: New, rng: random.Random) -> None:
    people = registered(stub, new, USERS)
    for ident in (str(uuid.UUID(int=rng.getrandbits(128), version=4)), f"00{rng.randrange(10**6)}"):
        people.pop(next(iter(people)))
        people[ident] = new.name()
        known(stub, ident, people[ident])
    made = [ordered(http, user, new) for user in [*people, *people, *people][:ORDERS]]
    stub["users"].will(_turned, on="GET /users")
    path = f"/orders?expand=user&limit={PAGE}"
    first = in_health(http, stub, path)
    calls(stub, MOST, first, "n-plus-one")
    measured("calls", stub["users"].count())
    names(first, people, "wrong-user")
    cursor = first.json.get("next_cursor")
    expect(
        len(first.json["items"]) == PAGE and cursor,
        tr("GET {path} of {orders} orders shows {page} and a next_cursor", path=path, orders=ORDERS, page=PAGE),
        got=tr("{count} and next_cursor {cursor}", count=len(first.json["items"]), cursor=cursor),
        code="wrong-page",
        about=[first],
    )
    second = in_health(http, stub, f"{path}&cursor={quote(str(cursor), safe='')}")
    calls(stub, MOST, second, "n-plus-one")
    names(second, people, "wrong-user")
    shown = [{**item, "user": ""} for item in (*first.json["items"], *second.json["items"])]
    bare = [item for each in made for item in shown if item.get("id") == each["id"]]
    expect(
        len(shown) == ORDERS and all({**order, "user": ""} in bare for order in made),
        tr("both pages together show each order once, as POST /orders answered it, and its user"),
        got=tr("{count} orders, of which {same} are the same", count=len(shown), same=len(bare)),
        code="wrong-page",
        about=[second],
    )


@behaviour("C2")
def check_a_page_of_one_user(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    people = registered(stub, new, 3)
    user, other, _ = people
    for _ in range(PAGE):
        ordered(http, user, new)
    ordered(http, other, new)
    read = in_health(http, stub, f"/orders?expand=user&limit={PAGE}&user_id={user}")
    names(read, people, "wrong-user")
    expect(
        len(read.json["items"]) == PAGE,
        tr("GET {path} lists the {page} orders of this user", path=read.path, page=PAGE),
        got=trn("{count} order", "{count} orders", len(read.json["items"])),
        code="wrong-page",
        about=[read],
    )
    only(stub, read, {user})
    calls(stub, 1, read, "more-than-one-call")
    both = in_health(http, stub, f"/orders?expand=user&limit={PAGE + 1}")
    names(both, people, "wrong-user")
    only(stub, both, {user, other})


def only(stub: Mapping[str, Stub], read: Answer, users: set[str]) -> None:
    """Each user of the page was asked for at most once, and nobody else."""
    asked = asked_for(stub)
    expect(
        None not in asked,
        tr("GET {path} asks for the users of its orders, not for all", path=read.path),
        got=tr("a call without ids"),
        code="asks-for-everybody",
        about=[read],
    )
    idents = [ident for call in asked if call for ident in call]
    strangers = sorted(set(idents) - users)
    expect(
        not strangers,
        tr("GET {path} asks for the users of its orders, not for all", path=read.path),
        got=tr("also for {others}", others=", ".join(strangers[:5])),
        code="asks-for-everybody",
        about=[read],
    )
    expect(
        len(idents) == len(set(idents)),
        tr("GET {path} asks for each user once", path=read.path),
        got=tr("{count} ids, {different} of them different", count=len(idents), different=len(set(idents))),
        code="no-deduplication",
        about=[read],
    )


@behaviour("C3")
def check_nobody_is_asked_without_need(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    for user in registered(stub, new, 2):
        ordered(http, user, new)
    nothing = in_health(http, stub, f"/orders?expand=user&limit={PAGE}&user_id={new.id('nobody')}")
    expect(
        nothing.json["items"] == [],
        tr("GET {path} lists nothing", path=nothing.path),
        got=nothing.text[:200],
        code="wrong-page",
        about=[nothing],
    )
    calls(stub, 0, nothing, "asks-for-nobody")
    plain = in_health(http, stub, f"/orders?limit={PAGE}")
    calls(stub, 0, plain, "asks-without-expand")
    with_user = [item for item in plain.json["items"] if "user" in item]
    expect(
        len(plain.json["items"]) == 2 and not with_user,
        tr("GET {path}, without expand, shows orders without user", path=plain.path),
        got=plain.text[:300],
        code="expands-by-itself",
        about=[plain],
    )


@behaviour("C4")
def check_users_is_in_trouble(
    http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox, system: SystemUnderTest
) -> None:
    env = system.env("orders")
    limit = 4 * int(env["HTTP_TIMEOUT_MS"]) / 1000
    people = registered(stub, new, FEW)
    made = [ordered(http, user, new) for user in people]
    path = f"/orders?expand=user&limit={PAGE}"
    time.sleep(int(env["CACHE_TTL_S"]) + 0.5)  # whatever is remembered of them has to be asked for again
    troubles: dict[str, Deed] = {
        tr("answers 500"): status(500),
        tr("answers 503"): status(503),
        tr("answers 404"): status(404),
        tr("answers 200 with an HTML page"): garbage(b"<html><h1>Login</h1></html>", "text/html"),
        tr("answers 200 with an object that has no items"): answer({"message": "We are moving."}),
        tr("breaks off in the middle of its answer"): cut(),
        tr("resets the connection"): reset(),
        tr("hangs for {hang:g} s", hang=HANG): hang(HANG),
    }
    for how, deed in troubles.items():
        stub["users"].will(deed)
        degraded(http, stub, path, made, tr("users {how}", how=how), limit)
        stub["users"].heal()
    for how, fault in {
        tr("refuses connections"): "refuse",
        tr("does not accept the connection"): "connect-hang",
    }.items():
        with faults.on("orders->users", fault):
            degraded(http, stub, path, made, tr("users {how}", how=how), limit)
    eventually(
        lambda: not page(http, stub, path).json.get("degraded"),
        tr("users is back: GET {path} has no degraded any more", path=path),
        within=MARGIN,
        code="does-not-recover",
    )
    names(in_health(http, stub, path), people, "does-not-recover", tr("users is back"))


def degraded(
    http: Http, stub: Mapping[str, Stub], path: str, made: list[dict[str, Any]], when: str, limit: float
) -> None:
    """The orders are there, their users are not, and the page says so, in time."""
    read = page(http, stub, path)
    expect(
        read.seconds <= limit,
        tr("{when}: GET {path} answers within {limit:g} s (4 × HTTP_TIMEOUT_MS)", when=when, path=path, limit=limit),
        got=read,
        code="no-timeout",
        about=[read],
    )
    shown = read.json["items"]
    expect(
        sorted(str(item.get("id")) for item in shown) == sorted(str(order["id"]) for order in made),
        tr("{when}: GET {path} lists the {count} orders", when=when, path=path, count=len(made)),
        got=trn("{count} order", "{count} orders", len(shown)),
        code="all-or-nothing",
        about=[read],
    )
    expect(
        read.json.get("degraded") == ["users"],
        tr('{when}: GET {path} has "degraded": ["users"]', when=when, path=path),
        got=tr("degraded {value}", value=read.json.get("degraded")),
        code="not-degraded",
        about=[read],
    )
    names(read, {}, "users-made-up", when)
    calls(stub, MOST, read, "one-by-one-in-need", when, afterwards=0.0)


@behaviour("C5")
def check_a_user_is_gone(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    ttl = int(system.env("orders")["CACHE_TTL_S"])
    people: dict[str, str | None] = {**registered(stub, new, FEW)}
    for user in people:
        ordered(http, user, new)
    gone, alone = list(people)[FEW // 2 :][:2]
    for user in (gone, alone):
        stub["users"].remove(user)  # type: ignore[attr-defined]
        people[user] = None
    path = f"/orders?expand=user&limit={PAGE}"
    soon(
        http, stub, path, people, tr("{gone} and {alone} were deleted", gone=gone, alone=alone), "gone-is-not-null", ttl
    )
    soon(
        http,
        stub,
        f"{path}&user_id={alone}",
        people,
        tr("{user}, the only user of the page, was deleted", user=alone),
        "gone-is-not-null",
        ttl,
    )


@behaviour("C6")
def check_a_user_has_another_name(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    ttl = int(system.env("orders")["CACHE_TTL_S"])
    people: dict[str, str | None] = {**registered(stub, new, 3)}
    renamed, back, _ = people
    for user in people:
        ordered(http, user, new)
    path = f"/orders?expand=user&limit={PAGE}"
    stub["users"].remove(back)  # type: ignore[attr-defined]
    people[back] = None
    soon(http, stub, path, people, tr("{user} was deleted", user=back), "cached-for-ever", ttl)
    people[back], people[renamed] = "Nargiza Aliyeva", "Kamola Sobirova"
    for user in (back, renamed):
        known(stub, user, people[user] or "")
    changed = time.monotonic()
    when = tr("{renamed} has another name, and {back} is back", renamed=renamed, back=back)
    soon(http, stub, path, people, when, "cached-for-ever", ttl)
    measured("age", time.monotonic() - changed)


def soon(
    http: Http, stub: Mapping[str, Stub], path: str, people: Mapping[str, str | None], when: str, code: str, ttl: int
) -> None:
    """Nothing is remembered for longer than CACHE_TTL_S."""
    last: list[Answer] = []

    def right() -> bool:
        last.append(in_health(http, stub, path))
        return all(_is(item, people[item["user_id"]]) for item in last[-1].json["items"])

    eventually(
        right,
        tr("{when}: GET {path} shows it within CACHE_TTL_S={ttl} s", when=when, path=path, ttl=ttl),
        within=ttl + MARGIN,
        code=code,
        got=lambda: {item.get("user_id"): item.get("user") for item in last[-1].json["items"]},
    )
