"""Charges what is ordered: once, however often it is told."""
