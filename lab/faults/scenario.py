"""A scenario: a timeline of load and faults with a line of narration for each step, written as a TOML file.

    title = "One message that nobody can read"
    duration = 40
    rate = 4                     # journeys a second from the start; if left out, the run's own rate

    [[step]]
    at = 8                       # seconds after the system became ready
    say = "The next delivery to payments arrives as garbage. What becomes of the order?"
    fault = "poison payments->broker"

A step may add a `fault` (in the text form), `heal` one (the kind and target of an earlier step's, or `all`), set the
`rate` and `act` on a process ("restart broker"). `say` tells the reader what to look at: one text, or a text for each
language (`say.en`, `say.uz`); so does the title.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.faults.text import FaultError, parse
from lab.locale import language, tr
from lab.system import tables
from lab.system.names import instead

ACTIONS = ("kill", "terminate", "freeze", "thaw", "restart")
"""What `act` may begin with; the name of a process or engine follows."""


class InvalidScenario(ValueError):
    """The file is not a scenario; the message names file, step and key, and says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A `[[step]]`: what happens `at` so many seconds after the system became ready. `fault` is in the text form;
    `heal` is `all`, or as much of a fault's text as an earlier step's begins with; `act` is an action and a name."""

    at: float
    say: str
    fault: str | None = None
    heal: str | None = None
    rate: float | None = None
    act: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`duration` in seconds from ready to the end; `rate` in journeys a second (None: the run's own); `steps` in the
    order of time."""

    name: str
    title: str
    duration: float
    rate: float | None
    steps: tuple[Cue, ...]


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
    """The scenario of a file. Raises InvalidScenario; OSError if the file cannot be read."""
    try:
        data = tables.parse(path)
    except tables.Unreadable as error:
        raise InvalidScenario(str(error)) from None
    table = _Table(data, path.name)
    table.only("title", "duration", "rate", "step")
    duration = table.number("duration", required=True)
    assert duration is not None
    steps = data.get("step", [])
    if not isinstance(steps, list):
        raise InvalidScenario(tr("{name}: step: expected tables under [[step]]", name=path.name))
    return Scenario(
        name=path.stem,
        title=table.said("title"),
        duration=duration,
        rate=table.number("rate"),
        steps=_in_order(
            [_cue(step, f"{path.name}: step[{place}]") for place, step in enumerate(steps)], path, duration
        ),
    )


def _cue(data: Any, place: str) -> Cue:
    if not isinstance(data, dict):
        raise InvalidScenario(tr("{place}: expected a table under [[step]]", place=place))
    table = _Table(data, place)
    table.only("at", "say", "fault", "heal", "rate", "act")
    at = table.number("at", required=True)
    assert at is not None
    step = Cue(
        at=at,
        say=table.said("say"),
        fault=table.text("fault"),
        heal=table.text("heal"),
        rate=table.number("rate"),
        act=table.text("act"),
    )
    if step.fault is not None:
        try:
            parse(step.fault)
        except FaultError as error:
            raise InvalidScenario(tr("{place}.fault: {error}", place=place, error=error)) from None
    if step.act is not None:
        action, _, name = step.act.partition(" ")
        if action not in ACTIONS or not name.strip():
            raise InvalidScenario(
                tr(
                    "{place}.act: expected {actions} and a name, not {act!r}",
                    place=place,
                    actions=" | ".join(ACTIONS),
                    act=step.act,
                )
            )
    return step


def _in_order(steps: list[Cue], path: Path, duration: float) -> tuple[Cue, ...]:
    before = 0.0
    for place, step in enumerate(steps):
        if step.at < before:
            raise InvalidScenario(
                tr(
                    "{name}: step[{place}].at: {at:g} is before the step above it ({before:g})",
                    name=path.name,
                    place=place,
                    at=step.at,
                    before=before,
                )
            )
        if step.at > duration:
            raise InvalidScenario(
                tr(
                    "{name}: step[{place}].at: {at:g} is after the end ({duration:g})",
                    name=path.name,
                    place=place,
                    at=step.at,
                    duration=duration,
                )
            )
        before = step.at
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class _Table:
    """A TOML table and its place in the file, so that errors say where they are."""

    data: Mapping[str, Any]
    place: str

    def only(self, *keys: str) -> None:
        for key in self.data:
            if key not in keys:
                raise InvalidScenario(
                    tr("{place}: unknown key {key!r}{instead}", place=self.place, key=key, instead=instead(key, keys))
                )

    def number(self, key: str, *, required: bool = False) -> float | None:
        value = self._get(key, required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidScenario(
                tr(
                    "{place}.{key}: expected a number that is not negative, not {value!r}",
                    place=self.place,
                    key=key,
                    value=value,
                )
            )
        return float(value)

    def text(self, key: str, *, required: bool = False) -> str | None:
        value = self._get(key, required)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise InvalidScenario(
                tr("{place}.{key}: expected a text, not {value!r}", place=self.place, key=key, value=value)
            )
        return value

    def said(self, key: str) -> str:
        """A text for the reader in the reader's language: one text, or a text for each language (`say.en`,
        `say.uz`)."""
        value = self._get(key, required=True)
        if isinstance(value, dict):
            value = value.get(language(), value.get("en"))
        if not isinstance(value, str) or not value.strip():
            raise InvalidScenario(
                tr("{place}.{key}: expected a text, not {value!r}", place=self.place, key=key, value=value)
            )
        return value

    def _get(self, key: str, required: bool) -> Any:
        if key not in self.data and required:
            raise InvalidScenario(tr("{place}: {key} is missing", place=self.place, key=key))
        return self.data.get(key)
