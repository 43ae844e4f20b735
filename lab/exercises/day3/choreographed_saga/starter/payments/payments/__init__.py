"""Charges what is ordered, and tells what came of it."""
