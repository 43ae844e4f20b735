"""Whether a program still holds the other end of a connection. A FIN alone does not tell a half-close from a close.

The system knows it of its own sockets: one that its program closed has no inode any more.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

TABLE = Path("/proc/net/tcp")
LOCAL, REMOTE, INODE = 1, 2, 9
"""Columns of the table."""


def held_by_peer(transport: asyncio.Transport) -> bool:
    """Whether a program of this machine holds the socket at the other end. False where that cannot be known: not
    Linux, not IPv4, another network namespace."""
    try:
        local, remote = (_written(transport.get_extra_info(name)) for name in ("peername", "sockname"))
        with TABLE.open() as lines:
            for line in lines:
                fields = line.split()
                if fields[LOCAL] == local and fields[REMOTE] == remote:
                    return fields[INODE] != "0"
    except (OSError, TypeError, ValueError, IndexError):
        pass
    return False


def _written(address: tuple[str, int]) -> str:
    """The address as the table has it: hexadecimal, in the machine's byte order."""
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
