"""Knows who is registered. It needs nobody."""
