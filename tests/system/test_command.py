"""A command as somebody writes it in a TOML file, and the process that comes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.system.command import argv

SLOW_TO_END = """
import signal, sys, time

def leave(*_):
    time.sleep(0.2)
    print("done", flush=True)
    sys.exit(7)

signal.signal(signal.SIGTERM, leave)
print("up", flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python -m orders", ("python", "-m", "orders")),
        ("'./my service' --name \"two words\" key=value", ("./my service", "--name", "two words", "key=value")),
        ("./serve --port '$PORT'", ("./serve", "--port", "$PORT")),
        ("", ()),
    ],
)
def test_a_plain_command_is_its_words(line: str, words: tuple[str, ...]) -> None:
    assert argv(line) == words


@pytest.mark.parametrize(
    "line", ["cd app && ./serve", "GOFLAGS=-race go run .", "./serve > log.txt", "./serve $HOME", "a; b", "ls *.py"]
)
def test_what_only_a_shell_understands_is_run_by_one(line: str) -> None:
    assert argv(line)[:2] == ("/bin/sh", "-c")
    assert argv(line)[2].endswith(line)


def test_an_open_quote_is_no_command() -> None:
    with pytest.raises(ValueError, match="quotation"):
        argv("./serve 'x")


def test_a_service_behind_a_shell_ends_in_its_own_way(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "serve.py").write_text(SLOW_TO_END)
    process = subprocess.Popen(
        argv(f"cd app && WORD=x {sys.executable} serve.py"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGTERM)
    assert process.stdout.read() == "done\n"
    assert process.wait() == 7
