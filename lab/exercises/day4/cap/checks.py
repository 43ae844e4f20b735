"""Exercise 4.6: users on one side of a cut, orders on the other; what may be old is shown, what may not be wrong is
refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from lab.grading import Answer, Http, behaviour, eventually, expect, never, stays, tr, within

QUEUE = "orders.users"
HTTP = "orders->users"
WITH_USERS, WITH_ORDERS = "orders->amqp", "users->amqp"
"""The broker stands on the side of the one, so the link of the other is cut."""

STALE = 1.5
"""STALE_AFTER_MS."""
WHOLE = 1.0
"""What a time may lack that is written in whole seconds."""
AHEAD = 0.5
"""How far a time may lie in the future: nothing but rounding."""
QUICK = 2.0
"""Half of the four seconds after which a caller would have had enough."""
LATE = 3.0
"""Seconds that everything takes on a slow network: twice STALE."""
REPAIRED = 20.0
ENOUGH = 100_000
CROWD = 20
WANTED = 10


@behaviour("C1")
def check_connected(http, broker, new):
    attentive(broker)
    person = Person(http, new)
    person.eventually_fresh(tr("everything is connected"))
    person.watch(STALE + WHOLE + 0.5)
    person.eventually_fresh(tr("nothing has changed for a while, and everything is connected"))
    person.rename()
    person.eventually_fresh(tr("the user was renamed, and everything is connected"))

    done = decided(http, person, 30_000, new)
    expect_done(done, person, 30_000, ENOUGH - 30_000)
    expect_balance(person, ENOUGH - 30_000, done, "not-withdrawn")
    own = http["users"].post(
        f"/users/{person.id}/withdraw", json={"amount": 5_000}, headers={"Idempotency-Key": new.id("key")}
    )
    expect_done(own, person, 5_000, ENOUGH - 35_000)
    person.balance = ENOUGH - 35_000
    person.eventually_fresh(tr("money was withdrawn, and everything is connected"))

    refusals = (
        (decided(http, person, ENOUGH, new), 409, "insufficient_funds", tr("more than there is")),
        (decided(http, person, 1, new, user=new.id("user")), 404, "unknown_user", tr("an unknown user")),
        (withdraw(http, person, 1, new, key=None), 400, "idempotency_key_missing", tr("no Idempotency-Key")),
    )
    for answer, status, code, what in refusals:
        expect(
            answer.status == status and answer.code == code,
            tr("POST /withdrawals, {what}: {status} {code}", what=what, status=status, code=code),
            got=answer,
            code="wrong-refusal",
            about=[answer],
        )
    expect_balance(person, ENOUGH - 35_000, refusals[0][0], "withdrawn-although-refused")
    stranger = http["orders"].get(f"/users/{new.id('user')}/summary")
    expect(
        stranger.status == 404 and stranger.code == "unknown_user",
        tr("the summary of a user nobody knows: 404 unknown_user"),
        got=stranger,
        code="wrong-refusal",
        about=[stranger],
    )


@behaviour("C2")
def check_summaries_go_on_without_users_and_the_broker(system, http, broker, faults, new):
    people = known(http, broker, new, CROWD)
    with parted(faults, WITH_USERS):
        expect_old_and_honest(people, tr("orders is cut off from users and from the broker"))
        system.kill("orders")
        system.start("orders")
        few = http.at_once([person.summary_in_time for person in people[:3]])
        for person, answer in zip(people[:3], few, strict=True):
            person.expect_old(answer, tr("orders was restarted while it is cut off"), "forgotten-in-the-restart")


@behaviour("C2")
def check_summaries_go_on_with_the_broker_but_without_users(http, broker, faults, new):
    people = known(http, broker, new, CROWD)
    with parted(faults, WITH_ORDERS):
        expect_old_and_honest(people, tr("users is cut off from orders and from the broker"))


@behaviour("C2")
def check_what_comes_late_is_old(http, broker, faults, new):
    person = known(http, broker, new)[0]
    with faults.on(WITH_USERS, "blackhole"):
        person.rename()
        person.watch(1.0)
    slow = f"latency {LATE:g}s"
    with faults.on(HTTP, slow), faults.on(WITH_USERS, slow):
        person.watch(LATE / 2)
        person.rename()
        person.watch(LATE + 1)


@behaviour("C3")
def check_withdrawals_are_refused_in_time_and_stay_undone(http, broker, faults, new):
    person = known(http, broker, new)[0]
    for how, little in (("blackhole", 7), ("refuse", 11)):
        with parted(faults, WITH_USERS, how):
            attempts = [partial(withdraw, http, person, 1 + 1_000 * place, new) for place in range(WANTED)]
            refused = http.at_once(attempts)
            for answer in refused:
                expect_partitioned(answer, QUICK)
            expect_balance(person, person.balance, refused[0], "withdrawn-although-refused")
        fence = paid_again(http, person, little, new)
        person.balance -= little
        expect_nothing_late(person, refused[-1], fence)


@behaviour("C4")
def check_the_copy_decides_nothing(http, broker, faults, new):
    person = known(http, broker, new)[0]
    with faults.on(WITH_USERS, "refuse"):
        within(LATE, lambda: '"stale":true' in person.summary().text.replace(" ", ""))
        expect_done(at_users(http, person, 80_000, new), person, 80_000, 20_000)
        too_much = decided(http, person, 50_000, new)
        expect(
            too_much.status == 409 and too_much.code == "insufficient_funds",
            tr("user {id} has 20000 left, which orders has not heard: a withdrawal of 50000 is refused", id=person.id),
            got=too_much,
            code="decided-by-the-copy",
            about=[too_much],
        )
        enough = decided(http, person, 20_000, new)
        expect_done(enough, person, 20_000, 0, code="decided-by-the-copy")
        newcomer = Person(http, new)
        expect_done(decided(http, newcomer, 40_000, new), newcomer, 40_000, ENOUGH - 40_000, code="decided-by-the-copy")


@behaviour("C4", start=False)
def check_nobody_overdraws_on_two_sides_at_once(system, http, new):
    system.start("users")
    system.start("orders", env={"HTTP_TIMEOUT_MS": 5_000})  # what is done must not look like a cut on a busy machine
    for _ in range(4):
        person = Person(http, new)
        attempts = [partial(side, http, person, 30_000, new, key=new.id("key")) for side in [at_users, withdraw] * 6]
        answers = http.at_once(attempts)
        expect_three(person, [settled(*one) for one in zip(attempts, answers, strict=True)])


@behaviour("C4")
def check_nobody_overdraws_on_two_sides_of_a_cut(http, broker, faults, new):
    person = known(http, broker, new)[0]
    here = [partial(at_users, http, person, 30_000, new)] * 5
    there = [partial(withdraw, http, person, 30_000, new, key=new.id("key")) for _ in range(5)]
    with parted(faults, WITH_USERS):
        answers = http.at_once([*here, *there])
    again = [settled(*one) for one in zip(there, answers[5:], strict=True)]
    expect_three(person, [*answers[:5], *again])
    person.balance = ENOUGH - 90_000
    person.eventually_fresh(tr("the cut is healed, and all withdrawals are decided"))


@behaviour("C5")
def check_what_was_missed_is_made_good(http, broker, faults, new):
    person = known(http, broker, new)[0]
    key = new.id("key")
    with parted(faults, WITH_USERS, "refuse"):
        person.rename()
        expect_done(at_users(http, person, 10_000, new), person, 10_000, ENOUGH - 10_000)
        person.balance -= 10_000
        refused = withdraw(http, person, 20_000, new, key=key)
        expect_partitioned(refused, QUICK)
        person.until_stale()
    person.eventually_fresh(tr("the cut is healed"), "never-repaired")
    done = settled(lambda: withdraw(http, person, 20_000, new, key=key), refused)
    expect_done(done, person, 20_000, person.balance - 20_000, code="refused-for-ever")


@behaviour("C5")
def check_users_keeps_what_it_could_not_tell(system, http, broker, faults, new):
    person = known(http, broker, new)[0]
    with parted(faults, WITH_ORDERS, "refuse"):
        person.rename()
        expect_done(at_users(http, person, 10_000, new), person, 10_000, ENOUGH - 10_000)
        person.balance -= 10_000
        system.kill("users")
        system.start("users")
    person.eventually_fresh(tr("the cut is healed; users was restarted before that"), "never-repaired")


@behaviour("C6")
def check_what_is_overtaken_stays_behind(system, http, broker, faults, new):
    person = known(http, broker, new)[0]
    system.stop("orders")
    for _ in range(2):
        person.rename()
    expect_done(at_users(http, person, 10_000, new), person, 10_000, ENOUGH - 10_000)
    person.balance -= 10_000
    person.rename()
    events: list[Any] = []

    def all_here() -> bool:
        while message := broker.get(QUEUE):
            if person.id.encode() in message.body:
                events.append(message)
        return any(person.name.encode() in event.body for event in events)

    within(REPAIRED, all_here)

    def told_again(messages: Iterable[Any]) -> None:
        for message in messages:
            broker.publish(message.body, message.routing_key, message.message_id, content_type=message.content_type)

    told_again(reversed(events))  # the newest first
    with faults.on(HTTP, "refuse"):
        system.start("orders")
        person.eventually_shown(tr("the changes of user {id} came in reverse order", id=person.id))
        told_again(events[:1])
        person.stays_shown(tr("an old event of user {id} came again", id=person.id))


@behaviour("C6")
def check_what_was_shown_once_is_shown_from_then_on(system, http, broker, faults, new):
    person = known(http, broker, new)[0]
    with faults.on(WITH_USERS, "blackhole"):
        person.rename()
        within(1.0, lambda: person.index(person.expect_shown(person.summary())) == len(person.names) - 1)
        with faults.on(HTTP, "refuse"):
            for _ in range(3):
                person.expect_shown(person.summary())
            system.kill("orders")
            system.start("orders")
            for _ in range(3):
                person.expect_shown(person.summary())


@behaviour("C7")
def check_a_lost_answer_takes_the_money_once(system, http, broker, faults, new):
    person = known(http, broker, new)[0]

    key = new.id("key")
    with faults.on(HTTP, "one-way"):
        unheard = withdraw(http, person, 10_000, new, key=key)
        expect_partitioned(unheard, QUICK)
        within(5.0, lambda: balance_of(person) != ENOUGH)
    taken_once(http, person, 10_000, key, unheard, tr("the answer of users was lost"))

    key = new.id("key")
    faults.add('truncate client->orders 0B x1 on "POST /withdrawals"')
    unheard = withdraw(http, person, 10_000, new, key=key)
    first = taken_once(http, person, 10_000, key, unheard, tr("the answer of orders was lost"))

    for name in ("users", "orders"):
        system.kill(name)
        system.start(name)
    person.balance += 10_000
    again = taken_once(http, person, 10_000, key, first, tr("both services were restarted after it was done"))
    expect_same(first, again)


@behaviour("C7")
def check_a_key_is_one_withdrawal(http, broker, new):
    person = known(http, broker, new)[0]
    key = new.id("key")
    copies = http.at_once([lambda: withdraw(http, person, 10_000, new, key=key)] * 6)
    first = taken_once(http, person, 10_000, key, copies[0], tr("six copies came at the same moment"))
    for copy in copies:
        if copy.status == 201:
            expect_same(first, copy)
    other = decided(http, person, 10_000, new)
    expect_done(other, person, 10_000, person.balance - 10_000, code="another-key-is-another-one")
    expect_balance(person, person.balance - 10_000, other, "another-key-is-another-one")


# -- the two sides


@contextmanager
def parted(faults: Any, broker: str, how: str = "blackhole") -> Iterator[None]:
    """Neither side reaches the other, by HTTP or through the broker."""
    with ExitStack() as cuts:
        for link in (HTTP, broker):
            cuts.enter_context(faults.on(link, how))
        yield


class Person:
    """A user, with all names that they have had at users and when; what orders shows of them is held against that."""

    def __init__(self, http: Http, new: Any) -> None:
        self.http = http
        self._new = new
        self.names: list[str] = []
        self.since: list[float] = []
        """When each name was certainly the one, as time.time()."""
        self.balance = ENOUGH
        self._shown = 0
        answer = http["users"].post("/users", json={"name": self._next(), "balance": ENOUGH})
        self._expect_user(answer, 201, tr("POST /users: 201 with id, name and balance"))
        self.id = str(answer.json["id"])
        self.registered = answer
        self.since.append(time.time())

    @property
    def name(self) -> str:
        return self.names[-1]

    def rename(self) -> Answer:
        name = self._next()
        answer = self.http["users"].patch(f"/users/{self.id}", json={"name": name})
        self._expect_user(answer, 200, tr("PATCH /users/{id}: 200 with the user as renamed", id=self.id))
        self.since.append(time.time())
        return answer

    def summary(self, within: float = 10.0) -> Answer:
        return self.http["orders"].get(f"/users/{self.id}/summary", timeout=within)

    def summary_in_time(self) -> Answer:
        return self.summary(QUICK)

    def eventually_fresh(self, when: str, code: str = "never-fresh") -> None:
        """Orders shows the user as they are, and says that this is so now."""
        tries: list[Answer] = []

        def fresh() -> bool:
            tries.append(self.summary())
            shown = tries[-1].json if tries[-1].status == 200 else None
            if not isinstance(shown, dict) or shown.get("stale") is not False:
                return False
            if shown.get("name") != self.name or shown.get("balance") != self.balance:
                return False
            self.expect_honest(tries[-1])
            return True

        eventually(
            fresh,
            tr(
                "the summary of user {id} to show {name!r} and {balance} with stale false: {when}",
                when=when,
                id=self.id,
                name=self.name,
                balance=self.balance,
            ),
            REPAIRED,
            code=code,
            got=lambda: f"{tries[-1]}: {tries[-1].text[:200]}",
            about=[self.registered],
        )
        self._shown = len(self.names) - 1

    def until_stale(self) -> None:
        """Orders notices that it hears nothing any more; until then it says nothing that is not so."""
        tries: list[Answer] = []

        def stale() -> bool:
            tries.append(self.summary_in_time())
            if tries[-1].status == 200:
                self.expect_honest(tries[-1])
                return tries[-1].json["stale"] is True
            return False

        eventually(
            stale,
            tr("the summary of user {id} to be 200 with stale true: orders is cut off from users", id=self.id),
            10.0,
            code=lambda: "never-stale" if tries[-1].status == 200 else "no-old-answer",
            got=lambda: f"{tries[-1]}: {tries[-1].text[:200]}",
            about=[self.registered],
        )

    def watch(self, seconds: float) -> None:
        """Whatever orders shows in this time is not called newer than it is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.summary()
            self.expect_shown(answer)
            self.expect_honest(answer)
            within(0.1, lambda: False)

    def expect_old(self, answer: Answer, when: str, code: str = "no-old-answer") -> None:
        """The name from before the last renaming, called old."""
        shown = answer.json if answer.status == 200 and isinstance(answer.json, dict) else {}
        expect(
            answer.status == 200,
            tr("{when}: the summary of user {id} is 200, with what orders knew last", when=when, id=self.id),
            got=f"{answer}: {answer.text[:200]}",
            code=code,
            about=[answer],
        )
        self.expect_honest(answer)
        expect(
            shown.get("name") == self.names[-2] and shown.get("stale") is True,
            tr(
                "{when}: the summary of user {id} shows {name!r} with stale true",
                when=when,
                id=self.id,
                name=self.names[-2],
            ),
            got=answer.text[:200],
            code="stale-called-fresh",
            about=[answer],
        )

    def expect_honest(self, answer: Answer) -> None:
        """`as_of` is a moment at which the user was like that, and `stale` says whether it is long ago."""
        shown = answer.json if isinstance(answer.json, dict) else {}
        as_of = _moment(shown.get("as_of"))
        expect(
            as_of is not None and isinstance(shown.get("stale"), bool) and shown.get("name") in self.names,
            tr("GET /users/{id}/summary: 200 with name, balance, stale (a boolean) and as_of (RFC 3339)", id=self.id),
            got=answer.text[:200],
            code="malformed-summary",
            about=[answer],
        )
        assert as_of is not None
        asked = time.time() - (time.monotonic() - answer.began)
        expect(
            as_of <= asked + answer.seconds + AHEAD,
            tr("as_of of user {id} is not in the future", id=self.id),
            got=answer.text[:200],
            code="as-of-lies",
            about=[answer],
        )
        expect(
            as_of >= self.since[0] - WHOLE - QUICK,
            tr(
                "as_of of user {id} is no earlier than the user: at that moment the name was {name!r}",
                id=self.id,
                name=shown["name"],
            ),
            got=answer.text[:200],
            code="as-of-lies",
            about=[answer],
        )
        expect(
            shown["stale"] or as_of >= asked - STALE - WHOLE,
            tr("stale false for user {id} means that as_of is at most {seconds:g} s ago", id=self.id, seconds=STALE),
            got=tr(
                "{text}, asked at {asked}", text=answer.text[:200], asked=datetime.fromtimestamp(asked, UTC).isoformat()
            ),
            code="stale-called-fresh",
            about=[answer],
        )
        newest = max((place for place, since in enumerate(self.since) if since <= as_of), default=0)
        expect(
            self.names.index(shown["name"]) >= newest,
            tr(
                "at {as_of} user {id} was called {name!r} already, so a summary as of then shows it",
                as_of=shown["as_of"],
                id=self.id,
                name=self.names[newest],
            ),
            got=answer.text[:200],
            code="as-of-lies",
            about=[answer],
        )

    def index(self, answer: Answer) -> int:
        """Which of the names is shown."""
        return self.names.index(answer.json["name"])

    def expect_shown(self, answer: Answer) -> Answer:
        """There is an answer, and it is not older than one before."""
        shown = answer.json if isinstance(answer.json, dict) else {}
        expect(
            answer.status == 200 and shown.get("name") in self.names,
            tr("the summary of user {id} is 200 with a name that the user has or had", id=self.id),
            got=f"{answer}: {answer.text[:200]}",
            code="no-old-answer",
            about=[answer],
        )
        expect(
            self.index(answer) >= self._shown,
            tr(
                "after {newer!r} the summary of user {id} never shows an older name",
                newer=self.names[self._shown],
                id=self.id,
            ),
            got=answer.text[:200],
            code="went-back",
            about=[answer],
        )
        self._shown = self.index(answer)
        return answer

    def eventually_shown(self, when: str) -> None:
        """The newest name comes, and nothing goes back on the way."""

        def newest() -> bool:
            answer = self.expect_shown(self.summary())
            return bool(answer.json["name"] == self.name and answer.json.get("balance") == self.balance)

        eventually(
            newest,
            tr("the summary to show {name!r} and {balance}: {when}", when=when, name=self.name, balance=self.balance),
            REPAIRED,
            code="older-won",
            got=lambda: self.summary().text[:200],
            about=[self.registered],
        )
        self.stays_shown(when)

    def stays_shown(self, when: str) -> None:
        stays(lambda: self.expect_shown(self.summary()), 0.8)
        answer = self.summary()
        expect(
            answer.status == 200 and answer.json.get("balance") == self.balance,
            tr(
                "{when}: the balance of user {id} is shown as {balance} from then on",
                when=when,
                id=self.id,
                balance=self.balance,
            ),
            got=answer.text[:200],
            code="older-won",
            about=[answer],
        )

    def _next(self) -> str:
        name = self._new.name()
        while name in self.names:
            name = self._new.name()
        self.names.append(name)
        return str(name)

    def _expect_user(self, answer: Answer, status: int, wanted: str) -> None:
        told = answer.json if isinstance(answer.json, dict) else {}
        expect(
            answer.status == status
            and told.get("id") is not None
            and told.get("name") == self.names[-1]
            and isinstance(told.get("balance"), int),
            wanted,
            got=f"{answer}: {answer.text[:200]}",
            code="users-not-there",
            about=[answer],
        )


