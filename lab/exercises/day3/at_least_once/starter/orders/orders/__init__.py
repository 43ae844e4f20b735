"""Takes orders and tells everybody who wants to know."""
