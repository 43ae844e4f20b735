"""Checks of 1.5: what follows from a registration, and what must not depend on it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from lab.grading import (
    Answer,
    Deed,
    Http,
    Stub,
    behaviour,
    eventually,
    expect,
    hang,
    hold,
    never,
    reset,
    status,
    tr,
)
from lab.grading.checking.fixtures import New, SystemUnderTest

NOTIFY = "POST /notify"
TEMPLATE = "welcome"
SHORT_MS = 1000
RIVALS = 8
CROWD = 20


def register(http: Http, new: New, when: str = "", code: str = "no-user") -> Answer:
    """A user who must come to be."""
    answer = http.post("/users", json={"email": new.email(), "name": new.name()})
    registered(answer, when or tr("with a mail server that is well"), code)
    return answer


def registered(answer: Answer, when: str, code: str) -> None:
    expect(
        answer.status == 201 and isinstance(answer.json, dict) and isinstance(answer.json.get("id"), str),
        tr("{when}, POST /users with an e-mail and a name answers 201 with the user and its id", when=when),
        got=f"{answer}: {answer.text[:300]}",
        code=code,
        about=[answer],
    )


def asked(notify: Stub) -> Counter[str]:
    """How often the mail server was asked to write to each user."""
    bodies = [seen.json for seen in notify.seen if seen.matches(NOTIFY)]
    return Counter(str(body.get("user_id")) for body in bodies if isinstance(body, dict))


def told_once(notify: Stub, people: Iterable[Answer], code: str = "not-told") -> None:
    """Each of them is written to; nobody asks the shop for it."""
    wanted = {person.json["id"] for person in people}
    eventually(
        lambda: asked(notify).keys() >= wanted,
        tr("{count} users registered: for each of them NOTIFY_URL has a POST /notify", count=len(wanted)),
        code=code,
        got=lambda: tr("requests for {count} of them", count=len(asked(notify).keys() & wanted)),
    )


def no_other(notify: Stub, people: Iterable[Answer], code: str = "told-of-nothing") -> None:
    """Each of them once, and nobody else."""
    once = Counter({person.json["id"]: 1 for person in people})
    never(
        lambda: asked(notify) - once,
        tr("a POST /notify besides one for each user who was answered with 201"),
        code=code,
    )


def listed(http: Http, user: str) -> tuple[Answer, list[Any]]:
    answer = http.get(f"/notifications?user_id={user}")
    items = answer.json.get("items") if answer.status == 200 and isinstance(answer.json, dict) else None
    expect(
        isinstance(items, list),
        tr("GET /notifications?user_id= answers 200 with items"),
        got=f"{answer}: {answer.text[:300]}",
        code="no-notifications",
        about=[answer],
    )
    return answer, items if isinstance(items, list) else []


def outcome(http: Http, person: Answer, wanted: str, when: str, code: str) -> None:
    """Their notification is there, once, and says so."""
    user = person.json["id"]
    like = {"user_id": user, "template": TEMPLATE, "status": wanted}

    def shown() -> bool:
        items = listed(http, user)[1]
        return (
            len(items) == 1
            and isinstance(items[0], dict)
            and bool(items[0].get("id"))
            and like.items() <= items[0].items()
        )

    eventually(
        shown,
        tr(
            "{when}, GET /notifications?user_id= shows one notification with an id and {like}",
            when=when,
            like=json.dumps(like),
        ),
        code=code,
        got=lambda: listed(http, user)[0].text[:300],
        about=[person],
    )


def counted(http: Http, wanted: int, when: str, code: str) -> None:
    last: list[Answer] = []

    def said() -> bool:
        last[:] = [http.get("/stats")]
        return last[0].status == 200 and isinstance(last[0].json, dict) and last[0].json.get("registered") == wanted

    eventually(
        said,
        tr("{when}, GET /stats says registered: {count}", when=when, count=wanted),
        within=10.0,
        code=code,
        got=lambda: f"{last[0]}: {last[0].text[:200]}",
    )


@behaviour("C1")
def check_what_follows_from_a_registration(
    http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]
) -> None:
    notify = stub["notify"]
    people = [register(http, new) for _ in range(3)]
    told_once(notify, people)
    templates = {seen.json.get("template") for seen in notify.seen if isinstance(seen.json, dict)}
    expect(
        templates == {TEMPLATE},
        tr('POST /notify has "template": "{template}"', template=TEMPLATE),
        got=", ".join(map(str, templates)),
        code="told-otherwise",
    )
    for person in people:
        outcome(http, person, "sent", tr("when the mail server has answered"), "not-sent")
    counted(http, len(people), tr("after {count} registrations", count=len(people)), "not-counted")
    stranger, items = listed(http, new.id("nobody"))
    expect(
        not items,
        tr("GET /notifications?user_id= of somebody who never registered has no items"),
        got=stranger.text[:300],
        code="everybodys",
        about=[stranger],
    )
    leaves = people.pop()
    gone = http.delete(f"/users/{leaves.json['id']}")
    expect(
        gone.status == 204,
        tr("DELETE /users/{id} answers 204, as in 1.1", id=leaves.json["id"]),
        got=gone,
        code="not-deleted",
        about=[gone],
    )
    counted(http, len(people) + 1, tr("when one of those who registered has been deleted"), "counts-rows")
    no_other(notify, [*people, leaves], "told-twice")
    system.restart("shop")
    for person in people:
        outcome(http, person, "sent", tr("after a restart"), "forgotten")


@behaviour("C2", start=False)
def check_a_mail_that_fails(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    notify = stub["notify"]
    system.start("shop", env={"HTTP_TIMEOUT_MS": SHORT_MS})
    failures: list[tuple[str, Deed | None]] = [
        (tr("while the mail server answers 500"), status(500)),
        (tr("while the mail server breaks connections off"), reset()),
        (tr("while the mail server says nothing (HTTP_TIMEOUT_MS={timeout})", timeout=SHORT_MS), hang()),
        (tr("while the mail server refuses connections"), None),
    ]
    people: list[Answer] = []
    for when, deed in failures:
        notify.heal()
        if deed is None:
            notify.down()
        else:
            notify.will(deed, on=NOTIFY)
        people.append(register(http, new, when, "mail-decides"))
        outcome(http, people[-1], "failed", when, "failure-unseen")
        counted(http, len(people), when, "starved")
    notify.heal()
    notify.up()
    well = register(http, new, tr("when the mail server is well again"), "mail-decides")
    outcome(http, well, "sent", tr("when the mail server is well again"), "gave-up")
    counted(http, len(people) + 1, tr("when the mail server is well again"), "starved")
    no_other(notify, [*people, well], "tried-again")


@behaviour("C3")
def check_what_has_not_happened(http: Http, new: New, system: SystemUnderTest, stub: Mapping[str, Stub]) -> None:
    notify = stub["notify"]
    first = register(http, new)
    taken = first.sent["email"]
    refused = [
        http.post("/users", json={"email": taken, "name": new.name()}),
        http.post("/users", json={"email": new.email()}),
        http.post("/users", content='{"email": '),
    ]
    for answer in refused:
        expect(
            answer.status is not None and 400 <= answer.status < 500,
            tr("a taken e-mail, a missing name and broken JSON are 4xx, as in 1.1"),
            got=answer,
            code="not-refused",
            about=[answer],
        )
    expect(
        refused[0].status == 409 and refused[0].code == "email_taken",
        tr("POST /users with a taken e-mail answers 409 email_taken"),
        got=refused[0],
        code="not-refused",
        about=refused[:1],
    )
    email = new.email()
    rivals = http.at_once([lambda: http.post("/users", json={"email": email, "name": new.name()})] * RIVALS)
    changed = http.patch(f"/users/{first.json['id']}", json={"name": new.name()})
    with system.failing_commits("shop"):
        undone = http.post("/users", json={"email": new.email(), "name": new.name()})
    people = [first, *(answer for answer in [*rivals, undone] if answer.status == 201)]
    people.append(register(http, new))  # a fence: what was published before it has been heard when it is told of
    told_once(notify, people)
    outcome(http, people[-1], "sent", tr("after registrations that were refused"), "not-sent")
    nobody = [answer for answer in [*refused, *rivals, changed, undone] if answer.status != 201]
    once = Counter({person.json["id"]: 1 for person in people})
    never(
        lambda: asked(notify) - once,
        tr(
            "a POST /notify besides one for each of the {count} users who were answered with 201",
            count=len(people),
        ),
        code="told-of-nothing",
        about=nobody[-1:],
    )
    counted(
        http,
        len(people),
        tr("after {count} answers 201 and {others} others", count=len(people), others=len(nobody)),
        "counts-nothing",
    )


@behaviour("C4")
def check_a_mail_server_that_takes_its_time(http: Http, new: New, stub: Mapping[str, Stub]) -> None:
    notify = stub["notify"]
    held = notify.will(hold(), on=NOTIFY)
    slow = tr("while the mail server keeps its requests waiting")
    bodies = [{"email": new.email(), "name": new.name()} for _ in range(CROWD)]
    people = http.at_once([partial(http.post, "/users", json=body) for body in bodies])
    for person in people:
        registered(person, slow, "waits-for-mail")
    held.wait()
    counted(http, CROWD, slow, "starved")
    for person in people:
        answer, items = listed(http, person.json["id"])
        expect(
            all(isinstance(item, dict) and item.get("status") == "pending" for item in items),
            tr("{when}, a notification is not listed, or pending", when=slow),
            got=answer.text[:300],
            code="sent-too-soon",
            about=[person, answer],
        )
    expect(
        held.held,
        tr("{count} users are registered and counted, and their mails are still on their way", count=CROWD),
        got=tr("the shop waits for no answer of the mail server any more"),
        code="does-not-wait-for-mail",
    )
    held.release()
    told_once(notify, people, "dropped")
    for person in people:
        outcome(http, person, "sent", tr("when the mail server goes on"), "dropped")
    no_other(notify, people, "told-twice")
