"""What a stranger wrote is shown and not obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.journal.event import Event, FaultChange, Flow, Log, Note, Process
from lab.journal.plain import Narrator
from lab.journal.story import story
from lab.journal.telling import text
from lab.journal.visible import visible

EVIL = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b5m\u202eRTL\u2066\r\nERROR: forged\x0b\u2028\x85line \ud83d"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text, ўзбек ✓", "plain text, ўзбек ✓"),
        ("\x1b[2J\x9b1m", "\\x1b[2J\\x9b1m"),
        ("one\r\ntwo\u2028three", "one\\r\\ntwo\\u2028three"),
        ("right\u202eto left", "right\\u202eto left"),
        ("half an emoji \ud83d", "half an emoji \\ud83d"),
        ("\tat a.b.C", " at a.b.C"),
        ("👩\u200d💻 10\xa0s", "👩\u200d💻 10\xa0s"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(written: str, shown: str) -> None:
    assert visible(written) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_written_leaves_the_line_or_is_obeyed(written: str) -> None:
    shown = visible(written)
    assert len(f".{shown}.".splitlines()) == 1
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in shown if sign != "\xa0")
    shown.encode()
    assert visible(shown) == shown


def events() -> list[Event]:
    told: list[Event] = [
        Flow(source="a", target="b", link="a->b", op=f"GET {EVIL}", correlation="c1", outcome="error", ms=1.0),
        Flow(source="a", target="b", link="a->b", op="publish x", role="message", routing_key=EVIL, correlation="c1"),
        Log(source="a", level="error", message=EVIL, correlation="c1"),
        Log(source="a", event="state", data={"entity": EVIL, "id": EVIL, "state": EVIL}, correlation="c1"),
        Log(source="a", event="breaker", data={"name": EVIL, "state": EVIL}, correlation="c1"),
        Process(source="a", state="failed", reason=EVIL, tail=(EVIL,)),
        FaultChange(id="f1", text="latency a->b 1s", change="healed", detail=EVIL),
        Note(text=EVIL),
    ]
    for number, event in enumerate(told, 1):
        event.seq, event.t = number, 1.0 + number / 1000
    return told


def test_every_reader_shows_it_on_the_line_that_it_belongs_to() -> None:
    narrator = Narrator()
    lines = [line for event in events() for line in narrator.tell(event)]
    assert (
        len(lines) == 10
    )  # a line each; below the failed process its last words, and a note may have lines of its own
    lines += text(story(events(), "c1")).split("\n")
    for line in lines:
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 or sign in "\u202e\u2028" for sign in line), line