def attentive(broker: Any) -> None:
    """Orders has its queue: from now on it misses nothing."""
    eventually(
        lambda: broker.exists(QUEUE),
        tr("orders to declare its queue {queue}", queue=QUEUE),
        code="no-queue",
        got=lambda: tr("no such queue"),
    )


def known(http: Http, broker: Any, new: Any, count: int = 1) -> list[Person]:
    """Users whom orders has heard of, although nobody has asked it for any but the last one."""
    attentive(broker)
    with broker.listen() as heard:
        people = [Person(http, new) for _ in range(count)]
        people[-1].eventually_fresh(tr("everything is connected"))
        # One that asks users for whatever it shows may be fresh before any event has come.
        within(5.0, lambda: all(any(one.id.encode() in event.body for event in heard) for one in people))
        within(5.0, lambda: not broker.depth(QUEUE) and not broker.unacked(QUEUE))
    return people


def expect_old_and_honest(people: list[Person], when: str) -> None:
    http = people[0].http
    http.at_once([person.rename for person in people])
    people[-1].until_stale()
    answers = http.at_once([person.summary_in_time for person in people])
    bad = [answer for answer in answers if answer.status != 200]
    expect(
        len(bad) <= 1,
        tr("{when}: at least 19 of 20 summaries are 200 within {seconds:g} s", when=when, seconds=QUICK),
        got=tr("{count} are not, the first: {first}", count=len(bad), first=bad[0] if bad else ""),
        code="no-old-answer",
        about=bad[:1],
    )
    for person, answer in zip(people, answers, strict=True):
        if answer.status == 200:
            person.expect_old(answer, when)


