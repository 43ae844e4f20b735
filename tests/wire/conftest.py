"""Hypothesis judges what comes out, not how long a busy machine took for it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("wire", deadline=None)
settings.load_profile("wire")
