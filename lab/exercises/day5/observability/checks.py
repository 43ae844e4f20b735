"""day5.7: what two services say of themselves, in /metrics, /readyz and on stdout, held against what was really done to
them."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

from lab.grading import (
    Answer,
    answer,
    behaviour,
    delay,
    eventually,
    expect,
    garbage,
    hang,
    status,
    tr,
    within,
)

SOON = 2.0
"""Seconds: what is as good as at once, on a busy machine, too."""
SETTLED = 5.0
"""Seconds within which what was done shows in figures and lines."""
REQUESTS = "http_requests_total"
SECONDS = "http_request_duration_seconds"
CALLS = "dependency_requests_total"
KNOWN, ORDERS, LOGIN = "/users/{id}", "/orders", "/login"
MOST_SERIES = 20
SLOW = 0.6
STORM = 100
LOUD = ("warning", "error", "critical")
FAILURES = {
    tr("answers 500"): lambda: status(500),
    tr("answers 200 with garbage"): garbage,
    tr("hangs"): hang,
    tr("refuses connections"): None,
}
"""What is done to users; None: a fault on the way to it."""


@behaviour("C1")
def check_every_request_is_counted(http, stub, new, rng, metrics):
    user = _user(stub, new)
    kinds = {
        ("GET", KNOWN, "200"): lambda: http.get(_path(user)),
        ("GET", KNOWN, "404"): lambda: http.get(f"/users/{new.id('nobody')}"),
        ("POST", ORDERS, "201"): lambda: _order(http, user["id"], new),
        ("POST", ORDERS, "422"): lambda: _order(http, new.id("nobody"), new),
        ("POST", LOGIN, "201"): lambda: _login(http, new.id("password")),
        ("POST", LOGIN, "401"): lambda: _login(http, "wrong"),
    }
    _let_log_in(stub, new)
    plan = [kind for kind in kinds for _ in range(2)] + [rng.choice(list(kinds)) for _ in range(25)]
    rng.shuffle(plan)
    wanted = Counter(plan)
    before, orders_before = _requests(metrics, "gateway"), _requests(metrics, "orders")
    _expect_served(http.at_once([kinds[kind] for kind in plan], limit=6), plan)
    _expect_counted(metrics, "gateway", before, wanted, tr("37 requests over three routes"))
    of_orders = Counter({kind: count for kind, count in wanted.items() if kind[1] == ORDERS})
    _expect_counted(metrics, "orders", orders_before, of_orders, tr("37 requests over three routes"))
    for _ in range(2):
        metrics("gateway")
    again = [("GET", KNOWN, "200")] * 3 + [("GET", KNOWN, "404")] * 2
    _expect_served([kinds[kind]() for kind in again], again)
    when = tr("42 requests, and /metrics was read in between")
    _expect_counted(metrics, "gateway", before, wanted + Counter(again), when, "starts-anew")


@behaviour("C1")
def check_failures_are_counted(http, stub, new, metrics):
    user = _user(stub, new)
    before = _requests(metrics, "gateway")
    stub["users"].will(status(500))
    plan = [("GET", KNOWN, "503")] * 3 + [("POST", ORDERS, "503")] * 2
    _expect_served([http.get(_path(user)) for _ in range(3)] + [_order(http, user["id"], new) for _ in range(2)], plan)
    _expect_counted(metrics, "gateway", before, Counter(plan), tr("users is down: 5 requests that end in a 503"))


@behaviour("C2")
def check_series_do_not_multiply(http, stub, new, metrics):
    user = _user(stub, new)
    for path in (_path(user), f"/users/{new.id('nobody')}", f"/{new.id('nowhere')}"):
        http.get(path)
    stub["users"].will(status(500), times=1)
    http.get(_path(user))
    _settle(metrics, "GET", "503")
    before = _series(metrics)
    paths = [_path(_user(stub, new)) + f"?page={new.id()}" for _ in range(30)]
    paths += [f"/users/{new.id('nobody')}" for _ in range(20)] + [f"/{new.id('nowhere')}/{new.id()}" for _ in range(20)]
    stub["users"].will(status(500), where=lambda seen: "broken" in seen.path)
    paths += [f"/users/{new.id('broken')}" for _ in range(20)]
    answers = http.at_once([lambda path=path: http.get(path) for path in paths], limit=6)
    _settle(metrics, "GET", "503", 21)
    added = sorted(_series(metrics) - before)
    expect(
        len(added) <= MOST_SERIES,
        tr("90 requests with different ids and paths: at most {most} new series in /metrics", most=MOST_SERIES),
        got=tr("{count}, such as {series}", count=len(added), series=_shown(added[-1]) if added else ""),
        code="too-many-series",
        about=answers[-1:],
    )


@behaviour("C3")
def check_one_id_all_the_way(http, stub, new, logs):
    """Several at the same time, held up at users: whoever keeps the id in one place for all mixes them up."""
    users = [_user(stub, new) for _ in range(6)]
    _order(http, users[0]["id"], new)
    stub["users"].will(delay(0.2))
    stub["users"].forget()
    answers = http.at_once([lambda user=user: _order(http, user["id"], new) for user in users])
    for got, user in zip(answers, users, strict=True):
        _expect_passed_on(stub, got, user, got.request_id)
        for service in ("gateway", "orders"):
            _await_line(logs, service, got)
    got = http.get(_path(users[0]))
    _expect_passed_on(stub, got, users[0], got.request_id, orders=False)


@behaviour("C3")
def check_an_id_where_there_is_none(system, stub, new, logs):
    found = []
    for _ in range(2):
        user = _user(stub, new)
        ident = _id_made(f"{system.url('gateway')}{_path(user)}")
        expect(
            ident,
            tr("a request without X-Request-ID: the gateway makes one and says it in the answer's X-Request-ID"),
            got=tr("no X-Request-ID"),
            code="no-id-made",
        )
        asked = [seen.headers.get("x-request-id", "") for seen in stub["users"].seen if seen.path == _path(user)]
        expect(
            ident in asked,
            tr("a request without X-Request-ID: users gets the one that the gateway made, {id}", id=ident),
            got=", ".join(asked) or None,
            code="id-not-passed-on",
        )
        _await_line_of(
            logs, "gateway", ident, tr("a line of the gateway has the id that it made: request_id {id}", id=ident)
        )
        found.append(ident)
    expect(
        len(set(found)) == 2,
        tr("two requests without X-Request-ID get two different ids"),
        got=found[0],
        code="same-id-for-all",
    )


@behaviour("C4")
def check_a_histogram_of_seconds(http, stub, new, metrics):
    """What a client saw end within 0.25 s did end within 0.25 s, and what users held up for longer did not."""
    user = _user(stub, new)
    _expect_served([http.get(_path(user))], [("GET", KNOWN, "200")])
    within(SETTLED, lambda: _histogram(metrics).count >= 1)
    before = _histogram(metrics)
    answers = [http.get(_path(user)) for _ in range(10)]
    stub["users"].will(status(500), times=2)
    answers += [http.get(_path(user)) for _ in range(2)]
    stub["users"].will(delay(SLOW), times=5)
    slow = http.at_once([lambda: http.get(_path(user))] * 5)
    answers += slow
    eventually(
        lambda: _histogram(metrics).count - before.count >= len(answers),
        tr("17 more requests: {name}_count of GET /users/{{id}} is 17 more", name=SECONDS),
        within=SETTLED,
        code="not-observed",
        got=lambda: tr("{count:g} more", count=_histogram(metrics).count - before.count),
    )
    after = _histogram(metrics)
    new_ones = after.minus(before)
    expect(
        new_ones.count == len(answers) == new_ones.buckets.get(float("inf")),
        tr('17 more requests: {name}_count and the bucket le="+Inf" are both 17 more', name=SECONDS),
        got=tr("{count:g}, and {inf}", count=new_ones.count, inf=new_ones.buckets.get(float("inf"))),
        code="count-is-wrong",
    )
    bounds = sorted(new_ones.buckets)
    counts = [new_ones.buckets[bound] for bound in bounds]
    expect(
        counts == sorted(counts) and 0.25 in bounds,
        tr('buckets are cumulative, each holds those below it, too, and there is one with le="0.25"'),
        got=", ".join(f"{bound:g}: {count:g}" for bound, count in zip(bounds, counts, strict=True)),
        code="not-cumulative" if 0.25 in bounds else "no-such-bound",
    )
    quick = sum(got.seconds <= 0.25 for got in answers)
    below = new_ones.buckets[0.25]
    expect(
        quick <= below <= len(answers) - len(slow),
        tr(
            "of 17 requests {quick} took at most 0.25 s as the client saw it, and 5 were held up for longer: "
            'between {quick} and 12 are in the bucket le="0.25"',
            quick=quick,
        ),
        got=f"{below:g}",
        code="wrong-duration",
        about=slow[-1:],
    )
    least, most = 0.95 * SLOW * len(slow), sum(got.seconds for got in answers)
    expect(
        least <= new_ones.sum <= most + 0.01,
        tr(
            "{name}_sum grows by the seconds that the requests took: by {least:.1f} to {most:.1f}",
            name=SECONDS,
            least=least,
            most=most,
        ),
        got=f"{new_ones.sum:.3f}",
        code="wrong-duration",
        about=slow[-1:],
    )


@behaviour("C5")
def check_calls_are_counted_by_their_end(http, stub, new, metrics):
    user = _user(stub, new)
    before = _calls(metrics, "gateway", "users")
    for path in [_path(user)] * 3 + [f"/users/{new.id('nobody')}"] * 2:
        http.get(path)
    _expect_calls(metrics, "gateway", "users", before, (5, 0), tr("users answers 200 three times and 404 twice"))


@behaviour("C5", start=False)
def check_an_outage_shows(system, http, stub, faults, new, metrics, logs):
    for service in ("orders", "gateway"):
        system.start(service, env={"HTTP_TIMEOUT_MS": 800})
    user = _user(stub, new)
    before = _calls(metrics, "gateway", "users")
    errors = 0
    for words, failure in FAILURES.items():
        good = http.get(_path(user))
        _expect_ready(system, "ready", {"users": True, "orders": True}, tr("users works"))
        with faults.on("gateway->users", "refuse") if failure is None else nullcontext():
            if failure:
                stub["users"].will(failure())
            stub["users"].forget()
            for _ in range(2):
                bad = http.get(_path(user))
                errors += 1
                _expect_is(bad, 503, "users_unavailable", tr("users {words}", words=words))
                _expect_warned(logs, "gateway", bad, "users", tr("users {words}", words=words))
            asked = stub["users"].count() if failure else 2
            expect(
                asked == 2,
                tr("users {words}: two requests, and each calls it once", words=words),
                got=tr("users was called {count} times", count=asked),
                code="asked-again",
                about=[bad],
            )
            health = http.get("/healthz")
            expect(
                health.status == 200,
                tr("users {words}: GET /healthz of the gateway answers 200", words=words),
                got=health,
                code="liveness-asks-neighbours",
                about=[health],
            )
            asked = stub["users"].count()
            _expect_ready(system, "degraded", {"users": False, "orders": True}, tr("users {words}", words=words))
            asked = stub["users"].count() - asked
            expect(
                asked == 0,
                tr("GET /readyz tells how the last call ended, and calls nobody"),
                got=tr("users was called {count} times", count=asked),
                code="readyz-calls",
            )
        stub["users"].heal()
        _expect_calm(logs, "gateway", good)
    when = tr("users fails 8 times in four ways, and answers 4 times in between")
    _expect_calls(metrics, "gateway", "users", before, (4, errors), when)
    http.get(f"/users/{new.id('nobody')}")
    _expect_ready(system, "ready", {"users": True, "orders": True}, tr("users is well again and has answered 404"))


@behaviour("C5")
def check_an_outage_behind_a_neighbour(http, stub, new, metrics, logs):
    """users fails for orders, and so orders does for the gateway: each names the one that it has called itself."""
    user = _user(stub, new)
    before = _calls(metrics, "orders", "users"), _calls(metrics, "gateway", "orders")
    stub["users"].will(status(500))
    bad = _order(http, user["id"], new)
    when = tr("users answers 500 to orders")
    _expect_is(bad, 503, "orders_unavailable", when)
    _expect_warned(logs, "orders", bad, "users", when)
    _expect_warned(logs, "gateway", bad, "orders", when)
    _expect_calls(metrics, "orders", "users", before[0], (0, 1), when)
    _expect_calls(metrics, "gateway", "orders", before[1], (0, 1), when)


@behaviour("C6", start=False)
def check_no_secret_is_written(system, http, stub, new, logs, metrics):
    for service in ("orders", "gateway"):
        system.start(service, env={"HTTP_TIMEOUT_MS": 500})
    user = _user(stub, new)
    token = _let_log_in(stub, new)
    password, bearer, query = (new.id(kind) + new.id("x") for kind in ("hunter", "bearer", "query"))
    secrets = {
        tr("the password"): password,
        tr("the token that users gave at the login"): token,
        tr("the bearer token"): bearer,
        tr("the token in the query"): query,
    }
    signed = {"Authorization": f"Bearer {bearer}"}

    def everything() -> None:
        _login(http, password, headers=signed)
        http.get(_path(user) + f"?access_token={query}", headers=signed)
        http.post("/orders", json={"user_id": user["id"], "item": "tea"}, headers=signed)

    everything()
    http.post("/login", content=f'{{"email": "m@example.uz", "password": "{password}"', headers=signed)
    http.post("/login", json={"email": ["m@example.uz"], "password": password}, headers=signed)
    stub["users"].will(status(401), on="POST /sessions", times=1)
    _login(http, password, headers=signed)
    for trouble in (status(500), garbage(json.dumps([token, password]).encode()), hang()):
        stub["users"].will(trouble)
        everything()
    stub["users"].heal()
    last = _order(http, user["id"], new)  # a fence: whoever has written its line has written those before it
    for service in ("gateway", "orders"):
        _await_line(logs, service, last)
        for name, secret in secrets.items():
            line = _text_with(logs(service), secret)
            expect(
                not line,
                tr("{name} is in no line of {service}", name=name, service=service),
                got=line,
                code="secret-in-the-log",
            )
            labels = [series for series in _series(metrics, service) if secret in str(series)]
            expect(
                not labels,
                tr("{name} is in no label of {service}", name=name, service=service),
                got=_shown(labels[0]) if labels else "",
                code="secret-in-the-metrics",
            )


@behaviour("C7")
def check_no_storm_of_lines(http, stub, new, logs):
    user = _user(stub, new)
    _await_line(logs, "gateway", http.get(_path(user)))
    stub["users"].will(status(500))
    so_far = len(logs("gateway"))
    calls = [lambda: http.get(f"/users/{new.id('user')}") for _ in range(STORM)]
    answers = http.at_once([*calls[:50], lambda: http.get("/healthz"), *calls[50:]], limit=6)
    health = next(got for got in answers if got.path == "/healthz")
    stub["users"].heal()
    _await_line(logs, "gateway", http.get(_path(user)))
    lines = logs("gateway")[so_far:]
    most = 2 * (STORM + 1) + 5
    expect(
        len(lines) <= most,
        tr("{count} requests that fail in the same way: at most two lines of the gateway for each", count=STORM),
        got=tr(
            "{count} lines; the last ones: {last}", count=len(lines), last=[line.message[:60] for line in lines[-3:]]
        ),
        code="storm-of-lines",
        about=answers[-1:],
    )
    bare = [line for line in lines if line.stream == "stdout" and "request_id" not in line.data]
    expect(
        len(bare) <= 5,
        tr("{count} requests that fail in the same way: the lines are JSON objects with their request_id", count=STORM),
        got=tr("{count} lines have none, such as {line}", count=len(bare), line=bare[0].message[:120] if bare else ""),
        code="lines-without-id",
        about=answers[-1:],
    )
    expect(
        health.status == 200 and health.seconds <= SOON,
        tr("meanwhile GET /healthz answers 200 within {soon:g} s", soon=SOON),
        got=health,
        code="not-responsive",
        about=[health],
    )


@behaviour("C7")
def check_a_line_stays_a_line(http, new, logs):
    odd = f'{new.id("nobody")}"\n}}{{'
    got = http.get(f"/users/{quote(odd, safe='')}")
    _expect_is(got, 404, "unknown_user", tr("an id with a quote and a line end in it"))
    _await_line(logs, "gateway", got)
    broken = [line for line in logs("gateway") if "request_id" not in line.data and got.request_id in line.message]
    expect(
        not broken,
        tr("an id with a quote and a line end in it: each line is still one JSON object"),
        got=broken[0].message[:200] if broken else "",
        code="broken-line",
        about=[got],
    )


class Histogram:
    """The samples of one route: cumulative counts by upper bound, their sum and number."""

    def __init__(self, buckets: dict[float, float], total: float, count: float) -> None:
        self.buckets, self.sum, self.count = buckets, total, count

    def minus(self, other: Histogram) -> Histogram:
        buckets = {bound: count - other.buckets.get(bound, 0.0) for bound, count in self.buckets.items()}
        return Histogram(buckets, self.sum - other.sum, self.count - other.count)


def _histogram(metrics) -> Histogram:
    seen = metrics("gateway")
    buckets: dict[float, float] = {}
    for sample in seen.samples:
        if sample.name == f"{SECONDS}_bucket" and _is_of(sample, "GET", KNOWN):
            bound = float(sample.labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + sample.value
    labels = {"method": "GET", "route": KNOWN}
    return Histogram(buckets, seen.sum(f"{SECONDS}_sum", **labels), seen.sum(f"{SECONDS}_count", **labels))


def _is_of(sample, method: str, route: str) -> bool:
    return bool(sample.labels.get("method") == method and sample.labels.get("route") == route)


def _requests(metrics, service: str) -> Counter[tuple[str, str, str]]:
    """How many requests were counted so far, by method, route and status; other labels are added up."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for sample in metrics(service).samples:
        if sample.name == REQUESTS:
            labels = sample.labels
            counted[labels.get("method", ""), labels.get("route", ""), labels.get("status", "")] += int(sample.value)
    return counted


