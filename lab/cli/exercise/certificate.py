"""`lab certificate`: a page with what was proved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.exercise.files import must_be_writable
from lab.cli.options import Json
from lab.cli.output import out, say
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.certificate import Proof

EXAMPLES = ("lab certificate --name 'Malika Karimova'", "lab certificate --json")


def certificate(
    name: Annotated[str, typer.Option(metavar="NAME", help="Whose it is.")] = "",
    file: Annotated[Path, typer.Option("--to", metavar="FILE", help="The page that is written.")] = Path(
        "certificate.html"
    ),
    as_json: Json = False,
) -> None:
    """Write a page with what you have proved: exercises, behaviours, when, on which versions, and a digest over it.

    The digest is over the reports in this workspace, so that whoever has them can tell that the page is about them. It
    does not tell who wrote the services.
    """
    from lab.cli.exercise import learner
    from lab.course import catalog
    from lab.course.certificate import digest, proofs

    here, known = learner.workspace(), catalog.exercises()
    if not as_json:
        must_be_writable(file)
    found = proofs(here, known)
    if as_json:
        _json(found, name, digest(found))
        return
    best = sum(exercise.best for exercise in known)
    file.write_text(_page(found, name, digest(found), len(known), best), encoding="utf-8")
    say(tr("written: {file}", file=file))
    out(
        tr(
            "{count} of {all} exercises, {points} of {best} points, digest {digest}",
            count=len(found),
            all=len(known),
            points=sum(one.points for one in found),
            best=best,
            digest=digest(found)[:16],
        )
    )


def _page(found: Sequence[Proof], name: str, digest: str, count: int, best: int) -> str:
    from html import escape

    from lab.grading.report.html import document
    from lab.grading.report.terminal import tally

    title = tr("What {name} has proved", name=name) if name else tr("What was proved")
    meta = tr(
        "{count} of {all} exercises, {points} of {best} points",
        count=len(found),
        all=count,
        points=sum(one.points for one in found),
        best=best,
    )
    heads = (tr("exercise"), tr("behaviours"), tr("when"), tr("seed"), tr("engines"), "lab", "SHA-256")
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (
                f"{one.exercise.number} {one.exercise.title[language()]}",
                " · ".join(tally(one.report, language())),
                one.report.started_at[:10],
                str(one.report.seed),
                ", ".join(f"{kind} {tier}" for kind, tier in one.report.tiers.items()),
                one.report.lab,
            )
        )
        + f"<td><code>{one.digest[:16]}</code></td></tr>"
        for one in found
    )
    foot = tr("Digest over the reports: {digest}", digest=digest)
    body = (
        f"<header><h1>{escape(title)}</h1></header><p class=meta>{escape(meta)}</p>"
        f"<div class=card><table><tr>{head}</tr>{lines}</table></div><p class=dim>{escape(foot)}</p>"
    )
    return document(title, body, language())


def _json(found: Sequence[Proof], name: str, digest: str) -> None:
    import msgspec

    data = {
        "schema_version": 1,
        "name": name,
        "digest": digest,
        "proofs": [
            {
                "exercise": one.exercise.id,
                "record": one.record,
                "behaviours": [finding.behaviour for finding in one.report.findings if finding.verdict == "pass"],
                "gold": one.gold,
                "points": one.points,
                "at": one.report.started_at,
                "seed": one.report.seed,
                "engines": dict(one.report.tiers),
                "lab": one.report.lab,
                "sha256": one.digest,
            }
            for one in found
        ],
    }
    out(msgspec.json.encode(data).decode())
