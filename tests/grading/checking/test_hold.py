"""A check that waits for requests at a stub."""

from __future__ import annotations

import pytest

from lab.grading.checking.expect import BehaviourFailed
from lab.grading.checking.hold import hold
from lab.neighbours import open_stub


def test_waiting_in_vain_for_a_request_fails_the_behaviour() -> None:
    users = open_stub("users")
    try:
        held = users.will(hold())
        with pytest.raises(BehaviourFailed) as failed:
            held.wait(2, within=0.1)
    finally:
        users.close()
    assert failed.value.code == "never-arrived"
    assert "0 held now" in failed.value.got
