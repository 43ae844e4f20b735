"""Plain TCP on a tap: bytes."""
