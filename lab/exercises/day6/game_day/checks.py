"""Exercise 6.5: a README is read, decisions are looked for, a table of failures is executed, a game day is played."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

from lab.grading import Answer, Http, Schedule, behaviour, cannot_tell, delay, eventually, expect, tr, trn, within
from lab.grading.structure import readme
from lab.grading.structure.decisions import copies, decisions
from lab.grading.structure.failure_table import Promise, Request, promises, uncovered
from lab.grading.structure.markdown import Fence, Markdown
from lab.grading.structure.variables import read_variables

SERVICES = ("catalog", "orders", "payments", "notifications")
QUEUES = {
    "orders.payment-result": "orders",
    "payments.order-events": "payments",
    "notifications.order-outcome": "notifications",
}
"""Whose each queue is."""
CREATED = "order.created"
TEMPLATES = {"confirmed": "order_confirmed", "cancelled": "order_cancelled"}
"""The states in which an order has ended, each with the mail about it."""

PRICE, BEYOND = 25_000, 90_000
"""The provider approves the one and declines the other."""
PATIENCE = 20.0
"""Seconds within which an order has ended, and a system that nothing disturbs any more is as before."""
DECISIONS = 3

LATE = 5.0
"""Seconds that an answer may take where a row says nothing of time."""
ASKED = 2
"""So often each request is made under its fault: what a first one finds out, a second one may know."""
LIES = 3
"""So many rows that do not hold are enough."""
ROWS = 6

READS, WRITES = 0.99, 0.95
"""The shares of requests that are to be answered well."""
PROMPT = 2.0
"""Seconds within which."""
RATE_OF_READS, RATE_OF_WRITES = 4.0, 1.5
PRODUCTS = 12
FIRST, SLOT, FAULT, RECOVERY = 4.0, 9.0, 3.0, 3.0
"""Seconds until the first faults, from some of them to the next, that each lasts, and that belong to it afterwards."""
STAGGER = 0.4
"""Seconds between faults that come together."""
PULSE, HICCUP = 0.05, 0.25
"""Seconds from one beat of the lab's own pulse to the next, and by which a beat may be late."""
SLOW = 0.05
"""Seconds that the provider and the mail server take, so that a kill meets somebody at work."""
SETTLED, REST = 40.0, 15.0
"""Seconds after the game day within which all is even; and without any message after which nobody expects anything."""
CROWD = 48
"""The most visitors at once."""


# -- C1: what the README says


@behaviour("C1", start=False)
def check_the_readme(system):
    document, folder = the_readme(system)
    titles = ", ".join(titles[0] for titles in readme.TITLES.values())
    absent = readme.missing_sections(document)
    expect(
        not absent,
        tr("{name} has the sections {titles}", name=document.name, titles=titles),
        got=tr("missing or empty: {absent}", absent=", ".join(absent)),
        code="no-section",
    )
    expect_filled_in(document)
    drawn = the_diagrams(document)
    lines = sum(readme.arrows(fence) for fence in drawn)
    expect(
        lines >= len(SERVICES) - 1,
        tr(
            "the section {title} has a diagram that joins the services: Mermaid, or arrows in a block of code",
            title=title("flow"),
        ),
        got=trn("{count} arrow", "{count} arrows", lines),
        code="no-diagram",
    )
    expect_drawn(drawn, SERVICES, tr("service of lab.toml"), "diagram-lacks-service")
    expect_variables(system, document)
    expect_links(document, folder)


@behaviour("C1")
def check_the_diagram_has_every_event(system, http, broker, stub, new):
    document, _ = the_readme(system)
    attentive(broker)
    refused(place(http, new.id("p"), new), 422, "unknown_product", tr("POST /orders of a product that nobody has"))
    refused(http["orders"].get(f"/orders/{new.id('o')}"), 404, "unknown_order", tr("GET of an order that there is not"))
    with broker.listen() as heard:
        for price, end in ((PRICE, "confirmed"), (BEYOND, "cancelled")):
            ended(http, ordered(http, product(stub, new, price), price, new), end)
        seen = sorted({message.routing_key for message in heard.up_to_now()})
    expect_drawn(the_diagrams(document), seen, tr("event that is seen on the wire"), "diagram-lacks-event")


def the_diagrams(document: Markdown) -> list[Fence]:
    return readme.diagrams(readme.section(document, "flow"))


