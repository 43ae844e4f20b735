"""`lab run`: start a system and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits, values
from lab.cli.failure import Failure
from lab.cli.output import is_screen, out, paint, say

if TYPE_CHECKING:
    from lab.cli.live import Handle
    from lab.system.model import System

EXAMPLES = (
    "lab run day3",
    "lab run day3 --scenario poison-message",
    "lab run day3 --engine amqp=native --rate 20",
    "lab run day3 --plain --for 1m",
    "lab run day3 --mine",
    "lab run day3 --json | jq 'select(.kind == \"flow\") | .op'",
    "lab run ./my-system.toml",
)
DEFAULT_SCENARIO = "happy"
WITHOUT_SCREEN = 20.0
"""Seconds that a run takes without a screen when neither its scenario nor --for says anything else."""


def run(
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
    engine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[KIND=]TIER",
            help="embedded (nothing to install), native (from your PATH), or KIND=URL; repeatable.",
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(parser=values.rate, metavar="N", help="Visitor journeys per second.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same visitors and same random faults.")] = 0,
    duration: Annotated[
        float | None, typer.Option("--for", parser=values.seconds, metavar="TIME", help="End after 30s, 2m ...")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines instead of the dashboard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The journal's events as NDJSON on stdout.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="With your own services in place of ours.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running; see lab ps, lab dash, lab down.")] = False,
) -> None:
    """Start a system: its engines and services as real processes, a tap on every link, traffic.

    In a terminal it opens the dashboard; without one it narrates a scenario to its end and sums up.
    """
    if sum((plain, as_json, detach)) > 1:
        raise typer.BadParameter("--plain, --json and --detach exclude each other")
    from lab.cli import live
    from lab.cli.run import systems
    from lab.runtime.api import RunOptions

    screen = is_screen() and not (plain or as_json or detach)
    system = systems.find(day)
    if mine:
        from lab.cli.run.mine import with_mine

        system = with_mine(system)
    if not (screen or detach):
        scenario, duration = _unattended(system, scenario, duration)
    elif scenario is not None:
        systems.scenario(system, scenario)
    options = RunOptions(
        seed=seed,
        rate=rate,
        scenario=scenario or "",
        duration=duration,
        tiers=values.tiers(engine or []),
        detach=detach,
    )
    handle = live.launch(system, options)
    if detach:
        _detached(handle)
    elif screen:
        _on_screen(handle)
    else:
        raise typer.Exit(_told(handle, system, as_json=as_json))


def _unattended(system: System, scenario: str | None, duration: float | None) -> tuple[str | None, float]:
    """Scenario and duration of a run that nobody steers."""
    from lab.cli.run import systems

    if scenario is None and DEFAULT_SCENARIO in systems.scenario_names(system):
        scenario = DEFAULT_SCENARIO
    if scenario is None:
        return None, duration or WITHOUT_SCREEN
    return scenario, duration or systems.scenario(system, scenario).duration or WITHOUT_SCREEN


def _told(handle: Handle, system: System, *, as_json: bool) -> int:
    """Print the run as it goes; the exit code. Raises Failure if it did not end in good order."""
    from lab.cli import live
    from lab.cli.run.follow import watch
    from lab.cli.run.printers import Json, Plain
    from lab.cli.run.summary import summarise

    teller = Json(system) if as_json else Plain(system)
    interrupted = watch(handle, teller)
    teller.end()
    if isinstance(teller, Plain):
        summarise(teller.picture, handle.record)
    if interrupted:
        return exits.INTERRUPTED
    bad = live.bad_end(handle)
    if bad and bad.code == exits.MISSING:
        raise bad
    if not teller.readiness.reached:
        missing = ", ".join(teller.readiness.missing)
        raise Failure(
            f"the system never became ready; still missing: {missing}",
            why="\n".join(filter(None, (bad.what, bad.why))) if bad else "",
            next=f"lab logs --run {handle.record.id}",
        )
    if bad:
        raise bad
    return exits.OK


def _detached(handle: Handle) -> None:
    if not handle.wait_ready():
        say(f"lab: {handle.record.id} did not become ready")
        say(f"  Next: lab ps, lab logs --run {handle.record.id}, lab down {handle.record.id}")
        raise typer.Exit(exits.FAILED)
    out(f"{paint(handle.record.id, 'title')} is running.")
    out("  lab dash    watch it\n  lab ps      its processes\n  lab down    stop it")


def _on_screen(handle: Handle) -> None:
    from lab.cli import live
    from lab.cli.hangup import end_with_terminal
    from lab.dashboard import run_live

    end_with_terminal()
    try:
        code = run_live(handle, stop_on_quit=True)
    finally:
        handle.wait_ended()
    if bad := live.bad_end(handle):
        raise bad
    say(f"{handle.record.id} is stopped. Again: lab replay {handle.record.id}")
    raise typer.Exit(code)
