"""A report as JUnit XML, as CI systems read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from lab.grading.evidence.wording import is_here, tell
from lab.grading.model import Finding, Report
from lab.grading.report.again import fewest, replayed
from lab.grading.report.coloured import one_line
from lab.grading.report.terminal import to_try
from lab.grading.report.words import label, reason, said


def junit(reports: Sequence[Report], *, language: str = "en") -> bytes:
    """One test suite a report, one test case a behaviour.

    What cannot be judged is an error. A gold behaviour that fails is skipped, with its failure as the reason: it does
    not decide whether the exercise is passed, so it turns no build red.
    """
    suites = [_suite(report, language) for report in reports]
    root = Xml.Element("testsuites", {"name": "lab", **_sums(suites)})
    root.extend(suites)
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(report: Report, language: str) -> Xml.Element:
    cases = [_case(report, finding, language) for finding in report.findings]
    suite = Xml.Element(
        "testsuite",
        {
            "name": one_line(f"{report.exercise} {said(report.title, language)}"),
            "timestamp": _stamp(report.started_at),
            "hostname": "localhost",
            "tests": str(len(cases)),
            "failures": str(sum(case.find("failure") is not None for case in cases)),
            "errors": str(sum(case.find("error") is not None for case in cases)),
            "skipped": str(sum(case.find("skipped") is not None for case in cases)),
            "time": f"{report.seconds:.3f}",
        },
    )
    properties = Xml.SubElement(suite, "properties")
    facts = {"seed": str(report.seed), "run": report.run, "lab": report.lab, "passed": str(report.passed).lower()}
    for name, value in [*facts.items(), *((f"engine.{engine}", tier) for engine, tier in report.tiers.items())]:
        if value:
            Xml.SubElement(properties, "property", {"name": name, "value": one_line(value)})
    suite.extend(cases)
    if report.not_built:
        said_ = [f"{service}: {problem}" for service, problem in report.not_built.items()]
        Xml.SubElement(suite, "system-err").text = _block([line for text in said_ for line in text.splitlines()])
    return suite


def _case(report: Report, finding: Finding, language: str) -> Xml.Element:
    name = one_line(f"{finding.behaviour} {said(finding.says, language)}")
    case = Xml.Element("testcase", {"classname": report.exercise, "name": name, "time": f"{finding.seconds:.3f}"})
    got = f"expected {finding.expected}; got {finding.got}"
    match finding.verdict:
        case "fail" if finding.gold:
            Xml.SubElement(case, "skipped", {"message": one_line(f"{label('gold', language)}: {got}")})
        case "fail":
            failure = Xml.SubElement(case, "failure", {"type": finding.code or "failed", "message": one_line(got)})
            failure.text = _block(_words(report, finding, language))
        case "unknown" | "error":
            error = {"type": finding.verdict, "message": one_line(finding.reason)}
            Xml.SubElement(case, "error", error).text = _block(finding.reason.splitlines())
        case "skipped":
            Xml.SubElement(case, "skipped", {"message": one_line(reason(finding, language))})
    told = [*_story(finding, language), *(f"{label('note', language)}: {text}" for text in finding.warnings)]
    if told:
        Xml.SubElement(case, "system-out").text = _block(told)
    return case


def _words(report: Report, finding: Finding, language: str) -> list[str]:
    lines = {
        "expected": finding.expected,
        "got": finding.got,
        "why": said(finding.why, language),
        "like": ", ".join(finding.looks_like),
        "read": f"lab learn {finding.read}" if finding.read else "",
        "replay": replayed(report, finding),
    }
    told = [f"{label(key, language)}: {text}" for key, text in lines.items() if text]
    if shrunk := fewest(report, finding, language):
        says, faults, command = shrunk
        told += [f"{label('fewest', language)}: {says}", *faults, command]
    return [*told, *(f"{label('try', language)}: {command}" for command in to_try(report, finding))]


def _story(finding: Finding, language: str) -> list[str]:
    """The story a line an event, its decisive line marked."""
    began = finding.story[0].t if finding.story else 0.0
    return [
        f"+{line.t - began:.3f} {label(f'lane_{line.lane}', language)}: "
        + "".join(piece for piece, _ in tell(line, language))
        + (f"  <- {label('mark_here', language)}" if is_here(line) else "")
        for line in finding.story
    ]


def _block(lines: Sequence[str]) -> str:
    """Lines of text of which each is safe in XML: it forbids most control characters, even escaped."""
    return "\n" + "".join(f"{one_line(line)}\n" for line in lines)


def _sums(suites: Sequence[Xml.Element]) -> dict[str, str]:
    counts = {name: sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors")}
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    return {**{name: str(count) for name, count in counts.items()}, "time": f"{seconds:.3f}"}


def _stamp(text: str) -> str:
    """UTC without a zone, as the schema wants it; as it is where it is no time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return text
