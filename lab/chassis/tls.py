"""Whom a service trusts when it calls another one over TLS."""

from __future__ import annotations

import httpx

AUTHORITIES = httpx.create_ssl_context(trust_env=False)
"""The public certificate authorities. To read them takes tens of milliseconds, so all clients of a process share them;
a client that is told nothing reads them for itself, even if it never speaks TLS."""
