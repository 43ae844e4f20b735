"""`lab scale`: more or fewer instances of a service, while its visitors come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import Failure
from lab.cli.options import Json, LiveRunId
from lab.cli.output import out, say
from lab.locale import tr, trn

if TYPE_CHECKING:
    from lab.runtime.api import ProcessStatus
    from lab.runtime.client import Control
    from lab.system.model import System

EXAMPLES = ("lab scale catalog 3", "lab scale catalog 1", "lab scale jobs 4 --run 0007-day5", "lab scale catalog")
PATIENCE = 30.0
"""Seconds for new instances to become ready and for those that leave to be gone."""
POLL = 0.05


def scale(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="A replicated service.", autocompletion=complete.replicated)
    ],
    replicas: Annotated[
        int | None,
        typer.Argument(
            metavar="[N]", min=1, help="So many instances, 1 to 16. Left out: show them.", show_default=False
        ),
    ] = None,
    run_id: LiveRunId = None,
    as_json: Json = False,
) -> None:
    """Start or end instances of a service, behind its balancer.

    New instances get requests when they are ready. Those that leave answer first what they were asked, so no visitor
    sees a failure. A service is replicated if its System says `replicas`, be it 1.
    """
    from lab.cli import which_run

    with which_run.control(run_id) as control:
        system = control.system()
        _must_scale(system, service)
        before = wanted = system.instances(service)
        if replicas is not None:
            scaled = control.scale(service, replicas)
            before, wanted = system.scaled(service, scaled.before).instances(service), scaled.instances
            _await(control, before, wanted)
        there = [process for process in control.processes() if process.name in wanted]
    if as_json:
        import msgspec

        told = {"schema_version": 1, "service": service, "before": len(before), "instances": there}
        out(msgspec.json.encode(told).decode())
        return
    for process in there:
        _tell(process)
    count = trn("{name} has {count} instance", "{name} has {count} instances", len(there), name=service)
    out(count + (tr(", as before") if replicas is not None and before == wanted else ""))


def _must_scale(system: System, name: str) -> None:
    """Raises Failure if the service is not there, or is not replicated."""
    able = [one.name for one in system.services if one.replicas is not None]
    if name in able:
        return
    example = f"lab scale {able[0]} 3" if able else "lab help systems"
    if (service := system.service(name)) is None:
        raise Failure(
            tr("there is no service {name} in this run", name=name),
            why=tr("replicated are: {names}", names=", ".join(able)) if able else tr("no service here is replicated"),
            next=example,
            code=exits.USAGE,
        )
    if service.replicas is not None:
        raise Failure(
            tr("{name} is an instance; scale its service", name=name),
            next=f"lab scale {service.name} 3",
            code=exits.USAGE,
        )
    raise Failure(
        tr("{name} is one process and stays one", name=name),
        why=tr("A service can be scaled if its System declares replicas of it, be it one."),
        next=example,
        code=exits.USAGE,
    )


def _await(control: Control, before: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    """Wait until the new instances serve and the others are gone. Raises Failure if that takes too long."""
    leaving = set(before) - set(wanted)
    told = False
    began = time.monotonic()
    while True:
        states = {process.name: process for process in control.processes()}
        late = [
            states[name] for name in wanted if name not in before and states[name].state not in ("ready", "degraded")
        ]
        left = sorted(leaving & set(states))
        if not (late or left):
            return
        if failed := next((one for one in late if one.state == "failed"), None):
            raise Failure(
                tr("{name} failed", name=failed.name), why=failed.reason, next=f"lab logs {failed.name}, lab ps"
            )
        waited = time.monotonic() - began
        if waited > PATIENCE:
            names = ", ".join([*(one.name for one in late), *left])
            raise Failure(
                tr("{names} took more than {patience:g} s", names=names, patience=PATIENCE),
                why=late[0].reason if late else tr("answers are awaited from it"),
                next="lab ps",
            )
        if waited > 1 and not told:
            told = True
            if late:
                say(tr("{names} is starting; it gets requests when it is ready", names=late[0].name))
            else:
                say(tr("{names} finishes what it has begun", names=left[0]))
        time.sleep(POLL)


def _tell(process: ProcessStatus) -> None:
    from lab.cli.output import mood, paint

    state = paint(tr(process.state), mood(process.state))
    pid = f" · pid {process.pid}" if process.pid else ""
    out(f"{process.name} {state}{pid}" + (f" · {process.reason}" if process.reason else ""))
