"""`lab review`: a misconception that the learner had comes back."""

from __future__ import annotations

import sys
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import exits
from lab.cli.exercise.diff import diff_role
from lab.cli.options import Json
from lab.cli.output import out, paint
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.review import Card
    from lab.grading.model import WrongService

EXAMPLES = ("lab review", "lab review --answer 2")


def review(
    answer: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Your answer, where nobody can be asked for it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring back a misconception that you had: find it in a program. It is due on the days after, ever more rarely.

    Exit code 1 if your answer was not right.
    """
    from lab.cli.exercise import learner
    from lab.course import catalog, review

    here, today = learner.workspace(), date.today()
    with learner.progress(here) as so_far:
        found = review.cards(here.own, catalog.exercises(), so_far)
        due = [card for card in found if card.due <= today]
        if not due:
            _nothing(found, as_json=as_json)
            return
        card = due[0]
        shown = review.choices(card, today)
        if as_json and answer is None:
            _json(card, shown, len(due))
            return
        if not as_json:
            _ask(card, shown)
        number = answer if answer is not None else _typed(len(shown))
        if number is None:
            return
        if number > len(shown):
            raise typer.BadParameter(tr("there are {count} answers", count=len(shown)), param_hint="--answer")
        right = shown[number - 1].name == card.wrong.name
        again = review.answer(card, right, so_far, today)
    if as_json:
        _json_answer(card, right, again)
    else:
        _tell(card, shown[number - 1], again, len(due) - 1)
    raise typer.Exit(exits.OK if right else exits.FAILED)


def _nothing(found: list[Card], *, as_json: bool) -> None:
    if as_json:
        out('{"schema_version":1,"card":null}')
    elif found:
        out(tr("Nothing is due today. The next card comes on {day}.", day=found[0].due))
    else:
        out(tr("There is nothing to review: lab check has recognised no misconception of yours yet."))


def _ask(card: Card, shown: list[WrongService]) -> None:
    title = card.exercise.title[language()]
    out(paint(tr("{id} {title}: somebody changed a correct service.", id=card.exercise.id, title=title), "title"))
    out()
    for line in card.patch.splitlines():
        if not line.startswith(("diff ", "index ", "new file", "deleted file")):
            out(paint(f"  {line}", diff_role(line)))
    out()
    out(tr("What did they believe?"))
    for number, wrong in enumerate(shown, 1):
        out(f"  {number}  {wrong.title[language()]}")


def _typed(count: int) -> int | None:
    """The number that is typed; None at the end of stdin."""
    while True:
        sys.stdout.write(paint(tr("your answer (1 to {count}): ", count=count), "title"))
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            out()
            return None
        if line.strip().isdecimal() and 1 <= int(line) <= count:
            return int(line)


def _tell(card: Card, chosen: WrongService, again: date, left: int) -> None:
    right = chosen.name == card.wrong.name
    out(paint(tr("Right.") if right else tr("Not that: “{title}”", title=card.wrong.title[language()]), _role(right)))
    out(" ".join(card.wrong.text[language()].split()))
    behaviour = card.exercise.behaviour(card.wrong.fails)
    out(paint(f"{card.exercise.id} {behaviour.id}: {behaviour.says[language()]}", "dim"))
    out(tr("It comes back on {day}.", day=again))
    if left:
        out(trn("{count} more is due: lab review", "{count} more are due: lab review", left))


def _role(right: bool) -> str:
    return "good" if right else "bad"


def _json(card: Card, shown: list[WrongService], due: int) -> None:
    import msgspec

    data = {
        "exercise": card.exercise.id,
        "patch": card.patch,
        "choices": [wrong.title for wrong in shown],
        "due": card.due.isoformat(),
    }
    out(msgspec.json.encode({"schema_version": 1, "card": data, "due": due}).decode())


def _json_answer(card: Card, right: bool, again: date) -> None:
    import msgspec

    data = {"schema_version": 1, "right": right, "misconception": card.wrong.name, "text": card.wrong.text}
    out(msgspec.json.encode({**data, "again": again.isoformat()}).decode())
