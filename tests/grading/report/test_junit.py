"""JUnit XML: the shape that CI systems expect, and nothing in it that XML forbids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest

from lab.grading.model import Report
from lab.grading.report.junit import junit
from tests.grading.samples import BREAKER, BROKEN, CONSUMER, PASSED

CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "properties": ["property"],
    "property": [],
    "testcase": ["skipped", "error", "failure", "system-out"],
    "skipped": [],
    "error": [],
    "failure": [],
    "system-out": [],
}
"""Which elements stand in which, in this order, by the schema that Jenkins publishes."""
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
    "skipped": {"message"},
    "error": {"message", "type"},
    "failure": {"message", "type"},
}


def parsed(reports: Sequence[Report]) -> Xml.Element:
    return Xml.fromstring(junit(reports))


def check(element: Xml.Element) -> None:
    assert set(element.attrib) == ATTRIBUTES.get(element.tag, set()), element.tag
    order = [CHILDREN[element.tag].index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        check(child)


@pytest.mark.parametrize("language", ["en", "uz"])
def test_the_shape_is_the_common_one(language: str) -> None:
    root = Xml.fromstring(junit([CONSUMER, BREAKER, PASSED, BROKEN], language=language))
    check(root)
    for suite in root:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        cases = suite.findall("testcase")
        assert suite.attrib["tests"] == str(len(cases))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.attrib[count] == str(len(suite.findall(f"testcase/{tag}")))
    assert root.attrib["tests"] == "12"


def test_a_failure_carries_code_seed_and_story() -> None:
    suite = parsed([CONSUMER])[0]
    assert {one.get("name"): one.get("value") for one in suite.iter("property")}["seed"] == "81"
    case = suite.findall("testcase")[1]
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("type") == "charged-twice"
    assert "order o-17 is charged 1 time" in failure.get("message", "")
    assert "lab check day3.3 --seed 81 --behaviour C3" in (failure.text or "")
    story = case.findtext("system-out") or ""
    assert len(story.strip().splitlines()) == len(CONSUMER.findings[1].story) + 1
    assert "LOST" in story


def test_a_gold_failure_turns_no_build_red() -> None:
    report = replace(BREAKER, findings=(replace(BREAKER.findings[1], gold=True),))
    suite = parsed([report])[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert "20 of 20" in suite.findall("testcase/skipped")[0].get("message", "")


def test_what_cannot_be_judged_is_an_error_not_a_pass() -> None:
    case = parsed([CONSUMER])[0].findall("testcase")[4]
    error = case.find("error")
    assert error is not None
    assert error.get("type") == "unknown"


def test_control_characters_do_not_break_the_xml() -> None:
    finding = replace(CONSUMER.findings[1], got="a\x00b\x1b[31m <&>]]> \ud800 \ufffe", reason="\x07")
    case = parsed([replace(CONSUMER, findings=(finding,))])[0].findall("testcase")[0]
    failure = case.find("failure")
    assert failure is not None
    assert "<&>]]>" in failure.get("message", "")
