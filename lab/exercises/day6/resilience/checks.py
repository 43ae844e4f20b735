"""Checks of 6.4: those of the exercises of day 5 on one chain, and a command that has to tell what happened.

The files beside this one are the checks of 5.1 and 5.7. They count calls of users, so the defences of which they know
nothing are out of their way: `BREAKER_FAILURES` is large where attempts are counted, and `RETRY_ATTEMPTS` is 1 where
each call counts for itself.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeAlias

import observability  # type: ignore[import-not-found]
import retrying  # type: ignore[import-not-found]

from lab.grading import (
    Answer,
    Deed,
    Http,
    Stub,
    behaviour,
    borrowed,
    cut,
    delay,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    reset,
    sample_twice,
    status,
    tr,
    within,
)
from lab.grading import answer as says
from lab.grading.checking.branch_rules import keeps_the_rules
from lab.grading.checking.fixtures import FaultBox, Memory, New, SystemUnderTest, Wire
from lab.grading.instruments.git import History
from lab.grading.instruments.metrics import Metrics
from lab.grading.instruments.tool import Ran

Check: TypeAlias = Callable[..., None]
Logs: TypeAlias = Callable[[str], list[Any]]
Scrape: TypeAlias = Callable[[str], Metrics]
Stubs: TypeAlias = Mapping[str, Any]
"""Each knows things of its own to be told."""
SOON = 2.0
"""Seconds: what is as good as at once, on a busy machine, too."""
QUICK = {"RETRY_BASE_MS": 20}
NO_BREAKER = {"BREAKER_FAILURES": 1000}
ONCE = {"RETRY_ATTEMPTS": 1}
ATTEMPTS, FAILURES, PLACES = 4, 5, 8
RESET = 1.0
EARLY = 0.7
"""A probe that comes before so much of BREAKER_RESET_MS has passed comes too early."""
CHAIN = ("orders", "gateway")
PLACE = "POST /orders"


class Given:
    """The system, in which each service is started with these variables, too."""

    def __init__(self, system: SystemUnderTest, *knobs: Mapping[str, object]) -> None:
        self._system = system
        self._knobs = {name: value for some in knobs for name, value in some.items()}

    def start(self, name: str, env: Mapping[str, object] | None = None) -> None:
        self._system.start(name, {**(env or {}), **self._knobs})

    def restart(self, name: str, env: Mapping[str, object] | None = None) -> None:
        self._system.restart(name, {**(env or {}), **self._knobs})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)


def given(check: Check, *knobs: Mapping[str, object]) -> Check:
    """The check, on a system whose services are started with these variables, too."""

    @wraps(check)
    def here(system: SystemUnderTest, *arguments: Any, **named: Any) -> None:
        check(Given(system, *knobs), *arguments, **named)

    return here


def without_breaker(check: Check) -> Check:
    return given(check, NO_BREAKER)


def each_call_for_itself(check: Check) -> Check:
    return given(check, ONCE, NO_BREAKER)


@behaviour("C1", start=False)
def check_the_branch(history: History) -> None:
    keeps_the_rules(history)


check_two_bad_statuses_are_passed_over = borrowed(
    "C2", without_breaker(retrying.check_two_bad_statuses_are_passed_over)
)
check_two_silences_are_passed_over = borrowed("C2", without_breaker(retrying.check_two_silences_are_passed_over))
check_an_outage_costs_four_attempts = borrowed(
    "C2", without_breaker(retrying.check_an_outage_costs_four_attempts_a_request)
)
check_answers_are_not_asked_again = borrowed("C2", without_breaker(retrying.check_answers_are_not_asked_again))

check_retry_after_is_kept = borrowed("C3", without_breaker(retrying.check_retry_after_is_kept))
check_pauses_grow = borrowed("C3", without_breaker(retrying.check_pauses_grow))
check_pauses_are_random = borrowed("C3", without_breaker(retrying.check_pauses_are_random))
check_there_is_a_deadline_over_all = borrowed("C3", without_breaker(retrying.check_there_is_a_deadline_over_all))


@behaviour("C4", start=False)
def check_one_layer_tries_again(system: SystemUnderTest, http: Http, stub: Stubs, new: New, wire: Wire) -> None:
    for service in CHAIN:
        system.start(service, env={**QUICK, **NO_BREAKER})
    user = customer(stub, new)
    stub["users"].will(status(503), on=asks(user), times=2)
    answer = place(http, user, new)
    expect(
        answer.status == 201,
        tr("users answers 503 twice, then correctly: the order is placed"),
        got=seen(answer),
        code="orders-does-not-retry",
        about=[answer],
    )
    user = customer(stub, new)
    stub["users"].will(status(503), on=asks(user))
    since = wire.mark()
    answer = place(http, user, new)
    calls, posts = stub["users"].count(asks(user)), len(wire.flows("gateway->orders", PLACE, since))
    expect(
        posts == 1 and 1 <= calls <= ATTEMPTS + 1,  # where RETRY_ATTEMPTS counts retries only it is remarked, as in C2
        tr("users is down: one order is one POST to orders, and at most {attempts} calls of users", attempts=ATTEMPTS),
        got=tr("{posts} and {calls}; the client got {answer}", posts=posts, calls=calls, answer=answer),
        code="post-made-again" if posts > 1 else "retries-multiply",
        about=[answer],
    )
    expect_code(answer, "orders_unavailable", tr("users is down, an order"))
    answer = place(http, {"id": new.id("nobody")}, new)
    expect(
        answer.status == 422 and answer.code == "unknown_user",
        tr("users knows nobody of that id: the order is answered 422 unknown_user"),
        got=seen(answer),
        code="unknown-user-not-said",
        about=[answer],
    )
    stub["users"].will(status(503), on="POST /sessions")
    answer = http.post("/login", json={"email": new.email(), "password": new.id("password")})
    posts = stub["users"].count("POST /sessions")
    expect(
        posts == 1,
        tr("users answers 503 to a login: POST /sessions is sent once"),
        got=str(posts),
        code="post-made-again",
        about=[answer],
    )


@behaviour("C4", start=False)
def check_the_gateway_hears_how_it_went(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    """orders needs more than one HTTP_TIMEOUT_MS for it, and less than TOTAL_TIMEOUT_MS."""
    for service in CHAIN:
        system.start(service, env={**QUICK, "HTTP_TIMEOUT_MS": 500, "TOTAL_TIMEOUT_MS": 4000})
    user = customer(stub, new)
    stub["users"].will(hang(), on=asks(user), times=2)
    answer = place(http, user, new)
    expect(
        answer.status == 201,
        tr(
            "users does not answer orders twice, HTTP_TIMEOUT_MS=500, then correctly: the gateway waits for "
            "TOTAL_TIMEOUT_MS and one more, and the order is placed"
        ),
        got=seen(answer),
        code="impatient-with-orders",
        about=[answer],
    )


@behaviour("C4", start=False)
def check_a_late_order_is_not_placed_twice(
    system: SystemUnderTest, http: Http, stub: Stubs, new: New, wire: Wire
) -> None:
    """orders stands still and then goes on: what reached it is done, and must have reached it once."""
    for service in CHAIN:
        system.start(service, env={**QUICK, "HTTP_TIMEOUT_MS": 300, "TOTAL_TIMEOUT_MS": 900})
    expect_placed(place(http, customer(stub, new), new), tr("all is well"))
    user = customer(stub, new)
    since = wire.mark()
    system.freeze("orders")
    answer = place(http, user, new)
    system.thaw("orders")
    expect_code(answer, "orders_unavailable", tr("orders stands still, an order"))
    expect(
        answer.seconds <= 1.2 + SOON,
        tr("orders stands still, TOTAL_TIMEOUT_MS and HTTP_TIMEOUT_MS are 1.2 s: the answer comes within 3.2 s"),
        got=answer,
        code="waits-for-orders-for-ever",
        about=[answer],
    )
    eventually(
        lambda: stub["users"].count(asks(user)),
        tr("orders goes on and does what has reached it"),
        code="order-never-arrived",
        within=5.0,
        got=lambda: tr("users was not asked about {id}", id=user["id"]),
    )
    expect_placed(place(http, customer(stub, new), new), tr("orders goes on"))  # a fence
    posts, asked = len(wire.flows("gateway->orders", PLACE, since)) - 1, stub["users"].count(asks(user))
    expect(
        posts == asked == 1,
        tr("orders stands still for a while: the order that was sent meanwhile reaches it once"),
        got=tr("{posts} POST, and users was asked {asked} times", posts=posts, asked=asked),
        code="post-made-again",
        about=[answer],
    )


TROUBLES: Mapping[str, Callable[[], Deed]] = {
    tr("answers 500"): lambda: status(500),
    tr("hangs"): hang,
    tr("cuts the connection"): reset,
    tr("ends the connection in the middle of its answer"): cut,
    tr("answers 200 with garbage"): garbage,
    tr("answers 200 without a list"): lambda: status(200, json={}),
}


@behaviour("C5", start=False)
def check_orders_without_recommendations(
    system: SystemUnderTest,
    http: Http,
    stub: Stubs,
    new: New,
    metrics: Scrape,
) -> None:
    for service in CHAIN:
        system.start(service, env={**NO_BREAKER, "HTTP_TIMEOUT_MS": 500})
    user = customer(stub, new)
    liked = [{"id": new.id("product"), "name": "green tea"}]
    stub["reco"].set(user["id"], liked)
    expect_whole(place(http, user, new), liked, tr("all is well"))
    before = metrics("orders").sum("fallback_total", dependency="reco")
    poor = 0
    for words, trouble in TROUBLES.items():
        stub["reco"].will(trouble())
        stub["reco"].forget()
        answer = place(http, user, new)
        poor += 1
        when = tr("reco {words}", words=words)
        expect_placed(answer, when, "optional-part-breaks-the-order")
        expect(
            answer.json.get("recommendations") == [] and answer.json.get("degraded") == ["reco"],
            tr('{when}: "recommendations": [] and "degraded": ["reco"]', when=when),
            got=seen(answer),
            code="silent-fallback",
            about=[answer],
        )
        expect(
            answer.seconds <= SOON,
            tr("{when}, HTTP_TIMEOUT_MS=500: the order is placed within {soon:g} s", when=when, soon=SOON),
            got=answer,
            code="waits-for-what-is-optional",
            about=[answer],
        )
        expect(
            stub["reco"].count() == 1,
            tr("{when}: it is asked once for an order", when=when),
            got=str(stub["reco"].count()),
            code="asks-again-for-what-is-optional",
            about=[answer],
        )
        stub["reco"].heal()
    expect_whole(place(http, user, new), liked, tr("reco is well again"))
    stub["users"].will(status(500))
    answer = http["orders"].post("/orders", json={"user_id": user["id"], "item": new.id("item")})
    expect_code(answer, "users_unavailable", tr("users is down, and with it nobody knows whether there is such a user"))
    counted = tr("{poor} orders were placed without recommendations", poor=poor)
    if not within(SOON, lambda: metrics("orders").sum("fallback_total", dependency="reco") - before == poor):
        expect(
            False,
            tr('{counted}: fallback_total{{dependency="reco"}} of orders grows by {poor}', counted=counted, poor=poor),
            got=f"{metrics('orders').sum('fallback_total', dependency='reco') - before:g}",
            code="fallbacks-miscounted",
        )


def expect_whole(answer: Answer, liked: list[Any], when: str) -> None:
    expect_placed(answer, when)
    expect(
        answer.json.get("recommendations") == liked and answer.json.get("degraded") == [],
        tr('{when}: the order has what reco recommends, and "degraded": []', when=when),
        got=seen(answer),
        code="no-recommendations",
        about=[answer],
    )


@dataclass(frozen=True)
class Asking:
    """How one of the two services is made to ask users about one customer."""

    service: str
    user: Mapping[str, Any]
    ask: Callable[[], Answer]

    @property
    def calls(self) -> str:
        return asks(self.user)


@behaviour("C6", start=False)
def check_a_breaker_in_both(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    """Both at the same time, each about a customer of its own."""
    for service in CHAIN:
        system.start(service, env={**ONCE, "BREAKER_RESET_MS": int(RESET * 1000)})
    known = {service: customer(stub, new) for service in CHAIN}
    both = [
        Asking("gateway", known["gateway"], lambda: http["gateway"].get(path(known["gateway"]))),
        Asking("orders", known["orders"], lambda: place(http["orders"], known["orders"], new)),
    ]
    with ThreadPoolExecutor(len(both)) as pool:
        for done in [pool.submit(expect_breaker, one, stub["users"]) for one in both]:
            done.result()


def expect_breaker(asking: Asking, users: Stub) -> None:
    service, calls, ask = asking.service, asking.calls, asking.ask

    def arrived() -> list[float]:
        return [one.at for one in users.seen if one.matches(calls)]

    users.will(status(404), on=calls, times=15)
    for _ in range(15):
        answer = ask()
    expect(
        len(arrived()) == 15,
        tr("{service}: users answers 404 to 15 requests, and all of them reach it", service=service),
        got=str(len(arrived())),
        code="counts-404",
        about=[answer],
    )
    users.will(status(500), on=calls)
    answers = [ask() for _ in range(FAILURES + 10)]
    reached = len(arrived()) - 15
    expect(
        reached == FAILURES,
        tr(
            "{service}: users answers 500 to 15 requests: BREAKER_FAILURES={failures} of them reach it",
            service=service,
            failures=FAILURES,
        ),
        got=str(reached),
        code="no-breaker" if reached > FAILURES else "opens-too-early",
        about=answers[-1:],
    )
    for answer in answers:
        expect_code(answer, "users_unavailable", tr("{service}: the breaker of users is open", service=service))
    opened = arrived()[-1]
    users.will(delay(0.3), on=calls)  # whatever it does, it takes longer now
    time.sleep(max(0.0, opened + RESET + 0.3 - time.monotonic()))
    with ThreadPoolExecutor(10) as pool:
        for one in [pool.submit(ask) for _ in range(10)]:
            one.result()
    probes = len(arrived()) - 15 - FAILURES
    expect(
        probes == 1,
        tr(
            "{service}: BREAKER_RESET_MS={reset:.0f} has passed, users takes 0.3 s to fail: of a burst of 10 requests "
            "one reaches it",
            service=service,
            reset=RESET * 1000,
        ),
        got=str(probes),
        code="never-probes" if not probes else "half-open-flood",
    )
    failed = arrived()[-1]
    while time.monotonic() < failed + EARLY * RESET:
        ask()
        time.sleep(0.05)
    expect(
        len(arrived()) == 15 + FAILURES + 1,
        tr(
            "{service}: the probe has failed, and until BREAKER_RESET_MS has passed again none reaches users",
            service=service,
        ),
        got=tr("{count} did", count=len(arrived()) - 15 - FAILURES - 1),
        code="failed-probe-does-not-reopen",
    )
    users.will(says(dict(asking.user)), on=calls)

    def well() -> bool:
        return ask().status in (200, 201)

    eventually(
        well,
        tr(
            "{service}: users is well again, requests keep coming: one is answered within {s:.0f} s",
            service=service,
            s=8 * RESET,
        ),
        within=8 * RESET,
        code="never-closes",
    )
    before = len(arrived())
    answers = [ask() for _ in range(10)]
    expect(
        len(arrived()) - before == 10,
        tr("{service}: the probe has succeeded, and all of 10 requests reach users", service=service),
        got=str(len(arrived()) - before),
        code="does-not-stay-closed",
        about=answers[-1:],
    )


@behaviour("C6", start=False)
def check_an_open_breaker_ends_the_retry(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    for service in CHAIN:
        system.start(service, env={**QUICK, "BREAKER_RESET_MS": 20_000})
    for service, ask in (
        ("gateway", lambda user: http.get(path(user))),
        ("orders", lambda user: place(http["orders"], user, new)),
    ):
        stub["users"].forget()
        stub["users"].will(status(503))
        answers = [ask(customer(stub, new)) for _ in range(4)]
        calls = stub["users"].count("GET /users/*")
        expect(
            calls == FAILURES,
            tr(
                "{service}: users answers 503, RETRY_ATTEMPTS=4, BREAKER_FAILURES={failures}: 4 requests cost "
                "{failures} calls in all",
                service=service,
                failures=FAILURES,
            ),
            got=str(calls),
            code="breaker-around-the-retry" if calls > FAILURES else "opens-too-early",
            about=answers[-1:],
        )


@behaviour("C6", start=False)
def check_an_open_breaker_answers_at_once(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    """A 500 is not asked again, so it opens quickly; whoever tries again with an open breaker waits for seconds."""
    system.start("gateway", env={"RETRY_BASE_MS": 3000, "BREAKER_RESET_MS": 20_000})
    stub["users"].will(status(500))
    path_of_one = path(customer(stub, new))
    for _ in range(FAILURES):
        http.get(path_of_one)
    answers = http.at_once([lambda: http.get(path_of_one, timeout=15.0)] * 6)
    slowest = max(answers, key=lambda answer: answer.seconds)
    expect(
        slowest.seconds <= SOON,
        tr(
            "the breaker is open, RETRY_BASE_MS=3000: each of 6 requests is answered within {soon:g} s, and none tried "
            "again",
            soon=SOON,
        ),
        got=slowest,
        code="retries-an-open-breaker",
        about=[slowest],
    )
    for answer in answers:
        expect_code(answer, "users_unavailable", tr("{service}: the breaker of users is open", service="gateway"))


@behaviour("C6", start=False)
def check_each_dependency_has_its_own(system: SystemUnderTest, http: Http, stub: Stubs, new: New, wire: Wire) -> None:
    for service in CHAIN:
        system.start(service, env={**ONCE, "BREAKER_RESET_MS": 20_000})
    stub["reco"].will(status(500))
    answers = [place(http, customer(stub, new), new) for _ in range(FAILURES + 5)]
    asked, spared = stub["users"].count("GET /users/*"), stub["reco"].count()
    for answer in answers:
        expect_placed(answer, tr("reco is down"))
    expect(
        spared == FAILURES and asked == len(answers),
        tr(
            "reco is down: of {count} orders all reach users, and {failures} reco",
            count=len(answers),
            failures=FAILURES,
        ),
        got=tr("{asked} reached users, {spared} reco", asked=asked, spared=spared),
        code="shared-breaker" if asked < len(answers) else "no-breaker-for-reco",
        about=answers[-1:],
    )
    stub["users"].will(status(500), where=lambda one: "order" in one.path)
    since = wire.mark()
    answers = [place(http, customer(stub, new, "order"), new) for _ in range(FAILURES + 5)]
    posts = len(wire.flows("gateway->orders", PLACE, since))
    for answer in answers:
        expect_code(answer, "orders_unavailable", tr("users fails for orders"))
    expect(
        posts == FAILURES,
        tr("orders answers 503: of {count} orders {failures} reach it", count=len(answers), failures=FAILURES),
        got=str(posts),
        code="no-breaker-for-orders" if posts > FAILURES else "opens-too-early",
        about=answers[-1:],
    )
    user = customer(stub, new)
    answer = http.get(path(user))
    expect(
        answer.status == 200 and answer.json == user,
        tr("the gateway's breaker of orders is open: users are shown as ever"),
        got=seen(answer),
        code="shared-breaker",
        about=[answer],
    )


@behaviour("C7", start=False)
def check_a_slow_orders_keeps_to_its_places(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    for service in CHAIN:
        system.start(service, env={"HTTP_TIMEOUT_MS": 8000})
    expect_placed(place(http, customer(stub, new), new), tr("all is well"))
    held = stub["users"].will(hold(), where=lambda one: "held" in one.path)
    with ThreadPoolExecutor(40) as pool:
        try:
            asked = [pool.submit(place, http, customer(stub, new, "held"), new) for _ in range(3 * PLACES)]
            eventually(
                lambda: held.held >= PLACES,
                tr("orders hangs: of {all} orders {places} are with it", all=len(asked), places=PLACES),
                code="turns-away-too-many",
                within=5.0,
                got=lambda: str(held.held),
            )
            expect_busy(asked, len(asked) - PLACES)
            expect(
                held.held == PLACES,
                tr("orders hangs: BULKHEAD_ORDERS_MAX={places} calls are with it", places=PLACES),
                got=str(held.held),
                code="no-bulkhead",
            )
            expect_neighbours(http, stub, new, tr("orders hangs"))
        finally:
            held.release()
        for one in asked:
            if one.result().status != 503:
                expect_placed(one.result(), tr("orders answers those whom it has kept waiting"))
    served = sum(one.result().status == 201 for one in asked)
    expect(
        served == PLACES,
        tr("orders answers in the end: the {places} orders that were with it are placed", places=PLACES),
        got=str(served),
        code="held-orders-lost",
    )
    stub["users"].heal()
    answers = [place(http, customer(stub, new), new) for _ in range(PLACES + 2)]
    for answer in answers:
        expect_placed(answer, tr("afterwards, one after the other"), "place-lost")


@behaviour("C7", start=False)
def check_a_frozen_orders(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    for service in CHAIN:
        system.start(service, env={"HTTP_TIMEOUT_MS": 8000})
    expect_placed(place(http, customer(stub, new), new), tr("all is well"))
    system.freeze("orders")
    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(place, http, customer(stub, new), new) for _ in range(3 * PLACES)]
        try:
            expect_busy(asked, len(asked) - PLACES)
            expect_neighbours(http, stub, new, tr("orders stands still"))
        finally:
            system.thaw("orders")


def expect_busy(asked: Sequence[Future[Answer]], count: int) -> None:
    """So many of them, and no more, are refused soon."""
    within(SOON + 1.0, lambda: sum(one.done() for one in asked) >= count)
    done = [one.result() for one in asked if one.done()]
    busy = [answer for answer in done if answer.status == 503 and answer.code == "busy"]
    late = [answer for answer in busy if answer.seconds > SOON]
    expect(
        len(busy) == count and not late,
        tr("{count} orders too many: each is answered 503 busy within {soon:g} s", count=count, soon=SOON),
        got=tr("{busy} were; {other}", busy=len(busy) - len(late), other=seen((late or done)[-1]) if done else ""),
        code="waits-for-a-place" if len(busy) < count or late else "turns-away-too-many",
        about=done[-1:],
    )
    for answer in busy:
        after = answer.headers.get("Retry-After", "")
        expect(
            after.isdecimal() and int(after) >= 1,
            tr("503 busy has a Retry-After of at least 1"),
            got=after or tr("no Retry-After"),
            code="no-retry-after",
            about=[answer],
        )


def expect_neighbours(http: Http, stub: Stubs, new: New, when: str) -> None:
    users = [customer(stub, new) for _ in range(10)]

    def ask() -> list[Answer]:
        return http.at_once([lambda user=user: http.get(path(user)) for user in users])  # type: ignore[misc]

    def poor(answers: list[Answer]) -> list[Answer]:
        return [
            answer
            for answer, user in zip(answers, users, strict=True)
            if answer.status != 200 or answer.json != user or answer.seconds > SOON
        ]

    found = poor(sample_twice(ask, lambda answers: len(poor(answers)) <= 1))
    expect(
        len(found) <= 1,
        tr("{when}: of 10 users at least 9 are shown within {soon:g} s", when=when, soon=SOON),
        got=tr("{count} were; {answer}", count=10 - len(found), answer=seen(found[0]) if found else ""),
        code="neighbour-starved",
        about=found[:1],
    )


check_every_request_is_counted = borrowed("C8", observability.check_every_request_is_counted)
check_failures_are_counted = borrowed("C8", observability.check_failures_are_counted)
check_series_do_not_multiply = borrowed("C8", observability.check_series_do_not_multiply)
check_a_histogram_of_seconds = borrowed("C8", observability.check_a_histogram_of_seconds)

check_one_id_all_the_way = borrowed("C9", observability.check_one_id_all_the_way)
check_an_id_where_there_is_none = borrowed("C9", observability.check_an_id_where_there_is_none)

check_calls_are_counted_by_their_end = borrowed("C10", observability.check_calls_are_counted_by_their_end)
check_an_outage_shows = borrowed("C10", each_call_for_itself(observability.check_an_outage_shows))
check_an_outage_behind_a_neighbour = borrowed("C10", observability.check_an_outage_behind_a_neighbour)


@behaviour("C10", start=False)
def check_retries_and_breakers_show(
    system: SystemUnderTest, http: Http, stub: Stubs, new: New, metrics: Scrape
) -> None:
    """What the client is not told: calls that were made again, and a breaker that is open."""
    for service in CHAIN:
        system.start(service, env={**QUICK, "BREAKER_RESET_MS": int(RESET * 1000)})

    def counts(service: str) -> list[float]:
        now = metrics(service)
        calls = [now.sum("dependency_requests_total", dependency="users", outcome=end) for end in ("ok", "error")]
        return [*calls, now.sum("retries_total", dependency="users")]

    for service, ask in (
        ("gateway", lambda user: http.get(path(user))),
        ("orders", lambda user: place(http["orders"], user, new)),
    ):

        def becomes(wanted: tuple[float, ...], before: list[float], when: str, service: str = service) -> None:
            def grown() -> tuple[float | None, ...]:
                more = [now - then for now, then in zip(counts(service), before, strict=True)]
                return (*more, metrics(service)["breaker_state", {"name": "users"}])

            if not within(SOON, lambda: grown() == wanted):
                found = grown()
                expect(
                    False,
                    tr(
                        '{service}, {when}: of users dependency_requests_total grows by {ok:g} "ok" and {error:g} '
                        '"error", retries_total by {again:g}, breaker_state is {state:g}',
                        service=service,
                        when=when,
                        ok=wanted[0],
                        error=wanted[1],
                        again=wanted[2],
                        state=wanted[3],
                    ),
                    got=", ".join("–" if one is None else f"{one:g}" for one in found),
                    code="retries-miscounted"
                    if found[2] != wanted[2]
                    else "breaker-state-is-wrong"
                    if found[3] != wanted[3]
                    else "calls-miscounted",
                )

        before = counts(service)
        user = customer(stub, new)
        stub["users"].will(status(503), on=asks(user), times=2)
        ask(user)
        becomes((1, 2, 2, 0), before, tr("users answers 503 twice, then correctly"))
        stub["users"].will(status(500))
        for _ in range(FAILURES + 3):
            ask(user)
        becomes((1, 2 + FAILURES, 2, 1), before, tr("then 500 to {count} requests", count=FAILURES + 3))
        stub["users"].heal()
        eventually(
            lambda ask=ask, user=user: ask(user).status in (200, 201),  # type: ignore[misc]
            tr("users is well again: a request is answered"),
            within=8 * RESET,
            code="never-closes",
        )
        becomes((2, 2 + FAILURES, 2, 0), before, tr("and is well again"))


@dataclass(frozen=True)
class Incident:
    """What really happened, and what monitoring has of it."""

    dependency: str | None
    kind: str | None
    words: str
    told: Mapping[str, Any]
    ran: Ran

    @property
    def named(self) -> Mapping[str, Any]:
        """What the command said; nothing if that is no JSON object with both."""
        try:
            said = json.loads(self.ran.out.strip().splitlines()[-1]) if self.ran.code == 0 else None
        except (ValueError, IndexError):
            return {}
        return said if isinstance(said, dict) and {"dependency", "kind"} <= said.keys() else {}


KINDS: Mapping[str, str] = {
    "refused": tr("refuses connections"),
    "timeout": tr("does not answer"),
    "5xx": tr("answers 500"),
    "broken": tr("sends answers that break off or cannot be read"),
}
HURRIED = {**QUICK, "HTTP_TIMEOUT_MS": 300, "TOTAL_TIMEOUT_MS": 1000, "BREAKER_RESET_MS": 500}
ORDERS_ASKED = 10


def play(
    system: SystemUnderTest,
    http: Http,
    stub: Stubs,
    faults: FaultBox,
    new: New,
    rng: random.Random,
    metrics: Scrape,
    logs: Logs,
    command: Callable[..., Ran],
) -> list[Incident]:
    """Six faults, two of each dependency, as the seed draws them, and a time in which nothing happens. When the command
    is asked, all of it is over and nobody is there any more."""
    for service in CHAIN:
        system.start(service, env=HURRIED)
    kinds = rng.sample(list(KINDS), len(KINDS))
    drawn = [("users", kind) for kind in kinds[:2]] + [("reco", kind) for kind in kinds[2:]]
    drawn += [("orders", kind) for kind in ("refused", "timeout")]
    rng.shuffle(drawn)
    played: list[tuple[str | None, str | None, dict[str, Any]]] = []
    for dependency, kind in [*drawn, (None, None)]:  # so the figures hold all of it when nothing happens
        await_well(system, http, stub, new)
        before = {service: samples(metrics, service) for service in CHAIN}
        so_far = {service: len(logs(service)) for service in CHAIN}
        hiccups(http, stub, new)
        with happening(system, stub, faults, rng, dependency, kind):
            await_lines(logs, traffic(http, stub, new))
            answering = [service for service in CHAIN if service != dependency]
            after = {service: samples(metrics, service) for service in answering}
        told = {
            service: {
                "before": before[service],
                "after": after.get(service),
                "log": [lined(line) for line in logs(service)[so_far[service] :] if line.stream == "stdout"],
            }
            for service in ("gateway", "orders")
        }
        played.append((dependency, kind, told))
    for service in filter(system.alive, CHAIN):
        system.kill(service)
    return [
        Incident(
            dependency=dependency,
            kind=kind,
            words=tr("{dependency} {kind}", dependency=dependency, kind=KINDS[kind]) if kind else tr("nothing happens"),
            told=told,
            ran=command("diagnose", json.dumps(told)),
        )
        for dependency, kind, told in played
    ]


def await_well(system: SystemUnderTest, http: Http, stub: Stubs, new: New) -> None:
    if not system.alive("orders"):
        system.start("orders", env=HURRIED)

    def well() -> bool:
        user = customer(stub, new)
        answer = place(http, user, new)
        return answer.status == 201 and answer.json.get("degraded") == [] and http.get(path(user)).status == 200

    eventually(well, tr("all is well: an order is whole"), within=10.0, code="does-not-heal")


def hiccups(http: Http, stub: Stubs, new: New) -> None:
    """Good traffic, in which users and reco fail once each: that is no incident."""
    for number in range(6):
        if number == 2:
            stub["users"].will(status(503), times=1)
        if number == 4:
            stub["reco"].will(status(500), times=1)
        place(http, customer(stub, new), new)
    http.get(path(customer(stub, new)))


def traffic(http: Http, stub: Stubs, new: New) -> list[Answer]:
    """A look at a few customers, and then orders, whatever comes of them: the answers. So the last lines are about
    orders, which fail for somebody else's sake."""
    looks = [http.get(path(customer(stub, new))) for _ in range(3)]
    return looks + http.at_once([lambda: place(http, customer(stub, new), new)] * ORDERS_ASKED, limit=5)


