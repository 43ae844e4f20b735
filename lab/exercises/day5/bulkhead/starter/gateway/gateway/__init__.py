"""The gateway: figures from a report service that may be slow, and users from one that is not."""
