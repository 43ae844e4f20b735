"""day5.5: a page that lives without its optional parts, says so, and never lies about the critical one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lab.grading import (
    Answer,
    behaviour,
    cannot_tell,
    eventually,
    expect,
    garbage,
    hang,
    hold,
    reset,
    sample_twice,
    status,
    tr,
)

ONE_TIMEOUT = 1.8
"""Seconds: HTTP_TIMEOUT_MS=1000 and some air. Two timeouts, one after the other, do not fit."""
STALE_MAX = 3.0
PART = {"reco": "recommendations", "orders": "orders"}
FAULTS = {
    tr("answers 500"): lambda: status(500),
    tr("hangs"): hang,
    tr("cuts the connection"): reset,
    tr("answers 200 with garbage"): garbage,
    tr("answers 200 with nothing"): lambda: garbage(b""),
}


@behaviour("C1")
def check_one_part_is_missing(http, stub, new):
    """A whole page comes before each poor one, so that a breaker, if there is one, does not open on the way."""
    for words, fault in FAULTS.items():
        for broken in PART:
            Page(http, stub, new).await_whole()
            page = Page(http, stub, new)
            stub[broken].will(fault())
            answer = _expect_page_without(broken, page, f"{broken} {words}")
            asked = stub[broken].count(where=page.is_for)
            stub[broken].heal()
            expect(
                asked <= page.pages or words == tr("cuts the connection"),  # a client library may repeat such a GET
                tr("{broken} {words}: it is called once per page", broken=broken, words=words),
                got=tr("it was called {asked} times", asked=asked),
                code="asked-again",
                about=[answer],
            )


@behaviour("C1")
def check_both_hang(http, stub, new):
    page = Page(http, stub, new)
    for broken in PART:
        stub[broken].will(hang())
    _expect_in_one_timeout(page.sample(lambda seen: seen.status is not None), tr("reco and orders hang"))


@behaviour("C1")
def check_nothing_is_an_answer(http, stub, new):
    page = Page(http, stub, new, empty=True)
    answer = page.sample(page.is_whole)
    expect(
        page.is_whole(answer),
        tr('orders and reco answer {"items": []}: both lists are empty, and degraded is []'),
        got=_seen(answer),
        code="empty-taken-for-missing",
        about=[answer],
    )


@behaviour("C2")
def check_no_user_no_page(http, stub, new):
    page = Page(http, stub, new)
    page.await_whole()
    for words, fault in FAULTS.items():
        stub["users"].will(fault())
        answer = page.sample(lambda seen: seen.status == 503)
        stub["users"].heal()
        _expect_in_one_timeout(answer, tr("users {words}", words=words))
        expect(
            answer.status == 503 and answer.code == "users_unavailable",
            tr("users {words}: 503 users_unavailable", words=words),
            got=_seen(answer),
            code="user-invented" if answer.status == 200 else "wrong-answer-without-users",
            about=[answer],
        )
        eventually(
            lambda: http.get(page.path).status == 200,
            tr("users is back: the page is complete again"),
            code="no-page-after-outage",
        )


@behaviour("C2")
def check_nobody_is_invented(http, new):
    answer = http.get(f"/home/{new.id('nobody')}")
    expect(
        answer.status == 404,
        tr("users answers 404: so does the gateway"),
        got=_seen(answer),
        code="user-invented" if answer.status == 200 else "not-found-hidden",
        about=[answer],
    )


@behaviour("C3")
def check_both_are_missing(http, stub, new):
    page = Page(http, stub, new)
    for name in PART:
        stub[name].will(status(500))
    answer = page.sample(lambda seen: seen.status == 200)
    _expect_degraded(answer, list(PART), tr("reco and orders are down"))
    page.expect_parts(answer, [], tr("reco and orders are down"))


@behaviour("C4", start=False)
def check_last_known_good(system, http, stub, new):
    system.start("gateway", env={"STALE_MAX_S": int(STALE_MAX)})
    page, stranger = Page(http, stub, new), Page(http, stub, new)

    def outage():
        """A whole page, and at once the outage: the two answers, and how far apart they are."""
        for name in PART:
            stub[name].heal()
        began = time.monotonic()
        whole = http.get(page.path)
        for name in PART:
            stub[name].will(status(500))
        poor = http.get(page.path)
        return whole, poor, time.monotonic() - began

    whole, poor, apart = sample_twice(outage, lambda seen: page.is_whole(seen[0]) and seen[2] < STALE_MAX)
    page.expect_whole(whole)
    _expect_degraded(poor, list(PART), tr("reco and orders are down"))
    if apart >= STALE_MAX:
        cannot_tell(tr("the machine is too busy: a page and the next one took {apart:.1f} s together", apart=apart))
    remembered = all(_body(poor).get(part) == items for part, items in page.truth.items())
    expect(
        remembered and _body(poor).get("stale") is True,
        tr(
            'reco and orders go down {apart:.1f} s after a whole page, STALE_MAX_S=3: the same lists, "stale": true',
            apart=apart,
        ),
        got=_seen(poor),
        code="stale-not-said" if remembered else "nothing-remembered",
        about=[whole, poor],
    )
    other = http.get(stranger.path)
    expect(
        not stranger.shows_any_of(other, page),
        tr("{id} has had no page yet: it shows a default, and nothing of {other}", id=stranger.id, other=page.id),
        got=_seen(other),
        code="somebody-elses-data",
        about=[whole, other],
    )
    time.sleep(STALE_MAX + 0.3)
    late = http.get(page.path)
    _expect_degraded(late, list(PART), tr("reco and orders are down"))
    expect(
        not page.shows_any_of(late, page) and not _body(late).get("stale"),
        tr("reco and orders have been down for longer than STALE_MAX_S=3: a default, not stale"),
        got=_seen(late),
        code="stale-for-ever",
        about=[whole, late],
    )


@behaviour("C5")
def check_it_heals(http, stub, new):
    page = Page(http, stub, new)
    for name in PART:
        stub[name].will(status(500))
    poor = [http.get(page.path) for _ in range(3)][-1]
    _expect_degraded(poor, list(PART), tr("reco and orders are down"))
    for name in PART:
        stub[name].heal()
    answers = []

    def whole():
        answers.append(http.get(page.path))
        return page.is_whole(answers[-1])

    eventually(
        whole,
        tr("reco and orders are back: the page shows what they say, degraded is empty"),
        code="does-not-heal",
        got=lambda: _seen(answers[-1]),
    )


@behaviour("C6")
def check_every_fallback_is_counted(http, stub, new, metrics):
    known, stranger = Page(http, stub, new), Page(http, stub, new)
    before = {name: metrics("gateway").sum("fallback_total", dependency=name) for name in PART}
    known.await_whole()
    poor = dict.fromkeys(PART, 0)
    for name, times in (("reco", 4), ("orders", 3)):
        stub[name].will(status(500))
        for page in [known, stranger] * times:
            for dependency in _names(http.get(page.path)) or []:
                poor[dependency] = poor.get(dependency, 0) + 1
        stub[name].heal()
    for name in PART:
        counted = metrics("gateway").sum("fallback_total", dependency=name) - before[name]
        expect(
            counted == poor[name] and poor[name] > 0,
            tr(
                '{poor} answers name {name} in degraded: fallback_total{{dependency="{name}"}} is {poor}',
                poor=poor[name],
                name=name,
            ),
            got=f"{counted:g}",
            code="fallbacks-miscounted",
        )


@behaviour("C7", start=False)
def check_side_by_side(system, http, stub, new):
    """With a timeout of 12 s whoever waits for the one before asking the other does not ask within 4."""
    system.start("gateway", env={"HTTP_TIMEOUT_MS": 12000})
    page = Page(http, stub, new)
    held = {name: stub[name].will(hold()) for name in PART}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(http.get, page.path)
        try:
            eventually(
                lambda: all(one.held for one in held.values()),
                tr("reco and orders are both asked while the other one has not answered yet"),
                within=4.0,
                code="one-after-the-other",
                got=lambda: tr("asked: {names}", names=", ".join(name for name, one in held.items() if one.arrived)),
            )
        finally:
            for one in held.values():
                one.release()
        page.expect_whole(answer.result())


class Page:
    """The home page of a fresh user, who has an order and recommendations of their own, or neither."""

    def __init__(self, http, stub, new, *, empty: bool = False) -> None:
        self._http = http
        self.id = stub["users"].add(new.id("user"), name=new.name())["id"]
        self.path = f"/home/{self.id}"
        self.pages = 0
        """How often it was asked for by `sample`."""
        self.truth = {
            "recommendations": [] if empty else [{"id": new.id("product"), "name": "green tea"}],
            "orders": [] if empty else [stub["orders"].add(new.id("order"), user_id=self.id)],
        }
        stub["reco"].set(self.id, self.truth["recommendations"])

    def sample(self, good):
        """The page as it is now; if it is slow or not as it should be, a second one decides."""

        def get():
            self.pages += 1
            return self._http.get(self.path)

        return sample_twice(get, lambda seen: seen.seconds <= ONE_TIMEOUT and good(seen))

    def is_for(self, seen) -> bool:
        """Whether a stub was asked about this user."""
        return bool(seen.path.endswith(f"/{self.id}") or seen.query.get("user_id") == self.id)

    def has(self, answer, dependencies: list[str]) -> bool:
        """Whether the user is on it, and what those dependencies say."""
        body = _body(answer)
        user = body.get("user")
        is_user = isinstance(user, dict) and user.get("id") == self.id
        return bool(is_user) and all(body.get(PART[name]) == self.truth[PART[name]] for name in dependencies)

    def is_whole(self, answer: Answer) -> bool:
        return answer.status == 200 and _names(answer) == [] and self.has(answer, list(PART))

    def await_whole(self) -> None:
        answers = []

        def whole():
            answers.append(self._http.get(self.path))
            return self.is_whole(answers[-1])

        eventually(whole, self._whole(), code="no-whole-page", got=lambda: _seen(answers[-1]))

    def expect_whole(self, answer) -> None:
        expect(self.is_whole(answer), self._whole(), got=_seen(answer), code="no-whole-page", about=[answer])

    def expect_parts(self, answer, dependencies: list[str], when: str) -> None:
        parts = tr(" and ").join(["user", *(PART[name] for name in dependencies)])
        expect(
            self.has(answer, dependencies),
            tr("{when}: {parts} of {id} are there as always", when=when, parts=parts, id=self.id),
            got=_seen(answer),
            code="other-parts-lost",
            about=[answer],
        )

    def shows_any_of(self, answer, page) -> bool:
        """Whether one of `page`'s lists is on it, whosever page it is."""
        return any(_body(answer).get(part) == items for part, items in page.truth.items())

    def _whole(self) -> str:
        return tr(
            "nothing is broken: the page of {id} has its user, recommendations and orders, and degraded is []",
            id=self.id,
        )


