"""How a line of a story is shown."""

from __future__ import annotations

import pytest

from lab.grading.evidence.wording import tell
from lab.grading.model import Line
from lab.journal.telling import Tone


@pytest.mark.parametrize(
    ("result", "role"),
    [
        ("201", "good"), ("OK", "good"), ("4 items", "good"), ("404 (61 ms)", "warn"), ("409", "warn"),
        ("503 [f1]", "bad"), ("LOADING", "bad"), ("WRONGTYPEERR", "bad"), ("requeued", "warn"), ("returned", "bad"),
    ],
)  # fmt: skip
def test_a_status_that_is_no_success_is_not_green(result: str, role: Tone) -> None:
    told = tell(Line(t=0, lane="wire", who="orders", to="users", what="GET /", result=result), "en")
    assert (f"  {result}", role) in told