def _moment(value: Any) -> float | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found.timestamp() if found.tzinfo is not None else None


# -- money


def withdraw(http: Http, person: Person, amount: int, new: Any, *, key: str | None = "", user: str = "") -> Answer:
    """Through orders. A key is drawn unless one is given; None sends none."""
    headers = {} if key is None else {"Idempotency-Key": key or new.id("key")}
    return http["orders"].post("/withdrawals", json={"user_id": user or person.id, "amount": amount}, headers=headers)


def decided(http: Http, person: Person, amount: int, new: Any, *, user: str = "") -> Answer:
    """The same while everything is connected. On a busy machine users may take longer than orders waits: then the
    client comes again."""
    key = new.id("key")
    for _ in range(5):
        answer = withdraw(http, person, amount, new, key=key, user=user)
        if answer.status != 503:
            break
    return answer


def at_users(http: Http, person: Person, amount: int, new: Any, *, key: str = "") -> Answer:
    """Past orders."""
    headers = {"Idempotency-Key": key or new.id("key")}
    return http["users"].post(f"/users/{person.id}/withdraw", json={"amount": amount}, headers=headers)


def balance_of(person: Person) -> Any:
    """At users."""
    answer = person.http["users"].get(f"/users/{person.id}")
    return answer.json.get("balance") if isinstance(answer.json, dict) else None


