"""Which stored wrong service a failure looks like: the same behaviour failed, with a code that it is known for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.grading.model import Behaviour, Finding, Text, WrongService

MOST = 2
"""Misconceptions that are named of one behaviour: a failure that looks like more of them looks like none."""


def looks_like(finding: Finding, wrong: Sequence[WrongService]) -> tuple[str, ...]:
    """Names of the wrong services whose signature the finding carries, at most MOST.

    Where several share its code, the one that is called as the code comes first, and of more than MOST it is the only
    one.
    """
    if finding.verdict != "fail" or not finding.code:
        return ()
    fitting = [one.name for one in wrong if one.fails == finding.behaviour and finding.code in one.codes]
    namesakes = [name for name in fitting if name.replace("_", "-") == finding.code]
    if len(fitting) > MOST:
        return tuple(namesakes)
    return tuple(dict.fromkeys([*namesakes, *fitting]))


def to_read(behaviour: Behaviour, looks_like: Iterable[str], wrong: Sequence[WrongService]) -> str:
    """The screen that treats a failure: that of what it looks like, if all of that is treated there, else the
    behaviour's."""
    screens = {one.read for one in wrong if one.name in looks_like}
    return screens.pop() if len(screens) == 1 else behaviour.read


def titles(findings: Iterable[Finding], wrong: Sequence[WrongService]) -> Mapping[str, Text]:
    """What the misconceptions are called that these findings look like, by name: a Report's `misconceptions`."""
    named = {name for finding in findings for name in finding.looks_like}
    return {one.name: one.title for one in wrong if one.name in named}
