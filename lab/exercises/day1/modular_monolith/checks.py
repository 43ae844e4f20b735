"""Checks of 1.4: the shop of 1.1 from outside, then its walls: switched, read and tried."""

from __future__ import annotations

import random
import re
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from lab.grading import Answer, Http, Stub, behaviour, cannot_tell, eventually, expect, tr
from lab.grading.checking.fixtures import New, SystemUnderTest
from lab.grading.structure.sources import Unreadable, read_structure
from lab.grading.structure.walls import breaches, missing

MODULES = ("users", "orders", "notifications")
PREFIXES = tuple(f"{module}_" for module in MODULES)
RIVALS = 20
USERS = 12
PAGE = 5
RULES = {
    "imports-internals": tr("a module imports only the public part of another one: the package itself or its api"),
    "imports-the-root": tr("no module imports the part that puts the modules together"),
    "import-cycle": tr("modules do not import each other in a cycle"),
    "shared-tables": tr("every table is defined in a module, none in the code that modules share"),
    "foreign-table": tr("a module defines only tables whose names begin with its own"),
    "reaches-internals": tr("a module reaches only the public part of another one, by whatever name"),
    "names-foreign-table": tr("a table is read and written by its own module only"),
    "takes-foreign-model": tr("a table is read and written by its own module only"),
}
"""What the source has to keep to, by the code of its breach."""
NAME = re.compile(r"\w+")


def register(http: Http, new: New) -> Answer:
    """A user who must come to be; everything else of the check stands on it."""
    answer = http.post("/users", json={"email": new.email(), "name": new.name()})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("id") is not None,
        tr("POST /users with an e-mail and a name answers 201 with the user and its id"),
        got=answer,
        code="no-user",
        about=[answer],
    )
    return answer


def basket(rng: random.Random, new: New) -> list[dict[str, Any]]:
    return [
        {"sku": new.id("sku"), "qty": rng.randint(1, 9), "price": rng.randint(1, 90) * 1000}
        for _ in range(rng.randint(1, 4))
    ]


def order(http: Http, user: object, items: list[dict[str, Any]], code: str = "no-order") -> Answer:
    """An order that must come to be, with the total that the server has computed."""
    total = sum(item["qty"] * item["price"] for item in items)
    answer = http.post("/orders", json={"user_id": user, "items": items})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("total") == total,
        tr(
            "POST /orders for the known user {user} answers 201 with the order and the total {total}",
            user=user,
            total=total,
        ),
        got=f"{answer} {answer.text[:200]}",
        code=code,
        about=[answer],
    )
    return answer


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
        isinstance(listed, list),
        tr("GET {path} answers items", path=answer.path),
        got=answer,
        code="no-list",
        about=[answer],
    )
    return listed or []


@behaviour("C1")
def check_users_and_orders_live_as_before(http: Http, new: New, rng: random.Random) -> None:
    made = register(http, new)
    ident = made.json["id"]
    same(http.get(f"/users/{ident}"), made)
    renamed = http.patch(f"/users/{ident}", json={"name": new.name()})
    answers(renamed, 200, "patch")
    same(http.get(f"/users/{ident}"), renamed)
    taken = http.post("/users", json={"email": made.sent["email"], "name": new.name()})
    answers(taken, 409, "email-not-unique", "email_taken", tr("POST /users with an e-mail that is taken"))

    bought = order(http, ident, basket(rng, new))
    path = f"/orders/{bought.json['id']}"
    same(http.get(path), bought)
    theirs = items_of(http.get(f"/orders?user_id={ident}"))
    expect(
        theirs == [bought.json],
        tr("GET /orders?user_id={ident} lists the one order", ident=ident),
        got=theirs,
        code="not-listed",
    )
    kept = http.delete(f"/users/{ident}")
    answers(kept, 409, "orphaned-orders", "user_has_orders", tr("DELETE /users/{ident}, who has an order", ident=ident))
    cancelled = http.patch(path, json={"status": "cancelled"})
    answers(cancelled, 200, "cancel")
    same(http.get(path), cancelled)
    answers(http.delete(path), 204, "delete")
    answers(http.delete(f"/users/{ident}"), 204, "delete", what=tr("DELETE of a user whose orders were deleted"))
    for left in (path, f"/users/{ident}"):
        answers(http.get(left), 404, "missing-is-not-404")
    answers(http.patch(path, json={"status": "cancelled"}), 404, "missing-is-not-404")
    stranger = http.post("/orders", json={"user_id": ident, "items": basket(rng, new)})
    answers(stranger, 422, "unknown-user", "unknown_user", tr("POST /orders for a deleted user"))
    refused(http, new)


