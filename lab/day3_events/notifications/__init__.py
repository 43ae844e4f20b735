"""Sends the customer one mail about how the order ended."""
