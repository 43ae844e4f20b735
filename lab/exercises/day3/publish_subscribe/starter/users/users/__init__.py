"""Registers users."""
