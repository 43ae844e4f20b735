"""`lab quiz`: questions of a day, one at a time, each answer explained at once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import exits
from lab.cli.options import DayName, Json, Number
from lab.cli.output import out, paint
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.progress import Progress
    from lab.course.quiz import Choice, Question
    from lab.course.spacing import Answered

EXAMPLES = ("lab quiz", "lab quiz day4", "lab quiz day4 --again", "lab quiz day4 --json --answer 2")


def quiz(
    day: DayName = None,
    again: Annotated[bool, typer.Option("--again", help="Ask all of them, also those that you know.")] = False,
    answer: Number = None,
    as_json: Json = False,
) -> None:
    """Ask what the lessons teach, one question at a time, and explain each answer at once.

    What you answer wrong comes back on the next days. Exit code 1 if an answer was not right.
    """
    from lab.cli.exercise import learner
    from lab.course import quiz

    today = date.today()
    known = quiz.of(day) if day else quiz.every()
    with learner.answers() as so_far:
        answered = so_far.answers("quiz")
        asked = [one for of_day in known.values() for one in of_day] if again else quiz.todays(known, answered, today)
        if not asked:
            _nothing(so_far, list(known), as_json=as_json)
            return
        if as_json or answer is not None:
            _by_option(asked, answer, so_far, today, as_json=as_json)
            return
        right = []
        for number, question in enumerate(asked, 1):
            out(
                paint(
                    tr("{day}, question {number} of {count}", day=question.day, number=number, count=len(asked)), "dim"
                )
            )
            if (was_right := one(question, so_far, today)) is None:
                break
            right.append(was_right)
            out()
    if right:
        told = trn(
            "{right} of {count} answer was right", "{right} of {count} answers were right", len(right), right=sum(right)
        )
        out(paint(told, "title"))
    raise typer.Exit(exits.OK if all(right) else exits.FAILED)


def one(question: Question, so_far: Progress, today: date, answer: int | None = None) -> bool | None:
    """Ask it, keep the answer and explain it; whether it was right, None if there was none. `answer` is not typed."""
    from lab.cli.learn import asking
    from lab.course.quiz import shuffled

    shown = shuffled(question, today)
    asking.told(question.says[language()], "title")
    for number, choice in enumerate(shown, 1):
        asking.told(choice.says[language()], first=f"  {number}  ")
    given = [answer] if answer is not None else asking.answer_to(len(shown))
    if given is None:
        return None
    chosen = pick(shown, given[0])
    explain(question, chosen, keep(question, chosen, so_far, today))
    return chosen.right


def pick(shown: list[Choice], number: int) -> Choice:
    """The choice that was shown with that number."""
    if number > len(shown):
        raise typer.BadParameter(tr("there are {count} answers", count=len(shown)), param_hint="--answer")
    return shown[number - 1]


def keep(question: Question, chosen: Choice, so_far: Progress, today: date) -> Answered:
    """Note the answer; how the question stands now."""
    from lab.course.spacing import after

    now = after(so_far.answers("quiz").get(question.day, {}).get(question.id), chosen.right, today)
    so_far.answer("quiz", question.day, question.id, now)
    return now


def explain(question: Question, chosen: Choice, now: Answered) -> None:
    """Why the answer is right, or which belief it shows and what is right; where to read of it."""
    from lab.cli.learn import asking

    asking.verdict(chosen.right)
    asking.told(chosen.why[language()])
    if not chosen.right:
        right = question.right
        out()
        asking.told(tr("Right is: ") + right.says[language()], "good")
        asking.told(right.why[language()])
        if chosen.misconception:
            out(paint(tr("more on this belief: {command}", command=f"lab explain {chosen.misconception[1]}"), "dim"))
    asking.to_read(question.read)
    asking.coming(now.due)


def _nothing(so_far: Progress, of: list[str], *, as_json: bool) -> None:
    """What to say to who has nothing to answer today."""
    from lab.course.spacing import following

    after = following(of, so_far.answers("quiz"))
    if as_json:
        out('{"schema_version":1,"question":null}')
    elif after:
        out(tr("Nothing is due today. The next question comes on {day}.", day=after))
    elif of:
        out(tr("You have answered all of it well. lab quiz --again asks once more."))
    else:
        out(tr("No day has a quiz yet."))


def _by_option(asked: list[Question], answer: int | None, so_far: Progress, today: date, *, as_json: bool) -> None:
    """The first of them alone, for who cannot be asked: told without an answer, and graded with one."""
    from lab.course.quiz import shuffled

    question = asked[0]
    if not as_json and answer is not None:
        raise typer.Exit(exits.OK if one(question, so_far, today, answer) else exits.FAILED)
    shown = shuffled(question, today)
    if answer is None:
        out(as_question(question, shown, len(asked)))
        return
    chosen = pick(shown, answer)
    out(as_graded(question, chosen, shown, keep(question, chosen, so_far, today)))
    raise typer.Exit(exits.OK if chosen.right else exits.FAILED)


def as_question(question: Question, shown: list[Choice], waiting: int) -> str:
    """The question as JSON."""
    import msgspec

    data = {
        "day": question.day,
        "id": question.id,
        "screen": question.screen,
        "text": question.says,
        "choices": [choice.says for choice in shown],
    }
    return msgspec.json.encode({"schema_version": 1, "question": data, "waiting": waiting}).decode()


def as_graded(question: Question, chosen: Choice, shown: list[Choice], now: Answered) -> str:
    """What came of an answer, as JSON."""
    import msgspec

    data = {
        "schema_version": 1,
        "day": question.day,
        "id": question.id,
        "right": chosen.right,
        "why": chosen.why,
        "misconception": " ".join(chosen.misconception) or None,
        "right_answer": shown.index(question.right) + 1,
        "right_why": question.right.why,
        "read": question.read,
        "again": now.due.isoformat() if now.due else None,
    }
    return msgspec.json.encode(data).decode()