def expect_balance(person: Person, balance: int, after: Answer, code: str) -> None:
    left = balance_of(person)
    expect(
        left == balance,
        tr("user {id} has {balance} at users", id=person.id, balance=balance),
        got=tr("{left}, after {answer}", left=left, answer=after),
        code=code,
        about=[after],
    )


def expect_done(answer: Answer, person: Person, amount: int, left: int, code: str = "not-withdrawn") -> None:
    told = answer.json if isinstance(answer.json, dict) else {}
    agreed = {"user_id": person.registered.json["id"], "amount": amount, "balance": left}
    expect(
        answer.status == 201 and told.get("id") is not None and agreed.items() <= told.items(),
        tr("{method} {path}: 201 with id and {agreed}", method=answer.method, path=answer.path, agreed=agreed),
        got=f"{answer}: {answer.text[:200]}",
        code=code,
        about=[answer],
    )


def expect_partitioned(answer: Answer, seconds: float) -> None:
    expect(
        answer.status == 503 and answer.code == "partitioned",
        tr("orders is cut off from users: POST /withdrawals is 503 partitioned"),
        got=answer,
        code="withdrew-alone" if answer.outcome == "ok" else "not-refused",
        about=[answer],
    )
    expect(
        answer.seconds <= seconds,
        tr("orders is cut off from users: POST /withdrawals is refused within {seconds:g} s", seconds=seconds),
        got=answer,
        code="too-slow",
        about=[answer],
    )
    after = answer.headers.get("Retry-After", "")
    expect(
        bool(after.strip()) and (not after.strip().isdigit() or int(after) > 0),
        tr("503 partitioned says in Retry-After after how many seconds it is worth to try again"),
        got=tr("Retry-After: {after}", after=after or tr("nothing")),
        code="no-retry-after",
        about=[answer],
    )


