"""`lab dev new exercise`: where an author begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import exits
from lab.cli.failure import Failure
from lab.cli.output import out

EXAMPLES = ("lab dev new exercise day5.20 hedged_requests ./my-pack", "LAB_EXERCISES=./my-pack lab dev check day5.20")


def exercise(
    ident: Annotated[str, typer.Argument(metavar="ID", help="Like day5.20; no other exercise has it.")],
    slug: Annotated[str, typer.Argument(metavar="NAME", help="Its folder, like hedged_requests.")],
    pack: Annotated[Path, typer.Argument(metavar="[PACK]", help="The folder of the pack; it may be new.")] = Path(),
    service: Annotated[str, typer.Option(metavar="NAME", help="The service that the learner writes.")] = "gateway",
) -> None:
    """Lay the skeleton of an exercise. The gate refuses it, and says why, until it is honest.

    The lab's own exercises are in lab/exercises of a checkout; any other folder is a pack, which LAB_EXERCISES names.
    """
    from lab.course import catalog, titles
    from lab.course.beginning import NoNewExercise, begin

    if any(ident == known for known, _ in titles.titles()):
        raise Failure(f"{ident} is the id of another exercise", why=str(catalog.named(ident).folder), code=exits.USAGE)
    try:
        made = begin(pack.absolute(), ident, slug, service)
    except NoNewExercise as problem:
        raise Failure(str(problem), code=exits.USAGE) from None
    except OSError as problem:
        raise Failure(f"{problem.filename}: {problem.strerror}", code=exits.FAILED) from None
    for path in made:
        out(f"{path}")
    known = pack.absolute() in titles.roots()
    out(f"\nlab dev check {ident}" if known else f"\n{titles.VARIABLE}={pack.absolute()} lab dev check {ident}")
