"""Takes orders, and draws its conclusions from what payments tells."""