def refused(http: Http, new: New) -> None:
    """Bad input and lies."""
    user = register(http, new).json["id"]
    good = {"sku": new.id("sku"), "qty": 2, "price": 1000}
    for path, what, body in (
        ("/users", tr("no name"), {"email": new.email()}),
        ("/users", tr("a number for a name"), {"email": new.email(), "name": 7}),
        ("/orders", tr("no items"), {"user_id": user, "items": []}),
        ("/orders", tr("text for an item"), {"user_id": user, "items": ["x"]}),
        ("/orders", tr("qty 0"), {"user_id": user, "items": [{**good, "qty": 0}]}),
        ("/orders", tr("a negative price"), {"user_id": user, "items": [{**good, "price": -1}]}),
        ("/orders", tr("text that is not JSON"), None),
    ):
        answer = http.post(path, content=b"two apples, please") if body is None else http.post(path, json=body)
        expect(
            answer.status is not None and 400 <= answer.status < 500,
            tr("POST {path} with {what} is refused with a 4xx", path=path, what=what),
            got=answer,
            code="bad-input",
            about=[answer],
        )
    lie = http.post("/orders", json={"user_id": user, "items": [good], "total": 1})
    expect(
        lie.status in (400, 422) or (isinstance(lie.json, dict) and lie.json.get("total") == 2000),
        tr("an order of 2 × 1000 UZS costs 2000 UZS, although the client said 1"),
        got=f"{lie} {lie.text[:200]}",
        code="trusts-the-clients-total",
        about=[lie],
    )


