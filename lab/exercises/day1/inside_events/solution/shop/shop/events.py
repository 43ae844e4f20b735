"""What has happened in the shop. Each has a name in the past tense: nobody who hears of it can refuse it any more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserRegistered:
    user_id: str
