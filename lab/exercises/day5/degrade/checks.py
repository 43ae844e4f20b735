"""day5.5: a page that lives without its optional parts, says so, and never lies about the critical one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from lab.grading import (
    Answer,
    answer,
    behaviour,
    cannot_tell,
    cut,
    drip,
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

ONE_TIMEOUT = 1.8
"""Seconds: HTTP_TIMEOUT_MS=1000 and some air. Two timeouts, one after the other, do not fit."""
STALE_MAX = 3.0
PART = {"reco": "recommendations", "orders": "orders"}
NO_OBJECT = tr("answers 200 with []")
FAULTS = {
    tr("answers 500"): lambda: status(500),
    tr("refuses connections"): None,
    tr("cuts the connection"): reset,
    tr("ends the connection in the middle of its answer"): cut,
    tr("answers 200 with garbage"): garbage,
    tr("answers 200 with nothing"): lambda: garbage(b""),
    NO_OBJECT: lambda: answer([]),
}
"""What is done to a service; None: a fault on the way to it."""
HANGS, DRIPS = tr("hangs"), tr("answers byte by byte")
SLOW = {HANGS: hang, DRIPS: lambda: drip(0.2)}
"""What takes a whole timeout. It is done to pages of their own, all at the same time."""
NO_ITEMS = {
    tr("answers 200 with an empty object"): lambda: answer({}),
    tr('answers 200 with {"items": null}'): lambda: answer({"items": None}),
}
CUT = (tr("refuses connections"), tr("cuts the connection"), tr("ends the connection in the middle of its answer"))
"""After these a client library may repeat a GET by itself."""


@contextmanager
def _broken(stub, faults, name: str, fault) -> Iterator[None]:
    if fault is None:
        with faults.on(f"gateway->{name}", "refuse"):
            yield
        return
    stub[name].will(fault())
    yield
    stub[name].heal()


@behaviour("C1")
def check_one_part_is_missing(http, stub, faults, new):
    """A whole page comes before each poor one, so that a breaker, if there is one, does not open on the way."""
    for words, fault in {**FAULTS, **NO_ITEMS}.items():
        silent = "contract-not-checked" if words in NO_ITEMS else "silent-fallback"
        for broken in PART:
            Page(http, stub, new).await_whole()
            page = Page(http, stub, new)
            with _broken(stub, faults, broken, fault):
                poor = page.sample(page.is_without(broken))
            when = f"{broken} {words}"
            _expect_page_without(broken, page, poor, when, silent)
            if words not in CUT:
                _expect_asked_once(stub, broken, page, poor, when)


@behaviour("C1")
def check_slow_parts_are_missing(http, stub, new):
    """A page of its own for each, all at the same time."""
    plans = [([broken], words) for words in SLOW for broken in PART] + [(list(PART), HANGS)]
    pages = [Page(http, stub, new) for _ in plans]
    for page, (broken, words) in zip(pages, plans, strict=True):
        Page(http, stub, new).await_whole()
        for name in broken:
            stub[name].will(SLOW[words](), where=page.is_for)
    poor_ones = http.at_once(
        [
            lambda page=page, broken=broken: page.sample(page.is_without(*broken))
            for page, (broken, _) in zip(pages, plans, strict=True)
        ]
    )
    measured("longest", max(poor.seconds for poor in poor_ones))
    for page, (broken, words), poor in zip(pages, plans, poor_ones, strict=True):
        if len(broken) > 1:
            _expect_in_one_timeout(poor, tr("reco and orders hang"))  # whether there is a page then is C3's to say
            continue
        when = f"{broken[0]} {words}"
        _expect_in_one_timeout(poor, when, "limit-per-read" if words == DRIPS else "waits-longer-for-one")
        _expect_page_without(broken[0], page, poor, when)
        _expect_asked_once(stub, broken[0], page, poor, when)


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
def check_no_user_no_page(http, stub, faults, new):
    page = Page(http, stub, new)
    page.await_whole()
    for words, fault in FAULTS.items():
        with _broken(stub, faults, "users", fault):
            answer = page.sample(lambda seen: seen.status == 503)
        invented = "user-not-checked" if words == NO_OBJECT else "user-invented"
        _expect_no_page(answer, tr("users {words}", words=words), invented)
        eventually(
            lambda: http.get(page.path).status == 200,
            tr("users is back: the page is complete again"),
            code="no-page-after-outage",
        )


@behaviour("C2")
def check_a_slow_user_is_no_user(http, stub, new):
    pages = [Page(http, stub, new) for _ in SLOW]
    for page, fault in zip(pages, SLOW.values(), strict=True):
        page.await_whole()
        stub["users"].will(fault(), where=page.is_for)
    answers = http.at_once([lambda page=page: page.sample(lambda seen: seen.status == 503) for page in pages])
    for words, got in zip(SLOW, answers, strict=True):
        _expect_no_page(got, tr("users {words}", words=words))


@behaviour("C2")
def check_nobody_is_invented(http, new):
    answer = http.get(f"/home/{new.id('nobody')}")
    expect(
        answer.status == 404 and answer.code == "unknown_user",
        tr("users answers 404, and so does the gateway: 404 unknown_user"),
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
    expect(
        _body(answer).get("stale") is False,
        tr('reco and orders are down, and {id} has had no page yet: defaults, "stale": false', id=page.id),
        got=_seen(answer),
        code="default-called-stale",
        about=[answer],
    )


@behaviour("C4", start=False)
def check_last_known_good(system, http, stub, new):
    """The page is asked for all through the outage: a list must not become young by being shown. The lists change once
    before it, and that of reco once more while only orders is down: what is remembered of each is the last one, and as
    old as that. A list that was empty is remembered, too."""
    system.start("gateway", env={"STALE_MAX_S": int(STALE_MAX)})
    page, stranger = Page(http, stub, new), Page(http, stub, new)
    blank = Page(http, stub, new, empty=True)
    first = http.get(page.path)
    page.expect_whole(first)
    time.sleep(STALE_MAX / 3)
    page.change()
    began = time.monotonic()
    for seen in (blank, page):
        whole = http.get(seen.path)
        seen.expect_whole(whole)
    stub["orders"].will(status(500))
    page.like_something_else()
    half = http.get(page.path)
    _expect_degraded(half, ["orders"], tr("orders is down"))
    page.expect_remembered(half, ["orders"], time.monotonic() - began)
    known = time.monotonic()
    stub["reco"].will(status(500))
    other = http.get(stranger.path)
    expect(
        not stranger.shows_any_of(other, page),
        tr("{id} has had no page yet: it shows a default, and nothing of {other}", id=stranger.id, other=page.id),
        got=_seen(other),
        code="somebody-elses-data",
        about=[whole, other],
    )
    if (apart := time.monotonic() - began) < STALE_MAX / 2:
        blank.expect_remembered(http.get(blank.path), list(PART), apart)
    looked = 0
    while (age := time.monotonic() - known) < STALE_MAX + 0.4:
        poor = http.get(page.path)
        apart = time.monotonic() - began
        _expect_degraded(poor, list(PART), tr("reco and orders are down"))
        if apart < STALE_MAX:
            page.expect_remembered(poor, list(PART), apart)
            looked += age > STALE_MAX * 0.6
        time.sleep(0.25)
    late = http.get(page.path)
    _expect_degraded(late, list(PART), tr("reco and orders are down"))
    expect(
        not page.shows_any_of(late, page) and _body(late).get("stale") is False,
        tr("reco and orders have been down for longer than STALE_MAX_S=3: a default, not stale"),
        got=_seen(late),
        code="stale-for-ever",
        about=[whole, late],
    )
    if not looked:
        cannot_tell(tr("the machine is too busy: no page came between 2 and 3 s after the outage began"))


@behaviour("C5")
def check_it_heals(http, stub, new):
    """Of a user who had a page before the outage, and of one whose first page was poor."""
    pages = known, _ = Page(http, stub, new), Page(http, stub, new)
    known.await_whole()
    for name in PART:
        stub[name].will(status(500))
    for page in pages:
        poor = [http.get(page.path) for _ in range(3)][-1]
        _expect_degraded(poor, list(PART), tr("reco and orders are down"))
        page.change()
    for name in PART:
        stub[name].heal()
    for page in pages:
        page.await_whole(
            tr("reco and orders are back: the page shows what they say now, degraded is empty"), "does-not-heal"
        )
    time.sleep(2.0)
    for page in pages:
        page.change()
        page.expect_whole(http.get(page.path), "does-not-heal")


@behaviour("C6")
def check_every_fallback_is_counted(http, stub, new, metrics):
    """Reco down, orders down, both; users besides, where no page is sent that could name them; and nothing down. Each
    time of a user who had a page before, and of one who had none. What counts is the sum; what was counted in between
    only tells which answers are missing from it."""

    def counted():
        now = metrics("gateway")
        return Counter({name: round(now.sum("fallback_total", dependency=name)) for name in PART})

    known = Page(http, stub, new)
    tallies, first = [], counted()
    before = first
    for broken in ((), ("reco",), ("orders",), ("reco", "orders"), ("users", "reco", "orders"), ()):
        for name in broken:
            stub[name].will(status(500))
        answers = [http.get(page.path) for page in (known, Page(http, stub, new), known)]
        for name in broken:
            stub[name].heal()
        after = counted()
        tallies.append(Tally(answers, after - before))
        before = after
    total = counted()
    for name in PART:
        poor = sum(tally.named(name) for tally in tallies)
        expect(
            total[name] - first[name] == poor > 0,
            tr(
                '{poor} answers name {name} in degraded: fallback_total{{dependency="{name}"}} is {poor}',
                poor=poor,
                name=name,
            ),
            got=str(total[name] - first[name]),
            code=_miscount(tallies),
        )


class Tally(NamedTuple):
    """Some answers, and by how much each dependency's fallback_total grew meanwhile."""

    answers: list[Answer]
    counted: Counter[str]

    def named(self, name: str) -> int:
        return sum(name in (_names(answer) or ()) for answer in self.answers)

    def poor(self) -> int:
        """How many answers named something."""
        return sum(bool(_names(answer)) for answer in self.answers)

    def stale(self, name: str) -> int:
        return sum(name in (_names(one) or ()) and _body(one).get("stale") is True for one in self.answers)


