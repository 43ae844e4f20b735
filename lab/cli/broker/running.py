"""Brokers that run on this machine, as `lab broker status` and `lab broker tail` find them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lab.cli import complete
from lab.cli.failure import Failure
from lab.cli.output import say
from lab.locale import tr

if TYPE_CHECKING:
    from lab.runtime.runs import RunRecord

PATIENCE = 3.0
"""Seconds that a broker has to answer with its status."""

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Only the broker with this data folder.", file_okay=False),
]
OfRun = Annotated[
    str | None, typer.Option("--run", help="Only the broker of this run, by its id.", autocompletion=complete.live_runs)
]


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that was found: how people call it, its URL past every tap, and what an embedded one tells of itself.

    `tier` is that of its engine, `chosen_by` the option that takes it; `status` is as
    lab.engines.amqp.protocol.status describes it.
    """

    name: str
    url: str
    tier: str
    chosen_by: str
    status: dict[str, Any] | None = None


def own_folder() -> Path:
    """The default data folder of `lab broker`."""
    from lab.runtime.runs import home

    return home() / "broker"


def find(data: Path | None, run_id: str | None) -> list[Broker]:
    """The broker of that folder, those of that run, or all that the lab knows of; at least one. Raises Failure."""
    if data is not None and run_id is not None:
        raise typer.BadParameter(tr("give --data or --run, not both"))
    from lab.cli import which_run

    if data is not None:
        if found := _alone(data):
            return [found]
        raise Failure(tr("no broker is running on {data}", data=data), next=f"lab broker --data {data}")
    if run_id is not None:
        record = which_run.alive(run_id)
        if of_run := list(_of_run(record)):
            return of_run
        raise Failure(tr("{id} has no AMQP broker that is up", id=record.id), next=f"lab ps --run {record.id}")
    alone = _alone(own_folder())
    found_all = [*([alone] if alone else []), *(one for record in which_run.all_alive() for one in _of_run(record))]
    if not found_all:
        why = tr(
            "Neither on {own_folder} nor in a live run.\nOne on another folder: add --data DIR", own_folder=own_folder()
        )
        raise Failure(tr("no broker is running"), why=why, next="lab broker")
    return found_all


def _alone(folder: Path) -> Broker | None:
    status = _ask(folder)
    return Broker("lab broker", status["url"], "embedded", f"--data {folder}", status) if status else None


def _of_run(record: RunRecord) -> Iterator[Broker]:
    from lab.cli import which_run

    run = which_run.status(record)
    if run is None:
        return
    urls, chosen_by = {process.name: process.url for process in run.processes}, f"--run {record.id}"
    for engine in which_run.system_of(record).engines:
        if engine.kind != "amqp":
            continue
        name, tier = tr("{name} of {id}", name=engine.name, id=record.id), run.tiers.get(engine.name, "")
        if tier != "embedded":
            yield Broker(name, urls.get(engine.name, ""), tier, chosen_by)
        elif status := _ask(record.folder / "data" / engine.name):
            yield Broker(name, status["url"], tier, chosen_by, status)
        else:
            say(tr("{name} is down at this moment", name=name))


def _ask(folder: Path) -> dict[str, Any] | None:
    """The status of the broker on this folder; None if there is no broker. Raises Failure if it cannot be asked."""
    import json
    import os
    import socket

    from lab.engines.amqp.protocol.status import LONGEST_SOCKET_PATH, SOCKET_NAME

    path = (folder / SOCKET_NAME).absolute()
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        why = tr(
            "{absolute} is too long a name for the socket that is asked; a tail can do without: --url",
            absolute=folder.absolute(),
        )
        raise Failure(tr("a broker on this folder cannot be asked"), why=why, next="lab broker --data DIR")
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(path))
            told: dict[str, Any] = json.loads(line.makefile("rb").read())
    except TimeoutError:
        why = tr("It may be frozen, or very busy; its folder is {folder}", folder=folder)
        raise Failure(
            tr("the broker does not answer within {patience:g} s", patience=PATIENCE), why=why, next="lab ps"
        ) from None
    except (OSError, ValueError):
        return None
    return told