def expect_nothing_late(person: Person, refused: Answer, fence: Answer) -> None:
    """What was refused is not done now that the network has healed."""

    def surprise() -> Any:
        left = balance_of(person)
        return left != person.balance and tr("{left}, after {refused}", left=left, refused=refused)

    never(
        surprise,
        tr(
            "a withdrawal that was refused with 503 and is done when the network heals: user {id} has {balance}",
            id=person.id,
            balance=person.balance,
        ),
        quiet=1.0,
        code="done-after-the-refusal",
        about=[refused, fence],
    )


def settled(attempt: Callable[[], Answer], last: Answer) -> Answer:
    """The client tries again as long as it gets no decision."""
    tries = [last]

    def decided() -> bool:
        if tries[-1].status in (503, None):
            tries.append(attempt())
        return tries[-1].status not in (503, None)

    eventually(
        decided,
        tr("a withdrawal that was refused with 503 to be decided under its key, once users is there again"),
        REPAIRED,
        code="refused-for-ever",
        got=lambda: tries[-1],
        about=[last],
    )
    return tries[-1]


def paid_again(http: Http, person: Person, amount: int, new: Any) -> Answer:
    """Withdrawals are possible again."""
    tries: list[Answer] = []

    def done() -> bool:
        tries.append(withdraw(http, person, amount, new, key=key))
        return tries[-1].status == 201

    key = new.id("key")
    eventually(
        done,
        tr("POST /withdrawals for user {id} to be 201: the cut is healed", id=person.id),
        REPAIRED,
        code="refused-for-ever",
        got=lambda: tries[-1],
        about=[person.registered],
    )
    return tries[-1]