def _miscount(tallies: list[Tally]) -> str:
    """What the count goes by in place of what was named, as far as it can be seen."""
    if any(tally.counted.total() and not tally.poor() for tally in tallies):
        return "counts-pages-not-sent"
    if all(tally.counted.total() == tally.poor() for tally in tallies):
        return "counts-pages-and-not-parts"
    if all(tally.counted[name] == tally.named(name) - tally.stale(name) for tally in tallies for name in PART):
        return "counts-only-defaults"
    return "fallbacks-miscounted"


@behaviour("C7", start=False)
def check_side_by_side(system, http, stub, new):
    """Whoever waits for the one before asking the other does not ask within 8 s of a timeout of 12. Whoever asks the
    other by then has given up on the one before its time."""
    system.start("gateway", env={"HTTP_TIMEOUT_MS": 12000})
    page = Page(http, stub, new)
    held = {name: stub[name].will(hold()) for name in PART}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(http.get, page.path, timeout=15.0)
        try:
            both = within(8.0, lambda: all(one.held for one in held.values()))
            expect(
                both,
                tr("reco and orders are both asked while the other one has not answered yet"),
                got=tr("asked: {names}", names=", ".join(name for name, one in held.items() if one.arrived)),
                code="gives-up-before-its-time"
                if any(one.arrived > one.held for one in held.values())
                else "one-after-the-other",
            )
        finally:
            for one in held.values():
                one.release()
        page.expect_whole(answer.result())