def await_lines(logs: Logs, answers: Sequence[Answer]) -> None:
    """The gateway has written about all of them."""
    idents = {answer.request_id for answer in answers}
    within(SOON, lambda: idents <= {line.data.get("request_id") for line in logs("gateway")})


@contextmanager
def happening(
    system: SystemUnderTest,
    stub: Stubs,
    faults: FaultBox,
    rng: random.Random,
    dependency: str | None,
    kind: str | None,
) -> Iterator[None]:
    with ExitStack() as healing:
        if dependency == "orders":
            if kind == "timeout":
                system.freeze("orders")
                healing.callback(system.thaw, "orders")
            else:
                system.kill("orders")
                healing.enter_context(faults.on("gateway->orders", "refuse"))
        elif dependency and kind == "refused":
            for service in CHAIN if dependency == "users" else ("orders",):
                healing.enter_context(faults.on(f"{service}->{dependency}", "refuse"))
        elif dependency:
            deeds: Mapping[str, Callable[[], Deed]] = {
                "timeout": hang,
                "5xx": lambda: status(500),
                "broken": rng.choice((cut, garbage)),
            }
            stub[dependency].will(deeds[str(kind)]())
            healing.callback(stub[dependency].heal)
        yield


def samples(metrics: Scrape, service: str) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "labels": one.labels, "value": one.value}
        for one in metrics(service).samples
        if math.isfinite(one.value)
    ]


