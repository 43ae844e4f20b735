"""`lab fault`: disturb the run, see what the disturbances hit, and heal them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits
from lab.cli.commands import examples
from lab.cli.failure import Failure
from lab.cli.options import Json, LiveRunId
from lab.cli.output import out, paint, table
from lab.locale import mark, tr

if TYPE_CHECKING:
    from lab.faults.kind import Kind
    from lab.runtime.api import FaultStatus

ADD_EXAMPLES = (
    "lab fault add latency payments:provider 300ms --for 30s",
    "lab fault add status payments:provider 503 --share 20% --on 'POST /charges*'",
    "lab fault add lose-ack payments:broker --count 3",
    "lab fault add kill payments",
)
LIST_EXAMPLES = ("lab fault list",)
HEAL_EXAMPLES = ("lab fault heal f1", "lab fault heal")
KINDS_EXAMPLES = ("lab fault kinds",)
HEADINGS = {
    "link": mark("On any link"),
    "pair": mark("Between two services"),
    "process": mark("On a service or engine"),
}


def add(
    text: Annotated[
        list[str],
        typer.Argument(
            help="KIND TARGET and values. Write a link as CONSUMER:PROVIDER; see: lab help faults",
            metavar="KIND TARGET [VALUE]...",
            autocompletion=complete.fault_words,
            show_default=False,
        ),
    ],
    duration: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 30s, 2m, ever.")] = "",
    on: Annotated[str, typer.Option(metavar="PATTERN", help="Only what matches, e.g. 'POST /orders*'.")] = "",
    share: Annotated[str, typer.Option(metavar="PERCENT", help="Only this share of it: 20%.")] = "",
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after this many hits.")] = None,
    run_id: LiveRunId = None,
) -> None:
    """Add a fault to the run. It heals by itself, or with lab fault heal."""
    _mind_redirection(text)
    from lab.cli import which_run
    from lab.faults.catalogue import KINDS
    from lab.faults.text import FaultError, parse

    words = compose(text, duration=duration, on=on, share=share, count=count)
    try:
        parse(words)
    except FaultError as problem:
        raise Failure(tr("that is not a fault"), why=str(problem), next="lab fault kinds", code=exits.USAGE) from None
    with which_run.control(run_id) as control:
        fault = control.add_fault(words, owner="you")
    out(f"{paint(fault.id, 'title')} {fault.text}")
    if KINDS[fault.kind].instant:
        out(paint(tr("done; lab ps shows the result"), "dim"))
    elif fault.remaining is not None:
        out(
            paint(
                tr(
                    "heals by itself in {remaining:.0f} s; at once: lab fault heal {id}",
                    remaining=fault.remaining,
                    id=fault.id,
                ),
                "dim",
            )
        )


def list_(run_id: LiveRunId = None, as_json: Json = False) -> None:
    """Show the faults that are active, and how many each has hit."""
    from lab.cli import which_run

    with which_run.control(run_id) as control:
        active = control.faults()
        hides = control.run().hides
    if as_json:
        import msgspec

        out(msgspec.json.encode({"schema_version": 1, "faults": active}).decode())
    elif active:
        table(("ID", "HIT", "LEFT", "BY", "FAULT"), [_row(fault) for fault in active])
    elif hides:
        out(tr("One fault is hidden until the scenario tells it. Look at lab logs, and at /metrics of the services."))
    else:
        out(tr("No fault is active. Add one: lab fault add latency payments:provider 300ms"))


def heal(
    fault_id: Annotated[
        str | None,
        typer.Argument(help="Which one; all if left out.", metavar="[ID]", autocompletion=complete.fault_ids),
    ] = None,
    run_id: LiveRunId = None,
) -> None:
    """Heal one fault, or all of them."""
    from lab.cli import which_run

    with which_run.control(run_id) as control:
        active = control.faults()
        if fault_id is None and not active:
            out(tr("No fault is active."))
            return
        control.heal(fault_id)
    out(tr("healed {faults}", faults=fault_id or ", ".join(fault.id for fault in active)))


def kinds(as_json: Json = False) -> None:
    """List every kind of fault with what its victim sees."""
    from lab.faults.catalogue import KINDS
    from lab.faults.text import write

    if as_json:
        import msgspec

        out(msgspec.json.encode({"schema_version": 1, "kinds": list(KINDS.values())}).decode())
        return
    groups: dict[str, list[Kind]] = {}
    for kind in KINDS.values():
        groups.setdefault(", ".join(kind.protocols) or kind.scope, []).append(kind)
    for number, (where, members) in enumerate(groups.items()):
        if number:
            out()
        out(
            paint(
                tr(HEADINGS[where]) if where in HEADINGS else tr("On a link that speaks {where}", where=where), "title"
            )
        )
        rows = []
        for kind in members:
            takes = " ".join(f"{param.name}={write(param, param.default)}" for param in kind.params)
            rows.append((kind.name, takes, tr(kind.promise)))
        table(("KIND", "TAKES", "WHAT THE VICTIM SEES"), rows, {0: ["name"] * len(rows)})


def compose(text: Sequence[str], *, duration: str, on: str, share: str, count: int | None) -> str:
    """The fault's text from the words and options of the command line; what was one word to the shell stays one."""
    words = [*text] if len(text) == 1 else [_quoted(word) for word in text]
    if share:
        words.append(share if share.endswith("%") else f"{share}%")
    if count is not None:
        words.append(f"x{count}")
    if on:
        words += ["on", f'"{on}"']
    if duration:
        words += ["for", duration]
    return " ".join(words)