def expect_three(person: Person, answers: list[Answer]) -> None:
    """There was enough for three withdrawals of 30000, wherever they were asked for."""
    done = [answer for answer in answers if answer.status == 201]
    refused = [answer for answer in answers if answer.status != 201]
    left = balance_of(person)
    expect(
        len(done) <= 3,
        tr("user {id} had 100000: at most three withdrawals of 30000 are 201", id=person.id),
        got=tr("{count} are, and {left} is left", count=len(done), left=left),
        code="overdrawn",
        about=done[-1:],
    )
    expect(
        left == ENOUGH - 30_000 * len(done),
        tr(
            "user {id} had 100000 and {count} withdrawals of 30000 are 201: {left} is left",
            id=person.id,
            count=len(done),
            left=ENOUGH - 30_000 * len(done),
        ),
        got=left,
        code="overdrawn",
        about=done[-1:],
    )
    expect(
        len(done) == 3 and all(answer.status == 409 and answer.code == "insufficient_funds" for answer in refused),
        tr("user {id} had 100000: three withdrawals of 30000 are 201, all others 409 insufficient_funds", id=person.id),
        got=tr("{count} are 201; {answer}", count=len(done), answer=refused[0] if refused else ""),
        code="refused-for-nothing",
        about=refused[:1],
    )


