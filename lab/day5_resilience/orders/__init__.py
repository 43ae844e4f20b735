"""Takes orders. It cannot do so without users, and says it at once when they are away."""
