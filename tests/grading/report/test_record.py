"""A report written down is read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lab.grading.model import Report
from lab.grading.report.record import Unreadable, read_report, report_json
from tests.grading.samples import BREAKER, BROKEN, CONSUMER, PASSED


@pytest.mark.parametrize("report", [CONSUMER, BREAKER, PASSED, BROKEN], ids=lambda report: str(report.run or "broken"))
def test_round_trip(report: Report) -> None:
    assert read_report(report_json(report)) == report


def test_it_says_what_came_of_it() -> None:
    told = json.loads(report_json(CONSUMER))
    assert (told["schema"], told["passed"], told["broken"]) == (1, False, False)
    assert told["findings"][1]["story"][5] == {
        "t": 0.87, "lane": "wire", "who": "payments", "to": "amqp", "what": "ack 4f0c2f6e…", "result": "[f1]",
        "mark": "lost", "place": "", "more": 0,
    }  # fmt: skip
    assert json.loads(report_json(PASSED))["passed"] is True
    assert json.loads(report_json(BROKEN))["broken"] is True


def test_what_a_newer_lab_adds_is_passed_over() -> None:
    told = json.loads(report_json(PASSED))
    told["mood"] = "good"
    told["findings"][0]["rank"] = 1
    assert read_report(json.dumps(told).encode()) == PASSED


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", report_json(replace(PASSED, schema=99))])
def test_what_is_no_report_is_said(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_report(data)