class Page:
    """The home page of a fresh user, who has an order and recommendations of their own, or neither."""

    def __init__(self, http, stub, new, *, empty: bool = False) -> None:
        self._http, self._stub, self._new = http, stub, new
        self.user = stub["users"].add(new.id("user"), name=new.name())
        self.id = self.user["id"]
        self.path = f"/home/{self.id}"
        self.pages = 0
        """How often it was asked for by `sample`."""
        self.truth: dict[str, list[Any]] = {"recommendations": [], "orders": []}
        self._past: list[list[Any]] = []
        """Its lists before each change."""
        if empty:
            stub["reco"].set(self.id, [])
        else:
            self.change()

    def change(self) -> None:
        """Another recommendation, and one more order."""
        self.like_something_else()
        self._past.append(self.truth["orders"])
        self.truth["orders"] = [*self._past[-1], self._stub["orders"].add(self._new.id("order"), user_id=self.id)]

    def like_something_else(self) -> None:
        """Another recommendation."""
        self._past.append(self.truth["recommendations"])
        self.truth["recommendations"] = [{"id": self._new.id("product"), "name": "green tea"}]
        self._stub["reco"].set(self.id, self.truth["recommendations"])

    def sample(self, good):
        """The page as it is now; if it is slow or not as it should be, a second one decides."""

        def get():
            self.pages += 1
            return self._http.get(self.path)

        return sample_twice(get, lambda seen: seen.seconds <= ONE_TIMEOUT and good(seen))

    def is_for(self, seen) -> bool:
        """Whether a stub was asked about this user."""
        return bool(seen.path.endswith(f"/{self.id}") or seen.query.get("user_id") == self.id)

    def is_without(self, *broken: str):
        """Whether an answer is the page with all but those dependencies, and says so."""
        others = [name for name in PART if name not in broken]
        return lambda seen: _names(seen) == sorted(broken) and self.has(seen, others)

    def has(self, answer, dependencies: list[str]) -> bool:
        """Whether the user is on it, and what those dependencies say."""
        body = _body(answer)
        as_it_is = all(body.get(PART[name]) == self.truth[PART[name]] for name in dependencies)
        return bool(body.get("user") == self.user and as_it_is)

    def is_whole(self, answer: Answer) -> bool:
        fresh = _names(answer) == [] and _body(answer).get("stale") is False
        return answer.status == 200 and fresh and self.has(answer, list(PART))

    def await_whole(self, words: str = "", code: str = "no-whole-page") -> None:
        answers = []

        def whole():
            answers.append(self._http.get(self.path))
            return self.is_whole(answers[-1])

        eventually(whole, words or self._whole(), code=code, got=lambda: _seen(answers[-1]))

    def expect_whole(self, answer, code: str = "no-whole-page") -> None:
        expect(self.is_whole(answer), self._whole(), got=_seen(answer), code=code, about=[answer])

    def expect_remembered(self, answer, dependencies: list[str], apart: float) -> None:
        """All lists are the last known good ones, `apart` seconds after they were."""
        remembered = self.has(answer, list(PART))
        expect(
            remembered and _body(answer).get("stale") is True,
            tr(
                "{names} went down after a whole page, which is {apart:.1f} s old, STALE_MAX_S=3: the last lists, "
                '"stale": true',
                names=tr(" and ").join(dependencies),
                apart=apart,
            ),
            got=_seen(answer),
            code="stale-not-said" if remembered and any(self.truth.values()) else self._forgotten(answer),
            about=[answer],
        )

    def _forgotten(self, answer) -> str:
        """What is there in place of the last lists."""
        if not any(self.truth.values()):
            return "empty-list-forgotten"
        older = any(_body(answer).get(part) == past for part in self.truth for past in self._past if past)
        return "older-list-shown" if older else "nothing-remembered"

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
        """Whether something of `page`'s lists is on it, whosever page it is."""
        shown = [item for part in page.truth for item in _body(answer).get(part) or []]
        return any(item in shown for items in page.truth.values() for item in items)

    def _whole(self) -> str:
        return tr(
            "nothing is broken: the page of {id} is complete, degraded is [], stale is false",
            id=self.id,
        )


