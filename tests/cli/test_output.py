"""How commands print."""

from __future__ import annotations

import io
import os

import pytest

from lab.cli import output
from lab.cli.failure import Failure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return screen


def test_in_a_pipe_a_table_is_as_wide_as_its_words_and_has_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("NAME", "WHY"), [("orders", "x" * 300), ("db", "")], {0: ["good", "bad"]})
    assert capsys.readouterr().out.splitlines() == ["NAME    WHY", "orders  " + "x" * 300, "db"]


def test_what_strangers_wrote_is_shown_in_tables_and_failures_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.table(("NAME", "WHY"), [("a\x1b[2J", "one\r\nERROR: two\u202e"), ("db", "")])
    assert capsys.readouterr().out.split("\n")[1:] == ["a\\x1b[2J  one\\r\\nERROR: two\\u202e", "db", ""]
    failure = Failure("it broke\x07", why="said \x1b]0;PWNED\x07\nand more\x0bof it", next="lab ps")
    assert str(failure).split("\n") == [
        "lab: it broke\\x07",
        "  said \\x1b]0;PWNED\\x07",
        "  and more\\x0bof it",
        "  Next: lab ps",
    ]


def test_in_a_terminal_the_last_column_is_wrapped_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 20)))
    output.table(("NAME", "WHY"), [("orders", "waiting for broker since 4 s: port closed")])
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) < 40
    assert lines[1:] == ["orders  waiting for broker since 4 s:", "        port closed"]


def test_no_colour_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    assert output.paint("ready", "good") != "ready"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.paint("ready", "good") == "ready"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert output.paint("ready", "good") == "ready"


def test_a_screen_needs_all_three_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    assert output.is_screen()
    for name in ("stdin", "stdout", "stderr"):
        with monkeypatch.context() as patch:
            patch.setattr(f"sys.{name}", io.StringIO())
            assert not output.is_screen()
    monkeypatch.setenv("TERM", "dumb")
    assert not output.is_screen()


def test_figures_as_people_read_them() -> None:
    assert [output.size(n) for n in (512, 9.1 * 1024**2, 3 * 1024**3)] == ["512 B", "9.1 MiB", "3.0 GiB"]
    assert [output.span(n) for n in (4.25, 200, 7500)] == ["4.2 s", "3 min 20 s", "2 h 5 min"]
