"""day5.3: a breaker that stops calling the dead, probes carefully and closes again, judged by what reaches users."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import pairwise

from lab.grading import (
    behaviour,
    cut,
    delay,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    measured,
    reset,
    sample_twice,
    status,
    tr,
    within,
)

RESET = 1.0
"""Seconds the breaker stays open where a check waits for it to end; elsewhere it is BREAKER_RESET_MS=2000."""
SHORT = {"BREAKER_RESET_MS": int(RESET * 1000)}
LONG = 2.0
EARLY = 0.9
"""The share of that time before which no probe may arrive: two clocks are read, one there and one here."""
FAILURES = 5
OUTAGE = 5.0
"""Seconds: longer than a few probes."""
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
            answer.status == 404 and answer.code == "unknown_user",
            tr("users answers 404, and so does the gateway: 404 unknown_user"),
            got=answer,
            code="not-found-hidden",
            about=[answer],
        )
    path = f"/order-view/{user['id']}"
    for code in (400, 403):
        stub["users"].will(status(code), times=5)
        stub["users"].forget()
        other = [http.get(path) for _ in range(5)][-1]
        reached = stub["users"].count(TO_USERS)
        expect(
            reached == 5,
            tr("users answers {code} five times: all five requests reach it", code=code),
            got=tr("{reached} reached users", reached=reached),
            code="not-found-counted",
            about=[other],
        )
    after = http.get(path)
    expect(
        _is_whole(after, user, stub),
        tr("after all these 4xx user {id} is shown with recommendations, not degraded", id=user["id"]),
        got=_view(after),
        code="not-found-counted",
        about=[after],
    )


@behaviour("C1")
def check_few_failures_leave_it_closed(http, stub, new):
    """Six good answers before them, because of the last ten calls four have failed then, and not four of five."""
    path = _path(stub, new)
    _expect_closed(http, stub, path, tr("four failures in a row, good answers before and after"), "......xxxx......")
    _expect_closed(http, stub, path, tr("one call in four fails, three times"), "x..." * 3)


@behaviour("C2")
def check_it_opens(http, stub, new):
    stub["users"].will(status(500))
    path = _path(stub, new)
    answers = [http.get(path) for _ in range(10)]
    early = stub["users"].count(TO_USERS)
    answers += [http.get(path) for _ in range(5)]
    arrived = _arrivals(stub)
    late = len(arrived) - early
    reached = sum(at < arrived[:FAILURES][-1] + EARLY * RESET for at in arrived)  # probes, if it takes long, come later
    expect(
        reached == FAILURES,
        tr("users answers 500: of 15 requests, one after the other, the first 5 reach users, and no other"),
        got=tr("{reached} calls reached users", reached=reached),
        code="opens-too-early" if reached < FAILURES else "never-opens" if late >= 5 else "opens-too-late",
        about=answers[-1:],
    )
    _expect_without_user(answers[:FAILURES], stub, tr("users answers 500"))
    others = [_path(stub, new) for _ in range(3)]
    stub["users"].forget()
    other = [http.get(path) for path in others][-1]
    asked = sum(at < arrived[FAILURES - 1] + EARLY * RESET for at in _arrivals(stub))
    expect(
        asked == 0,
        tr("users has failed five times for one user: requests about three others do not reach it either"),
        got=tr("{asked} reached users", asked=asked),
        code="opens-for-one-user",
        about=[other],
    )


@behaviour("C2")
def check_it_opens_under_load(http, stub, new):
    stub["users"].will(status(500))
    path = _path(stub, new)
    answers = http.at_once([lambda: http.get(path)] * 40, limit=8)
    reached = stub["users"].count(TO_USERS)
    expect(
        reached <= 15,
        tr("users is down: of 40 requests, 8 at a time, at most 15 reach users (the breaker opens after 5 failures)"),
        got=tr("{reached} calls reached users", reached=reached),
        code="opens-too-late",
        command=answers[-1].curl,
    )


@behaviour("C2", start=False)
def check_every_kind_of_failure_opens_it(system, http, stub, faults, new):
    """What reaches users is counted afterwards, when it answers 500: a client library may repeat a GET by itself on a
    connection that was cut, and nobody sees who was refused."""
    for words, trouble in (
        (tr("refuses connections"), None),
        (tr("cuts the connection"), reset),
        (tr("ends the connection in the middle of its answer"), cut),
        (tr("answers 200 with what is not JSON"), garbage),
    ):
        system.restart("gateway")
        path = _path(stub, new)
        with faults.on("gateway->users", "refuse") if trouble is None else nullcontext():
            if trouble:
                stub["users"].will(trouble())
            answers = http.at_once([lambda path=path: http.get(path)] * 10, limit=5)
            stub["users"].will(status(500))
        _expect_without_user(answers[:FAILURES], stub, tr("users {words}", words=words))
        _expect_open(http, stub, path, tr("users {words}: open after 10 requests", words=words), "failure-not-counted")
        stub["users"].heal()


@behaviour("C3")
def check_open_answers_at_once(http, stub, new):
    """Users was well before, and what it said then is not shown now. A call that began before the breaker opened ends
    well after it: that says nothing about now."""
    path, slow = _path(stub, new), _path(stub, new)
    for _ in range(6):
        http.get(path)
    held = stub["users"].will(hold())
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(http.get, slow)
        try:
            within(5.0, lambda: held.held)
            stub["users"].forget()
            _outage(http, stub, path)
        finally:
            held.release()
    ended_well = isinstance(late.result().json, dict) and late.result().json.get("user") is not None

    def quick(answers):
        return sum(answer.seconds <= AT_ONCE for answer in answers) >= 18

    answers = sample_twice(lambda: http.at_once([lambda: http.get(path)] * 20, limit=5), quick)
    _expect_without_user(answers, stub, tr("the breaker is open"))
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
    early = _early(_arrivals(stub)[FAILURES - 1 : FAILURES + 1], LONG)
    expect(
        early is None or not ended_well,
        tr(
            "a call that began before the breaker opened ends well after it: it stays open, and until "
            "BREAKER_RESET_MS=2000 no call reaches users"
        ),
        got=tr("one did after {early:.2f} s", early=early or 0.0),
        code="late-answer-closes",
        about=[late.result()],
    )
    opened = (_arrivals(stub)[:FAILURES] or [time.monotonic()])[-1]
    _keep_asking(http, path, until=opened + LONG * 1.2)
    early = _early(_arrivals(stub)[FAILURES - 1 : FAILURES + 1], LONG)  # what comes after a probe is C5's
    expect(
        early is None,
        tr("the breaker is open for BREAKER_RESET_MS=2000: until then no call reaches users"),
        got=tr("one did after {early:.2f} s", early=early or 0.0),
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
    together = stub["users"].max_in_flight
    expect(
        together == 1,
        tr(
            "BREAKER_RESET_MS has passed, users still fails, now after 0.4 s: of a burst of 20 requests one reaches "
            "users (BREAKER_HALF_OPEN_MAX=1)"
        ),
        got=tr("{most} at the same time", most=together),
        code="no-probe" if not together else "too-many-probes" if together < FAILURES else "half-open-flood",
    )


@behaviour("C5", start=False)
def check_a_failed_probe_opens_again(system, http, stub, new):
    system.start("gateway", env=SHORT)
    path = _path(stub, new)
    _outage(http, stub, path)
    time.sleep(RESET + 0.2)
    stub["users"].forget()
    probe = http.get(path)
    _keep_asking(http, path, until=time.monotonic() + RESET * 0.8)
    arrived = _arrivals(stub)
    expect(
        arrived,
        tr("BREAKER_RESET_MS has passed: the next request is a probe and reaches users"),
        got=tr("nothing reached users"),
        code="no-probe",
        about=[probe],
    )
    early = _early(arrived, RESET)
    expect(
        early is None,
        tr("the probe has failed: no other call reaches users until BREAKER_RESET_MS=1000 has passed again"),
        got=tr("one did after {early:.2f} s", early=early or 0.0),
        code="failed-probe-does-not-reopen",
        about=[probe],
    )
    began, patience = arrived[0], 4.5 * RESET
    eventually(
        lambda: (http.get(path), stub["users"].count(TO_USERS) >= 3)[1],
        tr(
            "each failed probe opens it for as long as before: the next two reach users within {patience:.1f} s, about "
            "twice BREAKER_RESET_MS=1000",
            patience=patience,
        ),
        within=max(0.0, patience - (time.monotonic() - began)),
        code="open-longer-each-time",
        got=lambda: tr("{count} reached users since the first probe", count=stub["users"].count(TO_USERS) - 1),
        about=[probe],
    )


@behaviour("C6", start=False)
def check_it_closes_again_under_traffic(system, http, stub, faults, new):
    """The traffic never stops: a breaker whose time begins anew with each refused call never gets out. Several probes
    fail before users is well again, one in each way: none of them must be the last. The one that ends it is answered
    404, which is no failure here either."""
    system.start("gateway", env={**SHORT, "HTTP_TIMEOUT_MS": 800})
    user = stub["users"].add(new.id("user"), name=new.name())
    path, unknown = f"/order-view/{user['id']}", f"/order-view/{new.id('nobody')}"
    for trouble in (status(500), hang()):
        stub["users"].will(trouble)
        _keep_asking(http, path, until=time.monotonic() + OUTAGE / 3)
    probed = stub["users"].count(TO_USERS) > FAILURES
    with faults.on("gateway->users", "refuse"):
        _keep_asking(http, path, until=time.monotonic() + OUTAGE / 3)
    measured("probes", stub["users"].count(TO_USERS))
    stub["users"].heal()
    stub["users"].forget()
    well, answers = time.monotonic(), []

    def reached():
        answers.append(http.get(unknown))
        return stub["users"].count(TO_USERS)

    eventually(
        reached,
        tr(
            "users is healthy again after 5 s, requests keep coming: one reaches it within "
            "8 × BREAKER_RESET_MS = {reset:.0f} s",
            reset=8 * RESET,
        ),
        within=8 * RESET,
        code="stops-probing" if probed else "never-probes",
        got=lambda: tr(
            "{count} requests, none of them reached users; the last one: {view}",
            count=len(answers),
            view=_view(answers[-1]),
        ),
    )
    closed = time.monotonic()
    measured("recovery", closed - well)

    def expect_twenty(when, code):
        stub["users"].forget()
        after = [http.get(path) for _ in range(20)]
        shown, reached_now = sum(_is_whole(answer, user, stub) for answer in after), stub["users"].count(TO_USERS)
        expect(
            reached_now == 20 and shown >= 19,
            tr("{when}: 20 requests reach users, and its answer is shown", when=when),
            got=tr("{reached_now} reached users, {shown} showed the user", reached_now=reached_now, shown=shown),
            code=code,
            about=[answer for answer in after if not _is_whole(answer, user, stub)][:1],
        )

    expect_twenty(tr("the probe was answered 404, which is no failure"), "probe-not-believed")
    time.sleep(max(0.0, closed + 2.0 - time.monotonic()))
    expect_twenty(tr("two seconds later"), "does-not-stay-closed")


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
    answers = http.at_once([lambda: http.get(path)] * 10, limit=5)
    _expect_open(http, stub, path, tr("users hangs, HTTP_TIMEOUT_MS=300: open after 10 requests"), "hang-not-counted")
    _expect_degraded(answers, tr("users hangs"))


@behaviour("C9", start=False)
def check_each_upstream_has_its_own(system, http, stub, new):
    system.start("gateway", env=SHORT)
    user = stub["users"].add(new.id("user"), name=new.name())
    path = f"/order-view/{user['id']}"
    for _ in range(6):
        http.get(path)
    stub["reco"].will(status(500))
    http.at_once([lambda: http.get(path)] * 20, limit=4)
    stub["users"].forget()
    stub["reco"].forget()
    answers, took = _timed(lambda: [http.get(path) for _ in range(20)])
    asked = stub["users"].count(TO_USERS)
    hidden = [answer for answer in answers if not _has_user(answer, user)]
    expect(
        asked == 20 and not hidden,
        tr("reco is down, users is healthy: all of 20 requests reach users and show {id}", id=user["id"]),
        got=tr("{asked} reached users, {count} showed the user", asked=asked, count=20 - len(hidden)),
        code="shared-breaker",
        about=hidden[:1] or answers[-1:],
    )
    allowed, reached = 1 + int(took / RESET), stub["reco"].count()
    expect(
        reached <= allowed,
        tr("reco is down: its breaker is open, and of 20 requests at most {allowed} reach reco", allowed=allowed),
        got=tr("{reached} reached reco", reached=reached),
        code="no-breaker-for-reco",
        about=answers[-1:],
    )
    for answer in answers:
        expect(
            answer.json.get("recommendations") == [] and answer.json.get("degraded") is True,
            tr('reco is down: "recommendations": [] and "degraded": true'),
            got=_view(answer),
            code="missing-reco-not-said",
            about=[answer],
        )
    stub["reco"].heal()
    eventually(
        lambda: _is_whole(http.get(path), user, stub),
        tr("reco is healthy again: within 8 × BREAKER_RESET_MS its recommendations are shown"),
        within=8 * RESET,
        code="reco-never-recovers",
        got=lambda: _view(http.get(path)),
    )


@behaviour("C10", start=False)
def check_the_metric_tells_the_story(system, http, stub, new, metrics):
    system.start("gateway", env={**SHORT, "HTTP_TIMEOUT_MS": 8000})
    path = _path(stub, new)
    http.get(path)

    def is_now(value, word, ask=lambda: None):
        def seen():
            ask()
            return _state(metrics) == value

        eventually(
            seen,
            tr('the breaker of users is {word}: breaker_state{{name="users"}} {value}', word=word, value=value),
            within=3.0,
            code=f"{word}-is-not-{value}",
            got=lambda: tr("it is {state}", state=_state(metrics)),
        )

    is_now(0, "closed")
    _outage(http, stub, path)
    is_now(1, "open", ask=lambda: http.get(path))  # where a timer half-opens it, a failed probe opens it again
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


def _timed(work):
    """The result, and how many seconds it took."""
    began = time.monotonic()
    return work(), time.monotonic() - began


def _keep_asking(http, path: str, until: float) -> None:
    """One request after the other, about twenty a second."""
    while time.monotonic() < until:
        http.get(path)
        time.sleep(0.04)


def _arrivals(stub) -> list[float]:
    return [seen.at for seen in stub["users"].seen if seen.matches(TO_USERS)]


def _early(arrived: list[float], reset: float) -> float | None:
    """How long after the one before it a call arrived that came before the breaker may probe; None without one."""
    return next((after - before for before, after in pairwise(arrived) if after - before < EARLY * reset), None)


def _expect_closed(http, stub, path: str, when: str, calls: str) -> None:
    """Each request reaches users, of which some (`x`) fail there."""
    stub["users"].forget()
    for number, call in enumerate(calls):
        if call == "x":
            stub["users"].will(status(500), times=1)
        answer = http.get(path)
        expect(
            stub["users"].count(TO_USERS) > number,
            tr("{when}: the breaker stays closed, and every request reaches users", when=when),
            got=tr("of {count} requests {reached} did", count=number + 1, reached=number),
            code="opens-too-early",
            about=[answer],
        )


def _expect_open(http, stub, path: str, when: str, code: str) -> None:
    """The breaker, which stays open for 2 s, lets through hardly anything. How often it probes is C3's to say."""
    stub["users"].forget()
    answers, took = _timed(lambda: http.at_once([lambda: http.get(path)] * 10, limit=5))
    allowed, reached = 3 + int(took / LONG), stub["users"].count(TO_USERS)
    expect(
        reached <= allowed,
        tr("{when}, and of 10 more at most {allowed} reach users", when=when, allowed=allowed),
        got=tr("{reached} reached users", reached=reached),
        code=code,
        about=answers[-1:],
    )


def _expect_degraded(answers, when: str) -> None:
    for answer in answers:
        body = answer.json if isinstance(answer.json, dict) else {}
        expect(
            answer.status == 200 and body.get("user", 0) is None and body.get("degraded") is True,
            tr('{when}: 200 with "user": null and "degraded": true', when=when),
            got=_view(answer),
            code="old-user-shown" if isinstance(body.get("user"), dict) else "open-is-an-error",
            about=[answer],
        )


def _expect_without_user(answers, stub, when: str) -> None:
    _expect_degraded(answers, when)
    for answer in answers:
        expect(
            answer.json.get("recommendations") == stub["reco"].items,
            tr("{when}: the recommendations are there as always", when=when),
            got=_view(answer),
            code="other-part-lost",
            about=[answer],
        )


def _has_user(answer, user) -> bool:
    return answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("user") == user


def _is_whole(answer, user, stub) -> bool:
    recommended = _has_user(answer, user) and answer.json.get("recommendations") == stub["reco"].items
    return recommended and answer.json.get("degraded") is False


def _state(metrics) -> float | None:
    found: float | None = metrics("gateway")["breaker_state", {"name": "users"}]
    return found


def _view(answer) -> str:
    return f"{answer} {answer.text[:120]}"
