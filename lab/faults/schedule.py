"""A schedule: which fault begins when, as plain data and as text, a fault a line.

    # payments is killed while it is slow to reach
    at 2s: latency orders->payments 300ms for 3s
    at 3.5 s: kill payments

What follows the colon is the text form of a fault. Empty lines and lines that begin with `#` are passed over; the order
of the lines does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.faults.aim import aimed
from lab.faults.text import FaultError, parse_time, write_time
from lab.faults.text import format as fault_text
from lab.faults.text import parse as parse_fault
from lab.locale import tr
from lab.system.model import System

_LINE = re.compile(r"at\s+([0-9.]+)\s*([a-zA-Z]*)\s*:\s*(.*)", re.IGNORECASE)
_EXAMPLE = "at 2s: latency orders->payments 300ms for 3s"


class InvalidSchedule(ValueError):
    """The text is not a schedule; each line of the message names a line of the text and says what was expected."""


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    """One fault of a schedule: `at` is seconds from its beginning, `fault` the fault's text form."""

    at: float
    fault: str

    def __str__(self) -> str:
        return f"at {write_time(self.at)}: {self.fault}"

    @property
    def over(self) -> float:
        """The second in which it is over; where it lasts until somebody heals it, that in which it begins."""
        return self.at + (parse_fault(self.fault).duration or 0.0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Faults in the order of time. People count them from 1."""

    faults: tuple[Planned, ...] = ()

    @classmethod
    def of(cls, faults: Iterable[tuple[float, str]]) -> Schedule:
        """The schedule of these faults, each with its second. Raises FaultError."""
        planned = [Planned(at, fault_text(parse_fault(text))) for at, text in faults]
        return cls(tuple(sorted(planned, key=lambda one: one.at)))

    def __str__(self) -> str:
        """The text form; `parse` makes the same schedule of it."""
        return "".join(f"{planned}\n" for planned in self.faults)

    def __iter__(self) -> Iterator[Planned]:
        return iter(self.faults)

    def __len__(self) -> int:
        return len(self.faults)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return max((planned.over for planned in self.faults), default=0.0)

    def only(self, numbers: Iterable[int]) -> Schedule:
        """The schedule with these of its faults. Raises InvalidSchedule for a number that it does not have."""
        chosen = sorted(set(numbers))
        if wrong := [number for number in chosen if not 1 <= number <= len(self)]:
            raise InvalidSchedule(
                tr("the schedule has no fault {number}, but 1 to {most}", number=wrong[0], most=len(self))
            )
        return Schedule(tuple(self.faults[number - 1] for number in chosen))


def parse(text: str) -> Schedule:
    """The schedule that the text describes. Raises InvalidSchedule with every problem."""
    found: list[tuple[float, str]] = []
    problems: list[str] = []
    for number, line in _lines(text):
        try:
            found.append(_planned(line))
        except FaultError as error:
            problems.append(tr("line {number}: {problem}", number=number, problem=error))
    if problems:
        raise InvalidSchedule("\n".join(problems))
    return Schedule.of(found)


def must_fit(schedule: Schedule, system: System) -> Schedule:
    """The schedule with every target as the system names it. Raises InvalidSchedule for what does not fit there."""
    found: list[tuple[float, str]] = []
    problems: list[str] = []
    for planned in schedule:
        try:
            found.append((planned.at, fault_text(aimed(parse_fault(planned.fault), system))))
        except FaultError as error:
            problems.append(f"{planned}: {error}")
    if problems:
        raise InvalidSchedule("\n".join(problems))
    return Schedule.of(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _planned(line: str) -> tuple[float, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise FaultError(
            tr('expected a second and a fault like "{example}", not {line!r}', example=_EXAMPLE, line=line)
        )
    number, unit, fault = found.groups()
    return parse_time(f"{number}{unit}"), fault_text(parse_fault(fault))