def _expect_counted(metrics, service: str, before, wanted, when: str, code: str = "") -> None:
    """Exactly these requests more, on the routes that they went to."""
    routes = {route for _, route, _ in wanted}

    def more() -> dict[tuple[str, str, str], int]:
        now = _requests(metrics, service)
        return {kind: now[kind] - before[kind] for kind in now | before if now[kind] != before[kind]}

    def on_routes() -> dict[tuple[str, str, str], int]:
        return {kind: count for kind, count in more().items() if kind[1] in routes}

    if not within(SETTLED, lambda: on_routes() == dict(wanted)):
        seen = more()
        expect(
            False,
            tr(
                "{when}: {name} of {service} grows by {wanted}",
                when=when,
                name=REQUESTS,
                service=service,
                wanted=_tally(wanted),
            ),
            got=_tally(seen),
            code=code or _miscount(seen, wanted),
        )


def _miscount(seen, wanted) -> str:
    if not seen:
        return "nothing-counted"
    if not any(route in {kind[1] for kind in wanted} for _, route, _ in seen):
        return "no-such-route"
    if all(seen.get(kind, 0) == count for kind, count in wanted.items() if kind[2][0] == "2"):
        return "failures-miscounted"
    return "miscounted"


def _tally(counts) -> str:
    return ", ".join(f"{method} {route} {status}: {count}" for (method, route, status), count in sorted(counts.items()))