def expect_filled_in(document: Markdown) -> None:
    left = readme.unfilled(document)
    expect(
        not left,
        tr("nothing in {name} is still to be filled in", name=document.name),
        got=some(f"{document.name}:{line}: {text}" for line, text in left),
        code="placeholder",
    )


def expect_links(document: Markdown, folder: Path) -> None:
    dead = readme.dead_links(document, folder)
    expect(
        not dead,
        tr("every relative link in {name} leads to a file or a folder", name=document.name),
        got=some(tr("{place} leads to {link}", place=f"{document.name}:{line}", link=link) for line, link in dead),
        code="dead-link",
    )


def expect_drawn(drawn: list[Fence], names: Iterable[str], what: str, code: str) -> None:
    lacking = [name for name in names if not any(readme.names(fence.text, name) for fence in drawn)]
    expect(
        not lacking,
        tr("the diagram names every {what}: {names}", what=what, names=", ".join(names)),
        got=tr("missing: {absent}", absent=", ".join(lacking)),
        code=code,
    )


def expect_variables(system: Any, document: Markdown) -> None:
    """Every variable that a service's code reads is in the section on the environment."""
    part = readme.section(document, "environment")
    for name in SERVICES:
        read = read_variables(system.dir(name))
        lacking = readme.undocumented(part, read)
        expect(
            not lacking,
            tr("the section {title} names every variable that {name} reads", title=title("environment"), name=name),
            got=some(
                tr("{variable} is not there, and is read in {place}", variable=one, place=f"{name}/{read[one]}")
                for one in lacking
            ),
            code="variable-undocumented",
        )


# -- C2: decisions


@behaviour("C2", start=False)
def check_the_decisions(system):
    document, folder = the_readme(system)
    part = readme.section(document, "decisions")
    found = decisions(part, folder)
    expect(
        len(found) >= DECISIONS,
        tr(
            "the section {title} has {count} decisions, each under a heading of its own or in a file that it links to",
            title=title("decisions"),
            count=DECISIONS,
        ),
        got=", ".join(f"{one.title} ({one.place})" for one in found) or None,
        code="too-few-decisions",
    )
    for one in found:
        about = {"title": one.title, "place": one.place}
        expect(
            not one.lacks,
            tr("the decision “{title}” ({place}) has context, decision, alternatives and consequences", **about),
            got=tr("missing, or only a word or two: {absent}", absent=", ".join(one.lacks)),
            code="decision-lacks-part",
        )
        expect(
            one.rejects,
            tr("the decision “{title}” ({place}) names an alternative, and in some words why not", **about),
            got=" ".join(one.parts["alternatives"]).strip(),
            code="nothing-rejected",
        )
    again = copies(found)
    expect(
        not again,
        tr("no decision says what another one says"),
        got=some(f"{one.title} ({one.place})" for one in again),
        code="decision-twice",
    )
    for file, paper in readme.linked(part, folder):
        expect_filled_in(paper)
        expect_links(paper, file.parent)


# -- C3: the table of failures


@behaviour("C3")
def check_the_table_of_failures(system, http, broker, stub, faults, new):
    document, _ = the_readme(system)
    requests = [Request(*line.split()) for line in ASKS]
    rows, misread = promises(readme.section(document, "failure"), system.topology, requests)
    expect(
        not misread,
        tr("every row of the table in {title} is understood", title=title("failure")),
        got=some(f"{document.name}:{one.line}: {one.why}" for one in misread),
        code="row-not-understood",
    )
    crashes = [row for row in rows if row.expected.status >= 500 and row.expected.status != 503]
    expect(
        not crashes,
        tr("no row promises an accident: what cannot be done is 503 with a code"),
        got=some(f"{document.name}:{row.line}: {row.says}" for row in crashes),
        code="promises-an-accident",
    )
    needed = [(name, [Request(*line.split()) for line in lines]) for name, lines in NEEDED.items()]
    bare = list(uncovered(rows, needed))
    expect(
        len(rows) >= ROWS and not bare,
        tr(
            "the table has {count} rows at least, with one in which each of {names} is away and somebody needs it",
            count=ROWS,
            names=", ".join(NEEDED),
        ),
        got=tr("{count} rows; none without {names}", count=len(rows), names=", ".join(bare) or tr("anything else")),
        code="table-too-small",
    )
    attentive(broker)
    with faults.on("orders->catalog", "refuse"):
        answer = place(http, product(stub, new, PRICE), new)
    refused(answer, 503, "catalog_unavailable", tr("POST /orders while the catalog cannot be reached"))
    lies = []
    for row in rows:
        if lie := tried(row, Shop(http, stub, new), system, faults):
            lies.append(f"{document.name}:{row.line}: | {row.says} | {lie[0]}")
            if len(lies) == 1:
                first = lie[1]
        if len(lies) == LIES:
            break
    expect(
        not lies,
        tr("under each fault of the table each request is answered as its row says"),
        got=some(lies),
        code="row-is-not-true",
        about=[first] if lies else [],
    )


