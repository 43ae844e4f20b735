"""`lab load`: the run's traffic."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lab.cli import values
from lab.cli.options import Json, LiveRunId
from lab.cli.output import out
from lab.locale import tr

EXAMPLES = ("lab load", "lab load --rate 20", "lab load up", "lab load down")


def load(
    change: Annotated[
        Literal["up", "down"] | None, typer.Argument(help="Double the traffic, or halve it.", show_default=False)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(parser=values.rate, metavar="N", help="Visitor journeys per second; 0 pauses."),
    ] = None,
    run_id: LiveRunId = None,
    as_json: Json = False,
) -> None:
    """Show the traffic that the lab makes, or change it."""
    if change and rate is not None:
        raise typer.BadParameter(tr('"{change}" and --rate contradict each other; give one of them', change=change))
    from lab.cli import which_run
    from lab.load.steps import step

    with which_run.control(run_id) as control:
        now = control.load()
        if change:
            rate = step(now.rate, change)
        if rate is not None:
            now = control.set_rate(rate)
    if as_json:
        import msgspec

        out(msgspec.json.encode({"schema_version": 1, "load": now}).decode())
        return
    out(
        tr(
            "{rate:g} journeys a second; {sent} requests sent, {ok} ok, {failed} failed so far",
            rate=now.rate,
            sent=now.sent,
            ok=now.ok,
            failed=now.failed,
        )
    )