def _settle(metrics, method: str, status: str, count: int = 1) -> None:
    """So many requests with this status have been counted: those before them have been, too."""
    within(SETTLED, lambda: metrics("gateway").sum(REQUESTS, method=method, status=status) >= count)


def _series(metrics, service: str = "gateway") -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in metrics(service).samples}


def _shown(series) -> str:
    name, labels = series
    return f"{name}{{{', '.join(f'{label}={value!r}' for label, value in labels)}}}"


def _calls(metrics, service: str, dependency: str) -> tuple[float, float]:
    """Calls to the dependency that were counted so far: good ones, and others."""
    seen = metrics(service)
    return tuple(seen.sum(CALLS, dependency=dependency, outcome=outcome) for outcome in ("ok", "error"))


def _expect_calls(metrics, service: str, dependency: str, before, wanted: tuple[int, int], when: str) -> None:
    def more() -> tuple[float, ...]:
        return tuple(now - then for now, then in zip(_calls(metrics, service, dependency), before, strict=True))

    if not within(SETTLED, lambda: more() == wanted):
        ok, error = more()
        expect(
            False,
            tr(
                '{when}: {name}{{dependency="{dependency}"}} of {service} grows by {ok} with outcome="ok" and by '
                '{error} with outcome="error"',
                when=when,
                name=CALLS,
                dependency=dependency,
                service=service,
                ok=wanted[0],
                error=wanted[1],
            ),
            got=tr("{ok:g} and {error:g}", ok=ok, error=error),
            code="calls-miscounted",
        )


