"""The card at the end of a scenario: what was asked, what was seen, and what to play next."""

from __future__ import annotations

from pathlib import Path

from lab.dashboard import bars
from lab.dashboard.rows import Row, row
from lab.journal.picture.run import RunPicture
from lab.locale import tr
from lab.system.model import System

_MARKS = {True: "✓", False: "✗", None: "·"}
"""Before an answer: whether it was predicted."""


def is_due(picture: RunPicture) -> bool:
    """Whether the scenario is over and every fault of it has its verdict."""
    over = any(note.topic == "scenario" and note.data.get("over") for note in picture.notes)
    return over and all(verdict.settled is not None for verdict in picture.verdicts.of.values())


def card(picture: RunPicture, system: System, scenario: str) -> list[Row]:
    told = [note.text for note in picture.notes if note.topic == "scenario" and not note.data.get("over")]
    rows: list[Row] = [row((tr(" what was asked"), "title"))]
    answers = [note for note in picture.notes if note.topic == "answer"]
    rows += [row((f"   {_MARKS[note.data.get('right')]} ", "key"), (note.text, "text")) for note in answers]
    if not answers:
        rows += [row((f"   {text}", "text")) for text in told if "?" in text]
    rows += [(), row((tr(" what was seen"), "title"))]
    for verdict in picture.verdicts.of.values():
        rows.append(row((f"   {bars.verdict_words(verdict, picture)}", "note")))
    for kind, counts in picture.entity_counts.items():
        ended = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        rows.append(row((f"   {tr('{entity}s', entity=kind)}: {ended}", "text")))
    rows += [(), row((tr(" what proves it"), "title"))]
    rows += [row((f"   {text}", "text")) for text in told[-1:]]
    rows.append(row(tr("   The lists keep everything; Space and , go back in time.")))
    if following := _next(system, scenario):
        rows += [(), row((tr(" what to play next"), "title"))]
        rows.append(row((f"   lab run {system.name} --scenario {following}", "key")))
    return rows


def _next(system: System, scenario: str) -> str:
    """The scenario after this one, by name; after the last comes the first."""
    names = sorted(path.stem for path in Path(system.scenarios).glob("*.toml")) if system.scenarios else []
    later = [name for name in names if name > scenario] or names
    return later[0] if later and later[0] != scenario else ""
