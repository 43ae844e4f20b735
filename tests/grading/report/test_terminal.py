"""A report on the terminal: what a learner reads, in which order, on any width, in both languages."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from lab.grading.model import Finding, Line, Report
from lab.grading.report.terminal import awaiting, render, stability, to_try
from lab.grading.report.words import elsewhere
from tests.grading.samples import BREAKER, BROKEN, CONSUMER, MEASURED, PASSED

GOLDEN = Path(__file__).with_name("golden")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
COPIED = ("lab ", "curl ", "runs/")
"""How a line begins that must stay whole, because it is to be copied."""


@pytest.mark.parametrize(
    ("name", "report", "language", "width", "unicode"),
    [
        ("consumer-80-en", CONSUMER, "en", 80, True),
        ("consumer-60-uz", CONSUMER, "uz", 60, True),
        ("consumer-60-en-ascii", CONSUMER, "en", 60, False),
        ("breaker-120-uz", BREAKER, "uz", 120, True),
        ("passed-80-en", PASSED, "en", 80, True),
        ("measured-110-en", MEASURED, "en", 110, True),
        ("measured-60-uz", MEASURED, "uz", 60, True),
        ("broken-80-en", BROKEN, "en", 80, True),
    ],
)
def test_looks_as_agreed(name: str, report: Report, language: str, width: int, unicode: bool) -> None:
    """Changed on purpose? `WRITE_GOLDEN=1 pytest tests/grading/test_terminal.py` writes the files anew: read them."""
    file = GOLDEN / f"{name}.txt"
    text = render(report, language=language, width=width, unicode=unicode) + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_a_failure_is_told_in_the_agreed_order() -> None:
    text = render(CONSUMER, width=100)
    parts = [
        "day3.3 C3  The broker delivers", "FAIL  3.2 s  seed 81", "order o-17 is charged 1 time", "2 charges: pay-0031",
        "publish order.created", "LOST", "REDELIVERED", "← here", "At-least-once delivery", "lab explain in-memory-set",
        "“Exactly once is an effect, and one insert decides it”", "lab learn day3#twice-under-one-key",
        "lab check day3.3 --seed 81 --behaviour C3", "runs/0042-day3.3/payments.log:3", "lab hint day3.3",
        "must 1 of 4", "lab watch",
    ]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_only_the_first_failure_is_told_in_full_unless_asked() -> None:
    assert render(CONSUMER, width=100).count("replay") == 1
    assert render(CONSUMER, width=100, details=True).count("replay") == 2


def test_a_failure_that_decides_comes_before_a_gold_one() -> None:
    gold_first = replace(CONSUMER, findings=(replace(CONSUMER.findings[3], gold=True), CONSUMER.findings[1]))
    assert render(gold_first).startswith("day3.3 C3")


@pytest.mark.parametrize("report", [CONSUMER, BREAKER, PASSED, BROKEN], ids=["consumer", "breaker", "passed", "broken"])
@pytest.mark.parametrize("language", ["en", "uz"])
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("unicode", [True, False], ids=["unicode", "ascii"])
def test_nothing_is_wider_than_the_screen(report: Report, language: str, width: int, unicode: bool) -> None:
    text = render(report, language=language, width=width, unicode=unicode, details=True)
    for line in text.splitlines():
        assert cell_len(line) <= width or line.split("  ")[-1].strip().startswith(COPIED), line
        assert line == line.rstrip()
    assert unicode or text.isascii()


def test_colour_is_never_the_only_sign() -> None:
    for report in (CONSUMER, BREAKER, PASSED, BROKEN):
        assert ESCAPE.sub("", render(report, colour=True)) == render(report, colour=False)
        assert "\x1b[" in render(report, colour=True)


def test_what_services_write_is_not_obeyed() -> None:
    wild = Line(t=1.0, lane="log", who="orders", what="\x1b[2Jgone\nfake: PASS", result="error", place="orders.log:1")
    finding = replace(CONSUMER.findings[1], got="\x1b]0;title\x07", story=(wild,))
    text = render(replace(CONSUMER, findings=(finding,)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert not any(line.startswith("fake") for line in text.splitlines())


def test_a_very_long_word_is_broken_rather_than_lost() -> None:
    finding = replace(CONSUMER.findings[1], got="x" * 200)
    assert render(replace(CONSUMER, findings=(finding,)), width=60).count("x") >= 200


def test_a_passed_behaviour_says_what_it_remarked() -> None:
    finding = replace(PASSED.findings[0], warnings=("slow: 1.9 s",))
    assert "note: slow: 1.9 s" in render(replace(PASSED, findings=(finding,)))


def test_a_part_of_an_exercise_is_not_passed() -> None:
    part = render(replace(PASSED, left_out=("C9", "C10")))
    assert not re.search("PASSED(?!, in part)", part)
    assert "PASSED, in part" in part
    assert "C9, C10 not checked" in part
    assert f"lab check {PASSED.exercise} " in part


def test_a_gold_behaviour_that_was_asked_for_must_hold() -> None:
    gold = Finding(behaviour="C6", gold=True, verdict="fail", seconds=1, says={"en": "x"}, expected="a", got="b")
    report = replace(PASSED, findings=(*PASSED.findings, gold), left_out=("C9",))
    assert not report.good
    assert "NOT YET" in render(report)
    assert replace(report, left_out=()).good


def test_skipped_behaviours_share_a_line_for_each_reason() -> None:
    skipped = CONSUMER.findings[2]
    others = [replace(skipped, behaviour=ident, needs=needs) for ident, needs in (("C7", "C3"), ("C8", "C5"))]
    lines = render(replace(CONSUMER, findings=(*CONSUMER.findings, *others)), width=100).splitlines()
    assert [line for line in lines if "SKIPPED" in line] == [
        "C4 C7  SKIPPED  C3 must pass first",
        "C8  SKIPPED  C5 must pass first",
    ]


def test_the_failure_can_be_told_last() -> None:
    text = render(CONSUMER, failures_last=True)
    places = [text.index(part) for part in ("C5  FAIL", "C1  PASS", "day3.3 C3", "next hint", "NOT YET")]
    assert places == sorted(places)


def test_a_service_that_was_not_built_is_told_once_and_first() -> None:
    unknown = replace(CONSUMER.findings[4], reason="not built: orders")
    report = replace(
        CONSUMER,
        findings=(unknown, replace(unknown, behaviour="C7")),
        not_built={"orders": "`go build` ended with code 1:\n  main.go:7:2: undefined: x"},
    )
    lines = render(report).splitlines()
    assert lines[:2] == ["orders: `go build` ended with code 1:", "  main.go:7:2: undefined: x"]
    assert sum("undefined" in line for line in lines) == 1


def test_without_findings_it_says_so() -> None:
    assert "nothing was checked" in render(replace(PASSED, findings=()))


def test_an_unknown_verdict_names_what_to_do() -> None:
    finding = Finding(behaviour="C1", gold=False, verdict="unknown", seconds=1, says={"en": "x"}, reason="not ready")
    text = render(replace(PASSED, findings=(finding,)))
    assert "not ready" in text
    assert "lab try day5.3" in text


def test_stability_names_the_seeds_that_failed() -> None:
    runs = [PASSED, replace(BREAKER, seed=11), replace(PASSED, seed=12), replace(BREAKER, seed=13)]
    assert stability(runs).splitlines() == [
        "2 of 4 runs passed",
        "  C4 did not hold in 2 of 4 runs (seed 11, 13)",
        "    lab check day5.3 --seed 11 --behaviour C4",
    ]
    assert stability([PASSED, PASSED]) == "2 of 2 runs passed"


def test_awaiting_says_what_and_how_long() -> None:
    assert awaiting("C4", "the breaker to close", 3.24) == "C4  waiting for the breaker to close  3.2 s"
    assert awaiting("", "users to be ready", 0.5, language="uz") == "kutilmoqda: users to be ready  0.5 s"
    assert len(awaiting("C4", "x" * 200, 3.2, width=60)) <= 60


def test_a_request_to_paste_names_no_port_that_is_gone() -> None:
    words = ["curl", "-i", "http://127.0.0.1:4711/orders?user_id=1&page=2", "-d"]
    command = shlex.join([*words, '{"back": "http://127.0.0.1:4711/it\'s$5"}'])
    finding = replace(CONSUMER.findings[1], command=command)
    run, request = to_try(CONSUMER, finding)
    assert run == "lab try day3.3"
    shell = ["sh", "-c", f"curl() {{ printf '%s\\n' \"$@\"; }}; URL=http://127.0.0.1:9; {request}"]
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines() == [
        "-i", "http://127.0.0.1:9/orders?user_id=1&page=2", "-d", '{"back": "http://127.0.0.1:9/it\'s$5"}'
    ]  # fmt: skip
    assert to_try(CONSUMER, replace(finding, command="redis-cli ttl p")) == ["redis-cli ttl p"]
    assert to_try(CONSUMER, replace(finding, command="")) == []


def test_the_report_says_whose_address_a_request_goes_to() -> None:
    finding = replace(CONSUMER.findings[1], service="payments")
    assert "that it prints for payments:" in elsewhere(finding, "en")
    assert "for" not in elsewhere(replace(finding, service=""), "en")
