"""Orders, in a process of their own, which stays well whatever becomes of its neighbour."""
