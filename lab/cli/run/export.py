"""`lab export`: a system written down for containers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from lab.cli import complete
from lab.cli.output import out
from lab.cli.run.settings import with_settings
from lab.locale import tr

EXAMPLES = (
    "lab export day6 --to compose ./shop",
    "lab export day3 --broker kafka --to k8s ./shop",
    "lab export ./my-system.toml --to compose ./deploy",
)


@with_settings
def export(
    *,
    day: Annotated[
        str,
        typer.Argument(
            metavar="DAY", help="A day (day3), or a TOML file with a system of yours.", autocompletion=complete.days
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    to: Annotated[Literal["compose", "k8s"], typer.Option(help="Docker Compose, or Kubernetes.")],
    settings: dict[str, str],
) -> None:
    """Write a system down for containers: the same services, real engines, limits, checks, secrets apart.

    Nothing that is in DIR is written over. Its README.md says how to run what is written.
    """
    from lab.course import systems
    from lab.export import folder as exported

    exported.export(systems.find(day, settings), to, folder)
    out(tr("{name} is in {folder}; {readme} says how to run it.", name=day, folder=folder, readme=folder / "README.md"))
    command = "docker compose up --build --wait" if to == "compose" else "kubectl kustomize ."
    out(f"  cd {shlex.quote(str(folder))} && {command}")
