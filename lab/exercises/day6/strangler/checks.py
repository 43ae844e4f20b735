"""Checks of 6.1: customers at the gateway, who must notice nothing, and taps that show who was asked in their place."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from lab.grading import Answer, Http, behaviour, eventually, expect, sample_twice, tr, within
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest, Wire
from lab.grading.instruments.metrics import Metrics

TO_SHOP, TO_USERS = "gateway->shop", "gateway->users"
PREFIX = "/users"
TURNING = 40.0
"""Seconds that a switch may take: everything is copied in it."""
RECOVERY = 30.0
"""Seconds for what has to be within 20: on a busy machine a service takes long to begin again."""
FEW, READERS = 6, 20
WORKERS, PAUSE = 3, 0.05
"""Customers at the same time, and the seconds between two lives of one."""
LIVES = 5
"""Lives that end before, and after, a switch under traffic."""
HELD = "2s"
"""So long a write is on its way: who does not wait for it has switched long before."""
READS, SHARE, LEAST, MOST = 300, 30, 45, 135
"""With 300 draws of 30 % it is outside of these once in a hundred million gradings."""
CROWD = 12
PAGE = 5


def turned(http: Http, target: str, what: str = "") -> Answer:
    answer = http.put("/admin/routes", json={"prefix": PREFIX, "target": target}, timeout=TURNING)
    expect(
        answer.status == 200,
        f"{what or 'PUT /admin/routes'}: {target}: 200",
        got=f"{answer} {answer.text[:200]}",
        code="not-turned",
        about=[answer],
    )
    return answer


def at(ident: object) -> str:
    """The path of this user, whatever characters are in the id."""
    return "/users/" + quote(str(ident), safe="")


class Customers:
    """What customers were told: of each user what was seen last, or that he is gone."""

    def __init__(self, http: Http, new: New, rng: random.Random) -> None:
        self._http, self._new, self._rng = http, new, rng
        self.seen: dict[str, Answer] = {}
        self.gone: dict[str, Answer] = {}
        self.lives = 0

    def register(self, when: str, code: str = "noticed", email: str = "") -> str:
        body = {"email": email or self._new.email(), "name": self._new.name()}
        return self.registered(self._http.post("/users", json=body), when, code)

    def registered(self, answer: Answer, when: str, code: str = "noticed") -> str:
        found = answer.json if isinstance(answer.json, dict) else {}
        expect(
            answer.status == 201
            and isinstance(found.get("id"), str)
            and found.get("created_at")
            and answer.sent.items() <= found.items(),
            tr("{when}: POST /users answers 201 with id, email, name and created_at", when=when),
            got=f"{answer} {answer.text[:200]}",
            code=code,
            about=[answer],
        )
        self.seen[found["id"]] = answer
        return str(found["id"])

    def rename(self, ident: str, when: str, code: str = "noticed", **change: str) -> None:
        self.renamed(ident, self._http.patch(at(ident), json=change or {"name": self._new.name()}), when, code)

    def renamed(self, ident: str, answer: Answer, when: str, code: str = "noticed") -> None:
        before = self.seen[ident].json
        expect(
            answer.status == 200 and answer.json == before | answer.sent,
            tr("{when}: PATCH {path} answers 200 and the changed user", when=when, path=answer.path),
            got=f"{answer} {answer.text[:200]}",
            code=code,
            about=[answer],
        )
        self.seen[ident] = answer

    def remove(self, ident: str, when: str, code: str = "noticed") -> None:
        answer = self._http.delete(at(ident))
        expect(
            answer.status == 204,
            tr("{when}: DELETE {path}: 204", when=when, path=answer.path),
            got=answer,
            code=code,
            about=[answer],
        )
        self.gone[ident] = self.seen.pop(ident)

    def read(self, ident: str, when: str, code: str = "noticed", limit: float = 10.0) -> Answer:
        made, answer = self.seen[ident], self._http.get(at(ident), timeout=limit)
        expect(
            answer.status == 200 and answer.json == made.json,
            tr(
                "{when}: GET {path} shows what was answered before: {json}", when=when, path=answer.path, json=made.json
            ),
            got=f"{answer}: {answer.text[:300]}",
            code="user-lost" if answer.status == 404 else code,
            about=[made, answer],
        )
        return answer

    def order(self, ident: str, when: str, code: str = "noticed") -> None:
        answer = self.ordered(ident)
        expect(
            answer.status == 201,
            tr("{when}: POST /orders for user {ident} answers 201", when=when, ident=ident),
            got=answer,
            code="unknown-to-orders" if answer.status == 422 else code,
            about=[self.seen[ident], answer],
        )

    def ordered(self, ident: str) -> Answer:
        items = [{"sku": self._new.id("sku"), "qty": self._rng.randint(1, 9), "price": 1000}]
        return self._http.post("/orders", json={"user_id": ident, "items": items})

    def live(self, when: str) -> None:
        """Two customers: one changes his mind about everything and orders, the other leaves."""
        one = self.register(when)
        self.read(one, when)
        email = str(self.seen[one].json["email"])
        self.rename(one, when, name=self._new.name(), email=self._new.email())
        self.read(one, when)
        other = self.register(when, email=email)  # nobody has it any more
        self.read(other, when)
        self.order(one, when)
        self.remove(other, when)
        self.missing(other, when)
        self.lives += 1

    def missing(self, ident: str, when: str, code: str = "deleted-is-back") -> None:
        answer = self._http.get(at(ident))
        expect(
            answer.status == 404,
            tr("{when}: GET {path} of a deleted user: 404", when=when, path=answer.path),
            got=answer,
            code=code,
            about=[answer],
        )

    def all_there(self, when: str, code: str = "noticed") -> None:
        """Each is shown as last seen, those who left are gone, and the list has each once and nobody else."""
        for ident in self.seen:
            self.read(ident, when, code)
        for ident in self.gone:
            self.missing(ident, when)
        listed = Counter(str(user.get("id")) for page in pages(self._http) for user in page)
        expect(
            listed == Counter(list(self.seen)),
            tr(
                "{when}: GET /users lists each of the {count} users once, and nobody else",
                when=when,
                count=len(self.seen),
            ),
            got=tr(
                "{missing} missing, {doubled} more than once, {strangers} strangers",
                missing=len(self.seen.keys() - listed.keys()),
                doubled=sum(count > 1 for count in listed.values()),
                strangers=len(listed.keys() - self.seen.keys()),
            ),
            code="user-lost" if self.seen.keys() - listed.keys() else "users-multiplied",
        )


def pages(http: Http, limit: int = 50) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    for _ in range(100):
        page = http.get(f"/users?limit={limit}{cursor}")
        body = page.json if isinstance(page.json, dict) else {}
        items: Any = body.get("items")
        expect(
            page.status == 200 and isinstance(items, list),
            tr("GET {path} answers 200 with items", path=page.path),
            got=page,
            code="no-list",
            about=[page],
        )
        yield items
        if not body.get("next_cursor"):
            return
        cursor = "&cursor=" + quote(str(body["next_cursor"]), safe="")


@contextmanager
def traffic(customers: Customers, when: str) -> Iterator[None]:
    """Customers live for the length of the block; whoever notices something fails the check."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            customers.live(when)
            over.wait(PAUSE)

    with ThreadPoolExecutor(WORKERS) as pool:
        at_work = [pool.submit(work) for _ in range(WORKERS)]
        try:
            yield
        finally:
            over.set()
        for one in at_work:
            one.result()


