"""Which stored wrong service a failure looks like: the same behaviour failed, with a code that it is known for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.grading.model import Finding, Text, WrongService


def looks_like(finding: Finding, wrong: Sequence[WrongService]) -> tuple[str, ...]:
    """Names of the wrong services whose signature the finding carries, in the order given."""
    if finding.verdict != "fail" or not finding.code:
        return ()
    return tuple(one.name for one in wrong if one.fails == finding.behaviour and finding.code in one.codes)


def titles(findings: Iterable[Finding], wrong: Sequence[WrongService]) -> Mapping[str, Text]:
    """What the misconceptions are called that these findings look like, by name: a Report's `misconceptions`."""
    named = {name for finding in findings for name in finding.looks_like}
    return {one.name: one.title for one in wrong if one.name in named}
