"""Takes orders and the money for them, once for each key however often it is asked."""
