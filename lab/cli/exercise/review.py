"""`lab review`: a misconception that the learner had comes back, in a program or in a question of a quiz."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

import typer

from lab.cli import exits
from lab.cli.exercise.diff import diff_role
from lab.cli.options import Json, Number
from lab.cli.output import out, paint
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.progress import Progress
    from lab.course.review import Asked, Card
    from lab.grading.model import WrongService

EXAMPLES = ("lab review", "lab review --answer 2")


def review(
    answer: Number = None,
    as_json: Json = False,
) -> None:
    """Bring back a misconception that you had, in a program or a quiz: the days after, ever more rarely.

    Exit code 1 if your answer was not right.
    """
    from lab.cli.exercise import learner
    from lab.course import quiz, review

    today = date.today()
    with ExitStack() as stack:
        answers = stack.enter_context(learner.answers())
        asked = review.questions((one for of_day in quiz.every().values() for one in of_day), answers.answers("quiz"))
        found, so_far = _cards(stack, needed=not asked)
        waiting: list[Card | Asked] = sorted([*found, *asked], key=lambda one: one.due)
        due = [one for one in waiting if one.due <= today]
        if not due:
            _nothing(waiting, as_json=as_json)
            return
        first = due[0]
        if isinstance(first, review.Asked):
            right = _question(first, answers, today, answer, len(due), as_json=as_json)
        elif so_far:
            right = _card(first, so_far, today, answer, len(due), as_json=as_json)
    if right is not None:
        raise typer.Exit(exits.OK if right else exits.FAILED)


def _cards(stack: ExitStack, *, needed: bool) -> tuple[list[Card], Progress | None]:
    """The misconceptions of the workspace, with its progress. Raises NoWorkspace if there is none and it is needed."""
    from lab.cli.exercise import learner
    from lab.course import catalog, review
    from lab.course.workspace import NoWorkspace

    try:
        here = learner.workspace()
    except NoWorkspace:
        if needed:
            raise
        return [], None
    so_far = stack.enter_context(learner.progress(here))
    return review.cards(here.own, catalog.exercises(), so_far), so_far


def _question(
    asked: Asked, answers: Progress, today: date, answer: int | None, due: int, *, as_json: bool
) -> bool | None:
    """Ask it as `lab quiz` does; whether the answer was right, None if there was none."""
    from lab.cli.learn import quiz
    from lab.course.quiz import shuffled

    if not as_json:
        right = quiz.one(asked.question, answers, today, answer)
        if right is not None:
            _left(due - 1)
        return right
    shown = shuffled(asked.question, today)
    if answer is None:
        out(quiz.as_question(asked.question, shown, due))
        return None
    chosen = quiz.pick(shown, answer)
    out(quiz.as_graded(asked.question, chosen, shown, quiz.keep(asked.question, chosen, answers, today)))
    return chosen.right


def _card(card: Card, so_far: Progress, today: date, answer: int | None, due: int, *, as_json: bool) -> bool | None:
    """Ask what the program's author believed; whether the answer was right, None if there was none."""
    from lab.cli.learn import asking
    from lab.course import review

    shown = review.choices(card, today)
    if as_json and answer is None:
        _json(card, shown, due)
        return None
    if not as_json:
        _ask(card, shown)
    given = [answer] if answer is not None else asking.answer_to(len(shown))
    if given is None:
        return None
    if given[0] > len(shown):
        raise typer.BadParameter(tr("there are {count} answers", count=len(shown)), param_hint="--answer")
    chosen = shown[given[0] - 1]
    right = chosen.name == card.wrong.name
    again = review.answer(card, right, so_far, today)
    if as_json:
        _json_answer(card, right, again)
    else:
        _tell(card, chosen, again, due - 1)
    return right


def _nothing(waiting: Sequence[Card | Asked], *, as_json: bool) -> None:
    if as_json:
        out('{"schema_version":1,"card":null}')
    elif waiting:
        out(tr("Nothing is due today. The next card comes on {day}.", day=waiting[0].due))
    else:
        out(tr("There is nothing to review: neither lab check nor lab quiz has found a misconception of yours yet."))


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


def _tell(card: Card, chosen: WrongService, again: date, left: int) -> None:
    from lab.cli.learn import asking

    right = chosen.name == card.wrong.name
    out(paint(tr("Right.") if right else tr("Not that: “{title}”", title=card.wrong.title[language()]), _role(right)))
    out(" ".join(card.wrong.text[language()].split()))
    behaviour = card.exercise.behaviour(card.wrong.fails)
    out(paint(f"{card.exercise.id} {behaviour.id}: {behaviour.says[language()]}", "dim"))
    asking.to_read(card.wrong.read)
    out(tr("It comes back on {day}.", day=again))
    _left(left)


def _left(count: int) -> None:
    if count:
        out(trn("{count} more is due: lab review", "{count} more are due: lab review", count))


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
