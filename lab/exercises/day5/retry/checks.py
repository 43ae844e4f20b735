"""day5.1: retries that are few, spaced, random, selective and bounded, judged by when they arrive at users."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from statistics import mean, median

from lab.grading import behaviour, expect, hang, reset, sample_twice, status, tr, trn, warn

QUICK = {"RETRY_BASE_MS": 20}
"""Where pauses are not the subject."""
ATTEMPTS = 4
SAMPLE = 20


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


@behaviour("C1", start=False)
def check_two_silences_are_passed_over(system, http, stub, new):
    """A reset, and a hang beyond HTTP_TIMEOUT_MS. The attempts are not counted: a client library may repeat a GET by
    itself on a connection that was cut, and a busy machine may need one attempt more."""
    system.start("gateway", env={**QUICK, "HTTP_TIMEOUT_MS": 500})
    for trouble, words in (
        (reset(), tr("cuts the connection")),
        (hang(), tr("does not answer for HTTP_TIMEOUT_MS=500")),
    ):
        path = _user(stub, new)
        stub["users"].will(trouble, on=f"GET {path}", times=2)
        answer = http.get(path)
        expect(
            answer.status == 200,
            tr("users {words} twice, then answers correctly: the client gets 200", words=words),
            got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(stub["users"].count(f"GET {path}"))),
            code="no-retry-after-silence",
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
    answers += http.at_once([lambda path=path: http.get(path) for path in paths])
    for path, answer in zip([first, *paths], answers, strict=True):
        _expect_attempts(answer, stub["users"].count(f"GET {path}"))
        expect(
            answer.status == 503 and answer.code == "users_unavailable",
            tr("the final failure is 503 users_unavailable"),
            got=answer,
            code="wrong-final-answer",
            about=[answer],
        )
    if stub["users"].count() > ATTEMPTS * SAMPLE:
        warn(tr("RETRY_ATTEMPTS=4 counts all attempts, including the first: you make 4 retries, which are 5 attempts."))


@behaviour("C3", start=False)
def check_client_errors_are_answers(system, http, stub, new):
    system.start("gateway", env=QUICK)
    for code in (400, 401, 404, 409, 422):
        path = _user(stub, new)
        stub["users"].will(status(code), on=f"GET {path}")
        answer = http.get(path)
        attempts = stub["users"].count(f"GET {path}")
        expect(
            attempts == 1,
            tr("users answers {code}: 1 attempt", code=code),
            got=_attempts(attempts),
            code="retried-client-error",
            about=[answer],
        )
        expect(
            answer.status == code,
            tr("users answers {code}, and so does the gateway", code=code),
            got=answer,
            code="status-changed",
            about=[answer],
        )


@behaviour("C4", start=False)
def check_retry_after_is_kept(system, http, stub, new):
    system.start("gateway", env=QUICK)
    path = _user(stub, new)
    stub["users"].will(status(429, headers={"Retry-After": "1"}), times=1)
    answer = http.get(path)
    arrived = [seen.at for seen in stub["users"].seen]
    expect(
        answer.status == 200 and len(arrived) >= 2,
        tr("users answers 429 with Retry-After: 1 once: the client gets 200 after a second attempt"),
        got=tr("{answer} after {attempts}", answer=answer, attempts=_attempts(len(arrived))),
        code="no-retry-after-429",
        about=[answer],
    )
    pause = arrived[1] - arrived[0]
    expect(
        pause >= 0.9,
        tr("the second attempt comes 1 s after a 429 with Retry-After: 1"),
        got=tr("it came after {pause:.2f} s", pause=pause),
        code="retry-after-ignored",
        about=[answer],
    )


@behaviour("C5", start=False)
def check_pauses_grow(system, http, stub, new):
    """By their ratio, or by their difference: a busy machine adds as much to short pauses as to long ones, which leaves
    little of a ratio. Full jitter grows by 600 ms on average here, a fixed pause not at all."""

    def means():
        gaps = _gaps(system, http, stub, new, RETRY_BASE_MS=400)
        return [mean(gap[k] for gap in gaps) for k in range(ATTEMPTS - 1)]

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


@behaviour("C6", start=False)
def check_pauses_are_random(system, http, stub, new):
    """The first pause or the third: a jitter of up to the base is much beside the first and little beside the third."""

    def spreads():
        gaps = _gaps(system, http, stub, new, RETRY_BASE_MS=400)
        first, third = (_spread([gap[k] for gap in gaps], cut=0.10) for k in (0, 2))
        return first, third, gaps

    def random(found):
        return found[0] >= 0.25 or found[1] >= 0.20

    first, third, gaps = found = sample_twice(spreads, random)
    expect(
        random(found),
        tr(
            "RETRY_BASE_MS=400: the pauses of {sample} requests, without the two longest and the two "
            "shortest, spread by a quarter of their length (the first ones) or a fifth (the third ones)",
            sample=SAMPLE,
        ),
        got=tr(
            "the first pauses spread by {first:.0%}, the third by {third:.0%}; those of three requests: {pauses}",
            first=first,
            third=third,
            pauses="; ".join(_ms(gap) for gap in gaps[:3]),
        ),
        code="no-jitter",
    )


@behaviour("C7", start=False)
def check_there_is_a_deadline_over_all(system, http, stub, new):
    system.start("gateway", env={"TOTAL_TIMEOUT_MS": 2000})
    stub["users"].will(hang())
    answer = http.get(_user(stub, new), timeout=4.5)
    expect(
        answer.status is not None and answer.seconds <= 4.0,
        tr("users hangs, TOTAL_TIMEOUT_MS=2000: the client has its answer within 4 s"),
        got=answer,
        code="no-deadline",
        about=[answer],
    )
    expect(
        answer.status in (503, 504),
        tr("users hangs: the client gets 503 users_unavailable"),
        got=answer,
        code="wrong-final-answer",
        about=[answer],
    )


@behaviour("C8", start=False)
def check_two_layers_do_not_multiply(system, http, stub, new):
    edge = _chain(system, http)
    stub["users"].will(status(503))
    path = _user(stub, new)
    answer = edge.get(path)
    calls = stub["users"].count(f"GET {path}")
    expect(
        1 <= calls <= ATTEMPTS + 1,  # C2 remarks it where RETRY_ATTEMPTS counts retries only; it is no second failure
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
    expect(answer.status == 503, tr("the client gets 503"), got=answer, code="wrong-final-answer", about=[answer])


@behaviour("C8", start=False)
def check_two_layers_still_retry(system, http, stub, new):
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


@behaviour("C9", start=False)
def check_an_outage_does_not_multiply_the_traffic(system, http, stub, new):
    system.start("gateway", env={**QUICK, "RETRY_BUDGET": 40})
    stub["users"].will(status(503))
    paths = [_user(stub, new) for _ in range(100)]
    http.at_once([lambda path=path: http.get(path) for path in paths], limit=20)
    calls = stub["users"].count()
    expect(
        calls <= 200,
        tr("users is down, RETRY_BUDGET=40: 100 requests cost at most 200 calls"),
        got=trn("{count} call", "{count} calls", calls),
        code="no-budget",
    )


@behaviour("C9", start=False)
def check_a_few_failures_are_still_retried(system, http, stub, new):
    system.start("gateway", env={**QUICK, "RETRY_BUDGET": 40})
    paths = [_user(stub, new) for _ in range(100)]
    for path in (paths[30], paths[70]):
        stub["users"].will(status(503), on=f"GET {path}", times=1)
    answers = http.at_once([lambda path=path: http.get(path) for path in paths], limit=20)
    good = sum(answer.status == 200 for answer in answers)
    expect(
        good >= 99,
        tr("2 of 100 requests meet a 503 once: at least 99 succeed"),
        got=tr("{good} of 100 succeeded", good=good),
        code="budget-too-tight",
        about=[answer for answer in answers if answer.status != 200],
    )


@behaviour("C10", start=False)
def check_pauses_are_random_at_the_cap(system, http, stub, new):
    """Without the first pauses, which have the noise of a first connection in them."""

    def spread():
        gaps = _gaps(system, http, stub, new, RETRY_BASE_MS=500, RETRY_CAP_MS=500)
        return _spread([pause for gap in gaps for pause in gap[1:]], cut=0.25)

    def random(found):
        return found >= 0.10

    found = sample_twice(spread, random)
    expect(
        random(found),
        tr(
            "with RETRY_CAP_MS = RETRY_BASE_MS = 500 all pauses are at the cap, and the middle half of "
            "them still spreads by 10 %"
        ),
        got=tr("it spreads by {found:.0%}", found=found),
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


def _gaps(system, http, stub, new, **knobs: int) -> list[list[float]]:
    """The pauses before attempts 2, 3 and 4 of some requests to a users that is down, as seen there.

    The gateway is a fresh one, so that no earlier sample has used up its budget. The requests begin one after the
    other: twenty at the same moment would wait for the processor and spread by that.
    """
    system.restart("gateway", env=knobs)
    users = stub["users"]
    users.forget()
    users.will(status(503))
    paths = [_user(stub, new) for _ in range(SAMPLE)]

    def call(number, path):
        time.sleep(number * 0.05)
        return http.get(path)

    http.at_once([lambda number=number, path=path: call(number, path) for number, path in enumerate(paths)])
    return list(_pauses(users, paths))


def _pauses(users, paths: list[str]) -> Iterator[list[float]]:
    for path in paths:
        arrived = [seen.at for seen in users.seen if seen.path == path]
        expect(
            len(arrived) >= ATTEMPTS,
            tr("users is down: {attempts} attempts of GET {path}", attempts=ATTEMPTS, path=path),
            got=_attempts(len(arrived)),
            code=_how_many(len(arrived), ATTEMPTS),
        )
        yield [later - earlier for earlier, later in pairwise(arrived)]


def _spread(pauses: list[float], cut: float) -> float:
    """How far they lie apart, in lengths of the middle one, with this share left out at each end: a busy machine makes
    some pauses longer, and those after them shorter."""
    edge = round(len(pauses) * cut)
    kept = sorted(pauses)[edge : len(pauses) - edge]
    return (kept[-1] - kept[0]) / median(kept)


def _expect_attempts(answer, attempts: int) -> None:
    expect(
        attempts in (ATTEMPTS, ATTEMPTS + 1),
        tr("users is down, RETRY_ATTEMPTS={attempts}: {attempts} attempts for one request", attempts=ATTEMPTS),
        got=tr("{attempts}; the client got {answer}", attempts=_attempts(attempts), answer=answer),
        code=_how_many(attempts, ATTEMPTS),
        about=[answer],
    )


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
