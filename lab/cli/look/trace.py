"""`lab trace`: the story of one order over all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete
from lab.cli.failure import Failure
from lab.cli.options import Json, RunId
from lab.cli.output import out, paint, table
from lab.locale import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.journal.event import Event
    from lab.system.entity import Entity

EXAMPLES = ("lab trace", "lab trace 5f3a9c1e", "lab trace 5f3a --waterfall", "lab trace 5f3a --run 0007-day3")
LATEST = 10


def trace(
    ident: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="An order's id, a correlation id or a message id; its beginning is enough.",
            autocompletion=complete.stories,
        ),
    ] = None,
    waterfall: Annotated[
        bool, typer.Option("--waterfall", "-w", help="Draw each step as a bar in time, as wide as the terminal.")
    ] = False,
    run_id: RunId = None,
    as_json: Json = False,
) -> None:
    """Show what every process did for one order, by time and cause.

    Without ID it lists the latest orders.
    """
    from lab.cli import which_run
    from lab.journal.query import read
    from lab.journal.standing import sighted
    from lab.journal.story import NoStory, entities, story
    from lab.journal.telling import lines

    record = which_run.recorded(run_id)
    events = list(read(which_run.journal(record)))
    system = which_run.system_of(record)
    declared = system.entities
    if ident is None:
        _latest(entities(events, sighted(system)), declared, as_json)
        return
    try:
        told = story(events, _whole(events, ident), declared)
    except NoStory:
        raise Failure(
            tr('nothing in this run belongs to "{ident}"', ident=ident),
            why=tr("An id is an order's id, a correlation id (X-Request-ID) or a message id."),
            next=tr("lab trace, which lists the latest orders"),
        ) from None
    if as_json:
        import msgspec

        out(msgspec.json.encode({"schema_version": 1, "story": told}).decode())
        return
    if waterfall:
        import shutil

        from lab.journal.waterfall import waterfall as bars

        drawn = bars(told, shutil.get_terminal_size().columns)
    else:
        drawn = lines(told)
    for line in drawn:
        out("".join(paint(text, role) for text, role in line))


def _latest(found: dict[str, tuple[str, str]], declared: Sequence[Entity], as_json: bool) -> None:
    from lab.journal.telling import MOODS
    from lab.system.entity import mood

    if as_json:
        import msgspec

        latest = [{"id": ident, "entity": kind, "state": state} for ident, (kind, state) in found.items()]
        out(msgspec.json.encode({"schema_version": 1, "latest": latest[-LATEST:]}).decode())
        return
    if not found:
        out(tr("No orders yet."))
        return
    rows = [(ident, kind, state) for ident, (kind, state) in list(found.items())[-LATEST:]]
    roles = [MOODS[mood(declared, kind, state)] for _, kind, state in rows]
    table(("ID", "WHAT", "STATE"), rows, {2: roles})
    out(paint(tr("\nThe story of one: lab trace ID"), "dim"))


def _whole(events: list[Event], beginning: str) -> str:
    """The only id with this prefix, or the word as it was typed."""
    from lab.journal.story import idents

    known = idents(events)
    matching = [ident for ident in known if ident.startswith(beginning)]
    if beginning in known or not matching:
        return beginning
    if len(matching) > 1:
        raise Failure(
            tr('"{beginning}" is the beginning of {count} ids', beginning=beginning, count=len(matching)),
            why="\n".join(matching[:LATEST]),
        )
    return matching[0]
