"""Registers users and tells everybody who wants to know."""
