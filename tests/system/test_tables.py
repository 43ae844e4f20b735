"""The one reader of TOML files: what it forgives, and what it says of what it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.system.tables import Unreadable, parse


def written(folder: Path, text: bytes) -> Path:
    path = folder / "my.toml"
    path.write_bytes(text)
    return path


def test_a_byte_order_mark_is_none_of_the_files_business(tmp_path: Path) -> None:
    assert parse(written(tmp_path, b"\xef\xbb\xbfname = 1\n")) == {"name": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a = 1\nb = = 2\n", "my.toml: line 2: "),
        (b"a = 1\nb = '\xff'\n", "my.toml: line 2 is not UTF-8 text"),
        (b"a = " + b"[" * 5000, "my.toml: "),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path, text: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(written(tmp_path, text))
    assert str(caught.value).startswith(said)