def go_on(customers: Customers, lives: int = LIVES) -> None:
    """Until so many more lives are over, or nobody can be expected to go on."""
    wanted = customers.lives + lives
    within(RECOVERY, lambda: customers.lives >= wanted)


def some(customers: Customers, count: int = FEW, when: str = "") -> list[str]:
    return [customers.register(when or tr("at the beginning")) for _ in range(count)]


def writes(wire: Wire, link: str, since: int) -> list[str]:
    """Customers' writes to users that passed this link."""
    return [
        flow.op
        for flow in wire.flows(link, since=since)
        if flow.op.startswith(("POST /users", "PATCH /users", "DELETE /users"))
    ]


def reads(wire: Wire, link: str, since: int) -> int:
    return len(wire.flows(link, "GET /users/*", since=since))


# C1


def script(http: Http, emails: list[str], names: list[str]) -> list[tuple[str, Answer]]:
    """What a customer does, with whatever goes wrong on the way; each answer under what was asked."""
    made: dict[str, str] = {"nobody": "nobody-81", "odd": "a/b c?d"}
    told: list[tuple[str, Answer]] = []

    def ask(method: str, path: str, keep: str = "", **more: Any) -> None:
        filled = path.format(**{name: quote(ident, safe="") for name, ident in made.items()})
        answer = http.request(method, filled, **more)
        told.append((f"{method} {path}" + (f" {more.get('json', '')}"[:120]), answer))
        made.setdefault(keep, answer.json["id"] if isinstance(answer.json, dict) and "id" in answer.json else "none")

    for number in range(7):
        ask("POST", "/users", f"u{number}", json={"email": emails[number], "name": names[number]})
    one, two = emails[:2]
    bodies: tuple[Any, ...] = (
        {"email": one, "name": names[0]},
        {"email": emails[8]},
        {"name": names[0]},
        {"email": 7, "name": names[0]},
        {"email": emails[8], "name": 7},
        {"email": emails[8], "name": "n" * (1 << 20)},
        [],
        "name",
    )
    for body in bodies:
        ask("POST", "/users", json=body)
    ask("POST", "/users", content='{"email": "')
    for number in range(7):
        ask("GET", f"/users/{{u{number}}}")
    for unknown in ("/users/{nobody}", "/users/{odd}"):
        ask("GET", unknown)
        ask("PATCH", unknown, json={"name": names[0]})
        ask("DELETE", unknown)
    for change in (
        {"name": names[8]},
        {"email": two},
        {"email": emails[9]},
        {"email": emails[9]},
        {"name": 7},
        {"name": names[0], "email": emails[0]},
        {},
    ):
        ask("PATCH", "/users/{u0}", json=change)
        ask("GET", "/users/{u0}")
    ask("PATCH", "/users/{u0}", content="{")
    ask("POST", "/orders", "o1", json={"user_id": made["u1"], "items": [{"sku": "tea", "qty": 2, "price": 15000}]})
    ask("POST", "/orders", json={"user_id": "nobody-81", "items": [{"sku": "tea", "qty": 2, "price": 15000}]})
    ask("GET", "/orders/{o1}")
    ask("GET", "/orders?user_id={u1}")
    ask("GET", "/notifications?user_id={u1}")
    ask("DELETE", "/users/{u6}")
    ask("GET", "/users/{u6}")
    ask("DELETE", "/users/{u6}")
    ask("POST", "/orders", json={"user_id": made["u6"], "items": [{"sku": "tea", "qty": 2, "price": 15000}]})
    ask("POST", "/users", "u7", json={"email": emails[6], "name": names[6]})
    ask("GET", "/users?limit=100")
    ask("GET", "/users?limit=3")
    ask("GET", "/users?limit=many")
    ask("GET", "/users?limit=0")
    return told