def lined(line: Any) -> dict[str, Any]:
    return {
        "level": line.level,
        "msg": line.message,
        **({"event": line.event} if line.event else {}),
        **line.data,
    }


@behaviour("C11", start=False)
def check_the_dependency_is_named(
    system: SystemUnderTest,
    http: Http,
    stub: Stubs,
    faults: FaultBox,
    new: New,
    rng: random.Random,
    metrics: Scrape,
    logs: Logs,
    command: Callable[..., Ran],
    memory: Memory,
) -> None:
    incidents = memory.once(lambda: play(system, http, stub, faults, new, rng, metrics, logs, command))
    for incident in incidents:
        named = incident.named
        expect(
            named,
            tr('{words}: diagnose prints {{"dependency": …, "kind": …}}', words=incident.words),
            got=incident.ran,
            code="no-diagnosis",
        )
        expect(
            named["dependency"] == incident.dependency,
            tr(
                '{words}: diagnose says "dependency": {name}',
                words=incident.words,
                name=json.dumps(incident.dependency),
            ),
            got=incident.ran,
            code=misnamed(incident.dependency, named["dependency"]),
        )


def misnamed(really: str | None, named: object) -> str:
    if really is None:
        return "cries-wolf"
    if named is None:
        return "sees-nothing"
    return "blames-the-messenger" if named == "orders" else "blames-another"


