"""Checks of 2.5: seven ways in which a neighbour can be broken, and what of orders must not notice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from lab.grading import (
    Answer,
    Deed,
    Http,
    Stub,
    behaviour,
    cut,
    delay,
    drip,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    measured,
    reset,
    sample_twice,
    status,
    stays,
    tr,
    within,
)
from lab.grading.checking.fixtures import FaultBox, New, SystemUnderTest

FAULT = 4.0
"""Seconds that a late answer is late by."""
HALF = FAULT / 2
"""Seconds within which an order is answered: four times HTTP_TIMEOUT_MS."""
TIMES = 3
"""So many times as long as without a fault is no longer the machine's doing."""
MEASURED = 0.5
"""Seconds that an answer may take beside the waiting of an order."""
CREATES = 40
READS = 20
CROWD = 20
"""Orders that are more than there are places (OUTBOUND_MAX)."""
PLACES, OTHER_PLACES, FEW_PLACES = 10, 6, 3
"""OUTBOUND_MAX as the exercise sets it, and as checks do. With the fewest a line without end is a long one."""
MOST = 0.9
"""The share that has to be quick: one or two may be unlucky on a busy machine."""
GIVEN_UP = 6.0
"""Seconds after which a client takes it that there will be no answer."""
OUTAGE = 5.0
"""Seconds that an outage lasts, so that a short memory of it ends before."""
WAITING = 0.4
"""Seconds for which an order certainly waits while users hangs: not quite HTTP_TIMEOUT_MS."""
AFTERWARDS, A_MOMENT = 2.0, 1.0
"""Seconds after which what has come right is looked at again: for what was put off, and for what was lost."""
RECOVERY = 20.0
"""Seconds within which orders takes orders again."""
LOOKS = 20
DRIP = 0.2
ROUNDS = 2
SETTLED = 1.0
"""Seconds for which calls that wait for a place may keep us from knowing that no more will come."""
BODY = 1024 * 1024
FAILURES = 160
KEPT = 110 * BODY
"""Growth that is nobody's fault: what a runtime keeps of what it has used once. Ours grew by 20 to 75 MiB with two
failures at a time; who keeps every body grows by 160."""

HANGS, REFUSES, RESETS = tr("hangs"), tr("refuses connections"), tr("resets connections")
BREAKS_OFF = tr("breaks off in the middle of its answer")
FAULTS: dict[str, Callable[[], Deed]] = {
    HANGS: hang,
    tr("answers {fault:g} s late", fault=FAULT): lambda: delay(FAULT),
    RESETS: reset,
    BREAKS_OFF: cut,
    tr("answers 500"): lambda: status(500),
    tr("answers 200 with an HTML page"): garbage,
}
LOST = (RESETS, BREAKS_OFF)
"""A connection that is lost some clients' libraries try again, unasked. Any other retry is a decision of somebody's."""


@contextmanager
def broken(how: str, stub: Mapping[str, Stub], faults: FaultBox) -> Iterator[None]:
    """Users behaves like this for the length of the block."""
    if how == REFUSES:
        with faults.on("orders->users", "refuse"):
            yield
        return
    stub["users"].will(FAULTS[how]())
    try:
        yield
    finally:
        stub["users"].heal()


def known(stub: Mapping[str, Stub], new: New) -> str:
    """A user whom users knows."""
    user = new.id("user")
    stub["users"].add(id=user, name=new.name(), email=new.email())  # type: ignore[attr-defined]
    return user


def placed(http: Http, user: str, new: New, timeout: float = GIVEN_UP) -> Answer:
    items = [{"sku": new.id("sku"), "qty": 2, "price": 45_000}]
    return http.post("/orders", json={"user_id": user, "items": items}, timeout=timeout)


def ordered(http: Http, user: str, new: New) -> Answer:
    """An order that has to come to be: users is well. A process that has just started may take too long at first."""
    tries: list[Answer] = []

    def accepted() -> bool:
        tries.append(placed(http, user, new))
        return tries[-1].status == 201

    within(10.0, accepted)
    answer = tries[-1]
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and answer.json.get("id") is not None,
        tr("users works: POST /orders for {user} answers 201 with the order and its id", user=user),
        got=answer,
        code="no-order",
        about=[answer],
    )
    return answer


def at_once(http: Http, users: Sequence[str], new: New) -> list[Answer]:
    """An order of each of them, at the same moment."""
    return http.at_once([lambda user=user: placed(http, user, new) for user in users])  # type: ignore[misc]