def shape(value: Any, known: dict[str, str], full: bool = True) -> Any:
    """The value with ids and times replaced by what they stand for. Of a part of a list only its length is agreed."""
    if isinstance(value, list):
        shaped = sorted((shape(one, known) for one in value), key=repr)
        return shaped if full else len(shaped)
    if not isinstance(value, dict):
        return known.get(value, value) if isinstance(value, str) else value
    plain: dict[str, Any] = {}
    for name, inner in sorted(value.items()):
        if name == "next_cursor":
            plain[name] = bool(inner)
        elif name.endswith("_at"):
            plain[name] = "a time" if inner else inner
        elif name == "id" and isinstance(inner, str):
            plain[name] = known.setdefault(inner, f"id {len(known) + 1}")
        else:
            plain[name] = shape(inner, known, not value.get("next_cursor"))
    return plain


@behaviour("C1")
def check_both_answer_alike(http: Http, new: New, system: SystemUnderTest, wire: Wire) -> None:
    emails, names = [new.email() for _ in range(10)], [new.name() for _ in range(10)]
    customers = Customers(http, new, random.Random(0))
    one = customers.register(tr("through the gateway, users in the monolith"))
    customers.read(one, tr("through the gateway, users in the monolith"))
    customers.remove(one, tr("through the gateway, users in the monolith"))
    before = script(http, emails, names)
    for name in ("gateway", "shop", "users"):
        system.restart(name, clean=True)
    turned(http, "new")
    since = wire.mark()
    after = script(http, emails, names)
    ours, theirs = dict[str, str](), dict[str, str]()
    for (asked, old), (_, other) in zip(before, after, strict=True):
        was, became = _said(old, ours), _said(other, theirs)
        expect(
            was == became,
            tr("{asked}: users answers as the monolith did: {was}", asked=asked, was=was),
            got=became,
            code="answers-otherwise",
            about=[other],
        )
    expect(
        reads(wire, TO_USERS, since) >= 1,
        tr("target new: users is asked"),
        got=tr("nothing passed from gateway to users"),
        code="not-routed",
    )