def _expect_ready(system, said: str, checks: dict[str, bool], when: str) -> None:
    """`checks`: whether each dependency is "ok"."""

    def as_said(body) -> bool:
        if not body or body.get("status") != said or body["http_status"] != 200:
            return False
        told = body.get("checks")
        return isinstance(told, dict) and all(
            (told.get(name) == "ok") == ok and name in told for name, ok in checks.items()
        )

    seen: list[Any] = []

    def is_so() -> bool:
        seen.append(system.ready("gateway"))
        return as_said(seen[-1])

    if not within(SETTLED if said == "ready" else SOON, is_so):
        told = seen[-1] or {}
        expect(
            False,
            tr(
                '{when}: GET /readyz answers 200 with "status": "{said}" and checks with {checks}',
                when=when,
                said=said,
                checks=", ".join(
                    f'"{name}": "ok"' if ok else tr('"{name}": anything but "ok"', name=name)
                    for name, ok in checks.items()
                ),
            ),
            got=json.dumps(seen[-1], ensure_ascii=False),
            code="not-ready-again" if said == "ready" else "unready" if told.get("http_status") == 503 else "not-said",
        )


def _expect_warned(logs, service: str, bad: Answer, dependency: str, when: str) -> None:
    def lines():
        return [line for line in _lines_of(logs(service), bad.request_id) if line.level in LOUD]

    if not within(SETTLED, lambda: any(line.data.get("dependency") == dependency for line in lines())):
        expect(
            False,
            tr(
                '{when}: a line of {service} with level warn or error has "dependency": "{dependency}" and the '
                "request's id, {id}",
                when=when,
                service=service,
                dependency=dependency,
                id=bad.request_id,
            ),
            got=[{"level": line.level, "msg": line.message, **line.data} for line in lines()] or None,
            code="no-warning",
            about=[bad],
        )


