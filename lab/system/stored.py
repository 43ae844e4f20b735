"""JSON that was written down: the file may have been cut, edited, or received from somebody else."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


class Damaged(ValueError):
    """It is not JSON of that form."""


def decode(data: bytes, kind: type[T]) -> T:
    """The value in `data`. Raises Damaged."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:
        raise Damaged(str(error)) from None
