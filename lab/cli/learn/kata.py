"""`lab kata`: cases to decide, each with the reasons for it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import exits
from lab.cli.options import DayName, Json, Number
from lab.cli.output import out, paint
from lab.locale import language, tr, trn

if TYPE_CHECKING:
    from lab.course.kata import Answer, Card, Kata, Reason
    from lab.course.progress import Progress
    from lab.course.spacing import Answered

EXAMPLES = ("lab kata", "lab kata day1", "lab kata day1 --again", "lab kata day1 --json --answer 2 --reasons 1,3")


def kata(
    day: DayName = None,
    again: Annotated[bool, typer.Option("--again", help="Show all cards, also those that you know.")] = False,
    answer: Number = None,
    reasons: Annotated[
        str | None, typer.Option(metavar="N,N", help="The reasons that you tick, with --answer.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide cases, one card at a time: an answer, and the reasons for it.

    What you decide wrong comes back on the next days. Exit code 1 if something was not right.
    """
    from lab.cli.exercise import learner
    from lab.course import kata
    from lab.course.spacing import waiting

    today = date.today()
    if (answer is None) != (reasons is None):
        raise typer.BadParameter(tr("an answer and its reasons go together"), param_hint="--reasons")
    known = kata.of(day) if day else kata.every()
    with learner.answers() as so_far:
        answered = so_far.answers("kata")
        todays = {
            name: list(one.cards) if again else waiting(one.cards, answered.get(name, {}), today)
            for name, one in known.items()
        }
        name = next((name for name, cards in todays.items() if cards), None)
        if name is None:
            _nothing(so_far, list(known), as_json=as_json)
            return
        chosen, cards = known[name], todays[name]
        if as_json or answer is not None:
            _by_option(chosen, cards, answer, reasons or "", so_far, today, as_json=as_json)
            return
        out(paint(f"{name}: {chosen.title[language()]}", "title"))
        right = []
        for number, card in enumerate(cards, 1):
            out()
            out(paint(tr("card {number} of {count}", number=number, count=len(cards)), "dim"))
            if (was_right := _one(chosen, card, so_far, today)) is None:
                break
            right.append(was_right)
    if right:
        told = trn(
            "{right} of {count} card was right", "{right} of {count} cards were right", len(right), right=sum(right)
        )
        out("\n" + paint(told, "title"))
    raise typer.Exit(exits.OK if all(right) else exits.FAILED)


def _one(kata: Kata, card: Card, so_far: Progress, today: date) -> bool | None:
    """Ask it, keep what is answered and explain it; whether it was right, None if there was no answer."""
    from lab.cli.learn import asking
    from lab.course.kata import shuffled

    shown = shuffled(kata, card, today)
    _ask(kata, card)
    if (number := asking.answer_to(len(kata.answers))) is None:
        return None
    _reasons(shown)
    prompt = tr("your reasons (one or several, such as 1 3): ")
    if (ticked := asking.typed(prompt, len(shown), several=True)) is None:
        return None
    return _grade(kata, card, kata.answers[number[0] - 1], [shown[one - 1] for one in ticked], shown, so_far, today)


def _ask(kata: Kata, card: Card) -> None:
    from lab.cli.learn import asking

    asking.told(card.says[language()], "title")
    asking.told(kata.ask[language()])
    for number, one in enumerate(kata.answers, 1):
        asking.told(one.says[language()], first=f"  {number}  ")


def _reasons(shown: list[Reason]) -> None:
    from lab.cli.learn import asking

    out(tr("Why?"))
    for number, reason in enumerate(shown, 1):
        asking.told(reason.says[language()], first=f"  {number}  ")


def _grade(
    kata: Kata, card: Card, answer: Answer, ticked: list[Reason], shown: list[Reason], so_far: Progress, today: date
) -> bool:
    """Keep it and explain it, the answer and each reason."""
    from lab.cli.learn import asking

    right = card.right(answer, ticked)
    now = _keep(kata, card, right, so_far, today)
    asking.verdict(right)
    good = answer.id in card.accepted
    asking.told(answer.says[language()], "good" if good else "bad", first="  ✓  " if good else "  ✗  ")
    others = [one.says[language()] for one in kata.answers if one.id in card.accepted and one != answer]
    if others:
        what = tr("accepted, too: ") if good else tr("accepted: ")
        asking.told(what + tr(" or ").join(others), "dim", first="     ")
    for reason in shown:
        if reason.right or reason in ticked:
            fits = reason.right and reason in ticked
            sign = "✓" if fits else "✗" if reason in ticked else "○"
            asking.told(reason.says[language()], "good" if fits else "bad", first=f"  {sign}  ")
    if any(reason.right and reason not in ticked for reason in shown):
        out(paint(tr("  (○ is a reason, too)"), "dim"))
    asking.told(card.because[language()])
    asking.coming(now.due)
    return right


def _keep(kata: Kata, card: Card, right: bool, so_far: Progress, today: date) -> Answered:
    from lab.course.spacing import after

    now = after(so_far.answers("kata").get(kata.day, {}).get(card.id), right, today)
    so_far.answer("kata", kata.day, card.id, now)
    return now


def _nothing(so_far: Progress, days: list[str], *, as_json: bool) -> None:
    from lab.course.spacing import following

    after = following(days, so_far.answers("kata"))
    if as_json:
        out('{"schema_version":1,"card":null}')
    elif after:
        out(tr("Nothing is due today. The next card comes on {day}.", day=after))
    elif days:
        out(tr("You have decided all of them well. lab kata --again shows them once more."))
    else:
        out(tr("No day has a kata yet."))


def _by_option(
    kata: Kata, cards: list[Card], answer: int | None, reasons: str, so_far: Progress, today: date, *, as_json: bool
) -> None:
    """The first of the cards alone, for who cannot be asked: told without an answer, and graded with one."""
    import msgspec

    from lab.cli.learn import asking
    from lab.course.kata import shuffled

    card = cards[0]
    shown = shuffled(kata, card, today)
    if answer is None:
        data = {
            "day": kata.day,
            "id": card.id,
            "ask": kata.ask,
            "text": card.says,
            "answers": [one.says for one in kata.answers],
            "reasons": [reason.says for reason in shown],
        }
        out(msgspec.json.encode({"schema_version": 1, "card": data, "waiting": len(cards)}).decode())
        return
    if answer > len(kata.answers):
        raise typer.BadParameter(tr("there are {count} answers", count=len(kata.answers)), param_hint="--answer")
    if not (numbers := asking.numbers(reasons, len(shown), several=True)):
        raise typer.BadParameter(tr("there are {count} reasons", count=len(shown)), param_hint="--reasons")
    given, ticked = kata.answers[answer - 1], [shown[one - 1] for one in numbers]
    if as_json:
        right = card.right(given, ticked)
        now = _keep(kata, card, right, so_far, today)
        graded = {
            "schema_version": 1,
            "day": kata.day,
            "id": card.id,
            "right": right,
            "accepted": [number for number, one in enumerate(kata.answers, 1) if one.id in card.accepted],
            "right_reasons": [number for number, reason in enumerate(shown, 1) if reason.right],
            "because": card.because,
            "again": now.due.isoformat() if now.due else None,
        }
        out(msgspec.json.encode(graded).decode())
    else:
        _ask(kata, card)
        _reasons(shown)
        right = _grade(kata, card, given, ticked, shown, so_far, today)
    raise typer.Exit(exits.OK if right else exits.FAILED)