@behaviour("C12", start=False)
def check_the_kind_is_named(
    system: SystemUnderTest,
    http: Http,
    stub: Stubs,
    faults: FaultBox,
    new: New,
    rng: random.Random,
    metrics: Scrape,
    logs: Logs,
    command: Callable[..., Ran],
    memory: Memory,
) -> None:
    for incident in memory.once(lambda: play(system, http, stub, faults, new, rng, metrics, logs, command)):
        expect(
            incident.named.get("kind") == incident.kind,
            tr('{words}: diagnose says "kind": {kind}', words=incident.words, kind=json.dumps(incident.kind)),
            got=incident.ran,
            code="another-kind",
        )


def customer(stub: Stubs, new: New, kind: str = "user") -> dict[str, Any]:
    made: dict[str, Any] = stub["users"].add(new.id(kind), name=new.name())
    return made


def path(user: Mapping[str, Any]) -> str:
    return f"/users/{user['id']}"


def asks(user: Mapping[str, Any]) -> str:
    """The request that asks users about this one."""
    return f"GET {path(user)}"


def place(http: Any, user: Mapping[str, Any], new: New) -> Answer:
    answer: Answer = http.post("/orders", json={"user_id": user["id"], "item": new.id("item")}, timeout=15.0)
    return answer


def expect_placed(answer: Answer, when: str, code: str = "order-not-placed") -> None:
    expect(
        answer.status == 201, tr("{when}: the order is placed", when=when), got=seen(answer), code=code, about=[answer]
    )


def expect_code(answer: Answer, code: str, when: str) -> None:
    expect(
        answer.status == 503 and answer.code == code,
        tr("{when}: 503 {code}", when=when, code=code),
        got=seen(answer),
        code="wrong-answer",
        about=[answer],
    )


def seen(answer: Answer) -> str:
    return f"{answer} {answer.text[:200]}"