@behaviour("C1")
def check_pages_a_race_and_a_restart_as_before(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    made = [register(http, new).json["id"] for _ in range(USERS)]
    bought = order(http, made[0], basket(rng, new))
    seen: list[Any] = []
    longest = 0
    cursor = ""
    for _ in range(USERS):
        page = http.get(f"/users?limit={PAGE}{cursor}")
        seen += [user["id"] for user in items_of(page)]
        longest = max(longest, len(items_of(page)))
        if not page.json.get("next_cursor"):
            break
        cursor = f"&cursor={page.json['next_cursor']}"
    expect(
        Counter(map(str, seen)) == Counter(map(str, made)) and longest <= PAGE,
        tr("{users} users in pages of {page}: each of them once", users=USERS, page=PAGE),
        got=tr(
            "{count} shown, {different} different, at most {longest} on a page",
            count=len(seen),
            different=len(set(map(str, seen))),
            longest=longest,
        ),
        code="page-shift",
    )
    email = new.email()
    calls: list[Callable[[], Answer]] = [
        lambda: http.post("/users", json={"email": email, "name": new.name()}) for _ in range(RIVALS)
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
    cancelled = http.patch(f"/orders/{bought.json['id']}", json={"status": "cancelled"})
    answers(cancelled, 200, "cancel")
    system.stop("shop")
    system.start("shop")
    read = http.get(f"/users/{made[0]}")
    answers(read, 200, "lost-at-restart", what=tr("after a restart, GET /users/{made}", made=made[0]))
    same(http.get(f"/orders/{bought.json['id']}"), cancelled, "lost-at-restart", tr("after a restart"))


@behaviour("C2")
def check_all_three(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    ident, other = register(http, new).json["id"], register(http, new).json["id"]
    bought = [order(http, ident, basket(rng, new)) for _ in range(2)]
    theirs = order(http, other, basket(rng, new))
    owned(system, *MODULES)
    apart(system)
    told(http, ident, bought)
    told(http, other, [theirs])
    stranger = new.id("nobody")
    refused = http.post("/orders", json={"user_id": stranger, "items": basket(rng, new)})
    answers(refused, 422, "unknown-user", "unknown_user", tr("POST /orders for a user who never was"))
    told(http, other, [theirs])
    nothing = items_of(http.get(f"/notifications?user_id={stranger}"))
    expect(not nothing, tr("no notification of an order that was refused"), got=nothing, code="notified-of-nothing")


def told(http: Http, user: str, orders: list[Answer]) -> None:
    """The user is to be told of each of these orders, once, and of no others."""
    path, wanted = f"/notifications?user_id={user}", sorted(made.json["id"] for made in orders)

    def listed() -> bool:
        found = items_of(http.get(path))
        return wanted == sorted(str(one.get("order_id")) for one in found) and all(
            one.get("template") == "order_created"
            and one.get("user_id") == user
            and one.get("id")
            and one.get("created_at")
            for one in found
        )

    eventually(
        listed,
        tr(
            "GET {path} shows one notification of each order of the user ({wanted}), order_created, "
            "with id, user_id, order_id and created_at",
            path=path,
            wanted=", ".join(wanted),
        ),
        within=5.0,
        code="not-notified",
        got=lambda: http.get(path).text[:300],
        about=orders[:1],
    )


@behaviour("C2", start=False)
def check_users_alone(http: Http, new: New, system: SystemUnderTest) -> None:
    system.start("shop", env={"MODULES": "users"})
    made = register(http, new)
    same(http.get(f"/users/{made.json['id']}"), made)
    off(http, "/orders", "/notifications")
    body = {"user_id": made.json["id"], "items": [{"sku": new.id("sku"), "qty": 1, "price": 1000}]}
    answers(http.post("/orders", json=body), 404, "off-but-there", what=tr("MODULES=users: POST /orders"))
    owned(system, "users")


@behaviour("C2", start=False)
def check_all_but_notifications(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    system.start("shop", env={"MODULES": "users,orders"})
    order(http, register(http, new).json["id"], basket(rng, new))
    stranger = http.post("/orders", json={"user_id": new.id("nobody"), "items": basket(rng, new)})
    answers(stranger, 422, "unknown-user", "unknown_user", tr("POST /orders for a user who never was"))
    off(http, "/notifications")
    owned(system, "users", "orders")
    asked = stub["users"].count("* /users*")
    expect(
        asked == 0,
        tr("MODULES=users,orders: users is in this process, so USERS_URL is not called"),
        got=tr("{asked} requests to USERS_URL", asked=asked),
        code="asks-over-the-network",
    )


def off(http: Http, *paths: str) -> None:
    for path in paths:
        answer = http.get(f"{path}?user_id=u-1")
        answers(answer, 404, "off-but-there", what=tr("GET {path} of a module that is switched off", path=path))


def owned(system: SystemUnderTest, *modules: str) -> None:
    """Every table is of one of these modules, and each of them has one."""
    found = tables(system)
    others = [name for name in found if not name.startswith(tuple(f"{module}_" for module in modules))]
    expect(
        not others,
        tr(
            "MODULES={modules}: only tables called {tables}",
            modules=",".join(modules),
            tables=" or ".join(f"{module}_*" for module in modules),
        ),
        got=tr("also {others}", others=", ".join(others)),
        code="tables-of-others" if any(name.startswith(PREFIXES) for name in others) else "tables-of-nobody",
    )
    without = [module for module in modules if not any(name.startswith(f"{module}_") for name in found)]
    expect(
        not without,
        tr(
            "MODULES={modules}: each has its tables, called {tables}",
            modules=",".join(modules),
            tables=" and ".join(f"{one}_*" for one in modules),
        ),
        got=tr("tables {value}", value=", ".join(found) or "(none)"),
        code="no-tables",
    )


def apart(system: SystemUnderTest) -> None:
    """No table is tied to one of another module: by a foreign key, a trigger or a view."""
    ties = [
        f"{kind} {name}: {other}"
        for kind, name, text in schema(system)
        for other in sorted(set(NAME.findall(text)))
        if other.startswith(PREFIXES) and name.startswith(PREFIXES) and other.split("_")[0] != name.split("_")[0]
    ]
    expect(
        not ties,
        tr("no foreign key, trigger or view of a module leads to a table of another one"),
        got="; ".join(ties[:3]),
        code="tables-tied-together",
    )


def tables(system: SystemUnderTest) -> list[str]:
    return [name for kind, name, _ in schema(system) if kind == "table" and not name.startswith("sqlite_")]


def schema(system: SystemUnderTest) -> list[tuple[str, str, str]]:
    """What there is in the database: its kind, the table that it belongs to or its own name, and its SQL."""
    if not system.database("shop").exists():
        return []
    with closing(sqlite3.connect(f"{system.database('shop').as_uri()}?mode=ro", uri=True, timeout=10)) as database:
        found = database.execute("SELECT type, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY name").fetchall()
        names = {name for _, name, _ in found}
        # Words that are no table, a column's name, say, tie nothing.
        return [
            (kind, name, " ".join(word for word in NAME.findall(text) if word in names)) for kind, name, text in found
        ]


@behaviour("C3", start=False)
def check_orders_without_users(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    system.start("shop", env={"MODULES": "orders"})
    forms = {
        new.id("user"): "no-seam",
        str(uuid.UUID(int=rng.getrandbits(128), version=4)): "only-ids-of-its-own",
        f"00{rng.randrange(10**6)}": "only-ids-of-its-own",
    }
    for user, code in forms.items():
        stub["users"].forget()
        stub["users"].add(id=user, name=new.name(), email=new.email())  # type: ignore[attr-defined]
        made = order(http, user, basket(rng, new), code=code)
        asked = stub["users"].count(f"GET /users/{user}")
        expect(
            asked >= 1,
            tr("MODULES=orders: shop asks USERS_URL about {user}", user=user),
            got=tr("{asked} requests for that, and the order was created", asked=asked),
            code="nobody-asked",
            about=[made],
        )
    stranger = http.post("/orders", json={"user_id": new.id("nobody"), "items": basket(rng, new)})
    answers(stranger, 422, "no-seam", "unknown_user", tr("POST /orders for a user whom USERS_URL does not know"))
    off(http, "/users", "/notifications")
    owned(system, "orders")


@behaviour("C4", start=False)
def check_the_walls_in_the_source(system: SystemUnderTest) -> None:
    try:
        structure = read_structure(system.dir("shop"), MODULES)
    except Unreadable as error:
        cannot_tell(str(error))
        return
    absent = missing(structure, MODULES)
    expect(
        not absent,
        tr(
            "the modules are in {home}: {modules}",
            home=structure.home.replace(".", "/"),
            modules=", ".join(MODULES),
        ),
        got=tr("missing: {absent}", absent=", no ".join(absent)),
        code="no-modules",
    )
    holes = breaches(structure)
    expect(
        not holes,
        RULES[holes[0].code] if holes else tr("no import and no table that breaks these rules"),
        got="; ".join(map(str, holes[:3])) + (tr("; and {count} more", count=len(holes) - 3) if len(holes) > 3 else ""),
        code=holes[0].code if holes else "",
    )


@behaviour("C5")
def check_each_module_reads_its_own_tables_only(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest
) -> None:
    user = register(http, new)
    ident = user.json["id"]
    made = order(http, ident, basket(rng, new))
    one, of_user = f"/orders/{made.json['id']}", f"/orders?user_id={ident}"
    told(http, ident, [made])
    notified = http.get(f"/notifications?user_id={ident}")
    same(http.get(one), made)
    lists(http.get(of_user), [made.json], "not-listed", tr("before any table is renamed"))
    with moved_away(system, "users_") as moved:
        same(http.get(one), made, "needs-users-tables", moved)
        lists(http.get(of_user), [made.json], "needs-users-tables", moved)
        lists(http.get(notified.path), items_of(notified), "needs-users-tables", moved)
    with moved_away(system, "orders_") as moved:
        same(http.get(f"/users/{ident}"), user, "needs-orders-tables", moved)
        lists(http.get("/users"), [user.json], "needs-orders-tables", moved)
        lists(http.get(notified.path), items_of(notified), "needs-orders-tables", moved)
        register(http, new)
    with moved_away(system, "notifications_") as moved:
        same(http.get(one), made, "needs-notifications-tables", moved)
        lists(http.get(of_user), [made.json], "needs-notifications-tables", moved)


def lists(answer: Answer, wanted: list[Any], code: str, when: str) -> None:
    expect(
        answer.status == 200 and items_of(answer) == wanted,
        tr("{when}: GET {path} lists what it listed before: {wanted}", when=when, path=answer.path, wanted=wanted),
        got=f"{answer}: {answer.text[:200]}",
        code=code,
        about=[answer],
    )


@contextmanager
def moved_away(system: SystemUnderTest, prefix: str) -> Iterator[str]:
    """Rename the tables that begin like this while the shop runs, and back at the end; what was done, in words."""
    names = [name for name in tables(system) if name.startswith(prefix)]
    expect(
        names,
        tr("tables called {prefix}*", prefix=prefix),
        got=tr("tables {tables}", tables=tables(system)),
        code="no-tables",
    )
    rename(system, [(name, f"moved_{name}") for name in names])
    try:
        yield tr("the tables {moved} were renamed", moved=", ".join(names))
    finally:
        rename(system, [(f"moved_{name}", name) for name in names])


def rename(system: SystemUnderTest, names: list[tuple[str, str]]) -> None:
    try:
        with closing(sqlite3.connect(system.database("shop"), timeout=10)) as database:
            database.execute("PRAGMA legacy_alter_table = ON")  # or SQLite renames them in triggers and views, too
            for old, new in names:
                database.execute(f'ALTER TABLE "{old}" RENAME TO "{new}"')
            database.commit()
    except sqlite3.OperationalError as error:
        cannot_tell(tr("the tables of shop cannot be renamed while it runs: {error}", error=error))