def _quoted(word: str) -> str:
    return f'"{word}"' if re.search(r"\s", word) else word


def _mind_redirection(words: Sequence[str]) -> None:
    """A shell reads `orders->payments` as: run with `orders-`, output to the file `payments`."""
    cut = next((word for word in words if re.fullmatch(r"[A-Za-z0-9_.]+-", word)), None)
    if cut is None:
        return
    name = _stdout_file()
    target = name or "TARGET"
    why = tr('Your shell read the ">" in {cut}>{target} as "send the output to a file".', cut=cut, target=target)
    why += tr(" The file {name} is there now, and empty: rm {name}", name=name) if name else ""
    form = " ".join(f"{cut[:-1]}:{target}" if word == cut else word for word in words)
    quoted = " ".join(f"'{cut}>{target}'" if word == cut else word for word in words)
    raise Failure(
        tr("the link {cut}->{target} was cut in two", cut=cut[:-1], target=target),
        why=tr("{why}\nWrite the link with a colon, or in quotes: lab fault add {quoted}", why=why, quoted=quoted),
        next=f"lab fault add {form}",
        code=exits.USAGE,
    )


def _stdout_file() -> str:
    """Name of the file that stdout goes to, where the system tells."""
    try:
        path = Path(f"/proc/self/fd/{sys.stdout.fileno()}").readlink()
    except OSError:
        return ""
    return path.name if path.is_file() else ""


def _row(fault: FaultStatus) -> tuple[str, ...]:
    from lab.faults.catalogue import toll

    left = tr("until healed") if fault.remaining is None else f"{fault.remaining:.0f} s"
    return fault.id, toll(fault.kind, fault.victims), left, fault.owner, fault.text


group = typer.Typer(
    name="fault",
    help="Disturb the run: add faults, list them, heal them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    epilog=examples(ADD_EXAMPLES[:1]),
)
group.command("add", epilog=examples(ADD_EXAMPLES))(add)
group.command("list", epilog=examples(LIST_EXAMPLES))(list_)
group.command("heal", epilog=examples(HEAL_EXAMPLES))(heal)
group.command("kinds", epilog=examples(KINDS_EXAMPLES))(kinds)