@dataclass(frozen=True)
class Burst:
    """What came of orders and reads at the same moment."""

    creates: list[Answer]
    reads: list[Answer]
    most_asked: int
    """How often users was asked for the same user."""
    max_in_flight: int

    def within(self, limit: float) -> bool:
        return enough(self.creates, limit + MEASURED) and enough(self.reads, limit)


def enough(answers: Sequence[Answer], limit: float) -> bool:
    return quick(answers, limit) >= MOST * len(answers)


def quick(answers: Sequence[Answer], limit: float) -> int:
    return sum(answer.seconds <= limit for answer in answers)


@behaviour("C1", start=False)
def check_reads_beside_a_broken_neighbour(
    http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox, system: SystemUnderTest
) -> None:
    attempts = int(system.env("orders")["RETRY_ATTEMPTS"])
    system.start("orders", env={"OUTBOUND_MAX": FEW_PLACES})
    user = known(stub, new)
    order = ordered(http, user, new).json
    paths = [f"/orders/{order['id']}", f"/orders?user_id={user}"]
    # As fast as before: a machine that is slow at this moment is slow without any fault, too.
    before = burst(http, stub, new, paths)
    usual = slowest(before.creates + before.reads)[0].seconds
    limit = min(max(HALF, TIMES * usual), MOST * FAULT - MEASURED)
    reads: list[float] = []
    for how in (*FAULTS, REFUSES):

        def measure(how: str = how) -> Burst:
            with broken(how, stub, faults):
                return burst(http, stub, new, paths)

        # A second look only at what was late: an answer that never came is not a matter of chance.
        seen = sample_twice(measure, lambda seen: seen.within(limit) or any(one.status is None for one in seen.creates))
        served(seen, how, order, limit)
        reads += [answer.seconds for answer in seen.reads]
        expect(
            how in LOST or seen.most_asked <= attempts,
            tr(
                "users {how}: one POST /orders calls users no more than RETRY_ATTEMPTS={attempts} allows",
                how=how,
                attempts=attempts,
            ),
            got=tr("{most_asked} calls for one order", most_asked=seen.most_asked),
            code="unasked-retries",
            about=slowest(seen.creates),
        )
        answered(seen, how, limit + MEASURED)
    measured("p95", sorted(reads)[int(0.95 * len(reads))])


