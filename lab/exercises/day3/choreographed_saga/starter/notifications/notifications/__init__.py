"""Writes to customers when an order has ended."""