@dataclass
class Shop:
    """The system as its customers see it, with what they need for one row."""

    http: Http
    stub: Any
    new: Any
    seen: str = ""
    """A product that was read before."""
    order: Answer | None = None

    def prepare(self, request: Request) -> None:
        self.seen = product(self.stub, self.new, PRICE)
        eventually(
            lambda: self.http["catalog"].get(f"/products/{self.seen}").status == 200,
            tr("GET /products/{id} to be 200 before the fault", id=self.seen),
            code="not-well-before",
        )
        if str(request) == "GET /orders/{id}":
            self.order = ordered(self.http, self.seen, PRICE, self.new)
            ended(self.http, self.order, "confirmed")

    def unseen(self) -> str:
        return product(self.stub, self.new, PRICE)


ASKS: dict[str, tuple[str, Callable[[Shop], Answer]]] = {
    "GET /products/{id}": ("catalog", lambda shop: shop.http["catalog"].get(f"/products/{shop.seen}")),
    "GET /products/{new}": ("catalog", lambda shop: shop.http["catalog"].get(f"/products/{shop.unseen()}")),
    "PUT /products/{id}": (
        "catalog",
        lambda shop: shop.http["catalog"].put(f"/products/{shop.seen}", json={"name": "Tea", "price": PRICE}),
    ),
    "POST /orders": ("orders", lambda shop: place(shop.http, shop.seen, shop.new)),
    "GET /orders/{id}": ("orders", lambda shop: shop.http["orders"].get(f"/orders/{field_of(shop.order, 'id')}")),
}
"""The requests that a row may be about, each with the service that is asked."""
NEEDED = {
    "redis": ("GET /products/{id}", "GET /products/{new}", "PUT /products/{id}"),
    "origin": ("GET /products/{id}", "GET /products/{new}", "PUT /products/{id}"),
    "catalog": ("POST /orders",),
    "amqp": ("POST /orders",),
    "payment": ("POST /orders",),
    "notify": ("POST /orders",),
}
"""What the services depend on, each with the requests that have to do with it."""


def tried(row: Promise, shop: Shop, system: Any, faults: Any) -> tuple[str, Answer] | None:
    """What is otherwise than the row says, in words, and the answer that shows it; None if nothing is."""
    service, ask = ASKS[str(row.request)]
    shop.prepare(row.request)
    answers = []
    with holding(row, system, faults):
        for _ in range(ASKED):
            answers.append(answer := ask(shop))
            if wrong := difference(row, answer):
                return wrong, answer
        if row.expected.degraded and not within(LATE, lambda: state(system.ready(service)) == "degraded"):
            return tr("/readyz of {name} says {status}", name=service, status=state(system.ready(service))), answers[-1]
    as_before(row, shop)
    if row.expected.then:
        for answer in answers:
            ident = field_of(answer, "id")
            if not within(PATIENCE, partial(order_is, shop.http, ident, row.expected.then)):
                shown = shop.http["orders"].get(f"/orders/{ident}")
                return tr("{seconds:g} s after the fault: {answer}", seconds=PATIENCE, answer=told_as(shown)), answer
    return None


def difference(row: Promise, answer: Answer) -> str:
    """In what the answer differs from the row, in words; empty: in nothing."""
    wanted = row.expected
    if answer.status != wanted.status:
        return told_as(answer)
    found = answer.code if wanted.status >= 400 else state(answer.json)
    if wanted.word and found != wanted.word:
        return told_as(answer)
    return told_as(answer) if answer.seconds > (wanted.within or LATE) else ""


@contextmanager
def holding(row: Promise, system: Any, faults: Any) -> Iterator[None]:
    """The faults of the row, for the length of the block; whoever died of them lives again afterwards."""
    begun = [faults.add(text) for text in row.faults]
    dead = [text.split()[1] for text in row.faults if text.startswith(("kill ", "terminate "))]
    for name in dead:
        system.wait_exit(name)
    try:
        yield
    finally:
        for ident in begun:
            faults.heal(ident)
        for name in dead:
            system.start(name)


