"""`lab doctor`: what this machine has, what the lab would use, and how to get the rest. It changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from lab import __version__
from lab.cli import exits
from lab.cli.options import Json
from lab.cli.output import is_screen, out, paint, size
from lab.locale import tr

if TYPE_CHECKING:
    from lab.engines.recipe import EngineReport

EXAMPLES = ("lab doctor", "lab doctor --json")
LEAST_ROOM = 200 * 1024**2
"""Bytes free below which a run's journal and databases may not fit."""
SMALLEST_SCREEN = (80, 24)
SIGNS = {"ok": "ok ", "note": "-- ", "problem": "!! "}
ROLES = {"ok": "good", "note": "dim", "problem": "bad"}


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding. Only a `problem` keeps the lab from working; `fix` says what to do."""

    about: str
    state: Literal["ok", "note", "problem"]
    found: str
    fix: str = ""


def doctor(as_json: Json = False) -> None:
    """Show what this machine has: engines, terminal, disk. It changes nothing."""
    from lab.engines import catalog

    findings = [*machine(), *_folder(), *_extras()]
    reports = catalog.doctor()
    if as_json:
        import msgspec

        out(msgspec.json.encode({"schema_version": 1, "findings": findings, "engines": reports}).decode())
    else:
        for finding in findings:
            _print(finding)
        for report in reports:
            _engine(report)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(exits.MISSING)


def machine() -> Iterator[Remark]:
    """The lab itself, Python, system and terminal."""
    yield Remark(
        "lab",
        "ok",
        tr(
            "{version} on Python {python_version} ({executable})",
            version=__version__,
            python_version=platform.python_version(),
            executable=sys.executable,
        ),
    )
    system = platform.system()
    if system == "Linux":
        yield Remark(
            "system",
            "ok",
            tr(
                "{system} {machine}, {cpu_count} cores",
                system=system,
                machine=platform.machine(),
                cpu_count=os.cpu_count(),
            ),
        )
    elif system == "Darwin":
        note = tr("parent-death signals are missing here: after a kill -9 the next lab command cleans up")
        yield Remark(
            "system",
            "note",
            tr("macOS {machine}, {cpu_count} cores", machine=platform.machine(), cpu_count=os.cpu_count()),
            note,
        )
    else:
        yield Remark("system", "problem", system, tr("the lab needs Unix sockets and signals: Linux, macOS, or WSL"))
    columns, lines = shutil.get_terminal_size()
    if not is_screen():
        yield Remark("terminal", "note", tr("none here"), tr("without one, lab run narrates in plain lines"))
    elif columns < SMALLEST_SCREEN[0] or lines < SMALLEST_SCREEN[1]:
        yield Remark("terminal", "note", f"{columns}x{lines}", tr("the dashboard wants 80x24 or more"))
    else:
        colour = tr("without colour (NO_COLOR)") if os.environ.get("NO_COLOR") else tr("with colour")
        yield Remark("terminal", "ok", f"{columns}x{lines}, {colour}")


def _folder() -> Iterator[Remark]:
    """Where runs are kept."""
    from lab.runtime.runs import home

    folder = home()
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    if not os.access(existing, os.W_OK):
        yield Remark(
            "runs", "problem", tr("{folder} cannot be written", folder=folder), tr("set LAB_HOME to a folder that can")
        )
        return
    free = shutil.disk_usage(existing).free
    state: Literal["ok", "problem"] = "ok" if free > LEAST_ROOM else "problem"
    fix = "" if state == "ok" else tr("make room, or set LAB_HOME to a folder on another disk")
    yield Remark("runs", state, tr("{folder}, {size} free", folder=folder, size=size(free)), fix)


def _extras() -> Iterator[Remark]:
    """What the lab does not bring along for services that speak some protocols, or reach some engines."""
    from lab.system.extras import tried

    for one in tried():
        if one.version:
            yield Remark(one.needed_for, "ok", one.version)
        else:
            yield Remark(one.needed_for, "note", one.problem, one.command)


def _print(finding: Remark) -> None:
    out(f"{paint(SIGNS[finding.state], ROLES[finding.state])}{finding.about:<10}{finding.found}")
    if finding.fix:
        out(f"   {'':<10}{finding.fix}")


def _engine(report: EngineReport) -> None:
    out("\n" + tr("{engine}: a run takes {tier}", engine=paint(report.kind, "title"), tier=paint(report.taken, "name")))
    for tier in report.tiers:
        state = "ok" if tier.available else "note"
        out(f"{paint(SIGNS[state], ROLES[state])}{tier.tier:<10}{tier.detail}")
    if report.caveat:
        out(paint(tr("   about embedded: {caveat}", caveat=report.caveat), "dim"))
