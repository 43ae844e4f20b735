"""Takes orders and tells of what becomes of them."""