def as_before(row: Promise, shop: Shop) -> None:
    """Return when the fault has no consequences any more."""

    def well() -> bool:
        read = shop.http["catalog"].get(f"/products/{shop.unseen()}")
        return read.status == 200 and place(shop.http, shop.seen, shop.new).status == 201

    eventually(
        well,
        tr("products to be read and orders to be taken after {fault}", fault=", ".join(row.faults)),
        PATIENCE,
        code="does-not-recover",
    )


# -- C4, C5: the game day


@behaviour("C4")
def check_what_was_promised_is_kept(memory, http, broker, stub, chaos, lasts, rng, new):
    day = memory.once(lambda: play(http, broker, stub, chaos, lasts, rng, new))
    for what, visits, share, code in (
        (tr("reads"), day.calm("GET"), READS, "reads-below-promise"),
        (tr("writes"), day.calm("POST"), WRITES, "writes-below-promise"),
    ):
        if not visits:
            cannot_tell(tr("between the declared faults nobody came: this machine is too busy"))
        bad = [visit for visit in visits if not visit.well]
        allowed = max(1, int(len(visits) * (1 - share) + 1e-9))
        expect(
            len(bad) <= allowed,
            tr(
                "outside of the declared faults {share:.0%} of the {what} are answered well within {seconds:g} s",
                share=share,
                what=what,
                seconds=PROMPT,
            ),
            got=tr(
                "{count} of {all} were not, at most {allowed} may be. The first: {when}",
                count=len(bad),
                all=len(visits),
                allowed=allowed,
                when=day.told(bad[0]) if bad else "",
            ),
            code=code,
            about=[visit.answer for visit in bad[:1]],
        )