def _expect_calm(logs, service: str, good: Answer) -> None:
    """Of a request that went well no line is loud: a warning that is always there is none."""
    loud = [line for line in _lines_of(logs(service), good.request_id) if line.level in LOUD]
    expect(
        not loud,
        tr(
            "users works, a request is answered {status}: no line about it with level warn or error", status=good.status
        ),
        got=loud[0].message if loud else "",
        code="cries-wolf",
        about=[good],
    )


def _expect_passed_on(stub, got: Answer, user, ident: str, *, orders: bool = True) -> None:
    said = got.headers.get("X-Request-ID", "")
    expect(
        said == ident,
        tr("the answer has the X-Request-ID of its request, {id}", id=ident),
        got=said or tr("no X-Request-ID"),
        code="id-not-given-back",
        about=[got],
    )
    asked = [seen.headers.get("x-request-id", "") for seen in stub["users"].seen if seen.path == _path(user)]
    expect(
        ident in asked,
        tr("users is called with X-Request-ID {id}, by orders for the gateway", id=ident)
        if orders
        else tr("users is called with X-Request-ID {id}, by the gateway", id=ident),
        got=", ".join(asked) or None,
        code="id-not-passed-on",
        about=[got],
    )


def _id_made(url: str) -> str:
    """The X-Request-ID in the answer to a request that has none."""
    with urllib.request.urlopen(url, timeout=SETTLED) as got:
        return str(got.headers.get("X-Request-ID") or "")


