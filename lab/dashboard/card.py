"""The card at the end of a scenario: what was asked, what was seen, and what to play next."""

from __future__ import annotations

from collections.abc import Sequence

from lab.dashboard import bars
from lab.dashboard.rows import Row, row
from lab.journal.event import Note
from lab.journal.picture.run import RunPicture
from lab.journal.plain import MARKS
from lab.locale import tr
from lab.system.model import System


def due(picture: RunPicture) -> Note | None:
    """The end of the scenario, once it is over and every fault of it has its verdict."""
    over = next((note for note in picture.notes if ends(note)), None)
    settled = all(verdict.settled is not None for verdict in picture.verdicts.of.values())
    return over if settled else None


def ends(note: Note) -> bool:
    """Whether the note is the end of a scenario."""
    return note.topic == "scenario" and bool(note.data.get("over"))


def card(over: Note, picture: RunPicture, system: System, seen: Sequence[Row] = ()) -> tuple[str, list[Row]]:
    """Title and rows of the card for a scenario that ended with this note; `seen` are what panels add to it."""
    told = [note.text for note in picture.notes if note.topic == "scenario" and not ends(note)]
    rows: list[Row] = [row((tr(" what was asked"), "title"))]
    answers = [note for note in picture.notes if note.topic == "answer"]
    rows += [row((f"   {MARKS[note.data.get('right')]} ", "key"), (note.text, "text")) for note in answers]
    if answers and all(note.data.get("right") is None for note in answers):
        rows.append(
            row(("   " + tr("With --predict the scenario waits for your own answer before each fault."), "dim"))
        )
    if not answers:
        rows += [row((f"   {text}", "text")) for text in told if "?" in text]
    rows += [(), row((tr(" what was seen"), "title"))]
    for verdict in picture.verdicts.of.values():
        rows.append(row((f"   {bars.verdict_words(verdict, picture)}", "note")))
    for kind, counts in picture.entity_counts.items():
        ended = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        rows.append(row((f"   {tr('{entity}s', entity=kind)}: {ended}", "text")))
    rows += seen
    rows += [(), row((tr(" what proves it"), "title"))]
    rows += [row((f"   {text}", "text")) for text in told[-1:]]
    rows.append(row(tr("   The lists keep everything; Space and , go back in time.")))
    following = over.data.get("next")
    if following or system.first:
        command = f"lab run {system.name} --scenario {following}" if following else f"lab days {system.name}"
        rows += [(), row((tr(" what to play next"), "title")), row((f"   {command}", "key"))]
    name = over.data.get("scenario")  # recordings of earlier versions have none
    return tr("{scenario} is over", scenario=name) if name else over.text, rows
