"""Checks of 1.2: a process in the hands of somebody else, who moves, asks, stops, kills and reads it."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.grading import (
    Answer,
    Http,
    Stub,
    behaviour,
    cannot_tell,
    eventually,
    expect,
    hang,
    hold,
    status,
    stays,
    tr,
    within,
)
from lab.grading.checking.expect import CannotTell
from lab.grading.checking.fixtures import New, SystemUnderTest

NOTIFY = "POST /notify"
FLIGHT = 5
"""Orders under way when SIGTERM comes."""
TAKES = 4.0
"""Seconds for which the mail server lets them wait after that."""
CLOSED = 3.0
"""Seconds after SIGTERM in which new connections must be refused: less than that, so the process is still at work."""
END = 10.0
BURST = 50
ANSWERED = 12
"""So many answers have come when the burst is killed."""
GRACEFUL = (0, 143, -15)
PATIENT = 25.0
"""Seconds that a client waits whose order waits for the mail server."""
SHORT_MS = 400
LONG = 4.0
"""Seconds, ten times as long as that."""
CROWD = 8
OUTAGE = 10.0
"""Seconds in which /readyz has to notice that the database has gone or is back."""
NO_DATABASE = b"The disk has forgotten what was here.\n" * 300


def register(http: Http, new: New) -> Answer:
    """A user who must come to be; everything else of the check stands on it."""
    answer = http.post("/users", json={"email": new.email(), "name": new.name()})
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and isinstance(answer.json.get("id"), str),
        tr("POST /users with an e-mail and a name answers 201 with the user and its id"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-user",
        about=[answer],
    )
    return answer


def order(http: Http, user: str, new: New, timeout: float = PATIENT) -> Answer:
    """Ask for one; what comes of it is for the check to say."""
    items = [{"sku": new.id("sku"), "qty": 2, "price": 15_000}]
    return http.post("/orders", json={"user_id": user, "items": items}, timeout=timeout)


def placed(answer: Answer, when: str, code: str) -> Answer:
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and isinstance(answer.json.get("id"), str),
        tr("{when}, POST /orders for a known user answers 201 with the order and its id", when=when),
        got=f"{answer}: {answer.text[:300]}",
        code=code,
        about=[answer],
    )
    return answer


def reads(http: Http, kind: str, made: Answer, when: str, code: str) -> None:
    """GET shows it with what was sent for it."""
    path = f"/{kind}/{made.json['id']}"
    read = http.get(path)
    same = {name: value for name, value in made.json.items() if name in ("id", "email", "name", "user_id", "total")}
    expect(
        read.status == 200 and isinstance(read.json, dict) and same.items() <= read.json.items(),
        tr("{when}, GET {path} shows what was answered with 201: {same}", when=when, path=path, same=json.dumps(same)),
        got=f"{read}: {read.text[:300]}",
        code=code,
        about=[made, read],
    )


def starts(start: Callable[[], object], expected: str, code: str) -> None:
    """A process that does not come up is what this exercise is about, so it is no reason for an unknown verdict."""
    try:
        start()
    except CannotTell as why:
        expect(False, expected, got=why, code=code)


@behaviour("C1", start=False)
def check_two_at_once_on_what_they_are_told(http: Http, new: New, system: SystemUnderTest) -> None:
    starts(
        lambda: system.scale("shop", 1), tr("shop listens on HOST and PORT, and GET /readyz answers 200"), "never-up"
    )
    starts(lambda: system.scale("shop", 2), tr("two instances of shop run at the same time"), "only-once")
    one, other = http["shop"], http["shop-2"]
    user = register(one, new)
    reads(other, "users", user, tr("at the other instance, with the same DATABASE_URL"), "not-this-database")
    made = placed(order(other, user.json["id"], new), tr("at the other instance"), "no-order")
    reads(one, "orders", made, tr("at the first instance"), "not-this-database")


@behaviour("C1", start=False)
def check_another_environment(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    elsewhere = system.database("shop").with_name(f"{new.id('other')}.db")
    env = {"DATABASE_URL": f"sqlite:///{elsewhere}", "HTTP_TIMEOUT_MS": SHORT_MS}
    where = tr("with another DATABASE_URL, of a file that does not exist yet, shop starts")
    starts(lambda: system.start("shop", env=env), where, "needs-its-database")
    moved = register(http, new)
    stub["notify"].will(hang(), on=NOTIFY)
    slow = order(http, moved.json["id"], new, timeout=2 * LONG)
    expect(
        slow.status is not None and slow.seconds < LONG,
        tr(
            "with HTTP_TIMEOUT_MS={timeout} and a mail server that says nothing, an order is answered within "
            "{seconds:g} s",
            timeout=SHORT_MS,
            seconds=LONG,
        ),
        got=slow,
        code="waits-for-mail",
        about=[slow],
    )
    placed(slow, tr("while the mail server says nothing"), "mail-decides")
    system.kill("shop")
    system.start("shop", env={})
    stranger = http.get(f"/users/{moved.json['id']}")
    expect(
        stranger.status == 404,
        tr("with its usual DATABASE_URL again, shop does not know the user of the other database: 404"),
        got=stranger,
        code="not-this-database",
        about=[moved, stranger],
    )


@behaviour("C1")
def check_the_mail_server_is_told_and_decides_nothing(http: Http, new: New, stub: Mapping[str, Stub]) -> None:
    notify = stub["notify"]
    user = register(http, new).json["id"]
    made = placed(order(http, user, new), tr("with a mail server that is well"), "no-order")
    wanted = {"user_id": user, "template": "order_created", "order_id": made.json["id"]}
    told = [seen.json for seen in notify.seen if seen.matches(NOTIFY)]
    expect(
        len(told) == 1 and isinstance(told[0], dict) and wanted.items() <= told[0].items(),
        tr(
            "when POST /orders has answered, NOTIFY_URL has had one POST /notify with {wanted}",
            wanted=json.dumps(wanted),
        ),
        got=told,
        code="not-told" if not told else "told-otherwise",
        about=[made],
    )
    refused = http.post("/orders", json={"user_id": new.id("nobody"), "items": made.sent["items"]})
    expect(
        refused.status == 422 and notify.count(NOTIFY) == 1,
        tr("an order for a user who never was is a 422, and no mail tells of it"),
        got=tr("{refused}; {count} mails", refused=refused, count=notify.count(NOTIFY) - 1),
        code="told-of-nothing",
        about=[refused],
    )
    notify.will(status(500), on=NOTIFY)
    ill = placed(order(http, user, new), tr("while the mail server answers 500"), "mail-decides")
    notify.down()
    away = placed(order(http, user, new), tr("while the mail server refuses connections"), "mail-decides")
    notify.up()
    for kept in (ill, away):
        reads(http, "orders", kept, tr("after a mail that failed"), "mail-decides")


@behaviour("C2")
def check_an_unreadable_database(http: Http, new: New, system: SystemUnderTest) -> None:
    user = register(http, new)
    pid = system.pid("shop")
    ready(http, 200, tr("while all is well"), "never-ready")
    with unreadable(system.database("shop").parent):
        ready(http, 503, tr("while the file of DATABASE_URL is no database"), "blind")
        for _ in range(3):
            alive = http.get("/healthz")
            expect(
                alive.status == 200,
                tr("while the file of DATABASE_URL is no database, GET /healthz answers 200 all the same"),
                got=alive,
                code="restart-me",
                about=[alive],
            )
    ready(http, 200, tr("when the file is back"), "never-ready-again")
    expect(
        system.pid("shop") == pid,
        tr("the process that had no database for a moment is still the same, pid {pid}", pid=pid),
        got=tr("pid {pid}", pid=system.pid("shop")),
        code="gave-up",
    )
    reads(http, "users", user, tr("when the file is back"), "not-as-before")
    register(http, new)


def ready(http: Http, wanted: int, when: str, code: str) -> None:
    last: list[Answer] = []

    def said() -> bool:
        last[:] = [http.get("/readyz", timeout=3.0)]
        return last[0].status == wanted

    eventually(
        said,
        tr("{when}, GET /readyz answers {wanted}", when=when, wanted=wanted),
        OUTAGE,
        code=lambda: "gave-up" if last and last[0].status is None else code,
        got=lambda: f"{last[0]}: {last[0].text[:200]}",
    )


@contextmanager
def unreadable(folder: Path) -> Iterator[None]:
    """Each file in the database's folder makes way for one that is no database, and comes back as it was."""
    away = folder.parent / f"{folder.name}-away"
    away.mkdir()
    kept = [file for file in folder.iterdir() if file.is_file()]
    if not kept:
        cannot_tell(tr("there is no file in the folder of DATABASE_URL, so none can be made unreadable"))
    for file in kept:
        file.rename(away / file.name)
    for file in kept:
        if not file.name.endswith(("-wal", "-shm", "-journal")):  # SQLite makes these itself, beside its file
            file.write_bytes(NO_DATABASE)
    try:
        yield
    finally:
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
        for file in kept:
            (away / file.name).rename(file)
        shutil.rmtree(away)


