"""Shows what became of each order, and tells customers when it is on its way."""
