"""What a System derives from what it declares."""

from __future__ import annotations

from dataclasses import replace

from tests.dashboard import shop


def test_a_system_shows_the_panels_that_it_names_or_the_usual_ones() -> None:
    usual = ("flows", "entities", "queues", "processes", "logs", "faults", "notes")
    assert shop.SYSTEM.panels_shown == usual
    assert "queues" not in replace(shop.SYSTEM, engines=()).panels_shown
    assert replace(shop.SYSTEM, panels=("faults", "flows")).panels_shown == ("faults", "flows")
