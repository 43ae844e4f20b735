"""HTTP/1.1, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(
    name="http",
    carries="calls",
    url="http://{address}",
    session="lab.wire.http.session:HttpSession",
    op=r"CONNECT |[A-Z-]*( (/|\*|https?:|$)|$)",
    example="POST /orders*",
)