def _await_line_of(logs, service: str, ident: str, awaiting: str) -> None:
    eventually(
        lambda: _lines_of(logs(service), ident),
        awaiting,
        within=SETTLED,
        code="no-line",
        got=lambda: _last_line(logs(service)),
    )


def _await_line(logs, service: str, got: Answer) -> None:
    eventually(
        lambda: _lines_of(logs(service), got.request_id),
        tr(
            "{method} {path}: {service} writes a JSON line about it with request_id {id}",
            method=got.method,
            path=got.path,
            service=service,
            id=got.request_id,
        ),
        within=SETTLED,
        code="no-line",
        got=lambda: _last_line(logs(service)),
        about=[got],
    )


def _lines_of(lines, ident: str):
    return [line for line in lines if line.data.get("request_id") == ident]


def _last_line(lines) -> str:
    if not lines:
        return tr("no line at all")
    return tr("{count} lines, the last one: {line}", count=len(lines), line=(lines[-1].message, lines[-1].data))


def _text_with(lines, secret: str) -> str:
    """The line that has the secret in it, as far as it can be shown."""
    for line in lines:
        text = f"{line.message} {line.event} {line.correlation} {json.dumps(line.data, ensure_ascii=False)}"
        if secret in text:
            at = text.index(secret)
            return f"… {text[max(0, at - 80) : at + len(secret) + 10]} …"
    return ""


