"""`lab run`: start a system and show it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure
from lab.cli.options import Engines
from lab.cli.output import is_screen, leave, out, paint, say
from lab.cli.run.settings import with_settings
from lab.locale import tr

if TYPE_CHECKING:
    from lab.runtime.launch import Launching
    from lab.runtime.live import LiveRun
    from lab.system.model import System

EXAMPLES = (
    "lab run day3",
    "lab run day3 --scenario poison-message",
    "lab run day3 --scenario duplicate-delivery --predict",
    "lab run day3 --engine amqp=native --rate 20",
    "lab run day3 --plain --for 1m",
    "lab run day3 --mine",
    "lab run day3 --json | jq 'select(.kind == \"flow\") | .op'",
    "lab run ./my-system.toml",
)

LETTING_GO = 10.0
"""Seconds that the end of a run which does not answer yet may take."""


@with_settings
def run(
    *,
    day: Annotated[
        str,
        typer.Argument(
            metavar="DAY", help="A day (day3), or a TOML file with a system of yours.", autocompletion=complete.days
        ),
    ],
    scenario: Annotated[
        str | None,
        typer.Option(help="The timeline of load and faults to play.", autocompletion=complete.scenarios),
    ] = None,
    engine: Engines = None,
    rate: Annotated[
        float | None, typer.Option(parser=values.rate, metavar="N", help="Visitor journeys per second.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=values.LARGEST_SEED, help="Same seed, same visitors and same random faults.")
    ] = 0,
    duration: Annotated[
        float | None, typer.Option("--for", parser=values.seconds, metavar="TIME", help="End after 30s, 2m ...")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines instead of the dashboard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The journal's events as NDJSON on stdout.")] = False,
    predict: Annotated[
        bool, typer.Option("--predict", help="The scenario asks before its faults, and waits for your prediction.")
    ] = False,
    mine: Annotated[bool, typer.Option("--mine", help="With your own services in place of ours.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running; see lab ps, lab dash, lab down.")] = False,
    settings: dict[str, str],
) -> None:
    """Start a system: its engines and services as real processes, a tap on every link, traffic.

    In a terminal it opens the dashboard; without one it narrates a scenario to its end and sums up.
    """
    if sum((plain, as_json, detach)) > 1:
        raise typer.BadParameter(tr("give only one of --plain, --json and --detach"))
    if predict and (as_json or detach):
        raise typer.BadParameter(tr("--predict asks you, and --json and --detach have nobody to ask"))
    from lab.course import systems
    from lab.runtime.api import RunOptions
    from lab.runtime.launch import begin, release

    screen = is_screen() and not (plain or as_json or detach)
    system = _with_mine(day, settings, scenario) if mine else systems.find(day, settings, scenario)
    unattended = not (screen or detach)
    if unattended:
        scenario, duration = systems.unattended(system, scenario, duration)
    elif scenario is not None:
        systems.scenario(system, scenario)
    options = RunOptions(
        seed=seed,
        rate=rate,
        scenario=scenario or "",
        duration=duration,
        tiers=values.tiers(engine or []),
        unattended=unattended,
        predict=predict,
        detach=detach,
    )
    launching = begin(system, options)
    if screen:
        _on_screen(launching)
    from lab.runtime.live import LiveRun

    if not detach:
        raise typer.Exit(_told(LiveRun(launching.answer(on_progress=say)), system, as_json=as_json))
    live: LiveRun | None = None
    try:
        live = LiveRun(launching.answer(on_progress=say))
        _detached(live)
    except KeyboardInterrupt:
        say(tr("{id} was not ready yet; it is stopped", id=launching.id))
        if live is None:  # it does not answer yet, so it cannot be asked
            release(launching.id)
            launching.ended(within=LETTING_GO)
        else:
            live.stop()
            live.wait_ended(say)
        raise


def _with_mine(day: str, settings: dict[str, str], scenario: str | None) -> System:
    from lab.cli.exercise import learner
    from lab.cli.progress_line import ProgressLine
    from lab.course import catalog
    from lab.course.built import build
    from lab.course.mine import mixed
    from lab.course.setting import option

    system, taken, chosen = mixed(day, settings, scenario, learner.workspace(), catalog.exercises())
    for name, value in chosen.items():
        say(tr("so that your services find whom they ask: {option}", option=option(name, value)))
    for one in taken:
        say(
            tr(
                "{service} is yours, from {id} ({folder})",
                service=one.service,
                id=one.exercise.id,
                folder=os.path.relpath(one.source.dir),
            )
        )
    with ProgressLine() as line:
        build(
            [made for one in taken for made in one.builds],
            lambda step: line.show(tr("building {text}", text=step.text), seconds=step.seconds),
        )
    return system


def _told(live: LiveRun, system: System, *, as_json: bool) -> int:
    """Print the run as it goes; the exit code. Raises Failure or BadEnd if it did not end in the orderly way."""
    from lab.cli import which_run
    from lab.cli.run.follow import watch
    from lab.cli.run.printers import Json, Plain
    from lab.cli.run.prompt import Prompt
    from lab.cli.run.summary import summarise
    from lab.runtime.live import NotRecorded

    teller = Json(system) if as_json else Plain(system, Prompt(live.socket))
    interrupted = watch(live, teller)
    teller.end()
    if isinstance(teller, Plain):
        summarise(teller.picture, live.record)
    if interrupted:
        return exits.INTERRUPTED
    which_run.clean()
    bad = live.bad_end()
    if isinstance(bad, NotRecorded):
        raise bad
    if not teller.readiness.reached:
        missing = ", ".join(teller.readiness.missing)
        raise Failure(
            tr("the system never became ready; still missing: {missing}", missing=missing),
            why=str(bad) if bad else "",
            next=f"lab logs --run {live.record.id}",
        )
    if bad:
        raise bad
    return exits.OK


def _detached(live: LiveRun) -> None:
    run = live.record.id
    if not live.wait_ready(say):
        raise Failure(
            tr("{run} did not become ready", run=run), next=f"lab ps, lab logs --run {run}, lab down --run {run}"
        )
    out(tr("{id} is running.", id=paint(run, "title")))
    out(tr("  lab dash    watch it\n  lab ps      its processes\n  lab down    stop it"))


def _on_screen(launching: Launching) -> NoReturn:
    """Show the run from its very beginning; when the person leaves, it is asked to stop, and summed up.

    The prompt is back meanwhile: the runtime is a process of its own and needs nobody to end in good order.
    """
    from lab.cli.hangup import end_with_terminal
    from lab.dashboard import run_live

    end_with_terminal()
    left = run_live(launching, stop_on_quit=True)
    from lab.cli import which_run
    from lab.cli.run.summary import summarise
    from lab.runtime.live import LiveRun

    if not left.begun:
        launching.answer(on_progress=say)  # or the reason why it cannot
    record = launching.record()
    summarise(left.picture, record)
    if not left.trouble and not launching.ended():
        say(tr("{id} is stopping. lab ps shows it until it has ended.", id=record.id))
        leave(left.code)
    live = LiveRun(record)
    live.wait_ended(say)
    which_run.clean()
    if bad := live.bad_end():
        raise bad
    say(tr("{id} is stopped.", id=record.id))
    leave(left.code)