def taken_once(http: Http, person: Person, amount: int, key: str, last: Answer, when: str) -> Answer:
    """The client comes again under its key until it is told that it is done; then the money was taken once."""
    tries: list[Answer] = []

    def told() -> bool:
        tries.append(
            http["orders"].post(
                "/withdrawals", json={"user_id": person.id, "amount": amount}, headers={"Idempotency-Key": key}
            )
        )
        return tries[-1].status not in (409, 503, None)

    eventually(
        told,
        tr("the same request under the same key to be 201: {when}", when=when),
        REPAIRED,
        code="key-is-no-use",
        got=lambda: tries[-1],
        about=[last],
    )
    expect(
        tries[-1].status == 201,
        tr("the same request under the same key to be 201: {when}", when=when),
        got=tries[-1],
        code="key-is-no-use",
        about=[last],
    )
    person.balance -= amount
    left = balance_of(person)
    expect(
        left == person.balance,
        tr("{when}, and the client came again under its key: the money is taken once", when=when),
        got=tr("user {id} has {left}, not {balance}", id=person.id, left=left, balance=person.balance),
        code="taken-twice",
        about=[last, tries[-1]],
    )
    return tries[-1]


def expect_same(first: Answer, again: Answer) -> None:
    expect(
        again.json.get("id") == first.json.get("id"),
        tr("the same key names the same withdrawal, {id}", id=first.json.get("id")),
        got=again.text[:200],
        code="another-withdrawal",
        about=[first, again],
    )
