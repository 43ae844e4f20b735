"""Orders: some work for a slow origin, carts, and a limit for each visitor."""
