"""`lab glossary`: the words of the course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete
from lab.cli.options import Json
from lab.cli.output import out, paint, table
from lab.locale import language, tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.course.glossary import Met, Term

EXAMPLES = ("lab glossary", "lab glossary outbox", "lab glossary qulf", "lab glossary --json")


def glossary(
    term: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TERM]", help="A word in English or Uzbek.", autocompletion=complete.terms),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say the words of the course in English, in Uzbek and in Go, and where they are met."""
    from lab.course import glossary

    found = glossary.find(" ".join(term)) if term else list(glossary.terms())
    if as_json:
        _json(found, glossary.met())
    elif term:
        met = glossary.met()
        for number, one in enumerate(found):
            if number:
                out()
            _show(one, met.get(one.en))
    else:
        table(("ENGLISH", "UZBEK", "GO"), [(one.en, one.uz, _go(one)) for one in found])


def _show(term: Term, met: Met | None) -> None:
    from lab.cli.learn import asking
    from lab.course.titles import titles

    out(paint(term.en, "title") + paint(f"  {term.uz}", "name"))
    asking.told(term.says[language()])
    if term.go:
        out(paint("Go: ", "dim") + _go(term))
    if term.also:
        out(paint(tr("also called: {names}", names=", ".join(term.also)), "dim"))
    if not met:
        return
    for read, heading in met.screens:
        asking.told(f"lab learn {read}: {heading}", first="  ")
    named = dict(titles(language())) if met.exercises else {}
    for ident in met.exercises:
        asking.told(f"lab start {ident.removeprefix('day')}: {named.get(ident, ident)}", first="  ")


def _go(term: Term) -> str:
    return term.go.replace("`", "")


def _json(found: Sequence[Term], met: Mapping[str, Met]) -> None:
    import msgspec

    rows = []
    for one in found:
        where = met.get(one.en)
        rows.append(
            {
                "en": one.en,
                "uz": one.uz,
                "go": one.go,
                "also": one.also,
                "says": one.says,
                "screens": [read for read, _ in where.screens] if where else [],
                "exercises": where.exercises if where else [],
            }
        )
    out(msgspec.json.encode({"schema_version": 1, "terms": rows}).decode())