def _said(answer: Answer, known: dict[str, str]) -> str:
    """Status and body; of an error its status and code."""
    if answer.status is None or answer.status >= 400:
        return f"{answer.status or answer.error} {answer.code}".strip()
    return f"{answer.status} {shape(answer.json, known)}"


# C2


@behaviour("C2")
def check_the_switch_under_traffic(http: Http, new: New, rng: random.Random) -> None:
    customers = Customers(http, new, rng)
    some(customers)
    when = tr("customers come all the time, and users is switched to new")
    with traffic(customers, when):
        go_on(customers)
        turned(http, "new")
        go_on(customers)
    customers.all_there(when)
    for ident in list(customers.seen)[:FEW]:
        customers.order(ident, when)


@behaviour("C2")
def check_writes_on_their_way(http: Http, new: New, rng: random.Random, faults: FaultBox) -> None:
    customers = Customers(http, new, rng)
    some(customers)
    turned(http, "shadow")
    turned(http, "legacy")  # what there is has been copied, so only what is on its way is left to copy
    when = tr("a registration and a change were on their way to the monolith when users was switched to new")
    on_their_way(customers, http, new, faults, TO_SHOP, "new", when)
    customers.all_there(when, "change-lost")
    customers.live(when)


def on_their_way(
    customers: Customers, http: Http, new: New, faults: FaultBox, link: str, target: str, when: str
) -> None:
    """Switch while a registration and a change are under way on the link; somebody else goes on changing his name."""
    changed, busy, *_ = customers.seen
    body = {"email": new.email(), "name": new.name()}
    post, patch = (
        faults.add(f'latency {link} {HELD} on "{what}" for 10m') for what in ("POST /users", f"PATCH {at(changed)}")
    )
    with ThreadPoolExecutor(3) as pool:
        made: Future[Answer] = pool.submit(lambda: http.post("/users", json=body))
        other: Future[Answer] = pool.submit(lambda: http.patch(at(changed), json={"name": new.name()}))
        within(5.0, lambda: faults.victims(post) and faults.victims(patch))
        turning = pool.submit(lambda: turned(http, target))
        while not turning.done():
            customers.rename(busy, when)
            customers.read(busy, when)
        turning.result()
        customers.registered(made.result(), when)
        customers.renamed(changed, other.result(), when)
    faults.heal(post)
    faults.heal(patch)
    again = http.post("/users", json=body)
    expect(
        again.status == 409 and again.code == "email_taken",
        tr("{when}: POST /users with the e-mail of that registration: 409 email_taken", when=when),
        got=again,
        code="registered-twice",
        about=[made.result(), again],
    )


