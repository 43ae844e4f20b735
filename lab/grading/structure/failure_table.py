"""The table "failure behaviour" of a README, as what it promises: under this fault, this request gets this answer.

    | fault                  | request             | answer                                    |
    | redis down             | GET /products/{id}  | 200 degraded                              |
    | catalog slow 3s        | POST /orders        | 503 catalog_unavailable within 2s         |
    | payments down          | POST /orders        | 201 pending, then confirmed               |
    | error catalog:redis OOM| PUT /products/{id}  | 200 (the copy is doubted)                 |

A fault is a NAME with `down`, `frozen`, `slow [TIME]` or `failing [STATUS]`, or what `lab fault add` takes; several
have `and` between them. An answer is a status, then the `code` of a problem or the `status` of what was made,
`degraded` where /readyz says so, `within TIME`, and `then STATUS` for what becomes of it after the fault. What stands
in parentheses is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lab.faults import aim
from lab.faults.catalogue import KINDS, links
from lab.faults.text import FaultError, parse, parse_time, write_time
from lab.faults.text import format as to_text
from lab.grading.structure.markdown import Markdown, Row, unmarked
from lab.locale import tr
from lab.system.model import CLIENT, Link, System
from lab.system.names import instead

SLOW = 2.0
FAILING = 503
STATES = ("down", "frozen", "slow", "failing")
DEGRADED = "degraded"
_HELD = "10m"
_REMARK = re.compile(r"\([^()]*\)")
_ANSWER = re.compile(r"([1-5]\d\d)\b\s*(.*)")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_TIME = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m)")


class Unreadable(ValueError):
    """A row cannot be understood; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the lab can make, as a row writes it: `GET /products/{id}`."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer that a row promises. `word` is a problem's code or the state of what was made; `within` is in seconds,
    None where the row says nothing; `then` is the state after the fault."""

    status: int
    word: str = ""
    degraded: bool = False
    within: float | None = None
    then: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """One row. `faults` are in the text form, and `victims` who is hit: services, engines, neighbours. `away` are those
    of them of whom nobody has anything meanwhile: a fault of a millisecond, say, takes nobody away."""

    line: int
    says: str
    faults: tuple[str, ...]
    victims: tuple[str, ...]
    away: tuple[str, ...]
    request: Request
    expected: Expected


@dataclass(frozen=True, slots=True)
class Misread:
    """A row that cannot be understood, and why."""

    line: int
    says: str
    why: str


def promises(section: Markdown, system: System, requests: Sequence[Request]) -> tuple[list[Promise], list[Misread]]:
    """The rows of the section's tables. `requests` are those that the lab can make."""
    found: list[Promise] = []
    misread: list[Misread] = []
    for row in section.rows:
        says = " | ".join(row.cells)
        try:
            found.append(promise(row, system, requests))
        except Unreadable as error:
            misread.append(Misread(row.line, says, str(error)))
    return found, misread


def promise(row: Row, system: System, requests: Sequence[Request]) -> Promise:
    """What one row promises. Raises Unreadable."""
    if len(row.cells) < 3:
        raise Unreadable(tr("expected three columns, | fault | request | answer |, not {count}", count=len(row.cells)))
    fault, request, answer = (_REMARK.sub(" ", unmarked(cell)).strip() for cell in row.cells[:3])
    texts: list[str] = []
    victims: list[str] = []
    away: list[str] = []
    for part in re.split(r"\s+and\s+|\s*\+\s*", fault):
        added, victim = _fault(part.strip(), system)
        texts += added
        victims.append(victim)
        away += [victim] * all(map(_takes_away, added))
    asked, expected = _request(request, requests), _answer(answer)
    if expected.then and asked.method != "POST":
        raise Unreadable(tr("then: that is for a POST, and says what becomes of what it has made"))
    return Promise(row.line, " | ".join(row.cells), tuple(texts), tuple(victims), tuple(away), asked, expected)


def _takes_away(text: str) -> bool:
    """Whether nothing good comes of whom this fault hits as long as it lasts."""
    fault = parse(text)
    if fault.match or fault.share < 1 or fault.count is not None:
        return False
    if fault.kind == "status":
        return int(fault.params["code"]) >= 500
    return fault.kind in ("kill", "error") or KINDS[fault.kind].effect in ("shut", "hold", "hang", "mute")


