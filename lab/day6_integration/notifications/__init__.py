"""Sends mails about what has happened: a welcome, and how an order ended."""