# C3


@behaviour("C3")
def check_nobody_asks_the_monolith(
    http: Http, new: New, rng: random.Random, system: SystemUnderTest, wire: Wire
) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    for ident in users[:2]:  # whoever remembers a route remembers one that was used
        customers.read(ident, tr("users in the monolith"))
    turned(http, "new")
    when = tr("users was switched to new")
    since = wire.mark()
    for number in range(READERS):
        customers.read(users[number % FEW], when)
    asked = reads(wire, TO_SHOP, since)
    expect(
        asked <= READERS // 10,
        tr("{when}: of {count} × GET /users/… the monolith sees none", when=when, count=READERS),
        got=asked,
        code="monolith-still-asked",
    )
    since = wire.mark()
    customers.live(when)
    here, there = writes(wire, TO_SHOP, since), writes(wire, TO_USERS, since)
    expect(
        not here and len(there) == 4,
        tr(
            "{when}: two POST, a PATCH and a DELETE of /users go to users, each once, and none to the monolith",
            when=when,
        ),
        got=tr("to users {there}; to the monolith {here}", there=", ".join(there), here=", ".join(here)),
        code="monolith-still-asked" if here else "not-routed",
    )
    expect(
        wire.flows(TO_SHOP, "POST /orders", since=since) and not wire.flows(TO_USERS, "* /orders*", since=since),
        tr("{when}: /orders goes to the monolith as before", when=when),
        got=tr("something else"),
        code="orders-moved-along",
    )
    system.kill("shop")
    when = tr("users was switched to new, and the monolith is dead")
    alone = _lives_alone(customers, users, when)
    system.restart("gateway")
    when = tr("the gateway was started again, and the monolith is dead")
    for ident in (users[1], alone):
        customers.read(ident, when, "route-forgotten")
    customers.register(when, "route-forgotten")
    system.start("shop")
    eventually(
        lambda: customers.ordered(alone).status == 201,
        tr("the monolith is back: who registered meanwhile can order"),
        within=RECOVERY,
        code="unknown-to-orders",
        about=[customers.seen[alone]],
    )


def _lives_alone(customers: Customers, users: list[str], when: str) -> str:
    code = "needs-the-monolith"
    made = customers.register(when, code)
    customers.read(made, when, code)
    customers.read(users[1], when, code)
    customers.rename(users[2], when, code)
    customers.remove(users[3], when, code)
    customers.missing(users[3], when)
    customers.read(users[2], when, code)
    return made


# C4


@behaviour("C4")
def check_the_switch_back_under_traffic(http: Http, new: New, rng: random.Random, faults: FaultBox) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "new")
    when = tr("users is new")
    some(customers, 2, when)
    customers.rename(users[1], when)
    customers.remove(users[2], when)
    when = tr("customers come all the time, and users is switched back to legacy")
    with traffic(customers, when):
        go_on(customers)
        turned(http, "legacy")
        go_on(customers)
    customers.all_there(when)
    turned(http, "new", tr("for the second time"))
    customers.all_there(tr("users was switched to new for the second time"))
    when = tr("a registration and a change were on their way to users when it was switched back to legacy")
    on_their_way(customers, http, new, faults, TO_USERS, "legacy", when)
    customers.all_there(when, "change-lost")
    for ident in list(customers.seen)[:FEW]:
        customers.order(ident, when)


