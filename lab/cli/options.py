"""Options that several commands have, said once."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import complete

RunId = Annotated[
    str | None,
    typer.Option("--run", help="Which run, by its id; the latest if left out.", autocompletion=complete.runs),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