def _expect_page_without(broken: str, page: Page, when: str):
    others = [name for name in PART if name != broken]
    answer = page.sample(lambda seen: _names(seen) == [broken] and page.has(seen, others))
    _expect_in_one_timeout(answer, when)
    _expect_degraded(answer, [broken], when)
    page.expect_parts(answer, others, when)
    return answer


def _expect_in_one_timeout(answer, when: str) -> None:
    expect(
        answer.seconds <= ONE_TIMEOUT,
        tr("{when}, HTTP_TIMEOUT_MS=1000: the answer comes within {one_timeout} s", when=when, one_timeout=ONE_TIMEOUT),
        got=answer,
        code="waits-too-long",
        about=[answer],
    )


def _expect_degraded(answer, names: list[str], when: str) -> None:
    expect(
        answer.status == 200,
        tr("{when}: 200, the page without it", when=when),
        got=_seen(answer),
        code="optional-part-breaks-the-page",
        about=[answer],
    )
    said = _names(answer)
    expect(
        said == sorted(names),
        tr("{when}: degraded is {names}", when=when, names=sorted(names)),
        got=tr("degraded is {said}", said=said),
        code="wrong-names" if said else "silent-fallback",
        about=[answer],
    )


def _names(answer) -> list[str] | None:
    """What the page says is degraded, sorted; None if it says nothing."""
    said = _body(answer).get("degraded")
    return sorted(map(str, said)) if isinstance(said, list) else None


def _body(answer) -> dict[str, Any]:
    return answer.json if isinstance(answer.json, dict) else {}


def _seen(answer) -> str:
    return f"{answer} {answer.text[:300]}"
