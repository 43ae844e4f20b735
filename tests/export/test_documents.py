"""What is written as YAML is read as what it was, by any reader."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab.export.documents import document

TEXTS = st.text() | st.sampled_from(
    ["a: b", "- a", "# a", "a\nuser: b\n", "|", "{a}", "on", "1_000", "0x1f", "\tx", "x\n\n"]
)
DATA = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["user", "env", "command", "a"]), DATA))
def test_it_is_read_as_what_it_was_with_its_comments_or_without(data: dict[str, object]) -> None:
    notes = {"user": "Not root.\nNor anybody.", "env": "Said once."}
    for written in (document(data), document(data, notes)):
        assert yaml.safe_load(written) == data


@pytest.mark.parametrize(
    "text", ["y", "N", "on", "no", "~", "null", "1e3", "0o17", "0x1f", "1_000", "8000", "1.5", "12:30", ".inf", "-"]
)
def test_a_text_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    (line,) = document({"a": text}).splitlines()
    assert line.removeprefix("a: ")[0] in "'\""


def test_a_comment_stands_before_the_first_of_its_key_and_in_no_text() -> None:
    data = {"script": "user: nobody\n", "all": [{"user": "a"}, {"user": "b"}]}
    assert document(data, {"user": "Who."}).splitlines() == [
        "script: |",
        "  user: nobody",
        "all:",
        "  # Who.",
        "  - user: a",
        "  - user: b",
    ]
