"""What must hold of a shop whatever breaks: read from what its services say and the wire shows, in the words that all
services of the lab use.

An invariant is `broken` by what has happened already, and `owed` is what is still to come: a mail that is not sent yet
is late, not lost. Once the run is over, what is owed is broken.

Where a process dies, what it has committed and not yet said is unknown to everybody outside. Its wallets are counted
anew from the next line then: an alarm that may be false is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, fields
from time import monotonic

from lab.journal.event import Event, Flow, Log, Process
from lab.locale import mark
from lab.system.links import ends
from lab.system.model import CLIENT

DEAD = ("backoff", "failed", "stopped")
EXAMPLES = 5
"""Ids of what broke an invariant that are kept."""
MAILED = ("user.registered", "order.confirmed", "order.cancelled")
"""Events of which somebody is told by mail."""
MOMENT = 0.5
"""Seconds for which what was seen is good enough."""
PATIENCE = 1.0
"""Seconds within which lines of one moment have come, in whatever order."""

KEPT = mark("no order is lost")
ONCE = mark("no order is doubled")
DECIDED = mark("every requested payment is decided")
PAID = mark("no order is paid twice")
MONEY = mark("no money is unaccounted")
SOLVENT = mark("no wallet is below zero")
MAIL = mark("every mail is sent at least once")
WHY = {
    KEPT: mark("whoever was answered 201 has an order that a service tells of, and that nobody answers 404 to"),
    ONCE: mark("one request makes one order"),
    DECIDED: mark("each payment.requested is followed by payment.approved or payment.declined"),
    PAID: mark("a service says of an order only once that it is paid"),
    MONEY: mark("what a wallet holds is what was put in, less what was paid"),
    SOLVENT: mark("no service tells of a balance below zero"),
    MAIL: mark("the mail server takes one for each registration and each order that was settled; repeats it knows"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an invariant stands: `checked` things, of which so many `broke` it (`examples` are some of their ids), and so
    many are `owed`."""

    name: str
    checked: int
    broke: int
    owed: int
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.broke


@dataclass(slots=True)
class _Wallet:
    """What services told of a wallet, as a way from balance to balance: each line is a step from what it held before to
    what it holds then. `ends` counts how often more steps lead to a balance than away from it. Of a way without a gap,
    in whatever order its steps were told, that is once at most."""

    ends: Counter[int] = field(default_factory=Counter)
    changed: float = 0.0

    @property
    def torn(self) -> bool:
        return sum(count for count in self.ends.values() if count > 0) > 1


