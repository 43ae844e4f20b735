"""Charges what is ordered."""
