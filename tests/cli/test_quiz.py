"""`lab quiz`, `lab kata` and `lab glossary`: typed answers, explained at once, that come back when they were wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lab.course import kata, quiz
from tests import toys
from tests.cli.learner import COMMAND, Learner
from tests.waiting import eventually

TOY = toys.HERE / "day9_lights"
QUESTIONS = {one.id: one for one in quiz.load(TOY / quiz.FILE)}
KATA = kata.load(TOY / kata.FILE)


@pytest.fixture
def at_home(learner: Learner) -> Learner:
    """A learner whose course has the toy day, in no workspace."""
    learner.env["PYTHONPATH"] = os.pathsep.join((str(toys.HERE / "site"), learner.env["PYTHONPATH"]))
    return learner


def number(ident: str, right: bool) -> str:
    """What to type today for an answer that is right, or the first that is not."""
    shown = quiz.shuffled(QUESTIONS[ident], date.today())
    return str(1 + next(place for place, choice in enumerate(shown) if choice.right is right))


def reasons(ident: str) -> str:
    card = next(card for card in KATA.cards if card.id == ident)
    return " ".join(str(place) for place, one in enumerate(kata.shuffled(KATA, card, date.today()), 1) if one.right)


def days_later(learner: Learner, days: int) -> None:
    """All that was answered was answered so many days earlier."""
    with closing(sqlite3.connect(learner.home / "progress.db")) as stored, stored:
        stored.execute('UPDATE answers SET "on" = ?', ((date.today() - timedelta(days=days)).isoformat(),))


def test_questions_are_asked_one_at_a_time_and_explained_at_once(at_home: Learner) -> None:
    done = at_home("quiz", "day9", says=f"seven\n9\n{number('dark', False)}\n{number('two', True)}\n")
    assert done.returncode == 1, done.stderr
    asked, _, second = done.stdout.partition("Not that.")
    assert "day9, question 1 of 2\nThe lamp is dark. What do you look at first?\n  1  " in asked
    assert "question 2" not in asked
    assert asked.count("your answer (1 to 3): ") == 3, "nonsense is asked for again"
    assert "Right is: The switch.\nIt costs nothing to look at it." in second
    assert "read: lab learn day9#lamps-go-out" in second
    assert f"It comes back on {date.today() + timedelta(days=1)}." in second
    assert "Right.\nWhat all need is in series with all." in second
    assert second.endswith("1 of 2 answers were right\n")


def test_a_wrong_answer_tells_which_belief_it_shows(at_home: Learner) -> None:
    shown = quiz.shuffled(QUESTIONS["dark"], date.today())
    lamp = next(place for place, choice in enumerate(shown, 1) if choice.misconception)
    done = at_home("quiz", "day9", "--answer", str(lamp))
    assert done.returncode == 1
    assert "You believe that what shows the fault has it." in done.stdout
    assert "more on this belief: lab explain forgets-the-name" in done.stdout


def test_what_was_wrong_comes_back_later_and_what_was_known_does_not(at_home: Learner) -> None:
    at_home("quiz", "day9", says=f"{number('dark', False)}\n{number('two', True)}\n")
    told = at_home("quiz", "day9")
    assert told.returncode == 0
    tomorrow = date.today() + timedelta(days=1)
    assert told.stdout == f"Nothing is due today. The next question comes on {tomorrow}.\n"
    assert "question 1 of 2" in at_home("quiz", "day9", "--again").stdout
    days_later(at_home, 1)
    back = at_home("quiz", "day9", says=f"{number('dark', True)}\n")
    assert back.returncode == 0
    assert "question 1 of 1" in back.stdout
    assert f"It comes back on {date.today() + timedelta(days=3)}." in back.stdout


def test_all_answered_well_is_said(at_home: Learner) -> None:
    at_home("quiz", "day9", says=f"{number('dark', True)}\n{number('two', True)}\n")
    assert "You have answered all of it well." in at_home("quiz", "day9").stdout


def test_who_goes_away_keeps_what_was_answered(at_home: Learner) -> None:
    first = at_home("quiz", "day9", says=f"{number('dark', True)}\n")
    assert first.returncode == 0
    assert "1 of 1 answer was right" in first.stdout
    assert at_home("quiz", "day9").stdout.startswith("day9, question 1 of 1\nTwo lamps hang in a row")


def test_ctrl_c_ends_it_and_keeps_what_was_answered(at_home: Learner) -> None:
    process = subprocess.Popen(
        [*COMMAND, "quiz", "day9"],
        env=at_home.env,
        cwd=at_home.cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdin
    process.stdin.write(f"{number('dark', True)}\n")
    process.stdin.flush()
    eventually(lambda: answered(at_home) == ["dark"], 30)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")


def answered(learner: Learner) -> list[str]:
    try:
        with closing(sqlite3.connect(learner.home / "progress.db")) as stored:
            return [name for (name,) in stored.execute("SELECT name FROM answers")]
    except sqlite3.OperationalError:
        return []


def test_a_program_asks_and_answers(at_home: Learner) -> None:
    asked = json.loads(at_home("quiz", "day9", "--json").stdout)
    assert asked["waiting"] == 2
    assert asked["question"]["id"] == "dark"
    assert {"en", "uz"} == asked["question"]["choices"][0].keys()
    assert "right" not in json.dumps(asked)
    wrong = at_home("quiz", "day9", "--json", "--answer", number("dark", False))
    assert wrong.returncode == 1
    told = json.loads(wrong.stdout)
    assert (told["right"], told["right_answer"]) == (False, int(number("dark", True)))
    assert told["read"] == "day9#lamps-go-out"
    assert told["again"] == (date.today() + timedelta(days=1)).isoformat()
    good = at_home("quiz", "day9", "--json", "--answer", number("two", True))
    assert good.returncode == 0
    assert json.loads(good.stdout)["again"] is None
    assert json.loads(at_home("quiz", "day9", "--json").stdout) == {"schema_version": 1, "question": None}
    assert at_home("quiz", "day9", "--again", "--answer", "9").returncode == 2


def test_lab_review_brings_questions_back_with_a_workspace_or_without(at_home: Learner) -> None:
    refused = at_home("review")
    assert refused.returncode == 2
    assert "not in a workspace" in refused.stderr
    at_home("quiz", "day9", says=f"{number('dark', False)}\n{number('two', True)}\n")
    assert "The next card comes on" in at_home("review").stdout
    days_later(at_home, 1)
    at_home("init", "w")
    at_home.cwd = at_home.workspace
    asked = json.loads(at_home("review", "--json").stdout)
    assert asked["question"]["id"] == "dark"
    assert "1 question is due: lab review" in at_home("status").stdout
    right = at_home("review", says=f"{number('dark', True)}\n")
    assert right.returncode == 0
    assert f"It comes back on {date.today() + timedelta(days=3)}." in right.stdout
    assert "due" not in at_home("status").stdout


def test_status_shows_how_far_one_is(at_home: Learner) -> None:
    at_home.begin()
    assert "quiz" not in at_home("status").stdout
    at_home("quiz", "day9", says=f"{number('dark', False)}\n{number('two', True)}\n")
    at_home("kata", "day9", says=f"2\n{reasons('night')}\n")
    assert "Day 9  0 of 1 passed, quiz 1 of 2, kata 0 of 2" in at_home("status").stdout
    rows = {(row["part"], row["day"]): row for row in json.loads(at_home("status", "--json").stdout)["theory"]}
    assert rows["quiz", "day9"] == {"day": "day9", "part": "quiz", "count": 2, "answered": 2, "right": 1}


def test_a_card_is_graded_with_its_reasons(at_home: Learner) -> None:
    done = at_home("kata", "day9", says=f"3\n{reasons('night')}\n1\n{reasons('noon')}\n")
    assert done.returncode == 1
    night, noon = done.stdout.split("card 2 of 2")
    assert "day9: On or off?" in night
    assert "  1  On\n  2  Off\n  3  Dim\n" in night
    assert "Right.\n  ✓  Dim\n     accepted, too: On\n" in night
    assert "  ✓  Letters are not seen in the dark." in night
    assert "A dim lamp is enough for large letters." in night
    assert "Not that.\n  ✗  On\n     accepted: Off\n  ✓  It gives light to nobody." in noon
    assert noon.endswith("1 of 2 cards were right\n")
    assert "The next card comes on" in at_home("kata", "day9").stdout


def test_a_reason_that_was_missed_is_shown(at_home: Learner) -> None:
    first = reasons("night").split()[0]
    told = at_home("kata", "day9", "--answer", "1", "--reasons", first)
    assert told.returncode == 1
    assert told.stdout.count("  ○  ") == 1
    assert "(○ is a reason, too)" in told.stdout


def test_a_program_decides_a_card(at_home: Learner) -> None:
    asked = json.loads(at_home("kata", "day9", "--json").stdout)["card"]
    assert (asked["id"], len(asked["answers"]), len(asked["reasons"])) == ("night", 3, 3)
    ticked = reasons("night").replace(" ", ",")
    graded = at_home("kata", "day9", "--json", "--answer", "1", "--reasons", ticked)
    assert graded.returncode == 0
    told: dict[str, Any] = json.loads(graded.stdout)
    assert (told["right"], told["accepted"]) == (True, [1, 3])
    for words in (["--answer", "1"], ["--answer", "9", "--reasons", "1"], ["--answer", "1", "--reasons", "1,x"]):
        assert at_home("kata", "day9", *words).returncode == 2, words


def test_a_day_without_them_and_a_day_that_is_none_are_told(at_home: Learner) -> None:
    assert 'there is no day "day77"' in at_home("quiz", "day77").stderr
    assert at_home("quiz", "day77").returncode == 2
    refused = at_home("kata", "day6")
    assert refused.returncode == 2
    assert "day6 has no kata" in refused.stderr
    assert "day9" in refused.stderr


def test_uzbek_is_spoken(at_home: Learner) -> None:
    told = at_home("--lang", "uz", "quiz", "day9", says=f"{number('dark', True)}\n").stdout
    assert "Chiroq yonmayapti. Avval nimaga qaraysiz?" in told
    assert "Unga qarash hech narsa turmaydi." in told


def test_a_narrow_terminal_is_not_overrun(at_home: Learner) -> None:
    shown = in_terminal(at_home, 40, "quiz", "day9", typed=f"{number('dark', False)}\n{number('two', False)}\n")
    assert "\x1b[" in shown
    lines = strip(shown).splitlines()
    assert max(len(line) for line in lines if "lab " not in line) <= 40
    plain = in_terminal(at_home, 40, "quiz", "day9", "--again", typed="1\n1\n", NO_COLOR="1")
    assert "\x1b[" not in plain


def strip(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def in_terminal(learner: Learner, columns: int, *words: str, typed: str, **env: str) -> str:
    """What a command shows in a terminal so wide."""
    ours, its = pty.openpty()
    told = b""
    try:
        process = subprocess.Popen(
            [*COMMAND, *words],
            env={**learner.env, "COLUMNS": str(columns), "TERM": "xterm-256color", **env},
            cwd=learner.cwd,
            stdin=subprocess.PIPE,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        assert process.stdin
        process.stdin.write(typed.encode())
        process.stdin.close()
        while part := _read(ours):
            told += part
        process.wait(60)
    finally:
        os.close(ours)
    return told.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so of a terminal that nobody has open any more
        return b""


def test_a_term_is_told_in_all_languages(at_home: Learner) -> None:
    told = at_home("glossary", "circuit", "breaker").stdout
    assert told.startswith("circuit breaker  circuit breaker (uzgich)\n")
    assert "Go: sony/gobreaker" in told
    assert at_home("glossary", "uzgich").stdout == told
    rows = json.loads(at_home("glossary", "qulf", "--json").stdout)["terms"]
    assert [row["en"] for row in rows] == ["lock"]


def test_all_terms_are_listed_and_a_near_miss_is_told(at_home: Learner) -> None:
    listed = at_home("glossary").stdout.splitlines()
    assert listed[0].split() == ["ENGLISH", "UZBEK", "GO"]
    assert any(line.split()[:2] == ["outbox", "outbox"] for line in listed)
    refused = at_home("glossary", "bulkhed")
    assert refused.returncode == 2
    assert "bulkhead" in refused.stderr
    assert "lab glossary lists them all" in refused.stderr


def test_answers_that_cannot_be_read_are_put_aside(at_home: Learner) -> None:
    at_home.home.mkdir(exist_ok=True)
    (at_home.home / "progress.db").write_bytes(b"no database" * 500)
    done = at_home("quiz", "day9", "--answer", number("dark", True))
    assert done.returncode == 0
    assert "Your answers could not be read, and begin anew." in done.stderr
    assert list(Path(at_home.home).glob("progress.db.*.bak"))