@behaviour("C5")
def check_all_is_even_afterwards(memory, http, broker, stub, chaos, lasts, rng, new):
    day = memory.once(lambda: play(http, broker, stub, chaos, lasts, rng, new))
    for queue, left in day.left.items():
        expect(not left, tr("{queue} is worked off", queue=queue), got=left, code="not-drained")
    for queue, parked in day.parked.items():
        expect(
            not parked,
            tr("nothing is put aside in {queue}: every event of the day could be read", queue=f"{queue}.dlq"),
            got=trn("{count} message", "{count} messages", parked),
            code="parked-too-much",
        )
    for order in day.orders.values():
        wanted = "cancelled" if order.amount == BEYOND else "confirmed"
        expect(
            order.status == wanted,
            tr("order {id} over {amount} UZS is {status}", id=order.id, amount=order.amount, status=wanted),
            got=tr(
                "{status}; what was told of it: {kinds}", status=order.status, kinds=", ".join(day.kinds(order)) or "–"
            ),
            code="never-ended"
            if order.status == "pending"
            else "order-lost"
            if not order.status
            else "ended-otherwise",
            about=[order.request_id],
        )
    for order in day.orders.values():
        charged = [one for one in day.charges if one["order_id"] == order.id and one["status"] == "approved"]
        expect(
            len(charged) == (order.status == "confirmed"),
            tr(
                "order {id} is {status}: charged once if it is confirmed, not otherwise",
                id=order.id,
                status=order.status,
            ),
            got=trn("{count} open charge", "{count} open charges", len(charged)),
            code="charged-twice"
            if len(charged) > 1
            else "confirmed-not-charged"
            if not charged
            else "cancelled-and-charged",
            about=[order.request_id],
        )
        sent = day.mails.get(order.id, [])
        expect(
            sent == [TEMPLATES[order.status]],
            tr("one mail for order {id}: {template}", id=order.id, template=TEMPLATES[order.status]),
            got=", ".join(sent) or None,
            code="mailed-twice" if len(sent) > 1 else "mailed-otherwise" if sent else "mail-lost",
            about=[order.request_id],
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of the day, `at` so many seconds after its beginning."""

    at: float
    answer: Answer

    @property
    def well(self) -> bool:
        return self.answer.status in (200, 201) and self.answer.seconds <= PROMPT

    @property
    def over(self) -> float:
        return self.at + self.answer.seconds


@dataclass(slots=True)
class Order:
    """An order that was taken. `request_id` is that of its POST."""

    id: Any
    amount: int
    request_id: str
    status: str = ""


@dataclass
class Day:
    """What the game day has left behind."""

    windows: list[tuple[float, float, str]]
    """The declared faults: from when to when, and what."""
    visits: list[Visit]
    orders: dict[Any, Order] = field(default_factory=dict)
    heard: list[Any] = field(default_factory=list)
    charges: list[dict[str, Any]] = field(default_factory=list)
    mails: dict[Any, list[str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """By queue what is still in it, in words."""
    parked: dict[str, int] = field(default_factory=dict)

    def calm(self, method: str) -> list[Visit]:
        """The visits that no declared fault touches."""
        return [
            visit
            for visit in self.visits
            if visit.answer.method == method
            and not any(begin <= visit.over and visit.at <= end for begin, end, _ in self.windows)
        ]

    def told(self, visit: Visit) -> str:
        """The visit, and which fault was over by then."""
        over = [(end, fault) for _, end, fault in self.windows if end < visit.at]
        when = tr("before any fault")
        if over:
            end, fault = max(over)
            when = tr("{seconds:.1f} s after the time of {fault}", seconds=visit.at - end, fault=fault)
        return f"{told_as(visit.answer)} ({when})"

    def kinds(self, order: Order) -> list[str]:
        return [one.routing_key for one in self.heard if about(one, "order_id") == order.id]


Group = tuple[tuple[str, ...], ...]
KILLS: Group = (
    ("kill notifications",),
    ("kill payments",),
    ("kill orders",),
    ("kill catalog",),
)
BROKER: Group = (
    ("refuse orders->amqp",),
    ("refuse payments->amqp", "blackhole payments->amqp"),
)
CATALOG: Group = (
    ("status catalog->origin 503", "latency catalog->origin 2s", "blackhole catalog->origin"),
    ("one-way orders->catalog",),
)
LINKS: tuple[Group, ...] = (
    (
        ("refuse catalog->redis", "blackhole catalog->redis", "latency catalog->redis 2s", "error catalog->redis OOM"),
        ("one-way payments->payment",),
    ),
    (
        ("status notifications->notify 503", "one-way notifications->notify"),
        ("status payments->payment 503", "refuse payments->payment"),
    ),
)
VICTIMS = tuple(fault for group in (KILLS, BROKER, CATALOG, *LINKS) for fault in group)
"""What is broken on a game day, each once before any of them comes again; of several the seed chooses. In a short day
those of a group come together: none of them keeps work from another before that has begun. Who is killed has something
to forget by then, nobody who loses the broker is started anew by a kill, and there is time to see what the catalog's
absence leaves behind."""


DUPLICATES = "redeliver"
TWICE = tuple(f"{DUPLICATES} {name}->amqp 30% for 20s" for name in ("payments", "notifications"))
"""What nobody should notice, so it is not declared."""


def drawn(rng: Random, seconds: float) -> Schedule:
    """The faults of the seed, each at least once: one at a time, or group by group if there is no time for that."""
    slots = int((seconds - FIRST) // SLOT)
    one, other = rng.sample(LINKS, len(LINKS))
    groups = [one, KILLS, other, BROKER, CATALOG]
    if slots >= len(VICTIMS):
        groups = []
        while len(groups) < slots:
            groups += [(fault,) for fault in rng.sample(VICTIMS, len(VICTIMS))]
    faults: list[tuple[float, str]] = [(1.0, text) for text in TWICE]
    for slot, group in enumerate(groups[:slots]):
        for place, choice in enumerate(group):
            fault = rng.choice(choice)
            text = fault if fault.startswith("kill") else f"{fault} for {FAULT:g}s"
            faults.append((round(FIRST + SLOT * slot + STAGGER * place, 1), text))
    return Schedule.of(faults)


def play(http: Http, broker: Any, stub: Any, chaos: Any, seconds: float, rng: Random, new: Any) -> Day:
    """Let visitors come while the schedule is played, wait until all is even, and look at everything."""
    attentive(broker)
    schedule = chaos.schedule(drawn(rng, seconds))
    if chaos.hurried:  # a few of the faults, one after the other
        schedule = Schedule.of((FIRST + SLOT * place, one.fault) for place, one in enumerate(schedule))
        seconds = 0.0
    stub["payment"].will(delay(SLOW), on="POST /charges")
    stub["notify"].will(delay(SLOW), on="POST /notify")
    cheap = [product(stub, new, PRICE) for _ in range(PRODUCTS)]
    dear = product(stub, new, BEYOND)
    windows = [
        (one.at, max(one.over, one.at + FAULT) + RECOVERY, one.fault)
        for one in schedule
        if not one.fault.startswith(DUPLICATES)
    ]
    day = Day(windows, [])
    with broker.listen() as heard:
        first = ordered(http, cheap[0], PRICE, new)

        def look_at_something() -> Answer:
            if rng.random() < 0.25:
                taken = [order.id for order in list(day.orders.values())] or [field_of(first, "id")]
                return http["orders"].get(f"/orders/{rng.choice(taken)}", timeout=LATE)
            return http["catalog"].get(f"/products/{rng.choice(cheap)}", timeout=LATE)

        def order_something() -> Answer:
            wanted = dear if rng.random() < 0.2 else rng.choice(cheap)
            answer = place(http, wanted, new)
            if answer.status == 201:
                ident, amount = field_of(answer, "id"), BEYOND if wanted == dear else PRICE
                day.orders[ident] = Order(ident, amount, answer.request_id)
            return answer

        length = max(seconds, schedule.seconds + SLOT)
        plan = [(moment, look_at_something) for moment in moments(rng, RATE_OF_READS, length)]
        plan += [(moment, order_something) for moment in moments(rng, RATE_OF_WRITES, length)]
        with chaos.playing(schedule), pulse(windows):
            day.visits = visitors(sorted(plan, key=lambda one: one[0]))
        known(heard, day)
        chaos.settle(
            lambda: is_even(http, broker, stub, day),
            tr("everything to be even"),
            waiting=lambda: any(broker.depth(queue) for queue in QUEUES),
            within=SETTLED,
            rest=REST,
        )
        look(http, broker, stub, heard, day)
    return day


def moments(rng: Random, rate: float, seconds: float) -> list[float]:
    """So many a second, at random, and never so far apart that a fault would meet nobody."""
    return [(number + rng.random()) / rate for number in range(int(seconds * rate))]


@contextmanager
def pulse(windows: list[tuple[float, float, str]]) -> Iterator[None]:
    """While this machine has no time for the lab it has none for the services either: nobody is judged by that."""
    began, over = time.monotonic(), Event()

    def beat() -> None:
        while not over.is_set():
            due = time.monotonic() + PULSE
            over.wait(PULSE)
            if (late := time.monotonic() - due) > HICCUP:
                windows.append((due - began - PROMPT, due - began + late + PROMPT, tr("a standstill of this machine")))

    thread = Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def visitors(plan: list[tuple[float, Callable[[], Answer]]]) -> list[Visit]:
    """Each comes at its moment, whatever becomes of the others."""
    began = time.monotonic()

    def comes(call: Callable[[], Answer]) -> Visit:
        at = time.monotonic() - began
        return Visit(at, call())

    with ThreadPoolExecutor(CROWD) as pool:
        coming = []
        for moment, call in plan:
            time.sleep(max(0.0, began + moment - time.monotonic()))
            coming.append(pool.submit(comes, call))
        return [one.result() for one in coming]


def known(heard: Any, day: Day) -> None:
    """Orders whose answer was lost are orders, too: their event tells of them."""
    for message in heard.up_to_now():
        ident = about(message, "order_id")
        if message.routing_key == CREATED and ident is not None and ident not in day.orders:
            amount = about(message, "amount")
            day.orders[ident] = Order(ident, amount if isinstance(amount, int) else 0, message.correlation_id)


def is_even(http: Http, broker: Any, stub: Any, day: Day) -> bool:
    """Whether every order has ended and every mail is sent, and no queue holds anything."""
    for order in [one for one in day.orders.values() if one.status not in TEMPLATES][:10]:
        refresh(http, order)
    if any(order.status not in TEMPLATES for order in day.orders.values()):
        return False
    mailed = {mail.get("order_id") for mail in stub["notify"].sent}
    return all(ident in mailed for ident in day.orders) and not any(
        broker.depth(queue) or broker.unacked(queue) for queue in QUEUES
    )


def refresh(http: Http, order: Order) -> None:
    answer = http["orders"].get(f"/orders/{order.id}")
    order.status = state(answer.json) if answer.status == 200 else ""


def look(http: Http, broker: Any, stub: Any, heard: Any, day: Day) -> None:
    """Gather what is judged."""
    http.at_once([partial(refresh, http, order) for order in day.orders.values()], limit=4)
    day.heard = heard.up_to_now()
    day.charges = stub["payment"].charges
    for mail in stub["notify"].sent:
        day.mails.setdefault(mail.get("order_id"), []).append(str(mail.get("template")))
    for queue in QUEUES:
        ready, unacked = broker.depth(queue), broker.unacked(queue)
        day.left[queue] = (
            tr("{ready} ready, {unacked} unacked", ready=ready, unacked=unacked) if ready + unacked else ""
        )
        day.parked[queue] = broker.depth(f"{queue}.dlq")


# -- what they share


def the_readme(system: Any) -> tuple[Markdown, Path]:
    """The README of the system, and its folder."""
    folder = readme.system_folder([system.dir(name) for name in SERVICES])
    file = folder / readme.NAME
    expect(
        file.is_file(),
        tr(
            "{name} in {folder}, the folder that holds the folders of all services",
            name=readme.NAME,
            folder=folder.name,
        ),
        got=tr("no such file"),
        code="no-readme",
    )
    return readme.load(file, folder), folder


def title(which: str) -> str:
    return f"“{readme.TITLES[which][0]}”"


def attentive(broker: Any) -> None:
    """Every service has its queue, and consumes from it unless it fetches messages one by one."""
    for queue, name in QUEUES.items():
        eventually(
            lambda queue=queue: broker.exists(queue),  # type: ignore[misc]
            tr("{name} to declare its queue {queue}", name=name, queue=queue),
            code="no-queue",
            got=lambda: tr("no such queue"),
        )
    within(2.0, lambda: all(broker.consumers(queue) for queue in QUEUES))


def product(stub: Any, new: Any, price: int) -> str:
    """A product that the origin has, and that nobody has read yet."""
    ident: str = new.id("p")
    stub["origin"].set("products", ident, {"id": ident, "name": "Tea", "price": price, "version": 1})
    return ident


def place(http: Http, product_id: str, new: Any) -> Answer:
    return http["orders"].post("/orders", json={"ref": new.id("ref"), "product_id": product_id}, timeout=LATE)


def ordered(http: Http, product_id: str, price: int, new: Any) -> Answer:
    answer = place(http, product_id, new)
    expect(
        answer.status == 201 and field_of(answer, "id") is not None and state(answer.json) == "pending",
        tr("POST /orders of a product that the catalog has: 201 with an id and the status pending"),
        got=told_as(answer),
        code="order-refused",
        about=[answer],
    )
    expect(
        (field_of(answer, "product_id"), field_of(answer, "amount")) == (product_id, price),
        tr(
            "the order shows its product_id, {id}, and as amount the price that the catalog says, {price}",
            id=product_id,
            price=price,
        ),
        got=told_as(answer),
        code="price-not-asked",
        about=[answer],
    )
    return answer


def refused(answer: Answer, status: int, code: str, what: str) -> None:
    expect(
        (answer.status, answer.code) == (status, code),
        tr("{what}: {status} {code}", what=what, status=status, code=code),
        got=told_as(answer),
        code={201: "taken-all-the-same", 503: "said-to-be-an-outage"}.get(answer.status or 0, "answered-otherwise"),
        about=[answer],
    )


def ended(http: Http, order: Answer, wanted: str) -> None:
    ident = field_of(order, "id")
    eventually(
        lambda: order_is(http, ident, wanted),
        tr("order {id} over {amount} UZS to be {status}", id=ident, amount=field_of(order, "amount"), status=wanted),
        PATIENCE,
        code="never-ended",
        got=lambda: told_as(http["orders"].get(f"/orders/{ident}")),
        about=[order],
    )


def order_is(http: Http, ident: Any, wanted: str) -> bool:
    return state(http["orders"].get(f"/orders/{ident}").json) == wanted


def state(value: Any) -> str:
    found = value.get("status") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def field_of(answer: Answer | None, name: str) -> Any:
    return answer.json.get(name) if answer and isinstance(answer.json, dict) else None


def about(message: Any, name: str) -> Any:
    """A field of the event's data."""
    data = message.json.get("data") if isinstance(message.json, dict) else None
    return data.get(name) if isinstance(data, dict) else None


def told_as(answer: Answer) -> str:
    return f"{answer}: {answer.text[:120]}".rstrip(": ")


def some(found: Iterable[str]) -> str:
    """The first three, and how many more there are."""
    items = list(found)
    more = tr("; and {count} more", count=len(items) - 3) if len(items) > 3 else ""
    return "; ".join(items[:3]) + more
