"""The words of `lab fault add`: options become text, and a shell's redirection is noticed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.cli.disturb.faults import compose
from lab.faults.text import parse

NOTHING: dict[str, Any] = {"duration": "", "on": "", "share": "", "count": None}


def test_the_options_say_the_same_as_the_text_form() -> None:
    words = ["latency", "orders:payments", "300ms", "jitter=100ms"]
    composed = compose(words, duration="10s", on="POST /charges*", share="20%", count=3)
    assert parse(composed) == parse('latency orders->payments 300ms jitter=100ms 20% x3 on "POST /charges*" for 10s')


def test_the_whole_text_may_be_one_quoted_word() -> None:
    text = "refuse orders->payments for 5s"
    assert compose([text], **NOTHING) == text


def test_what_was_one_word_to_the_shell_stays_one() -> None:
    words = shlex.split("reset orders:payments on 'POST /charges*'")
    assert parse(compose(words, **NOTHING)).match == "POST /charges*"


def test_a_share_needs_no_percent_sign() -> None:
    assert parse(compose(["reset", "a:b"], **{**NOTHING, "share": "20"})).share == 0.2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the file's name is known on Linux only")
def test_an_unquoted_arrow_is_explained_with_the_file_that_the_shell_made(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m lab fault add latency orders->payments 300ms"],
        cwd=tmp_path,
        env={**os.environ, "LAB_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert (tmp_path / "payments").read_text() == ""
    assert "rm payments" in ran.stderr
    assert "lab fault add latency orders:payments 300ms" in ran.stderr
    assert "'orders->payments'" in ran.stderr
