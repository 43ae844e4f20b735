"""Mails to users. This is the module's face; the rest of it is its own."""

from lab.day1_monolith.modular.notifications.module import Notifications

__all__ = ["Notifications"]
