"""A scenario as plain data: what happens when, and with which settings of its day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lab.faults.draw import Draw
from lab.faults.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A `[[step]]`: what happens `at` so many seconds after the system became ready. `fault` is in the text form;
    `heal` is `all`, or as much of a fault's text as an earlier step's begins with; `act` is an action, a name and
    variables for the next start."""

    at: float
    say: str
    fault: str | None = None
    heal: str | None = None
    rate: float | None = None
    act: str | None = None
    send: tuple[str, int] | None = None
    """A journey, and how many visitors make it at once."""
    scale: tuple[str, int] | None = None
    """A replicated service, and how many instances it has from then on."""
    curve: str | None = None
    """What the curve is called whose points the rates from then on are; empty: none any more."""
    ask: Question | None = None
    since: float | None = None
    hidden: tuple[str, ...] = ()
    """Faults, of which one is begun and kept hidden."""
    reveal: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The settings with which it is made, each with its values; none: with all."""

    @property
    def disturbs(self) -> bool:
        """Whether it changes what happens, and does not only tell of it."""
        changes = (self.fault, self.act, self.rate, self.send, self.scale)
        return bool(self.hidden) or any(change is not None for change in changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`duration` in seconds from ready to the end; `rate` in journeys a second (None: the run's own); `steps` in the
    order of time; `settings` are those of its day for which it is made, each with its values, the usual one first;
    `next` is the scenario to play after it, empty if there is none."""

    name: str
    title: str
    duration: float
    rate: float | None
    steps: tuple[Cue, ...]
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    next: str = ""
    draw: Draw | None = None


def fitted(scenario: Scenario, settings: Mapping[str, str]) -> Scenario:
    """The scenario with the steps that are made with these settings."""
    chosen = {name: set(text.split(",")) for name, text in settings.items()}
    steps = (
        step
        for step in scenario.steps
        if all(chosen.get(name, set()) & set(values) for name, values in step.only.items())
    )
    return replace(scenario, steps=tuple(steps))
