"""`lab` alone and `lab help`: where to begin, and what no single command's help can say."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete
from lab.cli.failure import unknown
from lab.cli.output import out
from lab.cli.topics import TOPICS
from lab.locale import tr

EXAMPLES = ("lab help exit-codes", "lab help faults")


def help_(
    topic: Annotated[str | None, typer.Argument(help="What to explain.", autocompletion=complete.topics)] = None,
) -> None:
    """Explain exercises, exit codes, faults, systems of your own, environment."""
    if topic is None:
        out(tr("lab help TOPIC explains:"))
        for name, (about, _) in TOPICS.items():
            out(f"  {name:<14}{tr(about)}")
        out("\n" + tr("lab COMMAND --help explains a command; lab --help lists them."))
    elif topic in TOPICS:
        text = TOPICS[topic][1]
        out((tr(text) if isinstance(text, str) else text()).rstrip())
    else:
        raise unknown("topic", topic, TOPICS, next="lab help")


def welcome() -> None:
    """What `lab` alone says: the state of things in a line, and what to type next."""
    from lab.runtime.runs import list_runs

    alive = [record for record in list_runs() if record.alive]
    for record in alive:
        out(tr("{id} is running.", id=record.id))
    if alive:
        out(tr("  lab dash    watch it\n  lab ps      its processes\n  lab down    stop it"))
    else:
        out(tr("lab: learn architecture and system design on running systems.") + "\n")
        out(tr("  lab run day3    start Wednesday's system and watch its messages"))
        out(tr("  lab init ~/lab  write services of your own and have them graded"))
        out(tr("  lab doctor      see what this machine has"))
    out(tr("  lab --help  all commands") if alive else tr("  lab --help      all commands"))
