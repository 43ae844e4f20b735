"""`lab predictions`: how one did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.cli.options import Json
from lab.cli.output import out, paint, table
from lab.locale import tr, trn

if TYPE_CHECKING:
    from lab.runtime.predictions import Prediction

EXAMPLES = ("lab run day3 --scenario duplicate-delivery --predict", "lab predictions", "lab predictions --json")


def predictions(as_json: Json = False) -> None:
    """Show what you predicted before faults, and what was seen then.

    A scenario that is run with --predict asks before its faults, and waits for your answer.
    """
    from lab.runtime.predictions import kept

    found = list(kept())
    if as_json:
        import msgspec

        out(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    if not found:
        out(tr("You have predicted nothing yet. A scenario asks with --predict:"))
        out(f"  {EXAMPLES[0]}")
        return
    table(
        ("RUN", "SCENARIO", "PREDICTED", "SEEN", "QUESTION"),
        [_row(one) for one in found],
        {2: ["good" if one.right else "bad" for one in found]},
    )
    right = sum(one.right for one in found)
    count = trn(
        "{right} of {count} prediction was right", "{right} of {count} predictions were right", len(found), right=right
    )
    out(paint(count, "title"))


def _row(one: Prediction) -> tuple[str, ...]:
    mark = "✓" if one.right else "✗"
    return one.run, one.scenario, f"{mark} {one.says}", one.seen, one.question
