"""`lab logs`: the log lines of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete
from lab.cli.failure import unknown
from lab.cli.options import RunId
from lab.cli.output import out, paint

if TYPE_CHECKING:
    from lab.journal.event import Event, Log

EXAMPLES = ("lab logs", "lab logs payments -f", "lab logs orders --level warning", "lab logs --run 0007-day3 -n 50")
LEVELS = ("debug", "info", "warning", "error", "critical")


def logs(
    service: Annotated[
        str | None, typer.Argument(help="Only this service or engine.", autocompletion=complete.services)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until the run ends.")] = False,
    last: Annotated[int | None, typer.Option("-n", "--last", min=0, help="Only the last N lines so far.")] = None,
    level: Annotated[str, typer.Option(help="Only this level and worse: debug, info, warning, error.")] = "debug",
    run_id: RunId = None,
) -> None:
    """Print the log lines of a run, alive or ended."""
    from collections import deque

    from lab.cli import which_run
    from lab.journal import query
    from lab.journal.event import Check, Log
    from lab.runtime.live import LiveRun

    record = which_run.recorded(run_id)
    system = which_run.system_of(record)
    names = [name for service in system.services for name in dict.fromkeys((service.name, *service.instances))]
    names += [engine.name for engine in system.engines]
    if service is not None and service not in names and system.service(service) is None:
        raise unknown("service", service, names)
    if level not in LEVELS:
        raise unknown("level", level, LEVELS)
    worst = LEVELS[LEVELS.index(level) :]
    of = None if service is None else system.service(service)

    def from_there(source: str) -> bool:
        return service in (None, source) or (of is not None and of.name == service and of.is_instance(source))

    def wanted(event: Event) -> bool:
        match event:
            case Log():
                return from_there(event.source) and (event.level in worst or event.level not in LEVELS)
            case Check():  # of a grading: what the services said it to
                return service is None and ("info" if event.state in ("begun", "pass") else "error") in worst
        return False

    path = which_run.journal(record)
    seen = 0
    lines: deque[Event] = deque(maxlen=last)
    for event in query.read(path):
        seen = event.seq
        if wanted(event):
            lines.append(event)
    width = max(map(len, names), default=0)
    for event in lines:
        out(_line(event, width))
    if follow:
        for event in query.follow(path, seen + 1, stop=LiveRun(record).ended):
            if wanted(event):
                out(_line(event, width))


def _line(event: Event, width: int) -> str:
    from lab.journal.event import Check, Log
    from lab.journal.plain import check_words

    if isinstance(event, Log):
        return _log(event, width)
    assert isinstance(event, Check)
    return f"{_time(event.t)} {paint(check_words(event), 'title')}"


def _log(log: Log, width: int) -> str:
    role = {"warning": "warn", "error": "bad", "critical": "bad"}.get(log.level, "dim")
    from lab.journal.visible import visible

    pairs = "".join(f" {key}={value}" for key, value in log.data.items())
    event = f" event={log.event}" if log.event else ""
    correlation = f" correlation_id={log.correlation}" if log.correlation else ""
    return (
        f"{_time(log.t)} {paint(log.source.ljust(width), 'name')} {paint(visible(log.level).ljust(7), role)} "
        f"{visible(log.message)}{paint(visible(f'{event}{correlation}{pairs}'), 'dim')}"
    )


def _time(t: float) -> str:
    return paint(f"{t:9.3f}", "time")
