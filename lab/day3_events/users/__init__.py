"""Registers users and tells that it did."""
