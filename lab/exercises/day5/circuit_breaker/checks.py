"""day5.3: a breaker that stops calling the dead, probes carefully and closes again, judged by what reaches users."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from math import ceil

from lab.grading import behaviour, delay, eventually, expect, hang, hold, sample_twice, status, tr

RESET = 1.0
"""Seconds the breaker stays open where a check waits for it to end; elsewhere it is BREAKER_RESET_MS=2000."""
SHORT = {"BREAKER_RESET_MS": int(RESET * 1000)}
PROBES = 1
AT_ONCE = 0.75
"""Seconds: half of HTTP_TIMEOUT_MS=1500. An open breaker waits for nobody, so this is generous."""
TO_USERS = "GET /users/*"


@behaviour("C1")
def check_not_found_is_an_answer(http, stub, new):
    user = stub["users"].add(new.id("user"), name=new.name())
    answers = [http.get(f"/order-view/{new.id('nobody')}") for _ in range(15)]
    reached = stub["users"].count(TO_USERS)
    expect(
        reached == 15,
        tr("15 requests for users who do not exist: all 15 reach users, each gets its 404"),
        got=tr("{reached} reached users; the last one got {answers}", reached=reached, answers=answers[-1]),
        code="not-found-counted",
        about=[answers[-1]],
    )
    for answer in answers:
        expect(
            answer.status == 404,
            tr("users answers 404, and so does the gateway"),
            got=answer,
            code="not-found-hidden",
            about=[answer],
        )
    after = http.get(f"/order-view/{user['id']}")
    expect(
        _shows(after, user),
        tr("after 15 times 404 user {id} is shown, not degraded", id=user["id"]),
        got=_view(after),
        code="not-found-counted",
        about=[after],
    )


def _refuses(http, stub, path: str) -> bool:
    """Whether the breaker is open by now: of five requests at least one goes no further."""
    before: int = stub["users"].count(TO_USERS)
    for _ in range(5):
        http.get(path)
    reached: int = stub["users"].count(TO_USERS) - before
    return reached < 5


@behaviour("C2")
def check_it_opens(http, stub, new):
    stub["users"].will(status(500))
    path = _path(stub, new)
    answers = http.at_once([lambda: http.get(path)] * 40, limit=8)
    reached = stub["users"].count(TO_USERS)
    opened = reached <= 15 or _refuses(http, stub, path)
    expect(
        reached <= 15,
        tr("users is down: of 40 requests, 8 at a time, at most 15 reach users (the breaker opens after 5 failures)"),
        got=tr("{reached} calls reached users", reached=reached),
        code="opens-too-late" if opened else "never-opens",
        command=answers[-1].curl,
    )


@behaviour("C3")
def check_open_answers_at_once(http, stub, new):
    path = _path(stub, new)
    _outage(http, stub, path)
    took = 0.0

    def twenty():
        nonlocal took
        stub["users"].forget()
        began = time.monotonic()
        answers = http.at_once([lambda: http.get(path)] * 20, limit=5)
        took = time.monotonic() - began
        return answers

    def quick(answers):
        return sum(answer.seconds <= AT_ONCE for answer in answers) >= 18

    answers = sample_twice(twenty, quick)
    for answer in answers:
        expect(
            answer.status == 200 and _is_degraded(answer),
            tr('the breaker is open: 200 with "user": null and "degraded": true'),
            got=_view(answer),
            code="open-is-an-error",
            about=[answer],
        )
    slowest = max(answers, key=lambda answer: answer.seconds)
    expect(
        quick(answers),
        tr("the breaker is open: at least 18 of 20 requests are answered within {at_once} s", at_once=AT_ONCE),
        got=tr(
            "{count} were; the slowest: {slowest}",
            count=sum(answer.seconds <= AT_ONCE for answer in answers),
            slowest=slowest,
        ),
        code="open-is-not-at-once",
        about=[slowest],
    )
    allowed, reached = 2 + ceil(took / 2.0) * PROBES, stub["users"].count(TO_USERS)
    expect(
        reached <= allowed,
        tr(
            "the breaker is open for 2 s at a time: of 20 requests in {took:.1f} s at most {allowed} reach users",
            took=took,
            allowed=allowed,
        ),
        got=tr("{reached} reached users", reached=reached),
        code="open-lets-through",
        command=answers[-1].curl,
    )


@behaviour("C4", start=False)
def check_half_open_is_no_flood(system, http, stub, new):
    system.start("gateway", env=SHORT)
    path = _path(stub, new)
    _outage(http, stub, path)
    stub["users"].will(delay(0.4))
    time.sleep(RESET + 0.2)
    stub["users"].forget()
    http.at_once([lambda: http.get(path)] * 20)
    reached = stub["users"].count(TO_USERS)
    expect(
        1 <= reached <= 5,
        tr("BREAKER_RESET_MS has passed, users still fails, now after 0.4 s: of a burst of 20 one to five reach users"),
        got=tr("{reached} reached users", reached=reached),
        code="half-open-flood" if reached else "no-probe",
    )


@behaviour("C5", start=False)
def check_a_failed_probe_opens_again(system, http, stub, new):
    system.start("gateway", env=SHORT)
    path = _path(stub, new)
    _outage(http, stub, path)
    time.sleep(RESET + 0.2)
    probe = http.get(path)
    stub["users"].forget()
    began = time.monotonic()
    for _ in range(10):
        http.get(path)
    took = time.monotonic() - began
    allowed, reached = 3 + int(took / RESET) * PROBES, stub["users"].count(TO_USERS)
    expect(
        reached <= allowed,
        tr("the probe has failed: of the next 10 calls at most {allowed} reach users", allowed=allowed),
        got=tr("{reached} reached users", reached=reached),
        code="failed-probe-does-not-reopen",
        command=probe.curl,
    )


@behaviour("C6", start=False)
def check_it_closes_again_under_traffic(system, http, stub, new):
    """The traffic never stops: a breaker whose time begins anew with each refused call never gets out."""
    system.start("gateway", env=SHORT)
    user = stub["users"].add(new.id("user"), name=new.name())
    path = f"/order-view/{user['id']}"
    _outage(http, stub, path)
    stub["users"].heal()
    stub["users"].forget()
    answers = []

    def reached():
        answers.append(http.get(path))
        return stub["users"].count(TO_USERS)

    eventually(
        reached,
        tr(
            "users is healthy again, requests keep coming: one reaches it within 8 × BREAKER_RESET_MS = {reset:.0f} s",
            reset=8 * RESET,
        ),
        within=8 * RESET,
        code="never-recovers",
        got=lambda: tr(
            "{count} requests, none of them reached users; the last one: {view}",
            count=len(answers),
            view=_view(answers[-1]),
        ),
    )
    stub["users"].forget()
    after = [http.get(path) for _ in range(20)]
    shown, reached_now = sum(_shows(answer, user) for answer in after), stub["users"].count(TO_USERS)
    expect(
        reached_now == 20 and shown >= 19,
        tr("the probe was good: the next 20 requests reach users, and its answer is shown"),
        got=tr("{reached_now} reached users, {shown} showed the user", reached_now=reached_now, shown=shown),
        code="does-not-close",
        about=[answer for answer in after if not _shows(answer, user)][:1],
    )


@behaviour("C7")
def check_calls_run_side_by_side(http, stub, new):
    stub["users"].will(delay(0.6))
    path = _path(stub, new)

    def together():
        stub["users"].forget()
        http.at_once([lambda: http.get(path)] * 12)
        return stub["users"].max_in_flight

    most = sample_twice(together, lambda seen: seen >= 6)
    expect(
        most >= 6,
        tr("users is healthy and takes 0.6 s: of 12 parallel requests at least 6 are in flight there at the same time"),
        got=tr("{most} at most", most=most),
        code="calls-are-serialised",
    )


@behaviour("C8", start=False)
def check_a_hang_opens_it(system, http, stub, new):
    system.start("gateway", env={"HTTP_TIMEOUT_MS": 300})
    stub["users"].will(hang())
    path = _path(stub, new)
    http.at_once([lambda: http.get(path)] * 10, limit=5)
    stub["users"].forget()
    began = time.monotonic()
    answers = http.at_once([lambda: http.get(path)] * 20, limit=5)
    took = time.monotonic() - began
    allowed, reached = 2 + ceil(took / 2.0) * PROBES, stub["users"].count(TO_USERS)
    expect(
        reached <= allowed,
        tr(
            "users hangs, HTTP_TIMEOUT_MS=300: open after 10 requests, and of 20 more at most {allowed} reach users",
            allowed=allowed,
        ),
        got=tr("{reached} reached users", reached=reached),
        code="hang-not-counted",
        command=answers[-1].curl,
    )
    expect(
        all(answer.status == 200 and _is_degraded(answer) for answer in answers),
        tr('users hangs: 200 with "user": null and "degraded": true'),
        got=_view(answers[-1]),
        code="open-is-an-error",
        about=[answers[-1]],
    )


@behaviour("C9")
def check_each_upstream_has_its_own(http, stub, new):
    user = stub["users"].add(new.id("user"), name=new.name())
    path = f"/order-view/{user['id']}"
    stub["reco"].will(status(500))
    http.at_once([lambda: http.get(path)] * 20, limit=4)
    stub["users"].forget()
    stub["reco"].forget()
    began = time.monotonic()
    answers = [http.get(path) for _ in range(20)]
    took = time.monotonic() - began
    asked = stub["users"].count(TO_USERS)
    hidden = [answer for answer in answers if not _has_user(answer, user)]
    expect(
        asked == 20 and not hidden,
        tr("reco is down, users is healthy: all of 20 requests reach users and show {id}", id=user["id"]),
        got=tr("{asked} reached users, {count} showed the user", asked=asked, count=20 - len(hidden)),
        code="shared-breaker",
        about=hidden[:1] or answers[-1:],
    )
    allowed, reached = 2 + ceil(took / 2.0) * PROBES, stub["reco"].count()
    expect(
        reached <= allowed,
        tr("reco is down: its breaker is open, and of 20 requests at most {allowed} reach reco", allowed=allowed),
        got=tr("{reached} reached reco", reached=reached),
        code="no-breaker-for-reco",
        about=answers[-1:],
    )


@behaviour("C10", start=False)
def check_the_metric_tells_the_story(system, http, stub, new, metrics):
    system.start("gateway", env={**SHORT, "HTTP_TIMEOUT_MS": 8000})
    path = _path(stub, new)
    http.get(path)

    def is_now(value, word):
        eventually(
            lambda: _state(metrics) == value,
            tr('the breaker of users is {word}: breaker_state{{name="users"}} {value}', word=word, value=value),
            within=3.0,
            code=f"{word}-is-not-{value}",
            got=lambda: tr("it is {state}", state=_state(metrics)),
        )

    is_now(0, "closed")
    _outage(http, stub, path)
    is_now(1, "open")
    stub["users"].heal()
    held = stub["users"].will(hold())
    with ThreadPoolExecutor(64) as pool:

        def probing():
            pool.submit(http.get, path)
            time.sleep(0.1)
            return held.held

        try:
            eventually(probing, tr("a probe reaches users after BREAKER_RESET_MS"), within=8 * RESET, code="no-probe")
            is_now(2, "half-open")
        finally:
            stub["users"].heal()

    def closed():
        http.get(path)
        return _state(metrics) == 0

    eventually(
        closed,
        tr('users is healthy again: breaker_state{name="users"} 0'),
        within=8 * RESET,
        code="not-closed-again",
        got=lambda: tr("it is {state}", state=_state(metrics)),
    )
    changes = metrics("gateway").sum("breaker_transitions_total", name="users")
    expect(
        changes >= 3,
        tr('closed, open, half-open, closed: breaker_transitions_total{name="users"} is at least 3 in all'),
        got=f"{changes:g}",
        code="transitions-not-counted",
    )


def _path(stub, new) -> str:
    """The view of a user who exists."""
    return f"/order-view/{stub['users'].add(new.id('user'), name=new.name())['id']}"


def _outage(http, stub, path: str) -> None:
    """users is down, and so many requests have met it that the breaker is open."""
    stub["users"].will(status(500))
    for _ in range(12):
        http.get(path)


def _has_user(answer, user) -> bool:
    found = answer.json.get("user") if isinstance(answer.json, dict) else None
    return answer.status == 200 and isinstance(found, dict) and str(found.get("id")) == str(user["id"])


def _shows(answer, user) -> bool:
    return _has_user(answer, user) and answer.json.get("degraded") is False


def _is_degraded(answer) -> bool:
    body = answer.json
    return isinstance(body, dict) and body.get("user", 0) is None and body.get("degraded") is True


def _state(metrics) -> float | None:
    found: float | None = metrics("gateway")["breaker_state", {"name": "users"}]
    return found


def _view(answer) -> str:
    return f"{answer} {answer.text[:120]}"
