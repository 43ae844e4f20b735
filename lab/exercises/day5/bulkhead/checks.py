"""day5.4: a service that keeps a slow dependency in its compartment and refuses what it cannot hold, judged by what is
under way at the two services behind it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from urllib.parse import urlsplit

from lab.grading import (
    Answer,
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

SOON = 2.0
"""Seconds: ten times BULKHEAD_QUEUE_MS, and a quarter of what a call may take."""
REPORT_MAX, USERS_MAX = 4, 16
"""As the exercise sets them. All that a check sends at once to a service in order is less than MAX_INFLIGHT=32."""
NARROW = 6
"""MAX_INFLIGHT where the compartments are wider than the process."""
WIDE = 20
LATER = 1.1
"""Seconds between two bursts: whoever lets in so many a second lets in more in the second one."""
REFUSES = tr("refuses connections")
FAILURES = {
    tr("answers 500"): lambda: status(500),
    tr("cuts the connection"): reset,
    tr("ends the connection in the middle of its answer"): cut,
    tr("answers 200 with garbage"): garbage,
    tr("hangs"): hang,
    REFUSES: None,
}
"""What is done to report; None: a fault on the way to it."""


@behaviour("C1")
def check_the_compartment_has_its_places(http, stub, new):
    _draw_figures(stub, new)
    held = stub["report"].will(hold())
    with Crowd(held) as crowd:
        first = crowd.ask(http, ["/report"] * 30)
        _expect_in_flight(stub, "report", REPORT_MAX, held, first)
        busy = _expect_busy(first, 20, tr("report hangs, 4 calls are with it (BULKHEAD_REPORT_MAX=4)"))
        time.sleep(max(0.0, LATER - (time.monotonic() - busy[0].began)))
        second = crowd.ask(http, ["/report"] * 20)
        _expect_busy(second, 14, tr("report still hangs, one second later"))
        _expect_at_most(stub, "report", REPORT_MAX, second)
        held.release()
        served = [answer for answer in crowd.answers(first) if answer.status != 503]
        _expect_report(
            served[:1], stub, tr("report answers in the end, and so does the gateway to those who were let in")
        )
        expect(
            len(served) >= REPORT_MAX,
            tr("the 4 requests whose calls were with report are answered 200 when report answers"),
            got=tr("{count} were", count=len(served)),
            code="held-calls-lost",
            about=served[-1:],
        )


@behaviour("C1", start=False)
def check_the_environment_says_how_many(system, http, stub):
    system.start("gateway", env={"BULKHEAD_REPORT_MAX": 2})
    held = stub["report"].will(hold())
    with Crowd(held) as crowd:
        _expect_in_flight(stub, "report", 2, held, crowd.ask(http, ["/report"] * 10))


@behaviour("C2")
def check_users_beside_a_hanging_report(http, stub, new):
    users = [_user(stub, new) for _ in range(10)]
    http.get(_path(users[0]))
    held = stub["report"].will(hold())
    with Crowd(held) as crowd:
        crowd.ask(http, ["/report"] * 8)
        _await_held(held, REPORT_MAX, "report")

        def others():
            crowd.ask(http, ["/report"] * 8)
            return http.at_once([lambda user=user: http.get(_path(user)) for user in users])

        answers = sample_twice(others, lambda seen: _shown(seen, users) >= 9)
        for answer, user in zip(answers, users, strict=True):
            if answer.status == 200:
                _expect_user(answer, user, tr("10 users, asked for at the same time"))
        wrong = [answer for answer, user in zip(answers, users, strict=True) if not _is_shown(answer, user)]
        expect(
            len(wrong) <= 1,
            tr("report hangs, 8 more ask for it: of 10 users at least 9 are shown within {soon:g} s", soon=SOON),
            got=tr("{count} were; one was not: {answer}", count=10 - len(wrong), answer=(wrong or answers)[0]),
            code="neighbour-starved",
            about=wrong[:1],
        )
        unknown = http.get(f"/users/{new.id('nobody')}")
        expect(
            unknown.status == 404 and unknown.code == "unknown_user",
            tr("users knows nobody of that id: 404 unknown_user"),
            got=_seen(unknown),
            code="unknown-user-not-said",
            about=[unknown],
        )


@behaviour("C2")
def check_report_beside_hanging_users(http, stub, new):
    users = [_user(stub, new) for _ in range(24)]
    http.get("/report")
    held = stub["users"].will(hold())
    with Crowd(held) as crowd:
        asked = crowd.ask(http, [_path(user) for user in users])
        _expect_in_flight(stub, "users", USERS_MAX, held, asked)
        _expect_busy(asked, 6, tr("users hangs, 16 calls are with it (BULKHEAD_USERS_MAX=16)"))
        good = tr("users hangs: 3 requests for the report at the same time are answered as ever")
        answers = sample_twice(
            lambda: http.at_once([lambda: http.get("/report")] * 3),
            lambda seen: all(_is_report(answer, stub) for answer in seen),
        )
        late = [answer for answer in answers if not _is_report(answer, stub)]
        expect(not late, good, got=(late or answers)[0], code="neighbour-starved", about=late[:1])
        held.release()
        crowd.answers(asked)


@behaviour("C2", start=False)
def check_the_environment_says_how_many_for_users(system, http, stub, new):
    system.start("gateway", env={"BULKHEAD_USERS_MAX": 3})
    held = stub["users"].will(hold())
    with Crowd(held) as crowd:
        asked = crowd.ask(http, [_path(_user(stub, new)) for _ in range(20)])
        _expect_in_flight(stub, "users", 3, held, asked)


@behaviour("C3", start=False)
def check_the_process_has_its_places(system, http, stub, new):
    """Two compartments that are each wider than the process: what is under way in both together is its limit."""
    system.start("gateway", env=_narrow())
    held = [stub[name].will(hold()) for name in ("report", "users")]
    with Crowd(*held) as crowd:
        asked = crowd.ask(http, _mixed(stub, new, 10))

        def under_way():
            return stub["report"].in_flight + stub["users"].in_flight

        eventually(
            lambda: under_way() >= NARROW,
            tr("MAX_INFLIGHT=6, report and users hang: of 20 requests 6 are let in"),
            within=5.0,
            code="turns-away-too-many",
            got=lambda: tr("{count} are under way at the two", count=under_way()),
        )
        _expect_busy(asked, 10, tr("6 requests are under way (MAX_INFLIGHT=6)"), "overload")
        most = under_way()
        expect(
            most == NARROW,
            tr("MAX_INFLIGHT=6, report and users hang: of 20 requests 6 are under way at the two together"),
            got=str(most),
            code="no-limit-for-the-process",
        )


@behaviour("C3", start=False)
def check_a_flood_passes(system, http, stub, new):
    system.start("gateway", env=_narrow())
    users = [_user(stub, new) for _ in range(100)]
    http.get(_path(users[0]))
    stub["users"].will(delay(0.3))
    stub["users"].forget()
    answers = http.at_once([lambda user=user: http.get(_path(user)) for user in users], limit=len(users))
    most = stub["users"].max_in_flight
    expect(
        most <= NARROW,
        tr("100 requests at the same time, MAX_INFLIGHT=6: at most 6 are under way"),
        got=str(most),
        code="no-limit-for-the-process",
    )
    for answer, user in zip(answers, users, strict=True):
        if answer.status == 200:
            _expect_user(answer, user, tr("100 requests at the same time"))
        else:
            _expect_is_busy(answer, tr("100 requests at the same time: who is not served is told so"))
    served = sum(answer.status == 200 for answer in answers)
    measured("served", served)
    measured("longest", max((answer.seconds for answer in answers if answer.status == 200), default=0.0))
    expect(
        served >= NARROW,
        tr("100 requests at the same time, MAX_INFLIGHT=6: at least 6 of them are answered 200"),
        got=tr("{count} were", count=served),
        code="turns-away-too-many",
        about=answers[-1:],
    )
    stub["users"].heal()
    after = [(http.get(_path(user)), user) for user in users[:20]]
    lost = [answer for answer, user in after if answer.json != user]
    expect(
        not lost,
        tr("the flood is over: 20 requests, one after the other, are all answered 200"),
        got=tr("{count} were not, the first one: {answer}", count=len(lost), answer=(lost or [after[0][0]])[0]),
        code="does-not-recover",
        about=lost[:1],
    )


@behaviour("C4", start=False)
def check_a_failure_gives_its_place_back(system, http, stub, faults, new):
    system.start("gateway", env={"HTTP_TIMEOUT_MS": 500})
    _draw_figures(stub, new)
    for words, failure in FAILURES.items():
        with faults.on("gateway->report", "refuse") if failure is None else nullcontext():
            if failure:
                stub["report"].will(failure())
            answer = sample_twice(lambda: http.get("/report"), _is_without_report)
            expect(
                _is_without_report(answer),
                tr("report {words} and every place is free: 503 report_unavailable", words=words),
                got=_seen(answer),
                code="failure-called-busy" if answer.code == "busy" else "wrong-answer-without-report",
                about=[answer],
            )
            http.at_once([lambda: http.get("/report")] * REPORT_MAX)
        stub["report"].heal()
        _expect_all_places(http, stub, tr("report {words}, five times", words=words))


@behaviour("C4")
def check_a_client_who_leaves_gives_its_place_back(system, http, stub):
    """They leave while their calls are with report, and others while they wait for a place, if anybody waits there."""
    http.get("/report")
    for round in range(2):
        _leave(system, stub, round + 1)
    _expect_all_places(http, stub, tr("24 clients have left without waiting for their answers"))


@behaviour("C5")
def check_health_while_report_is_full(http, stub):
    held = stub["report"].will(hold())
    with Crowd(held) as crowd:
        crowd.ask(http, ["/report"] * 12)
        _await_held(held, REPORT_MAX, "report")
        crowd.ask(http, ["/report"] * 12)
        _expect_alive(http, tr("report hangs and its 4 places are taken"))


@behaviour("C5", start=False)
def check_health_while_the_process_is_full(system, http, stub, new):
    system.start("gateway", env=_narrow())
    held = [stub[name].will(hold()) for name in ("report", "users")]
    with Crowd(*held) as crowd:
        crowd.ask(http, _mixed(stub, new, 10))
        within(SOON, lambda: stub["report"].in_flight + stub["users"].in_flight >= NARROW)
        _expect_alive(http, tr("MAX_INFLIGHT=6, and 6 requests are under way"))


class Crowd:
    """Requests that are under way while the check goes on. At the end what holds them is let go."""

    def __init__(self, *held) -> None:
        self._held = held
        self._pool = ThreadPoolExecutor(64)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._held:
            one.release()
        self._pool.shutdown(cancel_futures=True)

    def ask(self, http, paths: list[str]) -> list[Future[Answer]]:
        """All at the same time."""
        return [self._pool.submit(http.get, path, timeout=12.0) for path in paths]

    def answers(self, asked: list[Future[Answer]]) -> list[Answer]:
        return [future.result() for future in asked]


@contextmanager
def _client(system) -> Iterator[None]:
    """Somebody who asks for the report and leaves at the end of the block, answered or not."""
    url = urlsplit(system.url("gateway"))
    with socket.create_connection((url.hostname, url.port), timeout=5.0) as connection:
        connection.sendall(b"GET /report HTTP/1.1\r\nHost: gateway\r\nAccept: */*\r\n\r\n")
        yield


def _leave(system, stub, round: int) -> None:
    """Four clients leave whose calls are with report, and eight who wait for a place, if anybody waits there."""
    held = stub["report"].will(hold())
    with ExitStack() as clients:
        _fill(held, system, clients, round)
        with ExitStack() as waiting:
            for _ in range(8):
                waiting.enter_context(_client(system))
            time.sleep(0.1)
    within(0.4, lambda: not held.held)  # whoever notices that they have left ends their calls now
    held.release()
    stub["report"].heal()


def _fill(held, system, clients: ExitStack, round: int) -> None:
    """Every place is taken by a call that is with report. A place that somebody has just left may be taken a moment
    longer, and then one more client comes."""

    def full() -> bool:
        for _ in range(REPORT_MAX - held.held):
            clients.enter_context(_client(system))
        return within(0.5, lambda: held.held >= REPORT_MAX)

    eventually(
        full,
        tr(
            "clients leave without waiting for their answers, round {round}: 4 calls find a place with report",
            round=round,
        ),
        within=8.0,
        code="places-lost",
        got=lambda: tr("{count} did", count=held.held),
    )


def _narrow() -> dict[str, int]:
    return {"MAX_INFLIGHT": NARROW, "BULKHEAD_REPORT_MAX": WIDE, "BULKHEAD_USERS_MAX": WIDE}


def _mixed(stub, new, each: int) -> list[str]:
    """So many requests for the report, and so many for users, in turn."""
    return [path for _ in range(each) for path in ("/report", _path(_user(stub, new)))]


def _draw_figures(stub, new) -> None:
    """What report says this time."""
    stub["report"].figures = {"orders": int(new.id()[-6:], 16), "revenue": int(new.id()[-6:], 16) * 1000}


def _user(stub, new):
    return stub["users"].add(new.id("user"), name=new.name())


def _path(user) -> str:
    return f"/users/{user['id']}"


def _await_held(held, count: int, name: str) -> None:
    """So many calls are with the service that hangs."""
    eventually(
        lambda: held.held >= count,
        tr("{name} hangs and {count} requests need it: {count} calls are with it", name=name, count=count),
        within=5.0,
        code="fewer-than-its-places",
        got=lambda: tr("{count} are", count=held.held),
    )


def _expect_in_flight(stub, name: str, places: int, held, asked: list[Future[Answer]]) -> None:
    """Exactly so many calls are with the service, of those that were asked for: no fewer, and no more."""
    within(SOON, lambda: sum(future.done() for future in asked) >= len(asked) - places)
    _expect_at_most(stub, name, places, asked)
    _await_held(held, places, name)


def _expect_at_most(stub, name: str, places: int, asked: list[Future[Answer]]) -> None:
    most = stub[name].max_in_flight
    expect(
        most <= places,
        tr(
            "{name} hangs: of {count} requests at the same time at most {places} are with it "
            "(BULKHEAD_{upper}_MAX={places})",
            name=name,
            count=len(asked),
            places=places,
            upper=name.upper(),
        ),
        got=tr("{most} at the same time", most=most),
        code="no-limit" if most >= len(asked) else "more-than-its-places",
    )


def _expect_busy(asked: list[Future[Answer]], least: int, when: str, prefix: str = "full") -> list[Answer]:
    """Of these requests at least so many are answered soon, and all that are answered are 503 busy."""
    within(SOON, lambda: sum(future.done() for future in asked) >= least)
    answers = [future.result() for future in asked if future.done()]
    soon = [answer for answer in answers if answer.seconds <= SOON]
    expect(
        len(soon) >= least,
        tr(
            "{when}: of {count} requests at least {least} are refused within {soon:g} s (BULKHEAD_QUEUE_MS=200)",
            when=when,
            count=len(asked),
            least=least,
            soon=SOON,
        ),
        got=tr("{count} were answered by then", count=len(soon)),
        code=f"{prefix}-waits",
        about=answers[-1:],
    )
    for answer in answers:
        _expect_is_busy(answer, when)
    return answers


def _expect_is_busy(answer: Answer, when: str) -> None:
    expect(
        answer.status == 503 and answer.code == "busy",
        tr("{when}: 503 busy for who finds no place", when=when),
        got=_seen(answer),
        code="full-is-not-busy",
        about=[answer],
    )
    after = str(answer.headers.get("Retry-After", ""))
    expect(
        after.isascii() and after.isdecimal() and int(after) >= 1,
        tr("{when}: 503 busy says in Retry-After after how many seconds to come back, at least 1", when=when),
        got=tr("Retry-After: {after}", after=after) if after else tr("no Retry-After"),
        code="no-retry-after",
        about=[answer],
    )


def _expect_all_places(http, stub, when: str) -> None:
    """As many calls as there are places are with report at the same time, and all of them are answered. Tried for a
    while: a place whose client has left may be taken until its call has ended."""
    seen: list[int] = []
    answers: list[Answer] = []

    def all_of_them() -> bool:
        held = stub["report"].will(hold())
        with Crowd(held) as crowd:
            asked = crowd.ask(http, ["/report"] * REPORT_MAX)
            within(1.0, lambda: held.held >= REPORT_MAX or all(future.done() for future in asked))
            seen.append(held.held)
            held.release()
            answers[:] = crowd.answers(asked)
        return seen[-1] == REPORT_MAX and all(_is_report(answer, stub) for answer in answers)

    eventually(
        all_of_them,
        tr("{when}, and report is well again: 4 requests find 4 places and are answered 200", when=when),
        within=10.0,
        code="places-lost",
        got=lambda: tr(
            "{count} calls reached report together; the last answer: {answer}", count=seen[-1], answer=answers[-1]
        ),
    )


def _expect_alive(http, when: str) -> None:
    """One may be unlucky on a busy machine."""
    answers = [http.get("/healthz") for _ in range(6)]
    bad = [answer for answer in answers if answer.status != 200 or answer.seconds > SOON]
    expect(
        len(bad) <= 1 and not any(answer.status == 503 for answer in bad),
        tr("{when}: GET /healthz answers 200 within {soon:g} s, six times", when=when, soon=SOON),
        got=tr("{count} did; one that did not: {answer}", count=6 - len(bad), answer=(bad or answers)[0]),
        code="health-in-the-line",
        about=bad[:1],
    )


def _expect_user(answer: Answer, user, when: str) -> None:
    expect(
        answer.json == user,
        tr("{when}: what is answered 200 is the user that was asked for, {id}", when=when, id=user["id"]),
        got=_seen(answer),
        code="wrong-user",
        about=[answer],
    )


def _expect_report(answers: list[Answer], stub, when: str) -> None:
    for answer in answers:
        expect(
            _is_report(answer, stub, within=20.0),
            tr("{when}: 200 with what report says", when=when),
            got=_seen(answer),
            code="wrong-report",
            about=[answer],
        )


def _is_without_report(answer: Answer) -> bool:
    return answer.status == 503 and answer.code == "report_unavailable"


def _is_report(answer: Answer, stub, within: float = SOON) -> bool:
    return answer.status == 200 and answer.json == stub["report"].figures and answer.seconds <= within


def _is_shown(answer: Answer, user) -> bool:
    return answer.status == 200 and answer.json == user and answer.seconds <= SOON


def _shown(answers: list[Answer], users) -> int:
    return sum(_is_shown(answer, user) for answer, user in zip(answers, users, strict=True))


def _seen(answer: Answer) -> str:
    return f"{answer} {answer.text[:200]}"
