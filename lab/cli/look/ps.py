"""`lab ps`: the processes of live runs, and why some are waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli.options import Json, LiveRunId
from lab.cli.output import mood, out, paint, size, span, table
from lab.locale import tr, trn

if TYPE_CHECKING:
    from lab.runtime.api import ProcessStatus, RunStatus

EXAMPLES = ("lab ps", "lab ps --json")


def ps(run_id: LiveRunId = None, as_json: Json = False) -> None:
    """Show the processes of every live run, with the reason of each state."""
    from lab.cli import which_run

    alive = which_run.all_alive(run_id)
    statuses = [status for status in map(which_run.status, alive) if status]
    if as_json:
        import msgspec

        bare = list(map(_without_logins, statuses))
        out(msgspec.json.encode({"schema_version": 1, "runs": bare}).decode())
        return
    if not alive:
        out(tr("No run is alive. Start one: lab run day3"))
    for number, status in enumerate(statuses):
        if number:
            out()
        _run(status)


def _run(status: RunStatus) -> None:
    from lab.faults.catalogue import toll

    engines = ", ".join(f"{name} {tier}" for name, tier in status.tiers.items())
    out(
        tr(
            "{run} is {state} · {span} · seed {seed}",
            run=paint(status.id, "title"),
            state=paint(tr(status.state), mood(status.state)),
            span=span(status.elapsed),
            seed=status.seed,
        )
        + (f" · {status.scenario}" if status.scenario else "")
    )
    if engines:
        out(paint(tr("engines: {engines}", engines=engines), "dim"))
    rows = [_row(process, status.elapsed) for process in status.processes]
    states = [mood(process.state) for process in status.processes]
    table(
        ("PROCESS", "STATE", "FOR", "PID", "CPU", "MEMORY", "WHERE AND WHY"),
        rows,
        {0: ["name"] * len(rows), 1: states},
    )
    for fault in status.faults:
        left = tr(", {remaining:.0f} s left", remaining=fault.remaining) if fault.remaining is not None else ""
        out(
            paint(
                tr(
                    "fault {id}: {text}, {toll}{left}",
                    id=fault.id,
                    text=fault.text,
                    toll=toll(fault.kind, fault.victims),
                    left=left,
                ),
                "warn",
            )
        )


def _row(process: ProcessStatus, elapsed: float) -> tuple[str, ...]:
    restarts = trn("restarted {count} time", "restarted {count} times", process.restarts) if process.restarts else ""
    own = tr("yours") if process.mine else ""
    return (
        process.name,
        tr(process.state),
        span(max(0.0, elapsed - process.since)),
        str(process.pid or "-"),
        f"{process.cpu:.0f} %",
        size(process.rss) if process.rss else "-",
        " · ".join(part for part in (own, _where(process.url), process.reason, restarts) if part),
    )


def _where(url: str) -> str:
    """The URL without credentials; of a file only that it is one, because its path is long and `--json` has it."""
    from lab.system.secrets import without_login

    scheme, _, rest = url.partition("://")
    return tr("{scheme} files", scheme=scheme) if rest.startswith("/") else without_login(url)


def _without_logins(status: RunStatus) -> RunStatus:
    """The status without the passwords of engines."""
    from dataclasses import replace

    from lab.system.secrets import without_login

    return replace(
        status,
        processes=tuple(replace(one, url=without_login(one.url)) for one in status.processes),
        links=tuple(replace(one, url=without_login(one.url)) for one in status.links),
    )
