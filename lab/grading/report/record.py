"""A Report as it is written down: JSON, read back as it was."""

from __future__ import annotations

import msgspec

from lab.grading.model import SCHEMA, Report
from lab.locale import tr
from lab.system.stored import Damaged, decode


class Unreadable(ValueError):
    """What was written down is no Report of a version known here."""


def report_json(report: Report) -> bytes:
    """The report as one JSON object. It says beside its own fields whether it `passed` and is `broken`."""
    return msgspec.json.encode(
        {**msgspec.to_builtins(report), "passed": report.passed, "broken": report.broken},
    )


def read_report(data: bytes) -> Report:
    """The report of that JSON; fields that are not known are passed over. Raises Unreadable."""
    try:
        report = decode(data, Report)
    except Damaged as error:
        raise Unreadable(tr("this is not a report: {error}", error=error)) from error
    if report.schema > SCHEMA:
        raise Unreadable(
            tr(
                "the report has version {schema}; this lab reads up to {newest}: update it",
                schema=report.schema,
                newest=SCHEMA,
            )
        )
    return report
