"""`lab learn`: the lessons of the days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli import complete, exits
from lab.cli.failure import Failure
from lab.cli.options import Json
from lab.cli.output import is_screen, leave, out, paint, say
from lab.locale import language, tr

if TYPE_CHECKING:
    from lab.course.figures import Seen
    from lab.course.lesson import Lesson, Screen

EXAMPLES = (
    "lab learn",
    "lab learn day4",
    "lab learn day4#partition --plain",
    "lab learn day4 --html thursday.html",
    "lab learn day4 --json | jq '.lessons[].screens[].heading'",
)


def learn(
    day: Annotated[
        str | None,
        typer.Argument(
            metavar="[DAY]",
            help="One of them, or a screen of it: day4#partition. If left out: where you stopped.",
            autocompletion=complete.lessons,
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print it instead of opening the reader.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as one page, to be read or printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the lessons: why systems are built so, a claim a screen, with runs that you start from the page.

    Figures in the text are those that this machine has seen, as soon as it has played the scenario.
    """
    if sum((plain, html is not None, as_json)) > 1:
        raise typer.BadParameter(tr("give only one of --plain, --html and --json"))
    from lab.course import lesson as lessons

    named, _, ident = (day or "").partition("#")
    chosen = [lessons.find(named)] if named else lessons.every()
    only = chosen[0].screen(ident) if ident else None
    if chosen and is_screen() and not (plain or html or as_json):
        _read(named, ident)
    if html is not None:
        _write(html, chosen, only)
    elif as_json:
        _data(chosen, only)
    elif not named:
        _contents(chosen)
    else:
        _print(chosen[0], [only] if only else chosen[0].screens)


def _read(day: str, ident: str) -> None:
    from lab.cli.hangup import end_with_terminal
    from lab.dashboard import read_lessons

    end_with_terminal()
    leave(read_lessons(day, ident))


def _contents(lessons: Sequence[Lesson]) -> None:
    """What there is to read."""
    for lesson in lessons:
        out(f"{paint(lesson.day, 'name')}  {paint(lesson.title, 'title')}")
        for number, screen in enumerate(lesson.screens, 1):
            out(f"  {number:>2}  {screen.heading}  {paint(f'{lesson.day}#{screen.id}', 'dim')}")
        out()
    if lessons:
        out("  lab learn DAY [--plain | --html FILE]")
    else:
        out(tr("There are no lessons yet."))


def _print(lesson: Lesson, screens: Sequence[Screen]) -> None:
    """The pages one after the other, in this terminal's width, colours and signs."""
    from lab.cli.learn import lines
    from lab.course import typeset

    seen = _seen(screens)
    page = lines.page()
    if len(screens) == len(lesson.screens):
        page.paragraph(typeset.inline(page, lesson.title, "title"))
        page.blank()
        typeset.prose(page, lesson.introduction, seen)
    for screen in screens:
        page.blank()
        number = f"{lesson.screens.index(screen) + 1}/{len(lesson.screens)}"
        page.put(typeset.Span("─" * (page.width - len(number) - 1), "dim"), typeset.Span(f" {number}", "dim"))
        typeset.screen(page, screen, seen, typeset.played)
    lines.show(page.lines)


def _seen(screens: Iterable[Screen]) -> Mapping[str, Seen]:
    from lab.course import figures

    return figures.here(figure.of for screen in screens for figure in screen.figures)


def _write(path: Path, lessons: Sequence[Lesson], only: Screen | None) -> None:
    from dataclasses import replace

    from lab.course.lesson_page import page

    if only:
        lessons = [replace(lessons[0], screens=(only,))]
    text = page(lessons, _seen(screen for lesson in lessons for screen in lesson.screens), language())
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise Failure(f"{path}: {problem.strerror}", code=exits.MISSING) from None
    say(tr("{file} is written; open it in a browser", file=path))


def _data(lessons: Sequence[Lesson], only: Screen | None) -> None:
    import msgspec

    seen = _seen(screen for lesson in lessons for screen in ([only] if only else lesson.screens))
    data = {
        "schema_version": 1,
        "language": language(),
        "lessons": [
            {
                "day": lesson.day,
                "title": lesson.title,
                "introduction": lesson.introduction,
                "screens": [_of(screen, seen) for screen in ([only] if only else lesson.screens)],
            }
            for lesson in lessons
        ],
    }
    out(msgspec.json.format(msgspec.json.encode(data)).decode())


def _of(screen: Screen, seen: Mapping[str, Seen]) -> dict[str, object]:
    return {
        "id": screen.id,
        "heading": screen.heading,
        "blocks": [{"kind": one.kind, "language": one.language, "text": one.text} for one in screen.blocks],
        "figures": [{"measure": one.of, "usual": one.usual, "here": seen.get(one.of)} for one in screen.figures],
        "exercises": screen.exercises,
        "terms": screen.terms,
        "sources": screen.sources,
    }