@behaviour("C4")
def check_the_monolith_was_away(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "new")
    system.kill("shop")
    when = tr("users is new, and the monolith is dead")
    some(customers, 3, when)
    customers.rename(users[1], when)
    customers.remove(users[2], when)
    refused = http.put("/admin/routes", json={"prefix": PREFIX, "target": "legacy"}, timeout=TURNING)
    expect(
        refused.status == 503 and refused.code == "not_copied",
        tr("{when}: PUT /admin/routes with legacy: 503 not_copied", when=when),
        got=refused,
        code="switched-with-losses",
        about=[refused],
    )
    customers.all_there(tr("the switch back was refused"), "switched-with-losses")
    system.kill("gateway")
    system.start("gateway")
    customers.register(tr("the gateway was killed and started again"), "route-forgotten")
    system.start("shop")
    eventually(
        lambda: http.put("/admin/routes", json={"prefix": PREFIX, "target": "legacy"}, timeout=TURNING).status == 200,
        tr("the monolith is back: PUT /admin/routes with legacy answers 200"),
        within=RECOVERY,
        code="no-way-back",
    )
    when = tr("the monolith was away for a while, the gateway was killed, then users was switched back to legacy")
    customers.all_there(when)
    customers.live(when)


# C5


@behaviour("C5")
def check_three_of_ten_reads(http: Http, new: New, rng: random.Random, wire: Wire) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    for target in ("percent:101", "percent:", "percent", "everybody"):
        answer = http.put("/admin/routes", json={"prefix": PREFIX, "target": target})
        expect(
            answer.status in (400, 422),
            tr("PUT /admin/routes with target {target}: 422 (or 400)", target=target),
            got=answer,
            code="takes-any-target",
            about=[answer],
        )
    turned(http, f"percent:{SHARE}")
    seen = sample_twice(lambda: _asked_of_users(http, new, customers, users, wire), lambda n: LEAST <= n <= MOST)
    expect(
        LEAST <= seen <= MOST,
        tr(
            "percent:{share}: of {reads} × GET /users/… between {least} and {most} reach users",
            share=SHARE,
            reads=READS,
            least=LEAST,
            most=MOST,
        ),
        got=seen,
        code="wrong-share",
    )
    _never_written(wire, customers, tr("percent:{share}", share=SHARE))
    turned(http, "percent:100")
    since = wire.mark()
    when = "percent:100"
    for number in range(READERS):
        customers.read(users[number % FEW], when)
    seen = reads(wire, TO_USERS, since)
    expect(
        seen >= READERS * 0.9,
        tr("{when}: {reads} × GET /users/… reach users", when=when, reads=READERS),
        got=seen,
        code="wrong-share",
    )
    _never_written(wire, customers, when)
    turned(http, "percent:0")
    since = wire.mark()
    for number in range(READERS):
        customers.read(users[number % FEW], "percent:0")
    seen = reads(wire, TO_USERS, since)
    expect(not seen, tr("percent:0: no GET /users/… reaches users"), got=seen, code="wrong-share")


def _asked_of_users(http: Http, new: New, customers: Customers, users: list[str], wire: Wire) -> int:
    """So many reads, nearly each of another id: a gateway may draw by the id."""
    since = wire.mark()
    calls: list[Callable[[], Answer]] = [
        lambda ident=ident: customers.read(ident, tr("percent:{share}", share=SHARE))  # type: ignore[misc]
        for ident in users
    ]
    strangers = [new.id("nobody") for _ in range(READS - len(users))]
    calls += [lambda ident=ident: http.get(at(ident)) for ident in strangers]  # type: ignore[misc]
    answers = http.at_once(calls, limit=CROWD)
    for answer in answers[len(users) :]:
        expect(
            answer.status == 404,
            tr("GET {path} of a user whom nobody knows: 404", path=answer.path),
            got=answer,
            code="noticed",
            about=[answer],
        )
    return reads(wire, TO_USERS, since)


def _never_written(wire: Wire, customers: Customers, when: str) -> None:
    """Who decides is the monolith: what is written there is read at once, and no write of a customer goes to users."""
    since = wire.mark()
    for _ in range(3):
        customers.live(when)
    seen = writes(wire, TO_USERS, since)
    expect(
        not seen,
        tr("{when}: no POST, PATCH or DELETE of /users reaches users", when=when),
        got=", ".join(seen[:5]),
        code="shadowed-write",
    )


# C6


