"""Calls to neighbours: bulkhead → retries on a budget → breaker → timeout → the call itself, in this order."""