def _expect_page_without(broken: str, page: Page, poor, when: str, silent: str = "silent-fallback") -> None:
    _expect_in_one_timeout(poor, when)
    _expect_degraded(poor, [broken], when, silent)
    page.expect_parts(poor, [name for name in PART if name != broken], when)


def _expect_asked_once(stub, name: str, page: Page, poor, when: str) -> None:
    asked = stub[name].count(where=page.is_for)
    expect(
        asked <= page.pages,
        tr("{when}: {name} is called once per page", when=when, name=name),
        got=tr("it was called {asked} times", asked=asked),
        code="asked-again",
        about=[poor],
    )


def _expect_no_page(answer, when: str, invented: str = "user-invented") -> None:
    _expect_in_one_timeout(answer, when)
    expect(
        answer.status == 503 and answer.code == "users_unavailable",
        tr("{when}: 503 users_unavailable", when=when),
        got=_seen(answer),
        code=invented if answer.status == 200 else "wrong-answer-without-users",
        about=[answer],
    )


def _expect_in_one_timeout(answer, when: str, code: str = "waits-too-long") -> None:
    expect(
        answer.seconds <= ONE_TIMEOUT,
        tr("{when}, HTTP_TIMEOUT_MS=1000: the answer comes within {one_timeout} s", when=when, one_timeout=ONE_TIMEOUT),
        got=answer,
        code=code,
        about=[answer],
    )


def _expect_degraded(answer, names: list[str], when: str, silent: str = "silent-fallback") -> None:
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
        code="wrong-names" if said else silent,
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
