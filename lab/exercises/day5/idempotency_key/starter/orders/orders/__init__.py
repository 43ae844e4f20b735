"""Takes orders and the money for them."""
