"""A scenario written as a TOML file: a timeline of load and faults with a line of narration for each step.

    title = "One message that nobody can read"
    duration = 40
    rate = 4                     # journeys a second from the start; if left out, the run's own rate
    next = "broker-restart"      # the scenario to play after it; may be left out

    [[step]]
    at = 8                       # seconds after the system became ready
    say = "The next delivery to payments arrives as garbage. What becomes of the order?"
    fault = "poison payments->broker"

With `settings = { saga = "orchestration", broker = ["rabbitmq", "kafka"] }` it says what it is made for, if not for
every way to make its day's system; the first of several is what it is played with unless somebody chooses another.

A step with `only = { broker = "kafka" }` is left out where that was not chosen. A step may add a `fault` (in the text
form), `heal` one (the kind and target of an earlier step's, or `all`), set the `rate`, `send` visitors on a journey at
once ("report x3"), `scale` a service ("catalog 3"), `act` on a process ("restart broker"; "restart users-1 VERSION=2"
starts it with that variable, which is a deploy), and `ask` before it does (see lab.faults.question). A step with
`hidden = ["FAULT", ...]` begins one of these faults, drawn from the run's seed, and nobody is told of it until a step
has `reveal = true`, or the run ends. From a step with a `curve` on, the rates are points of a curve of that name.
`say` tells the reader what to look at: one text, or a text for each language (`say.en`, `say.uz`); so does the title.
With `[draw]` faults come between the steps that were drawn from the run's seed (see lab.faults.draw).
`{charges}` in it is what that measure of the day has seen since the last disturbance, or since the second that the
step's `since` names.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from lab.faults.catalogue import KINDS
from lab.faults.draw import Draw
from lab.faults.kind import Kind
from lab.faults.question import Question
from lab.faults.text import FaultError
from lab.faults.text import parse as parse_fault
from lab.faults.timeline import Cue, Scenario
from lab.locale import LANGUAGES, language, tr
from lab.system.names import instead
from lab.system.tables import Reader, Table, Unreadable, parse

ACTIONS = ("kill", "terminate", "freeze", "thaw", "restart")
"""What `act` may begin with; the name of a process or engine follows, and of a restarted service its variables."""
_ACT = re.compile(rf"(?:{'|'.join(ACTIONS)}) +\S+|restart +\S+(?: +[A-Z][A-Z0-9_]*=\S*)+")


_SCALE = re.compile(r"\S+ +[1-9]\d?")
_SEND = re.compile(r"([\w-]+)(?: x([1-9]\d{0,3}))?")


class InvalidScenario(ValueError):
    """The file is not a scenario; each line of the message names file, step and key, and says what was expected."""


def find(folder: Path, name: str) -> Scenario:
    """The scenario `name` in a system's scenario folder. Raises InvalidScenario, also if there is no such scenario."""
    path = folder / f"{name}.toml"
    if path.is_file():
        return load(path)
    raise InvalidScenario(tr('there is no scenario "{name}"{instead}', name=name, instead=instead(name, names(folder))))


