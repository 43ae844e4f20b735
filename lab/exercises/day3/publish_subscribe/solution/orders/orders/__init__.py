"""Takes orders from users it has heard of."""
