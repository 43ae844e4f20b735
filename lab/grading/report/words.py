"""The words that a report is shown with, in the language of the grading."""

from __future__ import annotations

from collections.abc import Mapping

from lab.grading.model import Finding, Report, Text
from lab.locale import mark, speaking, tr

LABELS: Mapping[str, str] = {
    "pass": mark("PASS"),
    "fail": mark("FAIL"),
    "unknown": mark("UNKNOWN"),
    "skipped": mark("SKIPPED"),
    "error": mark("ERROR"),
    "seed": mark("seed {seed}"),
    "gold": mark("gold"),
    "expected": mark("expected"),
    "got": mark("got"),
    "story": mark("story"),
    "why": mark("why it matters"),
    "like": mark("looks like"),
    "read": mark("to read"),
    "titled": mark("“{title}”"),
    "try": mark("try it"),
    "elsewhere": mark("and in another terminal, after the URL=... that it prints:"),
    "elsewhere_of": mark("and in another terminal, after the URL=... that it prints for {service}:"),
    "replay": mark("replay"),
    "fewest": mark("fewest"),
    "fewest_found": mark("it fails with {count} of {of} faults ({tries} tries)"),
    "fewest_so_far": mark("it fails with {count} of {of} faults ({tries} tries, then the search was broken off)"),
    "fewest_none": mark("it fails without any of the {of} faults, too: they are not to blame"),
    "log": mark("your log"),
    "hint": mark("next hint"),
    "note": mark("note"),
    "must_count": mark("must {done} of {all}"),
    "gold_count": mark("gold {done} of {all}"),
    "left_out": mark("{ids} not checked"),
    "needs": mark("{id} must pass first"),
    "passed": mark("PASSED"),
    "part": mark("PASSED, in part"),
    "failed": mark("NOT YET"),
    "broken": mark("THE LAB FAILED"),
    "not_proved": mark("not proved"),
    "next": mark("next"),
    "lab_fault": mark("This is the lab's own fault, not your services'."),
    "unproved": mark("nothing was checked"),
    "compare": mark("compare your solution with ours"),
    "overview": mark("see what comes next"),
    "whole": mark("the whole exercise"),
    "again": mark("check it again"),
    "try_services": mark("start your services and talk to them"),
    "on_save": mark("checks again at every save"),
    "awaiting": mark("waiting for {what}"),
    "more": mark("… {count} more {what}"),
    "others": mark("… {count} more"),
    "fault_added": mark("begins"),
    "fault_healed": mark("is healed"),
    "fault_expired": mark("is over"),
    "lane_wire": mark("wire"),
    "lane_fault": mark("FAULT"),
    "lane_log": mark("log"),
    "lane_process": mark("proc"),
    "lane_check": mark("check"),
    "mark_lost": mark("LOST"),
    "mark_duplicate": mark("DUPLICATE"),
    "mark_redelivered": mark("REDELIVERED"),
    "mark_again": mark("AGAIN"),
    "mark_late": mark("LATE"),
    "mark_refused": mark("REFUSED"),
    "mark_here": mark("here"),
    "state_ready": mark("is ready"),
    "state_failed": mark("died"),
    "state_frozen": mark("is frozen"),
    "state_stopped": mark("stopped"),
    "state_stopping": mark("is stopping"),
    "state_starting": mark("starts"),
    "state_backoff": mark("waits before it starts again"),
    "state_degraded": mark("is degraded"),
    "state_pending": mark("is waiting to start"),
    "runs_some": mark("{id} did not hold in {bad} of {all} runs (seed {seeds})"),
    "stable": mark("{done} of {all} runs passed"),
    "passed_all": mark("{done} of {all} exercises passed"),
    "diagram": mark("what happened"),
    "as_text": mark("the same as text"),
    "started": mark("started {when}"),
    "took": mark("{seconds} s"),
    "engines": mark("engines: {engines}"),
    "holds": mark("What holds"),
    "fails": mark("What does not hold yet"),
    "open": mark("What could not be judged"),
    "figures": mark("In figures, which decide nothing"),
    "yours": mark("yours"),
    "best": mark("your best"),
    "ours": mark("ours"),
    "lower": mark("lower is better"),
    "higher": mark("higher is better"),
    "against": mark("“{one}” and “{other}” pull against each other: who makes one better pays with the other."),
}
"""In English; the catalogue has the other languages."""


def label(key: str, language: str, **values: object) -> str:
    """The words for `key`, with the values put in; English where the language is not known."""
    with speaking(language):
        return tr(LABELS[key], **values)


def known(key: str, language: str, otherwise: str) -> str:
    """The words for `key`, or `otherwise` where there are none."""
    return label(key, language) if key in LABELS else otherwise


def figures(report: Report, language: str) -> list[tuple[str, str, str, str, str]]:
    """A row for each figure: what it is, which way is better, the learner's, their best so far, ours."""
    return [
        (
            said(one.figure.says, language),
            label(one.figure.better, language),
            _number(one.value, one.figure.unit),
            "–" if one.best is None else _number(one.best, one.figure.unit),
            _number(one.figure.ours, one.figure.unit),
        )
        for one in report.figures
    ]


def tensions(report: Report, language: str) -> list[str]:
    """A sentence for each two figures that pull against each other."""
    says = {one.figure.name: said(one.figure.says, language) for one in report.figures}
    pairs = {frozenset((one.figure.name, one.figure.against)): one.figure for one in report.figures}
    return [
        label("against", language, one=says[figure.name], other=says[figure.against])
        for figure in pairs.values()
        if figure.against in says
    ]


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".rstrip()


def reason(finding: Finding, language: str) -> str:
    """Why there is no verdict on the behaviour. Words of a service in it stay as they are."""
    return label("needs", language, id=finding.needs) if finding.needs else finding.reason


def elsewhere(finding: Finding, language: str) -> str:
    """Where the request that shows the failure is pasted, and whose address it goes to."""
    return label("elsewhere_of" if finding.service else "elsewhere", language, service=finding.service)


def said(text: Text, language: str) -> str:
    """The sentence in that language, else in English, else in any."""
    return text.get(language) or text.get("en") or next(iter(text.values()), "")