def _expect_served(answers: Iterable[Answer], plan) -> None:
    for got, (method, route, code) in zip(answers, plan, strict=True):
        expect(
            str(got.status) == code,
            tr("{method} {route} is answered {code}", method=method, route=route, code=code),
            got=_seen(got),
            code="wrong-answer",
            about=[got],
        )


def _expect_is(got: Answer, status: int, code: str, when: str) -> None:
    expect(
        got.status == status and got.code == code,
        tr("{when}: {status} {code}", when=when, status=status, code=code),
        got=_seen(got),
        code="wrong-answer",
        about=[got],
    )


def _let_log_in(stub, new) -> str:
    """users opens a session for every password but a wrong one; the token of each."""
    token: str = new.id("session") + new.id("token")
    stub["users"].will(answer({"token": token}, 201), on="POST /sessions")
    stub["users"].will(status(401), on="POST /sessions", where=_has_wrong_password)
    return token


def _has_wrong_password(seen) -> bool:
    return isinstance(seen.json, dict) and seen.json.get("password") == "wrong"


def _login(http, password: str, **more) -> Answer:
    got: Answer = http.post("/login", json={"email": "malika@example.uz", "password": password}, **more)
    return got


def _order(http, user: str, new) -> Answer:
    got: Answer = http.post("/orders", json={"user_id": user, "item": new.id("item")})
    return got


def _user(stub, new):
    return stub["users"].add(new.id("user"), name=new.name())


def _path(user) -> str:
    return f"/users/{user['id']}"


def _seen(got: Answer) -> str:
    return f"{got} {got.text[:200]}"