@behaviour("C6")
def check_the_shadow_compares(
    http: Http, new: New, rng: random.Random, wire: Wire, metrics: Callable[[str], Metrics]
) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "shadow")
    when = tr("in the shadow")

    def mismatches() -> float:
        return metrics("gateway").sum("shadow_mismatch_total")

    def grown() -> float:
        """By how much, while everybody is read and nobody writes."""
        before, since = mismatches(), wire.mark()
        for ident in customers.seen:
            customers.read(ident, when)
        eventually(
            lambda: reads(wire, TO_USERS, since) >= len(customers.seen),
            tr("{when}: each GET /users/… is asked of users, too", when=when),
            within=RECOVERY,
            code="not-compared",
            got=lambda: f"{reads(wire, TO_USERS, since)} / {len(customers.seen)}",
        )
        return mismatches() - before

    grown()
    _never_written(wire, customers, when)
    # A comparison that began before somebody wrote may end after it, so a second look decides.
    more = sample_twice(grown, lambda found: not found)
    expect(
        not more,
        tr("{when}: both know the same, and shadow_mismatch_total stays as it was", when=when),
        got=f"+{more:g}",
        code="copies-differ",
    )
    for ident in users[:2]:
        _differs(customers, ident, lambda ident: http["users"].patch(at(ident), json={"name": new.name()}), mismatches)
    _differs(customers, users[2], lambda ident: http["users"].delete(at(ident)), mismatches)


def _differs(
    customers: Customers, ident: str, change: Callable[[str], Answer], mismatches: Callable[[], float]
) -> None:
    """Users is changed behind the gateway's back. Somebody may put it right before the next read, so a few tries."""
    when = tr("in the shadow, and users was changed behind the gateway’s back")
    before = mismatches()
    for _ in range(5):
        change(ident)
        customers.read(ident, when, "answered-by-the-shadow")
        if within(1.0, lambda: mismatches() > before):
            return
    expect(
        False,
        tr("{when}: GET {path} adds to shadow_mismatch_total", when=when, path=at(ident)),
        got=f"+{mismatches() - before:g}",
        code="mismatch-not-counted",
    )


@behaviour("C6")
def check_nobody_waits_for_the_shadow(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "shadow")
    system.freeze("users")
    when = tr("in the shadow, and users is frozen")
    slow = [customers.read(ident, when, "noticed", limit=9.0).seconds for ident in users[:3]]
    expect(
        min(slow) < 2.0,
        tr("{when}: GET /users/… is answered without waiting for users (HTTP_TIMEOUT_MS is 4000)", when=when),
        got=", ".join(f"{seconds:.1f} s" for seconds in slow),
        code="waits-for-the-shadow",
    )
    turned(http, "legacy", when)
    customers.read(users[0], when)
    system.thaw("users")


# C7


@behaviour("C7")
def check_users_is_dead(http: Http, new: New, rng: random.Random, system: SystemUnderTest, wire: Wire) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "new")
    customers.live(tr("users is new"))
    customers.rename(users[1], tr("users is new"))
    system.kill("users")
    when = tr("users is new, and dead")
    since = wire.mark()
    for ident in customers.seen:
        customers.read(ident, when, "no-fallback")
    for answer in (
        http.post("/users", json={"email": new.email(), "name": new.name()}),
        http.patch(at(users[0]), json={"name": new.name()}),
        http.delete(at(users[0])),
    ):
        expect(
            answer.status == 503 and answer.code == "users_unavailable",
            tr("{when}: {method} {path}: 503 users_unavailable", when=when, method=answer.method, path=answer.path),
            got=answer,
            code="written-elsewhere" if answer.outcome == "ok" else "wrong-refusal",
            about=[answer],
        )
    elsewhere = writes(wire, TO_SHOP, since)
    expect(
        not elsewhere,
        tr("{when}: no POST, PATCH or DELETE of /users reaches the monolith", when=when),
        got=", ".join(elsewhere),
        code="written-elsewhere",
    )
    system.start("users")
    made: list[Answer] = []

    def again() -> bool:
        made.append(http.post("/users", json={"email": new.email(), "name": new.name()}))
        return made[-1].status == 201

    eventually(
        again,
        tr("users is back: POST /users answers 201"),
        within=RECOVERY,
        code="does-not-recover",
        got=lambda: made[-1],
    )
    customers.registered(made[-1], tr("users is back"))
    customers.all_there(tr("users is back"), "written-elsewhere")


