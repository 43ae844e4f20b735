"""`lab compare`: the same load on several systems, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure
from lab.cli.options import Json
from lab.cli.output import out, say, table
from lab.cli.run.settings import with_settings
from lab.locale import tr

if TYPE_CHECKING:
    from lab.course.day import Day
    from lab.journal.comparison import Figures
    from lab.journal.curves import Curves, Point
    from lab.system.model import System

EXAMPLES = (
    "lab compare day1 --vary shape --scenario slow-report",
    "lab compare day1 day3 --for 20s --rate 10",
    "lab compare day1 --vary naive --scenario one-transaction --json",
    "lab compare day4 --vary strategy --without single-flight",
    "lab compare day4 --vary strategy --scenario scaling",
    "lab compare day1 day2 --scenario crud",
    "lab compare day1 --vary shape --svg shapes.svg",
)
USUAL = 20.0
"""Seconds that each runs where no scenario says how long."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of those to be compared; `name` is what its column is called."""

    name: str
    system: System


@with_settings
def compare(
    *,
    days: Annotated[list[str], typer.Argument(metavar="DAY ...", help="One or more.", autocompletion=complete.days)],
    vary: Annotated[str | None, typer.Option(metavar="SETTING", help="Run the day with each value of it.")] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            help="The scenario that each plays; without one, only visitors come.", autocompletion=complete.scenarios
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(parser=values.rate, metavar="N", help="Visitor journeys per second.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=values.LARGEST_SEED, help="Same seed, same visitors and same random faults.")
    ] = 0,
    duration: Annotated[
        float | None, typer.Option("--for", parser=values.seconds, metavar="TIME", help="End each after 30s, 2m ...")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures as a picture, too.")] = None,
    as_json: Json = False,
    settings: dict[str, str],
) -> None:
    """Run the same load on days or settings, one after the other, and compare.

    What is compared comes from the journals: latency and failures of visitors, calls and messages per request and per
    order, how far a disturbance reaches and how long its traces last, deploy units and memory. Other settings of a day
    hold for all that is compared.
    """
    candidates = list({one.name: one for one in _candidates(days, vary, scenario, settings)}.values())
    if len(candidates) < 2:
        raise Failure(tr("there is nothing to compare with"), next="lab compare day1 --vary shape")
    if svg is not None and not svg.parent.is_dir():  # told before minutes are spent
        folder = svg.parent
        raise Failure(
            tr("there is no folder {folder}", folder=folder), next=f"mkdir -p {quote(str(folder))}", code=exits.USAGE
        )
    found: dict[str, Figures] = {}
    drawn: dict[str, Sequence[Point]] = {}
    for candidate in candidates:
        say(tr("{name} is running ...", name=candidate.name))
        found[candidate.name], curves = _run(candidate.system, scenario or "", rate, seed, duration)
        drawn |= {f"{candidate.name}: {curve}": points for curve, points in curves.items()}
    if svg is not None:
        from lab.journal.bars import picture

        svg.write_text(picture({tr(label): _column(found, key) for key, label in _shown(found)}))
    if as_json:
        import msgspec

        data: dict[str, object] = {name: asdict(figures) for name, figures in found.items()}
        if drawn:
            data["curves"] = {name: [asdict(point) for point in points] for name, points in drawn.items()}
        out(msgspec.json.format(msgspec.json.encode(data)).decode())
        return
    rows = [(tr(label), *map(_told, _column(found, key).values())) for key, label in _shown(found)]
    table(("", *found), rows)
    if drawn:
        from lab.cli.run.curves import show

        show(drawn)


def _candidates(days: list[str], vary: str | None, scenario: str | None, fixed: dict[str, str]) -> Iterator[Candidate]:
    """Each day, or the day with each value of the setting; all with those that are fixed. Raises Unknown, Refusal,
    Failure."""
    from lab.course import days as known
    from lab.course import systems

    found = {day: known.find(day) for day in days}
    if vary in fixed:
        without = " ".join(["lab compare", *days, "--vary", str(vary)])
        raise Failure(tr("--{name} cannot be fixed and varied at once", name=vary), next=without, code=exits.USAGE)
    for name in fixed:
        if not any(name in day.settings for day in found.values()):
            raise known.no_setting(next(iter(found.values())), name)
    if scenario:
        _all_have(list(found.values()), scenario)
    for name, day in found.items():
        chosen = {one: value for one, value in fixed.items() if one in day.settings}
        if vary is None:
            yield Candidate(name, systems.find(name, chosen, scenario))
            continue
        for value in _values(day, vary, scenario):
            try:
                system = systems.find(name, {**chosen, vary: value}, scenario)
            except known.NotTogether as refused:
                say(tr("left out: {reason}", reason=refused.what))
                continue
            told = f"{vary} {system.settings[vary] or '-'}"
            yield Candidate(told if len(days) == 1 else f"{name} {told}", system)


def _all_have(days: list[Day], scenario: str) -> None:
    """Raises Unknown if no day has the scenario, Failure if some have."""
    from lab.course import days as known
    from lab.course import systems

    names = {day.name: systems.scenario_names(known.system(day)) for day in days}
    lacking = [day for day, its in names.items() if scenario not in its]
    if len(lacking) == len(days):
        systems.scenario(known.system(days[0]), scenario)
    if lacking:
        others = [name for name in known.names() if scenario in systems.scenario_names(known.system(known.find(name)))]
        raise Failure(
            tr(
                '{days} has no scenario "{scenario}", so the same load cannot be played',
                days=", ".join(lacking),
                scenario=scenario,
            ),
            why=tr("These have it: {days}", days=", ".join(others)),
            next=" ".join(["lab compare", *(day.name for day in days)]),
            code=exits.USAGE,
        )


def _values(day: Day, vary: str, scenario: str | None) -> tuple[str, ...]:
    """Those of the setting with which the scenario can be played; each alone of one that takes several."""
    from lab.course import days as known
    from lab.course import setting, systems

    if vary not in day.settings:
        raise known.no_setting(day, vary)
    one = day.settings[vary]
    if one.several:
        return ("", *one.values)
    if scenario and (fitting := systems.scenario(known.system(day), scenario).settings.get(vary)):
        return fitting
    return one.values or (setting.OFF, setting.ON)


def _run(
    system: System, scenario: str, rate: float | None, seed: int, duration: float | None
) -> tuple[Figures, Curves]:
    """Run it to its end, without a word, and measure it, with the curves of a scenario that asks for them."""
    from lab.cli.run.follow import watch
    from lab.journal.comparison import of_run
    from lab.journal.curves import curves
    from lab.journal.query import read
    from lab.runtime.api import RunOptions
    from lab.runtime.launch import begin
    from lab.runtime.live import LiveRun

    usual = None if scenario else USUAL
    options = RunOptions(seed=seed, rate=rate, scenario=scenario, duration=duration or usual, unattended=True)
    live = LiveRun(begin(system, options).answer(on_progress=say))
    memory = Memory(live.socket)
    if watch(live, memory):
        raise KeyboardInterrupt
    if bad := live.bad_end():
        raise bad
    events = list(read(live.journal))
    return of_run(system, events, memory.most), curves(events)


class Memory:
    """Looks every few hundred lines how much memory the services hold: `most`, in MB."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._lines = 0
        self.most: float | None = None

    def __call__(self, lines: object) -> None:
        from lab.runtime.api import ControlError
        from lab.runtime.client import Control

        assert isinstance(lines, list)
        self._lines += len(lines)
        if self._lines < 200:
            return
        self._lines = 0
        try:
            with Control(self._socket) as control:
                held = sum(one.rss for one in control.processes() if one.role == "service") / 1e6
        except ControlError:
            return
        self.most = max(self.most or 0.0, held)


def _shown(found: dict[str, Figures]) -> Iterator[tuple[str, str]]:
    """The figures that are told: those that are known, and of what only some systems have, those that are not zero."""
    from lab.journal.comparison import LABELS, SELDOM

    for key, label in LABELS.items():
        values = _column(found, key).values()
        if any(value is not None and (value or key not in SELDOM) for value in values):
            yield key, label


def _column(found: dict[str, Figures], key: str) -> dict[str, float | None]:
    return {name: getattr(figures, key) for name, figures in found.items()}


def _told(value: float | None) -> str:
    from lab.journal.window import worded

    return "-" if value is None else worded(value)
