"""Reports on the terminal."""

from __future__ import annotations

import locale
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.cli.output import coloured, out

if TYPE_CHECKING:
    from lab.grading.model import Report
    from lab.grading.report.coloured import ColouredText

WIDEST = 110
"""Columns that a report takes at most: a longer line is hard to read."""


def show(report: Report, language: str = "en", *, failures_last: bool = False) -> None:
    """Print the report in this terminal's width and signs."""
    from lab.grading.report.terminal import render

    text = render(
        report,
        language=language,
        width=width(),
        colour=coloured(),
        unicode=speaks_unicode(),
        failures_last=failures_last,
    )
    out(text.rstrip())


def show_evidence(report: Report, language: str = "en") -> None:
    """Print what its first finding saw."""
    from lab.grading.report.terminal import evidence

    finding = report.findings[0]
    text = evidence(report, finding, language=language, width=width(), colour=coloured(), unicode=speaks_unicode())
    out(text.rstrip())


def show_stability(reports: Sequence[Report], language: str = "en") -> None:
    """Print the summary of several gradings of the same services."""
    from lab.grading.report.terminal import stability

    out(stability(reports, language=language, width=width(), colour=coloured(), unicode=speaks_unicode()).rstrip())


def sheet() -> ColouredText:
    """Lines yet to be written, in this terminal's width, colours and signs."""
    from lab.grading.report.coloured import ColouredText

    return ColouredText(width=width(), colour=coloured(), unicode=speaks_unicode())


def width() -> int:
    """This terminal's columns, up to the most that a report uses."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def speaks_unicode() -> bool:
    """Whether stdout can encode signs like → and ─."""
    encoding = getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(False)
    return "utf" in encoding.lower()
