"""Charges what is ordered, once, and gives it back where the order was cancelled."""