def burst(http: Http, stub: Mapping[str, Stub], new: New, paths: Sequence[str]) -> Burst:
    users = [known(stub, new) for _ in range(CREATES)]
    stub["users"].forget()
    calls: list[Callable[[], Answer]] = [
        lambda user=user: placed(http, user, new)  # type: ignore[misc]
        for user in users
    ]
    calls += [lambda path=path: http.get(path) for path in paths] * (READS // len(paths))
    answers = http.at_once(calls)
    asked = Counter(seen.path for seen in stub["users"].seen if seen.path.startswith("/users/"))
    return Burst(answers[:CREATES], answers[CREATES:], max(asked.values(), default=0), stub["users"].max_in_flight)


def served(seen: Burst, how: str, order: Mapping[str, object], limit: float) -> None:
    """All reads are right, and hardly one is late."""
    wrong = [one for one in seen.reads if one.status != 200 or one.json not in (order, {"items": [order]})]
    late = [one for one in wrong if one.status is None]
    expect(
        not wrong,
        tr(
            "users {how}, {creates} orders are being placed: {reads} of {reads} reads answer 200 with the order",
            how=how,
            creates=CREATES,
            reads=READS,
        ),
        got=tr("{count} do not: {value}", count=len(wrong), value=wrong[0] if wrong else ""),
        code="reads-wait" if late else "reads-fail",
        about=wrong[:1],
    )
    expect(
        enough(seen.reads, limit),
        tr(
            "users {how}, {creates} orders are being placed: {reads:.0f} of {all} reads take at most {half:g} s",
            how=how,
            creates=CREATES,
            reads=READS * MOST,
            all=READS,
            half=round(limit, 1),
        ),
        got=tr("{quick}; the slowest: {slowest}", quick=quick(seen.reads, limit), slowest=slowest(seen.reads)[0]),
        code="reads-wait",
        about=slowest(seen.reads),
    )


def answered(seen: Burst, how: str, limit: float) -> None:
    """Who wants to order is not kept waiting either."""
    silent = [one for one in seen.creates if one.status is None]
    expect(
        not silent,
        tr("users {how}: each of {creates} × POST /orders gets an answer", how=how, creates=CREATES),
        got=tr(
            "{count} got none within {given_up:g} s; at most {max_in_flight} calls to users at the same time",
            count=len(silent),
            given_up=GIVEN_UP,
            max_in_flight=seen.max_in_flight,
        ),
        code="one-at-a-time" if seen.max_in_flight == 1 else "never-answered",
        about=seen.creates,
    )
    expect(
        enough(seen.creates, limit),
        tr(
            "users {how}: of {creates} × POST /orders at the same moment at least {part:.0f} are "
            "answered within {half:g} s (4 × HTTP_TIMEOUT_MS)",
            how=how,
            creates=CREATES,
            part=CREATES * MOST,
            half=round(limit - MEASURED, 1),
        ),
        got=tr(
            "{quick} were; at most {max_in_flight} calls to users at the same time; the slowest: {slowest}",
            quick=quick(seen.creates, limit),
            max_in_flight=seen.max_in_flight,
            slowest=slowest(seen.creates)[0],
        ),
        code="one-at-a-time" if seen.max_in_flight == 1 else "creates-wait",
        about=slowest(seen.creates),
    )


def slowest(answers: Sequence[Answer]) -> list[Answer]:
    return sorted(answers, key=lambda one: one.seconds)[-1:]


@behaviour("C2")
def check_what_cannot_be_confirmed_is_not_ordered(
    http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox
) -> None:
    user = known(stub, new)
    for how in (*FAULTS, REFUSES):
        with broken(how, stub, faults), ThreadPoolExecutor(1) as pool:
            looks = pool.submit(stored_meanwhile, http, user) if how == HANGS else None
            answers = at_once(http, [user] * CROWD, new)
        if looks:
            stored_nothing(
                looks.result(),
                tr(
                    "users {how}, and {user} waits for an answer to POST /orders: no order is stored yet",
                    how=how,
                    user=user,
                ),
                "stored-while-waiting",
            )
        bad = [one for one in answers if one.status != 503]
        counted = dict(Counter(f"{one.status or tr('no answer')} {one.code}".strip() for one in answers))
        expect(
            not bad,
            tr("users {how}: {crowd} × POST /orders at the same moment, each answered 503", how=how, crowd=CROWD),
            got=counted,
            code="fail-open"
            if any(one.status == 201 for one in bad)
            else "half-an-answer-is-not-a-503"
            if how == BREAKS_OFF
            else "not-a-503",
            about=bad[:1],
        )
        stored_nothing(listed(http, user), tr("users {how}: no order of {user} is stored", how=how, user=user))
    time.sleep(AFTERWARDS)
    stored_nothing(
        listed(http, user),
        tr(
            "users is well again for {seconds:g} s: none of the orders of {user} that were answered 503 is stored",
            seconds=AFTERWARDS,
            user=user,
        ),
    )


def listed(http: Http, user: str) -> Answer:
    return http.get(f"/orders?user_id={user}")


def stored_meanwhile(http: Http, user: str) -> Answer:
    """The user's orders while others are under way: the first look that shows one, or else the last look."""
    looks: list[Answer] = []

    def shows_one() -> bool:
        looks.append(listed(http, user))
        return bool(looks[-1].json != {"items": []})

    within(WAITING, shows_one)
    return looks[-1]


def stored_nothing(looked: Answer, expected: str, code: str = "stored-unconfirmed") -> None:
    expect(
        looked.status == 200 and looked.json == {"items": []},
        expected,
        got=f"{looked}: {looked.text[:200]}",
        code=code,
        about=[looked],
    )


@behaviour("C3")
def check_alive_and_ready_beside_a_broken_neighbour(
    http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox
) -> None:
    user = known(stub, new)
    ordered(http, user, new)
    says_ready(http, tr("users is well and has confirmed an order: /readyz says ready"), code="never-ready")
    placed(http, new.id("nobody"), new)
    says_ready(
        http,
        tr("users is well and knew nothing of one user, which is an answer: /readyz says ready"),
        code="unknown-user-is-trouble",
    )
    for how in (*FAULTS, REFUSES):
        began = time.monotonic()
        with broken(how, stub, faults):
            calls = [lambda: placed(http, user, new)] * 10
            calls += [lambda: http.get("/healthz"), lambda: http.get("/readyz")] * 5
            for answer in http.at_once(calls)[10:]:
                well(answer, how)
            eventually(
                lambda how=how: says_degraded(http, how),  # type: ignore[misc]
                tr("users {how} and ten orders could not be confirmed: /readyz says degraded", how=how),
                within=10.0,
                code="trouble-not-told",
                got=lambda: http.get("/readyz").text[:200],
            )
            well(http.get("/healthz"), how)
            if how == HANGS:
                goes_on_saying_so(http, user, new, how, until=began + OUTAGE)
        # The next kind of trouble has to be told anew. Whether orders recovers is the subject of another check.
        within(AFTERWARDS, lambda: placed(http, user, new).status == 201 and readiness(http) == "ready")
    asks_nobody(http, stub)


def says_ready(http: Http, expected: str, code: str) -> None:
    eventually(
        lambda: readiness(http) == "ready",
        expected,
        within=5.0,
        code=code,
        got=lambda: http.get("/readyz").text[:200],
    )


def readiness(http: Http) -> object:
    """The status that /readyz says, if it answers 200."""
    answer = http.get("/readyz")
    return answer.json.get("status") if answer.status == 200 and isinstance(answer.json, dict) else None


def asks_nobody(http: Http, stub: Mapping[str, Stub]) -> None:
    """Looking at health calls nobody. What a service asks now and then by itself is less than what is looked at."""
    stub["users"].forget()
    for _ in range(LOOKS):
        well(http.get("/readyz"), tr("is well"))
        well(http.get("/healthz"), tr("is well"))
    asked = stub["users"].count()
    expect(
        asked < LOOKS / 2,
        tr("{looks} × /readyz and /healthz: the probe itself calls nobody", looks=LOOKS),
        got=tr("users was called {count} times", count=asked),
        code="probe-asks-users",
    )


def goes_on_saying_so(http: Http, user: str, new: New, how: str, until: float) -> None:
    """As long as the outage lasts the trouble is told at every look, while an order waits and when there is none."""

    def said(expected: str, code: str, seconds: float) -> None:
        good = stays(lambda: says_degraded(http, how), seconds)
        expect(good, expected, got=http.get("/readyz").text[:200], code=code)

    said(tr("users {how}: /readyz says degraded at every look", how=how), "trouble-forgotten", WAITING)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(placed, http, user, new)
        said(
            tr("users {how} and an order waits for it: /readyz says degraded", how=how), "ready-while-it-asks", WAITING
        )
    quiet = tr(
        "users {how} for {seconds:g} s, and nobody orders any more: /readyz says degraded at every look",
        how=how,
        seconds=OUTAGE,
    )
    said(quiet, "trouble-forgotten", max(0.0, until - time.monotonic()))


@behaviour("C4")
def check_orders_are_taken_again(http: Http, stub: Mapping[str, Stub], new: New, faults: FaultBox) -> None:
    user = known(stub, new)
    ordered(http, user, new)
    all_places(http, user, new, tr("users is well"), "wall-too-narrow")
    for how in (HANGS, RESETS, REFUSES):
        with broken(how, stub, faults):
            at_once(http, [user] * CROWD * 2, new)
        recovers(http, stub, user, new, how)
        says_ready(
            http,
            tr("users {how}, then recovers and confirms an order: /readyz says ready", how=how),
            code="never-ready-again",
        )
    time.sleep(A_MOMENT)
    all_places(http, user, new, tr("users is well again for {seconds:g} s", seconds=A_MOMENT), "places-lost")


def all_places(http: Http, user: str, new: New, when: str, code: str) -> None:
    """So many orders at the same moment as may ask users are all accepted."""
    answers = sample_twice(
        lambda: at_once(http, [user] * PLACES, new), lambda answers: all(one.status == 201 for one in answers)
    )
    bad = [one for one in answers if one.status != 201]
    expect(
        not bad,
        tr(
            "{when}: {count} × POST /orders at the same moment, as many as OUTBOUND_MAX allows, each answered 201",
            when=when,
            count=PLACES,
        ),
        got=dict(Counter(f"{one.status or tr('no answer')} {one.code}".strip() for one in answers)),
        code=code,
        about=bad[:1],
    )


def recovers(http: Http, stub: Mapping[str, Stub], user: str, new: New, how: str) -> None:
    """Users is well again, and so is orders."""
    stub["users"].forget()
    tries: list[Answer] = []

    def accepted() -> bool:
        tries.append(placed(http, user, new))
        return tries[-1].status == 201

    good = within(RECOVERY, accepted)
    asked, last = stub["users"].count(), tries[-1]
    expect(
        good,
        tr("users {how}, then recovers: POST /orders answers 201 within 20 s", how=how),
        got=tr("{placed}; users was called {count} times since it recovered", placed=last, count=asked),
        code="does-not-recover" if asked else "refuses-at-once" if last.seconds < WAITING else "waits-in-vain",
        about=[last],
    )


def well(answer: Answer, how: str) -> None:
    alive = answer.path == "/healthz"
    expect(
        answer.status == 200,
        tr("users {how}: {path} answers 200", how=how, path=answer.path),
        got=f"{answer} {answer.text[:200]}",
        code="liveness-asks-the-neighbour" if alive else "unready-with-the-neighbour",
        about=[answer],
    )


def says_degraded(http: Http, how: str) -> bool:
    answer = http.get("/readyz")
    well(answer, how)
    return isinstance(answer.json, dict) and answer.json.get("status") == "degraded"


@behaviour("C5", start=False)
def check_no_crowd_at_the_neighbours_door(
    http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest
) -> None:
    allowed = OTHER_PLACES
    # Time enough: a call that is given up leaves users a moment after its place was given to the next.
    system.start("orders", env={"HTTP_TIMEOUT_MS": 8000, "OUTBOUND_MAX": allowed})
    user = known(stub, new)
    held = stub["users"].will(hold())
    with ThreadPoolExecutor(CREATES) as pool:
        asked = [pool.submit(placed, http, user, new, 10.0) for _ in range(CREATES)]
        try:
            held.wait(1)
            within(SETTLED, lambda: held.held + sum(one.done() for one in asked) >= CREATES)
        finally:
            held.release()
        answers = [one.result() for one in asked]
    most = stub["users"].max_in_flight
    expect(
        most <= allowed,
        tr(
            "{creates} × POST /orders at the same moment: at most {allowed} calls to users at a time (OUTBOUND_MAX)",
            creates=CREATES,
            allowed=allowed,
        ),
        got=tr("{most} at a time", most=most),
        code="too-many-in-flight",
        about=answers[:1],
    )
    good = [one for one in answers if one.status == 201]
    bad = [one for one in answers if one.status not in (201, 503)]
    expect(
        len(good) >= allowed and not bad,
        tr(
            "users was slow, but answered: every order is 201 or 503, and the {allowed} that had a place are 201",
            allowed=allowed,
        ),
        got=dict(Counter(f"{one.status or tr('no answer')} {one.code}".strip() for one in answers)),
        code="slow-is-not-broken",
        about=bad[:1],
    )


@behaviour("C5", start=False)
def check_who_gives_up_hangs_up(http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest) -> None:
    """An order is answered, its call goes on: then more and more calls are under way, whatever the wall counts."""
    system.start("orders", env={"HTTP_TIMEOUT_MS": 200})
    user = known(stub, new)
    ordered(http, user, new)
    stub["users"].will(hang())
    for _ in range(ROUNDS):
        at_once(http, [user] * PLACES, new)
    within(AFTERWARDS, lambda: stub["users"].in_flight <= PLACES)
    left = stub["users"].in_flight
    expect(
        left <= PLACES,
        tr(
            "users hangs, and {rounds} times {places} orders have been answered: at most {places} calls to users are "
            "under way (OUTBOUND_MAX), for a call that is given up is ended",
            rounds=ROUNDS,
            places=PLACES,
        ),
        got=tr("{most} at a time", most=left),
        code="given-up-calls-go-on",
    )


@behaviour("C6")
def check_an_outage_leaves_nothing_behind(
    http: Http, stub: Mapping[str, Stub], new: New, system: SystemUnderTest
) -> None:
    user = known(stub, new)
    ordered(http, user, new)
    process = system.pid("orders")
    before = system.rss("orders")
    stub["users"].will(garbage(b"<html>" + b"x" * BODY, "text/html"))
    http.at_once([lambda: placed(http, user, new)] * FAILURES, limit=2)
    allowed = max(2 * before, before + KEPT)
    eventually(
        lambda: system.rss("orders") <= allowed,
        tr(
            "orders used {before:.0f} MiB and uses at most {allowed:.0f} MiB after {failures} "
            "answers of users with 1 MiB of HTML each",
            before=before / BODY,
            allowed=allowed / BODY,
            failures=FAILURES,
        ),
        within=5.0,
        code="keeps-every-failure",
        got=lambda: f"{system.rss('orders') / BODY:.0f} MiB",
    )
    expect(
        system.pid("orders") == process,
        tr("orders still runs in the same process as before the outage, {process}", process=process),
        got=system.pid("orders") or tr("it has ended"),
        code="died",
    )


@behaviour("C7")
def check_the_limit_is_for_the_whole_answer(http: Http, stub: Mapping[str, Stub], new: New) -> None:
    user = known(stub, new)
    ordered(http, user, new)
    stub["users"].will(drip(DRIP))
    answers = http.at_once([lambda: placed(http, user, new)] * PLACES)
    expect(
        enough(answers, HALF + MEASURED),
        tr(
            "users sends a byte every {drip:g} s: POST /orders is answered within {half:g} s (4 × HTTP_TIMEOUT_MS)",
            drip=DRIP,
            half=HALF,
        ),
        got=slowest(answers)[0],
        code="limit-per-read",
        about=slowest(answers),
    )
