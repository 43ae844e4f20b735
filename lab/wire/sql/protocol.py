"""SQL, in whatever way its engine speaks it, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(name="sql", carries="data", variable="DATABASE_URL", url="sql://{address}")
