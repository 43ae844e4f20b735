"""Exercise 5.6: reports are made in the background, each once, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit

from lab.grading import (
    Answer,
    Http,
    Reply,
    Rest,
    Seen,
    behaviour,
    cut,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    lost,
    reset,
    sample_twice,
    status,
    stays,
    tr,
    within,
)

MAKE = "POST /reports"
PROMPT = 2.0
"""Seconds within which the client is answered, while report hangs twice as long."""
CROWD = 10
ATTEMPTS = 4
QUICK = {"RETRY_BASE_MS": 50, "HTTP_TIMEOUT_MS": 1000}
"""Where pauses and timeouts are not the subject."""
BRIEF = {**QUICK, "HTTP_TIMEOUT_MS": 700, "JOB_LEASE_S": 1}
LEASE = 2
SHORT = {**QUICK, "HTTP_TIMEOUT_MS": 1500, "JOB_LEASE_S": LEASE}
STARTED = 2.5
"""Seconds within which an instance has started, or else an attempt has come to its end meanwhile."""
LONG = {**QUICK, "HTTP_TIMEOUT_MS": 3000, "JOB_LEASE_S": 4}
ALONE = {**QUICK, "HTTP_TIMEOUT_MS": 5000, "JOB_LEASE_S": 60}
"""Where nothing but the claim keeps two workers apart."""
DONE = 15.0
"""Seconds within which jobs are done that nothing stands in the way of."""
TAKEN_UP = 12.0
"""Seconds after which a job whose worker died has been taken up by another: the lease, and five times as long."""
JOBS = 20


@behaviour("C1", start=False)
def check_the_client_does_not_wait(system, http, stub, new):
    system.start("reports")
    stub["report"].will(hang(2 * PROMPT), on=MAKE)
    users = [new.id("user") for _ in range(CROWD)]
    answers = http.at_once([lambda user=user: ordered(http, user) for user in users])
    jobs = [job_of(answer) for answer in answers]
    for answer in answers:
        expect(
            answer.seconds <= PROMPT,
            tr("report hangs: POST /reports is answered within {prompt:g} s", prompt=PROMPT),
            got=answer,
            code="client-waits",
            about=[answer],
        )
        place = urlsplit(answer.headers.get("location", "")).path
        expect(
            place == f"/jobs/{job_of(answer)}",
            tr("the Location of the 202 is /jobs/{job}", job=job_of(answer)),
            got=answer.headers.get("location") or tr("none"),
            code="no-location",
            about=[answer],
        )
        shown = http.get(place, timeout=PROMPT)
        expect(
            shown.status == 200 and field(shown, "status") in ("queued", "running"),
            tr("report hangs: GET {place} is 200, and the job is queued or running", place=place),
            got=tr("{answer}: {text}", answer=shown, text=shown.text[:200]),
            code="client-waits" if shown.status is None else "wrong-job",
            about=[shown],
        )
    stub["report"].heal()
    for job in jobs:
        done(http, job)
    for answer in (http.get("/jobs/" + new.id("job")), http.post("/jobs/" + new.id("job") + "/retry")):
        expect(
            answer.status == 404 and answer.code == "unknown_job",
            tr("{method} {path}, an unknown job: 404 unknown_job", method=answer.method, path=answer.path),
            got=answer,
            code="wrong-refusal",
            about=[answer],
        )


@behaviour("C2", start=False)
def check_temporary_failures_are_passed_over(system, http, stub, new):
    system.start("reports", env=QUICK)
    troubles = (
        (tr("report answers 503 twice"), status(503), (3,)),
        (tr("report answers 429 twice"), status(429), (3,)),
        (tr("report answers twice what is no JSON object"), garbage(b'["made"]'), (3,)),
        # A library may repeat a request by itself whose connection was cut, all the more under an Idempotency-Key.
        (tr("report cuts the connection twice"), reset(), (1, 2, 3)),
        (tr("report makes the report twice, and its answer is lost"), lost(), (1, 2, 3)),
        # A busy machine may need longer than that for the last attempt, too.
        (tr("report does not answer for HTTP_TIMEOUT_MS=1000 twice"), hang(), (3, 4)),
    )
    ordered_by = {}
    for trouble, deed, _ in troubles:
        user = new.id("user")
        stub["report"].will(deed, on=MAKE, times=2, where=for_user(user))
        ordered_by[trouble] = user, job_of(ordered(http, user))
    for trouble, (user, job) in ordered_by.items():  # nobody has looked at any job so far
        expect_tried_again(stub, user, job, trouble)
    for trouble, _, attempts in troubles:
        user, job = ordered_by[trouble]
        shown = done(http, job)
        when = tr("{trouble}, then it is well", trouble=trouble)
        expect_job(shown, job, {"status": "succeeded", "fallback": False}, when)
        expect_requests(stub, user, job, attempts[-1], trouble, least=3)
        expect(
            field(shown, "attempts") in attempts,
            tr("{when}: job {job} has {attempts} attempts", when=when, job=job, attempts=3),
            got=tr("{answer}: {text}", answer=shown, text=shown.text[:300]),
            code="wrong-attempts",
            about=[job],
        )
        expect_result(shown, job, report_of(stub, job))


@behaviour("C3", start=False)
def check_attempts_have_an_end(system, http, stub, new):
    system.start("reports", env=QUICK)
    down, refused = new.id("user"), new.id("user")
    stub["report"].will(status(503), on=MAKE, where=for_user(down))
    stub["report"].will(status(422), on=MAKE, where=for_user(refused))
    jobs = {user: job_of(ordered(http, user)) for user in (down, refused)}
    for user, attempts, when in (
        (down, ATTEMPTS, tr("report answers 503 to everything")),
        (refused, 1, tr("report refuses with 422")),
    ):
        shown = done(http, jobs[user])
        expect_failed(shown, jobs[user], attempts, when)
        expect_requests(stub, user, jobs[user], attempts, when)

    stub["report"].heal()
    stays(lambda: True, 0.5)
    job = jobs[down]
    expect(
        len(asked(stub, down)) == ATTEMPTS,
        tr("a failed job stays failed until somebody sends it back to the queue"),
        got=tr("{count} requests to report", count=len(asked(stub, down))),
        code="tries-for-ever",
        about=[job],
    )
    answer = http.post(f"/jobs/{job}/retry")
    expect(
        answer.status == 202 and job_of(answer) == job,
        tr("POST /jobs/{job}/retry of a failed job: 202 and the same job_id", job=job),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="no-retry-by-hand",
        about=[answer],
    )
    awaiting = tr("job {job} to succeed after a retry by hand", job=job)
    shown = eventually_is(http, job, "succeeded", awaiting, "no-retry-by-hand")
    expect_result(shown, job, report_of(stub, job))
    expect_requests(stub, down, job, ATTEMPTS + 1, tr("it was retried by hand"))
    answer = http.post(f"/jobs/{job}/retry")
    expect(
        answer.status == 409 and answer.code == "job_not_failed",
        tr("POST /jobs/{job}/retry of a job that succeeded: 409 job_not_failed", job=job),
        got=answer,
        code="retried-what-succeeded",
        about=[answer],
    )


@behaviour("C3", start=False)
def check_the_number_of_attempts_is_a_setting(system, http, stub, new):
    system.start("reports", env={**QUICK, "RETRY_ATTEMPTS": 2})
    user = new.id("user")
    stub["report"].will(status(503), on=MAKE)
    job = job_of(ordered(http, user))
    shown = done(http, job)
    expect_failed(shown, job, 2, tr("report answers 503 to everything, RETRY_ATTEMPTS=2"))
    expect_requests(stub, user, job, 2, tr("RETRY_ATTEMPTS=2"))


@behaviour("C4", start=False)
def check_the_last_report_stands_in(system, http, stub, new):
    system.start("reports", env=QUICK)
    user, stranger = new.id("user"), new.id("user")
    for _ in range(2):
        latest = job_of(ordered(http, user))
        eventually_is(http, latest, "succeeded", tr("job {job} to succeed", job=latest), "never-done")
    stub["report"].will(status(503), on=MAKE)
    system.restart("reports", env=QUICK)
    job, theirs = job_of(ordered(http, user)), job_of(ordered(http, stranger))
    when = tr("report answers 503 to everything, and there is an earlier report of this user")
    shown = done(http, job)
    expect_job(shown, job, {"status": "succeeded", "attempts": ATTEMPTS, "fallback": True}, when)
    expect_error(shown, job, when)
    expect_result(shown, job, report_of(stub, latest), tr("the latest one that was made for this user"))
    when = tr("report answers 503, and there is no report of this user yet")
    expect_failed(done(http, theirs), theirs, ATTEMPTS, when)

    stub["report"].heal()
    job = job_of(ordered(http, user))
    shown = done(http, job)
    expect_job(shown, job, {"status": "succeeded", "fallback": False}, tr("report is well again"))
    expect_result(shown, job, report_of(stub, job))


@behaviour("C5", start=False)
def check_a_restart_loses_no_job(system, http, stub, new):
    """One report is made, and whoever asked for it does not live to hear of it; the others wait behind it or are being
    made, too."""
    system.start("reports", env=BRIEF)
    users = [new.id("user") for _ in range(3)]
    silent = stub["report"].will(Silent(), on=MAKE, where=for_user(users[0]))
    stub["report"].will(hold(), on=MAKE, where=lambda seen: not for_user(users[0])(seen))
    jobs = [job_of(ordered(http, user)) for user in users]
    silent.wait()
    system.kill("reports")
    stub["report"].heal()
    system.start("reports", env=BRIEF)
    for user, job in zip(users, jobs, strict=True):
        expect_taken_up(http, stub, user, job, tr("the service was killed and started again"))


@behaviour("C5", start=False)
def check_the_other_instance_takes_over(system, http, stub, new):
    """The first one has the job for certain, because it is alone when the job is ordered."""
    user = new.id("user")
    system.start("reports-1", env=LONG)
    held = stub["report"].will(hold(), on=MAKE, where=for_user(user))
    job = job_of(ordered(http["reports-1"], user))
    held.wait()
    since = time.monotonic()
    system.start("reports-2", env=LONG)
    stays(lambda: True, 0.5)
    if time.monotonic() < since + STARTED:
        expect(
            len(asked(stub, user)) == 1,
            tr("an instance that starts leaves job {job} to the other one, which is working on it", job=job),
            got=tr("{count} requests to report at the same time", count=len(asked(stub, user))),
            code="done-twice",
            about=[job],
        )
    system.kill("reports-1")
    stub["report"].heal()
    when = tr("the instance that worked on it was killed; the other one lives")
    expect_taken_up(http["reports-2"], stub, user, job, when)


@behaviour("C6", start=False)
def check_two_instances_share_the_work(system, http, stub, new):
    for instance in ("reports-1", "reports-2"):
        system.start(instance, env=ALONE)
    clients = [http["reports-1"], http["reports-2"]]
    users = [new.id("user") for _ in range(JOBS)]
    orders = [lambda client=clients[number % 2], user=user: ordered(client, user) for number, user in enumerate(users)]
    jobs = [job_of(answer) for answer in http.at_once(orders)]
    shown = [done(clients[(number + 1) % 2], job) for number, job in enumerate(jobs)]
    for user, job in zip(users, jobs, strict=True):
        expect_requests(stub, user, job, 1, tr("{count} jobs, two instances", count=JOBS), code="done-twice")
    for job, one in zip(jobs, shown, strict=True):
        agreed = {"status": "succeeded", "attempts": 1, "fallback": False, "error": None}
        expect_job(one, job, agreed, tr("report is well"))
        expect_result(one, job, report_of(stub, job))


@behaviour("C6", start=False)
def check_a_lease_that_ended_has_one_heir(system, http, stub, new):
    """While the database is busy, both instances can see that the lease has ended and neither can write that down."""
    instances = ("reports-1", "reports-2")

    def inherited():
        for instance in instances:
            system.restart(instance, env=SHORT)
        user = new.id("user")
        held = stub["report"].will(hold(), on=MAKE, where=for_user(user))
        job = job_of(ordered(http, user))
        held.wait()
        for instance in instances:
            system.kill(instance)
        killed = time.monotonic()
        stub["report"].heal()
        before = len(asked(stub, user))
        for instance in instances:
            system.start(instance, env=SHORT)
        stays(lambda: True, killed + 0.6 * LEASE - time.monotonic())
        with system.writing("reports"):
            stays(lambda: True, max(killed + LEASE + 0.4 - time.monotonic(), 0.3))
        return done(http, job), job, len(asked(stub, user)) - before

    shown, job, more = sample_twice(inherited, lambda found: found[2] == 1)
    expect(
        field(shown, "status") == "succeeded" and more == 1,
        tr(
            "the lease of job {job} ends while the database is busy: one instance takes it up, and report is "
            "asked once more",
            job=job,
        ),
        got=tr("{count} times more; {answer}: {text}", count=more, answer=shown, text=shown.text[:200]),
        code="done-twice" if more > 1 else "never-done",
        about=[job],
    )


@behaviour("C7", start=False)
def check_a_stop_costs_no_job(system, http, stub, new):
    system.start("reports", env=BRIEF)
    user = new.id("user")
    held = stub["report"].will(hold(), on=MAKE)
    job = job_of(ordered(http, user))
    held.wait()
    system.terminate("reports")
    expect(
        system.wait_exit("reports", 10.0) is not None,
        tr("SIGTERM in the middle of a job: the process ends within 10 s"),
        got=tr("it lives on"),
        code="does-not-stop",
        about=[job],
    )
    stub["report"].heal()
    system.start("reports", env=BRIEF)
    expect_taken_up(http, stub, user, job, tr("the service was stopped and started again"))


@behaviour("C8", start=False)
def check_poison_stops_nobody(system, http, stub, new):
    """With a lease so long that nothing comes of waiting for its end."""
    system.start("reports", env={**QUICK, "JOB_LEASE_S": 30})
    poison = {
        tr("report answers garbage"): garbage(),
        tr("report answers half of a report"): cut(),
        tr("report answers 400"): status(400),
    }
    before = [job_of(ordered(http, new.id("user")))]
    bad = []
    for deed in poison.values():
        user = new.id("user")
        stub["report"].will(deed, on=MAKE, where=for_user(user))
        bad.append(job_of(ordered(http, user)))
    behind = [job_of(ordered(http, new.id("user"))) for _ in range(3)]
    for job in (*before, *behind):
        awaiting = tr("job {job} to succeed, although others can never be done", job=job)
        shown = eventually_is(http, job, "succeeded", awaiting, "queue-stopped")
        expect_result(shown, job, report_of(stub, job))
    for trouble, job in zip(poison, bad, strict=True):
        shown = done(http, job)
        expect_job(shown, job, {"status": "failed", "result": None}, trouble)
        expect_error(shown, job, trouble)


# -- the client


def ordered(http: Http, user: str) -> Answer:
    answer = http.post("/reports", json={"user_id": user})
    expect(
        answer.status == 202 and bool(job_of(answer)),
        tr("POST /reports: 202 and the job_id"),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:200]),
        code="client-waits" if answer.status is None else "not-accepted",
        about=[answer],
    )
    return answer


def job_of(answer: Answer) -> str:
    return str(field(answer, "job_id") or "")


def field(answer: Answer, name: str) -> Any:
    return answer.json.get(name) if isinstance(answer.json, dict) else None


def done(http: Http, job: str, patience: float = DONE) -> Answer:
    """The job in its last state."""
    return eventually_is(http, job, "", tr("job {job} to end, succeeded or failed", job=job), "never-done", patience)


def eventually_is(http: Http, job: str, state: str, awaiting: str, code: str, patience: float = DONE) -> Answer:
    """The job, as soon as it is in this state, or in either of the last ones."""
    last: list[Answer] = []

    def reached() -> bool:
        last[:] = [http.get(f"/jobs/{job}")]
        return field(last[0], "status") in ((state,) if state else ("succeeded", "failed"))

    eventually(
        reached,
        awaiting,
        patience,
        code=code,
        got=lambda: tr("{answer}: {text}", answer=last[0], text=last[0].text[:200]),
        about=[job],
    )
    return last[0]


# -- what is expected


def expect_job(answer: Answer, job: str, agreed: dict[str, Any], when: str) -> None:
    found = answer.json if isinstance(answer.json, dict) else {}
    wrong = {name for name, value in agreed.items() if name not in found or found[name] != value}
    expect(
        not wrong,
        tr("{when}: job {job} is {agreed}", when=when, job=job, agreed=json.dumps(agreed)),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:300]),
        code=f"wrong-{min(wrong)}" if wrong else "",
        about=[job],
    )


def expect_failed(answer: Answer, job: str, attempts: int, when: str) -> None:
    expect_job(answer, job, {"status": "failed", "attempts": attempts, "fallback": False, "result": None}, when)
    expect_error(answer, job, when)


def expect_error(answer: Answer, job: str, when: str) -> None:
    error = field(answer, "error")
    expect(
        isinstance(error, str) and bool(error.strip()),
        tr("{when}: the error of job {job} says why", when=when, job=job),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:300]),
        code="no-error",
        about=[job],
    )


def expect_result(answer: Answer, job: str, report: Any, which: str = "") -> None:
    expect(
        field(answer, "result") == report and report is not None,
        tr("the result of job {job} is {report}", job=job, report=json.dumps(report))
        + (f" ({which})" if which else ""),
        got=tr("{answer}: {text}", answer=answer, text=answer.text[:300]),
        code="wrong-result",
        about=[job],
    )


def expect_requests(
    stub: Any, user: str, job: str, count: int, when: str, code: str = "wrong-number-of-requests", least: int = 0
) -> None:
    """So often was report asked for this user's report (or so often at `least`), and always under the job's id."""
    requests = asked(stub, user)
    keys = {seen.key for seen in requests}
    expect(
        keys == {job},
        tr("{when}: report is asked with the Idempotency-Key {job}", when=when, job=job),
        got=", ".join(sorted(key or "–" for key in keys)) or tr("no request"),
        code="wrong-key",
        about=[job],
    )
    expect(
        (least or count) <= len(requests) <= count,
        tr("{when}: report is asked {count} times for job {job}", when=when, count=count, job=job),
        got=tr("{count} times", count=len(requests)),
        code=code,
        about=[job],
    )


def expect_tried_again(stub: Any, user: str, job: str, trouble: str) -> None:
    """Though nobody asks for the job."""
    eventually(
        lambda: len(asked(stub, user)) >= 3,
        tr("{trouble}: report is asked again until it works", trouble=trouble),
        DONE,
        code="not-tried-again",
        got=lambda: tr("{count} requests to report", count=len(asked(stub, user))),
        about=[job],
    )


def expect_taken_up(http: Http, stub: Any, user: str, job: str, when: str) -> None:
    """It is done, by somebody else than the one who began it."""
    shown = eventually_is(
        http,
        job,
        "succeeded",
        tr("job {job} to succeed within {seconds:g} s, although {when}", job=job, seconds=TAKEN_UP, when=when),
        "job-lost",
        TAKEN_UP,
    )
    expect_result(shown, job, report_of(stub, job))
    keys = {seen.key for seen in asked(stub, user)}
    expect(
        keys == {job},
        tr("report is asked for job {job} under one key, although {when}", job=job, when=when),
        got=", ".join(sorted(keys)),
        code="wrong-key",
        about=[job],
    )


# -- report


def asked(stub: Any, user: str) -> list[Seen]:
    about = for_user(user)
    return [seen for seen in stub["report"].seen if seen.matches(MAKE) and about(seen)]


def for_user(user: str) -> Any:
    return lambda seen: isinstance(seen.json, dict) and seen.json.get("user_id") == user


def report_of(stub: Any, job: str) -> Any:
    """The report that was made under the job's id."""
    return stub["report"].reports.get(job)


class Silent:
    """The report is made, and its answer is kept back until the caller has gone."""

    def __init__(self) -> None:
        self._worked = False

    async def __call__(self, _: Seen, rest: Rest, /) -> Reply | None:
        reply = await rest()
        self._worked = True
        await asyncio.sleep(60)
        return reply

    def wait(self) -> None:
        expect(
            within(10.0, lambda: self._worked),
            tr("a request to report"),
            got=tr("none came within 10 s"),
            code="never-arrived",
        )
