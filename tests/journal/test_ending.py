"""How a run ended, from the end of its journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.journal.ending import Ending, ending, read
from lab.journal.event import Flow, Note
from lab.journal.journal import Journal


def said(state: str, failure: str = "", *, reason: str = "") -> Note:
    """What the runtime tells of itself: a failure when it happens, a reason with the last line of all."""
    data = {"state": state, "reason": reason} if reason else {"state": state}
    return Note(topic="run", text=failure or state, level="error" if failure else "info", data=data)


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([], Ending()),
        ([said("starting"), said("ready")], Ending("ready")),
        ([said("ready"), said("stopping"), said("stopped", reason="ran for 20 s")], Ending("stopped")),
        (
            [said("failed", "web failed: exit code 1"), said("stopping"), said("failed", reason="stopped on request")],
            Ending("failed", "web failed: exit code 1"),
        ),
        ([said("failed", "web failed: exit code 1"), said("ready"), said("stopped", reason="q")], Ending("stopped")),
        ([said("failed", reason="the disk went away")], Ending("failed", "the disk went away")),
        (
            [said("ready"), Note(topic="run", text="...", data={"lost": 3}), said("stopped", reason="q")],
            Ending("stopped", lost=3),
        ),
        ([said("ready"), Note(topic="scenario", text="stopped"), Note(topic="run", text="a remark")], Ending("ready")),
    ],
)
def test_the_last_word_of_the_run_counts(notes: list[Note], expected: Ending) -> None:
    assert ending(notes) == expected


def test_it_is_found_in_a_file_among_flows_and_behind_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    journal = Journal(path)
    journal.append(said("ready"))
    for _ in range(50):
        journal.append(Flow(op="GET /note"))
    journal.append(said("stopped"))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind":"note","topic"')
    assert read(path) == Ending("stopped")
    path.write_bytes(whole[:-5])
    assert read(path) == Ending("ready")


def test_without_a_journal_there_is_no_last_word(tmp_path: Path) -> None:
    assert read(tmp_path / "journal.ndjson") == Ending()
