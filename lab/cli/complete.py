"""What the shell offers after <Tab>: at once, and never a failure; a completer that cannot know says nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.system.model import System

Offer = list[tuple[str, str]]
"""Words with a line of help each."""


def _quietly(offer: Callable[[typer.Context], Iterable[tuple[str, str]]]) -> Callable[[typer.Context, str], Offer]:
    def complete(ctx: typer.Context, incomplete: str) -> Offer:
        try:
            return [(word, about) for word, about in offer(ctx) if word.startswith(incomplete)]
        except Exception:
            return []

    return complete


@_quietly
def days(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.course import days

    for day in map(days.find, days.names()):
        yield day.name, day.title[language()]
    yield from (
        (f"./{path.name}", tr("a system of yours")) for path in sorted(Path().glob("*.toml")) if _is_system(path)
    )


@_quietly
def lessons(_: typer.Context) -> Iterable[tuple[str, str]]:
    """The days that have one, then their screens."""
    from lab.course import lesson

    found = lesson.every()
    yield from ((one.day, one.title) for one in found)
    yield from ((f"{one.day}#{screen.id}", screen.heading) for one in found for screen in one.screens)


@_quietly
def taught(_: typer.Context) -> Iterable[tuple[str, str]]:
    """The days of the course alone."""
    from lab.course import days

    return ((day.name, day.title[language()]) for day in map(days.find, days.names()))


@_quietly
def terms(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.course import glossary

    return ((term.en, term.uz) for term in glossary.terms())


@_quietly
def scenarios(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.course.systems import find, scenario, scenario_names

    system = find(str(ctx.params.get("day") or _word_after("run")))
    return ((name, scenario(system, name).title) for name in scenario_names(system))


@_quietly
def services(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    system = _system(ctx)
    yield from _processes(system)


@_quietly
def replicated(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    return ((one.name, tr(one.summary)) for one in _system(ctx).services if one.replicas is not None)


@_quietly
def fault_words(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    """First the kinds, then what the chosen kind can hit, in the form that needs no quotes."""
    from lab.faults.catalogue import KINDS

    words: Sequence[str] = ctx.params.get("text") or ()
    if not words:
        return ((kind.name, tr(kind.summary)) for kind in KINDS.values())
    if len(words) > 1:
        return ()
    system, kind = _system(ctx), KINDS[words[0]]
    if kind.scope == "process":
        return _processes(system)
    links = (link for link in system.links if not kind.protocols or link.protocol in kind.protocols)
    return ((link.id.replace("->", ":"), tr(link.summary)) for link in links)


@_quietly
def protocols(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.system.kinds import tappable

    return ((name, "") for name in tappable())


@_quietly
def fault_ids(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.cli.which_run import control

    with control(ctx.params.get("run_id")) as opened:
        return [(fault.id, fault.text) for fault in opened.faults()]


@_quietly
def stories(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.cli import which_run
    from lab.journal.query import read
    from lab.journal.standing import sighted
    from lab.journal.story import entities

    record = which_run.recorded(ctx.params.get("run_id"))
    found = entities(read(which_run.journal(record)), sighted(which_run.system_of(record)))
    return ((ident, f"{kind} {state}") for ident, (kind, state) in [*found.items()][-50:])


@_quietly
def runs(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.runtime.runs import list_runs

    return ((record.id, "alive" if record.alive else "ended") for record in list_runs())


@_quietly
def live_runs(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.runtime.runs import list_runs

    return ((record.id, "") for record in list_runs() if record.alive)


@_quietly
def gradings_and_runs(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.cli.exercise import learner
    from lab.course import records
    from lab.course.workspace import NoWorkspace
    from lab.runtime.runs import list_runs

    try:
        gradings = [folder.name for folder, _, _ in records.read(learner.workspace().own)]
    except NoWorkspace:
        gradings = []
    return [*((name, tr("grading")) for name in gradings), *((one.id, "") for one in list_runs())]


@_quietly
def exercises(_: typer.Context) -> Iterable[tuple[str, str]]:
    """Their ids with their titles, read without what else an exercise needs."""
    from lab.course.titles import titles

    return titles()


@_quietly
def attackable(_: typer.Context) -> Iterable[tuple[str, str]]:
    """The exercises that have a service to attack."""
    from lab.course import catalog
    from lab.course.attack import has_one
    from lab.locale import language

    return ((one.id, one.title[language()]) for one in catalog.exercises() if has_one(one))


@_quietly
def gradable(_: typer.Context) -> Iterable[tuple[str, str]]:
    """Exercises, their days, and all of them."""
    from lab.course.titles import titles

    found = list(titles())
    days = {ident.partition(".")[0] for ident, _ in found}
    return [*found, *((day, tr("every exercise of the day")) for day in sorted(days)), ("all", tr("every exercise"))]


@_quietly
def behaviours(ctx: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.course import catalog

    exercise = catalog.named(str(ctx.params.get("what") or _word_after("check")))
    return ((behaviour.id, behaviour.says["en"]) for behaviour in exercise.behaviours)


@_quietly
def misconceptions(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.course import catalog

    return ((wrong.name, wrong.title[language()]) for exercise in catalog.exercises() for wrong in exercise.wrong)


@_quietly
def topics(_: typer.Context) -> Iterable[tuple[str, str]]:
    from lab.cli.topics import TOPICS

    return ((name, about) for name, (about, _) in TOPICS.items())


def _processes(system: System) -> Iterator[tuple[str, str]]:
    """Services, the instances of those with replicas, and engines."""
    for service in system.services:
        yield from ((name, tr(service.summary)) for name in dict.fromkeys((service.name, *service.instances)))
    yield from ((engine.name, tr(engine.summary)) for engine in system.engines)


def _word_after(command: str) -> str:
    """From the line itself: the parser gives up on a line that ends in an option without its value."""
    words = (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()
    return next((word for before, word in pairwise(words) if before == command), "")


def _system(ctx: typer.Context) -> System:
    """That of the run: of a live one as it is now, after it was scaled."""
    from lab.cli.which_run import control, system_of
    from lab.runtime.runs import find

    record = find(ctx.params.get("run_id"))
    if not record.alive:
        return system_of(record)
    with control(record.id) as opened:
        return opened.system()


def _is_system(path: Path) -> bool:
    return "[service" in path.read_text(errors="replace")
