"""day5.1: retries that are few, spaced, random, selective and bounded, judged by when they arrive at users."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from statistics import mean, median
from typing import NamedTuple

from lab.grading import Answer, behaviour, cut, drip, expect, hang, measured, reset, sample_twice, status, tr, trn, warn

QUICK = {"RETRY_BASE_MS": 20}
"""Where pauses are not the subject."""
ATTEMPTS = 4
TWICE_SILENT = 3.5
"""Seconds: two timeouts of 500 ms and two short pauses, with much air; two timeouts of 2 s do not fit."""
SAMPLE = 20
BUDGET = 10


class Call(NamedTuple):
    """A request about a user, and the pauses before attempts 2, 3 and 4."""

    user: str
    answer: Answer
    pauses: list[float]


class Scatter(NamedTuple):
    """How far pauses lie apart, in lengths of the middle one: all, one after the other, and those of two gateways that
    were asked at the same time."""

    spread: float
    step: float
    twins: float

    def __str__(self) -> str:
        return tr(
            "they spread by {spread:.0%}, differ by {step:.0%} from request to request and by {twins:.0%} between "
            "gateways",
            spread=self.spread,
            step=self.step,
            twins=self.twins,
        )


@behaviour("C1", start=False)
def check_two_bad_statuses_are_passed_over(system, http, stub, new):
    system.start("gateway", env=QUICK)
    for trouble in (503, 502, 504):
        path = _user(stub, new)
        stub["users"].will(status(trouble), on=f"GET {path}", times=2)
        answer = http.get(path)
        attempts = stub["users"].count(f"GET {path}")
        expect(
            answer.status == 200 and attempts == 3,
            tr("users answers {trouble} twice, then correctly: the client gets 200 after 3 attempts", trouble=trouble),
            got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(attempts)),
            code=_how_many(attempts, 3, otherwise="good-answer-not-passed-on"),
            about=[answer],
        )
        _expect_as_it_came(answer, stub["users"].users[path.rpartition("/")[2]])


@behaviour("C1", start=False)
def check_two_silences_are_passed_over(system, http, stub, new):
    """The attempts are not counted: a client library may repeat a GET by itself on a connection that was cut, and a
    busy machine may need one attempt more."""
    system.start("gateway", env={**QUICK, "HTTP_TIMEOUT_MS": 500})
    troubles = (
        (reset, tr("cuts the connection")),
        (cut, tr("ends the connection in the middle of its answer")),
        (hang, tr("does not answer for HTTP_TIMEOUT_MS=500")),
        (lambda: drip(0.1), tr("takes longer than HTTP_TIMEOUT_MS=500 for its answer, byte by byte")),
    )
    paths = [_user(stub, new) for _ in troubles]
    for path, (trouble, _) in zip(paths, troubles, strict=True):
        stub["users"].will(trouble(), on=f"GET {path}", times=2)
    answers = http.at_once([lambda path=path: http.get(path) for path in paths])
    for path, answer, (_, words) in zip(paths, answers, troubles, strict=True):
        expect(
            answer.status == 200 and answer.json == stub["users"].users[path.rpartition("/")[2]],
            tr("users {words} twice, then answers correctly: the client gets 200", words=words),
            got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(stub["users"].count(f"GET {path}"))),
            code="no-retry-after-silence",
            about=[answer],
        )
        expect(
            answer.seconds <= TWICE_SILENT,
            tr(
                "users {words} twice, then answers correctly: it takes {most:g} s at most",
                words=words,
                most=TWICE_SILENT,
            ),
            got=answer,
            code="waits-longer-than-told",
            about=[answer],
        )


@behaviour("C1", start=False)
def check_a_restart_of_users_is_passed_over(system, http, stub, faults, new):
    """Nobody sees who is refused, so the first pause has to outlast the refusal, which with such a base it does."""
    system.start("gateway", env={"RETRY_BASE_MS": 2000})

    def restarted():
        with ThreadPoolExecutor(1) as pool, faults.on("gateway->users", "refuse"):
            answer = pool.submit(http.get, _user(stub, new))
            time.sleep(0.2)
            faults.heal()
            return answer.result()

    answer = sample_twice(restarted, lambda seen: seen.status == 200)
    expect(
        answer.status == 200,
        tr("users refuses connections for 0.2 s, RETRY_BASE_MS=2000: the client gets 200"),
        got=answer,
        code="no-retry-after-refusal",
        about=[answer],
    )


@behaviour("C2", start=False)
def check_an_outage_costs_four_attempts_a_request(system, http, stub, new):
    system.start("gateway", env=QUICK)
    stub["users"].will(status(503))
    first = _user(stub, new)
    answers = [http.get(first, timeout=5.0)]  # alone: whoever retries for ever shows it here already
    _expect_attempts(answers[0], stub["users"].count(f"GET {first}"))
    paths = [_user(stub, new) for _ in range(SAMPLE - 1)]
    answers += http.at_once([lambda path=path: http.get(path) for path in paths], limit=5)
    for path, answer in zip([first, *paths], answers, strict=True):
        _expect_attempts(answer, stub["users"].count(f"GET {path}"))
        expect(
            answer.status == 503 and answer.code == "users_unavailable",
            tr("the final failure is 503 users_unavailable"),
            got=answer,
            code="wrong-final-answer",
            about=[answer],
        )
    _remark_five(stub["users"].count() > ATTEMPTS * SAMPLE)
    system.restart("gateway", env={**QUICK, "RETRY_ATTEMPTS": 2})
    answer = http.get(path := _user(stub, new))
    _expect_attempts(answer, stub["users"].count(f"GET {path}"), wanted=2)


@behaviour("C3", start=False)
def check_answers_are_not_asked_again(system, http, stub, new):
    system.start("gateway", env=QUICK)
    for code in (400, 401, 403, 404, 409, 410, 422):
        path, said = _user(stub, new), {"code": f"says_{code}", "path": new.id("place")}
        stub["users"].will(status(code, json=said), on=f"GET {path}")
        answer = http.get(path)
        _expect_one_attempt(stub, path, answer, code)
        expect(
            answer.status == code,
            tr("users answers {code}, and so does the gateway", code=code),
            got=answer,
            code="status-changed",
            about=[answer],
        )
        _expect_as_it_came(answer, said)
    path = _user(stub, new)
    stub["users"].will(status(500))
    answer = http.get(path)
    _expect_one_attempt(stub, path, answer, 500)
    _expect_unavailable(answer, tr("users answers 500"))


@behaviour("C4", start=False)
def check_retry_after_is_kept(system, http, stub, new):
    """Four users at the same time, so that the waits are one."""
    system.start("gateway", env=QUICK)
    busy, restarting, closed, silent = paths = [_user(stub, new) for _ in range(4)]
    for path, trouble, times in (
        (busy, status(429, headers={"Retry-After": "1"}), 1),
        (restarting, status(503, headers={"Retry-After": "1"}), 1),
        (closed, status(429, headers={"Retry-After": "60"}), None),
        (silent, status(429), None),
    ):
        stub["users"].will(trouble, on=f"GET {path}", times=times)
    answers = dict(zip(paths, http.at_once([lambda path=path: http.get(path) for path in paths]), strict=True))
    for path, code in ((busy, 429), (restarting, 503)):
        answer, arrived = answers[path], _arrivals(stub, path)
        expect(
            answer.status == 200 and len(arrived) == 2,
            tr(
                "users answers {code} with Retry-After: 1 once: the client gets 200 after a second attempt",
                code=code,
            ),
            got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(len(arrived))),
            code="no-retry-after-429" if len(arrived) < 2 else "retry-after-ignored",
            about=[answer],
        )
        pause = arrived[1] - arrived[0]
        expect(
            0.9 <= pause <= 3.0,
            tr("the second attempt comes 1 s (at least 0.9, at most 3) after a {code} with Retry-After: 1", code=code),
            got=tr("it came after {pause:.2f} s", pause=pause),
            code="retry-after-ignored",
            about=[answer],
        )
    answer = answers[silent]
    _expect_attempts(answer, stub["users"].count(f"GET {silent}"))
    expect(
        answer.status == 429,
        tr("users answers 429 to everything: after the last attempt the client gets that 429"),
        got=answer,
        code="wrong-final-answer",
        about=[answer],
    )
    answer = answers[closed]
    expect(
        answer.status == 429 and answer.seconds <= 4.0 and stub["users"].count(f"GET {closed}") == 1,
        tr("Retry-After: 60 is beyond TOTAL_TIMEOUT_MS=8000: 1 attempt, and the client gets the 429 at once"),
        got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(stub["users"].count(f"GET {closed}"))),
        code="waits-in-vain",
        about=[answer],
    )


@behaviour("C5", start=False)
def check_pauses_grow(system, http, stub, new):
    """By their ratio, or by their difference: a busy machine adds as much to short pauses as to long ones, which leaves
    little of a ratio. Full jitter grows by 600 ms on average here, a fixed pause not at all."""

    def means():
        calls = _calls(system, http, stub, new, {"RETRY_BASE_MS": 400})
        return [mean(call.pauses[k] for call in calls) for k in range(ATTEMPTS - 1)]

    def grow(pauses):
        return pauses[2] >= 1.8 * pauses[0] or pauses[2] - pauses[0] >= 0.3

    pauses = sample_twice(means, grow)
    expect(
        grow(pauses),
        tr(
            "RETRY_BASE_MS=400: the third pause is at least 1.8 times the first, on average over {sample} requests",
            sample=SAMPLE,
        ),
        got=tr("pauses of {ms}: {pauses:.1f} times", ms=_ms(pauses), pauses=pauses[2] / pauses[0]),
        code="pauses-do-not-grow",
    )

    def quick():
        return mean(call.pauses[2] for call in _calls(system, http, stub, new, QUICK))

    short = sample_twice(quick, lambda found: found <= pauses[2] / 2)
    expect(
        short <= pauses[2] / 2,
        tr("RETRY_BASE_MS=20: the third pause is on average at most half as long as with RETRY_BASE_MS=400"),
        got=_ms([short, pauses[2]]),
        code="base-ignored",
    )


@behaviour("C6", start=False)
def check_pauses_are_random(system, http, stub, new):
    """The first pause or the third: a jitter of up to the base is much beside the first and little beside the third.
    Two gateways, in turns, because two processes with one seed are no less together than two clients."""

    def measured():
        calls = _calls(system, http, stub, new, {"RETRY_BASE_MS": 400}, ("gateway-1", "gateway-2"))
        return [_scatter([call.pauses[k] for call in calls]) for k in (0, 2)], calls

    def random(found):
        return not _sameness(*found[0])

    (first, third), calls = found = sample_twice(measured, random)
    expect(
        random(found),
        tr(
            "RETRY_BASE_MS=400: the first pauses of {sample} requests, or the third ones, spread by 15 % of their "
            "length without the two longest and the two shortest, and they differ by 5 % (the first ones) and 1 % (the "
            "third ones) from one request to the next and from one gateway to the other",
            sample=SAMPLE,
        ),
        got=tr(
            "the first pauses: {first}; the third: {third}; those of four requests: {pauses}",
            first=first,
            third=third,
            pauses="; ".join(_ms(call.pauses) for call in calls[:4]),
        ),
        code=_sameness(first, third),
        about=[*(call.user for call in calls[:2]), calls[1].answer],
    )


@behaviour("C7", start=False)
def check_there_is_a_deadline_over_all(system, http, stub, new):
    """One attempt may take longer than all may together (users hangs, or its answer drips), or a pause may."""
    system.start("gateway", env={"TOTAL_TIMEOUT_MS": 2000, "HTTP_TIMEOUT_MS": 20_000})
    pauses = {"RETRY_BASE_MS": 8000, "RETRY_CAP_MS": 8000}
    system.start("gateway-2", env={"TOTAL_TIMEOUT_MS": 2000, **pauses})
    hangs, drips, *fails = paths = [_user(stub, new) for _ in range(4)]
    stub["users"].will(hang(), on=f"GET {hangs}")
    stub["users"].will(drip(0.3), on=f"GET {drips}")
    for path in fails:
        stub["users"].will(status(503), on=f"GET {path}")
    whens = {
        hangs: tr("users hangs, TOTAL_TIMEOUT_MS=2000"),
        drips: tr("users answers byte by byte, TOTAL_TIMEOUT_MS=2000"),
        **dict.fromkeys(fails, tr("users answers 503, RETRY_BASE_MS=8000, TOTAL_TIMEOUT_MS=2000")),
    }
    answers = http.at_once(
        [lambda path=path: http["gateway-2" if path in fails else "gateway-1"].get(path, timeout=4.5) for path in paths]
    )
    for answer, when in zip(answers, whens.values(), strict=True):
        expect(
            answer.status is not None and answer.seconds <= 4.0,
            tr("{when}: the client has its answer within 4 s", when=when),
            got=answer,
            code="no-deadline",
            about=[answer],
        )
        _expect_unavailable(answer, when)


@behaviour("C8", start=False)
def check_one_of_two_layers_retries(system, http, stub, new):
    edge = _chain(system, http)
    path = _user(stub, new)
    stub["users"].will(status(503), times=2)
    answer = edge.get(path)
    expect(
        answer.status == 200,
        tr("client -> gateway-2 -> gateway -> users, users answers 503 twice, then correctly: the client gets 200"),
        got=tr("{answer} after {count} calls of users", answer=answer, count=stub["users"].count()),
        code="nobody-retries",
        about=[answer],
    )
    path = _user(stub, new)
    stub["users"].will(status(503))
    answer = edge.get(path)
    calls = stub["users"].count(f"GET {path}")
    expect(
        1 <= calls <= ATTEMPTS + 1,  # where RETRY_ATTEMPTS counts retries only it is remarked, as in C2
        tr(
            "client -> gateway-2 -> gateway -> users, users is down: at most {attempts} calls of users for one request",
            attempts=ATTEMPTS,
        ),
        got=trn(
            "{count} call; the client got {answer}", "{count} calls; the client got {answer}", calls, answer=answer
        ),
        code="retries-multiply",
        about=[answer],
    )
    _remark_five(calls > ATTEMPTS)
    _expect_unavailable(answer, tr("users is down"))


@behaviour("C9", start=False)
def check_retries_have_a_budget(system, http, stub, new):
    """A bucket of ten: full after good times and no fuller, empty in an outage, and filled again after it."""
    system.start("gateway", env={**QUICK, "RETRY_BUDGET": BUDGET})

    def ask(count, troubled):
        """So many requests, a few of which meet one 503: the answers."""
        paths = [_user(stub, new) for _ in range(count)]
        for number in troubled:
            stub["users"].will(status(503), on=f"GET {paths[number]}", times=1)
        return http.at_once([lambda path=path: http.get(path) for path in paths], limit=10)

    def expect_good(answers, allowed, expected, code):
        good = sum(answer.status == 200 for answer in answers)
        expect(
            good >= len(answers) - allowed,
            expected,
            got=tr("{good} of {count} succeeded", good=good, count=len(answers)),
            code=code,
            about=[answer for answer in answers if answer.status != 200][:1],
        )

    expect_good(
        ask(100, (30, 70)),
        1,
        tr("2 of 100 requests meet a 503 once: at least 99 succeed"),
        "budget-too-tight",
    )
    stub["users"].forget()
    stub["users"].will(status(503))
    ask(40, ())
    calls = stub["users"].count()
    measured("calls", calls)
    expect(
        calls <= 58,
        tr("users is down, RETRY_BUDGET={budget}: 40 requests cost at most 58 calls", budget=BUDGET),
        got=trn("{count} call", "{count} calls", calls),
        code="no-budget" if calls >= 3 * 40 else "budget-overflows",
    )
    stub["users"].heal()
    ask(50, ())
    expect_good(
        ask(4, (0, 1, 2, 3)),
        0,
        tr("users is well again: 50 requests later there are retries for 4 requests that meet a 503 once"),
        "budget-never-refills",
    )
    answers = ask(20, range(20))
    good = sum(answer.status == 200 for answer in answers)
    measured("saved", good)
    expect(
        good <= BUDGET - 2,
        tr(
            "20 more requests that meet a 503 once: at most {most} succeed, for each request earns a tenth of a retry",
            most=BUDGET - 2,
        ),
        got=tr("{good} of {count} succeeded", good=good, count=len(answers)),
        code="budget-refills-too-fast",
        about=answers[-1:],
    )


@behaviour("C10", start=False)
def check_pauses_are_random_at_the_cap(system, http, stub, new):
    """Without the first pauses, which have the noise of a first connection in them."""

    def late_pauses():
        calls = _calls(system, http, stub, new, {"RETRY_BASE_MS": 1000, "RETRY_CAP_MS": 500})
        return [pause for call in calls for pause in call.pauses[1:]]

    def capped(found):
        return median(found[1::2]) <= 1.2

    def random(found):
        return _spread(found, cut=0.25) >= 0.10

    found = sample_twice(late_pauses, lambda seen: random(seen) and capped(seen))
    expect(
        capped(found),
        tr(
            "RETRY_BASE_MS=1000, RETRY_CAP_MS=500: the pauses stop growing at the cap, and at least half of the third "
            "ones take no longer than 1.2 s"
        ),
        got=tr("half of the third pauses took longer than {ms}", ms=_ms([median(found[1::2])])),
        code="cap-ignored",
    )
    expect(
        random(found),
        tr(
            "RETRY_BASE_MS=1000, RETRY_CAP_MS=500: all pauses are at the cap, and the middle half of them still "
            "spreads by 10 %"
        ),
        got=tr("it spreads by {found:.0%}", found=_spread(found, cut=0.25)),
        code="no-jitter-at-the-cap",
    )


def _user(stub, new) -> str:
    """The path of a user who exists."""
    return f"/users/{stub['users'].add(new.id('user'), name=new.name())['id']}"


def _chain(system, http):
    """Two gateways, one behind the other; a client of the outer one. It waits for the inner one as long as need be."""
    system.start("gateway", env=QUICK)
    system.start("gateway-2", env={**QUICK, "USERS_URL": system.url("gateway-1"), "HTTP_TIMEOUT_MS": 7000})
    return http["gateway-2"]


def _calls(system, http, stub, new, knobs: dict[str, int], gateways: Sequence[str] = ("gateway-1",)) -> list[Call]:
    """Some requests to a users that is down, in turns to the gateways, and the pauses between their attempts there.

    The gateways are fresh ones, so that no earlier sample has used up their budget. The requests begin one after the
    other: twenty at the same moment would wait for the processor and spread by that.
    """
    for gateway in gateways:
        system.restart(gateway, env=knobs)
        http[gateway].get(_user(stub, new))  # what is done once, at the first request, is no pause
    users = stub["users"]
    users.forget()
    users.will(status(503))
    paths = [_user(stub, new) for _ in range(SAMPLE)]

    def ask(number):
        time.sleep(number * 0.05)
        return http[gateways[number % len(gateways)]].get(paths[number])

    answers = http.at_once([lambda number=number: ask(number) for number in range(SAMPLE)])
    return [
        Call(path.rpartition("/")[2], answer, _pauses(stub, path)) for path, answer in zip(paths, answers, strict=True)
    ]


def _pauses(stub, path: str) -> list[float]:
    arrived = _arrivals(stub, path)
    expect(
        len(arrived) >= ATTEMPTS,
        tr("users is down: {attempts} attempts of GET {path}", attempts=ATTEMPTS, path=path),
        got=_attempts(len(arrived)),
        code=_how_many(len(arrived), ATTEMPTS),
    )
    return [later - earlier for earlier, later in pairwise(arrived)]


def _arrivals(stub, path: str) -> list[float]:
    return [seen.at for seen in stub["users"].seen if seen.path == path]


def _scatter(pauses: list[float]) -> Scatter:
    """Of pauses that two gateways made in turns."""
    one, other = pauses[::2], pauses[1::2]
    steps = [abs(later - earlier) for mine in (one, other) for earlier, later in pairwise(mine)]
    twins = [abs(mine - theirs) for mine, theirs in zip(one, other, strict=True)]
    middle = median(pauses)
    return Scatter(_spread(pauses, cut=0.10), median(steps) / middle, median(twins) / middle)


def _sameness(first: Scatter, third: Scatter) -> str:
    """What is the same about first and third pauses that should be random; nothing if they are."""
    if max(first.spread, third.spread) < 0.15:
        return "no-jitter"
    for pauses, least in ((first, 0.05), (third, 0.01)):
        if pauses.twins < least:
            return "same-at-the-same-moment"
        if pauses.step < least:
            return "same-in-one-gateway"
    return ""


def _spread(pauses: list[float], cut: float) -> float:
    """How far they lie apart, in lengths of the middle one, with this share left out at each end: a busy machine makes
    some pauses longer, and those after them shorter."""
    edge = round(len(pauses) * cut)
    kept = sorted(pauses)[edge : len(pauses) - edge]
    return (kept[-1] - kept[0]) / median(kept)


def _expect_attempts(answer, attempts: int, wanted: int = ATTEMPTS) -> None:
    expect(
        attempts in (wanted, wanted + 1),
        tr("users is down, RETRY_ATTEMPTS={attempts}: {attempts} attempts for one request", attempts=wanted),
        got=tr("{attempts}; the client got {answer}", attempts=_attempts(attempts), answer=answer),
        code=_how_many(attempts, wanted),
        about=[answer],
    )


def _expect_one_attempt(stub, path: str, answer, code: int) -> None:
    attempts = stub["users"].count(f"GET {path}")
    expect(
        attempts == 1,
        tr("users answers {code}: 1 attempt", code=code),
        got=_attempts(attempts),
        code="retried-client-error" if code < 500 else "retried-bug",
        about=[answer],
    )


def _expect_as_it_came(answer, said) -> None:
    expect(
        answer.json == said,
        tr("what users says goes to the client as it came: {said}", said=said),
        got=answer.text[:200],
        code="answer-changed",
        about=[answer],
    )


def _expect_unavailable(answer, when: str) -> None:
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr("{when}: the client gets 503 users_unavailable", when=when),
        got=answer,
        code="wrong-final-answer",
        about=[answer],
    )


def _remark_five(five: bool) -> None:
    if five:
        warn(tr("RETRY_ATTEMPTS=4 counts all attempts, including the first: you make 4 retries, which are 5 attempts."))


def _how_many(attempts: int, wanted: int, otherwise: str = "") -> str:
    if attempts == wanted and otherwise:
        return otherwise
    if attempts <= 1:
        return "no-retry"
    return "gave-up-early" if attempts < wanted else "too-many-attempts"


def _attempts(count: int) -> str:
    return trn("{count} attempt", "{count} attempts", count)


def _ms(pauses: list[float]) -> str:
    return ", ".join(f"{pause * 1000:.0f}" for pause in pauses) + " ms"
