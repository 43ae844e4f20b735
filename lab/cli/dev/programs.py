"""`lab dev unpack` and `pack`: a stored program laid out to be edited, and stored again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import Failure, unknown
from lab.cli.output import out

if TYPE_CHECKING:
    from lab.course.exercise import Exercise
    from lab.course.variants import Variant

UNPACK_EXAMPLES = ("lab dev unpack day5.3 /tmp/breaker", "lab dev unpack day5.3 /tmp/breaker --wrong no_breaker")
PACK_EXAMPLES = ("lab dev pack day5.3 /tmp/breaker", "lab dev pack day5.3 /tmp/breaker --wrong no_breaker")

Named = Annotated[str, typer.Argument(metavar="EXERCISE", help="Like day5.3.", autocompletion=complete.exercises)]
Language = Annotated[str, typer.Option(help="The solution in that language.")]
Right = Annotated[str, typer.Option(metavar="NAME", help="That right service instead of the solution.")]


def unpack(
    exercise: Named,
    folder: Annotated[Path, typer.Argument(help="It is made.")],
    wrong: Annotated[str, typer.Option(metavar="NAME", help="That wrong service instead of the solution.")] = "",
    right: Right = "",
    language: Language = "python",
) -> None:
    """Lay the whole solution out in a folder, to be edited there; lab dev pack stores it again."""
    from lab.course import catalog
    from lab.course.variants import lay_out

    asked = catalog.named(exercise)
    if folder.exists():
        raise Failure(f"{folder} is already there", code=exits.FAILED)
    with _said():
        lay_out(asked, _variant(asked, wrong, right, language), folder)
    out(f"{folder}")


def pack(
    exercise: Named,
    folder: Annotated[Path, typer.Argument(help="Where lab dev unpack has laid it out.", exists=True, file_okay=False)],
    wrong: Annotated[
        str, typer.Option(metavar="NAME", help="Store it as that wrong service's patch of the solution; it may be new.")
    ] = "",
    right: Right = "",
    language: Language = "python",
) -> None:
    """Store the folder's programs: as what differs from the starter, a wrong service's patch, or a right service."""
    from lab.course import catalog
    from lab.course.pack import pack

    asked = catalog.named(exercise)
    with _said():
        for path in pack(asked, _variant(asked, wrong, right, language), folder):
            out(f"{path}")


def _variant(exercise: Exercise, wrong: str, right: str, language: str) -> Variant:
    from lab.course.variants import PYTHON, Variant

    if language not in exercise.run:
        raise unknown("language", language, exercise.run)
    if wrong and language != PYTHON:
        raise typer.BadParameter("a wrong service is a change of the solution in Python")
    if right and (wrong or language != PYTHON):
        raise typer.BadParameter("--right, --wrong and --language exclude each other")
    if right:
        return Variant("right", which=right)
    return Variant("wrong", which=wrong) if wrong else Variant("solution", language)


@contextmanager
def _said() -> Iterator[None]:
    from lab.course.variants import Unusable

    try:
        yield
    except Unusable as problem:
        raise Failure(str(problem), code=exits.FAILED) from None
    except OSError as problem:
        raise Failure(f"{problem.filename}: {problem.strerror}", code=exits.FAILED) from None
