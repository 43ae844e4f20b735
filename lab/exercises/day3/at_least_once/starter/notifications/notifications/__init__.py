"""Writes to people about their orders."""
