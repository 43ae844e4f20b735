"""Takes orders from registered users."""
