"""`lab try`: run the learner's services with what the exercise gives them, and send them requests by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure
from lab.cli.output import out, paint, say

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.grading.bench import Bench
    from lab.grading.model import Assignment
    from lab.journal.event import Event

EXAMPLES = ("lab try", "lab try day5.3")


def try_(
    exercise: Annotated[
        str | None,
        typer.Argument(
            metavar="[EXERCISE]",
            help="Like day5.3; else the exercise of this folder, else the next unfinished one.",
            autocompletion=complete.exercises,
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(metavar="[KIND=]TIER", help="embedded, native (from your PATH), or KIND=URL; repeatable."),
    ] = None,
) -> None:
    """Run your services with what the exercise gives them, and send requests.

    It prints curl lines to paste, and goes on until Ctrl-C. Everything on the wire is shown as it happens; lab fault,
    lab dash and lab trace work on it as on any run.
    """
    from lab.cli.exercise import workspace as place
    from lab.course.assignment import assignment

    here = place.workspace()
    tried = place.chosen(here, exercise)
    asked = assignment(tried, place.programs(here, tried))
    _build(asked)
    bench = _bench(asked, values.tiers(engine or []))
    try:
        for stub in bench.stubs.values():
            stub.furnish()  # the curl lines say 1 wherever an id stands
        _start(bench, tried)
        _tell(bench, tried, here.toml.texts)
        _follow(bench)
    except KeyboardInterrupt:
        say(f"stopping {tried.id}")
        raise
    finally:
        bench.close()


def _build(asked: Assignment) -> None:
    from lab.cli.progress_line import ProgressLine
    from lab.grading.build import build_all

    with ProgressLine() as line:
        problems = build_all(
            asked.builds, lambda progress: line.show(f"building {progress.text}", seconds=progress.seconds)
        )
    if problems:
        what, _, why = "\n".join(f"{service}: {problem}" for service, problem in problems.items()).partition("\n")
        raise Failure(what, why=why, code=exits.FAILED)


def _bench(asked: Assignment, tiers: dict[str, str]) -> Bench:
    from lab.engines.launch import EngineUnavailable
    from lab.grading.bench import Bench
    from lab.runtime.launch import LaunchError

    say(f"starting {asked.id}")
    try:
        return Bench(asked, seed=0, tiers=tiers)
    except (EngineUnavailable, LaunchError) as problem:
        raise _not_started(asked.id, problem) from None


def _not_started(ident: str, problem: Exception) -> Failure:
    return Failure(f"{ident} could not be started", why=str(problem), next="lab doctor", code=exits.MISSING)


def _start(bench: Bench, tried: Exercise) -> None:
    from lab.grading.checking.expect import CannotTell
    from lab.runtime.api import ControlError
    from lab.runtime.launch import LaunchError

    try:
        bench.await_engines()
        for service in tried.services:
            bench.processes.start(service.name)
    except LaunchError as problem:
        raise _not_started(tried.id, problem) from None
    except (CannotTell, ControlError) as problem:
        what, _, why = str(problem).partition("\n")
        raise Failure(what, why=why, next=f"lab logs --run {bench.record.id}") from None


def _tell(bench: Bench, tried: Exercise, language: str) -> None:
    from lab.course import texts
    from lab.course.calls import curls

    first = tried.services[0].name
    out(paint(f"{tried.id} {tried.title[language]} is running as {bench.record.id}.", "title"))
    for service in tried.services:
        out(f"  {service.name:<12} {bench.urls[service.name]}")
    for name in (*tried.stubs, *tried.engines):
        out(paint(f"  {name:<12} {bench.direct[name]}", "dim"))
    out()
    for line in curls(texts.brief(tried.folder, "en"), bench.urls[first]):
        out(f"  {line}")
    out(f"  curl -i {bench.urls[first]}/readyz\n")
    say(f"Ctrl-C ends it. In another terminal: lab dash {bench.record.id}")


def _follow(bench: Bench) -> None:
    """Tell what happens until the run ends by itself, which it does not unless somebody stops it."""
    import time

    from lab.cli.live import Handle
    from lab.journal.query import POLL, Tail, decode

    handle = Handle(bench.record)
    with Tail(bench.record.journal) as tail:
        while tail.lines():
            pass  # what led up to here is not what the reader has done
        while not handle.ended():
            for event in decode(tail.lines()):
                if words := told(event):
                    out(words)
            time.sleep(POLL)


def told(event: Event) -> str:
    """The event in words. Every exchange is told, because it is the reader who makes them; an access log is not: it
    would say each a second time."""
    from lab.journal.event import TRAFFIC, Flow, Load, Log
    from lab.journal.plain import always, flow_words, log_words, stamped

    if isinstance(event, Flow):
        words = flow_words(event) if event.role in TRAFFIC or event.outcome != "ok" else ""
    elif isinstance(event, Log):
        words = log_words(event) if event.event != "http" else ""
    else:
        words = "" if isinstance(event, Load) else always(event)
    return stamped(event.t, words) if words else ""
