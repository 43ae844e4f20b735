"""Anything over TCP, as a record."""

from __future__ import annotations

from lab.system.kinds import Protocol

PROTOCOL = Protocol(name="tcp", carries="bytes", url="tcp://{address}")
