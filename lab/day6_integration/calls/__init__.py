"""Calls to neighbours: retries on a budget → breaker → timeout → the call itself, in this order."""