@behaviour("C3")
def check_a_stop_finishes_what_was_begun(
    http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    user = register(http, new).json["id"]
    held = stub["notify"].will(hold(), on=NOTIFY)
    with under_way(held.release, [lambda: order(http, user, new)] * FLIGHT) as flying:
        held.wait(FLIGHT)
        system.terminate("shop")
        began = time.monotonic()
        refuses(http, flying)
        left = TAKES - (time.monotonic() - began)
        stays(lambda: not any(one.done() for one in flying), max(left, 0.0))
        held.release()
        answers = [one.result() for one in flying]
    done = [answer for answer in answers if answer.status == 201]
    expect(
        len(done) == FLIGHT,
        tr(
            "{count} orders were under way when SIGTERM came, and the mail server took {seconds:g} s more: "
            "all are answered with 201",
            count=FLIGHT,
            seconds=TAKES,
        ),
        got=", ".join(map(str, answers)),
        code="cut-off",
        about=[answer for answer in answers if answer.status != 201][:1],
    )
    code = system.wait_exit("shop", within=max(END - (time.monotonic() - began), 1.0))
    expect(
        code is not None,
        tr("shop ends within {seconds:g} s of SIGTERM, once its requests are finished", seconds=END),
        got=tr("it lives on"),
        code="lives-on",
    )
    expect(
        code in GRACEFUL,
        tr("shop ends with exit code 0 or 143 after SIGTERM"),
        got=tr("exit code {code}", code=code),
        code="ends-badly",
    )


@contextmanager
def under_way(release: Callable[[], object], calls: list[Callable[[], Answer]]) -> Iterator[list[Future[Answer]]]:
    """Make all calls at the same time, and go on. At the end, whatever comes, those that wait are released."""
    pool = ThreadPoolExecutor(len(calls))
    try:
        yield [pool.submit(call) for call in calls]
    finally:
        release()
        pool.shutdown(wait=False)


def refuses(http: Http, flying: list[Future[Answer]]) -> None:
    """New connections are refused while the old ones are still served."""
    tried: list[Answer] = []

    def refused() -> bool:
        tried.append(http.get("/healthz", timeout=2.0))
        return tried[-1].status is None and not _silent(tried[-1])

    if within(CLOSED, refused):
        return
    left = any(not one.done() for one in flying)
    expect(
        not left,
        tr(
            "from SIGTERM on new connections are refused, within {seconds:g} s at the latest, while those under way "
            "are served",
            seconds=CLOSED,
        ),
        got=tried[-1],
        code="left-hanging" if _silent(tried[-1]) else "takes-more",
        about=tried[-1:],
    )


def _silent(answer: Answer) -> bool:
    """Whether nothing came at all: it was neither answered nor refused."""
    return answer.status is None and answer.seconds >= 2.0


@behaviour("C4")
def check_no_answer_before_it_is_stored(http: Http, new: New, system: SystemUnderTest) -> None:
    user = register(http, new).json["id"]
    calls: list[Callable[[], Answer]] = [
        lambda: http.post("/users", json={"email": new.email(), "name": new.name()}, timeout=PATIENT),
        lambda: order(http, user, new),
    ]
    with system.writing("shop") as alone, under_way(lambda: None, calls) as flying:
        if alone:
            early = within(1.0, lambda: any(one.done() and one.result().status == 201 for one in flying))
            answers = [one.result() for one in flying if one.done()]
            expect(
                not early,
                tr(
                    "while somebody else writes to the database and nothing can be stored, nothing is answered with 201"
                ),
                got=", ".join(map(str, answers)),
                code="answers-first",
                about=answers[:1],
            )


@behaviour("C4")
def check_a_kill_in_a_burst(http: Http, new: New, rng: random.Random, system: SystemUnderTest) -> None:
    user = register(http, new).json["id"]
    calls: list[tuple[str, Callable[[], Answer]]] = [
        ("orders", lambda: order(http, user, new, 10.0))
        if number % 2
        else ("users", lambda: http.post("/users", json={"email": new.email(), "name": new.name()}))
        for number in range(BURST)
    ]
    rng.shuffle(calls)
    with under_way(lambda: None, [call for _, call in calls]) as flying:
        within(10.0, lambda: sum(one.done() for one in flying) >= ANSWERED)
        system.kill("shop")
        answers = [one.result() for one in flying]
    again(system)
    made = [(kind, answer) for (kind, _), answer in zip(calls, answers, strict=True) if answer.status == 201]
    expect(
        made,
        tr("of {count} requests at the same moment some are answered with 201 before SIGKILL comes", count=BURST),
        got=", ".join(map(str, answers[:3])),
        code="nothing-done",
    )
    for kind, answer in made:
        reads(http, kind, answer, tr("after SIGKILL and a start"), "lost-at-kill")


@behaviour("C4")
def check_a_kill_while_the_mail_is_on_its_way(
    http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    user = register(http, new).json["id"]
    held = stub["notify"].will(hold(), on=NOTIFY)
    with under_way(held.release, [lambda: order(http, user, new)] * FLIGHT):
        within(10.0, lambda: held.held >= FLIGHT)
        system.kill("shop")
    again(system)
    told = [seen.json.get("order_id") for seen in stub["notify"].seen if isinstance(seen.json, dict)]
    expect(told, tr("POST /notify names the order_id"), got=tr("no mail at all"), code="not-told")
    for ident in told:
        read = http.get(f"/orders/{ident}")
        expect(
            read.status == 200,
            tr("shop was killed while it waited for the mail server; the order {id} of the mail is there", id=ident),
            got=read,
            code="mail-before-order",
            about=[read],
        )


def again(system: SystemUnderTest) -> None:
    starts(lambda: system.start("shop"), tr("after SIGKILL, shop starts as it always does"), "does-not-come-back")


@behaviour("C5")
def check_each_request_has_its_line(
    http: Http, new: New, system: SystemUnderTest, logs: Callable[[str], list[Any]]
) -> None:
    first = register(http, new)
    tidy(system, logs)
    answers = [
        first,
        order(http, first.json["id"], new),
        http.get(f"/orders/{new.id('nobody')}"),
        http.get("/users/what%22is%20this%5C?"),
        http.post("/users", content='{"email": '),
    ]
    for answer in answers:
        returned(answer)
        in_the_log(answer, logs)
    tidy(system, logs)


@behaviour("C5")
def check_ids_do_not_mix(http: Http, new: New, logs: Callable[[str], list[Any]], stub: Mapping[str, Stub]) -> None:
    user = register(http, new).json["id"]
    held = stub["notify"].will(hold(), on=NOTIFY)
    with under_way(held.release, [lambda: order(http, user, new)] * CROWD) as flying:
        held.wait(CROWD)
        held.release()
        answers = [one.result() for one in flying]
    for answer in answers:
        returned(answer, "ids-mixed")
        in_the_log(answer, logs, "ids-mixed")


@behaviour("C5")
def check_a_request_without_an_id(http: Http, new: New, logs: Callable[[str], list[Any]]) -> None:
    answers = [http.get(f"/users/{new.id('nobody')}", headers={"X-Request-ID": None}) for _ in range(2)]
    given = [answer.headers.get("x-request-id", "") for answer in answers]
    expect(
        all(given) and len(set(given)) == 2,
        tr("two requests without X-Request-ID: each answer has an X-Request-ID of its own"),
        got=given,
        code="no-id-given",
    )
    for ident in given:
        logged(ident, logs, tr("the id {id} that the service gave to a request without one", id=ident), "no-line")


def returned(answer: Answer, code: str = "id-not-returned") -> None:
    expect(
        answer.headers.get("x-request-id") == answer.request_id,
        tr(
            "the answer to {method} {path} ({status}) has the X-Request-ID of its request, {id}",
            method=answer.method,
            path=answer.path,
            status=answer.status,
            id=answer.request_id,
        ),
        got=answer.headers.get("x-request-id") or tr("no X-Request-ID"),
        code=code,
        about=[answer],
    )


def in_the_log(answer: Answer, logs: Callable[[str], list[Any]], code: str = "no-line") -> None:
    what = tr(
        "{method} {path} ({status}) with X-Request-ID {id}",
        method=answer.method,
        path=answer.path,
        status=answer.status,
        id=answer.request_id,
    )
    logged(answer.request_id, logs, what, code)


def logged(ident: str, logs: Callable[[str], list[Any]], what: str, code: str) -> None:
    def lines() -> list[Any]:
        return [line for line in logs("shop") if line.stream == "stdout"]

    def found() -> bool:
        return any(line.data.get("request_id") == ident for line in lines())

    eventually(
        found,
        tr('a JSON line on stdout has "request_id" of {what}', what=what),
        within=5.0,
        code=code,
        got=lambda: "; ".join(line.message for line in lines()[-3:]) or tr("no lines"),
        about=[ident],
    )


def tidy(system: SystemUnderTest, logs: Callable[[str], list[Any]]) -> None:
    """Each of the last lines on stdout is a JSON object with what was agreed."""
    elsewhere = {line.message for line in logs("shop") if line.stream == "stderr"}
    for text in system.last_words("shop"):
        if text in elsewhere or not text.strip():
            continue
        line = _object(text)
        lacks = [name for name in ("ts", "level", "service", "msg") if not isinstance((line or {}).get(name), str)]
        expect(
            line is not None and not lacks,
            tr("each line on stdout is a JSON object with ts, level, service and msg"),
            got=tr("{line}, without {lacks}", line=text, lacks=", ".join(lacks)) if line is not None else text,
            code="no-json" if line is None else "incomplete-line",
        )


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
