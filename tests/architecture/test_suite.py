"""What the suite says of itself."""

from __future__ import annotations

from tests.conftest import HERE, LONGEST


def test_the_files_that_are_begun_first_are_there() -> None:
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
