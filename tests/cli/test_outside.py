"""What comes from outside of a command, or cannot go out of it, gives a clear word and an exit code: no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from lab.cli import values

DIGITS = "9" * 5000


def lab(home: Path, shell: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell, which sees it as `$lab`."""
    env = {**os.environ, "LAB_HOME": str(home), "lab": f"{sys.executable} -m lab", "COLUMNS": "200"}
    return subprocess.run(["bash", "-c", shell], env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("$lab ps >&-", 0, ""),
        ("$lab runs <&- >&- 2>&-", 0, ""),
        ("$lab --help >&-", 0, ""),
        ("$lab fault kinds > /dev/full", 1, "the output cannot be written: No space left on device"),
        ("$lab --help > /dev/full", 1, "the output cannot be written"),
        ("$lab fault kinds | head -0; exit ${PIPESTATUS[0]}", 0, ""),
        ("$lab replay --run ²", 1, 'there is no run "²"'),
        (f"$lab replay --run {DIGITS}", 1, "there is no run"),
        (f"$lab run day3 --seed {DIGITS}", 2, "--seed"),
        (f"$lab run day3 --seed {DIGITS[:40]}", 2, "--seed"),
        (f"$lab run day3 --for {DIGITS}", 2, "is not a time"),
        (f"$lab run day3 --rate {DIGITS}", 2, "is not a rate"),
        ("$lab tap http :² 127.0.0.1:80", 2, "is not an address"),
        ("$lab explain $'\\xff'", 2, "is not UTF-8 text"),
        ("LAB_HOME=$'/tmp/\\xff' $lab run day3 --for 1s --plain", 2, "is not UTF-8 text"),
    ],
)
def test_a_clear_word(tmp_path: Path, shell: str, code: int, said: str) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = lab(tmp_path, shell)
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr) < 8_000


@pytest.mark.parametrize("parse", [values.seconds, values.rate, values.address])
@given(text=st.text() | st.from_regex(r"[0-9²٣]{1,400}(ms|s|%)?", fullmatch=True))
def test_parsers_of_values_take_any_text(parse: object, text: str) -> None:
    try:
        parse(text)  # type: ignore[operator]
    except typer.BadParameter:
        pass


NOBODY = """
import pwd, runpy, sys

def unknown(uid):
    raise KeyError(uid)

pwd.getpwuid = unknown
sys.argv = ["lab", *sys.argv[1:]]
runpy.run_module("lab", run_name="__main__")
"""
"""The command for a user whom the system does not list, as in a container with a uid of its own."""


@pytest.mark.parametrize(
    ("words", "home"),
    [
        *(
            (words, None)
            for words in ("run day3 --plain --for 1s", "doctor", "config lang uz", "status", "broker status")
        ),
        *(("ps", home) for home in (None, "", "relative")),
    ],
)
def test_without_a_home_folder(tmp_path: Path, words: str, home: str | None) -> None:
    env = {"PATH": os.environ["PATH"], **({} if home is None else {"HOME": home})}
    command = [sys.executable, "-c", NOBODY, *words.split()]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    if words != "status":  # it wants a workspace first
        assert done.returncode == 3
        assert "nobody knows your home folder" in done.stderr
        assert "Next: let HOME" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", ["ps", "init ~nobody-at-all/lab", "init lab"])
def test_lab_home_is_enough(tmp_path: Path, words: str) -> None:
    env = {"PATH": os.environ["PATH"], "LAB_HOME": str(tmp_path / "own")}
    command = [sys.executable, "-c", NOBODY, *words.split()]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
