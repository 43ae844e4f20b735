"""The gateway: the head of a customer's order page, from two services, each behind a breaker of its own."""
