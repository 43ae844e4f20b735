"""The gateway: asks users, once."""