@dataclass(slots=True)
class Invariants:
    """The fold."""

    answered: dict[str, float] = field(default_factory=dict)
    """When somebody was answered 201 to an order, by correlation id."""
    made: dict[str, set[str]] = field(default_factory=dict)
    """The orders that were made under a correlation id."""
    removed: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)
    paid: dict[tuple[str, str], int] = field(default_factory=dict)
    """How often a service said of an order that it is paid."""
    requested: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    wallets: dict[tuple[str, str], _Wallet] = field(default_factory=dict)
    """By the service that tells of it, and its owner."""
    off: set[str] = field(default_factory=set)
    """Owners whose wallet was found to hold something else."""
    negative: set[str] = field(default_factory=set)
    to_mail: set[tuple[str, str]] = field(default_factory=set)
    mailed: dict[str, int] = field(default_factory=dict)
    """How many mails were taken under a correlation id."""
    owners: set[str] = field(default_factory=set)
    since: float | None = None
    """When the first event was that it saw: it may have been made of a stretch of a run."""
    now: float = 0.0
    judged: tuple[float, int, list[Verdict]] | None = None
    """When somebody looked last (monotonic), after how many events, and what was seen: a screen looks ten times a
    second."""
    taken: int = 0

    def apply(self, event: Event) -> None:
        self.taken += 1
        self.now = max(self.now, event.t)
        if self.since is None:
            self.since = event.t
        if isinstance(event, Flow):
            self._flow(event)
        elif isinstance(event, Log):
            self._log(event)
        elif isinstance(event, Process) and event.state in DEAD:
            for key in [key for key in self.wallets if key[0] == event.source]:
                self._settle(key)
                del self.wallets[key]

    def copy(self) -> Invariants:
        same = {one.name: copy(getattr(self, one.name)) for one in fields(self)}
        other = Invariants(**same)
        other.judged = None
        other.made = {cause: set(made) for cause, made in self.made.items()}
        other.wallets = {key: _Wallet(Counter(one.ends), one.changed) for key, one in self.wallets.items()}
        return other

    def glance(self) -> list[Verdict]:
        """How each invariant stands, or stood a moment ago."""
        looked = monotonic()
        if self.judged is None or (self.judged[1] != self.taken and looked - self.judged[0] > MOMENT):
            self.judged = looked, self.taken, self.verdicts()
        return self.judged[2]

    def verdicts(self) -> list[Verdict]:
        """How each invariant stands; of what nobody has ever done there is none."""
        ids = {ident for made in self.made.values() for ident in made}
        untold = [
            one for one, t in self.answered.items() if one not in self.made and self.now - t > PATIENCE and self.made
        ]
        wrong = sorted(self.off | {owner for (_, owner), one in self.wallets.items() if self._is_off(one)})
        mails = {kind: {one for what, one in self.to_mail if what == kind} for kind in MAILED}
        unsent = [one for found in mails.values() for one in found if not self.mailed.get(one)]
        return [
            verdict
            for verdict in (
                _verdict(KEPT, len(self.answered), [*untold, *sorted(self.missed & ids - self.removed)]),
                _verdict(ONCE, len(self.made), [one for one, made in self.made.items() if len(made) > 1]),
                _verdict(DECIDED, len(self.requested), [], len(self.requested - self.decided)),
                _verdict(PAID, len(self.paid), [ident for (_, ident), times in self.paid.items() if times > 1]),
                _verdict(MONEY, len(self.owners), wrong),
                _verdict(SOLVENT, len(self.owners), sorted(self.negative)),
                _verdict(MAIL, len(self.to_mail), [], len(unsent)),
            )
            if verdict.checked
        ]

    def _flow(self, flow: Flow) -> None:
        who = flow.correlation
        if flow.role == "message" and who and not flow.back:
            kind = flow.routing_key
            if kind in MAILED:
                self.to_mail.add((kind, who))
            elif kind == "payment.requested":
                self.requested.add(who)
            elif kind in ("payment.approved", "payment.declined"):
                self.decided.add(who)
        elif flow.role == "call" and flow.op == "POST /notify" and flow.status[:1] == "2":
            self.mailed[who] = self.mailed.get(who, 0) + 1
        elif flow.role == "call" and ends(flow.link)[0] == CLIENT:
            method, _, path = flow.op.partition(" ")
            place, _, ident = path.strip("/").partition("/")
            if place == "orders" and method == "POST" and not ident and flow.status == "201" and who:
                if self.since is not None and flow.t - (flow.ms or 0.0) / 1000 >= self.since:
                    self.answered[who] = flow.t
            elif place == "orders" and method == "GET" and flow.status == "404":
                self.missed.add(ident)
            elif place == "orders" and method == "DELETE":
                self.removed.add(ident)

    def _log(self, log: Log) -> None:
        said = log.data
        if log.event == "state" and said.get("entity") == "order":
            ident, state = str(said.get("id", "")), said.get("state")
            if state in ("created", "pending") and log.correlation:
                self.made.setdefault(log.correlation, set()).add(ident)
            elif state == "paid":
                self.paid[log.source, ident] = self.paid.get((log.source, ident), 0) + 1
        elif log.event in ("deposit", "payment") and isinstance(said.get("balance"), int):
            amount = said.get("amount")
            if isinstance(amount, int):
                self._money(log, str(said.get("user", "")), amount if log.event == "deposit" else -amount)

    def _money(self, log: Log, owner: str, amount: int) -> None:
        balance: int = log.data["balance"]
        self.owners.add(owner)
        if balance < 0:
            self.negative.add(owner)
        wallet = self.wallets.setdefault((log.source, owner), _Wallet())
        wallet.ends[balance] += 1
        wallet.ends[balance - amount] -= 1
        wallet.changed = log.t

    def _is_off(self, wallet: _Wallet) -> bool:
        return wallet.torn and self.now - wallet.changed > PATIENCE

    def _settle(self, key: tuple[str, str]) -> None:
        if self._is_off(self.wallets[key]):
            self.off.add(key[1])


def invariants(events: Iterable[Event]) -> Invariants:
    """The invariants after these events."""
    found = Invariants()
    for event in events:
        found.apply(event)
    return found


def _verdict(name: str, checked: int, broke: list[str], owed: int = 0) -> Verdict:
    return Verdict(name, checked, len(broke), owed, tuple(broke[:EXAMPLES]))
