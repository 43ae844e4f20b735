"""Bodies on disk come back as they were, and their files go with them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.engines.amqp.core.spill import Spill


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=50), st.integers(0, 10)), max_size=40))
def test_the_spill_against_a_dictionary(steps: list[tuple[bytes, int]]) -> None:
    spill = Spill(None, file_bytes=100)
    held = []
    for content, choice in steps:
        held.append((spill.put(content), content))
        if choice < len(held):
            place, expected = held.pop(choice)
            assert spill.get(place) == expected
            spill.release(place)
    for place, expected in held:
        assert spill.get(place) == expected
        spill.release(place)
    assert len(spill._handles) <= 1, "files of released bodies are closed"