@behaviour("C7")
def check_the_readers_of_a_part(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "percent:100")
    system.kill("users")
    when = tr("percent:100, and users is dead")
    made = customers.register(when, "no-fallback")
    customers.rename(users[1], when, "no-fallback")
    customers.remove(users[2], when, "no-fallback")
    for ident in customers.seen:
        customers.read(ident, when, "no-fallback")
    system.start("users")
    when = tr("percent:100, and users is back")

    def right() -> bool:
        found = [(http.get(at(ident)).json, customers.seen[ident].json) for ident in (made, users[1])]
        return all(got == wanted for got, wanted in found) and http.get(at(users[2])).status == 404

    eventually(
        right,
        tr("{when}: GET /users/… shows what was written meanwhile", when=when),
        within=RECOVERY,
        code="never-repaired",
    )
    turned(http, "new")
    customers.all_there(tr("users was dead for a while, then switched to new"), "never-repaired")


@behaviour("C7")
def check_a_lost_answer(http: Http, new: New, rng: random.Random, faults: FaultBox, wire: Wire) -> None:
    customers = Customers(http, new, rng)
    some(customers, 2)
    turned(http, "new")
    since = wire.mark()
    body = {"email": new.email(), "name": new.name()}
    with faults.on(TO_USERS, 'one-way on "POST /users"'):
        answer = http.post("/users", json=body, timeout=15.0)
    when = tr("users has registered somebody, and its answer was lost")
    expect(
        answer.status == 201 or (answer.status or 0) >= 500,
        tr("{when}: POST /users: 503 users_unavailable", when=when),
        got=answer,
        code="replayed",
        about=[answer],
    )
    sent = [*writes(wire, TO_USERS, since), *writes(wire, TO_SHOP, since)]
    expect(
        len(sent) == 1,
        tr("{when}: POST /users was sent once, to one side", when=when),
        got=", ".join(sent),
        code="replayed",
        about=[answer],
    )
    listed = Counter(str(user.get("email")) for page in pages(http) for user in page)
    expect(
        listed[body["email"]] == 1 and sum(listed.values()) == 3,
        tr("{when}: GET /users lists this e-mail once", when=when),
        got=f"{listed[body['email']]} ×",
        code="replayed",
        about=[answer],
    )


# C8


@behaviour("C8")
def check_the_monolith_without_users(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    customers = Customers(http, new, rng)
    users = some(customers)
    turned(http, "new")
    system.restart("shop", env={"MODULES": "orders,notifications"})
    when = tr("users is new, and the monolith runs with MODULES=orders,notifications")
    for _ in range(3):
        customers.live(when)
    customers.all_there(when, "needs-the-monolith")
    for ident in (users[0], customers.register(when, "needs-the-monolith")):
        customers.order(ident, when, "needs-the-monolith")
    stranger = customers.ordered(new.id("nobody"))
    expect(
        stranger.status == 422 and stranger.code == "unknown_user",
        tr("{when}: POST /orders for a user who never was: 422 unknown_user", when=when),
        got=stranger,
        code="noticed",
        about=[stranger],
    )
    system.kill("users")
    answer = http.get(at(users[0]))
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr(
            "{when}; users is killed: GET {path} of somebody who exists: 503 users_unavailable",
            when=when,
            path=at(users[0]),
        ),
        got=answer,
        code="unknown-read-as-no",
        about=[answer],
    )
    system.start("users")
    eventually(
        lambda: http.get(at(users[0])).status == 200,
        tr("users is back: GET /users/… answers 200"),
        within=RECOVERY,
        code="does-not-recover",
    )
    customers.all_there(when, "needs-the-monolith")