def names(folder: Path) -> list[str]:
    """The scenarios in the folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(path: Path) -> Scenario:
    """The scenario of a file. Raises InvalidScenario with every problem; OSError if the file cannot be read."""
    try:
        data = parse(path)
    except Unreadable as error:
        raise InvalidScenario(str(error)) from None
    reader = _Reader()
    scenario = reader.scenario(path.stem, data)
    following, known = scenario.next, names(path.parent)
    if following and following not in known:
        reader.problem(
            "next", tr('there is no scenario "{name}"{instead}', name=following, instead=instead(following, known))
        )
    if reader.problems:
        raise InvalidScenario("\n".join(f"{path.name}: {problem}" for problem in reader.problems))
    return scenario


class _Reader(Reader):
    """Turns the tables into a Scenario."""

    def scenario(self, name: str, data: Table) -> Scenario:
        self.known("", data, ("title", "duration", "rate", "next", "settings", "draw", "step"))
        duration = self.number("", data, "duration", required=True)
        steps = [self.cue(f"[[step]] {i}", table) for i, table in self.rows("", data, "step")]
        self.in_order(steps, duration)
        return Scenario(
            name=name,
            title=self.said("", data, "title"),
            duration=duration or 0.0,
            rate=self.number("", data, "rate"),
            steps=tuple(steps),
            settings=self.settings("settings", data),
            next=self.words_of("", data, "next") or "",
            draw=self.draw(data, duration),
        )

    def draw(self, data: Table, duration: float | None) -> Draw | None:
        if not (table := self.get("", data, "draw", dict, {})):
            return None
        self.known("draw", table, tuple(field.name for field in fields(Draw)))
        since, until, every, lasting = (
            self.number("draw", table, key, required=True) or 0.0 for key in ("since", "until", "every", "lasting")
        )
        if not since <= until <= (duration or until) or not 0 < lasting < every:
            self.problem("draw", tr("expected since <= until <= duration, and lasting < every"))
        return Draw(
            since=since, until=until, every=every or 1.0, lasting=lasting, spare=self.words("draw", table, "spare")
        )

    def settings(self, key: str, data: Table, place: str = "") -> dict[str, tuple[str, ...]]:
        table = self.get(place, data, key, dict, {})
        inside = f"{place} {key}".strip()
        found = {
            name: (value,) if isinstance(value, str) else self.words(inside, table, name)
            for name, value in table.items()
        }
        for name, values in found.items():
            if not values:
                self.problem(f"{inside} {name}", tr("missing"))
        return {name: values for name, values in found.items() if values}

    def cue(self, place: str, table: Table) -> Cue:
        self.known(place, table, tuple(field.name for field in fields(Cue)))
        cue = Cue(
            at=self.number(place, table, "at", required=True) or 0.0,
            say=self.said(place, table, "say"),
            fault=self.words_of(place, table, "fault"),
            heal=self.words_of(place, table, "heal"),
            rate=self.number(place, table, "rate"),
            act=self.words_of(place, table, "act"),
            send=self.visitors(place, table),
            scale=self.instances(place, table),
            curve=self.curve(place, table),
            ask=self.question(place, table),
            since=self.number(place, table, "since"),
            hidden=self.words(place, table, "hidden"),
            reveal=self.get(place, table, "reveal", bool, False),
            only=self.settings("only", table, place),
        )
        if cue.fault is not None:
            self.fault(f"{place} fault", cue.fault)
        for text in cue.hidden:
            kind = self.fault(f"{place} hidden", text)
            if kind and kind.scope == "process" and kind.effect != "hold":
                self.problem(f"{place} hidden", tr("{name} cannot be hidden: the process shows it", name=kind.name))
        if cue.act is not None and not _ACT.fullmatch(cue.act.strip()):
            self.problem(
                f"{place} act",
                tr("expected {actions} and a name, not {act!r}", actions=" | ".join(ACTIONS), act=cue.act),
            )
        return cue

    def fault(self, place: str, text: str) -> Kind | None:
        """The kind of fault that the text describes; None if it does not."""
        try:
            return KINDS[parse_fault(text).kind]
        except FaultError as error:
            self.problem(place, str(error))
            return None

    def visitors(self, place: str, table: Table) -> tuple[str, int] | None:
        if (text := self.words_of(place, table, "send")) is None:
            return None
        if not (match := _SEND.fullmatch(text)):
            self.problem(f"{place} send", tr('expected a journey and how many visitors, like "report x3"'))
            return None
        return match[1], int(match[2] or 1)

    def instances(self, place: str, table: Table) -> tuple[str, int] | None:
        if (text := self.words_of(place, table, "scale")) is None:
            return None
        if not _SCALE.fullmatch(text):
            self.problem(f"{place} scale", tr('expected a service and how many instances, like "catalog 3"'))
            return None
        name, number = text.split()
        return name, int(number)

    def curve(self, place: str, table: Table) -> str | None:
        if "curve" not in table:
            return None
        return self.said(place, table, "curve") if table["curve"] is not False else ""

    def question(self, place: str, table: Table) -> Question | None:
        if not (asked := self.get(place, table, "ask", dict, {})):
            return None
        place = f"{place} ask"
        self.known(place, asked, (*LANGUAGES, "answer", "until", "near", "because", "choice"))
        choices, reasons = dict[str, str](), dict[str, str]()
        for number, choice in self.rows(place, asked, "choice"):
            inside = f"{place} choice {number}"
            self.known(inside, choice, (*LANGUAGES, "is", "because"))
            word = self.need(inside, choice, "is", str)
            choices[word] = self.text(inside, choice)[language()]
            if "because" in choice:
                reasons[word] = self.said(inside, choice, "because")
        return Question(
            id=place.removeprefix("[[step]] ").removesuffix(" ask"),
            text=self.text(place, asked)[language()],
            answer=self.need(place, asked, "answer", str),
            until=self.number(place, asked, "until"),
            because=self.said(place, asked, "because"),
            choices=choices,
            reasons=reasons,
            near=self.number(place, asked, "near") or 0.0,
        )

    def in_order(self, cues: list[Cue], duration: float | None) -> None:
        before = 0.0
        for number, cue in enumerate(cues, 1):
            place = f"[[step]] {number} at"
            if cue.at < before:
                self.problem(
                    place, tr("{at:g} is before that of the step above it ({before:g})", at=cue.at, before=before)
                )
            if duration is not None and cue.at > duration:
                self.problem(place, tr("{at:g} is after the end ({duration:g})", at=cue.at, duration=duration))
            before = cue.at

    def number(self, place: str, table: Table, key: str, *, required: bool = False) -> float | None:
        """A number that is not negative; None if it is missing or wrong."""
        if key not in table and not required:
            return None
        seen = len(self.problems)
        value = self.need(place, table, key, float)
        if value < 0:
            self.problem(f"{place} {key}", tr("expected a number that is not negative"))
        return value if len(self.problems) == seen else None

    def words_of(self, place: str, table: Table, key: str) -> str | None:
        return self.need(place, table, key, str) if key in table else None

    def said(self, place: str, table: Table, key: str) -> str:
        """A text in the reader's language: one text for all, or a text for each language (`say.en`, `say.uz`)."""
        value = table.get(key)
        if isinstance(value, dict):
            table = {key: value.get(language(), value.get("en", ""))}
        return self.need(place, table, key, str)