def _fault(text: str, system: System) -> tuple[list[str], str]:
    """The faults of one clause in the text form, and whom they hit. Raises Unreadable."""
    words = text.replace(" is ", " ").split()
    if len(words) >= 2 and words[0] not in KINDS and words[1].lower() in STATES:
        return _state(words[0], words[1].lower(), words[2:], system)
    if not words or words[0] not in KINDS:
        form = tr("NAME down, NAME frozen, NAME slow 2s, NAME failing, or what `lab fault add` takes")
        raise Unreadable(tr("{text!r} is no fault; expected {form}", text=text, form=form))
    try:
        fault = aim.aimed(parse(text), system)
    except FaultError as error:
        raise Unreadable(str(error)) from None
    held = to_text(fault)
    if " for " not in text and not KINDS[fault.kind].instant and " for " in held:
        held = held[: held.rindex(" for ")] + f" for {_HELD}"
    ends = [end for link in links(fault.target)[:1] for end in link.partition("->")[::2]]
    return [held], (ends[1].partition(":")[0] if ends else fault.target)


def _state(name: str, state: str, more: Sequence[str], system: System) -> tuple[list[str], str]:
    ours = {service.name for service in system.services if service.role == "service"}
    known = [*(one.name for one in system.services), *(one.name for one in system.engines if one.kind != "sql")]
    if name not in known:
        raise Unreadable(tr("nothing here is called {name!r}{instead}", name=name, instead=instead(name, known)))
    within = [link for link in system.links if link.target == name and link.source != CLIENT]
    if len(more) > 1 or (more and state in ("down", "frozen")):
        raise Unreadable(tr("{more!r} after {state} is not understood", more=" ".join(more), state=state))
    if state == "down" and name in ours:
        return [f"kill {name}"], name
    if state == "frozen" and name in ours:
        return [f"freeze {name} for {_HELD}"], name
    if not within:
        raise Unreadable(tr("no service asks {name} by a link; {name} can only be down or frozen", name=name))
    return [f"{_effect(link, state, more)} for {_HELD}" for link in within], name


def _effect(link: Link, state: str, more: Sequence[str]) -> str:
    """The fault on a link that makes its provider look like this. Raises Unreadable."""
    if state == "down":
        return f"refuse {link.id}"
    if state == "frozen":
        return f"blackhole {link.id}"
    if state == "slow":
        try:
            return f"latency {link.id} {write_time(parse_time(more[0]) if more else SLOW)}"
        except FaultError as error:
            raise Unreadable(str(error)) from None
    if link.protocol == "http":
        code = more[0] if more else str(FAILING)
        if not re.fullmatch(r"5\d\d", code):
            raise Unreadable(tr("{code!r} is no status of a failure, like 503", code=code))
        return f"status {link.id} {code}"
    if link.protocol == "redis":
        return f"error {link.id} LOADING"
    raise Unreadable(
        tr(
            "{name} speaks {protocol} and cannot be failing; it can be down, frozen or slow",
            name=link.target,
            protocol=link.protocol,
        )
    )


def _request(text: str, requests: Sequence[Request]) -> Request:
    words = text.split()
    for one in requests:
        if [word.upper() for word in words[:1]] == [one.method] and words[1:2] == [one.path]:
            return one
    known = ", ".join(map(str, requests))
    raise Unreadable(
        tr("{text!r} is no request that the lab can make; expected one of {known}", text=text, known=known)
    )


def _answer(text: str) -> Expected:
    found = _ANSWER.match(text)
    form = tr("STATUS [CODE] [degraded] [within 2s] [then STATUS], like 503 catalog_unavailable within 1s")
    if not found:
        raise Unreadable(tr("{text!r} is no answer; expected {form}", text=text, form=form))
    status, word, degraded, within, then = int(found[1]), "", False, None, ""
    words = iter(found[2].replace(",", " ").replace(";", " ").split())
    for one in words:
        if one == DEGRADED:
            degraded = True
        elif one == "within":
            time = next(words, "")
            if not _TIME.fullmatch(time):
                raise Unreadable(tr("within: expected a time like 2s, not {time!r}", time=time))
            within = parse_time(time)
        elif one == "then":
            then = next(words, "")
            if not _WORD.fullmatch(then):
                raise Unreadable(tr("then: expected what the order becomes, like confirmed"))
        elif _WORD.fullmatch(one) and not word:
            word = one
        else:
            raise Unreadable(
                tr("{word!r} in {text!r} is not understood; expected {form}", word=one, text=text, form=form)
            )
    return Expected(status, word, degraded, within, then)


def uncovered(found: Collection[Promise], wanted: Collection[tuple[str, Collection[Request]]]) -> Iterator[str]:
    """The dependencies of which no row says what one of the requests that need them gets without them."""
    for name, needing in wanted:
        if not any(name in row.away and row.request in needing for row in found):
            yield name
