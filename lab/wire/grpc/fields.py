"""The header fields of one direction (HPACK, RFC 7541): read as they come, written without any memory.

Both ends of a direction keep a table of fields that they have seen, so every block must be read, in order. Once a block
did not go where or when it was sent, the tables differ: from then on blocks are written so that they refer to none.
"""

from __future__ import annotations

import hpack
from hpack.hpack import encode_integer

from lab.wire.grpc.frames import BLOCK_LIMIT

TABLE_LIMIT = 1024 * 1024
"""Bytes of fields that are remembered at most, whatever a side allows."""
_PLAIN, _SECRET = b"\x00", b"\x10"
_NO_TABLE = b"\x20"
"""The sender remembers nothing any more: whatever size it was told, it keeps to that."""

Fields = list[tuple[bytes, bytes]]


class Blocks:
    """The blocks that one side sends."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder(max_header_list_size=BLOCK_LIMIT)

    def allow(self, size: int) -> None:
        """The receiver allows a table of this size."""
        self._decoder.max_allowed_table_size = max(self._decoder.max_allowed_table_size, min(size, TABLE_LIMIT))

    def read(self, block: bytes) -> Fields:
        """The fields of the next block. Raises hpack.HPACKError."""
        return list(self._decoder.decode(block, raw=True))


def written(fields: Fields) -> bytes:
    """A block that any receiver can read, whatever it remembers. Secrets (`never indexed`) stay marked as such."""
    parts: list[bytes | bytearray] = [_NO_TABLE]
    for field in fields:
        parts.append(_PLAIN if getattr(field, "indexable", True) else _SECRET)
        for word in field:
            parts += [encode_integer(len(word), 7), word]
    return b"".join(parts)
